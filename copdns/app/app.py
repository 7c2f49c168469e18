"""Build everything from the settings, start it, apply changes, stop it.

It imports every folder; only `cli` imports it.  All clocks, signals and tasks of the server are
made here.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from copdns.accounts.codes import make_appeal_code
from copdns.app.account_chores import AccountChores, log_setup_code
from copdns.app.alarms import Alarms
from copdns.app.appeal_chores import AppealChores
from copdns.app.background import free_gradually, repeat, run_logged
from copdns.app.bypass_chores import BypassChores
from copdns.app.control import ControlSocket
from copdns.app.device_chores import DeviceChores
from copdns.app.digest_chores import DigestChores
from copdns.app.encrypted_dns import EncryptedDns
from copdns.app.from_settings import (
    about_responses,
    fixed_settings,
    forwards_subnets,
    new_cache,
    new_failures,
    new_limits,
    new_rebinding_guard,
    own_lists,
)
from copdns.app.help_chores import HelpChores
from copdns.app.household_in_force import HouseholdInForce
from copdns.app.household_source import HouseholdSource
from copdns.app.lists_in_force import ListReloader, ListsInForce
from copdns.app.memory_use import collect_young, let_go_of_libraries, trim_memory
from copdns.app.monitoring import Readiness, build_gauges
from copdns.app.nat64_chores import Nat64Chores
from copdns.app.push_chores import PushChores
from copdns.app.seed import seed_household
from copdns.app.service_manager import feed_watchdog, find_service_manager
from copdns.app.snapshot_builder import SnapshotBuilder
from copdns.app.time_chores import TimeChores
from copdns.app.upstream_probe import trouble_of
from copdns.app.upstreams_in_force import UpstreamsInForce
from copdns.config import Settings, defaults_of
from copdns.dns.help_answers import HelpAnswers
from copdns.dns.upstream import UpstreamClient
from copdns.events.bus import EventBus
from copdns.events.notices import ENGLISH, Speaks
from copdns.events.targets import Targets
from copdns.list_files.choose import available_lists
from copdns.list_files.copies import Copies
from copdns.list_files.facts_updates import SLUG, FactsUpdater
from copdns.list_files.index_store import LoadedLists
from copdns.list_files.load import bundled_files
from copdns.list_files.updates import ListUpdater
from copdns.lists.catalogue import Catalogue
from copdns.lists.source import ListSource
from copdns.model.errors import CopdnsError, ListError
from copdns.model.events import EventKind, HeldEvent
from copdns.model.hosts import OWN_HOSTS, child_page_url, desk_url
from copdns.model.household import Household, PrivacyMode
from copdns.network import machine
from copdns.network.lease_names import RecordsByName
from copdns.network.machine import listen_addresses
from copdns.network.probes import Probes
from copdns.network.resolver_scan import scan_resolvers
from copdns.privacy.list_counts import ListCountKey
from copdns.privacy.list_scores import note_scores
from copdns.privacy.own_numbers import timers_for_others
from copdns.privacy.recent_blocks import RecentBlocks
from copdns.server.answer import Resolver
from copdns.server.lazy_free import LazyFreeQueue
from copdns.server.listeners import Listeners
from copdns.server.metrics import Counters
from copdns.server.packet_cache import PacketCache
from copdns.server.recognition import Recognition
from copdns.server.recorder import Recorder
from copdns.store.folder_lock import hold_server_lock
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.push import PushStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.querylog import QueryLog
from copdns.time.clock import Clock
from copdns.time.own_timers import OwnTimer, Who
from copdns.time.plan import PolicyInputs
from copdns.web.http_server import HttpServer
from copdns.web.https import Https
from copdns.web.logins import Logins

if TYPE_CHECKING:
    from aiohttp import web

log = structlog.get_logger("copdns")

# Seconds between two runs of a chore.
FOLLOW_HOUSEHOLD = 0.1  # so that a change is in force well within a second
FOLLOW_MACHINE = 5.0  # its addresses and resolvers
FOLLOW_NAT64 = 1.0  # whether it is time to ask for the prefix
FOLLOW_LISTS = 2.0  # which lists are here, and which are due
FLUSH_EVERY = 0.25  # tallies into metrics and log: a killed process loses little
FOLLOW_APPEALS = 2.0
REMIND_EVERY = 60.0
FREE_EVERY = 0.1
GIVE_STALE_EVERY = 0.1
REFRESH_EVERY = 0.5
FORGOTTEN_AT_ONCE = 200  # cached answers that are looked at for their age with each refresh
FOLLOW_TIME = 1.0  # minutes of use and events; what closes does so without it
REOPEN_EVERY = 5.0  # of a household whose disk could not be written
COMPARE_EVERY = 30.0  # files with what was written, so that damage is told within a minute
SEND_EVERY = 60.0  # weekly summaries: they are due at a minute of a day
CHORES_EVERY = 2.0  # unknown devices, lease files and alarms
LOOK_AT_DEVICES_EVERY = 60.0  # whether one is silent
TIDY_EVERY = 600.0

MAX_FLUSHED = 500  # tallies at a time: all those of a thousand profiles would delay answers
SWITCH_INTERVAL = 0.0001  # seconds for which a thread may run while another waits


class App:
    """One running copdns."""

    def __init__(self, settings: Settings, reread: Callable[[], Settings]) -> None:
        """reread: returns the settings as they are now, for SIGHUP; may raise CopdnsError."""
        self.settings = settings
        self._reread = reread
        self._folder = Path(settings.data)
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._waiting_reload: asyncio.Task[None] | None = None
        self._lazy_free = LazyFreeQueue()
        self._scores: dict[ListCountKey, int] = {}  # of lists, as they were stored last
        self._lists = ListsInForce(self._folder, self._loop.time)
        self._updates = ListUpdater(
            Copies(self._folder),
            available_lists(bundled_files()),
            lambda: self.settings,
            lambda: self._resolver.snapshot.households.values(),
            lambda: self._catalogue,
            time.time,
            lambda here: self._put_lists_in_force(here),
            tell_held=lambda slug: self._events.publish(
                HeldEvent(EventKind.LIST_HELD, slug, self._clock().wall)
            ),
        )
        self._facts = FactsUpdater(
            self._folder,
            lambda: self.settings.facts,
            time.time,
            tell_held=lambda: self._events.publish(
                HeldEvent(EventKind.FACTS_HELD, SLUG, self._clock().wall)
            ),
        )
        self._manager = find_service_manager()
        self._clock = Clock(time.time, time.monotonic, machine.clock_is_synchronised)
        self._source = HouseholdSource(
            self._folder,
            lambda store: seed_household(store, self.settings, self._catalogue, int(time.time())),
        )
        self._child_page = child_page_url(settings.web.port)  # a new port: at the next start
        self._https = Https(self._folder, settings.web, self._now, lambda: self._clock.is_wrong)
        self._http_server = HttpServer(settings.web, self._https, self._build_pages)
        self._told_servers: object = None
        self._control = ControlSocket(self._folder, self._flush_cache, self._known_timers)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; raise CopdnsError where it cannot start."""
        households = await self._open()
        await self._begin_recording(households)
        await self._begin_answering(households)
        await self._begin_recognising()
        self._counters.lists = self._updates.metrics
        self._counters.appeals = lambda: {
            str(state): count for state, count in self._appeal_chores.counts.items()
        }
        self._counters.appeal_kinds = lambda: {
            str(kind): count for kind, count in self._appeal_chores.kinds.items()
        }
        self._counters.gauges = build_gauges(self._resolver, self._log, self._targets, self._facts)
        self._log.start()
        if self._lists.loaded.is_current:  # else they are needed once more, and cleared then
            bundled_files.cache_clear()
        trim_memory()
        let_go_of_libraries()
        try:
            await self._serve()
        finally:
            await self._close()

    # --- building ---

    async def _open(self) -> Sequence[Household]:
        """Open the store, and load lists; return the households."""
        await self._source.open()
        self._store = self._source.store
        self._thread = StoreThread(self._store)
        self._logins = Logins(self._thread, time.monotonic)
        self._account_chores = AccountChores(
            self._thread, self._now, lambda: self.settings.events.appeal_names
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
        self._log = QueryLog(self._folder)
        self._recent_blocks = RecentBlocks(make_appeal_code)
        desk = desk_url(self.settings.web.port, self.settings.web.tls_port)
        self._events = EventBus(self._is_unlogged)
        self._targets = Targets(self.settings.events, desk=desk, speaks=self._speaks)
        self._events.subscribe(self._targets.enqueue)
        self._alarms = Alarms()
        self._time_chores = TimeChores(
            self._folder, lambda: self._resolver.snapshot, self._clock, self._events
        )
        await self._time_chores.begin(households)
        self._appeal_chores = AppealChores(
            AppealStore(self._store),
            lambda: self._catalogue,
            lambda: self.settings,
            self._clock,
            self._events,
        )
        self._digest_chores = DigestChores(
            self._store,
            self._thread,
            self._log,
            self._folder,
            lambda: self._resolver.snapshot,
            lambda: self.settings,
            self._clock,
            desk,
        )
        self._push_store = PushStore(self._thread)
        self._push = PushChores(
            self._push_store,
            AppealStore(self._store),
            self._folder,
            lambda: self.settings.push,
            self._clock,
            self._speaks_to_browsers,
        )
        self._events.subscribe(self._push.on_event)

    def _speaks_to_browsers(self, language: str) -> tuple[Speaks, str, str]:
        """Return a language of LANGUAGES with its tag and direction; called in a thread."""
        from copdns.web.languages import phrases_in  # most machines send no notices

        try:
            phrases = phrases_in(language)
        except ListError:  # a catalogue is missing
            return ENGLISH, "en", "ltr"
        return phrases, phrases.tag, phrases.direction

    def _speaks(self, household: str) -> Speaks:
        """Return the language in which guardians of a household get notices; called in a thread."""
        from copdns.web.languages import spoken_to_guardians  # most machines send no notices

        homes = self._resolver.snapshot.households
        home = homes.get(household) or next(iter(homes.values()), None)
        try:
            return spoken_to_guardians(home.language if home else "")
        except ListError:  # a catalogue is missing: a notice in English is better than none
            return ENGLISH

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
        )
        self._recorder = Recorder(
            self._counters, self._recent_blocks, self._log, self._time_chores.ledger
        )
        self._note_own_lists()
        help_answers = HelpAnswers()
        self._resolver = Resolver(
            await self._snapshots.build(None, self._catalogue, households),
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
        self._resolver.limits = new_limits(self.settings.limits)
        self._resolver.asks_time_in_clear = self._upstreams_in_force.are_all_encrypted
        self._resolver.forwards_subnets = forwards_subnets(self.settings)
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
            self._lists, self._snapshots, self._resolver, self._appeal_chores, lambda: self.settings
        )
        self._listeners = Listeners(self._resolver, self._clock)
        self._encrypted = EncryptedDns(
            self._folder,
            self.settings,
            self._resolver,
            self._clock,
            lambda: self._clock.is_wrong,
        )
        self._counters.connections = self._count_connections
        self._counters.handshakes = self._encrypted.count_handshakes

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
        self._bypass_chores = BypassChores(
            self._folder,
            lambda: self._resolver.snapshot,
            self._clock,
            lambda: sum(self._counters.queries.values()),
            self._events,
        )
        self._store.see = self._device_chores.see
        self._store.forget = self._log.erase
        self._readiness = Readiness(
            self._upstreams,
            self._source,
            self._log,
            self._lists,
            self._updates,
            self._device_chores,
            self._http_server,
            lambda: self._encrypted.warning,
            lambda: self._clock.is_wrong,
            self._facts,
        )

    # --- serving ---

    async def _serve(self) -> None:
        await self._listen()
        await self._control.open()
        await self._http_server.begin()
        await run_logged(self._tell_upstreams)
        await run_logged(lambda: self._account_chores.tell(self._events))
        await run_logged(self._updates.apply_available)  # so that readiness is right from the start
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        async with asyncio.TaskGroup() as tasks:
            running = {tasks.create_task(each) for each in self._chores()}
            self._loop.add_signal_handler(signal.SIGHUP, lambda: self._begin_reload(tasks, running))
            log.info(
                "ready",
                addresses=sorted(self._listeners.addresses),
                port=self.settings.dns.port,
                web=[f"{host}:{port}" for host, port in self._http_server.addresses],
            )
            if self._source.has_household:  # before others are told: it replaces any other code
                await run_logged(self._log_setup_code)
            self._manager.notify_ready(f"answering on {', '.join(self._listeners.addresses)}")
            await self._stop.wait()
            self._manager.notify_stopping()
            for task in running:
                task.cancel()

    def _chores(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield the chores that run for as long as the program does."""
        yield repeat(self._household.poll, FOLLOW_HOUSEHOLD)
        yield repeat(self._household.reopen, REOPEN_EVERY)
        yield repeat(self._household.compare, COMPARE_EVERY)
        yield repeat(self._mend, COMPARE_EVERY)
        yield repeat(self._lists.check_file, COMPARE_EVERY)
        yield repeat(self._follow_machine, FOLLOW_MACHINE)
        yield repeat(self._follow_nat64, FOLLOW_NAT64)
        yield repeat(self._flush_records, FLUSH_EVERY)
        yield repeat(lambda: free_gradually(self._lazy_free), FREE_EVERY)
        yield repeat(self._give_stale, GIVE_STALE_EVERY)
        yield repeat(self._refresh_cache, REFRESH_EVERY)
        yield repeat(self._follow_time, FOLLOW_TIME)
        yield repeat(self._appeal_chores.tell, FOLLOW_APPEALS)
        yield repeat(self._appeal_chores.raise_overdue, REMIND_EVERY)
        yield self._targets.run()
        yield self._push.run()
        yield repeat(self._tidy, TIDY_EVERY)
        yield repeat(self._device_chores.run_once, CHORES_EVERY)
        yield repeat(self._check_alarms, CHORES_EVERY)
        yield repeat(self._look_at_devices, LOOK_AT_DEVICES_EVERY)
        yield repeat(self._digest_chores.send_due, SEND_EVERY)
        yield self._list_reloader.retry_forever()
        yield repeat(self._updates.apply_available, FOLLOW_LISTS)
        yield repeat(self._updates.fetch, FOLLOW_LISTS)
        yield repeat(self._facts.follow, FOLLOW_LISTS)
        yield self._help_chores.run()
        yield feed_watchdog(self._manager)

    async def _close(self) -> None:
        self._listeners.close()
        self._encrypted.close()
        self._control.close()
        await self._http_server.close()
        self._recognition.close()
        self._upstreams.close()
        await self._time_chores.close()
        await self._targets.close()
        self._recorder.flush(self._now())
        await asyncio.to_thread(self._log.stop)
        await asyncio.to_thread(self._logins.close)
        await self._source.close()
        log.info("stopped")

    def _now(self) -> float:
        return self._clock().wall

    def _is_unlogged(self, household: str, profile: str) -> bool:
        """Tell whether the log must not name a profile: its privacy mode is off, or it is gone."""
        home = self._resolver.snapshot.households.get(household)
        found = home.profile(profile) if home is not None else None
        return found is None or found.privacy_at(self._now()) is PrivacyMode.OFF

    # --- what is in force ---

    @property
    def _catalogue(self) -> Catalogue:
        return self._lists.library

    def _policy_inputs(self) -> PolicyInputs:
        log_only = self._updates.log_only.slugs(self._now())
        return replace(self._time_chores.policy_inputs, log_only=log_only)

    def _new_packet_cache(self) -> PacketCache | None:
        return PacketCache(self._lazy_free) if self.settings.dns.fast_lane else None

    async def _listen(self) -> None:
        await self._listeners.listen(self.settings.dns)
        await self._encrypted.follow(self._listeners.addresses)

    def _count_connections(self) -> dict[str, int]:
        return {"tcp": self._listeners.count_connections(), **self._encrypted.count_connections()}

    def _build_pages(self) -> web.Application:
        """Build the web application, in a thread; `web/http_server.py` says why so late."""
        from copdns.server.exposition import build_registry
        from copdns.web.context import AppContext, ListsState
        from copdns.web.pages import Pages
        from copdns.web.routes import application

        context = AppContext(
            registry=build_registry(self._counters, lambda: self._recorder.flush(self._now())),
            readiness=self._readiness.missing,
            warnings=self._readiness.warnings,
            hosts=OWN_HOSTS | {"localhost", *self.settings.web.hosts},
            snapshot=lambda: self._resolver.snapshot,
            policy_inputs=self._policy_inputs,
            identify=lambda requestor: self._recognition.identify(requestor, self._clock()),
            recent=self._recent_blocks,
            now=self._now,
            pages=Pages(door=self._child_page),
            store=self._store,
            thread=self._thread,
            folder=self._folder,
            log=self._log,
            logins=self._logins,
            probes=self._probes,
            scan_resolvers=lambda: asyncio.to_thread(scan_resolvers, self._listeners.addresses),
            lists=lambda: ListsState(len(self._updates.metrics()), self._updates.missing_text),
            addresses=lambda: self._listeners.addresses,
            settings=lambda: self.settings,
            updates=self._updates,
            facts=lambda: self._lists.loaded.facts,
            facts_updates=self._facts,
            targets=self._targets,
            damage=lambda: self._source.damage,
            repair=self._household.repair,
            https=lambda: self._https.offer,
            own_timers=self._time_chores.own_timers,
            desk_over_http=self.settings.web.desk_over_http,
            try_push=self._push.send_test,
            trouble_of_upstream=trouble_of,
        )
        return application(context)

    async def _log_setup_code(self) -> None:
        await log_setup_code(
            self._logins, self._resolver.snapshot.households, self.settings.web, self._now()
        )

    # --- following changes ---

    async def _follow_time(self) -> None:
        self._resolver.asks_time_in_clear = self._upstreams_in_force.are_all_encrypted
        if self._upstreams_in_force.servers != self._told_servers:
            await run_logged(self._tell_upstreams)
        await self._account_chores.follow_clock(self._clock())
        missing = self._time_chores.set_missing(self._updates.missing_categories)
        trials = self._time_chores.set_log_only(await self._follow_trials())
        if await self._time_chores.run_second() or missing or trials:
            await self._household.apply()
        self._time_chores.tell()

    async def _follow_trials(self) -> frozenset[str]:
        """Return the lists that only count now; the periods of new ones begin."""
        trials, now = self._updates.log_only, self._now()
        if trials.is_due(now) and not self._clock.is_wrong:
            await asyncio.to_thread(trials.begin, now)
        return trials.slugs(now)

    async def _follow_machine(self) -> None:
        own = await asyncio.to_thread(listen_addresses, self.settings.dns.listen)
        if set(own) != set(self._listeners.addresses):
            await self._listen()
        else:
            await self._encrypted.follow(own)
        if not self._upstreams_in_force.is_current(own):
            await self._upstreams_in_force.apply(self._resolver.snapshot.households.values())
        await self._http_server.refresh()

    async def _follow_nat64(self) -> None:
        if await self._nat64.follow():
            await self._household.apply()

    async def _check_alarms(self) -> None:
        lists = self._updates.metrics()
        damaged = bool(self._source.damage)
        for event in self._alarms.check(self._upstreams.healths, lists, self._clock(), damaged):
            self._events.publish(event)

    async def _look_at_devices(self) -> None:
        self._recorder.ways_round = self._catalogue.ways_round
        await self._bypass_chores.run_once()

    async def _flush_records(self) -> None:
        self._recorder.flush(self._now(), MAX_FLUSHED)

    async def _give_stale(self) -> None:
        self._resolver.give_stale(self._clock())

    async def _refresh_cache(self) -> None:
        moment = self._clock()
        self._resolver.refresh(moment)
        self._resolver.cache.forget_old(moment.mono, FORGOTTEN_AT_ONCE)

    def _set_lease_records(self, records: RecordsByName) -> None:
        self._resolver.lease_records = records

    def _flush_cache(self, name: str, below: bool) -> None:
        self._resolver.flush(name, below=below)

    def _known_timers(self) -> Mapping[Who, OwnTimer]:
        """Return the timers that people started for themselves, as far as others may know."""
        households, now = self._resolver.snapshot.households, self._now()
        return timers_for_others(households, self._time_chores.own_timers.running(now), now)

    async def _tell_upstreams(self) -> None:
        self._told_servers = servers = self._upstreams_in_force.servers
        await self._account_chores.note_upstreams(servers)

    async def _tidy(self) -> None:
        now, chosen = self._now(), self.settings.log
        if not self._clock.is_wrong:
            await self._store.tidy(int(now))
            await self._appeal_chores.tidy()
            await self._account_chores.tidy()
            await self._push_store.tidy(int(now))
            await self._account_chores.remind()
            await self._tell_upstreams()
            await self._note_scores(now)
        self._time_chores.ledger.forget(now)
        await asyncio.to_thread(self._log.purge, now, chosen.rows_days, chosen.counts_days)
        await asyncio.to_thread(self._log.count_lists, self._recorder.list_counts.take(now))
        self._recent_blocks.forget(now)
        collect_young()

    def _begin_reload(self, tasks: asyncio.TaskGroup, running: set[asyncio.Task[None]]) -> None:
        """Reload, unless a reload that has not read anything yet is waiting for another one."""
        if self._waiting_reload is None:
            self._waiting_reload = tasks.create_task(self._reload())
            running.add(self._waiting_reload)
            self._waiting_reload.add_done_callback(running.discard)

    async def _note_scores(self, now: float) -> None:
        """Store how lists stand this week, if that is not what was stored last."""
        found: dict[ListCountKey, int] = {}
        for household in self._resolver.snapshot.households:
            errors = await AppealStore(self._store).list_errors(household)
            found |= note_scores(household, self._catalogue.statuses, errors, now)
        if found != self._scores and await asyncio.to_thread(self._log.note_lists, found):
            self._scores = found

    async def _put_lists_in_force(self, here: Sequence[ListSource]) -> None:
        # Before they block, and for as long as they do: what a few names catch tells of who it is.
        self._recorder.own_lists |= self._updates.own_slugs
        await self._list_reloader.reload(here)
        self._note_own_lists()

    def _note_own_lists(self) -> None:
        """Let the recorder know which lists are the household's own: what they block is counted
        among the rest (`is_own_verdict`)."""
        self._recorder.own_lists = own_lists(self.settings) | self._updates.own_slugs

    async def _mend(self) -> None:
        """Write damaged files anew of which there is a copy."""
        await self._facts.mend()
        await self._updates.mend()

    async def _reload(self) -> None:
        """Apply changed settings and lists; nothing changes where the settings have a mistake.

        The household's database is compared with its copy as well.

        Lists that cannot be compiled are no mistake in the settings: the earlier lists stay, and
        compiling is tried again.
        """
        async with self._list_reloader.one_by_one:
            self._waiting_reload = None  # what changes from here on takes another one
            await run_logged(self._household.compare)
            await run_logged(self._mend)
            await run_logged(self._lists.check_file)
            self._manager.notify_reloading()
            try:
                settings = await asyncio.to_thread(self._reread)
                loaded = await self._lists.compile(settings.lists)
                async with self._snapshots.changing:
                    await self._apply_settings(settings, loaded)
                if loaded.is_current:
                    await self._lists.tell()
            except CopdnsError as error:
                log.error("the settings were not reloaded", error=str(error))
            except Exception:  # noqa: BLE001 - a bug in here must not end the answering
                log.error("the settings were not reloaded", traceback=traceback.format_exc())
            self._manager.notify_ready(f"answering on {', '.join(self._listeners.addresses)}")

    async def _apply_settings(self, settings: Settings, loaded: LoadedLists) -> None:
        before, self.settings = self.settings, settings
        try:
            snapshot = await self._snapshots.build_for_lists(
                self._resolver.snapshot, loaded.catalogue
            )
            await self._listen()
        except Exception:  # whatever it was: what is half applied is put back; `_reload` logs it
            self.settings = before
            self._listeners.set_forwarders(before.dns)
            await self._upstreams_in_force.apply(self._resolver.snapshot.households.values())
            raise
        self._note_own_lists()
        self._resolver.snapshot, self._lists.loaded = snapshot, loaded
        await self._device_chores.configure(settings.identity)
        self._resolver.limits = new_limits(self.settings.limits)
        self._resolver.forwards_subnets = forwards_subnets(settings)
        # Responses of the same upstreams stay: while those are dead, the house lives on them.
        may_stay = about_responses(before) == about_responses(settings)
        self._resolver.reconfigure(
            new_rebinding_guard(self.settings.rebinding),
            self._resolver.cache if may_stay else new_cache(self.settings.cache),
            self._new_packet_cache(),
            None if may_stay else new_failures(self.settings.cache),
        )
        self._listeners.set_forwarders(settings.dns)
        self._targets.configure(settings.events)
        await run_logged(self._tell_upstreams)
        log.info("reloaded")
        if fixed_settings(before) != fixed_settings(settings):
            log.warning(
                "changes to ports, TCP limits, encrypted, web and data take effect at the next "
                "start"
            )


async def serve(settings: Settings, reread: Callable[[], Settings]) -> None:
    """Run one App, the only one of its data folder; raise CopdnsError where it cannot start."""
    # Each system call lets another thread take Python's lock.  With Python's default of 5 ms, a
    # thread that reads a file would delay hundreds of queries.
    sys.setswitchinterval(SWITCH_INTERVAL)
    with contextlib.suppress(asyncio.CancelledError), hold_server_lock(Path(settings.data)):
        await App(settings, reread).run()
