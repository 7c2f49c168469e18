"""Unknown devices, guests, pairings and PINs by the API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from copdns.accounts.account import with_guests
from copdns.network.unknown_devices import UnknownDevice
from copdns.store.log_db.unknown_devices import save_unknown_devices
from tests.home import Home
from tests.household import MIA, TOM, family
from tests.web.programs import Caller
from tests.web.site import Client, Site

MAC, OTHER, AT = "02:00:00:00:00:09", "02:00:00:00:00:08", "192.0.2.9"
PIN = "4718"


@pytest.fixture
def site() -> Site:
    return Site(Home(family(MIA, TOM)))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    seen = [
        UnknownDevice("home", "u1", "", MAC, AT, "tv", 1, 0),
        UnknownDevice("home", "u2", "", OTHER, "192.0.2.8", "", 1, 0),
        UnknownDevice("other", "u3", "", "02:00:00:00:00:07", "192.0.2.7", "", 1, 0),
    ]
    save_unknown_devices(site.folder, seen)
    async with site.visited() as made:
        yield made


async def unknown(ada: Caller) -> list[str]:
    return [each["id"] for each in await ada("GET", "/unknown-devices")]


async def test_an_unknown_device_becomes_somebodys_once(ada: Caller) -> None:
    made = await ada("POST", "/unknown-devices/u1/name", 201, json={"profile": "mia"})
    assert (made["id"], made["name"], made["macs"]) == ("tv", "tv", [MAC])
    assert await unknown(ada) == ["u2"]
    await ada("POST", "/unknown-devices/u1/name", 404, json={"profile": "tom"})
    await ada("POST", "/unknown-devices/u3/name", 404, json={"profile": "mia"})


async def test_an_unknown_device_is_one_that_is_known_already(ada: Caller) -> None:
    made = await ada("POST", "/unknown-devices/u1/name", 201, json={"device": "mia-phone"})
    assert (made["id"], made["macs"]) == ("mia-phone", [MAC])
    assert len(made["addresses"]) == 1


@pytest.mark.parametrize(
    "sent", [{}, {"profile": "mia", "device": "mia-phone"}, {"profile": "bo"}, {"device": "bo"}]
)
async def test_it_must_be_said_whose_or_which_it_is(ada: Caller, sent: dict[str, str]) -> None:
    await ada("POST", "/unknown-devices/u1/name", 409, json=sent)
    assert await unknown(ada) == ["u1", "u2"]


async def test_one_that_is_ignored_is_marked_and_can_be_shown_again(ada: Caller) -> None:
    for _ in range(2):
        await ada("PUT", "/unknown-devices/u1/ignored", 204)
    found = await ada("GET", "/unknown-devices")
    assert [each["ignored"] for each in found] == [True, False]
    for _ in range(2):
        await ada("DELETE", "/unknown-devices/u1/ignored", 204)
    assert not (await ada("GET", "/unknown-devices"))[0]["ignored"]
    await ada("PUT", "/unknown-devices/u9/ignored", 404)


async def test_a_guest_is_let_in_for_a_while_and_sent_away(ada: Caller, site: Site) -> None:
    sent = {"address": AT, "profile": "mia", "minutes": 60}
    for _ in range(2):
        made = await ada("POST", "/guests", 201, json=sent)
    assert await ada("GET", "/guests") == [made]
    assert (made["profile"], made["mac"], made["author"]) == ("mia", MAC, "Ada")
    guests = await site.guests.of("home", site.now)
    house = await site.store.household("home")
    assert house is not None
    site.home.change(with_guests(house, guests, site.now))
    site.who = AT
    assert site.home.resolver.snapshot.identify(site.asker).policy.profile == "mia"
    await ada("DELETE", f"/guests/{made['id']}", 204)
    await ada("DELETE", f"/guests/{made['id']}", 404)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"address": "192.0.2.99"}, 409),  # nobody was seen there
        ({"address": "192.0.2.7"}, 409),  # of another household
        ({"address": AT, "profile": "bo"}, 409),
        ({"address": AT, "minutes": 1441}, 422),
        ({}, 422),
    ],
)
async def test_nobody_else_is_let_in(ada: Caller, sent: dict[str, object], status: int) -> None:
    await ada("POST", "/guests", status, json=sent)
    assert await ada("GET", "/guests") == []


async def test_who_asks_is_shown_and_can_be_refused(ada: Caller, site: Site) -> None:
    await site.guests.ask("home", "192.0.2.50", site.now, OTHER)
    (asking,) = await ada("GET", "/guest-requests")
    assert (asking["address"], asking["mac"]) == ("192.0.2.50", OTHER)
    for _ in range(2):
        await ada("POST", "/guest-requests/refuse", 204, json={"address": "192.0.2.50"})
    assert await ada("GET", "/guest-requests") == []
    await site.guests.ask("home", "192.0.2.50", site.now, OTHER)
    made = await ada("POST", "/guests", 201, json={"address": "192.0.2.50"})
    assert (made["profile"], made["mac"]) == ("", OTHER)
    assert await ada("GET", "/guest-requests") == []


async def test_a_naming_ends_what_the_device_was_as_a_guest(ada: Caller) -> None:
    await ada("POST", "/guests", 201, json={"address": AT})
    await ada("POST", "/unknown-devices/u1/name", 201, json={"profile": "tom"})
    assert await ada("GET", "/guests") == []


async def test_a_pairing_is_shown_and_ends(ada: Caller, site: Site) -> None:
    told = await site.pairings.pair("home", "mia-phone", "mia", site.now)
    assert told is not None
    shown = await ada("GET", "/pairings")
    assert [(each["device"], each["profile"]) for each in shown] == [("mia-phone", "mia")]
    assert told not in str(shown)
    assert await site.pairings.pair("home", "mia-phone", "mia", site.now) is None
    for _ in range(2):
        await ada("POST", "/devices/mia-phone/pairing", 204)
    assert await site.pairings.pair("home", "mia-phone", "mia", site.now)
    await ada("POST", "/devices/nobody/pairing", 404)
    await ada("DELETE", f"/pairings/{shown[0]['id']}", 204)
    await ada("DELETE", f"/pairings/{shown[0]['id']}", 404)
    assert await site.pairings.find("home", "mia-phone", "mia", told, site.now) is None


async def test_a_pin_is_set_and_taken_away_and_never_shown(ada: Caller, site: Site) -> None:
    for _ in range(2):
        await ada("PUT", "/profiles/mia/pin", 204, json={"pin": PIN})
    assert await ada("GET", "/pins") == [{"profile": "mia"}]
    assert await site.context.pins.get("home", "mia")
    assert PIN not in str(await ada("GET", "/audit"))
    await ada("PUT", "/profiles/mia/pin", 409, json={"pin": "1234"})
    await ada("PUT", "/profiles/mia/pin", 422, json={"pin": ""})
    for _ in range(2):
        await ada("DELETE", "/profiles/mia/pin", 204)
    assert await ada("GET", "/pins") == []


async def test_a_percent_sign_in_what_was_sent_is_no_bug(ada: Caller) -> None:
    for odd in ("fe80::1%eth0", "%", "%(x)s", "100%\u0096"):
        said = await ada("POST", "/guests", 409, json={"address": odd})
        assert "no unknown device was seen at" in said["detail"]


# --- tokens -----------------------------------------------------------------------------------


async def tokens(ada: Caller, device: str) -> list[str]:
    found: list[str] = next(
        each["tokens"] for each in await ada("GET", "/devices") if each["id"] == device
    )
    return found


async def test_a_token_is_told_once_and_revoked(ada: Caller) -> None:
    made = await ada("POST", "/devices/mia-phone/tokens", 201)
    assert (len(made["secret"]), made["device"]) == (26, "mia-phone")
    assert made["tls_name"] is made["https_address"] is None  # nothing is encrypted here
    assert await tokens(ada, "mia-phone") == [made["token"]]
    assert made["secret"] not in str(await ada("GET", "/devices"))
    await ada("DELETE", f"/devices/tom-phone/tokens/{made['token']}", 404)
    await ada("DELETE", f"/devices/mia-phone/tokens/{made['token']}", 204)
    await ada("DELETE", f"/devices/mia-phone/tokens/{made['token']}", 404)
    assert await tokens(ada, "mia-phone") == []


async def test_a_device_has_no_more_than_eight_tokens(ada: Caller) -> None:
    for _ in range(8):
        await ada("POST", "/devices/mia-phone/tokens", 201)
    await ada("POST", "/devices/mia-phone/tokens", 409)
    await ada("POST", "/devices/radio/tokens", 404)
