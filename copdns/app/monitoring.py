"""What monitoring reads off the running program: what `/readyz` says, and metrics that are not
counted.

`/readyz` says what keeps us from answering as we should, and warnings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from copdns.app.device_chores import DeviceChores
from copdns.app.household_source import HouseholdOrigin
from copdns.app.lists_in_force import ListsInForce
from copdns.app.second_box.followed_source import FollowedSource
from copdns.dns.upstream import UpstreamClient
from copdns.list_files.facts_updates import FactsUpdater
from copdns.list_files.updates import ListUpdater
from copdns.server.answer import Resolver
from copdns.store.log_db.querylog import QueryLog
from copdns.web.http_server import HttpServer

if TYPE_CHECKING:  # made once queries are answered
    from copdns.app.backup_chores import BackupChores
    from copdns.app.mqtt_chores import MqttChores
    from copdns.app.self_test import SelfTest
    from copdns.events.targets import Targets

CLOCK_WRONG = (
    "this machine's clock is certainly wrong, so time rules cannot work as they should; set it, or "
    "wait until a time service does"
)


class Readiness:
    """Reads the state of the program at each call; all texts are for people."""

    def __init__(
        self,
        upstreams: UpstreamClient,
        source: HouseholdOrigin,
        log: QueryLog,
        lists: ListsInForce,
        updates: ListUpdater,
        device_chores: DeviceChores,
        http_server: HttpServer,
        other_warnings: Sequence[Callable[[], str]],
        is_clock_wrong: Callable[[], bool],
        facts: FactsUpdater,
        backups: BackupChores,
        followed: FollowedSource | None,
        self_test: SelfTest,
    ) -> None:
        self._upstreams = upstreams
        self._source = source
        self._log = log
        self._lists = lists
        self._updates = updates
        self._device_chores = device_chores
        self._http_server = http_server
        self._other_warnings = other_warnings
        self._is_clock_wrong = is_clock_wrong
        self._facts = facts
        self._backups = backups
        self._followed = followed
        self._self_test = self_test

    def missing(self) -> tuple[str, ...]:
        """Return what keeps us from answering as we should; () where we are ready."""
        healths = self._upstreams.healths
        missing = []
        if not healths:
            missing.append("no DNS server is set; add one to upstreams.servers")
        elif all(health.is_down for health in healths):
            missing.append("no DNS server answers")
        if self._source.damage:
            missing.append(self._source.damage)
        if self._followed is not None and self._followed.missing:
            missing.append(self._followed.missing)
        return tuple(missing)

    def warnings(self) -> tuple[str, ...]:
        """Return what is not as it should be, though queries are answered."""
        not_kept = self._log.last_error and f"nothing can be recorded: {self._log.last_error}"
        found = (
            self._source.read_only_reason,
            self._source.restored_text,
            not_kept,
            self._lists.warning,
            self._updates.missing_text,
            self._updates.own_warning,
            self._updates.left_out_warning,
            *self._facts.warnings,
            self._device_chores.warning,
            self._http_server.warning,
            *(warning() for warning in self._other_warnings),
            self._backups.warning,
            *self._self_test.warnings,
            CLOCK_WRONG if self._is_clock_wrong() else "",
            "" if self._followed is None else self._followed.warning,
        )
        return tuple(filter(None, found))

    def family_warnings(self) -> tuple[str, ...]:
        """Return those of the warnings that a family of a provider notices; the others are about
        the machine of all families."""
        found = (
            self._source.read_only_reason,
            self._source.restored_text,
            self._updates.missing_text,
            CLOCK_WRONG if self._is_clock_wrong() else "",
        )
        return tuple(filter(None, found))


def build_gauges(
    resolver: Resolver,
    log: QueryLog,
    targets: Targets,
    facts: FactsUpdater,
    backups: BackupChores,
    mqtt: MqttChores,
    of_node: Mapping[str, Callable[[], float]],
) -> dict[str, Callable[[], float]]:
    """Return the function that reads each metric, by name; `server/metrics.py` explains them."""
    return {
        "copdns_cache_entries": lambda: len(resolver.responses.cache),
        "copdns_cache_octets": lambda: resolver.responses.cache.octets,
        "copdns_log_dropped": lambda: log.dropped_count,
        "copdns_log_failures": lambda: log.failures,
        "copdns_events_dropped": lambda: targets.dropped_count,
        "copdns_policy_revision": lambda: max(
            (each.revision for each in resolver.snapshot.households.values()), default=0
        ),
        "copdns_list_entries": lambda: sum(
            info.size for info in resolver.snapshot.library.index.infos
        ),
        "copdns_facts_number": lambda: facts.number,
        "copdns_facts_age_seconds": lambda: facts.age,
        "copdns_backup_age_seconds": lambda: backups.age,
        "copdns_backup_failures": lambda: backups.failures,
        "copdns_mqtt_connected": lambda: mqtt.is_connected,
        "copdns_facts_held": lambda: len(facts.state.waiting),
        **of_node,
    }
