"""Where the tables of a node come from: households, lines, addresses and law in PostgreSQL, and
lists in files.

While PostgreSQL is away, what time changes goes on; what moved meanwhile is read when it is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from copdns import __version__
from copdns.app.memory_use import keep_from_gc
from copdns.app.node.copies import NodeCopies
from copdns.app.node.journal import JournalReader
from copdns.app.node.last_write import SEEN_FILE, LastWrite
from copdns.app.node.line_follower import LineFollower
from copdns.app.node.lists_now import ListsNow
from copdns.model.addresses import Network
from copdns.model.errors import OddRowError, PlaneError, StoreAwayError, StoreError
from copdns.model.household import Household
from copdns.provider.plane.keeper import PlaneKeeper
from copdns.provider.plane.line_shares import (
    LineShare,
    outlasts_time,
    share_from_words,
    share_of,
    share_words,
)
from copdns.provider.plane.open_family import change_with_family_open, with_family_open
from copdns.provider.plane.snapshot import PlaneChange, PlaneSnapshot
from copdns.store.household_db.provider import (
    Numbered,
    read_all_numbered,
    read_numbered,
    read_these_numbered,
)
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.line_shares import (
    ShareRow,
    ShareStore,
)
from copdns.store.postgres.outbox import DatabaseChange, OutboxReader

LOOK_EVERY: Final = 0.05  # seconds, for what nobody is told of, as time and lists
LOOK_PAUSE: Final = 0.005  # seconds between two looks at least
COPY_AGAIN: Final = 200  # looks until shapes are tried again that could not be kept
READ_AT_ONCE: Final = 128  # households that moved, which are read together
WRITE_AGAIN: Final = 20  # looks until what was taken is written down again
PUT_AT_ONCE: Final = 1_000  # households that are written down together
MOST_ALONE: Final = 20  # one household of so many is read alone, more are read all together
MADE_BY: Final = f"{__version__} 3"  # what is taken from a household may be another in the next
_NO_SHAPES: Final = (-1, 0)  # the newest group, and how many: a number is given once

log = structlog.get_logger("copdns.node")


class StoreSource:
    """All that a node needs, followed.  Used by one thread at a time.

    now: seconds since the epoch.
    """

    def __init__(
        self,
        pool: PostgresPool,
        lists: ListsNow,
        copies: NodeCopies,
        now: Callable[[], float],
        journal: JournalReader,
        without_family: Sequence[Network] = (),
        *,
        has_macs_told: bool = False,
        has_law_alone: bool = False,
    ) -> None:
        """The last three: as `PlaneKeeper` takes them."""
        self._pool = pool
        self._lists = lists
        self._copies = copies
        self._kept_shapes = _NO_SHAPES
        self._now = now
        self._keeper = PlaneKeeper(
            *(lists.slugs, now(), without_family),
            has_macs_told=has_macs_told,
            has_law_alone=has_law_alone,
        )
        self._outbox: OutboxReader | None = None
        seen = LastWrite(journal.folder / SEEN_FILE, waits=False)  # changes would wait, too
        self._lines = LineFollower(pool, self._keeper, journal, seen)
        self._must_read_all = True
        self._is_away = False
        self._shares = ShareStore(pool, MADE_BY)
        self.copy_trouble = ""  # why shapes are not kept, for people
        self._copy_in = 0  # looks until they are tried again
        self._unwritten: list[tuple[int, ShareRow]] = []
        self._write_in = 0  # looks until they may be written again
        self._wanted: dict[str, None] = {}  # households to read, in their order
        self._has_family_open = False  # as the tables have it
        self._change = DatabaseChange(has_lost=False)  # because of which all is read anew
        self.restored = ""  # that the database is from a backup, for people

    @property
    def is_away(self) -> bool:
        """Whether PostgreSQL could not be reached at the last look."""
        return self._is_away

    # --- as `PlaneSource` ---

    def snapshot(self) -> PlaneSnapshot:
        """Return everything; read it first where this has not been done.  Raises StoreError."""
        if self._must_read_all:
            try:
                self._read_all()
            except StoreAwayError:
                self.close()  # the one that listens may be to the database of before
                raise
        self._copies.forget_shapes()  # until the tables have the new numbers: at the next look
        self._kept_shapes = _NO_SHAPES
        self._lists.tell_resolver()
        whole = self._keeper.snapshot(self._revision, self._lists.listed)
        self._has_family_open = self._lists.is_family_open
        return with_family_open(whole) if self._has_family_open else whole

    def changes_after(self, revision: int) -> Iterable[PlaneChange] | None:
        """Return what changed since the last call; None where all has to be compared anew."""
        if self._must_read_all or revision != self._keeper.revision:
            return None
        self._follow_time()
        self._follow_store()
        if self._must_read_all:  # another database: what is in it is compared with all of this
            return None
        self._follow_journal()
        listed = self._follow_lists()
        if self._lists.is_family_open is not self._has_family_open:
            return None
        self._keep_shapes()
        change = self._keeper.take_change(self._revision)
        if listed and change is None:
            change = PlaneChange(self._revision, classes=dict(self._keeper.classes))
        if listed and change is not None:
            change = change.with_lists(self._lists.listed, self._keeper.classes)
        if change is not None and self._has_family_open:
            change = change_with_family_open(change)
        return [] if change is None else [change]

    async def wait(self) -> None:
        """Return after a moment, and sooner where PostgreSQL says something."""
        await asyncio.sleep(LOOK_PAUSE)
        descriptor = None if self._outbox is None else self._outbox.descriptor
        if descriptor is None:
            await asyncio.sleep(LOOK_EVERY)
        else:
            await _wait_for(descriptor, LOOK_EVERY)

    def close(self) -> None:
        """Close the connection that listens; the next look opens another one."""
        if self._outbox is not None:
            self._outbox.close()

    # --- what the store tells ---

    @property
    def _revision(self) -> int:
        return self._outbox.position if self._outbox is not None else 0

    def _read_all(self) -> None:
        # First: what moves while the rest is read is told by it.
        # It does not lead: who does has chores that are no node's.
        self._outbox = self._outbox or OutboxReader(self._pool, leads=False)
        self._outbox.take()  # notices another database, also after a try that met one
        if (change := self._outbox.take_change()) is not None:
            self._note_change(change)
        with keep_from_gc():  # else it looks at millions of objects, for half of the time
            known = self._keeper.households
            self._lines.begin()
            # By numbers of the database before; and all is read now.
            self._unwritten, self._wanted = [], {}
            gone = known - self._read_households(self._now())
            for each in gone:
                self._keeper.drop_household(each)
            self._lines.read_all(self._outbox.database, self._change, has_read=bool(known))
            if known:
                log.warning("all was read anew", households_gone=len(gone))
        self._change = DatabaseChange(has_lost=False)
        self._must_read_all = False

    def _note_change(self, change: DatabaseChange) -> None:
        """Have all read anew: what is known here may be newer, and is not what holds now."""
        self._must_read_all = True
        if change.has_lost or not self._change.has_lost:  # else a try was cut off, and that holds
            self._change = change
        if not change.has_lost:
            log.warning("PostgreSQL is another server than before")
            return
        self.restored = (
            "PostgreSQL is a database from a backup since "
            f"{datetime.fromtimestamp(self._now(), UTC):%Y-%m-%d %H:%M} UTC: what was changed "
            "after that is as the backup has it"
        )
        log.error(self.restored)

    def _follow_store(self) -> None:
        assert self._outbox is not None
        try:
            self._wanted.update((each.household, None) for each in self._outbox.take())
            if (change := self._outbox.take_change()) is not None:
                self._note_change(change)
                return
            for some in _parts(list(self._wanted)):
                self._read(some)
                for each in some:  # one that cannot be read now stays wanted
                    del self._wanted[each]
            self._write_some_shares()
            if self._lines.follow(self._outbox.database):
                # No household may have changed since, so that the outbox is as new.
                self._note_change(DatabaseChange(has_lost=True, is_set_back=True))
                return
        except StoreError as error:
            if not self._is_away:
                log.warning("the tables stay as they are", error=str(error))
            self._is_away = True
            if isinstance(error, StoreAwayError):
                self.close()  # the one that listens may be to the database of before
        else:
            if self._is_away:
                log.info("PostgreSQL can be reached again")
            self._is_away = False

    def _follow_journal(self) -> None:
        try:
            self._lines.follow_journal(is_away=self._is_away)
        except StoreError as error:
            log.warning("addresses that moved are looked for again", error=str(error))
            if isinstance(error, StoreAwayError):
                self.close()  # as above

    def _read_households(self, now: float) -> set[str]:
        """Take in all households: those that a node has read before as it wrote them down; return
        which there are."""
        shapes: dict[str, LineShare] = {}
        for key, example in self._shares.examples(now).items():
            found = self._load(example)
            if found is not None and (share := share_of(found, now)).key == key:
                shapes[key] = share
        others = []
        there: set[str] = set()
        for row in self._shares.rows(now):
            there.add(row if isinstance(row, str) else row.household)
            if isinstance(row, str):
                others.append(row)
            elif (like := shapes.get(row.shape)) is None:
                others.append(row.household)
            else:
                known = share_from_words(
                    like, row.words, asks_copdns=row.asks_copdns, until=row.until
                )
                self._keeper.put_household(row.household, known, now)
        if len(others) * MOST_ALONE > len(there):  # nobody wrote them down; together it is quicker
            wanted = set(others)
            for each in read_all_numbered(self._pool):
                if isinstance(each.found, OddRowError) or each.found.id in wanted:
                    self._put(each, now)
        else:
            for some in _parts(others):
                self._read(some)
        self._write_shares()
        return there

    def _load(self, household: str) -> Household | None:
        try:
            found = read_numbered(self._pool, household)
        except OddRowError:
            return None
        return found.found if found and isinstance(found.found, Household) else None

    def _read(self, households: Sequence[str]) -> None:
        found = read_these_numbered(self._pool, households)
        for each in households:
            if each in found:
                self._put(found[each], self._now())
            else:
                self._keeper.drop_household(each)

    def _put(self, numbered: Numbered, now: float) -> None:
        found, number = numbered
        if isinstance(found, OddRowError):
            # Its tables stay as they were: no other family's rules, and none at all, are worse.
            log.error("a household cannot be read", error=str(found))
            return
        share = share_of(found, now)
        self._keeper.put_household(found.id, share, now)
        if number is not None and outlasts_time(share):
            words = share_words(share)
            row = ShareRow(found.id, share.key, share.asks_copdns, share.until, words)
            self._unwritten.append((number, row))
            if len(self._unwritten) >= PUT_AT_ONCE:
                self._write_shares()

    def _write_some_shares(self) -> None:
        """Write down what was taken, but not at each look: a change would wait for the disk."""
        self._write_in = max(0, self._write_in - 1)
        if self._unwritten and not self._write_in:
            self._write_shares()
            self._write_in = WRITE_AGAIN

    def _write_shares(self) -> None:
        """Write down what was taken, for nodes that start; what is lost is read there."""
        assert self._outbox is not None
        rows, self._unwritten = self._unwritten, []
        if rows:
            self._shares.put(rows, self._outbox.database)

    # --- what time and lists change ---

    def _follow_time(self) -> None:
        due = self._keeper.take_due(self._now())
        self._wanted.update(dict.fromkeys(due))  # read at the next look, or when it is back

    def _follow_lists(self) -> bool:
        """Tell whether other lists hold than at the last look."""
        slugs, has_moved = self._lists.slugs, self._lists.follow()
        if self._lists.slugs is not slugs:
            self._keeper.use_lists(self._lists.slugs, self._now())
        return has_moved

    def _keep_shapes(self) -> None:
        """Keep what new groups are made from, before the tables name them; and at the look after
        they went, not what gone ones were made from: it is of a household that may be deleted."""
        shapes = self._keeper.shapes
        now = max(shapes), len(shapes)
        if now == self._kept_shapes:
            return
        if self._copy_in > 0:
            self._copy_in -= 1
            return
        try:
            self._copies.write_shapes(shapes)
        except PlaneError as error:
            # None is better than those of other groups; the tables go on either way.
            self._copies.forget_shapes()
            if not self.copy_trouble:
                log.error(
                    "a start without PostgreSQL would have nothing to go on", error=str(error)
                )
            self.copy_trouble = f"nothing is kept for a start without PostgreSQL: {error}"
            self._kept_shapes, self._copy_in = _NO_SHAPES, COPY_AGAIN
        else:
            self._kept_shapes, self.copy_trouble = now, ""


async def _wait_for(descriptor: int, seconds: float) -> None:
    """Return when there is something to read, after so many seconds at most."""
    loop, is_there = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, is_there.set)
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(is_there.wait(), seconds)
    finally:
        loop.remove_reader(descriptor)


def _parts(households: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield as many of some households as are read together."""
    for start in range(0, len(households), READ_AT_ONCE):
        yield households[start : start + READ_AT_ONCE]
