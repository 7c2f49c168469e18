"""A whole node of a provider: dnsdist in front, copdns behind it, households in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from copdns.provider.plane.agent import NodeAgent
from copdns.provider.plane.files import PlaneFiles
from copdns.provider.plane.snapshot import (
    NO_CLASS,
    Group,
    ListedNames,
    PlaneChange,
    PlaneSnapshot,
    PolicyClass,
    Subscriber,
)
from tests.e2e.house import House, eventually
from tests.e2e.plane import (
    DEFAULT_GROUP,
    KeptSource,
    Node,
    front,
    key,
    node_settings,
    resolver,
    told,
)
from tests.e2e.test_provider import on_demand, postgres, server  # noqa: F401 - fixtures
from tests.postgres_server import PostgresServer
from tests.running import free_port, run_here

pytestmark = pytest.mark.tools

OPEN = "127.0.0.80"
HOMES = {f"h{number}": f"127.0.0.{20 + number}" for number in range(5)}
PLAIN = "127.0.0.30"  # without rules of its own


@pytest.fixture
def whole(tmp_path: Path, postgres: PostgresServer) -> Iterator[tuple[Node, House]]:  # noqa: F811
    forwarders = json.dumps([{"network": "127.0.0.1", "proxy": True}])
    with ExitStack() as stack:
        home = stack.enter_context(
            on_demand(tmp_path / "copdns", postgres, COPDNS_DNS__FORWARDERS=forwarders)
        )
        to = home.upstream.address.port
        unbound = stack.enter_context(resolver(tmp_path / "unbound", to, ListedNames(), {}))
        people = [Subscriber(key(address), 1, home_id) for home_id, address in HOMES.items()]
        source = KeptSource(
            PlaneSnapshot(
                1,
                [*people, Subscriber(key(PLAIN), 1)],
                {1: Group(NO_CLASS), DEFAULT_GROUP: Group(NO_CLASS)},
                {NO_CLASS: PolicyClass()},
                exceptions=[f"n{number}.example" for number in range(5)],
            )
        )
        files = PlaneFiles(tmp_path / "tables")
        stack.callback(files.close)
        agent = NodeAgent(files, source)
        agent.catch_up()
        port = free_port()
        settings = node_settings(tmp_path / "tables", port, unbound, home.program.port)
        stack.enter_context(front(tmp_path, settings))
        yield Node(tmp_path, port, settings, source, agent, files), home


def test_a_rule_of_a_household_is_in_force_at_dnsdist_and_for_no_neighbour(
    whole: tuple[Node, House],
) -> None:
    node, home = whole
    eventually(lambda: told(node.ask("n0.example", HOMES["h0"])).startswith("NOERROR 17"))
    for household, address in HOMES.items():
        for number in range(5):
            expected = f"NOERROR 17 rule: n{number}.example" if household == f"h{number}" else OPEN
            assert told(node.ask(f"n{number}.example", address)) == expected
    assert told(node.ask("n0.example", PLAIN)) == OPEN
    assert told(node.ask("film.example", HOMES["h1"])) == OPEN
    chosen = {**home.program.environment, "COPDNS_PROVIDER__HOUSEHOLD": "h1"}
    rule = ("rule", "add", "block", "film.example")
    assert run_here([*map(str, home.program.options), *rule], chosen).returncode == 0
    node.change(PlaneChange(node.next, new_exceptions=["film.example"]))
    took = eventually(
        lambda: told(node.ask("film.example", HOMES["h1"])) == "NOERROR 17 rule: film.example"
    )
    assert took < 1.0
    assert told(node.ask("film.example", HOMES["h2"])) == OPEN
    assert told(node.ask("film.example", PLAIN)) == OPEN
    elsewhere = ("local", "add", "mail.example", "192.0.2.66")  # of one household
    done = run_here([*map(str, home.program.options), *elsewhere], chosen)
    assert (done.returncode, "the family alone decides this" in done.stderr) == (1, True)


def test_a_household_that_cannot_be_read_is_answered_by_its_class(
    whole: tuple[Node, House],
    postgres: PostgresServer,  # noqa: F811
) -> None:
    node, home = whole
    eventually(lambda: told(node.ask("n0.example", HOMES["h0"])).startswith("NOERROR 17"))
    postgres.stop()
    eventually(lambda: "PostgreSQL cannot be reached" in home.program.get("/readyz"))
    assert told(node.ask("n0.example", HOMES["h0"])) == "NOERROR 17 rule: n0.example"
    for _ in range(2):
        assert told(node.ask("n2.example", HOMES["h2"])) == OPEN
