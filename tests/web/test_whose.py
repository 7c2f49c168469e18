"""Whose is this?  Unknown devices ask to be let in, or are somebody's by PIN for a while."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from copdns.accounts import PERSON_LASTS, REQUEST_LASTS, GuestKind
from copdns.guests import with_guests
from copdns.store.whose import MOST_REQUESTS
from tests.home import Home
from tests.household import MIA, TOM, family
from tests.web.site import Client, Site, send, text

STRANGER = "192.0.2.200"
PIN = "4718"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """All connections of tests come from loopback; here the address matters."""
    made = Site(Home(family(MIA, TOM)))
    made.who = STRANGER
    monkeypatch.setattr("copdns.web.whose.asker_of", lambda _: made.asker)
    return made


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await site.logins.set_pin("home", "mia", PIN, "Ada", site.now)
        yield made


async def arrive(site: Site) -> None:
    """Put guests among the devices, as the running program does."""
    guests = await site.guests.of("home", site.now)
    house = await site.store.household("home")
    assert house is not None
    site.home.change(with_guests(house, guests, site.now))


async def test_an_unknown_device_asks_once_to_be_let_in(client: Client, site: Site) -> None:
    assert 'action="/whose/ask"' in await text(client, "/whose")
    for _ in range(2):
        page = await send(client, "/whose/ask")
        assert "see that this device asks" in page
    (request,) = await site.guests.asking("home", site.now)
    assert request.address == STRANGER


async def test_who_is_let_in_waits_no_longer_and_an_old_question_is_gone(
    client: Client, site: Site
) -> None:
    await send(client, "/whose/ask")
    assert await site.guests.asking("home", site.now + REQUEST_LASTS) == ()
    await site.guests.approve("home", GuestKind.GUEST, STRANGER, "", "Ada", site.now)
    assert await site.guests.asking("home", site.now) == ()


async def test_a_question_can_be_refused_twice(client: Client, site: Site) -> None:
    await send(client, "/whose/ask")
    for _ in range(2):
        await site.guests.refuse("home", STRANGER, "Ada", site.now)
    assert await site.guests.asking("home", site.now) == ()


async def test_a_flood_of_addresses_is_not_kept(client: Client, site: Site) -> None:
    for number in range(MOST_REQUESTS):
        await site.guests.ask("home", f"192.0.2.{100 + number}", site.now)
    await send(client, "/whose/ask", 400)
    assert len(await site.guests.asking("home", site.now)) == MOST_REQUESTS


async def test_a_pin_makes_it_somebodys_for_four_hours(client: Client, site: Site) -> None:
    await send(client, "/whose/pin", name=" MIA ", pin=PIN)
    (guest,) = await site.guests.of("home", site.now)
    assert (guest.kind, guest.profile, guest.until) == (
        GuestKind.PERSON,
        "mia",
        site.now + PERSON_LASTS,
    )
    await arrive(site)
    assert site.home.resolver.live.who(site.asker).policy.profile == "mia"
    assert "It is yours until" in await text(client, "/whose")


async def test_a_guest_is_offered_no_list_that_cannot_be_shown(client: Client, site: Site) -> None:
    await site.guests.approve("home", GuestKind.GUEST, STRANGER, "mia", "Ada", site.now)
    await arrive(site)
    page = await text(client, "/")
    assert "I am done here" in page
    assert 'action="/device"' not in page


async def test_it_is_nobodys_again_and_twice_is_harmless(client: Client, site: Site) -> None:
    await send(client, "/whose/pin", name="Mia", pin=PIN)
    await arrive(site)
    for _ in range(2):
        await send(client, "/whose/end")
    assert await site.guests.of("home", site.now) == ()


@pytest.mark.parametrize(
    ("name", "pin"), [("Mia", "1111"), ("Tom", PIN), ("Nobody", PIN), ("", ""), ("<b>", "<b>")]
)
async def test_a_wrong_name_or_pin_says_not_which(
    client: Client, site: Site, name: str, pin: str
) -> None:
    page = await send(client, "/whose/pin", 403, name=name, pin=pin)
    assert "Name or PIN is not right." in page
    assert "<b>" not in page
    assert await site.guests.of("home", site.now) == ()


async def test_who_guesses_has_to_wait(client: Client, site: Site) -> None:
    for number in range(5):
        await send(client, "/whose/pin", 403, name="Mia", pin=f"000{number}")
    await send(client, "/whose/pin", 429, name="Mia", pin=PIN)
    assert await site.guests.of("home", site.now) == ()


async def test_a_stranger_reads_no_name_of_the_house(client: Client) -> None:
    for path in ("/", "/whose", "/rules", "/me"):
        page = await text(client, path)
        assert "Mia" not in page
        assert "Tom" not in page


async def test_a_device_that_is_somebodys_stays_so(client: Client, site: Site) -> None:
    site.who = "tom"
    assert "belongs to somebody" in await text(client, "/whose")
    await send(client, "/whose/ask", 403)
    await send(client, "/whose/pin", 403, name="Mia", pin=PIN)
    await send(client, "/whose/end")
    assert await site.guests.of("home", site.now) == ()
    assert await site.guests.asking("home", site.now) == ()


async def test_another_house_changes_nothing(client: Client, site: Site) -> None:
    site.who = "203.0.113.66"
    for action in ("ask", "pin", "end"):
        await send(client, f"/whose/{action}", 403, name="Mia", pin=PIN)
        await text(client, f"/whose/{action}", 405)
    assert await site.guests.of("home", site.now) == ()
