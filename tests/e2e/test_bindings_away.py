"""Addresses that go to another family while PostgreSQL is away."""

from __future__ import annotations

from pathlib import Path
from urllib.error import HTTPError

import pytest

from copdns.app.node.journal import FILE
from tests.e2e.house import eventually
from tests.e2e.provider_nodes import (
    BLOCKED,
    DATING,
    OPEN,
    ProviderNode,
    account,
    node,  # noqa: F401 - a fixture
    session,
)
from tests.e2e.test_provider import server  # noqa: F401 - a fixture
from tests.postgres_server import PostgresServer
from tests.running import PATIENCE

pytestmark = pytest.mark.tools

FIRST, SECOND, THIRD = "127.0.0.41", "127.0.0.42", "127.0.0.43"
RULE = "NOERROR 17 rule: tune.example"


def test_an_address_that_moves_without_postgresql_brings_no_rules_of_the_family_before(
    node: ProviderNode,  # noqa: F811
    server: PostgresServer,  # noqa: F811
) -> None:
    """A program that takes addresses in, and the one with the tables, are killed meanwhile."""
    journal = Path(node.home.data) / FILE
    lines = [{"line": f"a{each}", "household": "ada"} for each in (1, 2, 3)]
    lines += [{"line": f"b{each}", "household": "bo"} for each in (1, 2, 3)]
    assert node.tell("/v1/lines", lines) == 204
    addresses = (FIRST, SECOND, THIRD)
    told = [session(f"b{n}", each, after=-60) for n, each in enumerate(addresses, 1)]
    assert node.tell("/v1/sessions", told) == 204
    node.command("bo", "rule", "add", "block", "tune.example")
    for each in addresses:
        eventually(lambda at=each: node.ask("tune.example", at) == RULE)  # type: ignore[misc]
    server.kill()
    account(node, "start", "a1", FIRST)  # answered, so it is on this machine's disk
    assert journal.stat().st_mode & 0o777 == 0o600
    eventually(lambda: node.ask("tune.example", FIRST) == OPEN)
    assert node.ask(DATING, FIRST) == BLOCKED  # by the rules of the new family
    with pytest.raises(HTTPError, match="503"):  # whose a line is can wait
        node.tell("/v1/lines", [{"line": "a1", "household": "bo"}])
    assert node.ask("tune.example", SECOND) == RULE

    node.programs["bindings"].kill()
    node.programs["bindings"].wait(PATIENCE)
    node.start("bindings")
    node.programs["run"].kill()
    node.programs["run"].wait(PATIENCE)
    node.start("run", "the tables stay, and time goes on")
    assert node.tell("/v1/sessions", [session("a2", SECOND)]) == 204
    # Whose the line is, a node that started now does not know: a stranger's.
    eventually(lambda: node.ask("tune.example", SECOND) == OPEN)
    assert node.ask(DATING, SECOND) == OPEN
    assert node.tell("/v1/sessions", [session("b3", THIRD, "update")]) == 204
    assert node.ask("tune.example", THIRD) == RULE  # what only goes on, stays

    server.start()
    eventually(lambda: not journal.exists())
    for each in (FIRST, SECOND):
        eventually(lambda at=each: node.ask(DATING, at) == BLOCKED)  # type: ignore[misc]
        assert node.ask("tune.example", each) == OPEN
    eventually(lambda: node.ask("tune.example", THIRD) == RULE)
