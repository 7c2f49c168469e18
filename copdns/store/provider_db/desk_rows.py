"""Cases of the reviewers' desk in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from random import SystemRandom
from typing import Final

from copdns.appeals.review import DecisionReason
from copdns.model.errors import RegisterError
from copdns.provider.staff.desk import (
    REVIEWERS,
    CaseOrigin,
    CaseReason,
    CaseState,
    DeskCase,
    DeskDecision,
    no_case,
)
from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresConnection, PostgresPool

KEPT_FOR: Final = 2 * 366 * 86_400  # seconds after a case was asked
MOST_OPEN: Final = 10_000  # cases of one origin that wait
# By lot, since the next number would tell a tenant's staff how many others asked meanwhile.
_NUMBERS: Final = range(10_000_000, 100_000_000)
_LOCK: Final = "=desk"  # no household has this id
_OPEN: Final = (CaseState.WAITING, CaseState.SECOND)


class DeskStore:
    """Methods block, and raise StoreError and RegisterError."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    def load(self) -> tuple[DeskCase, ...]:
        """Return all cases, the oldest first."""
        with self._pool.connection() as connection:
            return _load(connection, "true", ())

    def waiting(self, since: int) -> tuple[DeskCase, ...]:
        """Return cases that may wait, with a target from `since` on: some of them were refused."""
        with self._pool.connection() as connection:
            few = "(select count(*) from desk_decision d where d.number = desk_case.number) < ?"
            return _load(connection, f"due >= ? and {few}", (since, REVIEWERS))

    def newest(self) -> tuple[int, int]:
        """Return what is another pair whenever a case was decided: how many, and the last when."""
        with self._pool.connection() as connection:
            ((many, at),) = connection.execute(
                "select count(*), coalesce(max(at), 0) from desk_decision"
            ).fetchall()
            return int(many), int(at)

    def find(self, number: int) -> DeskCase:
        """Return a case; raise RegisterError where there is none of this number."""
        with self._pool.connection() as connection:
            return _find(connection, number)

    def some(self, numbers: Collection[int]) -> tuple[DeskCase, ...]:
        """Return the cases that there are of these numbers."""
        with self._pool.connection() as connection:
            return some_cases(connection, numbers)

    def draw_missing(self, draw: Callable[[DeskCase], DeskCase]) -> None:
        """Give reviewers to the cases that have none, as `draw` does; RegisterError as it does."""
        with self._pool.connection() as connection:
            numbers = [each.number for each in _load(connection, "drawn = ''", ())]
        for number in numbers:
            self.change(number, draw)

    def about(self, slug: str, entry: str) -> tuple[DeskCase, ...]:
        """Return the cases about a line of a list, the oldest first."""
        with self._pool.connection() as connection:
            return cases_about(connection, slug, entry)

    def add(self, case: DeskCase) -> DeskCase:
        """Store a new case, and return it with its number.

        Where one of the same tenant and origin waits about the same line of a list, that one is
        returned.
        """
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            return _add(connection, case)

    def change(self, number: int, edit: Callable[[DeskCase], DeskCase]) -> DeskCase:
        """Store what an edit makes of a case; one changes it at a time."""
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            before = _find(connection, number)
            after = edit(before)
            connection.execute(
                "update desk_case set due = ?, drawn = ?, asked_again = ? where number = ?",
                (after.due, " ".join(after.drawn), int(after.asked_again), number),
            )
            connection.execute("delete from desk_decision where number = ?", (number,))
            for place, each in enumerate(after.decisions):
                connection.execute(
                    "insert into desk_decision values (?, ?, ?, ?, ?, ?)",
                    (number, place, each.by, each.at, str(each.reason), each.policy),
                )
            return after

    def forget(self, now: int) -> int:
        """Delete cases that were kept for long enough; return how many.

        By both clocks: one that is ahead would delete too early.  One that was decided since stays.
        """
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            return connection.execute(
                """
                delete from desk_case
                 where asked < least(cast(:since as bigint),
                                     extract(epoch from clock_timestamp()) - :kept)
                   and not exists (
                       select 1 from desk_decision d
                        where d.number = desk_case.number and d.at >= :since)
                """,
                {"since": now - KEPT_FOR, "kept": KEPT_FOR},
            ).rowcount


def some_cases(connection: PostgresConnection, numbers: Collection[int]) -> tuple[DeskCase, ...]:
    """As `DeskStore.some`, within a transaction."""
    return _load(connection, "number = any(?)", (sorted(numbers),))


def cases_about(connection: PostgresConnection, slug: str, entry: str) -> tuple[DeskCase, ...]:
    """As `DeskStore.about`, within a transaction."""
    return _load(connection, "list = ? and entry = ?", (slug, entry))


def add_case(connection: PostgresConnection, case: DeskCase) -> DeskCase:
    """As `DeskStore.add`, within the transaction of a household."""
    connection.lock_too(_LOCK)
    return _add(connection, case)


def _add(connection: PostgresConnection, case: DeskCase) -> DeskCase:
    waiting = [
        each
        for each in _load(connection, "origin = ?", (str(case.origin),))
        if each.state(case.asked) in _OPEN
    ]
    for each in waiting:
        if (each.tenant, each.list, each.entry) == (case.tenant, case.list, case.entry):
            return each
    if len(waiting) >= MOST_OPEN:
        raise RegisterError("too many cases wait; try again in some days")
    number = SystemRandom().choice(_NUMBERS)
    while _load(connection, "number = ?", (number,)):
        number = SystemRandom().choice(_NUMBERS)
    connection.execute(
        """
        insert into desk_case
            (number, tenant, origin, name, list, entry, reason, asked, due, drawn)
            overriding system value values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            *(number, case.tenant, str(case.origin), case.name, case.list, case.entry),
            *(str(case.reason), case.asked, case.due, " ".join(case.drawn)),
        ),
    )
    return replace(case, number=number)


def _find(connection: PostgresConnection, number: int) -> DeskCase:
    found = _load(connection, "number = ?", (number,))
    if not found:
        raise no_case(number)
    return found[0]


def _load(
    connection: PostgresConnection, where: str, parameters: tuple[object, ...]
) -> tuple[DeskCase, ...]:
    decisions: dict[int, list[DeskDecision]] = {}
    for number, by, at, reason, policy in connection.execute(
        f"""
        select number, by, at, reason, policy from desk_decision
         where number in (select number from desk_case where {where}) order by number, place
        """,  # noqa: S608 - conditions of this module
        parameters,
    ):
        decision = DeskDecision(by, at, DecisionReason(reason), policy)
        decisions.setdefault(number, []).append(decision)
    rows = connection.execute(
        f"""
        select number, tenant, origin, name, list, entry, reason, asked, due, drawn, asked_again
          from desk_case where {where} order by asked, number
        """,  # noqa: S608 - conditions of this module
        parameters,
    )
    return tuple(
        DeskCase(
            *(number, tenant, CaseOrigin(origin), name, slug, entry, CaseReason(reason)),
            *(asked, due, tuple(drawn.split()), tuple(decisions.get(number, ())), bool(again)),
        )
        for (number, tenant, origin, name, slug, entry, reason, asked, due, drawn, again) in rows
    )
