"""Of whom no more than counts are kept, nothing counts what the household wrote itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from copdns.model.household import (
    BlockMode,
    LocalName,
    NameRewrite,
    OwnService,
    PrivacyMode,
)
from copdns.model.matchers import Matcher
from copdns.model.times import Budget, Grant, PauseSpan, Schedule, Topic, TopicKind
from copdns.model.verdict import Action, Reason
from copdns.privacy.own_numbers import is_own_limit
from copdns.time.schedule import parse_slots
from tests.fakes import FakeUpstream
from tests.home import Home
from tests.household import ADA, MIA, NOW, TOM, allow, block, family, library

SITE = Matcher("club.example")
CLUB = OwnService("club", "Club", (SITE,))
ALWAYS = parse_slots("daily 00:00-24:00")
GRANT = Grant(SITE, NOW - 60, NOW + 3600, NOW - 60, id="g1", profile="tom")

# What a household can write about one site, and what it then decides.
WRITTEN: dict[str, tuple[dict[str, Any], Reason]] = {
    "a rule that blocks": ({"rules": (block("club.example", "tom"),)}, Reason.RULE),
    "a rule that allows": ({"rules": (allow("club.example", "tom"),)}, Reason.RULE),
    "a rule for a tag": ({"rules": (block("club.example", "#children"),)}, Reason.RULE),
    "a rule for everyone": ({"rules": (block("club.example"),)}, Reason.RULE),
    "a rule about a network": ({"rules": (block("198.51.100.0/24"),)}, Reason.ADDRESS),
    "a schedule": ({"schedules": (Schedule("s", "tom", ALWAYS, (SITE,)),)}, Reason.SCHEDULE),
    "a limit": ({"budgets": (Budget("b", "tom", (("daily", 0),), (SITE,)),)}, Reason.BUDGET),
    "a schedule for a service of its own": (
        {
            "services": (CLUB,),
            "schedules": (Schedule("s", "", ALWAYS, (Topic(TopicKind.SERVICE, "club"),)),),
        },
        Reason.SCHEDULE,
    ),
    "temporary access": ({"grants": (GRANT,)}, Reason.GRANTED),
    "a local name": ({"local_names": (LocalName("club.example", ("192.0.2.9",)),)}, Reason.LOCAL),
    "a rewrite": ({"rewrites": (NameRewrite(SITE, "home.example"),)}, Reason.LOCAL),
    "a protected name": ({"protected": ("club.example",)}, Reason.PROTECTED),
}


def asked(name: str, mode: PrivacyMode, **written: Any) -> Home:
    """Return a home in which Tom asked for a name seven times, and all of it was counted."""
    tom = replace(
        TOM,
        privacy=mode,
        block_mode=BlockMode.NXDOMAIN,
        services=written.pop("blocked", TOM.services),
    )
    home = Home(
        family(MIA, tom, ADA, **written),
        library(categories={"games": ["play.example"]}),
        upstream=FakeUpstream({"club.example": "198.51.100.7", "other.example": "203.0.113.7"}),
    )
    for _ in range(7):
        home.ask("tom", name)
    home.recorder.flush(home.clock.wall)
    return home


def numbers(home: Home) -> object:
    counters = home.counters
    return (
        home.log.counts,
        home.log.rows,
        counters.verdicts,
        counters.categories,
        counters.rcodes,
        counters.queries,
    )


@pytest.mark.parametrize("what", WRITTEN)
@pytest.mark.parametrize("mode", [PrivacyMode.COUNTS, PrivacyMode.OFF])
def test_what_a_household_wrote_is_counted_as_any_other_name(what: str, mode: PrivacyMode) -> None:
    written, reason = WRITTEN[what]
    one = asked("club.example", mode, **written)
    assert one.recorder.last is not None
    assert one.recorder.last.verdict.reason is reason
    assert numbers(one) == numbers(asked("other.example", mode, **written))


@pytest.mark.parametrize("what", WRITTEN)
def test_where_blocked_names_are_kept_it_is_counted_as_what_it_is(what: str) -> None:
    written, reason = WRITTEN[what]
    one = asked("club.example", PrivacyMode.BLOCKED, **written)
    assert {key.reason for key in one.log.counts} == {reason}


def test_a_blocked_service_of_its_own_is_one_of_these() -> None:
    one = asked("club.example", PrivacyMode.COUNTS, services=(CLUB,), blocked=frozenset({"club"}))
    assert one.recorder.last is not None
    assert one.recorder.last.verdict.reason is Reason.SERVICE
    assert set(one.counters.verdicts) == {(Action.ALLOW, Reason.DEFAULT)}


@pytest.mark.parametrize(("own", "reasons"), [(True, {"default"}), (False, {"category"})])
def test_a_list_of_the_settings_is_one_of_these_and_no_other_list(
    own: bool, reasons: set[str]
) -> None:
    tom = replace(TOM, privacy=PrivacyMode.COUNTS, categories=frozenset({"games"}))
    home = Home(family(MIA, tom, ADA), library(categories={"games": ["play.example"]}))
    home.recorder.own_lists = frozenset({"games-list"} if own else ())
    home.ask("tom", "play.example")
    home.recorder.flush(home.clock.wall)
    assert {str(key.reason) for key in home.log.counts} == reasons
    assert bool(home.counters.categories) is not own


def test_what_copdns_decides_itself_is_counted_as_what_it_is() -> None:
    tom = replace(TOM, privacy=PrivacyMode.COUNTS, categories=frozenset({"games"}))
    home = Home(
        family(MIA, tom, ADA, pauses=(PauseSpan("mia", int(NOW)),)),
        library(categories={"games": ["play.example"]}),
    )
    home.ask("tom", "play.example")
    home.recorder.flush(home.clock.wall)
    (key,) = home.log.counts
    assert (key.action, key.reason, key.category) == (Action.BLOCK, Reason.CATEGORY, "games")


@pytest.mark.parametrize(
    ("about", "own"),
    [
        ((), False),
        ((Topic(TopicKind.CATEGORY, "games"),), False),
        ((Topic(TopicKind.SERVICE, "tube"),), False),
        ((Topic(TopicKind.SERVICE, "club"),), True),
        ((Topic(TopicKind.LIST, "games-list"),), True),
        ((SITE,), True),
        ((Topic(TopicKind.CATEGORY, "games"), SITE), True),
    ],
)
def test_which_limits_are_the_households_own(about: tuple[Any, ...], own: bool) -> None:
    house = family(services=(CLUB,))
    assert is_own_limit(house, Budget("b", "tom", (("daily", 30),), about)) is own
