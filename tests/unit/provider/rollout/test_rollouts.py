"""Which node takes which rollout, and what people can decide about one."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from copdns.model.errors import RolloutError
from copdns.provider.rollout.rollouts import (
    Rollout,
    RolloutKind,
    RolloutStage,
    RolloutState,
    TakenRollout,
    begin_step,
    canary_sites,
    choose_program,
    choose_rollout,
    contract_step,
    end_freeze,
    has_nothing_before,
    new_freeze,
    resume_step,
    running_schema,
    stop_step,
    undo_step,
    with_step,
)
from tests.unit.provider.rollout.rolling import AT, LISTS, node, rollout

CANARY = node("n1", is_canary=True)
NEIGHBOUR = node("n2")
FAR = node("n3", "south")
NODES = (CANARY, NEIGHBOUR, FAR)
SITES = canary_sites(NODES)
STANDS = rollout(1)


def chosen(*rollouts: Rollout, is_frozen: bool = False) -> list[int]:
    """Return what each node is to have."""
    found = (
        choose_rollout((STANDS, *rollouts), LISTS, each, SITES, is_frozen=is_frozen)
        for each in NODES
    )
    return [each.number if each else 0 for each in found]


@pytest.mark.parametrize(
    ("stage", "state", "have"),
    [
        (RolloutStage.CANARY, RolloutState.GOING, [2, 1, 1]),
        (RolloutStage.SITE, RolloutState.GOING, [2, 2, 1]),
        (RolloutStage.SITE, RolloutState.STOPPED, [2, 2, 1]),
        (RolloutStage.ALL, RolloutState.GOING, [2, 2, 2]),
        (RolloutStage.ALL, RolloutState.UNDONE, [1, 1, 1]),
        (RolloutStage.DONE, RolloutState.UNDONE, [1, 1, 1]),
    ],
)
def test_a_node_takes_what_its_stage_allows_and_else_has_the_one_before(
    stage: RolloutStage, state: RolloutState, have: list[int]
) -> None:
    assert chosen(rollout(2, stage, state)) == have
    other = replace(rollout(3), kind=RolloutKind.PACKAGE)
    assert chosen(rollout(2, stage, state), other) == have


def test_while_all_is_frozen_nodes_keep_what_they_have_and_still_go_back() -> None:
    assert chosen(rollout(2, RolloutStage.ALL), is_frozen=True) == [1, 1, 1]
    gone = replace(STANDS, number=0), rollout(2, RolloutStage.ALL, RolloutState.UNDONE)
    assert chosen(*gone, is_frozen=True) == [1, 1, 1]
    new = node("n4", number=0)
    found = choose_rollout(
        (STANDS, rollout(2, RolloutStage.ALL)), LISTS, new, SITES, is_frozen=True
    )
    assert found == STANDS, "a new node has what all have"
    had = node("n5", number=2)
    undone = rollout(2, RolloutStage.ALL, RolloutState.UNDONE)
    found = choose_rollout(
        (STANDS, undone, rollout(3, RolloutStage.ALL)), LISTS, had, SITES, is_frozen=True
    )
    assert found == STANDS, "the way back leads to nothing newer"


def test_one_of_a_kind_is_under_way_at_a_time() -> None:
    begun = rollout(2, RolloutStage.CANARY)
    with pytest.raises(RolloutError, match="is under way"):
        begin_step((STANDS, begun), LISTS, "ada", AT)
    begin_step((STANDS, begun), RolloutKind.PACKAGE, "ada", AT)
    undone = with_step(begun, undo_step((STANDS, begun), 2, "ada", "It is odd.", AT))
    assert undone.state is RolloutState.UNDONE
    assert begin_step((STANDS, undone), LISTS, "ada", AT).stage is RolloutStage.CANARY
    with pytest.raises(RolloutError, match="undone already"):
        undo_step((STANDS, undone), 2, "ada", "Again.", AT)


def test_what_is_done_can_be_undone_but_not_the_first() -> None:
    done = rollout(2)
    assert undo_step((STANDS, done), 2, "ada", "A school is blocked.", AT).by == "ada"
    with pytest.raises(RolloutError, match="cannot be undone"):
        undo_step((STANDS, done), 1, "ada", "It is odd.", AT)
    with pytest.raises(RolloutError, match="no rollout 7"):
        undo_step((STANDS, done), 7, "ada", "It is odd.", AT)
    with pytest.raises(RolloutError, match="a reason"):
        undo_step((STANDS, done), 2, "ada", " ", AT)


def test_a_person_stops_it_and_lets_it_go_on() -> None:
    going = rollout(2, RolloutStage.SITE)
    stopped = with_step(going, stop_step((STANDS, going), 2, "ada", "A question.", AT))
    assert (stopped.state, stopped.stage) == (RolloutState.STOPPED, RolloutStage.SITE)
    again = with_step(stopped, resume_step((stopped,), 2, "ada", "It was another.", AT + 9))
    assert (again.state, again.stage_since) == (RolloutState.GOING, AT + 9)
    for refused in (resume_step, stop_step):
        with pytest.raises(RolloutError):
            refused((STANDS,), 1, "ada", "Why not.", AT)


def test_a_freeze_has_a_window_and_can_be_ended() -> None:
    found = new_freeze(AT, AT + 60, "ada", "Exams.", AT)
    assert [found.holds(AT + after) for after in (-1, 0, 59, 60)] == [False, True, True, False]
    assert not end_freeze((found,), 0, AT + 5).holds(AT + 5)
    far = 300_000_000_000  # a year that no page can show, so that the page of all would be gone
    windows = ((AT, AT), (AT - 9, AT - 1), (AT, AT + 32 * 86_400), (far, far + 60))
    for begins, ends in windows:
        with pytest.raises(RolloutError, match="a freeze"):
            new_freeze(begins, ends, "ada", "Exams.", AT)
    with pytest.raises(RolloutError, match="no freeze 0"):
        end_freeze((found,), 0, AT + 60)


def test_a_package_and_a_schema_are_both_the_version_of_a_node() -> None:
    package = replace(rollout(1), kind=RolloutKind.PACKAGE)
    schema = replace(
        rollout(2, RolloutStage.CANARY), kind=RolloutKind.SCHEMA, schema=frozenset({"a/1", "a/2"})
    )

    def versions(*rollouts: Rollout) -> list[str]:
        found = (choose_program(rollouts, each, SITES, is_frozen=False) for each in NODES)
        return [each.label if each else "" for each in found]

    assert versions(package, schema) == ["of 2", "of 1", "of 1"]
    assert versions(package, schema, replace(package, number=3, label="of 3")) == ["of 3"] * 3
    with pytest.raises(RolloutError, match=r"rollout 2 \(schema\) is under way"):
        begin_step((package, schema), RolloutKind.PACKAGE, "ada", AT)
    final = replace(schema, is_final=True)
    with pytest.raises(RolloutError, match="stop it and begin the version that follows"):
        begin_step((package, final), RolloutKind.PACKAGE, "ada", AT)
    stopped = with_step(final, stop_step((package, final), 2, "ada", "It is slow.", AT))
    assert begin_step((package, stopped), RolloutKind.PACKAGE, "ada", AT)
    gone = with_step(schema, undo_step((package, schema), 2, "ada", "It is slow.", AT))
    assert versions(package, gone) == ["of 1"] * 3
    assert has_nothing_before((package, schema), replace(schema, is_final=True))
    assert running_schema((package, gone), {"a/1", "a/2", "b/1"}) == 2
    assert running_schema((package, gone), {"a/1"}) == 0


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({}, ""),
        ({"nodes": [CANARY]}, "heard of since: n1"),
        ({"asked_for": {"a/9"}}, "need not know a/9"),
        ({"is_frozen": True}, "in a freeze"),
        ({"number": 1}, "not the newest schema"),
        ({"beside": RolloutStage.CANARY}, r"rollout 3 \(package\) is under way"),
        ({"beside": RolloutStage.DONE}, ""),
    ],
)
def test_a_schema_is_contracted_when_nobody_is_on_the_version_before(
    change: dict[str, Any], match: str
) -> None:
    change = dict(change)
    has = replace(CANARY, taken={RolloutKind.SCHEMA: TakenRollout(2, AT)})
    found = tuple(
        replace(rollout(each), kind=RolloutKind.SCHEMA, schema=frozenset({"a/2"}))
        for each in (1, 2)
    )
    if beside := change.pop("beside", None):
        found += (replace(rollout(3, beside), kind=RolloutKind.PACKAGE),)
    asked: dict[str, Any] = {
        "number": 2,
        "nodes": [has],
        "asked_for": {"a/2"},
        "is_frozen": False,
        **change,
    }
    with pytest.raises(RolloutError, match=match) if match else nullcontext():
        step = contract_step(found, by="ada", why="A week.", now=AT, **asked)
        assert (step.stage, step.state) == (RolloutStage.DONE, RolloutState.GOING)
