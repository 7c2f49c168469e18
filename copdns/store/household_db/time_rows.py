"""The tables of time: SQL, and how rows become values of `model/times.py`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date

from copdns.model.times import (
    WEEKDAYS,
    Bonus,
    Budget,
    DayType,
    Extra,
    FailureChoices,
    FilterBreak,
    Grant,
    MovedBedtime,
    OnFailure,
    Origin,
    PauseSpan,
    Schedule,
    SchoolCalendar,
    Slot,
    Subject,
    Ticket,
    parse_weeks,
    weeks_text,
)
from copdns.store.household_db.cells import (
    Cells,
    HouseholdTable,
    as_json,
    read_moment,
    read_number,
    read_optional,
    read_subject,
    read_subjects,
    read_text,
    read_texts,
    subjects_json,
)


def weekend_json(weekend: frozenset[int]) -> str:
    """Return the cell of a weekend.  weekend: days of the week, 0 for Monday."""
    return as_json(WEEKDAYS[each] for each in sorted(weekend))


def days_json(days: Iterable[tuple[date, DayType]]) -> str:
    """Return the cell of marked days: {"2026-12-24": "holiday"}."""
    return json.dumps({str(day): kind for day, kind in days})


def read_calendar(weekend: object, days: object) -> SchoolCalendar:
    """Return the calendar of its two cells; raise ValueError as the functions of `cells` do."""
    kinds = json.loads(read_text(days))
    if not isinstance(kinds, dict):
        raise ValueError(f"{days!r} is not a mapping")
    return SchoolCalendar(
        frozenset(WEEKDAYS.index(each) for each in read_texts(weekend)),
        tuple((date.fromisoformat(day), DayType(read_text(kind))) for day, kind in kinds.items()),
    )


def read_failures(clock: object, lists: object, devices: object) -> FailureChoices:
    """Return the choices of three cells; raise ValueError as the functions of `cells` do."""
    return FailureChoices(
        OnFailure(read_text(clock)), OnFailure(read_text(lists)), OnFailure(read_text(devices))
    )


def _slots_json(slots: Iterable[Slot]) -> str:
    return json.dumps([[sorted(each.days), each.start, each.length] for each in slots])


def _read_slots(cell: object) -> tuple[Slot, ...]:
    slots = []
    for days, start, length in _read_lists(cell, 3):
        if not isinstance(days, list):
            raise ValueError(f"{days!r} is not a list")
        slots.append(Slot(frozenset(map(read_text, days)), read_number(start), read_number(length)))
    return tuple(slots)


def _read_minutes(cell: object) -> tuple[tuple[str, int], ...]:
    return tuple((read_text(word), read_number(minutes)) for word, minutes in _read_lists(cell, 2))


def _read_lists(cell: object, size: int) -> list[list[object]]:
    """Return a list of lists of one size; raise ValueError for anything else."""
    rows = json.loads(read_text(cell))
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and len(row) == size for row in rows
    ):
        raise ValueError(f"{cell!r} is not a list of {size} each")
    return rows


def _subject_cell(about: Subject | None) -> str | None:
    return None if about is None else str(about)


SCHEDULE: HouseholdTable[Schedule] = HouseholdTable(
    name="schedule",
    field="schedules",
    columns="id, scope, slots, about, opens, grace, note, weeks, learning",
    cells=lambda schedule: (
        schedule.id,
        schedule.scope,
        _slots_json(schedule.slots),
        subjects_json(schedule.about),
        schedule.opens,
        schedule.grace,
        schedule.note,
        weeks_text(schedule.weeks),
        schedule.learning,
    ),
    value=lambda cells: Schedule(
        id=read_text(cells[0]),
        scope=read_text(cells[1]),
        slots=_read_slots(cells[2]),
        about=read_subjects(cells[3]),
        opens=bool(read_number(cells[4])),
        grace=read_number(cells[5]),
        note=read_text(cells[6]),
        weeks=parse_weeks(read_text(cells[7])),
        learning=bool(read_number(cells[8])),
    ),
)

BUDGET: HouseholdTable[Budget] = HouseholdTable(
    name="budget",
    field="budgets",
    columns="id, scope, minutes, about, carry_over, grace, note",
    cells=lambda budget: (
        budget.id,
        budget.scope,
        json.dumps(budget.minutes),
        subjects_json(budget.about),
        budget.carry_over,
        budget.grace,
        budget.note,
    ),
    value=lambda cells: Budget(
        id=read_text(cells[0]),
        scope=read_text(cells[1]),
        minutes=_read_minutes(cells[2]),
        about=read_subjects(cells[3]),
        carry_over=bool(read_number(cells[4])),
        grace=read_number(cells[5]),
        note=read_text(cells[6]),
    ),
)

PAUSE: HouseholdTable[PauseSpan] = HouseholdTable(
    name="pause",
    field="pauses",
    columns="profile, starts, ends, homework, author",
    cells=lambda pause: (pause.profile, pause.start, pause.end, pause.homework, pause.author),
    value=lambda cells: PauseSpan(
        profile=read_text(cells[0]),
        start=read_number(cells[1]),
        end=read_optional(read_number, cells[2]),
        homework=bool(read_number(cells[3])),
        author=read_text(cells[4]),
    ),
)

MOVED_BEDTIME: HouseholdTable[MovedBedtime] = HouseholdTable(
    name="moved_bedtime",
    field="moved_bedtimes",
    columns="profile, starts, moved, ends, author",
    cells=lambda moved: (moved.profile, moved.start, moved.moved, moved.end, moved.author),
    value=lambda cells: MovedBedtime(
        profile=read_text(cells[0]),
        start=read_number(cells[1]),
        moved=read_number(cells[2]),
        end=read_number(cells[3]),
        author=read_text(cells[4]),
    ),
)


FILTER_BREAK: HouseholdTable[FilterBreak] = HouseholdTable(
    name="filter_break",
    field="filter_breaks",
    columns="device, profile, starts, ends, author",
    cells=lambda each: (each.device, each.profile, each.start, each.end, each.author),
    value=lambda cells: FilterBreak(
        device=read_text(cells[0]),
        profile=read_text(cells[1]),
        start=read_number(cells[2]),
        end=read_number(cells[3]),
        author=read_text(cells[4]),
    ),
)


def _read_grant(cells: Cells) -> Grant:
    grant_id, profile, about, start, end, given, content, time, origin, author, note = cells
    return Grant(
        id=read_text(grant_id),
        profile=read_text(profile),
        about=read_optional(read_subject, about),
        start=read_moment(start),
        end=read_moment(end),
        given=read_moment(given),
        content=bool(read_number(content)),
        time=bool(read_number(time)),
        origin=Origin(read_text(origin)),
        author=read_text(author),
        note=read_text(note),
    )


GRANT: HouseholdTable[Grant] = HouseholdTable(
    name="grant",
    field="grants",
    columns="id, profile, about, starts, ends, given, content, time, origin, author, note",
    cells=lambda grant: (
        grant.id,
        grant.profile,
        _subject_cell(grant.about),
        grant.start,
        grant.end,
        grant.given,
        grant.content,
        grant.time,
        grant.origin,
        grant.author,
        grant.note,
    ),
    value=_read_grant,
)

BONUS: HouseholdTable[Bonus] = HouseholdTable(
    name="bonus",
    field="bonuses",
    columns="id, profile, budget, day, minutes, kind, author, at",
    cells=lambda bonus: (
        bonus.id,
        bonus.profile,
        bonus.budget,
        str(bonus.day),
        bonus.minutes,
        bonus.kind,
        bonus.author,
        bonus.at,
    ),
    value=lambda cells: Bonus(
        id=read_text(cells[0]),
        profile=read_text(cells[1]),
        budget=read_text(cells[2]),
        day=date.fromisoformat(read_text(cells[3])),
        minutes=read_number(cells[4]),
        kind=Extra(read_text(cells[5])),
        author=read_text(cells[6]),
        at=read_number(cells[7]),
    ),
)


def _read_ticket(cells: Cells) -> Ticket:
    ticket_id, digest, minutes, made, expires, profile, about, label, author, used, user = cells
    return Ticket(
        id=read_text(ticket_id),
        digest=read_text(digest),
        minutes=read_number(minutes),
        made=read_number(made),
        expires=read_number(expires),
        profile=read_text(profile),
        about=read_optional(read_subject, about),
        label=read_text(label),
        author=read_text(author),
        redeemed=read_optional(read_number, used),
        redeemed_by=read_text(user),
    )


TICKET: HouseholdTable[Ticket] = HouseholdTable(
    name="ticket",
    field="tickets",
    columns=(
        "id, digest, minutes, made, expires, profile, about, label, author, redeemed, redeemed_by"
    ),
    cells=lambda ticket: (
        ticket.id,
        ticket.digest,
        ticket.minutes,
        ticket.made,
        ticket.expires,
        ticket.profile,
        _subject_cell(ticket.about),
        ticket.label,
        ticket.author,
        ticket.redeemed,
        ticket.redeemed_by,
    ),
    value=_read_ticket,
)
