"""Give the counters to Prometheus when it asks.

Imported with the pages, which serve them: the client library takes a megabyte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from copdns import __version__
from copdns.dns.upstream_counters import LATENCY_BUCKETS, UpstreamCounters
from copdns.server.metrics import METRICS, Counters

RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


class Collector:
    """Gives the counters to Prometheus when it asks."""

    def __init__(self, counters: Counters, before: Callable[[], None]) -> None:
        self._counters = counters
        self._before = before

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, read at this moment."""
        self._before()
        yield from self._queries()
        yield from self._upstreams()
        yield from self._lists()
        states = [([state], count) for state, count in sorted(self._counters.appeals().items())]
        yield _family("copdns_appeals", ["state"], states)
        kinds = [([kind], count) for kind, count in sorted(self._counters.appeal_kinds().items())]
        yield _family("copdns_appeals_by_kind", ["kind"], kinds)
        for name, read in sorted(self._counters.gauges.items()):
            yield _family(name, [], [([], read())])

    def _queries(self) -> Iterator[Metric]:
        counters = self._counters
        yield _family("copdns_build_info", ["version"], [([__version__], 1)])
        queries = [([transport], count) for transport, count in counters.queries.items()]
        yield _family("copdns_queries", ["transport"], queries)
        opened = [([transport], count) for transport, count in counters.connections().items()]
        yield _family("copdns_connections", ["transport"], opened)
        handshakes = [([result], count) for result, count in counters.handshakes().items()]
        yield _family("copdns_handshakes", ["result"], handshakes)
        yield _family("copdns_malformed", [], [([], counters.malformed)])
        limited = [([bound], count) for bound, count in counters.limited.items()]
        yield _family("copdns_limited", ["bound"], limited)
        verdicts = [([*key], count) for key, count in sorted(counters.verdicts.items())]
        yield _family("copdns_verdicts", ["action", "reason"], verdicts)
        categories = [([slug], count) for slug, count in sorted(counters.categories.items())]
        yield _family("copdns_blocked", ["category"], categories)
        rcodes = [([RCODES.get(i, str(i))], n) for i, n in enumerate(counters.rcodes) if n]
        yield _family("copdns_responses", ["rcode"], rcodes)
        yield _family("copdns_cache_hits", [], [([], counters.cache_hits)])
        yield _family("copdns_cache_misses", [], [([], counters.cache_misses)])
        yield _family("copdns_cache_stale", [], [([], counters.stale_answers)])
        yield _family("copdns_cache_failures", [], [([], counters.cached_failures)])
        yield _family("copdns_cache_refreshes", [], [([], counters.refreshes)])

    def _upstreams(self) -> Iterator[Metric]:
        each = self._counters.upstreams()
        label = ["upstream"]
        yield _family("copdns_upstream_queries", label, [([h.label], c.asked) for h, c in each])
        yield _family("copdns_upstream_failures", label, [([h.label], c.failed) for h, c in each])
        yield _family("copdns_upstream_tcp", label, [([h.label], c.over_tcp) for h, c in each])
        up = [([health.label], 0 if health.is_down else 1) for health, _ in each]
        yield _family("copdns_upstream_up", label, up)
        name = "copdns_upstream_seconds"
        histogram = HistogramMetricFamily(name, METRICS[name][1], labels=label)
        for health, counters in each:
            histogram.add_metric([health.label], _buckets(counters), counters.total)
        yield histogram

    def _lists(self) -> Iterator[Metric]:
        lists = self._counters.lists()
        ages = [([each.slug], each.age) for each in lists if each.age is not None]
        sizes = [([each.slug], each.octets) for each in lists if each.age is not None]
        yield _family("copdns_list_age_seconds", ["list"], ages)
        yield _family("copdns_list_octets", ["list"], sizes)
        yield _family("copdns_lists_chosen", [], [([], len(lists))])
        yield _family("copdns_lists_absent", [], [([], len(lists) - len(ages))])
        failing = sum(each.is_failing for each in lists)
        yield _family("copdns_lists_failing", [], [([], failing)])
        yield _family("copdns_lists_held", [], [([], sum(each.is_held for each in lists))])
        oldest = max((age for _, age in ages), default=0)
        yield _family("copdns_lists_oldest_seconds", [], [([], oldest)])


def _family(
    name: str, labels: Sequence[str], samples: Sequence[tuple[Sequence[str], float]]
) -> Metric:
    kind, text = METRICS[name]
    make = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    family = make(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _buckets(counters: UpstreamCounters) -> list[tuple[str, float]]:
    buckets, count = [], 0
    for bound, number in zip((*map(str, LATENCY_BUCKETS), "+Inf"), counters.seconds, strict=True):
        count += number
        buckets.append((bound, float(count)))
    return buckets


def build_registry(counters: Counters, before: Callable[[], None]) -> CollectorRegistry:
    """Return a registry with our numbers only: none of the process, which would tell of load.

    before: called before the counters are read, to bring them up to date.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(counters, before))
    return registry
