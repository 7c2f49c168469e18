"""What `/readyz` says: what keeps us from answering as we should, and what else is amiss."""

from __future__ import annotations

from copdns.app.device_chores import DeviceChores
from copdns.app.household_source import REPLACED, HouseholdSource
from copdns.app.lists_in_force import ListsInForce
from copdns.dns.upstream import UpstreamClient
from copdns.list_files.updates import ListUpdater
from copdns.store.log_db.querylog import QueryLog
from copdns.web.http_server import HttpServer


class Readiness:
    """Asks those who know, each time anew; all texts are for people."""

    def __init__(
        self,
        upstreams: UpstreamClient,
        stored: HouseholdSource,
        log: QueryLog,
        lists: ListsInForce,
        updates: ListUpdater,
        reception: DeviceChores,
        front: HttpServer,
    ) -> None:
        self._upstreams = upstreams
        self._stored = stored
        self._log = log
        self._lists = lists
        self._updates = updates
        self._reception = reception
        self._front = front

    def missing(self) -> tuple[str, ...]:
        """Return what keeps us from answering as we should; nothing: we are ready."""
        healths = self._upstreams.healths
        missing = []
        if not healths:
            missing.append("no upstream is known: see upstreams.servers")
        elif all(health.is_down for health in healths):
            missing.append("no upstream answers")
        if self._stored.is_replaced:
            missing.append(REPLACED)
        return tuple(missing)

    def warnings(self) -> tuple[str, ...]:
        """Return what is not as it should be, though queries are answered."""
        kept = self._log.last_error and f"what happens is not kept: {self._log.last_error}"
        told = (
            self._stored.read_only_reason,
            kept,
            self._lists.warning,
            self._updates.missing,
            self._reception.warning,
            self._front.warning,
        )
        return tuple(filter(None, told))
