"""Trouble that lasts is told once, and so is its end."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from copdns.app.alarms import DAY, HOUR, MAX_LIST_AGE, MINUTE, Alarms
from copdns.dns.exchange import DOWN_AFTER, Health
from copdns.model.events import EventKind
from copdns.time.clock import Moment

NOON = 1_774_800_000.0


class List(NamedTuple):
    age: float | None
    is_failing: bool


FRESH, OLDER, NEVER = List(HOUR, False), List(MAX_LIST_AGE + 1, True), List(None, True)


def health(down: bool) -> Health:
    made = Health("1")
    made.failures = DOWN_AFTER if down else 0
    return made


def told(*looks: tuple[float, bool, List]) -> list[tuple[EventKind, float]]:
    """Look at these moments, seconds after noon: whether the one upstream is down, and a list."""
    troubles, found = Alarms(), []
    for after, down, fetched in looks:
        events = troubles.check([health(down)], [fetched], Moment(NOON + after, after))
        found += [(event.kind, event.at - NOON) for event in events]
    return found


def test_an_upstream_that_is_away_for_a_moment_is_no_news() -> None:
    assert told((0, True, FRESH), (MINUTE - 1, True, FRESH), (MINUTE, False, FRESH)) == []


def test_trouble_that_lasts_is_told_once_and_so_is_its_end() -> None:
    looks = [(each, each < 300.0, FRESH) for each in range(0, 600, 10)]
    assert told(*looks) == [(EventKind.UPSTREAM_TROUBLE, 60), (EventKind.UPSTREAM_WELL, 300)]


def test_one_upstream_that_answers_is_enough() -> None:
    troubles = Alarms()
    for after in (0.0, MINUTE, HOUR):
        now = Moment(NOON + after, after)
        assert not list(troubles.check([health(True), health(False)], [], now))


@pytest.mark.parametrize("fetched", [OLDER, NEVER])
def test_a_list_that_stays_old_is_told_after_an_hour(fetched: List) -> None:
    assert told((0, False, fetched), (HOUR, False, fetched), (DAY, False, FRESH)) == [
        (EventKind.LIST_TROUBLE, HOUR),
        (EventKind.LIST_WELL, DAY),
    ]


@pytest.mark.parametrize(
    "fetched", [List(MAX_LIST_AGE - 1, True), List(MAX_LIST_AGE + 1, False), FRESH]
)
def test_a_list_that_is_fresh_enough_or_can_be_fetched_is_no_trouble(fetched: List) -> None:
    assert told((0, False, fetched), (HOUR, False, fetched)) == []
