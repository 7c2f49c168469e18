"""A bedtime as families say it: from when to when before school, and on the other nights.

A bedtime is a schedule like any other: `nights_of` tells which schedules are one, so that it does
not matter who wrote them and how, and `night_slots` writes one.  Pure; times are minutes of the
day, on the wall clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from copdns.model.times import (
    DAY_MINUTES,
    EVERY_DAY,
    FREE_NIGHT,
    SCHOOL_NIGHT,
    DayType,
    Schedule,
    Slot,
    Topic,
    TopicKind,
)

NOON: Final = 720
LATEST: Final = 360  # at which a night can begin after midnight: 05:59
# What a bedtime can turn off instead of everything.
PLAY: Final = tuple(Topic(TopicKind.CATEGORY, each) for each in ("games", "social", "chat"))

# The dates on which a night before a school day, or another, begins: in the evening, or after
# midnight, which is the next date.
_SCHOOL_EVENING: Final = frozenset({SCHOOL_NIGHT})
_FREE_EVENING: Final = frozenset({FREE_NIGHT})
_SCHOOL_MORNING: Final = frozenset({str(DayType.SCHOOL)})
_FREE_MORNING: Final = frozenset({str(DayType.WEEKEND), str(DayType.HOLIDAY)})


class Night(NamedTuple):
    """From when to when.  start: from NOON on, or before LATEST; end: not after NOON, 0 for
    midnight."""

    start: int
    end: int


class Nights(NamedTuple):
    """The nights of a bedtime: before a school day, and before any other day.  None: no bedtime."""

    school: Night | None
    free: Night | None


def can_be_night(start: int, end: int) -> bool:
    """Tell whether something that begins and ends at these minutes of the day is a night."""
    if NOON <= start < DAY_MINUTES:
        return 0 <= end <= NOON and start != end
    return 0 <= start < LATEST and start < end <= NOON


def night_slots(nights: Nights) -> tuple[Slot, ...]:
    """Return the slots of a bedtime; () for one with no nights."""
    found = []
    if nights.school:
        found.append(_slot(nights.school, _SCHOOL_EVENING, _SCHOOL_MORNING))
    if nights.free:
        found.append(_slot(nights.free, _FREE_EVENING, _FREE_MORNING))
    return tuple(found)


def _slot(night: Night, evening: frozenset[str], morning: frozenset[str]) -> Slot:
    is_late = night.start < LATEST
    return Slot(morning if is_late else evening, night.start, (night.end - night.start) % 1440)


def nights_of(schedule: Schedule) -> Nights | None:
    """Return the nights of a schedule that is a bedtime; None where it is something else.

    It turns off everything, or PLAY, in nights that `night_slots` can write, or in every night.
    """
    if schedule.opens or schedule.about not in ((), PLAY):
        return None
    school: list[Night] = []
    free: list[Night] = []
    for slot in schedule.slots:
        night = Night(slot.start, (slot.start + slot.length) % DAY_MINUTES)
        if not can_be_night(*night) or slot.length >= DAY_MINUTES:
            return None
        of = tuple(_nights_of_days(slot.days, is_late=night.start < LATEST))
        if not of:
            return None
        school += [night] if SCHOOL_NIGHT in of else []
        free += [night] if FREE_NIGHT in of else []
    if max(len(school), len(free)) != 1 or not schedule.slots:
        return None
    return Nights(next(iter(school), None), next(iter(free), None))


def _nights_of_days(days: frozenset[str], *, is_late: bool) -> Iterator[str]:
    """Yield which nights begin on days; nothing where that depends on the date."""
    school, free = (_SCHOOL_MORNING, _FREE_MORNING) if is_late else (_SCHOOL_EVENING, _FREE_EVENING)
    if days in (school, frozenset({EVERY_DAY}), school | free):
        yield SCHOOL_NIGHT
    if days in (free, frozenset({EVERY_DAY}), school | free):
        yield FREE_NIGHT
