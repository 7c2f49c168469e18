"""What came of a question: each state has its words at each level, and offers what is possible."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import pytest

from copdns.appeals.appeal import AppealState, Decider
from copdns.appeals.opening import ApprovalTerms, Decision
from copdns.appeals.review import DecisionReason
from copdns.household.time_edits import end_grant
from copdns.model.household import Band
from copdns.web.languages import phrases_in
from copdns.words.appeals import STANDS, StatusText
from copdns.words.levels import level_of
from tests.home import Home
from tests.household import MIA, TOM, family, library
from tests.web.guardians import set_up
from tests.web.site import Client, Site, send, text

DAY = 86_400
ADA = Decider("guardian", "Ada", "a1")
BANDS = (Band.TO_6, Band.TO_9, Band.TO_12, Band.TO_15)
Step = Callable[[Site, Client, str], Awaitable[None]]


def site_of(band: Band) -> Site:
    mia = replace(MIA, band=band, categories=frozenset({"games"}))
    return Site(Home(family(mia, TOM), library(categories={"games": ["toys.example"]})))


async def decided(
    site: Site, appeal: str, state: AppealState, because: DecisionReason, **yes: int
) -> None:
    decision = Decision(
        state, because, yes=ApprovalTerms(**yes) if state is AppealState.GRANTED else None
    )
    context = site.context
    await site.appeals.decide(
        "home", appeal, decision, ADA, context.known_ids(), context.services(), site.now
    )
    await site.follow()


async def nothing(site: Site, client: Client, appeal: str) -> None:
    """Nobody does anything."""


async def look(site: Site, client: Client, appeal: str) -> None:
    await site.appeals.mark_seen("home", appeal, site.now)


async def yes(site: Site, client: Client, appeal: str) -> None:
    await decided(site, appeal, AppealState.GRANTED, DecisionReason.FAIR_ENOUGH)


async def shorter(site: Site, client: Client, appeal: str) -> None:
    await decided(site, appeal, AppealState.GRANTED, DecisionReason.TRIAL, lasts=1800)


async def no(site: Site, client: Client, appeal: str) -> None:
    await decided(site, appeal, AppealState.REFUSED, DecisionReason.ANOTHER_WAY)


async def talk(site: Site, client: Client, appeal: str) -> None:
    await decided(site, appeal, AppealState.TALK, DecisionReason.NEEDS_TALK)


async def take_back(site: Site, client: Client, appeal: str) -> None:
    await send(client, f"/ask/{appeal}/withdraw")


async def disagree(site: Site, client: Client, appeal: str) -> None:
    await no(site, client, appeal)
    await send(client, f"/ask/{appeal}/disagree", words="It is for school.")


async def disagree_with_two(site: Site, client: Client, appeal: str) -> None:
    await set_up(site)
    await disagree(site, client, appeal)


async def wait(site: Site, client: Client, appeal: str) -> None:
    site.home.set_clock(site.now + 4 * DAY)
    context = site.context
    await site.appeals.raise_overdue(frozenset(), context.known_ids(), context.services(), site.now)
    await site.follow()


async def wait_for_something_harmless(site: Site, client: Client, appeal: str) -> None:
    site.home.set_clock(site.now + 4 * DAY)
    context = site.context
    await site.appeals.raise_overdue({"games"}, context.known_ids(), context.services(), site.now)
    await site.follow()


async def yes_and_later(site: Site, client: Client, appeal: str) -> None:
    await yes(site, client, appeal)
    site.home.set_clock(site.now + 3600)


async def yes_and_no_more(site: Site, client: Client, appeal: str) -> None:
    await yes(site, client, appeal)
    site.home.set_clock(site.now + 1)
    end = partial(end_grant, grant_id="g1", now=site.now)
    await site.store.change("home", end, author="Ada", what="ended", now=site.now)
    await site.follow()
    site.home.set_clock(site.now + 1)


# What happens, how it stands then, and which buttons there are.
LIVES: dict[str, tuple[Step, StatusText, set[str]]] = {
    "open": (nothing, StatusText.OPEN, {"withdraw"}),
    "seen": (look, StatusText.SEEN, {"withdraw"}),
    "granted": (yes, StatusText.UNTIL, set()),
    "granted, and over": (yes_and_later, StatusText.OVER, set()),
    "granted, and taken back": (yes_and_no_more, StatusText.TAKEN_BACK, set()),
    "granted with a limit": (shorter, StatusText.SHORTER, {"disagree"}),
    "refused": (no, StatusText.REFUSED, {"disagree"}),
    "needs talk": (talk, StatusText.TALK, {"disagree", "withdraw"}),
    "withdrawn": (take_back, StatusText.WITHDRAWN, set()),
    "escalated": (disagree_with_two, StatusText.SECOND, {"withdraw"}),
    "disagreed, and nobody else": (disagree, StatusText.TALK_AGAIN, {"withdraw"}),
    "overdue": (wait, StatusText.OVERDUE, {"withdraw"}),
    "overdue, and open meanwhile": (
        wait_for_something_harmless,
        StatusText.MEANWHILE,
        {"withdraw"},
    ),
}


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("life", LIVES)
async def test_each_state_has_its_words_and_offers_what_is_possible(life: str, band: Band) -> None:
    step, stand, offered = LIVES[life]
    site = site_of(band)
    async with site.visited() as client:
        await send(client, "/device")
        await send(client, "/ask", name="toys.example", why="school", wanted="1h")
        (appeal,) = await site.appeals.appeals("home")
        await step(site, client, appeal.id)
        said = STANDS[stand].at(level_of(band)).text.partition("%(")[0]
        for path in ("/", f"/ask/{appeal.id}"):
            assert said in shown(await text(client, path)), path
        page = await text(client, f"/ask/{appeal.id}")
        assert set(re.findall(rf'action="/ask/{appeal.id}/(\w+)"', page)) == offered
        await assert_possible(client, site, appeal.id, offered)


async def assert_possible(client: Client, site: Site, appeal: str, offered: set[str]) -> None:
    """Check that what is not offered would be refused, and then that what is, is not."""
    (before,) = await site.appeals.appeals("home")
    for action in {"withdraw", "disagree"} - offered:
        again = action == "withdraw" and before.state is AppealState.WITHDRAWN  # twice is harmless
        await send(client, f"/ask/{appeal}/{action}", 200 if again else 400)
    assert await site.appeals.appeals("home") == (before,)
    for action in sorted(offered):
        await send(client, f"/ask/{appeal}/{action}")


@pytest.mark.parametrize("language", ["en", "fr", "es", "ar", "ru", "zh"])
async def test_dates_are_in_the_readers_language(language: str) -> None:
    site = site_of(Band.TO_12)
    async with site.visited() as client:
        await send(client, "/device")
        await send(client, "/ask", name="toys.example", wanted="1h")
        (appeal,) = await site.appeals.appeals("home")
        await yes(site, client, appeal.id)
        words = phrases_in(language)
        until = words.when(site.now + 3600, "UTC", site.now)
        answered = words.when(site.now, "UTC")
        headers = {"Accept": "text/html", "Accept-Language": language}
        for path, told in (("/", [until]), (f"/ask/{appeal.id}", [until, answered])):
            page = shown(await (await client.get(path, headers=headers)).text())
            assert [each for each in told if each not in page] == []


async def test_the_answer_that_was_disagreed_with_can_still_be_read() -> None:
    site = site_of(Band.TO_12)
    async with site.visited() as client:
        await send(client, "/device")
        await send(client, "/ask", name="toys.example")
        (appeal,) = await site.appeals.appeals("home")
        await disagree_with_two(site, client, appeal.id)
        page = await text(client, f"/ask/{appeal.id}")
        assert "Earlier answer:" in page
        assert "Something else does the same" in page


def shown(page: str) -> str:
    return html.unescape(page)
