"""Wiring: build everything from the settings, start it, follow changes, stop it.

Knows every room; no room knows it.  All clocks, signals and background tasks are here.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from pathlib import Path

import structlog
from aiohttp import web

from copdns import system
from copdns.addresses import UpstreamAddress, upstream_address
from copdns.cache import Cache
from copdns.clock import Clock
from copdns.codes import appeal_code
from copdns.config import SYSTEM, Settings
from copdns.copies import Copies
from copdns.desk import is_loopback
from copdns.door import DESK_HOST, OWN_HOSTS, desk_at, door_at
from copdns.errors import CopdnsError
from copdns.events import Events
from copdns.fastlane import Lane
from copdns.https import Https
from copdns.judge import Rebinding
from copdns.lean import give_back
from copdns.library import bundled_text
from copdns.listening import Listeners, listen_addresses
from copdns.lists.catalogue import Library, files
from copdns.lists.chosen import offer
from copdns.lists.source import ListSource
from copdns.lists_in_force import ListsInForce
from copdns.live import Client, Live, building, defaults_of
from copdns.logins import Logins
from copdns.lookout import look_around
from copdns.metrics import Counters, registry
from copdns.model import Asker, Household, PrivacyMode
from copdns.notify import ServiceManager, service_manager
from copdns.porter import Porter
from copdns.probes import Probes
from copdns.recent import Recent
from copdns.reception import Reception
from copdns.recognition import AttentiveResolver, Recognition
from copdns.record import Recorder
from copdns.reminders import Reminders
from copdns.seed import seeded_household
from copdns.shelving import Shelved
from copdns.store.appeals import AppealStore
from copdns.store.querylog import QueryLog
from copdns.store.sole import sole_server
from copdns.store.thread import StoreThread
from copdns.stored import REPLACED, Stored
from copdns.targets import Targets
from copdns.timekeeper import Timekeeper
from copdns.trouble import Troubles
from copdns.updates import Updates
from copdns.upstream import Upstreams
from copdns.waste import Waste
from copdns.web.front import Front

log = structlog.get_logger("copdns")

FOLLOW_HOUSEHOLD = 0.1  # seconds between looks for a change: in force well within a second
FOLLOW_MACHINE = 5.0  # seconds between looks at the machine's addresses and resolvers
FOLLOW_LISTS = 2.0  # seconds between looks at what lists are here, and which are due
PASS_ON = 0.25  # seconds between what is tallied and the log: a killed process loses little
FOLLOW_APPEALS = 2.0  # seconds between looks at what there is to tell of appeals
BRING_UP = 60.0  # seconds between looks for appeals that wait too long
LET_GO = 0.1  # seconds between looks for what is to be let go of
LET_GO_OF = 50  # replies or answers between looks at the clock
PASSED_ON = 500  # tallies at a time: all those of a thousand profiles would hold up answers
FOLLOW_TIME = 1.0  # seconds between looks at what time brings; what closes does so by itself
MEND_STORE = 5.0  # seconds between looks whether a disk takes writing again
SET_BACK = 60.0  # seconds that a clock is set back before another day is worked out
LOOK_ROUND = 2.0  # seconds between two looks at who is unknown, and at lease files
SLICE = 0.001  # seconds of work beside the answering at a time
GIVE_WAY = 0.0001  # seconds that a thread may go on working while another waits to
HOUSEKEEPING = 600.0  # seconds between purges of what is too old to keep
# Answers and questions hold no cycles, so looking through them for some finds nothing, and with
# thousands of questions on their way it took half of all time.  What is new is looked through
# once; the rest when the housekeeping asks.
GC_THRESHOLDS = (10_000, 1_000_000, 1_000_000)


class App:
    """One running copdns."""

    def __init__(self, settings: Settings, reread: Callable[[], Settings]) -> None:
        """reread: gives the settings as they are now, for SIGHUP; may raise CopdnsError."""
        self.settings = settings
        self._reread = reread
        self._folder = Path(settings.data)
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._behind = False  # a change of the household was seen that is not in force yet
        # Who builds a snapshot of what is stored also swaps it in, before another one is built.
        self._changing = asyncio.Lock()
        self._waste = Waste()
        self._reloading = asyncio.Lock()  # one after another: the last one asked for counts
        self._lists = ListsInForce(self._folder, self._loop.time)
        self._updates = Updates(
            Copies(self._folder),
            offer(files(bundled_text)),
            lambda: self.settings,
            lambda: self._resolver.live.households.values(),
            lambda: self._library,
            time.time,
            self.relist,
        )
        self._manager: ServiceManager = service_manager()
        self._machine: object = None
        self._clock = Clock(time.time, time.monotonic, system.clock_is_synchronised)
        self._stored = Stored(
            self._folder,
            lambda store: seeded_household(store, self.settings, self._library, int(time.time())),
        )
        self._door = door_at(settings.web.port)  # another port is taken over at the next start
        https = Https(self._folder, settings.web, lambda: self._now)
        self._front = Front(settings.web, https, self._pages)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; raise CopdnsError when that cannot begin."""
        gc.set_threshold(*GC_THRESHOLDS)
        await self._stored.open()
        self._store = self._stored.store
        self._thread = StoreThread(self._store)
        self._logins = Logins(self._thread, time.monotonic)
        self._porter = Porter(self._thread, lambda: self._now)
        households = await self._households()
        self._lists.fetched = await self._updates.begin(households)
        await self._lists.begin(self.settings.lists)
        await self._stored.seed()
        self._counters = Counters()
        self._log = QueryLog(self._folder)
        self._recent = Recent(appeal_code)
        self._upstreams = Upstreams(
            self._loop,
            self._counters,
            deadline=self.settings.upstreams.deadline,
            attempt=self.settings.upstreams.attempt,
        )
        if not households:  # the first start; what was written until here need not be read twice
            await self._stored.is_changed()
            households = await self._households()
        self._events = Events(self._unlogged)
        self._targets = Targets(
            self.settings.events, desk=desk_at(self.settings.web.port, self.settings.web.tls_port)
        )
        self._events.subscribe(self._targets.hears)
        self._troubles = Troubles()
        self._timekeeper = Timekeeper(
            self._folder, lambda: self._resolver.live, self._clock, self._events
        )
        await self._timekeeper.begin(households)
        self._reminders = Reminders(
            AppealStore(self._store),
            lambda: self._library,
            lambda: self.settings,
            self._clock,
            self._events,
        )
        self._recorder = Recorder(self._counters, self._recent, self._log, self._timekeeper.ledger)
        self._resolver = AttentiveResolver(
            await self._build(None, self._library, households),
            self._upstreams,
            self._new_cache(),
            self._recorder,
            self._clock,
            self._rebinding(),
            self._lane(),
            self._waste,
        )
        self._probes = Probes()
        self._resolver.probed = self._probes.asked
        self._recognition = Recognition(self._loop, self._resolver)
        self._reception = Reception(
            self._folder,
            self._recognition,
            self._clock,
            lambda: sum(self._counters.queries.values()),
            self._events,
        )
        await self._reception.use(self.settings.identity)
        self._listeners = Listeners(self._resolver, self._clock)
        self._gauges()
        self._log.start()
        give_back()
        try:
            await self._serve()
        finally:
            await self._close()

    async def _serve(self) -> None:
        await self._listen()
        await self._front.begin()
        await self._beside(lambda: self._porter.tell(self._events))
        await self._beside(self._updates.look)  # so that readiness is right from the start
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self._repeat(self._follow_household, FOLLOW_HOUSEHOLD)),
                tasks.create_task(self._repeat(self._mend_store, MEND_STORE)),
                tasks.create_task(self._repeat(self._follow_machine, FOLLOW_MACHINE)),
                tasks.create_task(self._repeat(self._pass_on, PASS_ON)),
                tasks.create_task(self._repeat(self._let_go, LET_GO)),
                tasks.create_task(self._repeat(self._follow_time, FOLLOW_TIME)),
                tasks.create_task(self._repeat(self._reminders.tell, FOLLOW_APPEALS)),
                tasks.create_task(self._repeat(self._reminders.bring_up, BRING_UP)),
                tasks.create_task(self._targets.run()),
                tasks.create_task(self._repeat(self._keep_house, HOUSEKEEPING)),
                tasks.create_task(self._repeat(self._reception.look_round, LOOK_ROUND)),
                tasks.create_task(self._repeat(self._tell_trouble, LOOK_ROUND)),
                tasks.create_task(self._catch_up()),
                tasks.create_task(self._repeat(self._updates.look, FOLLOW_LISTS)),
                tasks.create_task(self._repeat(self._updates.fetch, FOLLOW_LISTS)),
                tasks.create_task(self._feed_watchdog()),
            ]
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
            await self._beside(self._tell_code)
            await self._stop.wait()
            self._manager.stopping()
            for task in running:
                task.cancel()

    async def _close(self) -> None:
        self._listeners.close()
        await self._front.close()
        self._recognition.close()
        self._upstreams.close()
        await self._timekeeper.close()
        await self._targets.close()
        self._recorder.pass_on(self._now)
        await asyncio.to_thread(self._log.stop)
        await asyncio.to_thread(self._logins.close)
        await self._stored.close()
        log.info("stopped")

    @property
    def _now(self) -> float:
        return self._clock().wall

    def _who(self, asker: Asker) -> Client:
        """Return whose device asks for a page: it spoke to us by TCP, so the kernel knows it."""
        client = self._resolver.live.who(asker)
        if not client.sure and self._resolver.meets(asker, self._clock()):
            client = self._resolver.live.who(asker)
        return client

    def _unlogged(self, household: str, profile: str) -> bool:
        """Tell whether the log must not name a profile: nothing is kept of it, or it is gone."""
        home = self._resolver.live.households.get(household)
        found = home.profile(profile) if home is not None else None
        return found is None or found.privacy_at(self._now) is PrivacyMode.OFF

    # --- what is stored ---

    async def _mend_store(self) -> None:
        """Go back to the disk once it takes writing again."""
        self._behind |= await self._stored.mend(self._changing)

    # --- what is in force ---

    @property
    def _library(self) -> Library:
        return self._lists.library

    async def _build(
        self, before: Live | None, library: Library, households: Sequence[Household]
    ) -> Live:
        """Return the snapshot for these lists and households."""
        defaults = defaults_of(self.settings.dns, self._door)
        with _kept_from_the_collector(serving=before is not None):
            live = await self._in_slices(
                building(
                    before, library, defaults, households, self._now, self._timekeeper.readings
                )
            )
        await self._use_upstreams(households)
        return live

    async def _in_slices(self, steps: Generator[None, None, Live]) -> Live:
        """Build while questions are answered: a thousand profiles take half a second.

        Not in a thread: each packet that is answered would hand it the interpreter, and wait.
        """
        while True:
            until = self._loop.time() + SLICE
            try:
                while self._loop.time() < until:
                    next(steps)
            except StopIteration as done:
                live: Live = done.value
                return live
            await asyncio.sleep(0)

    async def _households(self) -> Sequence[Household]:
        ids = await self._store.households()
        found = [await self._store.household(each) for each in ids]
        return await self._porter.welcome([each for each in found if each is not None])

    async def _use_upstreams(self, households: Sequence[Household]) -> None:
        chosen = self.settings.upstreams
        own = await asyncio.to_thread(self._addresses)
        usual: dict[UpstreamAddress, None] = {}
        for server in chosen.servers:
            if server == SYSTEM:
                usual |= dict.fromkeys(system.system_resolvers(own, self.settings.dns.port))
            else:
                usual[server] = None
        groups: dict[str, Sequence[UpstreamAddress]] = {"": tuple(usual)}
        for household in households:
            for split in household.split_upstreams:
                groups[split.name] = tuple(map(upstream_address, split.upstreams))
        self._upstreams.use(groups, chosen.filtering, chosen.trust_ad)
        self._machine = own, system.identity()

    def _new_cache(self) -> Cache:
        kept = self.settings.cache
        octets = kept.megabytes << 20
        return Cache(kept.entries, octets, kept.max_ttl, kept.max_negative_ttl)

    def _rebinding(self) -> Rebinding:
        chosen = self.settings.rebinding
        return Rebinding(chosen.enabled, chosen.allow, chosen.names)

    def _lane(self) -> Lane | None:
        return Lane(self._waste) if self.settings.dns.fast_lane else None

    def _gauges(self) -> None:
        self._counters.lists = self._updates.numbers
        self._counters.appeals = lambda: self._reminders.counts
        self._counters.gauges = {
            "copdns_cache_entries": lambda: len(self._resolver.cache),
            "copdns_cache_octets": lambda: self._resolver.cache.octets,
            "copdns_log_dropped": lambda: self._log.dropped,
            "copdns_log_failures": lambda: self._log.failures,
            "copdns_events_dropped": lambda: self._targets.dropped,
            "copdns_policy_revision": lambda: max(
                (each.revision for each in self._resolver.live.households.values()), default=0
            ),
            "copdns_list_entries": lambda: sum(
                info.size for info in self._resolver.live.library.index.infos
            ),
        }

    # --- what listens ---

    async def _listen(self) -> None:
        await self._listeners.use(self.settings.dns)

    def _addresses(self) -> tuple[str, ...]:
        return listen_addresses(self.settings.dns.listen)

    def _pages(self) -> web.Application:
        """Make what browsers are served, in a thread; see `web/front.py` for why not before."""
        from copdns.web.pages import Pages
        from copdns.web.parts import ListsState, Parts
        from copdns.web.routes import application

        chosen = self.settings.web
        hosts = OWN_HOSTS | {"localhost", *chosen.hosts}
        numbers = registry(self._counters, lambda: self._recorder.pass_on(self._now))
        parts = Parts(
            registry=numbers,
            readiness=self._missing,
            warnings=self._warnings,
            hosts=hosts,
            live=lambda: self._resolver.live,
            readings=lambda: self._timekeeper.readings,
            who=self._who,
            recent=self._recent,
            now=lambda: self._now,
            pages=Pages(door=self._door),
            store=self._store,
            log=self._log,
            logins=self._logins,
            thread=self._thread,
            folder=self._folder,
            probes=self._probes,
            look_around=lambda: asyncio.to_thread(look_around, self._listeners.addresses),
            lists=lambda: ListsState(len(self._updates.numbers()), self._updates.missing),
            addresses=lambda: self._listeners.addresses,
            settings=lambda: self.settings,
            updates=self._updates,
            targets=self._targets,
            desk_over_http=chosen.desk_over_http,
        )
        return application(parts)

    async def _tell_code(self) -> None:
        """Tell whoever reads the console how the first account is made, while there is none."""
        chosen = self.settings.web
        # Where only this machine is served, its own browser does not ask us for names.
        own = await asyncio.to_thread(listen_addresses, chosen.listen)
        host = DESK_HOST if any(not is_loopback(each) for each in own) else own[0]
        page = f"{desk_at(chosen.port, chosen.tls_port, host)}setup"
        for household in self._resolver.live.households:
            code = await self._logins.setup_code(household, int(self._now))
            if code:
                log.warning(
                    "nobody has an account yet: open the page and type the code, within an hour",
                    page=page,
                    code=code,
                )

    def _missing(self) -> tuple[str, ...]:
        """Return what keeps us from answering as we should."""
        healths = self._upstreams.healths
        missing = []
        if not healths:
            missing.append("no upstream is known: see upstreams.servers")
        elif all(health.is_down for health in healths):
            missing.append("no upstream answers")
        if self._stored.is_replaced:
            missing.append(REPLACED)
        return tuple(missing)

    def _warnings(self) -> tuple[str, ...]:
        """Return what is not as it should be, though queries are answered."""
        kept = self._log.last_error and f"what happens is not kept: {self._log.last_error}"
        missing, unknown = self._updates.missing, self._reception.warning
        told = (
            self._stored.unwritten,
            kept,
            self._lists.warning,
            missing,
            unknown,
            self._front.warning,
        )
        return tuple(filter(None, told))

    # --- following changes ---

    async def _repeat(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Do something again and again."""
        while True:
            await asyncio.sleep(seconds)
            await self._beside(work)

    async def _beside(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something beside the answering; trouble is told, and answering goes on."""
        try:
            await work()
        except CopdnsError as error:
            log.warning("a change could not be followed", error=str(error))
        except Exception:  # noqa: BLE001 - a bug in here must not end the answering
            log.error("a bug beside the answering", traceback=traceback.format_exc())

    async def _follow_household(self) -> None:
        if await self._stored.is_changed():
            self._behind = True  # until it is in force: a busy database is asked again
        if self._behind and not await self._concerns_answers():
            await self._porter.tell(self._events)
            self._behind = False
        now, live = self._now, self._resolver.live
        due = live.is_due(now) or self._porter.somebody_leaves
        if self._behind or due or now < live.made_at - SET_BACK:
            await self._take_up()
            await self._porter.tell(self._events)

    async def _concerns_answers(self) -> bool:
        """Tell whether what was stored may change an answer: a login, say, does not."""
        return await self._stored.revisions() != {
            each.id: each.revision for each in self._resolver.live.households.values()
        }

    async def _take_up(self) -> None:
        """Put in force what is stored."""
        async with self._changing:
            households = await self._households()
            self._resolver.live = await self._build(self._resolver.live, self._library, households)
            self._behind = False

    async def _follow_time(self) -> None:
        missing = self._timekeeper.believe(self._updates.missing_categories)
        if await self._timekeeper.look() or missing:
            await self._take_up()
        self._timekeeper.tell()

    async def _follow_machine(self) -> None:
        own = await asyncio.to_thread(self._addresses)
        if set(own) != set(self._listeners.addresses):
            await self._listen()
        if self._machine != (own, system.identity()):
            await self._use_upstreams(list(self._resolver.live.households.values()))
        await self._front.look()

    async def _tell_trouble(self) -> None:
        lists = self._updates.numbers()
        for event in self._troubles.look(self._upstreams.healths, lists, self._clock()):
            self._events.tell(event)

    async def _pass_on(self) -> None:
        self._recorder.pass_on(self._now, PASSED_ON)

    async def _let_go(self) -> None:
        """Free what is of no more use, as slowly as nobody notices."""
        while self._waste:
            until = self._loop.time() + SLICE
            while self._waste and self._loop.time() < until:
                self._waste.let_go(LET_GO_OF)
            await asyncio.sleep(0)

    async def _keep_house(self) -> None:
        now, kept = self._now, self.settings.log
        if not self._clock.is_wrong:
            await self._store.tidy(int(now))
            await self._reminders.tidy()
            await self._porter.tidy()
            await self._porter.remind()
        self._timekeeper.ledger.forget(now)
        await asyncio.to_thread(self._log.purge, now, kept.rows_days, kept.counts_days)
        self._recent.forget(now)
        gc.collect(1)

    async def _feed_watchdog(self) -> None:
        if self._manager.watchdog is None:
            return
        while True:
            self._manager.alive()
            await asyncio.sleep(self._manager.watchdog / 3)

    async def _catch_up(self) -> None:
        """Compile lists that were not at the start, or could not be compiled, once it is time."""
        while True:
            if self._lists.is_due:
                await self._beside(lambda: self.relist(self._lists.fetched))
            await asyncio.sleep(FOLLOW_LISTS)

    async def relist(self, fetched: Sequence[ListSource]) -> None:
        """Put the lists in force as they are on disk now, or keep those of before and try again.

        fetched: those of other people.
        """
        async with self._reloading:
            self._lists.fetched = tuple(fetched)
            shelved = await self._lists.compiled(self.settings.lists)
            if shelved is self._lists.shelved:
                return
            before = self._library
            async with self._changing:
                self._resolver.live = await self._relisted(shelved)
                self._lists.shelved = shelved
            await self._beside(lambda: self._reminders.tell_mistakes(before))
            await self._lists.tell()

    async def _relisted(self, shelved: Shelved) -> Live:
        """Return the snapshot for other lists; whoever follows the household sees to the rest."""
        live = self._resolver.live
        return await self._build(live, shelved.library, list(live.households.values()))

    async def _reload(self) -> None:
        """Take over changed settings and lists; a mistake in the settings changes nothing.

        Lists that cannot be compiled are no such mistake: those of before stay, and it is tried
        again.
        """
        async with self._reloading:
            self._manager.reloading()
            try:
                settings = await asyncio.to_thread(self._reread)
                shelved = await self._lists.compiled(settings.lists)
                async with self._changing:
                    await self._take_over(settings, shelved)
                if shelved.current:
                    await self._lists.tell()
            except CopdnsError as error:
                log.error("the settings were not reloaded", error=str(error))
            except Exception:  # noqa: BLE001 - a bug in here must not end the answering
                log.error("the settings were not reloaded", traceback=traceback.format_exc())
            self._manager.ready(f"answering on {', '.join(self._listeners.addresses)}")

    async def _take_over(self, settings: Settings, shelved: Shelved) -> None:
        before, self.settings = self.settings, settings
        try:
            live = await self._relisted(shelved)
            await self._listen()
        except Exception:
            self.settings = before
            self._listeners.believe(before.dns)
            await self._use_upstreams(list(self._resolver.live.households.values()))
            raise
        self._upstreams.deadline = settings.upstreams.deadline
        self._upstreams.attempt = settings.upstreams.attempt
        self._resolver.live, self._lists.shelved = live, shelved
        await self._reception.use(settings.identity)
        self._resolver.renew(self._rebinding(), self._new_cache(), self._lane())
        self._listeners.believe(settings.dns)
        self._targets.use(settings.events)
        log.info("reloaded")
        if _bound(before) != _bound(settings):
            log.warning("ports, TCP limits, web and data are taken over at the next start")


@contextlib.contextmanager
def _kept_from_the_collector(*, serving: bool) -> Iterator[None]:
    """Let the collector never look through what is made meanwhile: lists and policies stay.

    To look through them would hold up questions for as long as it takes, and so would a look
    through all answers that are kept, some 40 ms: while serving, only at what is youngest.
    """
    # What is dead by now should not stay for good.  What has lived on for a while before it died,
    # and in a circle, does: a few objects a change, since answers and questions have no circles.
    gc.collect(0 if serving else 2)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _bound(settings: Settings) -> object:
    """Return the settings that hold as long as the process runs."""
    dns = settings.dns
    limits = dns.tcp_idle, dns.tcp_connections, dns.tcp_in_flight
    return dns.port, limits, settings.web, settings.data


async def serve(settings: Settings, reread: Callable[[], Settings]) -> None:
    # Each packet that comes or goes lets other threads in, and whoever answers waits for its turn
    # then: by Python's usual 5 ms a thread that reads a file would hold up hundreds of questions.
    sys.setswitchinterval(GIVE_WAY)
    with contextlib.suppress(asyncio.CancelledError), sole_server(Path(settings.data)):
        await App(settings, reread).run()
