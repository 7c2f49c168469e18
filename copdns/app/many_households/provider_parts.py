"""The parts that a provider's copdns has besides those of a home, or in place of them.

Imported where `provider.database` is set: no home has the libraries.  `app/parts.py` makes the
others, and hands in what these need of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from copdns.app.account_chores import AccountChores
from copdns.app.digest_chores import SummaryWriter
from copdns.app.household_source import Seed
from copdns.app.many_households.block_report import BlockReport
from copdns.app.many_households.heard_devices import DeviceMarks
from copdns.app.many_households.minutes_journal import MinutesJournal
from copdns.app.many_households.opened_lines import OpenedLines, OpenLines
from copdns.app.many_households.page_households import PageHouseholds
from copdns.app.many_households.provider_desk import ProviderDesk
from copdns.app.many_households.subscriber_chores import SubscriberChores
from copdns.app.many_households.subscriber_digests import SubscriberDigests
from copdns.app.many_households.subscriber_minutes import SubscriberMinutes
from copdns.app.many_households.subscriber_warnings import SubscriberWarnings
from copdns.app.many_households.tenant_looks import TenantLooks
from copdns.app.node.status import StatusFile
from copdns.app.provider_source import ProviderSource
from copdns.events.mail import mail_server_of
from copdns.model.events import Event
from copdns.model.household import Household
from copdns.policy.snapshot import Snapshot
from copdns.privacy.recent_blocks import RecentBlocks
from copdns.server.answer import Resolver
from copdns.server.metrics import Counters
from copdns.settings.config import Settings
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.provider import ProviderStore
from copdns.store.household_db.push import PushStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.provider_log import ProviderLog
from copdns.store.log_db.querylog import QueryLog
from copdns.store.provider_db.desk_rows import DeskStore
from copdns.store.provider_db.queue_told_rows import QueueTold
from copdns.time.clock import Clock
from copdns.time.plan import PolicyInputs
from copdns.web.many_households.family_door import FamilyDoor


class ProviderParts:
    """What many households need; all of it is there after `begin_subscribers`.

    source: the households, in PostgreSQL.  node: what the program of this node says of itself.
    minutes, subscribers, pages, warnings, digests, marks: of households on demand; None where all
    of them are read at once.  blocks: what it blocked, for the quarterly report.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        seed: Seed,
        clock: Clock,
        wall_clock: Callable[[], float],
    ) -> None:
        """settings: those of the start.  seed: makes the first household, if there is none."""
        self._folder = folder
        self._settings = settings
        self._clock = clock
        self.source = ProviderSource(folder, settings.provider, seed, wall_clock)
        self.node = StatusFile(Path(settings.node.folder), wall_clock)
        self.minutes: SubscriberMinutes | None = None
        self.subscribers: SubscriberChores | None = None
        self.pages: PageHouseholds | None = None
        self.warnings: SubscriberWarnings | None = None
        self.digests: SubscriberDigests | None = None
        self.marks: DeviceMarks | None = None
        self.blocks: BlockReport | None = None

    @property
    def _store(self) -> ProviderStore:
        store = self.source.store
        assert isinstance(store, ProviderStore)
        return store

    def _now(self) -> float:
        return self._clock().wall

    def _is_read_only(self) -> bool:
        return bool(self.source.read_only_reason)

    def new_log(self) -> ProviderLog:
        """Return the log of look-ups, in PostgreSQL too."""
        provider = self._settings.provider
        return ProviderLog(self._folder, provider.database, has_minutes=bool(provider.kept))

    def begin_minutes(self) -> SubscriberMinutes | None:
        """Count minutes of households on demand from now on; return None where there are none."""
        provider = self._settings.provider
        if provider.kept:
            self.minutes = SubscriberMinutes(
                provider.database,
                provider.kept,
                self._clock,
                self._is_read_only,
                MinutesJournal(self._folder),
            )
        return self.minutes

    def begin_blocks(self, counters: Counters) -> None:
        """Count what is blocked here from now on for the quarterly report."""
        self.blocks = BlockReport(self._store.pool, counters, self._now, self._is_read_only)

    def begin_subscribers(
        self,
        resolver: Resolver,
        thread: StoreThread,
        account_chores: AccountChores,
        policy_inputs: Callable[[], PolicyInputs],
        tell: Callable[[Event], Awaitable[None]],
        recent: RecentBlocks,
    ) -> None:
        """Read households on demand from now on, if the settings say so.

        tell: sends an event to the browsers that want it.  recent: the last blocks of devices, of
        which those go that are somebody else's by now.
        """
        if not self._settings.provider.kept:
            return

        def snapshot() -> Snapshot:
            return resolver.snapshot

        def note_read(household: Household, until: float) -> None:
            recent.keep_only_of(household)
            self.source.note_read(household, until)

        def is_here(household: str) -> bool:
            return self.subscribers is not None and self.subscribers.subscribers.has(household)

        self.marks = DeviceMarks(self._store.pool, self._now, is_here, self._is_read_only)
        self.subscribers = SubscriberChores(
            self._settings.provider.kept,
            resolver,
            self._store,
            account_chores,
            self._clock,
            policy_inputs,
            self._is_read_only,
            note_read,
            self.source.find_known,
            self.minutes,
        )
        self.subscribers.heard_of = self.marks.of
        self.pages = PageHouseholds(
            thread, account_chores, snapshot, policy_inputs, self._now, self.minutes
        )
        forget = self.pages.forget_after(self.subscribers.forget)
        if self.minutes is not None:
            self.warnings = SubscriberWarnings(
                self._store,
                PushStore(thread),
                account_chores,
                self._clock,
                snapshot,
                policy_inputs,
                self.minutes,
                lambda: bool(self._settings.node.mac_networks),
                tell,
            )
            forget = self.warnings.forget_after(forget)
            self.minutes.follow(self.subscribers.subscribers, self.pages, self.warnings)
        self.source.on_moved, self.source.on_other_database = forget, self._forget_all

    def _forget_all(self) -> None:
        """Have each household read again: the database is another one."""
        assert self.subscribers is not None
        assert self.pages is not None
        self.subscribers.forget_all()
        self.pages.forget_all()

    def begin_digests(
        self, thread: StoreThread, log: QueryLog, settings: Callable[[], Settings]
    ) -> None:
        """Make what sends weekly summaries for households on demand.  settings: those in force."""
        appeals = AppealStore(self._store)

        def writer() -> SummaryWriter | None:
            notices, pages = settings().events.notices, settings().provider.pages
            if not (pages and mail_server_of(notices)):
                return None
            desk = f"{pages}guardian/"
            return SummaryWriter(appeals, log, self._folder, notices, desk, is_shared=True)

        if self._settings.provider.kept:
            self.digests = SubscriberDigests(
                self._store, thread, self._clock, writer, QueueTold(self._store.pool).database_now
            )

    def new_opened_lines(self, open_lines: OpenLines) -> OpenedLines:
        """Return what follows the reviewers, who open lines of lists."""
        folder = Path(self._settings.node.folder)
        return OpenedLines(self._store.pool, folder, open_lines, self._now)

    def new_door(self, mono_clock: Callable[[], float]) -> FamilyDoor | None:
        """Return what tells the pages of many households apart; None where all are read at once."""
        if self.pages is None:
            return None
        marks = self.marks
        look = TenantLooks(self._store.pool).of
        return FamilyDoor(self.pages, mono_clock, look, None if marks is None else marks.days_of)

    async def tidy(self) -> None:
        """Delete cases of the reviewers' desk that were kept for long enough, and days of devices;
        raise StoreError."""
        await asyncio.to_thread(DeskStore(self._store.pool).forget, int(self._now()))
        if self.marks is not None:
            await self.marks.forget()

    def new_review_desk(self) -> ProviderDesk:
        """Return the way to the reviewers."""
        return ProviderDesk(self._store.pool)
