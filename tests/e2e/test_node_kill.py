"""A dnsdist of a provider that is killed under load: others go on, and it comes back as it was."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import find_tool
from tests.e2e.house import eventually
from tests.e2e.provider_nodes import (
    ADA,
    BLOCKED,
    DATING,
    LOST,
    OPEN,
    ProviderNode,
    ask_or_lose,
    node,  # noqa: F401 - a fixture
)
from tests.e2e.started import DNSDIST_UP, started
from tests.e2e.test_provider import server  # noqa: F401 - a fixture
from tests.running import PATIENCE, free_port

pytestmark = pytest.mark.tools


@contextmanager
def asking(port: int, patience: float) -> Iterator[Counter[str]]:
    """Ask for a blocked name, one query after the other; give what came, by how often."""
    found: Counter[str] = Counter()
    is_over = threading.Event()

    def run() -> None:
        while not is_over.is_set():
            found[ask_or_lose(port, DATING, ADA, patience)] += 1

    threads = [threading.Thread(target=run) for _ in range(4)]
    for each in threads:
        each.start()
    try:
        yield found
    finally:
        is_over.set()
        for each in threads:
            each.join()


def test_a_dnsdist_that_is_killed_under_load_harms_no_other_and_loses_nothing_confirmed(
    node: ProviderNode,  # noqa: F811
) -> None:
    folder = Path(node.environment["COPDNS_NODE__FOLDER"]).parent
    port, path = free_port(), folder / "other.conf"
    text = (folder / "dnsdist.conf").read_text()
    path.write_text(text.replace(f"127.0.0.1:{node.port}", f"127.0.0.1:{port}"))
    command: list[str | Path] = [
        find_tool("dnsdist"),
        "--supervised",
        "--disable-syslog",
        "-C",
        path,
    ]
    eventually(lambda: node.ask(DATING, ADA) == BLOCKED)
    with asking(node.port, PATIENCE) as others:
        with started(command, DNSDIST_UP, folder) as killed, asking(port, 0.2) as its:
            eventually(lambda: its[BLOCKED] > 200)
            killed.kill()
            eventually(lambda: its[LOST] > 0)
            node.command("ada", "rule", "add", "block", "opera.example")
        with started(command, DNSDIST_UP, folder):
            rule = "NOERROR 17 rule: opera.example"
            eventually(lambda: ask_or_lose(port, "opera.example", ADA, PATIENCE) == rule)
            assert ask_or_lose(port, DATING, ADA, PATIENCE) == BLOCKED
            assert ask_or_lose(port, "open.example", ADA, PATIENCE) == OPEN
    assert set(its) == {BLOCKED, LOST}
    assert set(others) == {BLOCKED}  # neither lost nor by other rules
    node.command("ada", "rule", "remove", "opera.example")
