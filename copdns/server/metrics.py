"""All counters, as plain integers, and the metrics that they are exported as.

Counting must cost next to nothing, so no query calls the client library of Prometheus: when it
asks, `exposition.py` gives it these integers.  No label ever holds a name, an address, a person or
a rule.  docs/metrics.md explains each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from copdns.dns.exchange import Health
from copdns.dns.upstream_counters import UpstreamCounters
from copdns.lists.download import ListMetrics
from copdns.model.verdict import Action, Reason


class Counters:
    """All counters of the process.  Untraced queries change none of them.

    verdicts, categories, rcodes: replies by their key.
    gauges, upstreams, lists, appeals, appeal_kinds: called when Prometheus reads, for what is
    counted elsewhere.
    """

    __slots__ = (
        "appeal_kinds",
        "appeals",
        "cache_hits",
        "cache_misses",
        "cached_failures",
        "categories",
        "connections",
        "gauges",
        "handshakes",
        "limited",
        "lists",
        "malformed",
        "queries",
        "rcodes",
        "refreshes",
        "stale_answers",
        "upstreams",
        "verdicts",
    )

    def __init__(self) -> None:
        self.queries = {"udp": 0, "tcp": 0, "tls": 0, "https": 0, "quic": 0}
        self.malformed = 0
        self.limited = {"client": 0, "subnet": 0, "domain": 0}
        self.verdicts: dict[tuple[Action, Reason], int] = {}
        self.categories: dict[str, int] = {}
        self.rcodes = [0] * 24
        self.cache_hits = 0
        self.cache_misses = 0
        self.cached_failures = 0
        self.refreshes = 0
        self.stale_answers = 0
        self.upstreams: Callable[[], Sequence[tuple[Health, UpstreamCounters]]] = tuple
        self.gauges: dict[str, Callable[[], float]] = {}
        self.connections: Callable[[], Mapping[str, int]] = dict
        self.handshakes: Callable[[], Mapping[str, int]] = dict
        self.lists: Callable[[], Sequence[ListMetrics]] = tuple
        self.appeals: Callable[[], Mapping[str, int]] = dict
        self.appeal_kinds: Callable[[], Mapping[str, int]] = dict


# name: (type, help).  All that is exported.
METRICS: Final = {
    "copdns_build_info": ("gauge", "The version that is running, as a label."),
    "copdns_queries": ("counter", "Queries that were answered, by transport."),
    "copdns_connections": ("gauge", "Open connections of devices, by transport."),
    "copdns_handshakes": ("counter", "TLS handshakes of devices, by what became of them."),
    "copdns_malformed": ("counter", "Messages that were not valid queries and got an error."),
    "copdns_limited": ("counter", "Queries beyond a bound, by which one; none was answered."),
    "copdns_verdicts": ("counter", "Decisions, by action and reason."),
    "copdns_blocked": ("counter", "Queries blocked by lists, by category."),
    "copdns_responses": ("counter", "Replies, by rcode."),
    "copdns_cache_hits": ("counter", "Queries answered from the cache."),
    "copdns_cache_misses": ("counter", "Queries for which an upstream was asked."),
    "copdns_cache_stale": ("counter", "Replies made from an expired answer."),
    "copdns_cache_failures": ("counter", "Queries that got a failure of a moment ago again."),
    "copdns_cache_refreshes": ("counter", "Answers fetched again before they expired."),
    "copdns_cache_entries": ("gauge", "Answers in the cache."),
    "copdns_cache_octets": ("gauge", "Memory for cached answers, in bytes."),
    "copdns_upstream_queries": ("counter", "Queries sent, by upstream (its place, from 1)."),
    "copdns_upstream_failures": ("counter", "Queries that an upstream did not answer."),
    "copdns_upstream_tcp": ("counter", "Queries repeated over TCP."),
    "copdns_upstream_up": ("gauge", "0 after three queries in a row without an answer, else 1."),
    "copdns_upstream_seconds": ("histogram", "Time from query to answer, by upstream."),
    "copdns_log_dropped": ("counter", "Log entries dropped because the queue was full."),
    "copdns_log_failures": ("counter", "Batches that could not be written at the first attempt."),
    "copdns_appeals": ("gauge", "Stored requests, by state."),
    "copdns_appeals_by_kind": ("gauge", "Stored requests, by what they are against."),
    "copdns_events_dropped": (
        "counter",
        "Events dropped because too many were waiting for a webhook or the program.",
    ),
    "copdns_policy_revision": ("gauge", "Revision of the active household."),
    "copdns_list_entries": ("gauge", "Entries of all active lists."),
    "copdns_list_age_seconds": (
        "gauge",
        ("Time since a list was last known to be up to date, by list."),
    ),
    "copdns_list_octets": ("gauge", "Size of the copy of a list, by list."),
    "copdns_lists_chosen": ("gauge", "Lists that are downloaded."),
    "copdns_lists_absent": ("gauge", "Lists without a copy on this machine."),
    "copdns_lists_failing": ("gauge", "Lists that could not be downloaded at the last attempt."),
    "copdns_lists_held": ("gauge", "Lists of which a new version waits for a guardian."),
    "copdns_lists_oldest_seconds": ("gauge", "The age of the oldest copy."),
    "copdns_backup_age_seconds": ("gauge", "Age of the newest backup; 0 where none is made."),
    "copdns_backup_failures": ("counter", "Backups that could not be made."),
    "copdns_mqtt_connected": (
        "gauge",
        "1 while home automation is told; 0 where it is not, or no broker is set.",
    ),
    "copdns_facts_number": ("gauge", "The number of the newest facts here."),
    "copdns_facts_age_seconds": ("gauge", "Time since the newest facts here were made."),
    "copdns_node_away": (
        "gauge",
        "1 while the tables of a provider's node are kept without PostgreSQL.",
    ),
    "copdns_node_law_missing": (
        "gauge",
        "Lines of the register that this node saw before, and has not.",
    ),
    "copdns_node_age_seconds": (
        "gauge",
        "Seconds since copdns node run said how it is; -1 where there is none.",
    ),
    "copdns_facts_held": ("gauge", "Changes of the facts that wait for a guardian."),
}
