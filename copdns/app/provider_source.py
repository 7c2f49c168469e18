"""The household of a running copdns that is in PostgreSQL: followed, and kept while that is away.

While PostgreSQL cannot be reached, queries are answered by what was read last; pages and commands
say at once that nothing can be read or changed.  What moved meanwhile is in the outbox, and is in
force within a second after it is back.

What was read is kept in a file too (`store/provider_db/known_households.py`), by which a copdns
answers that starts while PostgreSQL is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog

from copdns.app.household_source import Seed
from copdns.model.errors import StoreAwayError, StoreError
from copdns.model.household import Household
from copdns.settings.config import ProviderSettings
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.provider import ProviderStore, make_tables
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.outbox import DatabaseChange, Moved, OutboxReader
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.known_households import ALL_OF_THEM, KnownHousehold, LastKnown
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.store.provider_db.role_grants import RoleDuty
from copdns.store.provider_db.role_rights import require_duty

log = structlog.get_logger("copdns")

AWAY = (
    "PostgreSQL cannot be reached: copdns keeps answering by the rules that it read last, but "
    "nothing can be changed, and pages cannot be read, until it is back"
)
TRY_AGAIN = 1.0  # seconds between two tries to reach it
DEADLINE = 5.0  # seconds in which it tells what moved; later it counts as away
PAUSE = 0.05  # seconds between two looks for what moved: nodes wait until they are told
PAUSE_WHILE_MOVING = 0.015  # the same after a look that found something
WRITE_EVERY = 1.0  # seconds between two writes of what is known
RESTORED = (
    "the database of your provider was brought back from a backup or a copy: what was changed "
    "between that and %(when)s (UTC) may be as it was before; look at rules, times, people and "
    "devices"
)
RESTORED_TOLD = 14 * 86_400.0  # seconds for which pages say so
MOST_MISSED = 100_000  # changes since this program ran last; after more, nothing of then is kept


def _ignore_moved(_moved: Sequence[Moved]) -> None:
    """The hook `on_moved` where no household is read on demand."""


def _ignore_change() -> None:
    """The hook `on_other_database` where no household is read on demand."""


class ProviderSource:
    """As `HouseholdSource`, whose contract it keeps.

    on_moved: called with the households that moved, before anything is told of them.
    on_other_database: called before that, where nothing counts any more that was read before.
    does_chores: this program is the one, of all that share the database, that sends what has to be
    sent once and deletes what is over.
    """

    store: HouseholdStore
    damage = ""  # of files
    has_household = True

    def __init__(
        self,
        folder: Path,
        provider: ProviderSettings,
        seed: Seed,
        now: Callable[[], float],
    ) -> None:
        """folder: of what is kept for a start without PostgreSQL.  now: seconds since the epoch."""
        self.read_only_reason = ""
        self._now = now
        self._restored_at = 0.0  # where nothing can be kept; else the file has it
        self._folder = folder
        self._provider = provider
        self._seed = seed
        self._households: Sequence[Household] = ()  # as read last
        self._try_at = 0.0  # monotonic; while it is away
        self._taking: asyncio.Future[tuple[Moved, ...]] | None = None  # in its thread, or done
        self.on_moved: Callable[[Sequence[Moved]], None] = _ignore_moved
        self.on_other_database: Callable[[], None] = _ignore_change
        self._outbox: OutboxReader | None = None  # None: PostgreSQL was away since the start
        self._known: LastKnown | None = None  # None: nothing can be kept
        self._position: int | None = None  # in the outbox, up to which all was told
        self._has_moved = False  # something, at the last look
        self._write_at = 0.0  # monotonic
        self._is_unkept = False  # writing did not work last

    async def open(self) -> None:
        """Connect, making or migrating the tables where needed; raise StoreError.

        While PostgreSQL is away, begin by what this machine knew last; raise where that is nothing.
        """
        pool = PostgresPool(self._provider.database, opens=False)
        self.store = self._in_postgres = ProviderStore(pool)
        try:
            self._known = await asyncio.to_thread(
                LastKnown, self._folder, self._provider.kept or ALL_OF_THEM
            )
        except StoreError as error:
            log.warning("nothing is kept for a start without PostgreSQL", error=str(error))
        try:
            self._outbox = await asyncio.to_thread(self._connect)
        except StoreAwayError as error:
            if not await self._begin_by_known():
                raise
            self._tell_away(f"{AWAY} ({error})")
            self._try_at = asyncio.get_running_loop().time() + TRY_AGAIN
            return
        await asyncio.to_thread(self._follow_from_known, self._outbox)

    def _follow_from_known(self, outbox: OutboxReader) -> None:
        """Have what is kept lose what moved since this program ran last."""
        known = self._known
        if known is None or known.position is None:
            return
        missed = outbox.go_on_after(known.position, known.database)
        change = outbox.take_change()
        if change is not None:
            self._note_other(outbox, change)
        elif missed <= MOST_MISSED:
            return
        outbox.begin_now()
        self._clear_known()

    def _clear_known(self) -> None:
        """Delete what is kept; blocks."""
        known = self._known
        if known is None:
            return
        try:
            known.clear()
        except StoreError as error:
            # A full disk, for instance: the file follows no more, and is cleared at the next start.
            log.warning("nothing is kept for a start without PostgreSQL", error=str(error))
            self._known = None
            known.close()

    def _note_other(self, outbox: OutboxReader, change: DatabaseChange) -> None:
        """Say that PostgreSQL is another database, and remember it where something may be lost."""
        if not change.has_lost:
            log.warning("PostgreSQL is another server than before; all is read anew")
            return
        log.error(
            "PostgreSQL is a database from a backup: what was changed after it is lost; all is "
            "read anew",
            newest=outbox.position,
        )
        self._restored_at = self._now()
        if self._known is not None:
            self._known.note_restored(self._restored_at)

    @property
    def restored_text(self) -> str:
        """What to tell people of a database that is from a backup; "" where it is none lately."""
        known = 0.0 if self._known is None else self._known.restored_at
        at = max(known, self._restored_at)
        if not at or self._now() - at > RESTORED_TOLD:
            return ""
        return RESTORED % {"when": f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"}

    def _connect(self) -> OutboxReader:
        pool = self._in_postgres.pool
        pool.open()
        make_tables(pool)
        # While PostgreSQL is there: what pages ask of a provider's own tables comes later.
        apply_own_steps(pool, PROVIDER)
        duty = RoleDuty.FAMILIES if self._provider.show_pages else RoleDuty.NODES
        if warning := require_duty(pool, duty):
            log.warning(warning)
        return OutboxReader(pool, leads=self._provider.show_pages)

    async def _begin_by_known(self) -> bool:
        """Take the households that were kept; tell whether there are any."""
        known = self._known
        if known is None or await asyncio.to_thread(lambda: known.is_empty):
            return False
        if not self._provider.kept:
            ours = self._provider.household
            found = [each.household for each in await asyncio.to_thread(known.all)]
            self._households = [each for each in found if ours in ("", each.id)]
        return bool(self._provider.kept or self._households)

    @property
    def does_chores(self) -> bool:
        return self._outbox is not None and self._outbox.is_leader and not self.read_only_reason

    def note_read(self, household: Household, until: float) -> None:
        """Keep a household as it was read, for a start without PostgreSQL.

        until: seconds since the epoch, when it has to be read again.
        """
        if self._known is not None:
            self._known.note(household, until)

    async def find_known(self, households: Sequence[str]) -> Sequence[KnownHousehold]:
        """Return those of some households that were read before, also before the start."""
        if self._known is None:
            return ()
        return await asyncio.to_thread(self._known.some, households)

    async def seed(self) -> None:
        """Make the household at the first start, unless others make those of this database."""
        if self.read_only_reason:
            return
        if self._provider.household or not self._provider.kept:
            await self._seed(self.store)

    @property
    def pause(self) -> float:
        """How many seconds to wait before the next call of `is_changed`."""
        return PAUSE_WHILE_MOVING if self._has_moved else PAUSE

    async def is_changed(self) -> bool:
        """Tell whether a household moved since the last call, or may have while it was away."""
        now = asyncio.get_running_loop().time()
        if self.read_only_reason and now < self._try_at:
            return False
        try:
            moved = await self._take()
        except StoreError as error:
            self._tell_away(f"{AWAY} ({error})")
            self._try_at = now + TRY_AGAIN
            await self._keep_known((), now)  # what moved just before must not stay until it is back
            return False
        assert self._outbox is not None
        self._has_moved = bool(moved)
        self._position = self._outbox.position
        change = self._outbox.take_change()
        if change is not None:
            self._note_other(self._outbox, change)
            self.on_other_database()
            await asyncio.to_thread(self._clear_known)
        self.on_moved(moved)
        await self._keep_known(moved, now)
        was_away = bool(self.read_only_reason)
        self._tell_away("")
        return (
            was_away or change is not None or any(self._is_ours(each.household) for each in moved)
        )

    async def _keep_known(self, moved: Sequence[Moved], now: float) -> None:
        """Follow with what is kept; where that cannot be written, it is tried again.

        now: monotonic seconds.
        """
        if self._known is None or self._position is None:
            return
        self._known.forget(moved)
        if now < self._write_at:
            return
        self._write_at = now + WRITE_EVERY
        try:
            await self._known.write(self._position, self._outbox.database if self._outbox else "")
        except StoreError as error:
            if not self._is_unkept:
                log.warning("nothing is kept for a start without PostgreSQL", error=str(error))
            self._is_unkept = True
        else:
            self._is_unkept = False

    async def _take(self) -> tuple[Moved, ...]:
        """Return what moved; raise StoreError, also where there is no answer in time.

        A call that is late is waited for next time: only one may be under way, and what it returns
        in the end must not be lost.
        """
        if self._taking is None:
            self._taking = asyncio.ensure_future(asyncio.to_thread(self._take_in_thread))
        done, _ = await asyncio.wait({self._taking}, timeout=DEADLINE)
        if not done:
            if self._outbox is not None:
                self._outbox.interrupt()
            raise StoreAwayError(f"PostgreSQL does not answer within {DEADLINE:.0f} seconds")
        taking, self._taking = self._taking, None
        return taking.result()

    def _take_in_thread(self) -> tuple[Moved, ...]:
        if self._outbox is None:
            outbox = self._connect()
            # What moved since this machine read what it answers by.
            known = self._known
            if known is None:
                outbox.go_on_after(0)
            else:
                outbox.go_on_after(known.position or 0, known.database)
            self._outbox = outbox
        return self._outbox.take()

    def _tell_away(self, reason: str) -> None:
        if reason and not self.read_only_reason:
            log.error(reason)
        elif self.read_only_reason and not reason:
            log.info("PostgreSQL can be reached again")
        self.read_only_reason = self._in_postgres.away = reason

    def _is_ours(self, household: str) -> bool:
        ours = self._provider.household
        return household == ours or not (ours or self._provider.kept)

    async def households(self) -> Sequence[Household]:
        """Return the households; while PostgreSQL is away, as they were read last."""
        if self.read_only_reason:
            return self._households
        ours, kept = self._provider.household, self._provider.kept
        ids = (ours,) if ours else () if kept else await self.store.households()
        found = [await self.store.household(each) for each in ids]
        self._households = [each for each in found if each is not None]
        return self._households

    async def revisions(self) -> Mapping[str, int]:
        """Return the stored revision of each household, by id."""
        if self.read_only_reason:
            return {each.id: each.revision for each in self._households}
        ours, kept = self._provider.household, self._provider.kept
        if kept and not ours:
            return {}
        found = await self._in_postgres.revisions()
        return {each: found[each] for each in found if ours in ("", each)}

    async def reopen(self, _changing: asyncio.Lock) -> bool:
        """Do nothing: `is_changed` connects again."""
        return False

    async def compare(self) -> None:
        """Do nothing: whoever runs PostgreSQL looks after its files."""

    async def repair(self) -> None:
        """Raise StoreError: there is nothing that could be made anew here."""
        raise StoreError("the households are in PostgreSQL; restore a backup of that, or of them")

    async def close(self) -> None:
        """Close all connections, in a thread."""
        if self._taking is not None:
            if self._outbox is not None:
                self._outbox.interrupt()
            await asyncio.wait({self._taking})
            self._taking.exception()  # an error of it concerns nobody any more
        if self._known is not None:
            # Not further than was told: what a call found that was cut off is found again.
            await self._keep_known((), self._write_at)
            await asyncio.to_thread(self._known.close)
        if self._outbox is not None:
            await asyncio.to_thread(self._outbox.close)
        await asyncio.to_thread(self.store.close)
