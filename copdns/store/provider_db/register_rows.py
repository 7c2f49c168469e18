"""The lines of a provider's register: read all of them, and write the next one.

There are some thousands at most, so whoever needs the register reads all of it, or asks first
whether there are new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from copdns.model.errors import RegisterError
from copdns.provider.law.chain import (
    FIRST,
    RegisterEntry,
    StoredEntry,
    check_chain,
    from_stored,
    to_stored,
)
from copdns.provider.law.events import (
    HoldDecided,
    OrderConfirmed,
    OrderEntered,
    RegisterEvent,
    StaffAdded,
    StaffRemoved,
)
from copdns.provider.law.register import Register, read_register
from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresConnection, PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER


class Sealer(Protocol):
    """Seals what must not be readable in the database.  Raises RegisterError."""

    def seal(self, text: str, /) -> str: ...
    def unseal(self, sealed: str, /) -> str: ...


class RegisterStore:
    """A provider's register in PostgreSQL.  Methods block, and raise StoreError and RegisterError.

    pool: lent; whoever gave it closes it.
    The tables of the households must be there (`ProviderStore.connect`).
    """

    def __init__(self, pool: PostgresPool, sealer: Sealer) -> None:
        self.pool = pool
        self._sealer = sealer
        apply_own_steps(pool, PROVIDER)

    def size(self) -> int:
        """Return how many entries there are: the register's revision."""
        with self.pool.connection() as connection:
            ((size,),) = connection.execute(
                "select coalesce(max(number), 0) from register_entry"
            ).fetchall()
            return int(size)

    def lines(self) -> list[StoredEntry]:
        """Return all lines as they are stored, what is confidential sealed (`read_lines`)."""
        with self.pool.connection() as connection:
            return _lines(connection)

    def load(self) -> Register:
        """Return the register; raise RegisterError where a line was changed after it was written.

        A machine without the key of confidential orders cannot read it, rather than leave them out.
        """
        with self.pool.connection() as connection:
            return self._read(_lines(connection))

    def load_with_checksum(self) -> tuple[Register, str]:
        """Return the register with the checksum of its newest line, of one moment."""
        with self.pool.connection() as connection:
            lines = _lines(connection)
            return self._read(lines), check_chain(lines)

    def checksum(self) -> str:
        """Return the checksum of the newest line, and so of all."""
        with self.pool.connection() as connection:
            return check_chain(_lines(connection))

    def write(
        self, by: str, now: int, edit: Callable[[Register], RegisterEvent | None]
    ) -> RegisterEntry | None:
        """Write what `edit` makes of the register; return the entry, None for nothing new.

        by: a staff member's id, or CONSOLE.  One writes at a time: what `edit` reads does not
        change meanwhile.
        """
        with self.pool.connection() as connection, transaction(connection, _LOCK):
            lines = _lines(connection)
            register = self._read(lines)
            event = edit(register)
            if event is None:
                return None
            last = lines[-1] if lines else None
            entry = RegisterEntry(
                (last.number if last else 0) + 1, max(now, last.at if last else 0), by, event
            )
            sealed = replace(entry, event=self._seal(event, register))
            new = to_stored(sealed, last.digest if last else FIRST)
            connection.execute(
                """
                insert into register_entry (number, at, by, kind, body, digest)
                values (?, ?, ?, ?, ?, ?)
                """,
                (new.number, new.at, new.by, new.kind, new.body, new.digest),
            )
            if isinstance(event, StaffAdded | StaffRemoved):
                # Also where somebody is added again, or with another login: who was in, is out.
                connection.execute("delete from staff_session where staff = ?", (event.staff,))
            return entry

    def _read(self, lines: list[StoredEntry]) -> Register:
        return read_lines(lines, self._sealer)

    def _seal(self, event: RegisterEvent, register: Register) -> RegisterEvent:
        """Return an event as it may be stored: without the names of a confidential order."""
        match event:
            case OrderEntered(is_confidential=True):
                return replace(event, names=(), sealed=self._sealer.seal("\n".join(event.names)))
            case OrderConfirmed() if _is_confidential(register, event.order):
                return replace(event, held=(), sealed=self._sealer.seal("\n".join(event.held)))
            case HoldDecided() if _is_confidential(register, event.order):
                return replace(event, name="", sealed=self._sealer.seal(event.name))
        return event


def read_lines(lines: Sequence[StoredEntry], sealer: Sealer) -> Register:
    """Return the register that lines add up to; raise RegisterError as `RegisterStore.load`."""
    check_chain(lines)
    entries = (from_stored(each) for each in lines)
    return read_register(replace(each, event=_unseal(each.event, sealer)) for each in entries)


def _unseal(event: RegisterEvent, sealer: Sealer) -> RegisterEvent:
    match event:
        case OrderEntered(sealed=sealed) if sealed:
            return replace(event, names=_names(sealed, sealer), sealed="")
        case OrderConfirmed(sealed=sealed) if sealed:
            return replace(event, held=_names(sealed, sealer), sealed="")
        case HoldDecided(sealed=sealed) if sealed:
            return replace(event, name=sealer.unseal(sealed), sealed="")
    return event


def _names(sealed: str, sealer: Sealer) -> tuple[str, ...]:
    return tuple(filter(None, sealer.unseal(sealed).split("\n")))


def _is_confidential(register: Register, order: int) -> bool:
    return register.orders[order].entered.is_confidential


# No household has this id, so its lock is the register's (`store.db.transaction`).
_LOCK = "=register"


def _lines(connection: PostgresConnection) -> list[StoredEntry]:
    rows = connection.execute(
        "select number, at, by, kind, body, digest from register_entry order by number"
    )
    return [StoredEntry(*row) for row in rows]


def require_entry(entry: RegisterEntry | None) -> RegisterEntry:
    """Return an entry that was written; raise RegisterError where nothing was new."""
    if entry is None:
        raise RegisterError("that is in the register already")
    return entry
