"""The metrics that are read from the running program, instead of counted."""

from __future__ import annotations

from collections.abc import Callable

from copdns.events.targets import Targets
from copdns.server.answer import Resolver
from copdns.store.log_db.querylog import QueryLog


def build_gauges(
    resolver: Resolver, log: QueryLog, targets: Targets
) -> dict[str, Callable[[], float]]:
    """Return the function that reads each metric, by name; `server/metrics.py` explains them."""
    return {
        "copdns_cache_entries": lambda: len(resolver.cache),
        "copdns_cache_octets": lambda: resolver.cache.octets,
        "copdns_log_dropped": lambda: log.dropped_count,
        "copdns_log_failures": lambda: log.failures,
        "copdns_events_dropped": lambda: targets.dropped_count,
        "copdns_policy_revision": lambda: max(
            (each.revision for each in resolver.snapshot.households.values()), default=0
        ),
        "copdns_list_entries": lambda: sum(
            info.size for info in resolver.snapshot.library.index.infos
        ),
    }
