"""Start the parts of copdns, have their chores run, apply changed settings, stop.

`parts.py` makes the parts; only `cli` imports this.  All signals and tasks of the server are made
here.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from copdns.app.account_chores import log_setup_code
from copdns.app.background import Work, free_gradually, in_slices, repeat, run_logged
from copdns.app.from_settings import (
    about_responses,
    fixed_settings,
    forwards_subnets,
    new_cache,
    new_failures,
    new_limits,
    new_rebinding_guard,
)
from copdns.app.memory_use import Trimmer, collect_young, let_go_of_libraries, trim_memory
from copdns.app.parts import Parts
from copdns.app.service_manager import feed_watchdog
from copdns.list_files.index_store import LoadedLists
from copdns.list_files.load import bundled_files
from copdns.model.errors import CopdnsError
from copdns.network.machine import listen_addresses
from copdns.privacy.list_counts import ListCountKey
from copdns.privacy.list_scores import note_scores
from copdns.settings.config import Settings
from copdns.store.folder_lock import hold_server_lock
from copdns.store.household_db.appeals import AppealStore

if TYPE_CHECKING:
    from copdns.app.second_box.followed_source import FollowedSource
    from copdns.app.second_box.follower_chores import FollowerChores

log = structlog.get_logger("copdns")

# Seconds between two runs of a chore.
FOLLOW_HOUSEHOLD = 0.1  # so that a change is in force well within a second
FOLLOW_MACHINE = 5.0  # its addresses and resolvers
FOLLOW_NAT64 = 1.0  # whether it is time to ask for the prefix
FOLLOW_LISTS = 2.0  # which lists are here, and which are due
FLUSH_EVERY = 0.25  # tallies into metrics and log: a killed process loses little
FOLLOW_APPEALS = 2.0
FORGET_TALLIES = 60.0  # of households that may be here no longer
REMIND_EVERY = 60.0
HAND_IN_BLOCKS = 60.0  # seconds: what was blocked, for a provider's quarterly report
NOTE_HEARD = 5.0  # seconds: which devices of a provider's families asked
WARN_MANY = 10.0  # of what closes soon, in the browsers of a provider's families
FREE_EVERY = 0.1
GIVE_STALE_EVERY = 0.1
REFRESH_EVERY = 0.5
FORGOTTEN_AT_ONCE = 200  # cached answers that are looked at for their age with each refresh
FOLLOW_TIME = 1.0  # minutes of use and events; what closes does so without it
REOPEN_EVERY = 5.0  # of a household whose disk could not be written
COMPARE_EVERY = 30.0  # files with what was written, so that damage is told within a minute
SEND_EVERY = 60.0  # weekly summaries: they are due at a minute of a day
BACK_UP_EVERY = 60.0  # looks whether a backup is due
TEST_EVERY = 60.0  # looks whether a test of copdns itself is due
CHORES_EVERY = 2.0  # unknown devices, lease files and alarms
LOOK_AT_DEVICES_EVERY = 60.0  # whether one is silent
TIDY_EVERY = 600.0
TRIM_EVERY = 10.0  # free memory goes back to the system

MAX_FLUSHED = 500  # tallies at a time: all those of a thousand profiles would delay answers
SWITCH_INTERVAL = 0.0001  # seconds for which a thread may run while another waits


class App(Parts):
    """One running copdns."""

    def __init__(
        self,
        settings: Settings,
        reread: Callable[[], Settings],
        *,
        is_light: bool = False,
        hangups: list[int] | None = None,
    ) -> None:
        """reread: returns the settings as they are now, for SIGHUP; may raise CopdnsError.

        hangups: SIGHUPs since the settings were read; more are added until they can be followed.
        """
        super().__init__(settings, is_light=is_light)
        self._reread = reread
        self._stop = asyncio.Event()
        self._waiting_reload: asyncio.Task[None] | None = None
        self._hangups = [] if hangups is None else hangups
        self._scores: dict[ListCountKey, int] = {}  # of lists, as they were stored last
        self._told_servers: object = None

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; raise CopdnsError where it cannot start."""
        self._loop.add_signal_handler(signal.SIGHUP, self._hangups.append, int(signal.SIGHUP))
        await self.begin()
        self._log.start()
        if self._lists.loaded.is_current:  # else they are needed once more, and cleared then
            bundled_files.cache_clear()
        try:
            await self._serve()
        finally:
            await self._close()

    # --- serving ---

    async def _serve(self) -> None:
        # Before the first answer: from then on something is counted that a stop has to write.
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        await self._listen()
        await self._control.open()
        await self._begin_housekeeping()
        try:
            await self._run_chores()
        finally:
            await self._housekeeping.targets.close()

    async def _run_chores(self) -> None:
        """Serve pages as well and have the chores run, until somebody says stop."""
        if self.is_light:
            log.warning("there are no pages: nobody can read here why something is blocked, or ask")
        else:
            await self._http_server.begin()
        trim_memory()
        let_go_of_libraries()
        await run_logged(self._tell_upstreams)
        if self._followed is None and self._tells_people:
            await run_logged(lambda: self._account_chores.tell(self._events))
        await run_logged(self._updates.apply_available)  # so that readiness is right from the start
        if self._stop.is_set():
            return
        async with asyncio.TaskGroup() as tasks:
            running = {tasks.create_task(each) for each in self._chores()}
            self._loop.add_signal_handler(signal.SIGHUP, lambda: self._begin_reload(tasks, running))
            if self._hangups:
                self._begin_reload(tasks, running)
            log.info(
                "ready",
                addresses=sorted(self._listeners.addresses),
                port=self.settings.dns.port,
                web=[f"{host}:{port}" for host, port in self._http_server.addresses],
            )
            if (
                self._source.has_household
                and self._followed is None
                and not self.is_light
                and self._tells_people
            ):  # before others are told: it replaces any other code
                await run_logged(self._log_setup_code)
            self._manager.notify_ready(f"answering on {', '.join(self._listeners.addresses)}")
            await self._stop.wait()
            self._manager.notify_stopping()
            for task in running:
                task.cancel()

    def _chores(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield the chores that run for as long as the program does."""
        subscribers = None if self._provider is None else self._provider.subscribers
        many = subscribers is not None
        source = self._provider.source if self._provider and many else None
        yield repeat(self._household.poll, (lambda: source.pause) if source else FOLLOW_HOUSEHOLD)
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
        yield repeat(self._once_for_all(self._appeal_chores.tell), FOLLOW_APPEALS)
        yield repeat(self._once_for_all(self._appeal_chores.raise_overdue), REMIND_EVERY)
        if subscribers is not None:
            yield subscribers.run()
            yield repeat(subscribers.follow, FOLLOW_HOUSEHOLD)
            yield repeat(self._forget_tallies, FORGET_TALLIES)
        if self._provider is not None and self._provider.warnings is not None:
            yield repeat(self._once_for_all(self._provider.warnings.run_once), WARN_MANY)
        if self._provider is not None and self._provider.digests is not None:
            yield repeat(self._once_for_all(self._provider.digests.send_due), SEND_EVERY)
        if self._provider is not None and self._provider.marks is not None:
            yield repeat(self._provider.marks.note, NOTE_HEARD)
        if self._provider is not None and self._provider.blocks is not None:
            yield repeat(self._provider.blocks.hand_in, HAND_IN_BLOCKS)
        if self._minutes is not None:
            yield repeat(self._count_minutes, FOLLOW_TIME)
            yield repeat(self._minutes.exchange, FOLLOW_TIME)
        yield self._housekeeping.targets.run()
        yield self._housekeeping.push.run()
        yield self._housekeeping.mqtt.run()
        yield repeat(self._tidy, TIDY_EVERY)
        yield repeat(Trimmer(self._loop.time).run_once, TRIM_EVERY)
        yield repeat(self._device_chores.run_once, CHORES_EVERY)
        yield repeat(self._check_alarms, CHORES_EVERY)
        yield repeat(self._look_at_devices, LOOK_AT_DEVICES_EVERY)
        yield repeat(self._once_for_all(self._housekeeping.digests.send_due), SEND_EVERY)
        yield repeat(self._housekeeping.backups.run_once, BACK_UP_EVERY)
        if not self.settings.provider.database:
            yield repeat(self._housekeeping.self_test.run_once, TEST_EVERY)
        yield self._list_reloader.retry_forever()
        yield repeat(self._updates.apply_available, FOLLOW_LISTS)
        if self._followed is None and not self.settings.node.name:
            yield repeat(self._updates.fetch, FOLLOW_LISTS)
            yield repeat(self._facts.follow, FOLLOW_LISTS)
        else:  # both come from another machine
            yield repeat(self._facts.refresh, FOLLOW_LISTS)
        if self._followed is not None:
            yield self._new_follower_chores(self._followed).run()
        if self._provider is not None:
            opened = self._provider.new_opened_lines(self._list_reloader.open_lines)
            yield repeat(opened.follow, FOLLOW_LISTS)
        yield self._help_chores.run()
        yield feed_watchdog(self._manager)

    def _new_follower_chores(self, followed: FollowedSource) -> FollowerChores:
        from copdns.app.second_box.follower_chores import (
            FollowerChores,  # a first box needs none of it
        )

        return FollowerChores(
            self._folder, followed, self._time_chores, self._clock, self._updates.apply_available
        )

    def _once_for_all(self, work: Work) -> Work:
        """Return a chore that only one of all programs does that share a database."""

        async def work_once() -> None:
            if self._source.does_chores:
                await work()

        return work_once

    async def _close(self) -> None:
        self._listeners.close()
        self._encrypted.close()
        self._control.close()
        await self._http_server.close()
        self._recognition.close()
        self._nat64.close()
        self._upstreams.close()
        await self._time_chores.close()
        if self._minutes is not None:
            await self._minutes.close()
        self._recorder.flush(self._now())
        await asyncio.to_thread(self._log.stop)
        await asyncio.to_thread(self._logins.close)
        await self._source.close()
        log.info("stopped")

    async def _listen(self) -> None:
        await self._listeners.listen(self.settings.dns)
        await self._encrypted.follow(self._listeners.addresses)

    async def _log_setup_code(self) -> None:
        await log_setup_code(
            self._logins, self._resolver.snapshot.households, self.settings.web, self._now()
        )

    # --- following changes ---

    async def _follow_time(self) -> None:
        self._resolver.responses.asks_time_in_clear = self._upstreams_in_force.are_all_encrypted
        if self._upstreams_in_force.servers != self._told_servers:
            await run_logged(self._tell_upstreams)
        if self._tells_people:
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
        if not self.is_light:
            await self._http_server.refresh()
        await self._reasons.follow()

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
        self._recorder.flush(self._now())  # says which devices asked
        await self._housekeeping.bypass.run_once()

    async def _flush_records(self) -> None:
        self._recorder.flush(self._now(), MAX_FLUSHED)

    async def _count_minutes(self) -> None:
        assert self._minutes is not None
        await self._minutes.count()

    async def _forget_tallies(self) -> None:
        self._recorder.forget_policies()

    async def _give_stale(self) -> None:
        self._resolver.waiting.give_stale(self._clock())

    async def _refresh_cache(self) -> None:
        moment = self._clock()
        self._resolver.responses.refresh(moment)
        self._resolver.responses.cache.forget_old(moment.mono, FORGOTTEN_AT_ONCE)

    async def _tell_upstreams(self) -> None:
        self._told_servers = servers = self._upstreams_in_force.servers
        many = self._provider is not None and self._provider.subscribers is not None
        if many or self._followed is not None:  # told by others, or there
            return
        await self._account_chores.note_upstreams(servers)

    async def _tidy(self) -> None:
        now, chosen = self._now(), self.settings.log
        if not self._clock.is_wrong and self._source.does_chores:
            await self._store.tidy(int(now))
            await self._appeal_chores.tidy()
            await self._account_chores.tidy()
            await self._housekeeping.push_store.tidy(int(now))
            await self._account_chores.remind()
            await self._tell_upstreams()
            await self._housekeeping.first_box.followers.tidy(int(now))
            await self._note_scores(now)
            if self._provider is not None:
                await self._provider.tidy()
        self._time_chores.ledger.forget(now)
        if self._minutes is not None:
            await self._minutes.forget()
            if self._source.does_chores and not self._clock.is_wrong:
                await self._minutes.tidy()
        if self._tells_people:  # who only writes the log cannot look for what is old in it
            await asyncio.to_thread(self._log.purge, now, chosen.rows_days, chosen.counts_days)
        if not self._clock.is_wrong:
            await asyncio.to_thread(self._log.purge_moved_aside, now)
        await asyncio.to_thread(self._log.count_lists, self._recorder.list_counts.take(now))
        await in_slices(self._recent_blocks.forget(now))
        collect_young()

    async def _note_scores(self, now: float) -> None:
        """Store how lists stand this week, if that is not what was stored last."""
        found: dict[ListCountKey, int] = {}
        for household in self._resolver.snapshot.households:
            errors = await AppealStore(self._store).list_errors(household)
            found |= note_scores(household, self._catalogue.statuses, errors, now)
        if found != self._scores and await asyncio.to_thread(self._log.note_lists, found):
            self._scores = found

    # --- changed settings ---

    def _begin_reload(self, tasks: asyncio.TaskGroup, running: set[asyncio.Task[None]]) -> None:
        """Reload, unless a reload that has not read anything yet is waiting for another one."""
        if self._waiting_reload is None:
            self._waiting_reload = tasks.create_task(self._reload())
            running.add(self._waiting_reload)
            self._waiting_reload.add_done_callback(running.discard)

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
        before = self.settings
        waits = fixed_settings(before) != fixed_settings(settings)
        # What listens is as it was at the start, so pages must not offer what the file says now.
        settings = settings.model_copy(update={"encrypted": before.encrypted, "web": before.web})
        self.settings = settings
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
        self._resolver.responses.forwards_subnets = forwards_subnets(settings)
        await self._tell_reasons()
        # Responses of the same upstreams stay: while those are dead, the house lives on them.
        may_stay = about_responses(before) == about_responses(settings)
        self._resolver.reconfigure(
            new_rebinding_guard(self.settings.rebinding),
            self._resolver.responses.cache if may_stay else new_cache(self.settings.cache),
            self._new_packet_cache(),
            None if may_stay else new_failures(self.settings.cache),
        )
        self._listeners.set_forwarders(settings.dns)
        self._housekeeping.targets.configure(settings.events)
        await run_logged(self._tell_upstreams)
        log.info("reloaded")
        if waits:
            log.warning(
                "changes to ports, TCP limits, encrypted, web, data, provider and node take effect "
                "at the next start"
            )


async def serve(
    settings: Settings,
    reread: Callable[[], Settings],
    *,
    is_light: bool = False,
    hangups: list[int] | None = None,
) -> None:
    """Run one App, the only one of its data folder; raise CopdnsError where it cannot start.

    is_light: without pages.  hangups: as of an `App`.
    """
    # Each system call lets another thread take Python's lock.  With Python's default of 5 ms, a
    # thread that reads a file would delay hundreds of queries.
    sys.setswitchinterval(SWITCH_INTERVAL)
    with contextlib.suppress(asyncio.CancelledError), hold_server_lock(Path(settings.data)):
        await App(settings, reread, is_light=is_light, hangups=hangups).run()
