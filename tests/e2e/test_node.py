"""A node of a provider as it is run: `copdns node` keeps what dnsdist reads, from PostgreSQL.

What is in force within a second; tests/e2e/test_node_changes.py has what takes longer.
"""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest

from copdns.provider.bindings import DOUBT
from copdns.store.log_db.provider_usage import ProviderUsage
from copdns.time.days import budget_day, zone_of
from copdns.time.minutes import WIDE, DayBitmaps, Usage
from tests.e2e.house import eventually
from tests.e2e.provider_nodes import (
    ADA,
    BLOCKED,
    BO,
    DATING,
    HELP,
    OPEN,
    STRANGER,
    ProviderNode,
    node,  # noqa: F401 - a fixture
    session,
)
from tests.e2e.test_provider import server  # noqa: F401 - a fixture
from tests.e2e.visitor import PASSWORD, Visitor
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.tools


def test_a_subscriber_gets_the_rules_of_the_household_and_no_stranger_does(
    node: ProviderNode,  # noqa: F811
) -> None:
    eventually(lambda: node.ask(DATING, ADA) == BLOCKED)
    assert node.ask(DATING, BO) == BLOCKED
    assert node.ask("open.example", ADA) == OPEN
    assert node.ask(HELP, ADA) == OPEN
    node.command("bo", "profile", "set", "mia", "--no-category", "dating")
    took = eventually(lambda: node.ask(DATING, BO) == OPEN)
    assert took < 1.0
    assert node.ask(DATING, ADA) == BLOCKED
    assert node.ask(DATING, STRANGER) == OPEN


def test_a_rule_is_in_force_within_a_second_and_for_no_neighbour(node: ProviderNode) -> None:  # noqa: F811
    assert node.ask("film.example", ADA) == OPEN
    node.command("ada", "rule", "add", "block", "film.example")
    took = eventually(lambda: node.ask("film.example", ADA) == "NOERROR 17 rule: film.example")
    assert took < 1.0
    assert node.ask("film.example", BO) == OPEN
    # Where only counts are kept, a rule of their own counts as any look-up does.
    eventually(lambda: "default" in node.command("ada", "log", "counts"))
    assert "default" not in node.command("bo", "log", "counts")
    node.command("ada", "rule", "remove", "film.example")
    eventually(lambda: node.ask("film.example", ADA) == OPEN)


def test_a_pause_closes_a_line_and_ends(node: ProviderNode) -> None:  # noqa: F811
    node.command("bo", "pause", "mia")
    took = eventually(lambda: node.ask("school.example", BO) == "NOERROR 17 paused")
    assert took < 1.0
    assert node.ask(HELP, BO) == OPEN
    assert node.ask("school.example", ADA) == OPEN
    node.command("bo", "pause", "mia", "--end")
    eventually(lambda: node.ask("school.example", BO) == OPEN)


def test_a_limit_that_another_node_saw_used_up_closes_a_line_until_there_is_more(
    node: ProviderNode,  # noqa: F811
    server: PostgresServer,  # noqa: F811
) -> None:
    node.command("ada", "budget", "add", "all", "10", "--profile", "mia")
    node.command("bo", "budget", "add", "all", "10", "--profile", "mia")
    eventually(lambda: node.ask("school.example", ADA) == OPEN)
    day = budget_day(time.time(), zone_of("UTC"), 0)
    marks = DayBitmaps(0b1111111111, 0b1111111111)
    with closing(ProviderUsage(server.conninfo, lambda *_: WIDE)) as other:
        usage = Usage("ada", "mia", "all", day.day, int(day.start), marks)
        other.save([usage], time.time())
    used_up = "NOERROR 17 budget used up until"
    assert eventually(lambda: node.ask("school.example", ADA).startswith(used_up)) < 5.0
    assert node.ask("school.example", BO) == OPEN
    assert node.ask(HELP, ADA) == OPEN
    node.command("ada", "bonus", "mia", "all", "15")
    assert eventually(lambda: node.ask("school.example", ADA) == OPEN) < 2.0
    for each in ("ada", "bo"):
        node.command(each, "budget", "remove", "all")


def test_a_guardian_blocks_a_child_asks_with_the_code_and_a_yes_opens(node: ProviderNode) -> None:  # noqa: F811
    """From page to dig, each within a second, and the neighbour notices nothing."""
    program = node.home.program
    ada, mia, stranger = Visitor("127.0.0.50"), Visitor("127.0.0.51"), Visitor("127.0.0.52")
    codes = {each: node.command(each, "household", "code").strip() for each in ("ada", "bo")}
    assert "/family" in ada.open(program, "/guardian/login").text
    assert ada.send(program, "/family", code=codes["ada"].lower()).status == 303
    assert stranger.send(program, "/family", code="K7QF-2M9D-4TXA").status == 400
    setup = json.loads(node.command("ada", "account", "code", "--json"))["code"]
    fields = {"code": setup, "name": "Ada", "password": PASSWORD, "again": PASSWORD}
    assert ada.send(program, "/guardian/setup", **fields).status == 303
    # Later than what other tests told by more than two clocks may be apart, or nobody has it.
    told = [session("l1", ADA, after=DOUBT), session("l2", BO, after=DOUBT)]
    assert node.tell("/v1/sessions", told) == 204
    eventually(lambda: node.ask(DATING, ADA) == BLOCKED)
    assert node.ask("chess.example", ADA) == OPEN

    rule = {"target": "chess.example", "action": "block", "scope": "mia"}
    page = ada.send(program, "/guardian/people/mia/rules", **rule)
    assert page.status == 303, page.text
    took = eventually(lambda: node.ask("chess.example", ADA) == "NOERROR 17 rule: chess.example")
    assert took < 1.0
    assert node.ask("chess.example", BO) == OPEN

    assert mia.send(program, "/family", code=codes["ada"]).status == 303
    page = mia.send(program, "/ask", name="chess.example", wanted="1h")
    assert page.status == 200, page.text
    (asked,) = json.loads(node.command("ada", "appeal", "list", "--json"))
    assert "chess.example" in ada.open(program, "/guardian/inbox").text
    assert ada.send(program, "/guardian/lists/update").status == 403, "they are all families'"
    yes = {"state": "granted", "reason": "fair_enough", "for": "1h"}
    page = ada.send(program, f"/guardian/appeals/{asked['id']}/decide", **yes)
    assert page.status == 303, page.text
    assert eventually(lambda: node.ask("chess.example", ADA) == OPEN) < 1.0
    assert node.ask("chess.example", BO) == OPEN

    bos = Visitor("127.0.0.53")  # somebody of the other family
    bos.send(program, "/family", code=codes["bo"])
    assert "chess.example" not in bos.open(program, "/rules").text
    assert bos.open(program, f"/ask/{asked['id']}").status == 404
    assert bos.open(program, "/guardian/inbox").location.startswith("/guardian/login")
    node.command("ada", "household", "code", "--new")
    assert "/family" in mia.open(program, "/").text  # the former code is worth nothing
