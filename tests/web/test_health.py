"""What monitoring reads, over real connections: health, readiness and metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from copdns.dns.exchange import Health
from copdns.dns.upstream_counters import UpstreamCounters
from copdns.lists.download import ListMetrics
from copdns.model.build import core_text
from copdns.model.household import PrivacyMode
from copdns.model.verdict import Action, Reason
from copdns.server.metrics import METRICS, Counters
from copdns.web.health import without_folders
from tests.home import Home
from tests.household import MIA, TOM, asker, block, family, library
from tests.web.site import Client, Site


class Numbers(Site):
    """A site whose numbers the tests set."""

    @property
    def counters(self) -> Counters:
        return self.home.counters


@pytest.fixture
def site() -> Numbers:
    return Numbers()


@pytest.fixture
async def client(site: Numbers) -> AsyncIterator[Client]:
    async with site.visited() as made:
        yield made


# --- health ------------------------------------------------------------------------------------


async def test_a_process_that_runs_is_healthy(client: Client) -> None:
    reply = await client.get("/healthz")
    assert (reply.status, await reply.text()) == (200, "ok\n")


async def test_it_is_ready_when_nothing_is_missing(client: Client, site: Numbers) -> None:
    reply = await client.get("/readyz")
    assert (reply.status, await reply.text()) == (200, f"ready\n{core_text()}\n")
    site.missing = ("no DNS server answers", "a list is missing")
    reply = await client.get("/readyz")
    told = f"no DNS server answers\na list is missing\n{core_text()}\n"
    assert (reply.status, await reply.text()) == (503, told)
    assert (await client.get("/healthz")).status == 200


async def test_it_tells_nobody_where_files_are(client: Client, site: Numbers) -> None:
    site.missing = (f"nothing can be recorded: {site.folder}/log.db: the disk is full",)
    reply = await client.get("/readyz")
    assert (await reply.text()).startswith("nothing can be recorded: log.db: the disk is full\n")


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("HTTPS: /etc/copdns/own.pem: No such file", "HTTPS: own.pem: No such file"),
        ("(/srv/our data/log.db) is full", "(log.db) is full"),
        ("var/log.db: is full", "log.db: is full"),
        ("see https://copdns.example/help/now", "see https://copdns.example/help/now"),
        ("no answer from 192.0.2.0/24 and fd00::/8", "no answer from 192.0.2.0/24 and fd00::/8"),
    ],
)
def test_a_path_is_the_name_of_its_file(told: str, shown: str) -> None:
    assert without_folders(told, ("/srv/our data", "var")) == shown


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_nothing_can_be_changed_here(client: Client, path: str) -> None:
    assert (await client.head(path)).status == 200
    origin = {"Origin": f"http://{client.host}:{client.port}"}
    for method in ("POST", "PUT", "DELETE"):
        assert (await client.request(method, path, headers=origin)).status == 405


@pytest.mark.parametrize("path", ["/healthz/", "/static/", "/../etc/passwd", "/metrics%00", "/%ff"])
async def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404


# --- who may reach it --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LocalHost:8053", "copdns.home.arpa", "127.0.0.1", "127.0.0.1:8053"),
        *("192.0.2.1", "[::1]", "[::1]:8053", "[2001:db8::1]"),
    ],
)
async def test_it_is_reached_by_address_and_by_its_own_names(client: Client, host: str) -> None:
    assert (await client.get("/metrics", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:8053"),
        *("", "[evil.example]", "1", "0x7f.1", "localhost@evil.example", "[::1].evil.example"),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/nowhere"])
async def test_an_unknown_name_is_told_nothing(client: Client, host: str, path: str) -> None:
    reply = await client.get(path, headers={"Host": host})
    assert reply.status == 421
    assert "copdns_" not in await reply.text()


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/healthz", "localhost", 200),
        ("/nowhere", "localhost", 404),
        ("/healthz", "evil.example", 421),
    ],
)
async def test_every_page_is_kept_from_frames_caches_and_guesses(
    client: Client, path: str, host: str, status: int
) -> None:
    reply = await client.get(path, headers={"Host": host})
    assert reply.status == status
    policy = reply.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'self'", "frame-ancestors 'none'", "form-action 'self'"} <= set(policy)
    assert "unsafe" not in reply.headers["Content-Security-Policy"]
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "same-origin"
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Server"] == "copdns"


# --- metrics -----------------------------------------------------------------------------------


async def numbers(client: Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return every sample by name and labels, as a Prometheus would read them."""
    reply = await client.get("/metrics")
    assert reply.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for metric in text_string_to_metric_families(await reply.text())
        for sample in metric.samples
    }


async def test_every_metric_of_the_list_is_given_and_no_other(
    client: Client, site: Numbers
) -> None:
    site.counters.upstreams = lambda: ((Health("1"), UpstreamCounters()),)
    names = [name for name, (kind, _) in METRICS.items() if kind == "gauge"]
    gauges = set(names) - {"copdns_build_info", "copdns_upstream_up"}
    gauges -= {name for name in names if name.startswith(("copdns_list_", "copdns_lists_"))}
    gauges |= {"copdns_list_entries"}
    site.counters.gauges = dict.fromkeys(gauges | {"copdns_log_dropped"}, lambda: 1.0)
    site.counters.gauges["copdns_log_failures"] = lambda: 2.0
    site.counters.gauges["copdns_events_dropped"] = lambda: 3.0
    site.counters.gauges["copdns_backup_failures"] = lambda: 4.0
    text = await (await client.get("/metrics")).text()
    kinds = {metric.name: metric.type for metric in text_string_to_metric_families(text)}
    assert kinds == {name: kind for name, (kind, _) in METRICS.items()}


