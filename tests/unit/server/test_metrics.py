"""Tests of what Prometheus reads."""

from __future__ import annotations

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from copdns import __version__
from copdns.dns.exchange import Health
from copdns.dns.upstream_counters import LATENCY_BUCKETS, UpstreamCounters
from copdns.model.verdict import Action, Reason
from copdns.server.exposition import build_registry
from copdns.server.metrics import METRICS, Counters


def scraped(counters: Counters) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return all samples by name and labels."""
    text = generate_latest(build_registry(counters, lambda: None)).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def sample(counters: Counters, name: str, **labels: str) -> float:
    return scraped(counters)[name, frozenset(labels.items())]


def full() -> Counters:
    """Return counters in which everything that can be counted was."""
    counters = Counters()
    counters.queries = {"udp": 5, "tcp": 2}
    counters.malformed = 1
    counters.verdicts = {(Action.BLOCK, Reason.CATEGORY): 3, (Action.ALLOW, Reason.DEFAULT): 4}
    counters.categories = {"games": 3}
    counters.rcodes[0], counters.rcodes[3], counters.rcodes[23] = 6, 1, 1
    counters.cache_hits, counters.cache_misses = 2, 3
    counters.appeals = lambda: {"open": 2}
    counters.appeal_kinds = lambda: {"age": 1, "name": 1}
    upstream = UpstreamCounters()
    upstream.asked, upstream.failed, upstream.over_tcp = 3, 1, 1
    upstream.note_answer(0.004)
    upstream.note_answer(9.0)
    counters.upstreams = lambda: ((Health("1"), upstream),)
    counters.gauges = {
        name: lambda: 7.0
        for name in METRICS
        if name.startswith(
            (
                *("copdns_backup", "copdns_cache_entries", "copdns_cache_octets"),
                *("copdns_facts", "copdns_log", "copdns_mqtt", "copdns_node"),
            )
        )
        or name in ("copdns_policy_revision", "copdns_list_entries", "copdns_events_dropped")
    }
    return counters


def test_a_scrape_tells_what_was_counted() -> None:
    counters = full()
    assert sample(counters, "copdns_queries_total", transport="udp") == 5
    assert sample(counters, "copdns_malformed_total") == 1
    assert sample(counters, "copdns_appeals_by_kind", kind="age") == 1
    assert sample(counters, "copdns_verdicts_total", action="block", reason="category") == 3
    assert sample(counters, "copdns_blocked_total", category="games") == 3
    assert sample(counters, "copdns_responses_total", rcode="NXDOMAIN") == 1
    assert sample(counters, "copdns_responses_total", rcode="23") == 1
    assert sample(counters, "copdns_cache_hits_total") == 2
    assert sample(counters, "copdns_cache_misses_total") == 3
    assert sample(counters, "copdns_upstream_queries_total", upstream="1") == 3
    assert sample(counters, "copdns_upstream_failures_total", upstream="1") == 1
    assert sample(counters, "copdns_upstream_tcp_total", upstream="1") == 1
    assert sample(counters, "copdns_upstream_up", upstream="1") == 1
    assert sample(counters, "copdns_build_info", version=__version__) == 1
    assert sample(counters, "copdns_cache_entries") == 7


def test_times_add_up_from_bucket_to_bucket() -> None:
    counters = full()
    name = "copdns_upstream_seconds_bucket"
    assert sample(counters, name, upstream="1", le="0.002") == 0
    assert sample(counters, name, upstream="1", le="0.005") == 1
    assert sample(counters, name, upstream="1", le=str(LATENCY_BUCKETS[-1])) == 1
    assert sample(counters, name, upstream="1", le="+Inf") == 2
    assert sample(counters, "copdns_upstream_seconds_count", upstream="1") == 2
    assert sample(counters, "copdns_upstream_seconds_sum", upstream="1") == 9.004


def test_a_time_on_a_bound_is_within_it() -> None:
    upstream = UpstreamCounters()
    upstream.note_answer(0.001)
    assert upstream.seconds[0] == 1


def test_every_metric_that_is_listed_is_told_and_no_other() -> None:
    families = build_registry(full(), lambda: None).collect()
    assert sorted(family.name for family in families) == sorted(METRICS)


def test_the_counters_are_brought_up_to_date_before_they_are_read() -> None:
    counters = Counters()

    def before() -> None:
        counters.malformed = 9

    text = generate_latest(build_registry(counters, before)).decode()
    assert "copdns_malformed_total 9.0" in text


def test_nothing_is_told_of_the_process_or_of_a_person() -> None:
    names = {name for name, _ in scraped(Counters())}
    assert all(name.startswith("copdns_") for name in names)
    labels = {label for _, found in scraped(full()) for label, _ in found}
    assert labels == {
        "action", "bound", "category", "kind", "le", "rcode", "reason", "state", "transport",
        "upstream", "version",
    }  # fmt: skip
