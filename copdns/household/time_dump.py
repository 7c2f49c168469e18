"""Calendar, schedules and budgets as a file has them: the reverse of `time_shape.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import date
from typing import Any

from copdns.household.time_shape import LONGEST, TO
from copdns.model.times import (
    EVERY_DAY,
    WEEKDAYS,
    Budget,
    DayType,
    FailureChoices,
    Schedule,
    SchoolCalendar,
    Subject,
    weeks_text,
)
from copdns.time.schedule import slot_text


def clock_text(minute: int) -> str:
    """Return the time of a minute of the day: "04:00"."""
    return f"{minute // 60:02}:{minute % 60:02}"


def calendar_text(calendar: SchoolCalendar) -> dict[str, Any]:
    """Return what is not as in a usual week; days that follow each other are one range."""
    written: dict[str, Any] = {}
    if calendar.weekend != SchoolCalendar().weekend:
        written["weekend"] = [WEEKDAYS[each] for each in sorted(calendar.weekend)]
    if calendar.days:
        written["days"] = {
            stretch_text(first, last): str(kind) for first, last, kind in stretches(calendar.days)
        }
    return written


def stretches(days: Iterable[tuple[date, DayType]]) -> Iterator[tuple[date, date, DayType]]:
    """Yield the first and the last of days that follow each other and are of one type.

    No stretch is longer than a file may have it.
    """
    found: tuple[date, date, DayType] | None = None
    for day, kind in days:
        if found is not None and _goes_on(found, day, kind):
            found = found[0], day, kind
            continue
        if found is not None:
            yield found
        found = day, day, kind
    if found is not None:
        yield found


def _goes_on(found: tuple[date, date, DayType], day: date, kind: DayType) -> bool:
    first, last, before = found
    return kind is before and (day - last).days == 1 and (day - first).days < LONGEST


def stretch_text(first: date, last: date) -> str:
    """Return two dates, both included, as one text; a single day as itself."""
    return str(first) if first == last else f"{first}{TO}{last}"


def failures_text(failures: FailureChoices) -> dict[str, str]:
    """Return the choices that are not the usual ones."""
    return {
        each.name: str(getattr(failures, each.name))
        for each in fields(FailureChoices)
        if getattr(failures, each.name) != each.default
    }


def schedule_text(schedule: Schedule, scope: str = "") -> Any:
    """Return a schedule's keys, or its times alone where that says it all.

    scope: said by where it stands.
    """
    times = [slot_text(each) for each in schedule.slots]
    if schedule == Schedule(schedule.id, scope, schedule.slots):
        return times[0] if len(times) == 1 else times
    return _without_defaults(
        {
            "for": "" if schedule.scope == scope else schedule.scope,
            "open" if schedule.opens else "closed": times,
            "about": _texts(schedule.about),
            "grace": schedule.grace,
            "note": schedule.note,
            "weeks": weeks_text(schedule.weeks),
            "learning": schedule.learning,
        }
    )


def budget_text(budget: Budget, scope: str = "") -> dict[str, Any]:
    """Return a budget's keys.  scope: said by where it stands."""
    every_day = len(budget.minutes) == 1 and budget.minutes[0][0] == EVERY_DAY
    return {
        "minutes": budget.minutes[0][1] if every_day else dict(budget.minutes)
    } | _without_defaults(
        {
            "for": "" if budget.scope == scope else budget.scope,
            "about": _texts(budget.about),
            "carry_over": budget.carry_over,
            "grace": budget.grace,
            "note": budget.note,
        }
    )


def _texts(about: Iterable[Subject]) -> list[str]:
    return [str(each) for each in about]


def _without_defaults(written: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in written.items() if value}
