"""Wiring: build everything from the settings, start it, follow changes, stop it.

Knows every room; no room knows it.  All clocks and signals are here, and all tasks begin here.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from copdns.accounts.codes import appeal_code
from copdns.app.account_chores import AccountChores
from copdns.app.alarms import Alarms
from copdns.app.appeal_chores import AppealChores
from copdns.app.background import free_gradually, repeat, run_logged
from copdns.app.collector import collect_young, configure_gc
from copdns.app.device_chores import DeviceChores
from copdns.app.first_account import tell_code
from copdns.app.gauges import gauges
from copdns.app.household_in_force import HouseholdInForce
from copdns.app.household_source import HouseholdSource
from copdns.app.lists_in_force import ListsInForce
from copdns.app.memory_use import trim_memory
from copdns.app.monitoring import Readiness
from copdns.app.relisting import ListReloader
from copdns.app.seed import seeded_household
from copdns.app.service_manager import feed_watchdog, service_manager
from copdns.app.snapshot_builder import SnapshotBuilder
from copdns.app.time_chores import TimeChores
from copdns.app.upstreams_in_force import UpstreamsInForce
from copdns.config import Settings, defaults_of
from copdns.dns.cache import Cache
from copdns.dns.upstream import UpstreamClient
from copdns.events.bus import EventBus
from copdns.events.targets import Targets
from copdns.list_files.choose import offer
from copdns.list_files.copies import Copies
from copdns.list_files.index_store import LoadedLists
from copdns.list_files.load import bundled_text
from copdns.list_files.updates import ListUpdater
from copdns.lists.catalogue import Catalogue, files
from copdns.model.errors import CopdnsError
from copdns.model.hosts import OWN_HOSTS, child_page_url, desk_url
from copdns.model.household import Household, PrivacyMode
from copdns.network import machine
from copdns.network.machine import listen_addresses
from copdns.network.probes import Probes
from copdns.network.resolver_scan import scan_resolvers
from copdns.policy.judge import RebindingGuard
from copdns.privacy.recent_blocks import RecentBlocks
from copdns.server.answer import Resolver
from copdns.server.lazy_free import LazyFreeQueue
from copdns.server.listeners import Listeners
from copdns.server.metrics import Counters, build_registry
from copdns.server.packet_cache import PacketCache
from copdns.server.recognition import Recognition
from copdns.server.recorder import Recorder
from copdns.store.folder_lock import sole_server
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.querylog import QueryLog
from copdns.time.clock import Clock
from copdns.web.http_server import HttpServer
from copdns.web.https import Https
from copdns.web.logins import Logins

log = structlog.get_logger("copdns")

FOLLOW_HOUSEHOLD = 0.1  # seconds between looks for a change: in force well within a second
FOLLOW_MACHINE = 5.0  # seconds between looks at the machine's addresses and resolvers
FOLLOW_LISTS = 2.0  # seconds between looks at what lists are here, and which are due
PASS_ON = 0.25  # seconds between what is tallied and the log: a killed process loses little
FOLLOW_APPEALS = 2.0  # seconds between looks at what there is to tell of appeals
BRING_UP = 60.0  # seconds between looks for appeals that wait too long
LET_GO = 0.1  # seconds between looks for what is to be let go of
PASSED_ON = 500  # tallies at a time: all those of a thousand profiles would hold up answers
FOLLOW_TIME = 1.0  # seconds between looks at what time brings; what closes does so by itself
MEND_STORE = 5.0  # seconds between looks whether a disk takes writing again
LOOK_ROUND = 2.0  # seconds between two looks at who is unknown, and at lease files
GIVE_WAY = 0.0001  # seconds that a thread may go on working while another waits to
HOUSEKEEPING = 600.0  # seconds between purges of what is too old to keep


class App:
    """One running copdns."""

    def __init__(self, settings: Settings, reread: Callable[[], Settings]) -> None:
        """reread: gives the settings as they are now, for SIGHUP; may raise CopdnsError."""
        self.settings = settings
        self._reread = reread
        self._folder = Path(settings.data)
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._waste = LazyFreeQueue()
        self._lists = ListsInForce(self._folder, self._loop.time)
        self._updates = ListUpdater(
            Copies(self._folder),
            offer(files(bundled_text)),
            lambda: self.settings,
            lambda: self._resolver.snapshot.households.values(),
            lambda: self._library,
            time.time,
            lambda fetched: self._relisting.reload(fetched),
        )
        self._manager = service_manager()
        self._clock = Clock(time.time, time.monotonic, machine.clock_is_synchronised)
        self._stored = HouseholdSource(
            self._folder,
            lambda store: seeded_household(store, self.settings, self._library, int(time.time())),
        )
        self._door = child_page_url(
            settings.web.port
        )  # another port is taken over at the next start
        self._front = HttpServer(
            settings.web, Https(self._folder, settings.web, self._now), self._pages
        )

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; raise CopdnsError when that cannot begin."""
        configure_gc()
        households = await self._open()
        await self._begin_noting(households)
        await self._begin_answering(households)
        await self._begin_recognising()
        self._counters.lists = self._updates.metrics
        self._counters.appeals = lambda: {
            str(state): count for state, count in self._reminders.counts.items()
        }
        self._counters.gauges = gauges(self._resolver, self._log, self._targets)
        self._log.start()
        trim_memory()
        try:
            await self._serve()
        finally:
            await self._close()

    # --- building ---

    async def _open(self) -> Sequence[Household]:
        """Open what is stored, and put lists in force; return the households."""
        await self._stored.open()
        self._store = self._stored.store
        self._thread = StoreThread(self._store)
        self._logins = Logins(self._thread, time.monotonic)
        self._porter = AccountChores(self._thread, self._now)
        households = await self._porter.with_guests(await self._stored.households())
        self._lists.fetched = await self._updates.begin(households)
        await self._lists.begin(self.settings.lists)
        await self._stored.seed()
        if not households:  # the first start; what was written until here need not be read twice
            await self._stored.is_changed()
            households = await self._porter.with_guests(await self._stored.households())
        return households

    async def _begin_noting(self, households: Sequence[Household]) -> None:
        """Make what counts, keeps and tells what happens, minutes among them."""
        self._counters = Counters()
        self._log = QueryLog(self._folder)
        self._recent = RecentBlocks(appeal_code)
        desk = desk_url(self.settings.web.port, self.settings.web.tls_port)
        self._events = EventBus(self._unlogged)
        self._targets = Targets(self.settings.events, desk=desk)
        self._events.subscribe(self._targets.enqueue)
        self._troubles = Alarms()
        self._timekeeper = TimeChores(
            self._folder, lambda: self._resolver.snapshot, self._clock, self._events
        )
        await self._timekeeper.begin(households)
        self._reminders = AppealChores(
            AppealStore(self._store),
            lambda: self._library,
            lambda: self.settings,
            self._clock,
            self._events,
        )

    async def _begin_answering(self, households: Sequence[Household]) -> None:
        """Make what answers, and what follows changes of household, lists and upstreams."""
        self._upstreams = UpstreamClient(self._loop)
        self._counters.upstreams = self._upstreams.numbers
        self._asked = UpstreamsInForce(self._upstreams, lambda: self.settings)
        self._snapshots = SnapshotBuilder(
            lambda: defaults_of(self.settings.dns, self._door),
            lambda: self._timekeeper.readings,
            self._asked,
            self._now,
        )
        self._recorder = Recorder(self._counters, self._recent, self._log, self._timekeeper.ledger)
        self._resolver = Resolver(
            await self._snapshots.build(None, self._library, households),
            self._upstreams,
            self._new_cache(),
            self._recorder,
            self._clock,
            self._rebinding(),
            self._lane(),
            self._waste,
        )
        self._household = HouseholdInForce(
            self._stored, self._snapshots, self._resolver, self._porter, self._events, self._now
        )
        self._relisting = ListReloader(
            self._lists, self._snapshots, self._resolver, self._reminders, lambda: self.settings
        )
        self._listeners = Listeners(self._resolver, self._clock)

    async def _begin_recognising(self) -> None:
        """Make what tells devices apart, and says how all is."""
        self._probes = Probes()
        self._resolver.on_probe = self._probes.note_query
        self._recognition = Recognition(self._loop, self._resolver)
        self._reception = DeviceChores(
            self._folder,
            self._recognition,
            self._clock,
            lambda: sum(self._counters.queries.values()),
            self._events,
        )
        await self._reception.configure(self.settings.identity)
        self._readiness = Readiness(
            self._upstreams,
            self._stored,
            self._log,
            self._lists,
            self._updates,
            self._reception,
            self._front,
        )

    # --- serving ---

    async def _serve(self) -> None:
        await self._listen()
        await self._front.begin()
        await run_logged(lambda: self._porter.tell(self._events))
        await run_logged(self._updates.apply_available)  # so that readiness is right from the start
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(each) for each in self._chores()]
            self._loop.add_signal_handler(
                signal.SIGHUP, lambda: running.append(tasks.create_task(self._reload()))
            )
            self._manager.ready(f"answering on {', '.join(self._listeners.addresses)}")
            log.info(
                "ready",
                addresses=sorted(self._listeners.addresses),
                port=self.settings.dns.port,
                web=[f"{host}:{port}" for host, port in self._front.addresses],
            )
            await run_logged(self._tell_code)
            await self._stop.wait()
            self._manager.stopping()
            for task in running:
                task.cancel()

    def _chores(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield what goes on beside the answering for as long as the program runs."""
        yield repeat(self._household.poll, FOLLOW_HOUSEHOLD)
        yield repeat(self._household.reopen, MEND_STORE)
        yield repeat(self._follow_machine, FOLLOW_MACHINE)
        yield repeat(self._pass_on, PASS_ON)
        yield repeat(lambda: free_gradually(self._waste), LET_GO)
        yield repeat(self._follow_time, FOLLOW_TIME)
        yield repeat(self._reminders.tell, FOLLOW_APPEALS)
        yield repeat(self._reminders.raise_overdue, BRING_UP)
        yield self._targets.run()
        yield repeat(self._keep_house, HOUSEKEEPING)
        yield repeat(self._reception.run_once, LOOK_ROUND)
        yield repeat(self._tell_trouble, LOOK_ROUND)
        yield self._relisting.retry_forever()
        yield repeat(self._updates.apply_available, FOLLOW_LISTS)
        yield repeat(self._updates.fetch, FOLLOW_LISTS)
        yield feed_watchdog(self._manager)

    async def _close(self) -> None:
        self._listeners.close()
        await self._front.close()
        self._recognition.close()
        self._upstreams.close()
        await self._timekeeper.close()
        await self._targets.close()
        self._recorder.flush(self._now())
        await asyncio.to_thread(self._log.stop)
        await asyncio.to_thread(self._logins.close)
        await self._stored.close()
        log.info("stopped")

    def _now(self) -> float:
        return self._clock().wall

    def _unlogged(self, household: str, profile: str) -> bool:
        """Tell whether the log must not name a profile: nothing is kept of it, or it is gone."""
        home = self._resolver.snapshot.households.get(household)
        found = home.profile(profile) if home is not None else None
        return found is None or found.privacy_at(self._now()) is PrivacyMode.OFF

    # --- what is in force ---

    @property
    def _library(self) -> Catalogue:
        return self._lists.library

    def _new_cache(self) -> Cache:
        kept = self.settings.cache
        return Cache(kept.entries, kept.megabytes << 20, kept.max_ttl, kept.max_negative_ttl)

    def _rebinding(self) -> RebindingGuard:
        chosen = self.settings.rebinding
        return RebindingGuard(chosen.enabled, chosen.allow, chosen.names)

    def _lane(self) -> PacketCache | None:
        return PacketCache(self._waste) if self.settings.dns.fast_lane else None

    async def _listen(self) -> None:
        await self._listeners.listen(self.settings.dns)

    def _pages(self) -> web.Application:
        """Make what browsers are served, in a thread; `web/http_server.py` says why no sooner."""
        from copdns.web.context import AppContext, ListsState
        from copdns.web.pages import Pages
        from copdns.web.routes import application

        parts = AppContext(
            registry=build_registry(self._counters, lambda: self._recorder.flush(self._now())),
            readiness=self._readiness.missing,
            warnings=self._readiness.warnings,
            hosts=OWN_HOSTS | {"localhost", *self.settings.web.hosts},
            live=lambda: self._resolver.snapshot,
            readings=lambda: self._timekeeper.readings,
            who=lambda asker: self._recognition.identify(asker, self._clock()),
            recent=self._recent,
            now=self._now,
            pages=Pages(door=self._door),
            store=self._store,
            thread=self._thread,
            folder=self._folder,
            log=self._log,
            logins=self._logins,
            probes=self._probes,
            look_around=lambda: asyncio.to_thread(scan_resolvers, self._listeners.addresses),
            lists=lambda: ListsState(len(self._updates.metrics()), self._updates.missing),
            addresses=lambda: self._listeners.addresses,
            settings=lambda: self.settings,
            updates=self._updates,
            targets=self._targets,
            desk_over_http=self.settings.web.desk_over_http,
        )
        return application(parts)

    async def _tell_code(self) -> None:
        await tell_code(
            self._logins, self._resolver.snapshot.households, self.settings.web, self._now()
        )

    # --- following changes ---

    async def _follow_time(self) -> None:
        missing = self._timekeeper.set_missing(self._updates.missing_categories)
        if await self._timekeeper.run_second() or missing:
            await self._household.apply()
        self._timekeeper.tell()

    async def _follow_machine(self) -> None:
        own = await asyncio.to_thread(listen_addresses, self.settings.dns.listen)
        if set(own) != set(self._listeners.addresses):
            await self._listen()
        if not self._asked.fits(own):
            await self._asked.use(self._resolver.snapshot.households.values())
        await self._front.look()

    async def _tell_trouble(self) -> None:
        lists = self._updates.metrics()
        for event in self._troubles.look(self._upstreams.healths, lists, self._clock()):
            self._events.publish(event)

    async def _pass_on(self) -> None:
        self._recorder.flush(self._now(), PASSED_ON)

    async def _keep_house(self) -> None:
        now, kept = self._now(), self.settings.log
        if not self._clock.is_wrong:
            await self._store.tidy(int(now))
            await self._reminders.tidy()
            await self._porter.tidy()
            await self._porter.remind()
        self._timekeeper.ledger.forget(now)
        await asyncio.to_thread(self._log.purge, now, kept.rows_days, kept.counts_days)
        self._recent.forget(now)
        collect_young()

    async def _reload(self) -> None:
        """Take over changed settings and lists; a mistake in the settings changes nothing.

        Lists that cannot be compiled are no such mistake: those of before stay, and it is tried
        again.
        """
        async with self._relisting.one_by_one:
            self._manager.reloading()
            try:
                settings = await asyncio.to_thread(self._reread)
                shelved = await self._lists.compiled(settings.lists)
                async with self._snapshots.changing:
                    await self._take_over(settings, shelved)
                if shelved.current:
                    await self._lists.tell()
            except CopdnsError as error:
                log.error("the settings were not reloaded", error=str(error))
            except Exception:  # noqa: BLE001 - a bug in here must not end the answering
                log.error("the settings were not reloaded", traceback=traceback.format_exc())
            self._manager.ready(f"answering on {', '.join(self._listeners.addresses)}")

    async def _take_over(self, settings: Settings, shelved: LoadedLists) -> None:
        before, self.settings = self.settings, settings
        try:
            live = await self._snapshots.build_for_lists(self._resolver.snapshot, shelved.library)
            await self._listen()
        except Exception:
            self.settings = before
            self._listeners.set_forwarders(before.dns)
            await self._asked.use(self._resolver.snapshot.households.values())
            raise
        self._resolver.snapshot, self._lists.shelved = live, shelved
        await self._reception.configure(settings.identity)
        self._resolver.reconfigure(self._rebinding(), self._new_cache(), self._lane())
        self._listeners.set_forwarders(settings.dns)
        self._targets.use(settings.events)
        log.info("reloaded")
        if _bound(before) != _bound(settings):
            log.warning("ports, TCP limits, web and data are taken over at the next start")


def _bound(settings: Settings) -> object:
    """Return the settings that hold as long as the process runs."""
    dns = settings.dns
    tcp = dns.tcp_idle, dns.tcp_connections, dns.tcp_in_flight
    return dns.port, tcp, settings.web, settings.data


async def serve(settings: Settings, reread: Callable[[], Settings]) -> None:
    """Run one App, the only one of its data folder; raise CopdnsError when that cannot begin."""
    # Each packet that comes or goes lets other threads in, and whoever answers waits for its turn
    # then: by Python's usual 5 ms a thread that reads a file would hold up hundreds of questions.
    sys.setswitchinterval(GIVE_WAY)
    with contextlib.suppress(asyncio.CancelledError), sole_server(Path(settings.data)):
        await App(settings, reread).run()
