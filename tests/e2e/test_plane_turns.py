"""Households with opposite rules ask for the same names in turns: none reads another one's answer.

COPDNS_TURNS says how many questions are asked; `make turns` asks 100,000.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dns.message
import pytest

from copdns.provider.plane.snapshot import PlaneChange
from tests.e2e.house import House, house
from tests.e2e.plane import Node, front, node_with_tables, resolver
from tests.e2e.test_plane import ADULT, CHILD, FIRST, LISTED, MIA, OPEN, PROXIED, SAFE, TOM
from tests.e2e.upstream import has
from tests.running import PATIENCE

pytestmark = pytest.mark.tools

ASKED = int(os.environ.get("COPDNS_TURNS", "7000"))
CHANGES = 5  # of the tables, and dnsdist starts anew in the middle
BLOG, ENGINE, CASINO = "www.blog.example", "www.engine.example", "www.casino.example"
# The class of all but the adult blocks the casino and has safe search.
FAMILY = {
    "household": "Example family",
    "profiles": {
        "mia": {"name": "Mia", "band": "7-9", "block": ["blog.example"]}
        | {"devices": {"tablet": [MIA]}},
        "tom": {"name": "Tom", "band": "13-15", "allow": ["blog.example", "casino.example"]}
        | {"devices": {"phone": [TOM]}},
    },
}
# What tells answers apart: the addresses of all names and of the safe host, and reasons.
OF_ALL, OF_SAFE = (socket.inet_aton(each) for each in (OPEN, SAFE))
RULE, CATEGORY = b"rule: blog.example", b"category: gambling"
MARKS = (OF_ALL, OF_SAFE, RULE, CATEGORY)
TURN = (
    (ADULT, BLOG, OF_ALL),  # from the cache
    (MIA, BLOG, RULE),
    (TOM, BLOG, OF_ALL),
    (ADULT, ENGINE, OF_ALL),
    (CHILD, ENGINE, OF_SAFE),
    (ADULT, CASINO, OF_ALL),
    (CHILD, CASINO, CATEGORY),
    (TOM, CASINO, OF_ALL),  # by the household's own rule, what its class blocks
)


@pytest.fixture(scope="module")
def copdns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = {"dns": {"listen": ["127.0.0.1"], "forwarders": [PROXIED]}}
    says = {"safe.engine.example": has(f"A {SAFE}")}
    with house(tmp_path_factory.mktemp("copdns"), settings, FAMILY, says) as home:
        yield home


@contextmanager
def asking(port: int) -> Iterator[list[socket.socket]]:
    """Give a socket for each question of a turn."""
    with ExitStack() as stack:
        sockets = []
        for source, _, _ in TURN:
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.settimeout(PATIENCE)
            sock.bind((source, 0))
            sock.connect(("127.0.0.1", port))
            sockets.append(sock)
        yield sockets


def test_no_household_reads_an_answer_that_is_not_for_it(copdns: House, tmp_path: Path) -> None:
    targets, to = {"engine": "safe.engine.example"}, copdns.upstream.address.port
    with (
        resolver(tmp_path / "unbound", to, LISTED, targets) as unbound,
        node_with_tables(tmp_path, FIRST, unbound, copdns.program.port) as node,
    ):
        node.change(PlaneChange(node.next, new_exceptions=["casino.example"]))
        turns = -(-ASKED // len(TURN))
        right = 0
        for half in (range(turns // 2), range(turns // 2, turns)):
            with front(tmp_path, node.settings):
                right += ask_in_turns(node, half, turns // CHANGES)
    assert right == turns * len(TURN) >= ASKED


def ask_in_turns(node: Node, turns: range, change_each: int) -> int:
    """Ask all questions of a turn at once and look at the answers; now and then, tables change.

    Return how many were right: all that were asked.
    """
    right = 0
    queries = [dns.message.make_query(name, "A", use_edns=0).to_wire() for _, name, _ in TURN]
    with asking(node.port) as sockets:
        for turn in turns:
            if turn % change_each == 0:
                node.change(PlaneChange(node.next, new_exceptions=[f"n{turn}.example"]))
            for sock, query in zip(sockets, queries, strict=True):
                sock.send(query)
            for sock, (source, name, mark) in zip(sockets, TURN, strict=True):
                reply = sock.recv(4096)
                found = [each for each in MARKS if each in reply]
                assert found == [mark], (turn, source, name, found)
                right += 1
    return right
