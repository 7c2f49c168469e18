"""A full log of somebody of 16 or more: their own word, on their own device, taken back at once."""

from __future__ import annotations

import ast
import html
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.accounts.account import GuestKind, with_guests
from copdns.household.safeguards import DAY
from copdns.model.errors import PrivacyError
from copdns.model.household import Band, FullLogSpan, Household, PrivacyMode, Profile
from copdns.privacy.consent import Question
from copdns.web.person import GUEST_PAIRING
from tests.home import Home
from tests.household import ADA, MIA, TOM, family
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, consent_question, send, text

TEEN = replace(TOM, band=Band.TO_17)
ASK = "/guardian/people/tom/full-log"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def site() -> Site:
    found = Site(Home(family(MIA, TEEN, ADA)))
    found.who = "tom"
    return found


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await set_up(site)
        await log_in(made)
        await send(made, "/device")  # Tom's own browser, in which Ada logs in here as well
        yield made


async def tom(site: Site) -> Profile:
    house = await site.store.household("home")
    assert house is not None
    found = house.profile("tom")
    assert found is not None
    return found


async def test_the_desk_asks_and_only_a_yes_begins_it(client: Client, site: Site) -> None:
    page = await send(client, ASK, days="2")
    assert "for a full log of 2 days" in page
    assert (await tom(site)).full_log is None
    assert "what's recorded about you" not in await text(client, "/rules"), "nothing changed"
    assert "Someone wants to record all your sites" in await text(client, "/")
    assert "Ada wants to record your sites for 2 days" in await text(client, "/consent")
    await send(client, "/consent/yes", question=await consent_question(site))
    full = (await tom(site)).full_log
    assert full == FullLogSpan(site.now + DAY, site.now + 3 * DAY)
    assert "Recording starts soon, because you agreed" in await text(client, "/consent"), "at once"
    await site.follow()
    assert "Recording starts soon, because you agreed" in await text(client, "/consent")
    (notice,) = await site.context.notices.all("home", 1)
    assert (notice.about, notice.author) == ("tom", "Tom")


@pytest.mark.parametrize(
    ("band", "who"),
    [
        (Band.TO_17, "your parents or carers can read it"),
        (Band.ADULT, "but the parents and carers at home can't see it on theirs"),
    ],
)
async def test_who_could_read_it_is_told_before_a_yes(
    client: Client, site: Site, band: Band, who: str
) -> None:
    site.home.change(family(MIA, replace(TEEN, band=band), ADA))
    await site.context.consents.ask(Question("home", "tom", 2, "Tom", site.now))
    told = html.unescape(await text(client, "/consent"))
    assert who in told
    assert ("your parents or carers can read it" in told) is (band is not Band.ADULT)


async def test_it_is_taken_back_with_one_tap_at_once(client: Client, site: Site) -> None:
    await send(client, ASK, days="2")
    await send(client, "/consent/yes", question=await consent_question(site))
    await site.follow()
    assert 'action="/consent/end"' in await text(client, "/consent")
    for _ in range(2):
        await send(client, "/consent/end")
        assert (await tom(site)).full_log is None
    await site.follow()
    profile = site.home.resolver.snapshot.profile("home", "tom")
    assert profile.privacy_at(site.now + DAY + 1) is PrivacyMode.COUNTS
    await send(client, ASK, 400, days="1")  # once in 30 days


async def test_a_no_is_read_at_the_desk_and_holds(client: Client, site: Site) -> None:
    await send(client, ASK, days="2")
    stale = await consent_question(site)
    for _ in range(2):
        await send(client, "/consent/no")
    assert "The answer on" in await text(client, "/guardian/people/tom/kept")
    await send(client, "/consent/yes", 400, question=stale)
    await send(client, ASK, 400, days="1")
    await send(client, f"{ASK}/drop", sure="on")  # a no is not taken back by whoever asked
    await send(client, ASK, 400, days="1")
    assert (await tom(site)).full_log is None


async def test_a_yes_is_to_what_was_read(client: Client, site: Site) -> None:
    await send(client, ASK, days="1")
    read = await consent_question(site)
    await send(client, ASK, days="7")
    for said in (read, "", "x"):
        await send(client, "/consent/yes", 400, question=said)
    assert (await tom(site)).full_log is None


async def test_a_question_is_taken_back_at_the_desk(client: Client, site: Site) -> None:
    await send(client, ASK, days="1")
    read = await consent_question(site)
    for _ in range(2):
        await send(client, f"{ASK}/drop", sure="on")
    await send(client, "/consent/yes", 400, question=read)
    assert "Nobody is asking for this now." in await text(client, "/consent")


