"""Whose is this?  Unknown devices ask to be let in, or are somebody's by PIN for a while."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from copdns.accounts.account import DAY, PERSON_LASTS, REQUEST_LASTS, GuestKind
from copdns.appeals.appeal import AppealKind, AppealRequest, ContestedVerdict
from copdns.model.verdict import Action, Reason
from copdns.policy.snapshot import Sightings
from copdns.store.household_db.guests import MAX_REQUESTS
from tests.home import Home
from tests.household import MIA, TOM, block, family
from tests.reading import has_word
from tests.web.site import Client, Site, put_guests_in_force, send, text
from tests.web.test_help import stored

STRANGER = "192.0.2.200"
PIN = "4718"
TEMPLATES = Path(__file__).parents[2] / "web-ui" / "templates"
BLOCKED = "chess.toys.example"  # by a rule that has another name


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """All connections of tests come from loopback; here the address matters."""
    made = Site(Home(family(MIA, TOM, rules=(block("toys.example", "mia"),))))
    made.who = STRANGER
    monkeypatch.setattr("copdns.web.child.claim_device.requestor_of", lambda _: made.asker)
    return made


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await site.logins.set_pin("home", "mia", PIN, "Ada", site.now)
        site.home.wait(DAY)  # a PIN that a guardian set counts a day after it was told
        yield made


async def test_an_unknown_device_asks_once_to_be_let_in(client: Client, site: Site) -> None:
    assert 'action="/whose/ask"' in await text(client, "/whose")
    for _ in range(2):
        page = await send(client, "/whose/ask")
        assert "can see this request for a day" in page
    (request,) = await site.guests.requests("home", site.now)
    assert request.address == STRANGER


async def test_who_is_let_in_waits_no_longer_and_an_old_question_is_gone(
    client: Client, site: Site
) -> None:
    await send(client, "/whose/ask")
    assert await site.guests.requests("home", site.now + REQUEST_LASTS) == ()
    await site.guests.approve("home", GuestKind.GUEST, STRANGER, "", "Ada", site.now)
    assert await site.guests.requests("home", site.now) == ()


async def test_a_question_can_be_refused_twice(client: Client, site: Site) -> None:
    await send(client, "/whose/ask")
    for _ in range(2):
        await site.guests.refuse("home", STRANGER, "Ada", site.now)
    assert await site.guests.requests("home", site.now) == ()


async def test_a_flood_of_addresses_is_not_kept(client: Client, site: Site) -> None:
    for number in range(MAX_REQUESTS):
        await site.guests.ask("home", f"192.0.2.{100 + number}", site.now)
    await send(client, "/whose/ask", 400)
    assert len(await site.guests.requests("home", site.now)) == MAX_REQUESTS


async def test_a_pin_makes_it_somebodys_for_four_hours(client: Client, site: Site) -> None:
    await send(client, "/whose/pin", name=" MIA ", pin=PIN)
    (guest,) = await site.guests.of("home", site.now)
    assert (guest.kind, guest.profile, guest.until) == (
        GuestKind.PERSON,
        "mia",
        site.now + PERSON_LASTS,
    )
    page = await text(client, "/whose")  # before it is in force
    assert "This device will be yours in a moment." in page
    assert 'action="/whose/' not in page, "nothing that seems to be still to do"
    await put_guests_in_force(site)
    assert site.home.resolver.snapshot.identify(site.asker).policy.profile == "mia"
    assert "This device is yours until" in await text(client, "/whose")


async def test_the_page_after_the_pin_and_after_the_end_tells_what_holds(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copdns.web.child.page.MAX_WAIT", 60.0)
    for path, fields, there in (
        ("/whose/pin", {"name": "Mia", "pin": PIN}, True),
        ("/whose/end", {}, False),
    ):
        sent = asyncio.create_task(send(client, path, **fields))
        while bool(await site.guests.of("home", site.now)) is not there:
            assert not sent.done()
        assert not sent.done(), "what is stored is not in force yet"
        await put_guests_in_force(site)
        assert ("This device is yours until" in await sent) is there
        assert ("Hello Mia" in await text(client, "/")) is there
        assert ("/me/data.json" in await text(client, "/me")) is there


async def test_what_takes_too_long_to_be_in_force_is_told_as_it_is_stored(
    client: Client, site: Site
) -> None:
    assert "This device will be yours in a moment." in await send(
        client, "/whose/pin", name="Mia", pin=PIN
    )
    await put_guests_in_force(site)
    page = await send(client, "/whose/end")
    assert "is yours" not in page
    assert 'action="/whose/end"' not in page
    assert 'action="/whose/ask"' in page


async def test_who_was_let_in_as_a_guest_reads_it(client: Client, site: Site) -> None:
    await send(client, "/whose/ask")
    await site.guests.approve("home", GuestKind.GUEST, STRANGER, "", "Ada", site.now)
    for followed in (False, True):
        if followed:
            await put_guests_in_force(site)
        page = await text(client, "/whose")
        assert "You're a guest until" in page
        assert "in a moment" not in page
        assert 'action="/whose/pin"' in page, "it may still be said whose it is"
        page = await text(client, "/")
        assert "You're a guest until" in page
        assert "We do not know whose device this is yet" not in page
    site.home.wait(86_400)
    assert "We do not know whose device this is yet" in await text(client, "/")


async def test_a_guest_who_is_known_by_the_mac_is_found_at_another_address(
    client: Client, site: Site
) -> None:
    mac, moved = "02:00:00:00:00:07", "192.0.2.201"
    await site.guests.approve("home", GuestKind.GUEST, STRANGER, "mia", "Ada", site.now, mac=mac)
    await put_guests_in_force(site)
    resolver = site.home.resolver
    resolver.snapshot = resolver.snapshot.with_sightings(Sightings({moved: mac}))
    site.who = moved
    page = await text(client, "/whose")
    assert "This device is yours until" in page
    assert 'action="/whose/end"' in page


# --- what its browser sees, for as long ----------------------------------------------------------


async def by_pin(client: Client, site: Site, name: str, pin: str) -> None:
    await send(client, "/whose/pin", name=name, pin=pin)
    await put_guests_in_force(site)


async def blocked(client: Client, site: Site) -> str:
    """Let something be closed to whoever is there; return the code of it, "" where none is seen."""
    site.home.ask(STRANGER, BLOCKED)
    return (await text(client, "/")).partition('href="/why/')[2].partition('"')[0]


async def left(client: Client) -> list[str]:
    """Return the pages that tell anything of what somebody did."""
    paths = ("/", "/whose", "/rules", "/me", "/bad")
    return [each for each in paths if BLOCKED in await text(client, each)]


async def test_by_pin_one_sees_what_was_blocked_and_what_came_of_a_question(
    client: Client, site: Site
) -> None:
    await by_pin(client, site, "Mia", PIN)
    code = await blocked(client, site)
    assert BLOCKED in await text(client, f"/why/{code}")
    await send(client, "/ask", code=code, words="For school.")
    (asked,) = await site.appeals.appeals("home")
    page = await text(client, f"/ask/{asked.id}")
    assert BLOCKED in page
    assert f"/ask/{asked.id}" in await text(client, "/")
    await send(client, f"/ask/{asked.id}/withdraw")


async def test_by_pin_one_sees_all_that_is_ones_own(client: Client, site: Site) -> None:
    own = await filed(site, "mia", "mia-phone")
    await by_pin(client, site, "Mia", PIN)
    assert f"/ask/{own}" in await text(client, "/")
    assert "/me/data.json" in await text(client, "/me")


async def test_a_sibling_at_the_same_device_sees_nothing_of_the_other(
    client: Client, site: Site
) -> None:
    await site.logins.set_pin("home", "tom", "9052", "Ada", site.now)
    await by_pin(client, site, "Mia", PIN)
    code = await blocked(client, site)
    await send(client, "/ask", code=code)
    (asked,) = await site.appeals.appeals("home")
    hers = cookies(client)
    await by_pin(client, site, "Tom", "9052")
    for kept in ({}, hers):  # also with the cookie that the same browser had before
        client.session.cookie_jar.update_cookies(kept)
        assert await left(client) == []
        await text(client, f"/why/{code}", 404)
        await text(client, f"/ask/{asked.id}", 404)
        page = await text(client, "/")
        assert not has_word(page, "Mia")


@pytest.mark.parametrize("ends", ["done", "time", "guardian"])
async def test_afterwards_the_browser_is_nobodys_again(
    client: Client, site: Site, ends: str
) -> None:
    await by_pin(client, site, "Mia", PIN)
    code, hers = await blocked(client, site), cookies(client)
    await send(client, "/ask", code=code)
    (asked,) = await site.appeals.appeals("home")
    if ends == "done":
        await send(client, "/whose/end")
    elif ends == "guardian":
        (guest,) = await site.guests.of("home", site.now)
        await site.guests.end("home", guest.id, "Ada", site.now)
    else:
        site.home.set_clock(site.now + PERSON_LASTS)
    for followed in (False, True):  # it counts at once, and not only when the answers follow
        if followed:
            await put_guests_in_force(site)
        client.session.cookie_jar.update_cookies(hers)
        assert await left(client) == []
        await text(client, f"/why/{code}", 404)
        assert (await client.get(f"/ask/{asked.id}")).status in (403, 404)
    if ends == "time":
        assert await site.guests.tidy(site.now) > 0
    assert await site.pairings.of("home") == ()


async def test_a_taken_over_address_sees_nothing_and_cannot_become_hers(
    client: Client, site: Site
) -> None:
    await by_pin(client, site, "Mia", PIN)
    code = await blocked(client, site)
    client.session.cookie_jar.clear()
    assert await left(client) == []
    await text(client, f"/why/{code}", 404)
    await text(client, "/me/data.json", 403)
    assert "in one browser only" in await send(client, "/device", 403)
    assert await left(client) == []


async def test_her_cookie_counts_at_no_other_device(client: Client, site: Site) -> None:
    await by_pin(client, site, "Mia", PIN)
    code = await blocked(client, site)
    for who in ("tom", "mia", "192.0.2.201"):
        site.who = who
        assert await left(client) == []
        await text(client, f"/why/{code}", 404)


async def test_a_pin_does_not_take_the_cookie_of_ones_own_device(
    client: Client, site: Site
) -> None:
    site.who = "mia"
    await send(client, "/device")
    site.who = STRANGER
    await by_pin(client, site, "Mia", PIN)
    await send(client, "/whose/end")
    site.who = "mia"
    assert "/me/data.json" in await text(client, "/me")


async def test_the_browser_that_asked_is_known_when_it_is_let_in(
    client: Client, site: Site
) -> None:
    for _ in range(2):  # asking twice does not make it another one
        await send(client, "/whose/ask")
    await site.guests.approve("home", GuestKind.GUEST, STRANGER, "mia", "Ada", site.now)
    await put_guests_in_force(site)
    assert BLOCKED in await text(client, f"/why/{await blocked(client, site)}")


async def test_who_asked_second_at_an_address_is_not_the_one(client: Client, site: Site) -> None:
    await send(client, "/whose/ask")
    client.session.cookie_jar.clear()
    await send(client, "/whose/ask")
    await site.guests.approve("home", GuestKind.GUEST, STRANGER, "mia", "Ada", site.now)
    await put_guests_in_force(site)
    assert await blocked(client, site) == ""
    await send(client, "/device", 403)


async def test_without_a_question_the_first_browser_is_the_one(client: Client, site: Site) -> None:
    await site.guests.approve("home", GuestKind.GUEST, STRANGER, "mia", "Ada", site.now)
    await put_guests_in_force(site)
    assert await blocked(client, site) == ""
    await send(client, "/device")
    assert await blocked(client, site) != ""
    client.session.cookie_jar.clear()
    await send(client, "/device", 403)
    assert await blocked(client, site) == ""


async def test_whom_a_guardian_let_in_sees_what_happened_here_and_not_all_of_hers(
    client: Client, site: Site
) -> None:
    """It may be a friend who has her rules for the day."""
    own = await filed(site, "mia", "mia-phone")
    await send(client, "/whose/ask")
    await site.guests.approve("home", GuestKind.GUEST, STRANGER, "mia", "Ada", site.now)
    await put_guests_in_force(site)
    await send(client, "/ask", code=await blocked(client, site))
    (newest, _) = sorted(
        (each.id for each in await site.appeals.appeals("home")), key=lambda each: each == own
    )
    page = await text(client, "/")
    assert f"/ask/{newest}" in page
    assert f"/ask/{own}" not in page
    await text(client, f"/ask/{own}", 404)
    await send(client, f"/ask/{own}/withdraw", 404)
    assert "/me/data.json" not in await text(client, "/me")
    await text(client, "/me/data.json", 403)
    await send(client, "/me/erase", 403)


async def test_who_has_her_rules_for_a_day_asks_on_their_own_account(
    client: Client, site: Site
) -> None:
    own = await filed(site, "mia", "mia-phone", BLOCKED)
    await send(client, "/whose/ask")
    await site.guests.approve("home", GuestKind.GUEST, STRANGER, "mia", "Ada", site.now)
    await put_guests_in_force(site)
    for name in (BLOCKED, *(f"n{number}.toys.example" for number in range(4))):
        page = await send(client, "/ask", name=name, words="From a friend.")
        assert "No grown-up has seen it yet." in page, "as for what nobody asked for"
    await send(client, "/ask", 429, name="n4.toys.example")
    appeals = await site.appeals.appeals("home", profile="mia")
    (hers,) = (each for each in appeals if each.id == own)
    assert hers.ask.words == ""
    assert {each.ask.paired for each in appeals if each.id != own} == {False}
    await filed(site, "mia", "mia-phone", "n5.toys.example")


async def test_by_pin_one_asks_as_oneself(client: Client, site: Site) -> None:
    own = await filed(site, "mia", "mia-phone", BLOCKED)
    await send(client, "/whose/pin", name="Mia", pin=PIN)
    await put_guests_in_force(site)
    await send(client, "/ask", name=BLOCKED)
    await send(client, "/ask", name="other.toys.example")
    appeals = await site.appeals.appeals("home", profile="mia")
    assert len(appeals) == 2
    assert own in {each.id for each in appeals}
    assert all(each.ask.paired for each in appeals)


async def test_only_who_proved_it_reads_that_she_told_the_grown_ups(
    client: Client, site: Site
) -> None:
    await site.notices.note_wish_to_talk("home", "mia", "Mia", site.now)
    await send(client, "/whose/ask")
    await site.guests.approve("home", GuestKind.GUEST, STRANGER, "mia", "Ada", site.now)
    await put_guests_in_force(site)
    assert "You asked to talk on" not in await text(client, "/bad")
    await by_pin(client, site, "Mia", PIN)
    assert "You asked to talk on" in await text(client, "/bad")


async def test_help_leaves_no_trace_of_a_guest_either(client: Client, site: Site) -> None:
    await by_pin(client, site, "Mia", PIN)
    before = (stored(site), repr(site.home.traces()))
    for path in ("/help", "/bad"):
        await text(client, path)
    assert (stored(site), repr(site.home.traces())) == before


async def test_a_question_that_nobody_answered_leaves_no_browser_behind(
    client: Client, site: Site
) -> None:
    await send(client, "/whose/ask")
    assert len(await site.pairings.of("home")) == 1
    await site.guests.tidy(site.now + REQUEST_LASTS)
    assert await site.pairings.of("home") == ()
    await send(client, "/whose/ask")
    await site.guests.refuse("home", STRANGER, "Ada", site.now)
    assert await site.pairings.of("home") == ()


async def test_a_named_device_keeps_its_browsers_when_guests_are_tidied(
    client: Client, site: Site
) -> None:
    site.who = "mia"
    await send(client, "/device")
    await site.guests.tidy(site.now)
    assert len(await site.pairings.of("home")) == 1


def cookies(client: Client) -> dict[str, str]:
    return {each.key: each.value for each in client.session.cookie_jar}


async def filed(site: Site, profile: str, device: str, name: str = "games.example") -> str:
    """Let somebody have asked from their own device; return the question's id."""
    to = ContestedVerdict(Action.BLOCK, Reason.RULE, rule="games.example")
    ask = AppealRequest(profile, device, AppealKind.NAME, to, name=name)
    return (await site.appeals.file("home", ask, site.now)).appeal.id


