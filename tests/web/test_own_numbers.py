"""Nobody but the person sees when, how often or how long they used what the household wrote itself.

Tom's log keeps counts.  His household limits a service of its own, a single site and a list, which
would each tell of one site; the limit on a category tells no more than counts do.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from copdns.model.household import Household, OwnService, PrivacyMode
from copdns.model.matchers import Matcher
from copdns.model.times import Budget, Topic, TopicKind
from copdns.policy.build_snapshot import build_snapshot
from copdns.store.log_db.usage import UsageStore
from copdns.time.days import budget_day, zone_of
from copdns.time.minutes import NO_MARKS, Minutes, Usage
from copdns.time.plan import NO_INPUTS, PolicyInputs
from tests.home import Home
from tests.household import ADA, MIA, TOM, family, library
from tests.web.guardians import guardian_client
from tests.web.programs import Caller, caller
from tests.web.site import Client, Site, send, text

CLUB = OwnService("club", "Club", (Matcher("club.example"),))
SERVICE, CATEGORY = TopicKind.SERVICE, TopicKind.CATEGORY
ABOUT = {
    "service": (Topic(SERVICE, "club"),),
    "site": (Matcher("club.example"),),
    "list": (Topic(TopicKind.LIST, "clubs-list"),),
    "both": (Topic(CATEGORY, "games"), Matcher("club.example")),
}
GAMES = Budget("games-limit", "tom", (("daily", 90),), (Topic(CATEGORY, "games"),))
# A number that stands nowhere else on any page.
USED, SPENT, LAST_WEEK = 27, 41, 33


def house(about: str = "service", mode: PrivacyMode = PrivacyMode.COUNTS) -> Household:
    limits = (
        Budget("club-limit", "tom", (("daily", SPENT),), ABOUT[about]),
        Budget("group-limit", "#kids", (("daily", SPENT),), ABOUT[about]),
        GAMES,
    )
    tom = replace(TOM, privacy=mode, tags=frozenset({"kids"}))
    return family(MIA, tom, ADA, services=(CLUB,), budgets=limits)


LISTS = library(categories={"games": ["play.example"], "clubs": ["club.example"]})


def minutes(used: int) -> Minutes:
    return Minutes(used, used, used)


def inputs(used: int, games: int = 52) -> PolicyInputs:
    by_limit = {"club-limit": minutes(used), "group-limit": minutes(used)}
    return replace(NO_INPUTS, used={("home", "tom"): {**by_limit, "games-limit": minutes(games)}})


def site_of(about: str, mode: PrivacyMode, used: int) -> Site:
    written = house(about, mode)
    site = Site(Home(written, LISTS))
    site.readings = inputs(used)
    resolver = site.home.resolver
    before = resolver.snapshot
    resolver.snapshot = build_snapshot(
        before, before.library, before.defaults, [written], site.now, site.readings
    )
    today = budget_day(site.now, zone_of(written.timezone), written.day_starts)
    rows = [
        Usage("home", "tom", limit, day, int(today.start), NO_MARKS, minutes(n), own)
        for day, n, own in (
            (today.day, used, False),
            (today.day - timedelta(days=2), LAST_WEEK, mode is PrivacyMode.COUNTS),
        )
        for limit in ("club-limit", "group-limit")
    ]
    rows.append(
        Usage("home", "tom", "games-limit", today.day, int(today.start), NO_MARKS, minutes(52))
    )
    UsageStore(site.folder).save(rows)
    return site


Reading = Callable[[Client, Caller, Site], Awaitable[str]]


def page(path: str) -> Reading:
    async def read(client: Client, _ada: Caller, _site: Site) -> str:
        return await text(client, path)

    return read


def operation(path: str) -> Reading:
    async def read(_client: Client, ada: Caller, _site: Site) -> str:
        return json.dumps(await ada("GET", path))

    return read


async def more_time(_client: Client, ada: Caller, _site: Site) -> str:
    return json.dumps(await ada("POST", "/profiles/tom/more-time", 201, json={"minutes": 5}))


READINGS = {
    "page of times": page("/guardian/time"),
    "page of a person's time": page("/guardian/time/tom"),
    "overview": page("/guardian/"),
    "statistics": page("/guardian/numbers?days=7"),
    "statistics of one": page("/guardian/numbers?person=tom&days=7"),
    "monthly report": page("/guardian/month"),
    "check of a site on pages": page("/guardian/people/tom/rules?name=www.club.example"),
    "usage": operation("/profiles/tom/usage"),
    "state": operation("/profiles/tom/state"),
    "report": operation("/report"),
    "check of a site by programs": operation("/check?name=www.club.example&profile=tom"),
    "all that is recorded": operation("/profiles/tom/export"),
    "more time": more_time,
}
# Where a number of minutes is told; elsewhere only that a limit is used up.
TELL_MINUTES = {
    "page of a person's time": f"about {USED} minutes used",
    "overview": f"About {USED} minutes of",
    "statistics": f"<td>{USED}</td>",
    "statistics of one": f"<td>{USED}</td>",
    "monthly report": f"about {USED + LAST_WEEK} minutes",
    "usage": f'"likely": {USED}',
    "report": f": {USED + LAST_WEEK}",
    "all that is recorded": f'"likely": {USED}',
}
TELL_ENDS = {
    "page of a person's time": "Off:",
    "check of a site on pages": "The daily limit has been reached",
    "check of a site by programs": '"reason": "budget"',
}


async def readings(site: Site) -> dict[str, str]:
    """Return what a guardian reads everywhere."""
    async with guardian_client(site) as client:
        rita = await caller(client, site, name="Rita")
        return {name: await read(client, rita, site) for name, read in READINGS.items()}


@pytest.mark.parametrize("about", ABOUT)
@pytest.mark.parametrize("mode", [PrivacyMode.COUNTS, PrivacyMode.OFF])
async def test_a_guardian_reads_the_same_whatever_was_used(about: str, mode: PrivacyMode) -> None:
    unused = await readings(site_of(about, mode, 0))
    used = await readings(site_of(about, mode, USED))
    spent = await readings(site_of(about, mode, SPENT))
    for name in READINGS:
        assert (used[name]) == (unused[name]), name
        assert (spent[name]) == (unused[name]), name


async def test_where_counts_are_not_all_a_guardian_reads_the_minutes_and_the_end() -> None:
    """So each reading above would tell, were it not withheld."""
    used = await readings(site_of("service", PrivacyMode.BLOCKED, USED))
    for name, words in TELL_MINUTES.items():
        assert words in used[name], name
    spent = await readings(site_of("service", PrivacyMode.BLOCKED, SPENT))
    for name, words in TELL_ENDS.items():
        assert words in spent[name], name


async def test_a_limit_that_tells_no_more_than_counts_do_is_read_by_guardians() -> None:
    found = await readings(site_of("service", PrivacyMode.COUNTS, USED))
    assert "about 52 minutes used" in found["page of a person's time"]
    assert '"likely": 52' in found["usage"]
    assert "Only Tom sees how much of it is used" in found["page of a person's time"]


async def test_the_person_sees_all_of_it_on_their_own_device() -> None:
    site = site_of("service", PrivacyMode.COUNTS, USED)
    site.who = "tom"
    async with site.visited() as client:
        await send(client, "/device")
        assert f"about {SPENT - USED} minutes left" in await text(client, "/")
        kept = await text(client, "/me")
        assert f"about {USED} minutes" in kept
        assert f"about {LAST_WEEK} minutes. Only you see this." in kept
        month = await text(client, "/month")
        assert f"about {USED + LAST_WEEK} minutes" in month
        file = json.loads(await text(client, "/me/data.json"))
        assert {each["likely"] for each in file["minutes"]} == {USED, LAST_WEEK, 52}
