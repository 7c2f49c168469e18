"""What must hold of everything that a household says about time, whatever data copdns has.

`household/check.py` yields these violations among its own, and also checks which topics exist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

from copdns.model.household import Household
from copdns.model.sentences import Sentence, sentence
from copdns.model.times import (
    DAY_MINUTES,
    DAY_WORDS,
    Budget,
    Grant,
    Schedule,
    SchoolCalendar,
    Slot,
    Ticket,
)
from copdns.model.violations import Violation, no_such

LATEST_START = DAY_MINUTES // 2 - 1  # of a day of budgets: noon belongs to its own date
MOST_DAYS = 3660  # single dates of a calendar: ten years of them
MOST_GRACE = 60  # minutes


def time_faults(household: Household) -> Iterator[Violation]:
    """Yield what is wrong with calendar, schedules, budgets, pauses and permissions."""
    yield from _calendar_faults(household.calendar)
    if not 0 <= household.day_starts <= LATEST_START:
        what = sentence("a day must start in the morning; write a time from 00:00 to 11:59")
        yield Violation("day_starts", "", "", what)
    people = [each.id for each in household.profiles]
    for schedule in household.schedules:
        yield from _scope_faults("schedules", schedule, people)
        yield from _schedule_faults(schedule)
    for budget in household.budgets:
        yield from _scope_faults("budgets", budget, people)
        yield from _budget_faults(budget)
    yield from _owner_faults(household, people)
    yield from _ending_faults(household)


def _calendar_faults(calendar: SchoolCalendar) -> Iterator[Violation]:
    if not calendar.weekend <= set(range(7)):
        yield Violation(
            "calendar",
            "",
            "weekend",
            sentence("has a day that does not exist; use mon, tue, wed, thu, fri, sat or sun"),
        )
    if any(early >= late for (early, _), (late, _) in pairwise(calendar.days)):
        yield Violation("calendar", "", "days", sentence("are not in order, or one is there twice"))
    if len(calendar.days) > MOST_DAYS:
        what = sentence(
            "%(dates)s dates are too many; keep at most %(most)s, and remove old ones",
            dates=len(calendar.days),
            most=MOST_DAYS,
        )
        yield Violation("calendar", "", "days", what)


def _scope_faults(
    part: str, value: Schedule | Budget, people: Iterable[str]
) -> Iterator[Violation]:
    if value.scope and not value.scope.startswith("#") and value.scope not in people:
        yield Violation(part, value.id, "scope", no_such("profile", value.scope, people))
    for about, times in Counter(map(str, value.about)).items():
        if times > 1:
            yield Violation(
                part,
                value.id,
                "about",
                sentence("%(about)s is there twice; keep only one", about=about),
            )
    if not 0 <= value.grace <= MOST_GRACE:
        what = sentence(
            "%(minutes)s minutes is out of range; write 0 to %(most)s",
            minutes=value.grace,
            most=MOST_GRACE,
        )
        yield Violation(part, value.id, "grace", what)


def _schedule_faults(schedule: Schedule) -> Iterator[Violation]:
    if not schedule.slots:
        what = sentence("has no times; write some such as school_night 21:00-07:00")
        yield Violation("schedules", schedule.id, "", what)
    if schedule.learning and (schedule.about or schedule.opens):
        what = sentence(
            "homework sites can stay on only while everything else is off; remove `about` and "
            "use `closed`"
        )
        yield Violation("schedules", schedule.id, "learning", what)
    for slot in schedule.slots:
        for what in _slot_faults(slot):
            yield Violation("schedules", schedule.id, "", what)


def _slot_faults(slot: Slot) -> Iterator[Sentence]:
    if not slot.days:
        yield sentence("one time has no days; write daily for every day")
    for word in sorted(slot.days - set(DAY_WORDS)):
        yield no_such("day", word, DAY_WORDS)
    if not 0 <= slot.start < DAY_MINUTES:
        yield sentence(
            "one time starts at minute %(start)s of the day; write 0 to %(last)s",
            start=slot.start,
            last=DAY_MINUTES - 1,
        )
    if not 1 <= slot.length <= DAY_MINUTES:
        yield sentence(
            "one time is %(minutes)s minutes long; it must last from 1 minute to 24 hours",
            minutes=slot.length,
        )


def _budget_faults(budget: Budget) -> Iterator[Violation]:
    if not budget.minutes:
        what = sentence("has no minutes; write how many a day, such as 60")
        yield Violation("budgets", budget.id, "minutes", what)
    for word, times in Counter(word for word, _ in budget.minutes).items():
        if word not in DAY_WORDS:
            yield Violation("budgets", budget.id, "minutes", no_such("day", word, DAY_WORDS))
        if times > 1:
            yield Violation(
                "budgets",
                budget.id,
                "minutes",
                sentence("%(about)s is there twice; keep only one", about=word),
            )
    for _, minutes in budget.minutes:
        if not 0 <= minutes <= DAY_MINUTES:
            what = sentence(
                "%(minutes)s minutes is out of range; write 0 to %(most)s (a whole day)",
                minutes=minutes,
                most=DAY_MINUTES,
            )
            yield Violation("budgets", budget.id, "minutes", what)


def _owner_faults(household: Household, people: list[str]) -> Iterator[Violation]:
    owners = [
        *(("pauses", each.profile, each.profile) for each in household.pauses),
        *(("moved_bedtimes", each.profile, each.profile) for each in household.moved_bedtimes),
        *(("filter_breaks", each.device, each.profile) for each in household.filter_breaks),
        *(("grants", each.id, each.profile) for each in household.grants),
        *(("bonuses", each.id, each.profile) for each in household.bonuses),
        *(("tickets", each.id, each.profile) for each in household.tickets if each.profile),
    ]
    for part, key, profile_id in owners:
        if profile_id not in people:
            yield Violation(part, key, "profile", no_such("profile", profile_id, people))
    budgets = [each.id for each in household.budgets]
    for bonus in household.bonuses:
        if bonus.budget not in budgets:
            yield Violation("bonuses", bonus.id, "budget", no_such("budget", bonus.budget, budgets))


def _ending_faults(household: Household) -> Iterator[Violation]:
    for pause in household.pauses:
        if pause.end is not None and pause.end <= pause.start:
            yield Violation(
                "pauses",
                pause.profile,
                "end",
                sentence("is not after its start; choose a later end"),
            )
    for moved in household.moved_bedtimes:
        if max(moved.start, moved.moved) >= moved.end:
            late = sentence("is not after its start; choose a later end")
            yield Violation("moved_bedtimes", moved.profile, "end", late)
    for one in household.filter_breaks:
        if one.start >= one.end:
            late = sentence("is not after its start; choose a later end")
            yield Violation("filter_breaks", one.device, "end", late)
    for grant in household.grants:
        yield from _grant_faults(grant)
    for bonus in household.bonuses:
        if what := _minutes_fault(bonus.minutes):
            yield Violation("bonuses", bonus.id, "minutes", what)
    for ticket in household.tickets:
        yield from _ticket_faults(ticket)
    for digest, times in Counter(each.digest for each in household.tickets).items():
        if times > 1:
            twice = [each.id for each in household.tickets if each.digest == digest]
            yield Violation(
                "tickets",
                twice[-1],
                "",
                sentence("has the same code as %(other)s; create another", other=twice[0]),
            )


def _grant_faults(grant: Grant) -> Iterator[Violation]:
    if grant.end <= grant.start:
        yield Violation(
            "grants", grant.id, "end", sentence("is not after its start; choose a later end")
        )
    if not (grant.content or grant.time):
        yield Violation(
            "grants", grant.id, "", sentence("allows nothing; choose content, time or both")
        )


def _ticket_faults(ticket: Ticket) -> Iterator[Violation]:
    if what := _minutes_fault(ticket.minutes):
        yield Violation("tickets", ticket.id, "minutes", what)
    if ticket.expires <= ticket.made:
        yield Violation(
            "tickets",
            ticket.id,
            "expires",
            sentence("is not after it was created; choose a later date"),
        )


def _minutes_fault(minutes: int) -> Sentence | None:
    """Return what is wrong with minutes that somebody gives, None for 1 to 1440."""
    if 1 <= minutes <= DAY_MINUTES:
        return None
    return sentence(
        "%(minutes)s minutes is out of range; write 1 to %(most)s (a whole day)",
        minutes=minutes,
        most=DAY_MINUTES,
    )