async def test_a_page_of_the_one_before_speaks_for_nobody_else(client: Client, site: Site) -> None:
    """On a tablet that two use, Mia's open page would ask, and start a timer, as Tom."""
    await send(client, "/whose/pin", name="Mia", pin=PIN)
    await put_guests_in_force(site)
    mark = re.search(r'name="page_of" value="(\w+)"', await text(client, "/ticket"))
    assert mark
    await send(client, "/whose/end")
    await site.logins.set_pin("home", "tom", "8264", "Ada", site.now)
    await send(client, "/whose/pin", name="Tom", pin="8264")
    await put_guests_in_force(site)
    sent = {"page_of": mark[1], "name": "games.example", "words": "It is mine."}
    page = await send(client, "/ask", 409, **sent)
    assert "Nothing was sent" in page
    assert "someone else uses this device now" in page
    assert "It is mine." not in page, "which nobody else is to read"
    for path in MARKED:
        await send(client, path, 409, sure="on", **sent)
    assert await site.appeals.appeals("home") == ()


# What a child's page sends in the name of whoever it was made for: its mark comes first.
MARKED = (
    *("/ask", "/age", "/age/right", "/ticket", "/timer", "/timer/end", "/device/object"),
    *("/consent/yes", "/consent/no", "/consent/end"),
    *("/me/erase", "/me/homes/end", "/me/homes/allow"),
)
# These name what they are about, are in nobody's name, or are better sent than not.
UNMARKED = (
    *("/ask/{{ appeal.id }}/disagree", "/ask/{{ appeal.id }}/withdraw", "/device/move"),
    *("/device", "/app/notices", "/app/notices/remove", "/whose/ask", "/whose/pin", "/whose/end"),
    *("/language", "/family", "/help/country", "/blocked", "/blocked/review", "/bad/tell"),
)


