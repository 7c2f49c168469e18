"""What a real dnsdist counts of its blocks for the quarterly report: layers and categories."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from copdns.model.errors import PlaneError
from copdns.model.names import to_wire
from copdns.provider.plane.block_counts import UPTIME, read_blocks
from copdns.provider.rollout.figures import STATISTICS_FILE, read_counters
from tests.conftest import find_tool
from tests.e2e.house import eventually
from tests.e2e.plane import Node, check_config, node_with_tables, told
from tests.e2e.started import started
from tests.e2e.test_plane import ADULT, CHILD, FIRST, LAST_OCTETS, MIA, STRANGER
from tests.running import PATIENCE, free_port

pytestmark = pytest.mark.tools


@dataclass
class Counting:
    """A dnsdist with nothing behind it: neither a resolver nor a copdns."""

    node: Node

    def counters(self) -> dict[str, int]:
        file = self.node.folder / "tables" / STATISTICS_FILE
        try:
            return read_counters(file.read_text())
        except (FileNotFoundError, PlaneError):  # it is just being written
            return {}

    def blocks(self) -> dict[str, int]:
        return {label: n for (_, label), n in read_blocks(self.counters()).items() if n}

    def send(self, name: str, last: bytes, *, is_answered: bool = True) -> None:
        """Ask as octets.  last: what the query ends with.  is_answered: wait for that."""
        octets = b"\x12\x34\1\0\0\1\0\0\0\0\0\1" + to_wire(name) + b"\0\1\0\1" + last
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE)
            sock.bind((CHILD, 0))
            sock.sendto(octets, ("127.0.0.1", self.node.port))
            if is_answered:
                assert sock.recv(4096)


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Counting]:
    categories = ("gambling", "games", "trackers", "self_harm", "No Metric")
    with node_with_tables(tmp_path, FIRST, free_port(), categories=categories) as node:
        path = check_config(tmp_path, node.settings)
        dnsdist: list[str | Path] = [find_tool("dnsdist"), "--supervised", "-C", path]
        with started(dnsdist, "Listening on", tmp_path):  # nothing is behind it
            yield Counting(node)


def test_blocks_are_counted_by_layer_and_category_whoever_answers_them(counting: Counting) -> None:
    ask = counting.node.ask
    for _ in range(3):
        assert " 17 " in told(ask("casino.example", CHILD))
    assert " 17 " in told(ask("games.example", CHILD))
    assert " 17 " in told(ask("cuts.example", CHILD))
    assert " 17 " in told(ask("casino.example", STRANGER))
    assert " 15 " in told(ask("evil.games.example", ADULT))
    assert " 16 " in told(ask("forbidden.example", ADULT))
    counting.send("casino.example", LAST_OCTETS["slow edns"])  # dnsdist's own action answers
    assert " 17 " in told(ask("casino.example", MIA)), "a household of its own, and no copdns"
    expected = {"family": 8, "security": 1, "law": 1, "gambling": 6, "games": 1, "self_harm": 1}
    eventually(lambda: counting.blocks() == expected)
    assert counting.counters()[UPTIME] < PATIENCE * 10


def test_what_leaves_no_trace_is_in_no_counter(counting: Counting) -> None:
    assert " 17 " in told(counting.node.ask("stat.help.example", CHILD))
    for name in ("chat.help.example", "open.example"):  # for which no resolver is there
        counting.send(name, LAST_OCTETS["edns"], is_answered=False)
    assert " 17 " in told(counting.node.ask("games.example", CHILD))
    eventually(lambda: counting.blocks() == {"family": 1, "games": 1})
