"""What alerts and the dashboard ask for is in a scrape of a provider, with those labels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from copdns.app.node.rollouts import METRICS_FILE
from copdns.provider.rollout.rollouts import RolloutKind
from copdns.store.household_db.provider import open_provider
from copdns.store.provider_db.rollout_rows import RolloutStore
from tests.conftest import find_tool
from tests.e2e.house import eventually
from tests.e2e.provider_nodes import ADA, BLOCKED, DATING, family, provider_node, session
from tests.e2e.started import DNSDIST_UP, started
from tests.e2e.test_provider import postgres, server  # noqa: F401 - fixtures
from tests.monitoring_files import SCRAPED, asked, parse, scraped_labels, selected
from tests.postgres_server import PostgresServer
from tests.running import free_port

pytestmark = [pytest.mark.tools, pytest.mark.once]

NODE = {"NAME": "n1", "SITE": "north", "CANARY": "true"}


@pytest.fixture
def scrape(
    tmp_path: Path,
    server: PostgresServer,  # noqa: F811
    postgres: PostgresServer,  # noqa: F811
) -> Iterator[Mapping[str, frozenset[str]]]:
    """The labels of each metric of a node's copdns, of its rollouts, and of a dnsdist."""
    del postgres  # it begins empty
    with open_provider(server.conninfo) as store:
        asyncio.run(store.create(family("ada"), "test", 1))
        rollouts = RolloutStore(store.pool)
        rollouts.begin(RolloutKind.CONFIGURATION, "1", {"a.conf": b"x"}, "test", int(time.time()))
    more = {f"COPDNS_NODE__{key}": value for key, value in NODE.items()}
    with provider_node(tmp_path, server, more=more) as node:
        assert node.tell("/v1/lines", [{"line": "l1", "household": "ada"}]) == 204
        assert node.tell("/v1/sessions", [session("l1", ADA)]) == 204
        eventually(lambda: node.ask(DATING, ADA) == BLOCKED)
        file = Path(node.environment["COPDNS_NODE__FOLDER"]) / METRICS_FILE
        eventually(lambda: file.exists() and "copdns_rollout_taken{" in file.read_text(), 60)
        yield scraped_labels(
            node.home.program.get("/metrics") + file.read_text() + dnsdist(tmp_path)
        )


def dnsdist(folder: Path) -> str:
    """Return what a dnsdist says at its `/metrics`, which who runs it turns on."""
    web, resolver = free_port(), free_port()
    file = folder / "scraped.conf"
    file.write_text(
        f'setLocal("127.0.0.1:{free_port()}")\n'
        f'newServer({{address="127.0.0.1:{resolver}", healthCheckMode="up"}})\n'
        f'webserver("127.0.0.1:{web}")\n'
        "setWebserverConfig({statsRequireAuthentication=false, apiRequiresAuthentication=false})\n"
    )
    command: list[str | Path] = [
        find_tool("dnsdist"),
        "--supervised",
        "--disable-syslog",
        "-C",
        file,
    ]
    with started(command, ("ready", "Polled", "Listening on", *DNSDIST_UP)):
        text: list[str] = []

        def has_said() -> bool:
            try:
                with urlopen(f"http://127.0.0.1:{web}/metrics") as reply:
                    text.append(reply.read().decode())
            except URLError:
                return False
            return True

        eventually(has_said)
        return text[-1]


def test_each_metric_and_label_that_is_asked_for_is_scraped(
    scrape: Mapping[str, frozenset[str]],
) -> None:
    missing = set()
    for text, _ in asked():
        for name, labels in selected(parse(text)):
            if name != "up" and (name not in scrape or labels - SCRAPED - scrape[name]):
                missing.add((name, tuple(sorted(labels - SCRAPED - scrape.get(name, frozenset())))))
    assert missing == set()