def test_forms_of_a_childs_pages_say_for_whom_they_were_made() -> None:
    mark = '<input type="hidden" name="page_of" value="{{ page_of }}">'
    forms = [
        (action, rest.startswith(mark))
        for each in TEMPLATES.glob("*.html")
        for action, rest in re.findall(
            r'<form[^>]* method="post" action="([^"]+)"[^>]*>(.*)', each.read_text("utf-8")
        )
    ]
    assert {action for action, is_marked in forms if is_marked} == set(MARKED)
    assert {action for action, is_marked in forms if not is_marked} == set(UNMARKED)


# --- how it ends ----------------------------------------------------------------------------------


async def test_it_is_nobodys_again_and_twice_is_harmless(client: Client, site: Site) -> None:
    await send(client, "/whose/pin", name="Mia", pin=PIN)
    await put_guests_in_force(site)
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
    assert "That name or PIN is wrong." in page
    assert "<b>" not in page
    assert await site.guests.of("home", site.now) == ()


async def test_who_guesses_has_to_wait(client: Client, site: Site) -> None:
    for number in range(5):
        await send(client, "/whose/pin", 403, name="Mia", pin=f"000{number}")
    await send(client, "/whose/pin", 429, name="Mia", pin=PIN)
    assert await site.guests.of("home", site.now) == ()


