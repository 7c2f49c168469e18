"""The parts of one running copdns: those that answer, and what no query waits for.

`answering_parts.py` makes the first; here is what people and other machines look at: pages,
metrics and readiness.  `app.py` starts the parts, has their chores run, and stops them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from copdns.accounts.further_guardian import FURTHER_GUARDIAN_WAITS
from copdns.app.answering_parts import AnsweringParts
from copdns.app.control import ControlSocket
from copdns.app.monitoring import Readiness, build_gauges
from copdns.app.upstream_probe import trouble_of
from copdns.model.errors import StartError
from copdns.model.hosts import OWN_HOSTS
from copdns.model.verdict import Requestor
from copdns.network.resolver_scan import scan_resolvers
from copdns.policy.snapshot import Client
from copdns.privacy.own_numbers import timers_for_others
from copdns.settings.config import Settings
from copdns.time.own_timers import OwnTimer, Who
from copdns.web.http_server import HttpServer

if TYPE_CHECKING:
    from aiohttp import web


class Parts(AnsweringParts):
    """All that one copdns is made of.

    What answers is there after `begin`, the rest after `_begin_housekeeping`.
    """

    def __init__(self, settings: Settings, *, is_light: bool = False) -> None:
        super().__init__(settings, is_light=is_light)
        self._http_server = HttpServer(settings.web, self._https, self._build_pages)
        self._control = ControlSocket(self._folder, self._flush_cache, self._known_timers)

    async def begin(self) -> None:
        """Make what answers, and count it; raise CopdnsError where that cannot be."""
        await super().begin()
        self._join_counters()

    async def _begin_housekeeping(self) -> None:
        """Make what no query waits for; queries are answered while it is imported.

        Raises StartError where it cannot be imported.
        """
        try:
            await asyncio.to_thread(import_module, "copdns.app.housekeeping")
        except Exception as error:  # a damaged file may raise anything
            raise StartError(
                f"a part of copdns cannot be read, so it does not run ({error}); look at the disk, "
                "and install copdns again"
            ) from error
        from copdns.app.housekeeping import Housekeeping

        self._housekeeping = house = Housekeeping(
            folder=self._folder,
            settings=lambda: self.settings,
            snapshot=lambda: self._resolver.snapshot,
            clock=self._clock,
            store=self._store,
            thread=self._thread,
            log=self._log,
            own_lists=self._updates.own,
            events=self._events,
            time_chores=self._time_chores,
            upstreams=self._upstreams,
            tells=self._followed is None,  # the first box tells what happens
        )
        if self._provider is not None:
            self._provider.begin_digests(self._thread, self._log, lambda: self.settings)
        self._readiness = Readiness(
            self._upstreams,
            self._source,
            self._log,
            self._lists,
            self._updates,
            self._device_chores,
            self._http_server,
            (lambda: self._encrypted.warning, lambda: house.mqtt.warning, self._node_warning),
            lambda: self._clock.is_wrong,
            self._facts,
            house.backups,
            self._followed,
            house.self_test,
        )
        self._counters.gauges = build_gauges(
            *(self._resolver, self._log, house.targets, self._facts, house.backups),
            house.mqtt,
            {} if self._provider is None else self._provider.node.gauges(),
        )

    def _join_counters(self) -> None:
        """Let the metrics read what parts count themselves."""
        self._counters.connections = self._count_connections
        self._counters.handshakes = self._encrypted.count_handshakes
        self._counters.lists = self._updates.metrics
        self._counters.appeals = lambda: {
            str(state): count for state, count in self._appeal_chores.counts.items()
        }
        self._counters.appeal_kinds = lambda: {
            str(kind): count for kind, count in self._appeal_chores.kinds.items()
        }

    def _count_connections(self) -> dict[str, int]:
        return {"tcp": self._listeners.count_connections(), **self._encrypted.count_connections()}

    def _node_warning(self) -> str:
        return "" if self._provider is None else self._provider.node.warning

    def _build_pages(self) -> web.Application:
        """Build the web application, in a thread; `web/http_server.py` says why so late."""
        from copdns.server.exposition import build_registry
        from copdns.web.context import AppContext, ListsState
        from copdns.web.pages import Pages
        from copdns.web.routes import application, machine_application

        provider = self._provider
        pages = None if provider is None else provider.pages
        context = AppContext(
            registry=build_registry(self._counters, lambda: self._recorder.flush(self._now())),
            readiness=self._readiness.missing,
            warnings=self._readiness.warnings,
            family_warnings=self._readiness.family_warnings,
            hosts=OWN_HOSTS | {"localhost", *self.settings.web.hosts},
            snapshot=pages.snapshot if pages is not None else lambda: self._resolver.snapshot,
            policy_inputs=self._policy_inputs if pages is None else pages.policy_inputs,
            identify=pages.identify if pages is not None else self._identify,
            door=None if provider is None else provider.new_door(time.monotonic),
            recent=self._recent_blocks,
            now=self._now,
            pages=Pages(door=self._child_page),
            store=self._store,
            thread=self._thread,
            folder=self._folder,
            log=self._log,
            logins=self._logins,
            probes=self._probes,
            scan_resolvers=lambda: asyncio.to_thread(
                scan_resolvers, self._listeners.addresses, self.settings.dns.in_front
            ),
            lists=lambda: ListsState(len(self._updates.metrics()), self._updates.missing_text),
            addresses=lambda: self._listeners.addresses,
            settings=lambda: self.settings,
            updates=self._updates,
            facts=lambda: self._lists.loaded.facts,
            facts_updates=self._facts,
            targets=self._housekeeping.targets,
            damage=lambda: self._source.damage,
            repair=self._household.repair,
            https=lambda: self._https.offer,
            own_timers=self._time_chores.own_timers,
            desk_over_http=self.settings.web.desk_over_http,
            try_push=self._housekeeping.push.send_test,
            trouble_of_upstream=trouble_of,
            first_box=None if self._followed or provider else self._housekeeping.first_box,
            follows=None if self._followed is None else self._followed.status,
            review_desk=None if provider is None else provider.new_review_desk(),
            further_guardian_waits=0 if provider is None else FURTHER_GUARDIAN_WAITS,
        )
        return application(context) if self._tells_people else machine_application(context)

    def _identify(self, requestor: Requestor) -> Client:
        return self._recognition.identify(requestor, self._clock())

    def _flush_cache(self, name: str, below: bool) -> None:
        self._resolver.flush(name, below=below)

    def _known_timers(self) -> Mapping[Who, OwnTimer]:
        """Return the timers that people started for themselves, as far as others may know."""
        households, now = self._resolver.snapshot.households, self._now()
        return timers_for_others(households, self._time_chores.own_timers.running(now), now)