async def test_counters_are_read_when_they_are_asked_for(client: Client, site: Numbers) -> None:
    counters = site.counters
    counters.queries["udp"] = 7
    counters.malformed = 2
    counters.verdicts[Action.BLOCK, Reason.CATEGORY] = 3
    counters.categories["games"] = 3
    counters.rcodes[3] = 4
    counters.cache_hits, counters.cache_misses = 5, 6
    read = await numbers(client)
    assert read["copdns_queries_total", (("transport", "udp"),)] == 7
    assert read["copdns_malformed_total", ()] == 2
    verdict = (("action", "block"), ("reason", "category"))
    assert read["copdns_verdicts_total", verdict] == 3
    assert read["copdns_blocked_total", (("category", "games"),)] == 3
    assert read["copdns_responses_total", (("rcode", "NXDOMAIN"),)] == 4
    assert read["copdns_cache_hits_total", ()] == 5
    assert read["copdns_cache_misses_total", ()] == 6
    counters.malformed = 3
    assert (await numbers(client))["copdns_malformed_total", ()] == 3


async def test_upstreams_are_called_by_their_place(client: Client, site: Numbers) -> None:
    first, second = Health("1"), Health("2")
    counters = UpstreamCounters()
    counters.asked, counters.failed, counters.over_tcp = 10, 2, 1
    for seconds in (0.0005, 0.003, 0.003, 5.0):
        counters.note_answer(seconds)
    for second_number in range(3):
        second.note_failure(mono=float(second_number), sent_at=float(second_number))
    site.counters.upstreams = lambda: ((first, counters), (second, UpstreamCounters()))
    read = await numbers(client)
    one = (("upstream", "1"),)
    assert read["copdns_upstream_queries_total", one] == 10
    assert read["copdns_upstream_failures_total", one] == 2
    assert read["copdns_upstream_tcp_total", one] == 1
    assert read["copdns_upstream_up", one] == 1
    assert read["copdns_upstream_up", (("upstream", "2"),)] == 0
    assert read["copdns_upstream_seconds_count", one] == 4
    assert read["copdns_upstream_seconds_sum", one] == pytest.approx(5.0065)
    below = {
        dict(labels)["le"]: value
        for (name, labels), value in read.items()
        if "bucket" in name and one[0] in labels
    }
    assert (below["0.001"], below["0.002"], below["0.005"], below["2.0"]) == (1, 1, 3, 3)
    assert below["+Inf"] == 4


async def test_lists_tell_their_age_their_size_and_what_fails(
    client: Client, site: Numbers
) -> None:
    site.counters.lists = lambda: [
        ListMetrics("toys", 7200.0, 4096, is_failing=True),
        ListMetrics("films", 60.0, 10, is_failing=False, is_held=True),
        ListMetrics("cards", None, 0, is_failing=True),  # never came
    ]
    read = await numbers(client)
    assert read["copdns_list_age_seconds", (("list", "toys"),)] == 7200
    assert read["copdns_list_octets", (("list", "films"),)] == 10
    assert ("copdns_list_octets", (("list", "cards"),)) not in read
    assert read["copdns_lists_chosen", ()] == 3
    assert read["copdns_lists_absent", ()] == 1
    assert read["copdns_lists_failing", ()] == 2
    assert read["copdns_lists_held", ()] == 1
    assert read["copdns_lists_oldest_seconds", ()] == 7200


async def test_no_label_holds_a_name_an_address_a_person_or_a_rule(
    client: Client, site: Numbers
) -> None:
    lists = library(categories={"games": ["games.example"]})
    mia = replace(MIA, privacy=PrivacyMode.BLOCKED)
    home = Home(family(mia, TOM, rules=(block("toys.example", note="because"),)), lists)
    home.recorder._counters = site.counters
    for name in ("games.example", "toys.example", "www.example", "a.invalid", "example"):
        for who in ("mia", "tom", "192.0.2.200", "203.0.113.66"):
            home.ask(who, name)
    home.recorder.flush(home.clock.wall)
    text = await (await client.get("/metrics")).text()
    assert 'copdns_verdicts_total{action="block",reason="rule"}' in text
    words = ["example", "invalid", "mia", "tom", "Mia", "phone", "192.0.2", "203.0", "because"]
    assert [word for word in words if word in text] == []


@pytest.mark.parametrize("who", ["mia", "192.0.2.200", "2001:db8::9"])
async def test_other_devices_read_no_numbers(
    client: Client, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """In a house with one child, what was blocked in numbers is what was blocked for that child."""
    monkeypatch.setattr("copdns.web.health.requestor_of", lambda _: asker(who, "tcp"))
    reply = await client.get("/metrics", headers={"Authorization": "Bearer copdns_x"})
    assert reply.status in (401, 403)
    assert "copdns_" not in await reply.text()
