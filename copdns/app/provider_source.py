"""The household of a running copdns that is in PostgreSQL: followed, and kept while that is away.

While PostgreSQL cannot be reached, queries are answered by what was read last; pages and commands
say at once that nothing can be read or changed.  What moved meanwhile is in the outbox, and is in
force within a second after it is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from copdns.app.household_source import Seed
from copdns.model.errors import StoreAwayError, StoreError
from copdns.model.household import Household
from copdns.settings.config import ProviderSettings
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.outbox import Moved, OutboxReader
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER

log = structlog.get_logger("copdns")

AWAY = (
    "PostgreSQL cannot be reached: copdns keeps answering by the rules that it read last, but "
    "nothing can be changed, and pages cannot be read, until it is back"
)
TRY_AGAIN = 1.0  # seconds between two tries to reach it
DEADLINE = 5.0  # seconds in which it tells what moved; later it counts as away


def _ignore_moved(_moved: Sequence[Moved]) -> None:
    """The hook `on_moved` where no household is read on demand."""


class ProviderSource:
    """As `HouseholdSource`, whose contract it keeps.

    on_moved: called with the households that moved, before anything is told of them.
    does_chores: this program is the one, of all that share the database, that sends what has to be
    sent once and deletes what is over.
    """

    store: HouseholdStore
    damage = ""  # of files
    has_household = True

    def __init__(self, provider: ProviderSettings, seed: Seed) -> None:
        self.read_only_reason = ""
        self._provider = provider
        self._seed = seed
        self._households: Sequence[Household] = ()  # as read last
        self._try_at = 0.0  # monotonic; while it is away
        self._taking: asyncio.Future[tuple[Moved, ...]] | None = None  # in its thread, or done
        self.on_moved: Callable[[Sequence[Moved]], None] = _ignore_moved

    async def open(self) -> None:
        """Connect, making or migrating the tables where needed; raise StoreError."""
        pool = await asyncio.to_thread(PostgresPool, self._provider.database)
        self.store = self._in_postgres = await asyncio.to_thread(ProviderStore.connect, pool)
        # While PostgreSQL is there: what pages ask of a provider's own tables comes later.
        await asyncio.to_thread(apply_own_steps, pool, PROVIDER)
        self._outbox = await asyncio.to_thread(OutboxReader, pool)

    @property
    def does_chores(self) -> bool:
        return self._outbox.is_leader and not self.read_only_reason

    async def seed(self) -> None:
        """Make the household at the first start, unless others make those of this database."""
        if self._provider.household or not self._provider.kept:
            await self._seed(self.store)

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
            return False
        self.on_moved(moved)
        was_away = bool(self.read_only_reason)
        self._tell_away("")
        return was_away or any(self._is_ours(each.household) for each in moved)

    async def _take(self) -> tuple[Moved, ...]:
        """Return what moved; raise StoreError, also where there is no answer in time.

        A call that is late is waited for next time: only one may be under way, and what it returns
        in the end must not be lost.
        """
        if self._taking is None:
            self._taking = asyncio.ensure_future(asyncio.to_thread(self._outbox.take))
        done, _ = await asyncio.wait({self._taking}, timeout=DEADLINE)
        if not done:
            self._outbox.interrupt()
            raise StoreAwayError(f"PostgreSQL does not answer within {DEADLINE:.0f} seconds")
        taking, self._taking = self._taking, None
        return taking.result()

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
            self._outbox.interrupt()
            await asyncio.wait({self._taking})
            self._taking.exception()  # an error of it concerns nobody any more
        await asyncio.to_thread(self._outbox.close)
        await asyncio.to_thread(self.store.close)