async def test_guessing_does_not_tell_who_lives_here(client: Client, site: Site) -> None:
    """After five wrong PINs each name waits, whether or not somebody has it, and no other name."""
    for name in ("Nobody", "Mia"):
        for pin in range(5):
            await send(client, "/whose/pin", 403, name=name, pin=f"000{pin}")
    for name in ("Nobody", " nobody ", "Mia", " mIA "):
        await send(client, "/whose/pin", 429, name=name, pin="9999")
    for name in ("Tom", "Bob", "Alice"):
        await send(client, "/whose/pin", 403, name=name, pin="9999")


async def test_a_stranger_reads_no_name_of_the_house(client: Client) -> None:
    for path in ("/", "/whose", "/rules", "/me"):
        page = await text(client, path)
        assert not has_word(page, "Mia")
        assert not has_word(page, "Tom")


async def test_a_device_that_is_somebodys_stays_so(client: Client, site: Site) -> None:
    site.who = "tom"
    assert "You don't need to do anything." in await text(client, "/whose")
    await send(client, "/whose/ask", 403)
    await send(client, "/whose/pin", 403, name="Mia", pin=PIN)
    await send(client, "/whose/end")
    assert await site.guests.of("home", site.now) == ()
    assert await site.guests.requests("home", site.now) == ()


async def test_another_house_changes_nothing(client: Client, site: Site) -> None:
    site.who = "203.0.113.66"
    for action in ("ask", "pin", "end"):
        await send(client, f"/whose/{action}", 403, name="Mia", pin=PIN)
        await text(client, f"/whose/{action}", 403)
    assert await site.guests.of("home", site.now) == ()
