"""Whose lines are, and which addresses they have: what a node follows of it in PostgreSQL, and in
the journal of its machine while that is away.

What may be older than what the network was answered is nobody's.  So it is after a restore, where
this program knows otherwise, until the program that writes addresses has looked at them
(`collector.py`), and whose a line is, until that is told again.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from math import inf
from socket import AF_INET, inet_pton
from typing import Final

import structlog

from copdns.app.node.block_keys import key_around, keys_within
from copdns.app.node.journal import JournalEntry, JournalReader
from copdns.app.node.last_write import LastWrite
from copdns.provider.address_blocks import PORTS, AddressBlock, AddressError, read_block
from copdns.provider.plane.keeper import PlaneKeeper, PlaneLines
from copdns.provider.plane.snapshot import IPV6_PREFIX
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.lines import NOBODY, UNKNOWN, LineReader
from copdns.store.postgres.outbox import DatabaseChange

LEFT_AFTER: Final = 300.0  # seconds, in which who keeps a journal touches it many times
# Begins what stands for the line of a part, or of what is not certain: no line begins so.
_UNKNOWN_LINE: Final = "\0"

log = structlog.get_logger("copdns.node")


class LineFollower:
    """Tells a keeper of both.  For one thread at a time.  Raises StoreError.

    seen: the program that writes, as this machine saw it last, also before a restart.
    """

    def __init__(
        self, pool: PostgresPool, keeper: PlaneKeeper, journal: JournalReader, seen: LastWrite
    ) -> None:
        self._pool = pool
        self._keeper = keeper
        self._journal = journal
        self._seen = seen
        self._reader = LineReader(pool)
        # Lines of addresses, by block, as the journal says, and not as PostgreSQL does.
        self._moved_blocks: dict[str, str] = {}
        self._unbound: list[JournalEntry] = []  # of it, until lines are read
        self._before: PlaneLines | None = None  # while all is read from another database
        self._are_old = False  # those of a backup, and nobody looked at them since
        self._writer = UNKNOWN  # as that was found

    def begin(self) -> None:
        """Let all go; `read_all` follows."""
        lines = self._keeper.begin_lines()
        # After a try that was cut off, what there was before that one.
        self._before = self._before or lines

    def read_all(self, database: str, change: DatabaseChange, *, has_read: bool) -> None:
        """Take in all that there is.

        database: which one it is.  change: because of which all is read, if it is.  has_read: this
        program read all before.
        """
        before = self._before
        assert before is not None
        # First: once PostgreSQL has what is in it, it goes.  Without it, addresses that moved
        # would be given back to the lines of before for a moment.
        self._read_journal()
        if not self._journal.is_there:  # PostgreSQL has it, or nobody knows it any more
            self._moved_blocks.clear()
        self._reader = LineReader(self._pool, database)
        # Asked before they are read: what is written in between is taken at the next look.
        self._are_old = self._are_of_before(database, change, has_read=has_read)
        again = self._take(self._told_after())
        if self._are_old:
            self._keeper.doubt_others(before)
            log.warning("addresses are nobody's until who writes them has looked at them")
        if has_read and change.has_lost:
            self._keeper.doubt_homes(before, again)
        if not self._are_old:  # else what it said before counts where both agree
            self._bind_journal()
        self._bind_moved(self._unbound)
        self._unbound = []
        self._doubt_left_journal()
        self._note_seen()
        self._before = None

    def follow(self, database: str) -> bool:
        """Take in what changed; tell whether the database is at an earlier moment than before."""
        has_come = self._are_old and self._have_come(database)
        if self._are_old and not has_come:
            return False  # it may be of a restore that goes on
        if has_come:
            self._reader = LineReader(self._pool, database)
        self._take(self._told_after() if has_come else 0)
        if has_come:
            self._bind_journal()  # which may not be there yet, if another machine writes
            self._are_old = False
        self._note_seen()
        return self._reader.is_set_back

    def follow_journal(self, *, is_away: bool) -> None:
        """Take in which addresses went to another line while PostgreSQL is away; once it has what
        was told, what it says counts."""
        self._bind_moved(self._journal.take())
        if not self._moved_blocks or self._journal.is_there or is_away or self._are_old:
            return
        owners = self._reader.owners(self._moved_blocks)
        self._moved_blocks.clear()
        for block, line in owners:
            self._bind(block, line)

    # --- whether it is older than what was answered ---

    def _are_of_before(self, database: str, change: DatabaseChange, *, has_read: bool) -> bool:
        """Tell whether addresses may be older than what the network was answered, since nobody who
        writes them has looked at this database yet."""
        self._writer = writer = self._reader.writer()
        if writer.era == NOBODY:
            return True  # a part of a backup is there, and who wrote comes later; or nothing is
        if writer.is_before(self._seen.writer) and self._seen.writer.database == writer.database:
            return True
        if not has_read and not writer.database:
            return False  # nobody wrote down yet which one it is
        return change.is_set_back or writer.database != database

    def _have_come(self, database: str) -> bool:
        """Tell whether who writes addresses has looked at them since they are old."""
        before, writer = self._writer, self._reader.writer()
        is_first = before.era == NOBODY != writer.era and not writer.database
        if is_first or (writer.database == database and writer.write != before.write):
            self._writer = writer
            return True
        return False

    def _told_after(self) -> float:
        """Return the number of a row above which all were told since a restore, where all is read
        anew; infinite where who writes addresses did not notice one since this machine looked."""
        restored = self._writer.restored
        return restored if restored > self._seen.writer.restored else inf

    def _note_seen(self) -> None:
        if self._reader.seen is not None and not (self._are_old or self._reader.is_set_back):
            self._seen.note(self._reader.seen)

    def _doubt_left_journal(self) -> None:
        """Let addresses be nobody's of which PostgreSQL and a journal disagree that no program
        keeps any more: either of both may be the newer one."""
        if not self._moved_blocks or self._reader.writer().at < self._journal.heard + LEFT_AFTER:
            return
        for block, line in self._reader.owners(self._moved_blocks):
            if line != self._moved_blocks[block]:
                self._bind(block, "")
                self._moved_blocks[block] = ""

    # --- what is told ---

    def _take(self, told_after: float) -> set[str]:
        """Take in what changed; return lines of which is certain that they were told since a
        restore.  told_after: their rows have larger numbers."""
        lines, bindings = self._reader.take()
        again = set()
        for line, household, number in lines:
            self._keeper.put_line(line, household, is_again=number > told_after)
            if number > told_after:
                again.add(line)
        for block, line in bindings:
            self._bind(block, line)
        return again

    def _read_journal(self) -> None:
        self._unbound += self._journal.take()
        while self._journal.has_more:
            self._unbound += self._journal.take()

    def _bind_moved(self, entries: Iterable[JournalEntry]) -> None:
        for entry in entries:
            for block, line, is_certain in entry.moved:
                if not is_certain and line and self._has(block, line):
                    continue
                # Late news of a session that had ended may be the first one after a start.  Then
                # whoever has all around it, or a part of it, is not certain of that either.
                is_told = is_certain or not line
                self._moved_blocks[block] = line if is_told else f"{_UNKNOWN_LINE}{block}"
                self._bind(block, self._moved_blocks[block])

    def _has(self, text: str, line: str) -> bool:
        """Tell whether a line has just this block, or all around it, as far as is known here."""
        try:
            block = read_block(text)
        except AddressError:
            return True  # nobody gets it
        if block.length:
            keys = (key_around(block),) if block.length > IPV6_PREFIX else keys_within(block)
            return all(self._keeper.has(key, line) for key in keys)
        address, ports = IPv4Address(block.network).packed, (block.first_port, block.last_port)
        return self._keeper.has(address, line, None if ports == PORTS else ports)

    def _bind_journal(self) -> None:
        """Let what the journal said count again where PostgreSQL was read as a whole."""
        for block, line in self._moved_blocks.items():
            self._bind(block, line)

    def _bind(self, text: str, line: str) -> None:
        try:
            self._keeper.bind(inet_pton(AF_INET, text), line)  # as nearly all are
        except OSError:
            self._bind_block(text, line)

    def _bind_block(self, text: str, line: str) -> None:
        try:
            block = read_block(text)
        except AddressError:
            log.error("an address cannot be read")  # which one tells who was where
            return
        if block == AddressBlock(block.network):
            self._keeper.bind(IPv4Address(block.network).packed, line)
        elif block.length == IPV6_PREFIX:
            self._keeper.bind(IPv6Address(block.network).packed, line)
        elif not block.length:
            ports = block.first_port, block.last_port
            self._keeper.bind_ports(IPv4Address(block.network).packed, *ports, line)
        elif block.length > IPV6_PREFIX:
            # A part of an address of the tables: who asks from there may be of any line.
            part = f"{_UNKNOWN_LINE}{text}" if line else ""
            self._keeper.bind_other(key_around(block), text, part)
        else:
            keys = list(keys_within(block))
            if not keys:
                log.error("a prefix is too short for a line")
            for key in keys:
                self._keeper.bind_other(key, text, line)
