"""`copdns provider rollout` and `copdns provider family`, as an operator calls them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from copdns.provider.rollout.figures import NodeFigures
from copdns.provider.rollout.rollouts import (
    COPDNS,
    FleetNode,
    RolloutKind,
    RolloutStage,
    RolloutState,
    RolloutStep,
    TakenRollout,
)
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.rollout_rows import FILES_KEPT, RolloutStore
from tests.fetched_list import put_list
from tests.unit.calling import Home

pytestmark = pytest.mark.once


@pytest.fixture
def home(tmp_path: Path, postgres: str) -> Home:
    home = Home(tmp_path)
    home.set(provider={"database": postgres})
    return home


def finish(postgres: str, number: int) -> None:
    """Say that all nodes have a rollout; one node tells of itself."""
    now = int(time.time())
    with ProviderStore.connect(PostgresPool(postgres, most=1)) as households:
        store = RolloutStore(households.pool)
        done = RolloutStep(now, COPDNS, RolloutStage.DONE, RolloutState.GOING)
        store.add_step(number, lambda _: done)
        taken = {RolloutKind.LISTS: TakenRollout(number, now)}
        node = FleetNode("n1", "north", True, now, frozenset({4}), taken=taken)
        store.report(node, NodeFigures(200, 4, 20, (90, 0, 0, 0, 10, 0)))


def test_a_rollout_from_its_beginning_to_its_undo(home: Home, postgres: str) -> None:
    said = home.call("provider", "rollout", "begin", "lists")
    assert (said.exit_code, "no lists" in said.stderr) == (1, True)
    put_list(home.data, "one.example\n")
    first = home.json("provider", "rollout", "begin", "lists")["number"]
    refused = home.call("provider", "rollout", "undo", str(first), "--why", "It is odd.")
    assert "nothing is known of what nodes had before" in refused.stderr
    finish(postgres, first)
    assert "nothing was begun" in home.ok("provider", "rollout", "begin", "lists")
    put_list(home.data, "two.example\n")
    number = str(home.json("provider", "rollout", "begin", "lists")["number"])
    shown = home.json("provider", "rollout", "show", number)
    assert (shown["stage"], shown["nodes"]) == ("canary", [])
    assert shown["waits_for"] == "n1 to take it"
    home.ok("provider", "rollout", "stop", number, "--why", "A question.")
    assert "a person: resume or undo it" in home.ok("provider", "rollout", "show", number)
    resume = ("provider", "rollout", "resume", number, "--why", "It was another list.")
    said = home.call(*resume)  # nobody there who would say yes
    assert (said.exit_code, "A question." in said.stdout) == (1, True)
    assert home.json("provider", "rollout", "show", number)["state"] == "stopped"
    home.ok(*resume, "--yes")
    said = home.call(*resume, "--yes")
    assert (said.exit_code, "is not stopped" in said.stderr) == (1, True)
    assert "undone" in home.ok("provider", "rollout", "undo", number, "--why", "A school.")
    listed = home.json("provider", "rollout", "list")["rollouts"]
    assert [each["state"] for each in listed] == ["undone", "going"]
    assert "A school." in home.ok("provider", "rollout", "list")
    assert home.ok("provider", "rollout", "nodes").split()[-4:] == ["200", "2.0%", "10.0%", "10.0%"]
    assert home.json("provider", "rollout", "nodes")[0]["rollouts"] == {"lists": first}


def test_a_configuration_has_files_and_a_package_a_label(home: Home) -> None:
    for words in (("package",), ("lists", "--file", "x.yaml"), ("configuration",)):
        assert home.call("provider", "rollout", "begin", *words).exit_code == 2
    home.ok("provider", "rollout", "begin", "package", "--label", "1.2")
    file = home.folder / "node.yaml"
    file.write_text("dns: {}\n")
    home.ok("provider", "rollout", "begin", "configuration", "--file", str(file))
    labels = [each["label"] for each in home.json("provider", "rollout", "list")["rollouts"]]
    assert labels == ["", "1.2"]


def test_files_that_nobody_goes_back_to_are_deleted_when_another_is_begun(
    home: Home, postgres: str
) -> None:
    numbers = []
    for each in range(FILES_KEPT + 1):
        put_list(home.data, f"site-{each}.example\n")
        numbers.append(home.json("provider", "rollout", "begin", "lists")["number"])
        finish(postgres, numbers[-1])
    with ProviderStore.connect(PostgresPool(postgres, most=1)) as households:
        store = RolloutStore(households.pool)
        assert [bool(store.files(each)) for each in numbers] == [False] + [True] * FILES_KEPT


def test_a_freeze_is_listed_until_it_is_ended(home: Home) -> None:
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    said = home.ok("provider", "rollout", "freeze", "--until", until, "--why", "Exams.")
    number = said.partition(":")[0]
    assert "Exams." in home.ok("provider", "rollout", "list")
    home.ok("provider", "rollout", "thaw", number)
    assert home.json("provider", "rollout", "list")["freezes"] == []
    assert home.call("provider", "rollout", "thaw", number).exit_code == 1


def test_the_layer_of_families_is_opened_and_closed_with_a_record(home: Home) -> None:
    home.ok("provider", "keys")
    home.ok("provider", "staff", "add", "ada", "--name", "Ada", "--role", "administrator")
    open_ = ("provider", "family", "open", "--why", "A list blocks schools.", "--as", "ada")
    assert "open until" in home.ok(*open_)
    assert "already" in home.call(*open_).stderr
    assert home.json("provider", "family", "list")[0]["open"] is True
    home.ok("provider", "family", "close", "--why", "It is right again.", "--as", "ada")
    (found,) = home.json("provider", "family", "list")
    assert (found["open"], found["closed_by"]) == (False, "ada")


def test_a_family_at_home_has_no_rollouts(tmp_path: Path) -> None:
    refused = Home(tmp_path).call("provider", "rollout", "list")
    assert (refused.exit_code, "only a provider" in refused.stderr) == (78, True)


def test_doctor_finds_what_waits_for_a_person_and_nodes_that_take_nothing(
    home: Home, postgres: str
) -> None:
    def told() -> dict[str, str]:
        """Return what it says of rollouts, each with how bad it is."""
        found = home.call("doctor", "--json").stdout
        return {
            each["what"]: each["status"]
            for each in json.loads(found)["findings"]
            if each["about"] == "rollouts"
        }

    assert told() == {"there is none, and no node has a name": "ok"}
    now = int(time.time())
    with ProviderStore.connect(PostgresPool(postgres, most=1)) as households:
        store = RolloutStore(households.pool)
        number = home.json("provider", "rollout", "begin", "package", "--label", "1.2")["number"]
        for name, seen, answers in (("n1", now - 600, True), ("n2", now + 900, True)):
            store.report(FleetNode(name, "north", False, seen, answers=answers))
        store.report(FleetNode("n3", "north", False, now, answers=False))
        assert told() == {
            "no node is a canary, so a rollout reaches none": "fail",
            "the node n1 is away for 10 minutes": "fail",
            "the clock of the node n2 is ahead of this one's, or this one is behind": "fail",
            "dnsdist of the node n3 counts nothing": "fail",
            "nobody is told when one stops or goes back": "warn",
            "3 nodes, 1 under way": "ok",
        }
        for name in ("n1", "n2", "n3"):
            store.report(FleetNode(name, "north", True, now + 5))
        rollouts = {"webhook": "http://127.0.0.1:1/", "webhook_token": "x" * 32}
        home.set(provider={"database": postgres, "rollouts": rollouts})
        home.ok("provider", "rollout", "stop", str(number), "--why", "A question.")
        assert told() == {
            f"rollout {number} (package) was stopped and waits for a person": "fail",
            "3 nodes, 1 under way": "ok",
        }
        old = RolloutStep(now - 90_000, COPDNS, RolloutStage.CANARY, RolloutState.GOING)
        store.add_step(number, lambda _: old)
        assert told() == {
            f"rollout {number} (package) waits for more than a day": "warn",
            "3 nodes, 1 under way": "ok",
        }
