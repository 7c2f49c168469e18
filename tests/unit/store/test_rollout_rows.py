"""Rollouts, freezes and figures in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from copdns.model.errors import RolloutError
from copdns.provider.rollout.figures import FigureRow, NodeFigures
from copdns.provider.rollout.rollouts import (
    COPDNS,
    NODE_KEPT,
    FleetNode,
    Rollout,
    RolloutKind,
    RolloutStage,
    RolloutState,
    RolloutStep,
    TakenRollout,
    new_freeze,
    undo_step,
)
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.rollout_rows import (
    FILES_KEPT,
    ROWS_KEPT,
    RolloutStore,
)

pytestmark = pytest.mark.once

LISTS = RolloutKind.LISTS
NOW = 1_700_000_000  # of the past: PostgreSQL has its own clock
NODE = FleetNode(
    *("n1", "north", True, NOW),
    families=frozenset({4, 6}),
    taken={LISTS: TakenRollout(3, NOW)},
)


@pytest.fixture
def store(postgres: str) -> Iterator[RolloutStore]:
    with ProviderStore.connect(PostgresPool(postgres, most=2)) as households:
        yield RolloutStore(households.pool)


def begin(store: RolloutStore, text: bytes, now: int = NOW) -> Rollout:
    found = store.begin(LISTS, "daily", {"lists/a.txt": text, "lists/b.txt": b"b"}, "ada", now)
    assert found is not None
    return found


def finish(store: RolloutStore, number: int) -> None:
    done = RolloutStep(NOW, COPDNS, RolloutStage.DONE, RolloutState.GOING)
    store.add_step(number, lambda _: done)


def test_a_rollout_is_stored_with_its_files_and_each_step(store: RolloutStore) -> None:
    first = begin(store, b"one")
    with pytest.raises(RolloutError, match="under way"):
        begin(store, b"two")
    finish(store, first.number)
    files = {"lists/a.txt": b"one", "lists/b.txt": b"b"}
    assert store.begin(LISTS, "daily", files, "ada", NOW) is None, "it would be the same"
    second = begin(store, b"two")
    assert (second.stage, second.kind, second.steps[0].by) == (RolloutStage.CANARY, LISTS, "ada")
    names = store.files(second.number)
    assert [store.content(each) for each in names.values()] == [b"two", b"b"]
    number = second.number
    step = store.add_step(
        number, lambda found: undo_step(found, number, "bo", "A school is blocked.", NOW + 5)
    )
    assert store.load()[-1].steps == (second.steps[0], step)
    files["lists/a.txt"] = b"two"
    with pytest.raises(RolloutError, match=r"was undone: A school is blocked\..*--again"):
        store.begin(LISTS, "daily", files, "timer", NOW)  # as each hour
    again = store.begin(LISTS, "daily", files, "ada", NOW, again=True)
    assert again
    finish(store, again.number)
    third = store.begin(RolloutKind.PACKAGE, "1.2", {}, "ada", NOW)
    assert third
    finish(store, third.number)
    assert store.begin(RolloutKind.PACKAGE, "1.2", {}, "ada", NOW) is None
    with pytest.raises(RolloutError, match="gone or damaged"):
        store.content("0" * 64)


def test_files_are_kept_for_as_many_as_one_can_go_back(store: RolloutStore) -> None:
    numbers = []
    for each in range(FILES_KEPT + 2):
        numbers.append(begin(store, f"text {each}".encode()).number)
        finish(store, numbers[-1])
    assert all(store.files(each) for each in numbers)
    store.forget(NOW)  # as the command does that begins one
    assert [bool(store.files(each)) for each in numbers] == [False] * 2 + [True] * FILES_KEPT


def test_a_freeze_is_known_until_it_is_over(store: RolloutStore) -> None:
    kept = store.freeze(new_freeze(NOW, NOW + 60, "ada", "Exams.", NOW), NOW)
    assert store.freezes(NOW) == (kept,)
    assert store.freezes(NOW + 60) == ()
    assert store.end_freeze(kept.number, "ada", NOW + 9).ends == NOW + 9
    assert store.freezes(NOW + 9) == ()


def test_what_nodes_tell_is_kept_for_a_while(store: RolloutStore) -> None:
    figures = NodeFigures(9, 1, 2, (3, 2, 1, 1, 1, 1))
    store.report(NODE, figures)
    store.report(replace(NODE, seen=NOW + 10, answers=False), figures)
    assert store.fleet() == (replace(NODE, seen=NOW + 10, answers=False),)
    rows = (FigureRow("n1", NOW, figures), FigureRow("n1", NOW + 10, figures))
    assert store.figures(NOW - 1) == rows
    assert store.figures(NOW) == rows[1:]
    later = replace(NODE, seen=NOW + 20, taken={LISTS: TakenRollout(3, NOW + 20)})
    store.report(later)
    assert store.fleet()[0].has_taken(LISTS).at == NOW, "it had it already"
    ahead = replace(later, name="n3", seen=NOW + ROWS_KEPT + 60)
    store.report(ahead, figures)
    store.report(replace(ahead, seen=NOW + 30), figures)
    assert [(each.node, each.at) for each in store.figures(NOW - 1)] == [
        *(("n1", NOW), ("n1", NOW + 10), ("n3", NOW + 30))
    ], "a clock that was ahead took no figures of others, and left none"
    store.report(replace(later, name="n2", seen=NOW + NODE_KEPT + ROWS_KEPT))
    assert [each.name for each in store.fleet()] == ["n2"]
    assert store.figures(0) == ()
