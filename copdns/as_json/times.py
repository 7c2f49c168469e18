"""What a household says about time as JSON objects.  Never a ticket's digest."""

from __future__ import annotations

from collections.abc import Iterable

from copdns.as_json.plain import utc
from copdns.household.time_dump import calendar_text, clock_text
from copdns.model.household import Household
from copdns.model.times import (
    Bonus,
    Budget,
    FilterBreak,
    Grant,
    PauseSpan,
    Schedule,
    Subject,
    Ticket,
    weeks_text,
)
from copdns.time.bedtime import Bedtime
from copdns.time.own_timers import OwnTimer
from copdns.time.schedule import slot_text


def times_json(household: Household) -> dict[str, object]:
    """Return all that a household says about time, besides what its profiles have."""
    return {
        **calendar_json(household),
        "failures": {
            "clock": household.failures.clock,
            "lists": household.failures.lists,
            "devices": household.failures.devices,
        },
        "schedules": [schedule_json(each) for each in household.schedules],
        "budgets": [budget_json(each) for each in household.budgets],
        "pauses": [pause_json(each) for each in household.pauses],
        "grants": [grant_json(each) for each in household.grants],
        "bonuses": [bonus_json(each) for each in household.bonuses],
        "tickets": [ticket_json(each) for each in household.tickets],
    }


def calendar_json(household: Household) -> dict[str, object]:
    """Return the calendar as a household file has it, and when a day of budgets begins."""
    return {
        "calendar": calendar_text(household.calendar),
        "day_starts": clock_text(household.day_starts),
    }


def bedtime_json(tonight: Bedtime | None) -> dict[str, str | None]:
    """Return tonight's bedtime; all is None where nothing turns everything off over the night."""
    usual, start, end = (None, None, None) if tonight is None else map(utc, tonight)
    return {"usual": usual, "start": start, "end": end}


def schedule_json(schedule: Schedule) -> dict[str, object]:
    """Return a schedule.  about: [] for everything; grace: minutes; weeks: "" for every one."""
    return {
        "id": schedule.id,
        "for": schedule.scope,
        "slots": [slot_text(each) for each in schedule.slots],
        "about": texts(schedule.about),
        "open": schedule.opens,
        "grace": schedule.grace,
        "note": schedule.note,
        "weeks": weeks_text(schedule.weeks),
        "learning": schedule.learning,
    }


def budget_json(budget: Budget) -> dict[str, object]:
    """Return a budget.  minutes: by word for days; about: [] for everything; grace: minutes."""
    return {
        "id": budget.id,
        "for": budget.scope,
        "minutes": dict(budget.minutes),
        "about": texts(budget.about),
        "carry_over": budget.carry_over,
        "grace": budget.grace,
        "note": budget.note,
    }


def pause_json(pause: PauseSpan) -> dict[str, object]:
    """Return a pause.  end: null where somebody must end it; times in UTC."""
    return {
        "profile": pause.profile,
        "start": utc(pause.start),
        "end": utc(pause.end),
        "homework": pause.homework,
        "author": pause.author,
    }


def filter_break_json(one: FilterBreak) -> dict[str, object]:
    """Return the span in which a device opens everything but what is dangerous; times in UTC."""
    return {
        "device": one.device,
        "profile": one.profile,
        "start": utc(one.start),
        "end": utc(one.end),
        "author": one.author,
    }


def timer_json(profile: str, timer: OwnTimer) -> dict[str, object]:
    """Return a timer that a person started for themselves.

    kind: stop, off from its end on; focus, off until its end.  until: when it is forgotten.
    """
    return {
        "profile": profile,
        "kind": timer.kind,
        "topic": timer.topic,
        "start": utc(timer.start),
        "end": utc(timer.end),
        "until": utc(timer.until),
    }


def grant_json(grant: Grant) -> dict[str, object]:
    """about: null is every name."""
    return {
        "id": grant.id,
        "profile": grant.profile,
        "about": _text(grant.about),
        "start": utc(grant.start),
        "end": utc(grant.end),
        "given": utc(grant.given),
        "content": grant.content,
        "time": grant.time,
        "origin": grant.origin,
        "author": grant.author,
        "note": grant.note,
    }


def bonus_json(bonus: Bonus) -> dict[str, object]:
    """Return minutes that were given.  day: as the household's calendar has it; at: in UTC."""
    return {
        "id": bonus.id,
        "profile": bonus.profile,
        "budget": bonus.budget,
        "day": str(bonus.day),
        "minutes": bonus.minutes,
        "kind": bonus.kind,
        "author": bonus.author,
        "at": utc(bonus.at),
    }


def ticket_json(ticket: Ticket) -> dict[str, object]:
    """about: null is every name; for: "" is whoever has the code."""
    return {
        "id": ticket.id,
        "minutes": ticket.minutes,
        "for": ticket.profile,
        "about": _text(ticket.about),
        "made": utc(ticket.made),
        "expires": utc(ticket.expires),
        "label": ticket.label,
        "author": ticket.author,
        "redeemed": utc(ticket.redeemed),
        "redeemed_by": ticket.redeemed_by,
    }


def texts(about: Iterable[Subject]) -> list[str]:
    """Return subjects as they are written in a household file."""
    return [str(each) for each in about]


def _text(about: Subject | None) -> str | None:
    return None if about is None else str(about)
