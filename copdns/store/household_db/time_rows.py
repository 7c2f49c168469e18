"""The tables of time: their SQL, and how rows are values of `times`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date

from copdns.model.times import (
    WEEKDAYS,
    Bonus,
    Budget,
    Calendar,
    DayType,
    Extra,
    FailureChoices,
    Grant,
    OnFailure,
    Origin,
    Pause,
    Schedule,
    Slot,
    Subject,
    Ticket,
)
from copdns.store.household_db.cells import (
    Cells,
    Table,
    as_json,
    moment,
    number,
    subject,
    subjects,
    subjects_json,
    text,
    texts,
)


def weekend_json(weekend: frozenset[int]) -> str:
    return as_json(WEEKDAYS[each] for each in sorted(weekend))


def days_json(days: Iterable[tuple[date, DayType]]) -> str:
    return json.dumps({str(day): kind for day, kind in days})


def calendar(weekend: object, days: object) -> Calendar:
    """Read a calendar from its two cells; raise ValueError for what none of ours wrote."""
    kinds = json.loads(text(days))
    if not isinstance(kinds, dict):
        raise ValueError(f"{days!r} is not a mapping")
    return Calendar(
        frozenset(WEEKDAYS.index(each) for each in texts(weekend)),
        tuple((date.fromisoformat(day), DayType(text(kind))) for day, kind in kinds.items()),
    )


def failures(clock: object, lists: object, devices: object) -> FailureChoices:
    return FailureChoices(OnFailure(text(clock)), OnFailure(text(lists)), OnFailure(text(devices)))


def _slots_json(slots: Iterable[Slot]) -> str:
    return json.dumps([[sorted(each.days), each.start, each.length] for each in slots])


def _slots(cell: object) -> tuple[Slot, ...]:
    slots = []
    for days, start, length in _rows(cell, 3):
        if not isinstance(days, list):
            raise ValueError(f"{days!r} is not a list")
        slots.append(Slot(frozenset(map(text, days)), number(start), number(length)))
    return tuple(slots)


def _minutes(cell: object) -> tuple[tuple[str, int], ...]:
    return tuple((text(word), number(minutes)) for word, minutes in _rows(cell, 2))


def _rows(cell: object, size: int) -> list[list[object]]:
    """Return a list of lists of one size; ValueError for anything else."""
    rows = json.loads(text(cell))
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and len(row) == size for row in rows
    ):
        raise ValueError(f"{cell!r} is not a list of {size} each")
    return rows


def _subject_cell(about: Subject | None) -> str | None:
    return None if about is None else str(about)


def _subject(cell: object) -> Subject | None:
    return None if cell is None else subject(cell)


SCHEDULE: Table[Schedule] = Table(
    name="schedule",
    field="schedules",
    select="""
        select id, scope, slots, about, opens, grace, note
          from schedule where household = ? order by position""",
    write="""
        insert or replace into schedule (
               household, position,
               id, scope, slots, about, opens, grace, note)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    delete="delete from schedule where household = ? and id = ?",
    cells=lambda schedule: (
        schedule.id,
        schedule.scope,
        _slots_json(schedule.slots),
        subjects_json(schedule.about),
        schedule.opens,
        schedule.grace,
        schedule.note,
    ),
    value=lambda cells: Schedule(
        id=text(cells[0]),
        scope=text(cells[1]),
        slots=_slots(cells[2]),
        about=subjects(cells[3]),
        opens=bool(number(cells[4])),
        grace=number(cells[5]),
        note=text(cells[6]),
    ),
)

BUDGET: Table[Budget] = Table(
    name="budget",
    field="budgets",
    select="""
        select id, scope, minutes, about, carry_over, grace, note
          from budget where household = ? order by position""",
    write="""
        insert or replace into budget (
               household, position,
               id, scope, minutes, about, carry_over, grace, note)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    delete="delete from budget where household = ? and id = ?",
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
        id=text(cells[0]),
        scope=text(cells[1]),
        minutes=_minutes(cells[2]),
        about=subjects(cells[3]),
        carry_over=bool(number(cells[4])),
        grace=number(cells[5]),
        note=text(cells[6]),
    ),
)

PAUSE: Table[Pause] = Table(
    name="pause",
    field="pauses",
    select="""
        select profile, starts, ends, homework, author
          from pause where household = ? order by position""",
    write="""
        insert or replace into pause (
               household, position,
               profile, starts, ends, homework, author)
        values (?, ?, ?, ?, ?, ?, ?)""",
    delete="delete from pause where household = ? and profile = ?",
    cells=lambda pause: (pause.profile, pause.start, pause.end, pause.homework, pause.author),
    value=lambda cells: Pause(
        profile=text(cells[0]),
        start=number(cells[1]),
        end=None if cells[2] is None else number(cells[2]),
        homework=bool(number(cells[3])),
        author=text(cells[4]),
    ),
)


def _grant(cells: Cells) -> Grant:
    grant_id, profile, about, start, end, given, content, time, origin, author, note = cells
    return Grant(
        id=text(grant_id),
        profile=text(profile),
        about=_subject(about),
        start=moment(start),
        end=moment(end),
        given=moment(given),
        content=bool(number(content)),
        time=bool(number(time)),
        origin=Origin(text(origin)),
        author=text(author),
        note=text(note),
    )


GRANT: Table[Grant] = Table(
    name="grant",
    field="grants",
    select="""
        select id, profile, about, starts, ends, given, content, time, origin, author, note
          from grant where household = ? order by position""",
    write="""
        insert or replace into grant (
               household, position,
               id, profile, about, starts, ends, given, content, time, origin, author, note)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    delete="delete from grant where household = ? and id = ?",
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
    value=_grant,
)

BONUS: Table[Bonus] = Table(
    name="bonus",
    field="bonuses",
    select="""
        select id, profile, budget, day, minutes, kind, author, at
          from bonus where household = ? order by position""",
    write="""
        insert or replace into bonus (
               household, position,
               id, profile, budget, day, minutes, kind, author, at)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    delete="delete from bonus where household = ? and id = ?",
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
        id=text(cells[0]),
        profile=text(cells[1]),
        budget=text(cells[2]),
        day=date.fromisoformat(text(cells[3])),
        minutes=number(cells[4]),
        kind=Extra(text(cells[5])),
        author=text(cells[6]),
        at=number(cells[7]),
    ),
)


def _ticket(cells: Cells) -> Ticket:
    ticket_id, digest, minutes, made, expires, profile, about, label, author, used, user = cells
    return Ticket(
        id=text(ticket_id),
        digest=text(digest),
        minutes=number(minutes),
        made=number(made),
        expires=number(expires),
        profile=text(profile),
        about=_subject(about),
        label=text(label),
        author=text(author),
        redeemed=None if used is None else number(used),
        redeemed_by=text(user),
    )


TICKET: Table[Ticket] = Table(
    name="ticket",
    field="tickets",
    select="""
        select id, digest, minutes, made, expires, profile, about, label, author, redeemed,
               redeemed_by
          from ticket where household = ? order by position""",
    write="""
        insert or replace into ticket (
               household, position,
               id, digest, minutes, made, expires, profile, about, label, author, redeemed,
               redeemed_by)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    delete="delete from ticket where household = ? and id = ?",
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
    value=_ticket,
)
