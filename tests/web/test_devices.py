"""Devices at the desk: whose they are, which browsers are known, and those that nobody named."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from copdns.accounts.roles import Role
from copdns.network.unknown_devices import UnknownDevice
from copdns.store.log_db.unknown_devices import save_unknown_devices
from tests.home import Home
from tests.household import MIA, TOM, family
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text, words

HERE, AWAY = "/guardian/devices", "/guardian/devices/mia-phone/away"
MAC = "02:00:00:00:00:01"
ACTIONS = (
    "/guardian/devices",
    "/guardian/devices/mia-phone/change",
    "/guardian/devices/mia-phone/remove",
    "/guardian/devices/mia-phone/let-in",
    AWAY,
    "/guardian/devices/mia-phone/tokens/x/revoke",
    "/guardian/pairings/x/revoke",
    "/guardian/unknown/u1/name",
    "/guardian/unknown/u1/guest",
    "/guardian/unknown/u1/ignore",
    "/guardian/unknown/u1/show",
    "/guardian/guests/x/end",
    "/guardian/devices/mia-phone/try",
    "/guardian/devices/mia-phone/try/end",
    "/guardian/pins/mia",
)


@pytest.fixture
def site() -> Site:
    return Site(Home(family(MIA, TOM)))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await send(made, "/device")
        await set_up(site)
        await log_in(made)
        unknown(site)
        yield made


def unknown(site: Site, name: str = "tablet", mac: str = MAC, device: str = "") -> None:
    site.log.flush()  # makes the file
    seen = UnknownDevice("home", "u1", device, mac, "192.0.2.77", name, site.now, site.now)
    save_unknown_devices(site.folder, [seen])


async def devices_of(site: Site) -> dict[str, tuple[str, ...]]:
    house = await site.store.household("home")
    assert house is not None
    return {each.id: (each.profile, *each.macs, *each.addresses) for each in house.devices}


async def test_it_tells_whose_each_is_and_how_it_is_known(client: Client) -> None:
    page = await text(client, HERE)
    assert "Mia&#39;s phone" in page
    assert "192.0.2.8" in page
    assert MAC in page
    assert "uses a private (random) Wi-Fi address" in page


async def test_an_unknown_device_shows_when_it_was_seen_and_leads_to_whose_it_is(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copdns.web.unknown_devices.maker_of", lambda _mac: "Example Works")
    overview = await text(client, "/guardian/")
    assert 'href="/guardian/devices?device=u1#seen-u1"' in overview
    page = await text(client, f"{HERE}?device=u1")
    assert '<details id="seen-u1" open>' in page
    assert "last seen" in page
    assert "Example Works" in page


async def test_an_unknown_device_is_given_a_name(client: Client, site: Site) -> None:
    await send(client, "/guardian/unknown/u1/name", name="Mia's tablet", profile="mia")
    assert (await devices_of(site))["mia-s-tablet"] == ("mia", MAC)
    assert "uses a private (random) Wi-Fi address" not in await text(client, HERE)
    await send(client, "/guardian/unknown/u1/name", 404, name="Again", profile="mia")


async def test_an_unknown_mac_is_added_to_a_device_that_has_a_name(
    client: Client, site: Site
) -> None:
    await send(client, "/guardian/unknown/u1/name", device="tom-phone")
    assert (await devices_of(site))["tom-phone"] == ("tom", MAC, "192.0.2.15")
    await send(client, "/guardian/unknown/u1/name", 404, device="tom-phone")


async def test_a_guest_is_let_in_for_a_day(client: Client, site: Site) -> None:
    await send(client, "/guardian/unknown/u1/guest", profile="")
    (guest,) = await site.context.guests.of("home", site.now)
    assert (guest.address, guest.mac, guest.profile) == ("192.0.2.77", MAC, "")
    assert guest.until == site.now + 86_400
    assert "Current guests" in await text(client, HERE)
    for _ in range(2):  # twice is harmless
        await send(client, f"/guardian/guests/{guest.id}/end", sure="on")
    assert await site.context.guests.of("home", site.now) == ()


async def test_who_asks_to_be_let_in_is_let_in_or_not(client: Client, site: Site) -> None:
    for address in ("192.0.2.90", "2001:db8::90"):
        await site.context.guests.ask("home", address, site.now)
    page = await text(client, HERE)
    assert "Asking for access" in page
    assert "Every device in use has been assigned" not in page, "two of them have none"
    await send(client, "/guardian/unknown/2001:db8::90/guest", profile="tom")
    await send(client, "/guardian/unknown/192.0.2.90/guest", refuse="1", sure="on")
    assert await site.context.guests.requests("home", site.now) == ()
    (guest,) = await site.context.guests.of("home", site.now)
    assert (guest.address, guest.profile) == ("2001:db8::90", "tom")


@pytest.mark.parametrize(("mac", "known"), [(MAC, MAC), ("", "192.0.2.90")])
async def test_who_asks_gets_the_device_from_now_on_in_one_tap(
    client: Client, site: Site, mac: str, known: str
) -> None:
    await site.context.guests.ask("home", "192.0.2.90", site.now, mac=mac)
    page = await text(client, HERE)
    assert '<button name="owner" value="tom" class="outline">Tom' in page
    assert ("We would know it only by a number that your router gave it." in page) == (not mac)
    page = await send(client, "/guardian/unknown/192.0.2.90/guest", owner="tom")
    assert " belongs to \u2068Tom\u2069 now." in page
    assert ("tom", known) in (await devices_of(site)).values()
    assert await site.context.guests.of("home", site.now) == ()
    assert await site.context.guests.requests("home", site.now) == ()
    await send(client, "/guardian/unknown/192.0.2.90/guest", 404, owner="tom")  # already


async def test_for_a_day_the_page_says_whose_rules_apply(client: Client, site: Site) -> None:
    await site.context.guests.ask("home", "192.0.2.90", site.now)
    page = await send(client, "/guardian/unknown/192.0.2.90/guest", profile="tom")
    assert "\u2068Tom\u2069&#39;s rules apply to the device for a day" in page


async def test_the_part_of_the_overview_for_its_script_is_no_look(
    client: Client, site: Site
) -> None:
    assert "asking for access" not in await text(client, "/guardian/asking")
    await site.context.guests.ask("home", "192.0.2.90", site.now)
    part = await text(client, "/guardian/asking")
    assert "1 device asking for access" in part
    assert part.count('id="asking"') == 1
    assert part in await text(client, "/guardian/"), "the script finds no difference"
    assert "We know whose device each one is" not in await text(client, "/guardian/")


async def test_the_overview_says_that_one_asks_to_be_let_in(client: Client, site: Site) -> None:
    assert "asks to be let in" not in await text(client, "/guardian/")
    await site.context.guests.ask("home", "192.0.2.90", site.now)
    assert "1 device asking for access" in await text(client, "/guardian/")


async def test_the_overview_tells_no_devices_to_those_who_see_none(
    client: Client, site: Site
) -> None:
    await site.context.guests.ask("home", "192.0.2.90", site.now)
    await set_up(site, "Bo", Role.REVIEWER)
    await log_in(client, "Bo")
    assert "asks to be let in" not in await text(client, "/guardian/")


async def test_who_is_given_a_name_is_no_guest_any_more(client: Client, site: Site) -> None:
    await send(client, "/guardian/unknown/u1/guest", profile="mia")
    await send(client, "/guardian/unknown/u1/name", name="Tablet", profile="tom")
    assert await site.context.guests.of("home", site.now) == ()


async def test_an_ignored_device_is_out_of_sight_and_can_be_shown_again(client: Client) -> None:
    for _ in range(2):
        await send(client, "/guardian/unknown/u1/ignore")
    assert "1 ignored device" in await text(client, HERE)
    assert "uses a private (random) Wi-Fi address" not in await text(client, HERE)
    await send(client, "/guardian/unknown/u1/show")
    assert "uses a private (random) Wi-Fi address" in await text(client, HERE)


async def test_a_device_gets_another_name_and_owner_and_goes(client: Client, site: Site) -> None:
    await send(client, "/guardian/devices/mia-phone/change", name="Old phone", profile="tom")
    assert (await devices_of(site))["mia-phone"][0] == "tom"
    assert "Old phone" in await text(client, HERE)
    await send(client, "/guardian/devices/mia-phone/remove")
    assert "mia-phone" not in await devices_of(site)
    await send(client, "/guardian/devices/mia-phone/remove", 400)


async def test_a_device_that_was_not_seen_is_added_by_hand(client: Client, site: Site) -> None:
    fields = {"name": "Box", "profile": "tom", "known": "02-00-00-00-00-AA, 2001:db8:7::/64"}
    for _ in range(2):  # twice is harmless
        await send(client, HERE, **fields)
    assert (await devices_of(site))["box"] == ("tom", "02:00:00:00:00:aa", "2001:db8:7::/64")
    assert "This is a private (random) Wi-Fi address" in await text(client, HERE)
    await send(client, HERE, 400, **{**fields, "profile": "mia"})  # an address has one owner


@pytest.mark.parametrize(
    "known", ["", "x", "192.0.2.256", "ff:ff:ff:ff:ff:ff", "fe80::1%eth0", "0200.0000.0001"]
)
async def test_what_is_no_address_adds_nothing(client: Client, site: Site, known: str) -> None:
    before = await devices_of(site)
    await send(client, HERE, 400, name="Box", profile="tom", known=known)
    assert await devices_of(site) == before


async def test_a_guest_who_is_added_is_no_guest_any_more(client: Client, site: Site) -> None:
    await send(client, "/guardian/unknown/u1/guest", profile="mia")
    await send(client, HERE, name="Tablet", profile="tom", known=MAC)
    assert await site.context.guests.of("home", site.now) == ()


async def test_a_changed_mac_address_is_written_into_its_device(client: Client, site: Site) -> None:
    path = "/guardian/devices/mia-phone/change"
    await send(client, path, name="Phone", profile="mia", known="00:00:5e:00:53:01")
    assert (await devices_of(site))["mia-phone"] == ("mia", "00:00:5e:00:53:01")
    await send(client, path, 400, name="Phone", profile="mia", known="")


async def test_a_browser_is_taken_away_and_another_one_let_in(client: Client, site: Site) -> None:
    (pairing,) = await site.pairings.of("home")
    page = await text(client, HERE)
    signs_out, title, adds = page.partition(">Another browser on ")
    assert title
    assert "Remove this browser" in signs_out.rpartition("<h3>")[2]
    assert "Press “Add another browser”. Then open http" in adds
    await send(client, "/guardian/devices/mia-phone/let-in")
    asked = words(await send(client, f"/guardian/pairings/{pairing.id}/revoke", 409))
    assert re.search(r"Mia&#39;s page in the browser on .+ that was added on [0-9]+ [A-Z]", asked)
    for _ in range(2):
        await send(client, f"/guardian/pairings/{pairing.id}/revoke", sure="on")
    assert await site.pairings.of("home") == ()


async def test_a_pin_is_set_and_taken_away(client: Client, site: Site) -> None:
    await send(client, "/guardian/pins/mia", 400, pin="1234")
    await send(client, "/guardian/pins/mia", pin="2749")
    assert await site.context.pins.people("home") == {"mia"}
    assert "2749" not in await text(client, HERE)
    for _ in range(2):
        await send(client, "/guardian/pins/mia", remove="1", sure="on")
    assert await site.context.pins.people("home") == frozenset()
    await send(client, "/guardian/pins/bo", 400, pin="2749")


@pytest.mark.parametrize("path", ACTIONS)
async def test_only_guardians_change_devices(client: Client, site: Site, path: str) -> None:
    fields = {"profile": "tom", "name": "x", "pin": "2749"}
    before = await site.store.changes("home")
    await send(client, "/guardian/logout")
    await send(client, path, 401, **fields)
    await set_up(site, "Bo", Role.AUDITOR)
    await log_in(client, "Bo")
    await send(client, path, 403, **fields)
    reply = await client.get(path)
    assert reply.status == 405 or path in (HERE, AWAY), "GET changes nothing"
    told = {each.what for each in await site.store.changes("home")} - {e.what for e in before}
    assert all("account" in each or "password" in each for each in told)
    assert "Change or remove this device" not in await text(client, HERE), (
        "an auditor sees, and changes nothing"
    )


async def test_a_reviewer_sees_no_devices(client: Client, site: Site) -> None:
    await send(client, "/guardian/logout")
    await set_up(site, "Bo", Role.REVIEWER)
    await log_in(client, "Bo")
    await text(client, HERE, 403)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "{{7*7}}", "\N{RIGHT-TO-LEFT OVERRIDE}x"]
)
async def test_what_a_device_calls_itself_is_shown_as_text(
    client: Client, site: Site, name: str
) -> None:
    unknown(site, name)
    page = await text(client, HERE)
    assert "<script>alert" not in page
    assert ">49<" not in page
    await send(client, "/guardian/unknown/u1/name", profile="mia")
    assert "<script>alert" not in await text(client, HERE)


async def test_a_device_of_today_may_be_somebodys_tomorrow_only(client: Client, site: Site) -> None:
    """A guest leaves no device behind."""
    await send(client, "/guardian/unknown/u1/guest", profile="mia")
    assert set(await devices_of(site)) == {"mia-phone", "tom-phone"}
