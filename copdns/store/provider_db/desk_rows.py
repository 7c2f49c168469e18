"""Cases of the reviewers' desk in PostgreSQL, and the lines of what was decided about them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from random import SystemRandom
from typing import Final, NamedTuple, Protocol

from copdns.appeals.review import DecisionReason
from copdns.model.errors import RegisterError
from copdns.provider.law.chain import StoredEntry
from copdns.provider.law.keys import is_signed_by
from copdns.provider.staff.desk import (
    REVIEWERS,
    CaseOrigin,
    CaseReason,
    CaseState,
    DeskCase,
    DeskDecision,
    no_case,
)
from copdns.provider.staff.desk_chain import (
    KEPT_FOR,
    DeskHead,
    DeskLine,
    add_line,
    check_desk,
    check_lines,
    lines_for,
    without_old,
)
from copdns.store.db import read_transaction, transaction
from copdns.store.postgres.connection import PostgresConnection, PostgresPool
from copdns.store.provider_db.chain_rows import add_to_chain, read_chain, signature_octets
from copdns.store.provider_db.rollout_messages import CLOCK_OF_ALL

MOST_OPEN: Final = 10_000  # cases of one origin that wait
# By lot, since the next number would tell a tenant's staff how many others asked meanwhile.
_NUMBERS: Final = range(10_000_000, 100_000_000)
_LOCK: Final = "=desk"  # no household has this id
_OPEN: Final = (CaseState.WAITING, CaseState.SECOND)


class DeskKeys(Protocol):
    """What signs the head of the lines.  Methods raise RegisterError."""

    def sign(self, octets: bytes) -> bytes: ...
    def public_key(self) -> bytes: ...


class DeskCheck(NamedTuple):
    """lines: how many there are.  digest: of the last one."""

    lines: int
    digest: str


class DeskStore:
    """Methods block, and raise StoreError and RegisterError.

    keys: of a program whose people decide; without them `change` refuses decisions.
    """

    def __init__(self, pool: PostgresPool, keys: DeskKeys | None = None) -> None:
        self._pool = pool
        self._keys = keys

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

    def change(
        self, number: int, edit: Callable[[DeskCase], DeskCase], shell: str = ""
    ) -> DeskCase:
        """Store what an edit makes of a case; one changes it at a time.

        What it decides is a line, too; it raises RegisterError where those that are there do not
        fit.  shell: as in `RegisterEntry`.
        """
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            before = _find(connection, number)
            after = edit(before)
            if after.decisions != before.decisions:
                self._add_lines(connection, before, after, shell)
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

    def verify(self, now: int) -> DeskCheck:
        """Compare the decisions with their lines, and those with their signed head; raise
        RegisterError for the first that does not fit, also where nothing was changed but the order.

        A copy of the whole, as it was some day, fits: compare the checksum with one of before.
        """
        keys = self._require_keys()
        with self._pool.connection() as connection, read_transaction(connection):
            lines, head = _read_lines(connection, keys)
            check_desk(lines, _load(connection, "true", ()), now)
        return DeskCheck(len(lines), head.digest)

    def begin_lines(self, now: int) -> None:
        """Write lines of what was decided before there were any."""
        keys = self._require_keys()
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            if connection.execute("select 1 from desk_head").fetchone():
                return
            found = [
                (case, DeskLine.FOUND, each)
                for case in _load(connection, "true", ())
                for each in case.decisions
            ]
            _write_lines(connection, keys, found, now, "")

    def _require_keys(self) -> DeskKeys:
        if self._keys is None:
            raise RegisterError("this program decides nothing about lists")
        return self._keys

    def _add_lines(
        self, connection: PostgresConnection, before: DeskCase, after: DeskCase, shell: str
    ) -> None:
        now = int(connection.execute(f"select {CLOCK_OF_ALL}").fetchone()[0])
        new = [(after, kind, each) for kind, each in lines_for(before, after)]
        _write_lines(connection, self._require_keys(), new, now, shell)

    def forget(self, now: int) -> int:
        """Delete cases that were kept for long enough; return how many.

        By both clocks: one that is ahead would delete too early.  One that was decided since stays,
        and one that was asked again.
        """
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            return connection.execute(
                """
                delete from desk_case
                 where asked < least(cast(:since as bigint),
                                     extract(epoch from clock_timestamp()) - :kept)
                   and due < :since
                   and not exists (
                       select 1 from desk_decision d
                        where d.number = desk_case.number and d.at >= :since)
                """,
                {"since": now - KEPT_FOR, "kept": KEPT_FOR},
            ).rowcount


_NewLine = tuple[DeskCase, DeskLine, DeskDecision | None]


def _read_lines(
    connection: PostgresConnection, keys: DeskKeys
) -> tuple[list[StoredEntry], DeskHead]:
    """Return the lines and their head; raise RegisterError where they do not fit."""
    lines = read_chain(connection, "desk_entry")
    row = connection.execute(
        "select first, before, last, digest, signature from desk_head"
    ).fetchone()
    head = DeskHead(*row[:4]) if row else DeskHead()
    if row and not is_signed_by(keys.public_key(), signature_octets(row[4]), head.text().encode()):
        raise RegisterError(
            "the head of the decisions about lists is not signed by the key of this machine; copy "
            "the keys from another one, or restore a backup"
        )
    check_lines(lines, head)
    return lines, head


def _write_lines(
    connection: PostgresConnection, keys: DeskKeys, new: Iterable[_NewLine], now: int, shell: str
) -> None:
    """Write lines after those that are there, without those that are old, and the head."""
    lines, head = _read_lines(connection, keys)
    head = without_old(lines, head, now)
    connection.execute("delete from desk_entry where number < ?", (head.first,))
    for case, kind, decision in new:
        line, head = add_line(head, case, kind, decision, now, shell)
        add_to_chain(connection, "desk_entry", line)
    signature = b64encode(keys.sign(head.text().encode())).decode()
    connection.execute(
        """
        insert into desk_head (one, first, before, last, digest, signature)
        values (1, ?, ?, ?, ?, ?)
            on conflict (one) do update set first = excluded.first, before = excluded.before,
                last = excluded.last, digest = excluded.digest, signature = excluded.signature
        """,
        (head.first, head.before, head.last, head.digest, signature),
    )


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
