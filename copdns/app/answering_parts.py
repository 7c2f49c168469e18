"""What one running copdns needs to answer, made from its settings and joined to one another.

Households, lists, minutes and upstreams, and what takes queries, decides and records.  It imports
nearly every folder.  The clocks are read here.  `parts.py` adds what no query waits for.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from copdns.accounts.codes import make_appeal_code
from copdns.app.account_chores import AccountChores, ignore_read
from copdns.app.alarms import Alarms
from copdns.app.appeal_chores import AppealChores
from copdns.app.device_chores import DeviceChores
from copdns.app.encrypted_dns import EncryptedDns
from copdns.app.from_settings import (
    forwards_subnets,
    new_cache,
    new_failures,
    new_limits,
    new_rebinding_guard,
    own_lists,
    secure_child_page,
)
from copdns.app.help_chores import HelpChores
from copdns.app.household_in_force import HouseholdInForce
from copdns.app.household_source import HouseholdOrigin, HouseholdSource
from copdns.app.lists_in_force import ListReloader, ListsInForce
from copdns.app.nat64_chores import Nat64Chores
from copdns.app.second_box.followed_source import as_followed, followed_source
from copdns.app.seed import seed_household
from copdns.app.service_manager import find_service_manager
from copdns.app.snapshot_builder import SnapshotBuilder
from copdns.app.structured_reasons import StructuredReasons
from copdns.app.time_chores import TimeChores
from copdns.app.upstreams_in_force import UpstreamsInForce
from copdns.dns.help_answers import HelpAnswers
from copdns.dns.upstream import UpstreamClient
from copdns.events.bus import EventBus
from copdns.household.pageless_household import without_pages
from copdns.list_files.choose import available_lists
from copdns.list_files.copies import Copies
from copdns.list_files.facts_updates import SLUG, FactsUpdater
from copdns.list_files.load import bundled_files
from copdns.list_files.updates import ListUpdater
from copdns.lists.catalogue import Catalogue
from copdns.lists.source import ListSource
from copdns.model.events import EventKind, HeldEvent
from copdns.model.hosts import DESK_HOST, child_page_url
from copdns.model.household import Household, PrivacyMode
from copdns.network import machine
from copdns.network.lease_names import RecordsByName
from copdns.network.probes import Probes
from copdns.policy.snapshot import Snapshot
from copdns.privacy.recent_blocks import RecentBlocks
from copdns.server.answer import Resolver
from copdns.server.discovery import Discovery
from copdns.server.held_sockets import HeldSockets, passed_sockets
from copdns.server.lazy_free import LazyFreeQueue
from copdns.server.listeners import Listeners
from copdns.server.metrics import Counters
from copdns.server.packet_cache import PacketCache
from copdns.server.recognition import Recognition
from copdns.server.recorder import Recorder
from copdns.settings.config import Settings, defaults_of
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.querylog import QueryLog
from copdns.time.clock import Clock
from copdns.time.plan import PolicyInputs
from copdns.web.https import Https
from copdns.web.logins import Logins

if TYPE_CHECKING:
    from copdns.app.housekeeping import Housekeeping
    from copdns.app.many_households.provider_parts import ProviderParts


class AnsweringParts:
    """All that an answer of one copdns needs.

    It is there after `begin`, in whose order each part finds those that it needs.
    settings: those in force.  is_light: without pages, and so without what a person would have to
    be able to read there (`household/pageless_household.py`).
    """

    _housekeeping: Housekeeping  # made later (`parts.py`); events for browsers go through it

    def __init__(self, settings: Settings, *, is_light: bool = False) -> None:
        self.settings = settings
        self.is_light = is_light
        # Else its role of the database reads nothing that only people are told.
        self._tells_people = settings.provider.show_pages
        self._folder = Path(settings.data)
        self._loop = asyncio.get_running_loop()
        self._lazy_free = LazyFreeQueue()
        self._lists = ListsInForce(self._folder, self._loop.time)
        self._updates = ListUpdater(
            Copies(self._folder),
            available_lists(bundled_files()),
            lambda: self.settings,
            lambda: self._resolver.snapshot.households.values(),
            lambda: self._catalogue,
            time.time,
            lambda here: self._put_lists_in_force(here),
            tell_held=lambda slug: self._tell_held(EventKind.LIST_HELD, slug),
        )
        self._facts = FactsUpdater(
            self._folder,
            lambda: self.settings.facts,
            time.time,
            tell_held=lambda: self._tell_held(EventKind.FACTS_HELD, SLUG),
        )
        self._manager = find_service_manager()
        self._clock = Clock(time.time, time.monotonic, machine.clock_is_synchronised)
        self._followed = followed_source(self._folder)
        self._note_read: Callable[[Household, float], None] = ignore_read
        self._provider = self._new_provider()
        self._source = self._new_source()
        self._child_page = child_page_url(settings.web.port)  # a new port: at the next start
        self._https = Https(self._folder, settings.web, self._now, lambda: self._clock.is_wrong)

    async def begin(self) -> None:
        """Open what lasts, and make these parts; raise CopdnsError where that cannot be."""
        households = await self._open()
        await self._begin_recording(households)
        await self._begin_answering(households)
        await self._begin_recognising()

    # --- making ---

    async def _seed(self, store: HouseholdStore) -> None:
        await seed_household(store, self.settings, self._catalogue, int(time.time()))

    def _new_provider(self) -> ProviderParts | None:
        """Return what a provider's copdns has besides these parts; None at home."""
        if not self.settings.provider.database:
            return None
        from copdns.app.many_households.provider_parts import ProviderParts  # its libraries too

        return ProviderParts(self._folder, self.settings, self._seed, self._clock, time.time)

    def _new_source(self) -> HouseholdOrigin:
        if self._followed is not None:
            return self._followed
        if self._provider is not None:
            self._note_read = self._provider.source.note_read
            return self._provider.source
        return HouseholdSource(self._folder, self._seed)

    async def _open(self) -> Sequence[Household]:
        """Open the store, and load lists; return the households."""
        await self._source.open()
        self._store = self._source.store
        self._thread = StoreThread(self._store)
        self._logins = Logins(self._thread, time.monotonic)
        self._account_chores = AccountChores(
            self._thread,
            self._now,
            lambda: self.settings.events.appeal_names,
            keeps_last=self._provider is not None,
            on_read=self._note_read,
        )
        households = await self._account_chores.with_guests(await self._source.households())
        await self._facts.begin()
        self._lists.fetched = await self._updates.begin(households)
        await self._lists.begin(self.settings.lists)
        await self._source.seed()
        if not households:  # the first start; `is_changed` then ignores what was written so far
            await self._source.is_changed()
            households = await self._account_chores.with_guests(await self._source.households())
        return households

    async def _begin_recording(self, households: Sequence[Household]) -> None:
        """Make what counts and records look-ups, minutes, appeals and events."""
        self._counters = Counters()
        provider = self._provider
        self._log = QueryLog(self._folder) if provider is None else provider.new_log()
        if provider is not None:
            provider.begin_blocks(self._counters)
        self._recent_blocks = RecentBlocks(make_appeal_code)
        self._events = EventBus(self._is_unlogged)
        self._alarms = Alarms()
        self._time_chores = TimeChores(
            self._folder, lambda: self._resolver.snapshot, self._clock, self._events
        )
        await self._time_chores.begin(households)
        self._minutes = None if provider is None else provider.begin_minutes()
        self._appeal_chores = AppealChores(
            AppealStore(self._store),
            lambda: self._catalogue,
            lambda: self.settings,
            self._clock,
            self._events,
        )

    async def _begin_answering(self, households: Sequence[Household]) -> None:
        """Make what answers, and what applies changes of household, lists and upstreams."""
        self._upstreams = UpstreamClient(self._loop)
        self._counters.upstreams = self._upstreams.numbers
        self._upstreams_in_force = UpstreamsInForce(self._upstreams, lambda: self.settings)
        self._nat64 = Nat64Chores(self._upstreams, lambda: self.settings, self._loop)
        self._snapshots = SnapshotBuilder(
            lambda: defaults_of(self.settings, self._child_page, self._nat64.prefixes),
            self._policy_inputs,
            self._upstreams_in_force,
            self._now,
            self._adapt,
        )
        counting = self._time_chores if self._minutes is None else self._minutes
        self._recorder = Recorder(self._counters, self._recent_blocks, self._log, counting.ledger)
        self._note_own_lists()
        help_answers = HelpAnswers()
        snapshot = await self._snapshots.build(None, self._catalogue, households)
        self._resolver = self._new_resolver(snapshot, help_answers)
        self._reasons = StructuredReasons(
            lambda: self._resolver.snapshot, lambda: self.settings, lambda: self._recorder.own_lists
        )
        await self._tell_reasons()
        self._help_chores = HelpChores(
            self._folder,
            help_answers,
            self._upstreams,
            lambda: self._catalogue.help_names,
            self._clock,
            lambda: new_rebinding_guard(self.settings.rebinding),
        )
        await self._help_chores.load()
        self._household = HouseholdInForce(
            self._source,
            self._snapshots,
            self._resolver,
            self._account_chores,
            self._events,
            self._recent_blocks,
            self._now,
        )
        self._list_reloader = ListReloader(
            self._lists,
            self._snapshots,
            self._resolver,
            self._tell_mistakes,
            lambda: self.settings,
        )
        if self._provider is not None:
            self._provider.begin_subscribers(
                self._resolver,
                self._thread,
                self._account_chores,
                self._policy_inputs,
                lambda event: self._housekeeping.push.tell(event),
                self._recent_blocks,
            )
        self._begin_listening()

    def _begin_listening(self) -> None:
        """Make what takes queries, in clear text and encrypted."""
        passed = passed_sockets(os.environ, os.getpid())
        held = HeldSockets(passed, self._manager.hold, self._manager.release)
        self._listeners = Listeners(self._resolver, self._clock, held)
        self._encrypted = EncryptedDns(
            self._folder, self.settings, self._resolver, self._clock, lambda: self._clock.is_wrong
        )
        self._resolver.discovery = Discovery(
            self.settings.encrypted.name or DESK_HOST,
            self._encrypted.ports_at,
            lambda: self._encrypted.names,
            lambda: secure_child_page(self.settings, self._https.offer),
        )

    def _new_resolver(self, snapshot: Snapshot, help_answers: HelpAnswers) -> Resolver:
        resolver = Resolver(
            snapshot,
            self._upstreams,
            new_cache(self.settings.cache),
            self._recorder,
            self._clock,
            new_rebinding_guard(self.settings.rebinding),
            self._new_packet_cache(),
            self._lazy_free,
            help_answers,
            new_failures(self.settings.cache),
        )
        resolver.limits = new_limits(self.settings.limits)
        resolver.responses.asks_time_in_clear = self._upstreams_in_force.are_all_encrypted
        resolver.responses.forwards_subnets = forwards_subnets(self.settings)
        return resolver

    async def _begin_recognising(self) -> None:
        """Make what recognises devices, and what reports readiness."""
        self._probes = Probes()
        self._resolver.on_probe = self._probes.note_query
        self._recognition = Recognition(self._loop, self._resolver)
        self._device_chores = DeviceChores(
            self._folder,
            self._recognition,
            self._clock,
            lambda: sum(self._counters.queries.values()),
            self._events,
            self._set_lease_records,
        )
        await self._device_chores.configure(self.settings.identity)
        self._store.see = self._device_chores.see
        self._store.forget = self._log.erase

    # --- what is in force ---

    def _adapt(self, household: Household) -> Household:
        """Return a household as this program can serve it."""
        if self.is_light:
            household = without_pages(household)
        return household if self._followed is None else as_followed(household)

    def _now(self) -> float:
        return self._clock().wall

    @property
    def _catalogue(self) -> Catalogue:
        return self._lists.library

    def _policy_inputs(self) -> PolicyInputs:
        log_only = self._updates.log_only.slugs(self._now())
        return replace(self._time_chores.policy_inputs, log_only=log_only)

    def _new_packet_cache(self) -> PacketCache | None:
        return PacketCache(self._lazy_free) if self.settings.dns.fast_lane else None

    async def _put_lists_in_force(self, here: Sequence[ListSource]) -> None:
        # Before they block, and for as long as they do: what a few names catch tells of who it is.
        self._recorder.own_lists |= self._updates.own_slugs
        await self._list_reloader.reload(here)
        self._note_own_lists()

    def _note_own_lists(self) -> None:
        """Let the recorder know which lists are the household's own: what they block is counted
        among the rest (`is_own_verdict`)."""
        self._recorder.own_lists = own_lists(self.settings) | self._updates.own_slugs

    async def _tell_reasons(self) -> None:
        """Tell the reasons of blocks to devices as the settings say."""
        await self._reasons.follow()
        self._resolver.replies.structured_errors = self._reasons.errors

    async def _tell_mistakes(self, before: Catalogue) -> None:
        if self._tells_people:
            await self._appeal_chores.tell_mistakes(before)

    def _tell_held(self, kind: EventKind, slug: str) -> None:
        self._events.publish(HeldEvent(kind, slug, self._now()))

    def _is_unlogged(self, household: str, profile: str) -> bool:
        """Tell whether the log must not name a profile: its privacy mode is off, or it is gone."""
        home = self._resolver.snapshot.households.get(household)
        found = home.profile(profile) if home is not None else None
        return found is None or found.privacy_at(self._now()) is PrivacyMode.OFF

    def _set_lease_records(self, records: RecordsByName) -> None:
        self._resolver.lease_records = records
