"""Schedules, limits and temporary access in few words; never a ticket's code or digest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import date

from copdns.cli.output import count_text, local_text
from copdns.household.time_dump import clock_text, stretch_text, stretches
from copdns.model.times import (
    EVERY_DAY,
    WEEKDAYS,
    Bonus,
    Budget,
    DayType,
    Extra,
    FailureChoices,
    Grant,
    PauseSpan,
    Schedule,
    SchoolCalendar,
    Subject,
    Ticket,
    WeekParity,
    Weeks,
)
from copdns.time.budget import has_effect
from copdns.time.schedule import slot_text

ANYONE = "anyone with the code"

TimeItem = Schedule | Budget | PauseSpan | Grant | Bonus | Ticket


def time_item_text(value: TimeItem, zone: str) -> str:
    """Return a line for a terminal.  zone: IANA name, for its moments."""
    match value:
        case Schedule():
            return schedule_text(value)
        case Budget():
            return budget_text(value)
        case PauseSpan():
            return pause_text(value, zone)
        case Grant():
            return grant_text(value, zone)
        case Bonus():
            return bonus_text(value)
        case Ticket():
            return ticket_text(value, zone)


def schedule_text(schedule: Schedule) -> str:
    """Return "mia: category:games off school_night 21:00-07:00 (Sleep well)"."""
    times = ", ".join(map(slot_text, schedule.slots))
    how = "only" if schedule.opens else "off"
    what = "everything but learning sites" if schedule.learning else subjects_text(schedule.about)
    text = f"{schedule.scope or 'everyone'}: {what} {how} {times}"
    text += weeks_words(schedule.weeks)
    return _with_note(_with_grace(text, schedule.grace), schedule.note)


def weeks_words(weeks: Weeks | None) -> str:
    """Return ", even weeks" or ", every second week from 2026-11-30"; "" for every week."""
    if weeks is None:
        return ""
    if isinstance(weeks, WeekParity):
        return f", {weeks} weeks"
    return f", every second week from {weeks}"


def budget_text(budget: Budget) -> str:
    """Return "mia: category:games 60 minutes school, 120 minutes weekend"."""
    text = f"{budget.scope or 'everyone'}: {subjects_text(budget.about)} {minutes_text(budget)}"
    if not has_effect(budget.minutes):
        text = f"{text} (no effect: these are whole days)"
    if budget.carry_over:
        text = f"{text}, unused minutes carry over"
    return _with_note(_with_grace(text, budget.grace), budget.note)


def minutes_text(budget: Budget) -> str:
    """Return how many minutes there are on which days: "60 minutes a day, 90 minutes weekend"."""
    return ", ".join(
        f"{count_text(minutes, 'minute')} {'a day' if word == EVERY_DAY else word}"
        for word, minutes in budget.minutes
    )


def pause_text(pause: PauseSpan, zone: str) -> str:
    """Return its start and end, and whether it is homework mode."""
    text = f"from {local_text(pause.start, zone)} until {pause_end(pause, zone)}"
    return f"{text}, homework mode" if pause.homework else text


def pause_end(pause: PauseSpan, zone: str) -> str:
    """Return when a pause ends.  zone: of the household, as in "Europe/Paris"."""
    return "someone ends it" if pause.end is None else local_text(pause.end, zone)


def grant_text(grant: Grant, zone: str) -> str:
    """Return who may use what, when, and what the grant lifts."""
    span = f"from {local_text(grant.start, zone)} until {local_text(grant.end, zone)}"
    text = f"{grant.profile}: {subject_text(grant.about)} {span}"
    return _with_note(f"{text}, lifts {lifted_text(grant)}, by {grant.origin}", grant.note)


def lifted_text(grant: Grant) -> str:
    """Return "content", "time", or "content and time"."""
    return " and ".join(name for name in ("content", "time") if getattr(grant, name))


def bonus_text(bonus: Bonus) -> str:
    """Return whose minutes they are, of which budget, and on which day."""
    what = "credited to" if bonus.kind is Extra.CREDIT else "extra for"
    minutes = count_text(bonus.minutes, "minute")
    return f"{bonus.profile}: {minutes} {what} {bonus.budget} on {bonus.day}"


def ticket_text(ticket: Ticket, zone: str) -> str:
    """Return what it is worth, and its end, or who redeemed it."""
    minutes, whose = count_text(ticket.minutes, "minute"), ticket.profile or ANYONE
    text = f"{minutes} of {subject_text(ticket.about)} for {whose}"
    if ticket.redeemed is not None:
        used = local_text(ticket.redeemed, zone)
        return _with_note(f"{text}, redeemed by {ticket.redeemed_by} on {used}", ticket.label)
    return _with_note(f"{text}, valid until {local_text(ticket.expires, zone)}", ticket.label)


def subject_text(about: Subject | None) -> str:
    """Return what a grant or ticket is about; None: everything."""
    return subjects_text([about] if about else [])


def subjects_text(about: Iterable[Subject]) -> str:
    """Return subjects as rules have them, with commas; none of them is everything."""
    return ", ".join(map(str, about)) or "everything"


def calendar_text(calendar: SchoolCalendar, day_starts: int) -> Iterator[str]:
    """Yield "weekend: sat, sun", "2026-12-24..2027-01-06: holiday", and when a day begins."""
    yield f"weekend: {_week_text(calendar.weekend)}"
    for first, last, kind in stretches(calendar.days):
        yield f"{stretch_text(first, last)}: {kind}"
    if day_starts:
        yield f"daily limits reset at {clock_text(day_starts)}"


def calendar_changes(before: SchoolCalendar, after: SchoolCalendar) -> Iterator[str]:
    """Yield "calendar: + 2026-12-24..2027-01-06 holiday", "- " for days that are normal again."""
    if before.weekend != after.weekend:
        yield f"weekend: {_week_text(before.weekend)} -> {_week_text(after.weekend)}"
    added = [each for each in after.days if each not in before.days]
    removed = [each for each in before.days if each[0] not in dict(after.days)]
    if lines := [*_days_texts("+", added), *_days_texts("-", removed)]:
        yield f"calendar: {', '.join(lines)}"


def _days_texts(sign: str, days: Iterable[tuple[date, DayType]]) -> Iterator[str]:
    for first, last, kind in stretches(days):
        yield f"{sign} {stretch_text(first, last)} {kind}"


def _week_text(weekend: frozenset[int]) -> str:
    return ", ".join(WEEKDAYS[each] for each in sorted(weekend)) or "none"


def day_start_change(before: int, after: int) -> str:
    """Return how the start of a day changed.  before, after: minutes after midnight."""
    return f"day starts: {clock_text(before)} -> {clock_text(after)}"


def failure_changes(before: FailureChoices, after: FailureChoices) -> Iterator[str]:
    """Yield a line for each choice that changed."""
    for each in fields(FailureChoices):
        old, new = getattr(before, each.name), getattr(after, each.name)
        if old is not new:
            yield f"failures: {each.name}: {old} -> {new}"


def _with_grace(text: str, grace: int) -> str:
    return f"{text}, grace period {count_text(grace, 'minute')}" if grace else text


def _with_note(text: str, note: str) -> str:
    return f"{text} ({note})" if note else text