@pytest.mark.parametrize("action", ["yes", "no", "end"])
async def test_no_other_browser_answers(client: Client, site: Site, action: str) -> None:
    await send(client, ASK, days="1")
    read = await consent_question(site)
    client.session.cookie_jar.clear()  # somebody who took Tom's address
    assert "Ada asks" not in await text(client, "/consent")
    await send(client, f"/consent/{action}", 403, question=read)
    site.who = "192.0.2.99"  # a device that nobody named
    await send(client, f"/consent/{action}", 403, question=read)
    assert await consent_question(site) == read
    assert (await tom(site)).full_log is None


@pytest.mark.parametrize("kind", GuestKind)
async def test_no_pin_and_no_guest_answers(client: Client, site: Site, kind: GuestKind) -> None:
    """Those who ask set the PIN, and say whose a device is for a while."""
    await send(client, ASK, days="1")
    read, site.who = await consent_question(site), "192.0.2.99"
    guest = await site.guests.approve(
        "home", kind, site.who, "tom", "Ada", site.now, browser="known here"
    )
    site.home.change(with_guests(site.home.house, (guest,), site.now))
    client.session.cookie_jar.update_cookies({GUEST_PAIRING: "known here"})
    assert "Someone wants" not in await text(client, "/")
    page = await text(client, "/consent")
    assert "Ada asks" not in page
    assert "Nobody is asking" not in page
    for action in ("yes", "no"):
        await send(client, f"/consent/{action}", 403, question=read)
    assert await consent_question(site) == read
    assert (await tom(site)).full_log is None


async def test_it_is_taken_back_by_pin_and_not_by_a_friend(client: Client, site: Site) -> None:
    await site.context.pins.set("home", "tom", "hash", "Ada", site.now)
    site.home.wait(DAY)  # a day after it was announced it counts
    await log_in(client)
    await send(client, ASK, days="1")
    await send(client, "/consent/yes", question=await consent_question(site))
    site.who = "192.0.2.99"
    for kind, ended in ((GuestKind.GUEST, False), (GuestKind.PERSON, True)):
        guest = await site.guests.approve(
            "home", kind, site.who, "tom", "Ada", site.now, browser=f"known here{kind}"
        )
        client.session.cookie_jar.update_cookies({GUEST_PAIRING: f"known here{kind}"})
        house = await site.store.household("home")
        assert house is not None
        site.home.change(with_guests(house, (guest,), site.now))
        assert ('action="/consent/end"' in await text(client, "/consent")) is ended
        await send(client, "/consent/end", 200 if ended else 403)
        assert ((await tom(site)).full_log is None) is ended


@pytest.mark.parametrize("path", ["/consent/yes", "/consent/no", "/consent/end"])
async def test_looking_changes_nothing(client: Client, site: Site, path: str) -> None:
    await send(client, ASK, days="1")
    await text(client, "/consent")
    await text(client, path, 405)
    assert await consent_question(site)


async def test_below_16_there_is_no_such_page(client: Client, site: Site) -> None:
    """A child of 13 to 15 is told, and cannot be made to agree either."""
    site.who = "mia"
    await text(client, "/consent", 404)
    await send(client, "/consent/end", 404)


async def test_no_file_and_no_command_agrees_for_somebody(client: Client, site: Site) -> None:
    """What comes by an import or a command is one edit like another."""
    full = FullLogSpan(site.now + 2 * DAY, site.now + 3 * DAY)

    def edit(home: Household) -> Household:
        profiles = tuple(
            replace(each, full_log=full) if each.id == "tom" else each for each in home.profiles
        )
        return replace(home, profiles=profiles)

    await send(client, ASK, days="1")
    with pytest.raises(PrivacyError, match="consent"):
        await site.store.change("home", edit, author="Ada", what="imported", now=site.now)


def test_only_the_persons_own_word_is_told_as_consent() -> None:
    """`apply_edit(..., consenting=...)` is how the store hears of a yes: one call in one module."""
    calls = [
        path.name
        for path in (ROOT / "copdns").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and "consenting" in [each.arg for each in node.keywords]
    ]
    assert calls == ["consents.py"]
    users = [
        str(path.relative_to(ROOT / "copdns"))
        for path in (ROOT / "copdns").rglob("*.py")
        if "consents.agree(" in path.read_text()
    ]
    assert users == ["web/child/consent.py"]


async def test_what_was_asked_long_ago_is_not_kept(client: Client, site: Site) -> None:
    await send(client, ASK, days="1")
    await site.store.tidy(site.now + 29 * DAY)
    assert await consent_question(site)
    await site.store.tidy(site.now + 31 * DAY)
    assert await site.context.consents.of("home", "tom") is None
