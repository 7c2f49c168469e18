"""copdns notices automatically that a help site is blocked, or that a safe host is gone."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from copdns.app.alarms import DAY, HOUR
from copdns.app.self_test import BLOCKED, UNSAFE, WEEK, SelfTest
from copdns.model.events import EventKind, TroubleEvent
from tests.fakes import BROKEN, FILTERED, NO_SUCH_NAME, SILENCE, FakeClock, FakeUpstream
from tests.household import ADA, MIA, NOW, block, family, library, live

SAFE, HELP = "safe.search.example", "help.example"
LISTS = library(
    protected={"child_helpline": [HELP, "*.chat.example"]},
    engines={"search": (["www.search.example"], {"strict": SAFE})},
    categories={"games": ["games.example"]},
)
CHILD = replace(MIA, safe_search=frozenset({("search", "strict")}))
TROUBLE, WELL = EventKind.SELF_TEST_TROUBLE, EventKind.SELF_TEST_WELL


class Home:
    """A family whose copdns looks on its own, by a clock that only goes when told."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.upstream = FakeUpstream()
        self.told: list[TroubleEvent] = []
        self.snapshot = live(family(CHILD, ADA), lists=LISTS)
        self.test = SelfTest(self.upstream, lambda: self.snapshot, self.clock, self.told.append)

    async def look(self, seconds: float, says: object = "192.0.2.1") -> list[EventKind]:
        """Let time pass and look; return what was told so far."""
        self.clock.wait(seconds)
        self.upstream.script = {SAFE: says}
        task = asyncio.ensure_future(self.test.run_once())
        while not task.done():
            await turn()
            self.upstream.deliver()
        task.result()
        return [each.kind for each in self.told]

    def break_protection(self) -> None:
        """Let the lists say that a name is a help site of which the policies know nothing."""
        house = family(CHILD, ADA, rules=(block("games.example"),))
        found = live(house, lists=LISTS)
        other = library(protected={"child_helpline": [HELP, "games.example"]})
        found.library = replace(LISTS, protected=other.protected)
        self.snapshot = found


async def turn() -> None:
    turned = asyncio.get_running_loop().create_future()
    turned.get_loop().call_soon(turned.set_result, None)
    await turned


async def test_the_safe_hosts_in_use_are_asked_for_each_week_and_nothing_else() -> None:
    home = Home()
    assert await home.look(HOUR - 1) == []
    assert home.upstream.asked == []
    await home.look(1)
    await home.look(WEEK - 1)
    assert [each.qname for each in home.upstream.asked] == [SAFE]
    await home.look(1)
    assert [each.qname for each in home.upstream.asked] == [SAFE, SAFE]
    assert home.told == []
    assert home.test.warnings == ()


@pytest.mark.parametrize("says", [NO_SUCH_NAME, FILTERED])
async def test_a_safe_host_that_stays_gone_is_told_once_and_so_is_its_return(says: object) -> None:
    home = Home()
    assert await home.look(HOUR, says) == []  # it may be back soon
    assert home.test.warnings == (UNSAFE % "search",)
    assert await home.look(HOUR, says) == [TROUBLE]
    assert await home.look(HOUR, says) == [TROUBLE]
    assert await home.look(HOUR) == [TROUBLE, WELL]
    assert home.test.warnings == ()


@pytest.mark.parametrize("says", [SILENCE, BROKEN])
async def test_upstreams_that_say_nothing_are_no_news_and_asked_again_soon(says: object) -> None:
    home = Home()
    await home.look(HOUR, says)
    await home.look(HOUR, says)
    assert home.told == []
    assert home.test.warnings == ()
    assert await home.look(HOUR, NO_SUCH_NAME) == []
    assert await home.look(HOUR, SILENCE) == [TROUBLE]  # what was found last stands


async def test_a_blocked_help_site_is_told_as_a_number_and_not_by_its_name() -> None:
    home = Home()
    assert await home.look(HOUR) == []
    home.break_protection()
    assert await home.look(DAY - 1) == []
    assert await home.look(1) == []
    assert home.test.warnings == (BLOCKED % 1,)
    assert await home.look(HOUR) == [TROUBLE]
    assert all("games" not in str(each) for each in (*home.told, *home.test.warnings))
    home.snapshot = live(family(CHILD, ADA), lists=LISTS)
    assert await home.look(HOUR) == [TROUBLE, WELL]
