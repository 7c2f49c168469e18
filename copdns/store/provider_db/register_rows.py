"""The lines of a provider's register: read all of them, and write the next one.

There are some thousands at most, so whoever needs the register reads all of it, or asks first
whether there are new ones.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from copdns.model.errors import RegisterError
from copdns.model.sentences import sentence
from copdns.provider.law.chain import (
    FIRST,
    RegisterEntry,
    RegisterHead,
    StoredEntry,
    check_chain,
    check_head,
    check_no_more,
    from_stored,
    head_of,
    to_stored,
)
from copdns.provider.law.edits import CONSOLE, DAY
from copdns.provider.law.events import (
    HoldDecided,
    OrderConfirmed,
    OrderEntered,
    RegisterEvent,
    RegisterRestored,
    StaffAdded,
    StaffRemoved,
)
from copdns.provider.law.keys import is_signed_by
from copdns.provider.law.register import Register, read_register
from copdns.store.db import read_transaction, transaction
from copdns.store.postgres.connection import PostgresConnection, PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.chain_rows import add_to_chain, read_chain, signature_octets
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.store.provider_db.rollout_messages import CLOCK_OF_ALL

log = structlog.get_logger("copdns")


class RegisterKeys(Protocol):
    """What is outside of the database.  Methods raise RegisterError.

    It seals what must not be readable in there, signs the head, and remembers the newest one that
    this machine has seen (`ProviderKeys`).  anew: in place of a longer one too.
    """

    def seal(self, text: str, /) -> str: ...
    def unseal(self, sealed: str, /) -> str: ...
    def sign(self, octets: bytes) -> bytes: ...
    def public_key(self) -> bytes: ...
    def read_head(self) -> RegisterHead | None: ...
    def note_head(self, head: RegisterHead, *, anew: bool = False) -> None: ...


class RegisterStore:
    """A provider's register in PostgreSQL.  Methods block, and raise StoreError and RegisterError.

    pool: lent; whoever gave it closes it.
    most_ahead: seconds that what is written may be later than PostgreSQL's clock; None: any.
    The tables of the households must be there (`ProviderStore.connect`).
    """

    def __init__(
        self, pool: PostgresPool, keys: RegisterKeys, *, most_ahead: int | None = None
    ) -> None:
        self.pool = pool
        self._most_ahead = most_ahead
        self._keys = keys
        apply_own_steps(pool, PROVIDER)

    def size(self) -> int:
        """Return how many entries there are: the register's revision."""
        with self.pool.connection() as connection:
            ((size,),) = connection.execute(
                "select coalesce(max(number), 0) from register_entry"
            ).fetchall()
            return int(size)

    def load(self) -> Register:
        """Return the register; raise RegisterError where a line was changed after it was written,
        or where lines are missing at its end.

        A machine without the key of confidential orders cannot read it, rather than leave them out.
        """
        return self._read(self.lines())

    def load_to_publish(self, now: int) -> tuple[Register, RegisterHead]:
        """Return the register with its head as the day of `now` began, in UTC, of one moment.

        What is published names that head: each later line would show in it at once, and with it
        that something happened which may not be told.
        """
        lines = self.lines()
        settled = [each for each in lines if each.at < now // DAY * DAY]
        return self._read(lines), head_of(settled)

    def lines(self) -> list[StoredEntry]:
        """Return the lines, checked as `load` does; names of confidential orders are sealed."""
        with self.pool.connection() as connection, read_transaction(connection):
            lines, kept = _lines(connection), _kept_head(connection)
        self._check(lines, kept)
        return lines

    def check(self) -> RegisterHead:
        """Check the register as `load` does, and remember on this machine how far it goes."""
        head = head_of(self.lines())
        self._keys.note_head(head)
        return head

    def checksum(self) -> str:
        """Return the checksum of the newest line, and so of all."""
        return head_of(self.lines()).digest

    def accept_loss(self, now: int, shell: str) -> RegisterEntry:
        """Go on with a register that has lost lines, and write that into it.  Its lines still have
        to fit each other; raise RegisterError where they do not, where nothing is lost, and where
        there are more than copdns wrote."""
        with self.pool.connection() as connection, transaction(connection, _LOCK):
            lines, kept = _lines(connection), _kept_head(connection)
            check_chain(lines)
            try:
                self._check(lines, kept)
            except RegisterError:
                signed = kept[0] if kept and self._is_ours(kept) else None
                known = [each for each in (signed, self._find_seen()) if each]
                lost = max(known, key=lambda each: each.size, default=head_of(lines))
                check_no_more(lines, lost, sentence("the newest head that this machine knows"))
            else:
                raise RegisterError("no line is missing; there is nothing to accept")
            event = RegisterRestored(lost.size, lost.digest)
            new = RegisterEntry(0, now, CONSOLE, event, shell)
            entry, head = self._append(connection, lines, new)
        self._keys.note_head(head, anew=True)
        return entry

    def _find_seen(self) -> RegisterHead | None:
        """Return the head that this machine remembers; None where its file cannot be read."""
        try:
            return self._keys.read_head()
        except RegisterError as error:
            log.warning("what this machine saw of the register is lost", error=str(error))
            return None

    def write(
        self,
        by: str,
        now: int,
        edit: Callable[[Register], RegisterEvent | None],
        shell: str = "",
    ) -> RegisterEntry | None:
        """Write what `edit` makes of the register; return the entry, None for nothing new.

        by: a staff member's id, or CONSOLE.  shell: as in `RegisterEntry`.  One writes at a time:
        what `edit` reads does not change meanwhile.
        """
        with self.pool.connection() as connection, transaction(connection, _LOCK):
            lines = _lines(connection)
            self._check(lines, _kept_head(connection))
            register = self._read(lines)
            event = edit(register)
            if event is None:
                return None
            new = RegisterEntry(0, now, by, self._seal(event, register), shell)
            entry, head = self._append(connection, lines, new)
            if isinstance(event, StaffRemoved):
                connection.execute("delete from staff_language where staff = ?", (event.staff,))
            if isinstance(event, StaffAdded | StaffRemoved):
                # Also where somebody is added again, or with another login: who was in, is out.
                connection.execute("delete from staff_session where staff = ?", (event.staff,))
        try:
            self._keys.note_head(head)
        except RegisterError as error:
            # The line is written: who hears of an error here would enter it a second time.
            log.error("this machine could not note how far the register goes", error=str(error))
        return replace(entry, event=event)

    def _append(
        self, connection: PostgresConnection, lines: list[StoredEntry], new: RegisterEntry
    ) -> tuple[RegisterEntry, RegisterHead]:
        """Write a line after others, with the head; its number and the order of times are given."""
        self._require_time(connection, new.at)
        last = lines[-1] if lines else None
        entry = replace(new, number=len(lines) + 1, at=max(new.at, last.at if last else 0))
        stored = to_stored(entry, last.digest if last else FIRST)
        add_to_chain(connection, "register_entry", stored)
        head = RegisterHead(stored.number, stored.digest)
        signature = b64encode(self._keys.sign(head.text().encode())).decode()
        connection.execute(
            """
            insert into register_head (one, size, digest, signature) values (1, ?, ?, ?)
                on conflict (one) do update set size = excluded.size, digest = excluded.digest,
                    signature = excluded.signature
            """,
            (head.size, head.digest, signature),
        )
        return entry, head

    def _require_time(self, connection: PostgresConnection, at: int) -> None:
        """Refuse what a clock that is ahead would write.

        No later line is earlier than one before it: what is withdrawn would be blocked till then.
        """
        if self._most_ahead is None:
            return
        there = int(connection.execute(f"select {CLOCK_OF_ALL}").fetchone()[0])
        if at > there + self._most_ahead:
            raise RegisterError(
                "the clock of this machine is %(minutes)s minutes ahead of the database's; set it "
                "first: whatever is entered would count from the time that it shows",
                minutes=-(-(at - there) // 60),
            )

    def _check(self, lines: list[StoredEntry], kept: tuple[RegisterHead, bytes] | None) -> None:
        """Raise RegisterError for lines that were changed, that are missing at the end, or that
        something other than copdns wrote there.

        kept: the head of the database with its signature, which each line brings anew.
        """
        check_chain(lines)
        if kept is not None:
            if not self._is_ours(kept):
                raise RegisterError(
                    "the head of the register is not signed by the key of this machine; copy the "
                    "keys from another one, or accept it with copdns provider law check --restored"
                )
            check_head(lines, kept[0], sentence("its head in the database"))
            check_no_more(lines, kept[0], sentence("its head in the database"))
        if (seen := self._keys.read_head()) is not None:
            check_head(lines, seen, sentence("this machine"))
        if kept is None and lines:
            raise RegisterError(
                "the signed head of the register is missing in the database; restore a backup, or "
                "accept it with copdns provider law check --restored"
            )

    def _is_ours(self, kept: tuple[RegisterHead, bytes]) -> bool:
        head, signature = kept
        return is_signed_by(self._keys.public_key(), signature, head.text().encode())

    def _read(self, lines: list[StoredEntry]) -> Register:
        return read_lines(lines, self._keys)

    def _seal(self, event: RegisterEvent, register: Register) -> RegisterEvent:
        """Return an event as it may be stored: without the names of a confidential order."""
        match event:
            case OrderEntered(is_confidential=True):
                return replace(event, names=(), sealed=self._keys.seal("\n".join(event.names)))
            case OrderConfirmed() if _is_confidential(register, event.order):
                return replace(event, held=(), sealed=self._keys.seal("\n".join(event.held)))
            case HoldDecided() if _is_confidential(register, event.order):
                return replace(event, name="", sealed=self._keys.seal(event.name))
        return event


def read_lines(lines: Sequence[StoredEntry], keys: RegisterKeys) -> Register:
    """Return the register that lines add up to; raise RegisterError as `RegisterStore.load`."""
    check_chain(lines)
    entries = (from_stored(each) for each in lines)
    return read_register(replace(each, event=_unseal(each.event, keys)) for each in entries)


def _unseal(event: RegisterEvent, keys: RegisterKeys) -> RegisterEvent:
    match event:
        case OrderEntered(sealed=sealed) if sealed:
            return replace(event, names=_names(sealed, keys), sealed="")
        case OrderConfirmed(sealed=sealed) if sealed:
            return replace(event, held=_names(sealed, keys), sealed="")
        case HoldDecided(sealed=sealed) if sealed:
            return replace(event, name=keys.unseal(sealed), sealed="")
    return event


def _names(sealed: str, keys: RegisterKeys) -> tuple[str, ...]:
    return tuple(filter(None, keys.unseal(sealed).split("\n")))


def _is_confidential(register: Register, order: int) -> bool:
    return register.orders[order].entered.is_confidential


# No household has this id, so its lock is the register's (`store.db.transaction`).
_LOCK = "=register"


def _lines(connection: PostgresConnection) -> list[StoredEntry]:
    return read_chain(connection, "register_entry")


def _kept_head(connection: PostgresConnection) -> tuple[RegisterHead, bytes] | None:
    row = connection.execute("select size, digest, signature from register_head").fetchone()
    return (RegisterHead(row[0], row[1]), signature_octets(row[2])) if row else None


def require_entry(entry: RegisterEntry | None) -> RegisterEntry:
    """Return an entry that was written; raise RegisterError where nothing was new."""
    if entry is None:
        raise RegisterError("that is in the register already")
    return entry
