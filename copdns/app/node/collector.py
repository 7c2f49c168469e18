"""Take in what the network tells of lines, keep it in PostgreSQL, and answer when it is there.

Of several programs that run this, one writes; the others answer nothing, so that machines of the
network ask the next one.  After a start, lines have the addresses that they had.  Where nobody
took anything in for longer than `DEAF`, what was told meanwhile may be lost, and each session
counts again when it is heard of.

While PostgreSQL is away, each program keeps what it is told of sessions in a file (`journal.py`).
Once it is back, the one that writes takes that in, in its order; another one hands it over.

Where it is a database from a backup then, its addresses are older than what the network was
answered.  The program that wrote before knows all of them, and writes down what it knows, unless
another one has written there since, which the number of its era tells, whatever their clocks say;
any other knows nothing for certain, and each session counts again when it is heard of.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import structlog

from copdns.app.node.journal import (
    BindingJournal,
    JournalEntry,
    MovedBlock,
    Told,
    news_as_json,
    parse_news,
)
from copdns.app.node.last_write import WRITTEN_FILE, LastWrite
from copdns.model.errors import StoreAwayError, StoreError
from copdns.provider.address_blocks import AddressBlock, AddressError, read_block
from copdns.provider.bindings import DOUBT, Bindings, SessionChange, SessionKey
from copdns.provider.radius_accounting import Restart
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.lines import (
    BindingRow,
    BindingStore,
    LineRow,
    SessionRow,
    Writer,
    lead_bindings,
    still_leads,
)
from copdns.store.postgres.outbox import is_copy

DEAF: Final = 300.0  # seconds for which machines of the network repeat what is not answered
GATHER: Final = 0.02  # seconds in which what is told is put together to one transaction
FOLLOW_EVERY: Final = 5.0  # seconds: what is over is looked for, and that this program writes told
MOST_AT_ONCE: Final = 20_000  # events that wait; more are not taken in

AWAY: Final = "PostgreSQL is away; what the network tells of sessions is kept here until it is back"
log = structlog.get_logger("copdns.node")


@dataclass(frozen=True, slots=True)
class _Waiting:
    told: tuple[Told, ...]
    lines: tuple[LineRow, ...]
    done: asyncio.Future[None]


class BindingCollector:
    """The writer of lines and addresses.  now: seconds since 1970.

    prepare: opens the pool and makes the tables, where that was not done; raises StoreError.
    """

    def __init__(
        self,
        pool: PostgresPool,
        kept_for: float,
        now: Callable[[], float],
        journal: BindingJournal,
        prepare: Callable[[], None],
    ) -> None:
        self._pool = pool
        self._store = BindingStore(pool)
        self._kept_for = kept_for
        self._now = now
        self._journal = journal
        self._prepare = prepare
        self._bindings = Bindings(kept_for)
        self._leading: psycopg.Connection[Any] | None = None
        self._is_away = False
        self._knows_all = False  # what is in memory is all that the network was answered
        # What was put there last, as far as this machine knows, and when this program tried that
        # itself; 0 where another did since.
        self._last = LastWrite(journal.path.with_name(WRITTEN_FILE))
        self._wrote, self._tried_at = self._last.writer, 0.0
        self._handed_over = 0  # the last number of it, while it is not known to be taken
        self._listens_since = now()  # until then, or the last write, machines repeat what they told
        self._unstored: frozenset[AddressBlock] = frozenset()  # moved as PostgreSQL went away
        self._waiting: list[_Waiting] = []
        self._is_wanted = asyncio.Event()
        self._one_by_one = asyncio.Lock()  # of threads that use the bindings

    @property
    def is_leading(self) -> bool:
        """Whether this program is the one that writes."""
        return self._leading is not None

    async def take(self, told: Iterable[Told] = (), lines: Iterable[LineRow] = ()) -> None:
        """Take in events and whose lines are; return when that is in the database, or events in the
        journal while PostgreSQL is away.

        Raises StoreError where it is not, also while another program writes.
        """
        told, lines = tuple(told), tuple(lines)
        if any("\0" in text for each in (*told, *lines) for text in each if isinstance(text, str)):
            raise StoreError("a name of a line, machine or session has a zero in it")
        if self._is_away and lines:
            raise StoreError("PostgreSQL is away; tell whose the lines are when it is back")
        if not (self.is_leading or self._is_away):
            raise StoreError("another program of this provider writes addresses now")
        if len(self._waiting) >= MOST_AT_ONCE:
            raise StoreError("too much waits to be written")
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(told, lines, done))
        self._is_wanted.set()
        await done

    async def begin(self) -> None:
        """Become the one that writes, where no other program is; raise StoreError.

        Where PostgreSQL is away, what the network tells is kept until it is back.
        """
        async with self._one_by_one:
            try:
                await asyncio.to_thread(self._follow)
            except StoreAwayError as error:
                await asyncio.to_thread(self._note_away, error)

    async def run(self) -> None:
        """Write what is told, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write_forever())
            tasks.create_task(self._follow_forever())

    def close(self) -> None:
        """Let another program write."""
        self._last.note(self._wrote, at_once=True)
        if self._leading is not None:
            self._leading.close()
            self._leading = None

    async def _write_forever(self) -> None:
        while True:
            await self._is_wanted.wait()
            await asyncio.sleep(GATHER)
            self._is_wanted.clear()
            async with self._one_by_one:
                waiting, self._waiting = self._waiting, []
                await self._write(waiting)

    async def _write(self, waiting: Sequence[_Waiting]) -> None:
        try:
            await asyncio.to_thread(self._store_or_keep, waiting)
        except StoreError as error:
            log.error("addresses could not be stored", error=str(error))
            for each in waiting:
                if not each.done.done():
                    each.done.set_exception(error)
        else:
            for each in waiting:
                if not each.done.done():
                    each.done.set_result(None)

    def _store_or_keep(self, waiting: Sequence[_Waiting]) -> None:
        """Put what was told into the database, or into the journal while that is away."""
        if self.is_leading:
            try:
                self._lead_still()
                self._take_in(waiting)
            except StoreAwayError as error:
                self._note_away(error)
            except StoreError:
                # What is in memory is ahead of the database now, so it is read from there again.
                self.close()
                self._knows_all = False
                raise
            else:
                return
        if not self._is_away or any(each.lines for each in waiting):
            raise StoreError("PostgreSQL was away; this program does not write any more")
        self._keep([told for each in waiting for told in each.told])

    def _lead_still(self) -> None:
        """Raise StoreError where another program writes.

        The pool connects anew by itself, so that nothing else tells of a moment without PostgreSQL.
        After one, another program may write, or the database be one from a backup.
        """
        if self._leading is None or still_leads(self._leading):
            return
        self._follow()
        if not self.is_leading:
            raise StoreError("another program of this provider writes addresses now")

    def _note_away(self, error: StoreError) -> None:
        """Keep what is told from now on.  What is in memory goes on, also what was just told."""
        if not self._is_away:
            log.error(AWAY, error=str(error))
        self.close()
        self._is_away = True
        self._handed_over = 0  # more may come, and what is told twice changes nothing
        if self._journal.is_empty:
            self._journal.begin(self._listens_since)
        elif not len(self._bindings):  # this program began meanwhile
            for entry in self._journal.read():
                for told in entry.told:
                    self._take_one(told, self._now())

    def _keep(self, told: Sequence[Told]) -> None:
        """Put what was told into the journal, with what moves by it for the node here."""
        now = self._now()
        moved = {
            each: MovedBlock(str(each), self._bindings.owner(each, now), True)
            for each in self._unstored
        }
        for each in told:
            moved.update(self._moved_by(each, now))
        try:
            self._journal.append(JournalEntry(tuple(told), tuple(moved.values())))
        except StoreError:
            # It is told again, or lost: then each session counts when it is heard of.
            self._journal.note_loss(now)
            self._knows_all = False
            raise
        self._unstored = frozenset()

    def _moved_by(self, told: Told, now: float) -> dict[AddressBlock, MovedBlock]:
        """Take in an event; return what moves by it for the node here.

        A program that does not write, or began meanwhile, knows of no session from before.  So of
        the node it takes what may have ended, and gives it nothing by what is older than itself.
        """
        kind = None if isinstance(told, Restart) else told.kind
        blocks = () if isinstance(told, Restart) else told.blocks or ()
        listens_since = max(self._listens_since, self._journal.since or 0.0)
        is_late = kind is SessionChange.START and told.at < listens_since - DOUBT
        before = {block: self._bindings.owner(block, now) for block in blocks}
        changed, _ = self._take_one(told, now)
        moved = {}
        for block in {*changed, *before}:
            line = self._bindings.owner(block, now)
            is_known = self._knows_all or bool(before.get(block))
            has_ended = kind is SessionChange.STOP and not (is_known or line)
            if block in changed or before[block] != line or has_ended:
                is_certain = is_known or kind is not SessionChange.UPDATE
                line = "" if is_late and not is_known else line
                moved[block] = MovedBlock(str(block), line, is_certain)
        return moved

    def _take_in(self, waiting: Sequence[_Waiting]) -> None:
        now = self._now()
        changed: set[AddressBlock] = set()
        sessions: set[SessionKey] = set()
        for each in waiting:
            for told in each.told:
                blocks, keys = self._take_one(told, now)
                changed |= blocks
                sessions |= keys
        self._unstored = frozenset(changed)
        self._put(changed, sessions, [line for each in waiting for line in each.lines])
        self._unstored = frozenset()

    def _take_one(self, told: Told, now: float) -> tuple[frozenset[AddressBlock], set[SessionKey]]:
        """Return the blocks of which another line is the owner now, and sessions that may be
        others."""
        if isinstance(told, Restart):
            sessions = set(self._bindings.sessions_of(told.machine))
            return self._bindings.restart(told.machine, told.at, now), sessions
        sessions = {told.key, *self._bindings.session_of(told.line)}
        return self._bindings.take(told, now), sessions

    def _put(
        self,
        changed: Iterable[AddressBlock],
        sessions: Iterable[SessionKey] = (),
        lines: Iterable[LineRow] = (),
        taken: Iterable[int] = (),
        database: str = "",
        since: Writer | None = None,
        lost: Writer | None = None,
    ) -> None:
        """Write what changed.  The last five: as `BindingStore.put` takes them; since None: what
        this program put there last."""
        now = self._tried_at = self._now()
        found = {key: self._row(key) for key in sessions}
        self._note_writer(
            self._store.put(
                bindings=[
                    BindingRow(str(each), self._bindings.owner(each, now)) for each in changed
                ],
                sessions=[each for each in found.values() if each is not None],
                ended=[key for key, each in found.items() if each is None],
                lines=lines,
                at=now,
                taken=taken,
                database=database,
                since=since or self._wrote,
                lost=lost,
            )
        )

    def _note_writer(self, writer: Writer) -> None:
        self._wrote = writer
        self._last.note(writer)

    def _row(self, key: SessionKey) -> SessionRow | None:
        """Return what is kept of a session; None for nothing."""
        found, end = self._bindings.session(key), self._bindings.end_of(key)
        if found is not None:
            blocks = tuple(map(str, found.blocks))
            return SessionRow(*key, found.line, found.began, found.heard, blocks)
        return None if end is None else SessionRow(*key, "", *end, ())

    async def _follow_forever(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_EVERY)
            try:
                if self._is_away:
                    await asyncio.to_thread(self._reach)  # what is told need not wait for that
            except StoreError as error:
                async with self._one_by_one:
                    await asyncio.to_thread(self._stay_away, error)
                continue
            async with self._one_by_one:
                try:
                    await asyncio.to_thread(self._follow)
                except StoreAwayError as error:
                    await asyncio.to_thread(self._stay_away, error)
                except StoreError as error:
                    log.warning("addresses cannot be stored now", error=str(error))
                    self.close()

    def _reach(self) -> None:
        """Raise StoreError while PostgreSQL is away."""
        self._prepare()
        with self._pool.connection():
            pass

    def _stay_away(self, error: StoreError) -> None:
        try:
            self._note_away(error)
            self._journal.touch(self._now())
            self._keep_ends()
        except StoreError as other:
            log.error("what the network tells cannot be kept", error=str(other))

    def _keep_ends(self) -> None:
        """Tell the node here of sessions that were not heard of for their time."""
        now = self._now()
        self._bindings.forget_ends(now)
        over = self._bindings.expire(now)
        if over:
            moved = tuple(MovedBlock(str(each), "", True) for each in over)
            self._journal.append(JournalEntry((), moved))

    def _follow(self) -> None:
        if self._leading is not None and not still_leads(self._leading):
            self.close()
        if self._leading is None:
            self._prepare()
            leading = lead_bindings(self._pool)
            if leading is None:
                self._hand_over()
                return
            try:
                if self._handed_over and self._store.database() == self._wrote.database:
                    self._clear_taken()  # else what is over by now would begin again
                self._read_all()
                self._handed_over = 0
            except BaseException:  # also Ctrl-C: an open connection would keep others from writing
                leading.close()
                raise
            self._leading = leading
            self._is_away = False
            log.info("this program writes addresses", known=len(self._bindings))
        self._take_handed_over()
        now = self._now()
        over = self._bindings.over(now) | self._bindings.forget_ends(now)
        self._put(self._bindings.expire(now), over)
        self._listens_since = now

    def _hand_over(self) -> None:
        """Leave what was told while PostgreSQL was away to the program that writes.

        The journal stays until that one has taken it: once it is gone, the node here asks
        PostgreSQL, which has the lines of before until then.
        """
        database = self._store.database()
        if database != self._wrote.database:  # what the one before was left may be in none
            self._handed_over = 0
        if not self._handed_over:
            some: list[str] = []
            for entry in self._journal.read():
                some += (json.dumps(news_as_json(each)) for each in entry.told)
            if some:
                self._handed_over = self._store.hand_over(some)
                log.info("what was told meanwhile is handed over", many=len(some))
        self._clear_taken()
        self._is_away = self._knows_all = False
        # What was told so far, the program that writes has; where the database is set back later,
        # that is seen by the moment of its last write.
        writer = self._store.writer()._replace(database=database)
        if database != self._wrote.database or not writer.is_before(self._wrote):
            self._note_writer(writer)
        self._tried_at = 0.0
        self._listens_since = self._now()
        self._bindings = Bindings(self._kept_for)

    def _clear_taken(self) -> None:
        """Delete the journal where the program that writes has all that is in it."""
        if self._store.has_taken(self._handed_over):
            self._journal.clear()
            self._handed_over = 0

    def _take_handed_over(self) -> None:
        while True:
            handed_over = self._store.read_handed_over()
            if not handed_over:
                return
            changed: set[AddressBlock] = set()
            sessions: set[SessionKey] = set()
            for each in handed_over.values():
                try:
                    told = parse_news(json.loads(each))
                except (KeyError, TypeError, ValueError, AddressError):
                    log.error("what another program was told cannot be read")
                    continue
                blocks, keys = self._take_one(told, self._now())
                changed |= blocks
                sessions |= keys
            self._put(changed, sessions, taken=handed_over)

    def _read_all(self) -> None:
        """Read what is stored, take in what was told since, and write down what is otherwise."""
        now, database, writer = self._now(), self._store.database(), self._store.writer()
        if not database:  # before anything is forgotten: it may have all in a moment
            raise StoreAwayError("PostgreSQL is a standby, or still being restored")
        known = {read_block(block): line for block, line in self._store.bindings().items()}
        # For which one somebody looked last; where that was not noted, where this machine wrote.
        before = writer.database or self._wrote.database
        is_other = "" not in (before, database) and database != before
        # It can also be the same one, at an earlier moment.
        is_known = self._wrote.database in ("", database, writer.database)
        is_behind = is_known and writer.is_before(self._wrote)
        has_lost = is_behind or (is_other and is_copy(before, database))
        # What another program wrote after this one, nobody told here.
        is_own = writer.era <= self._wrote.era and writer.at <= self._tried_at
        if is_other and self._knows_all and is_own:
            sessions = self._keep_own()
        else:
            is_old = is_other or has_lost
            sessions = self._read_stored(now, writer.at, known, is_old=is_old)
        over = self._bindings.over(now)
        self._bindings.expire(now)
        changed = [each for each, line in known.items() if self._bindings.owner(each, now) != line]
        blocks_now = {block for block, _ in self._bindings.lines(now)}
        self._put(
            *({*changed, *blocks_now}, over | sessions),
            database=database,
            since=writer._replace(database=database),
            lost=self._wrote if has_lost else None,
        )
        self._journal.clear()
        self._knows_all = True

    def _keep_own(self) -> frozenset[SessionKey]:
        """Go on with what is in memory, which the database is to have; return the sessions that
        are others there."""
        log.error("the database is another one, or from a backup; addresses are written anew")
        there = {(each.machine, each.session): each for each in self._store.sessions()}
        known = there.keys() | self._bindings.all_sessions()
        return frozenset(key for key in known if self._row(key) != there.get(key))

    def _read_stored(
        self, now: float, written_at: float, known: Mapping[AddressBlock, str], *, is_old: bool
    ) -> frozenset[SessionKey]:
        """Take in what is stored and what was told since; return the sessions of the latter.

        known: whose each block was.  is_old: that may be older than what the network was answered.
        """
        self._bindings, self._knows_all = Bindings(self._kept_for, self._bindings), False
        listens_since = self._journal.since
        if listens_since is None:
            listens_since = now
        elif now - self._journal.heard > DEAF:
            listens_since = now  # nobody was here to take anything in
        is_deaf = is_old or 0 < written_at < listens_since - DEAF
        for each in self._store.sessions():
            blocks = tuple(map(read_block, each.blocks))
            key = each.machine, each.session
            if each.line:
                self._bindings.restore(key, each.line, each.began, each.heard, blocks)
            else:
                self._bindings.restore_end(key, each.began, each.heard)
        self._bindings.doubt_others(known)
        sessions: set[SessionKey] = set()
        for entry in self._journal.read():
            for told in entry.told:
                sessions |= self._take_one(told, now)[1]
        if is_deaf:
            self._bindings.doubt_all(now)
        return frozenset(sessions)
