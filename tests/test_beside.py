"""What measures comes last: what waits beside one other process at most, the rest alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import LONG, MEASURING, PATIENT, ROOT, WAITING, order_files

beside = pytest.importorskip("tests.beside", reason="pytest-xdist is not installed")

FILES = {"a.py": 9, "b.py": 9, "c.py": 9, "node.py": 8, "moves.py": 1, "small.py": 3, "load.py": 4}
TESTS = [f"{file}::test_{number}" for file, count in FILES.items() for number in range(count)]


@dataclass(eq=False)
class Node:
    """A process of tests that runs what it is given, but for the last one until it is told to end,
    since pytest wants to know what follows."""

    number: int
    tests: list[str] = field(default_factory=list)
    shutting_down: bool = False

    @property
    def gateway(self) -> object:
        return SimpleNamespace(id=f"gw{self.number}")

    def send_runtest_some(self, places: Sequence[int]) -> None:
        self.tests += [TESTS[place] for place in places]

    def shutdown(self) -> None:
        self.shutting_down = True

    @property
    def can_run(self) -> bool:
        return len(self.tests) > (0 if self.shutting_down else 1)


def run(processes: int, dies: str = "") -> list[tuple[str, int]]:
    """Return the tests in the order in which they run, each with how many processes are there that
    have something to run; dies: a test whose process it ends, in whose place another one comes."""
    option = SimpleNamespace(tx=[f"{processes}*popen"], loadscopereorder=True)
    config: Any = SimpleNamespace(option=option, getvalue=lambda name: getattr(option, name))
    measures = ["node.py", "moves.py", "small.py", "load.py"]
    scheduler = beside.MeasuringLast(config, None, measures, measures[:3])
    nodes = [Node(number) for number in range(processes)]
    for node in nodes:
        scheduler.add_node(node)
        scheduler.add_node_collection(node, TESTS)
    scheduler.schedule()
    ran = []
    while nodes:
        for node in [*nodes]:
            if node.can_run:
                test = node.tests.pop(0)
                ran.append((test, sum(1 for each in nodes if each.tests) + (not node.tests)))
                if test == dies:
                    nodes[nodes.index(node)] = fresh = Node(len(ran) + processes)
                    assert scheduler.remove_node(node) == dies
                    scheduler.add_node(fresh)
                    scheduler.add_node_collection(fresh, TESTS)
                    scheduler.schedule()
                    dies = ""
                else:
                    scheduler.mark_test_complete(node, TESTS.index(test))
            elif node.shutting_down:
                nodes.remove(node)
                assert scheduler.remove_node(node) is None
            else:
                assert any(each.can_run or each.shutting_down for each in nodes), ran
    return ran


@pytest.mark.parametrize("processes", [1, 2, 3, 6])
@pytest.mark.parametrize("dies", ["", "a.py::test_4", "node.py::test_2", "load.py::test_1"])
def test_what_measures_comes_last_with_little_or_nothing_beside_it(
    processes: int, dies: str
) -> None:
    ran = run(processes, dies)
    names = [test for test, _ in ran]
    assert sorted({*names}) == sorted(TESTS)
    beside_it = {file: max(n for test, n in ran if test.startswith(file)) for file in FILES}
    assert beside_it["load.py"] == 1
    assert max(beside_it[each] for each in ("node.py", "moves.py", "small.py")) <= 2
    assert names.index("load.py::test_0") > names.index("node.py::test_7")
    if processes > 1 and not dies:
        assert beside_it["node.py"] == 2


def test_what_waits_is_spread_among_what_works_and_no_long_file_is_left_to_the_end() -> None:
    paths = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")]
    ordered = order_files(paths)
    assert sorted(ordered) == sorted(paths)
    assert order_files(reversed(paths)) == ordered
    assert {*LONG, *MEASURING} <= {*paths}, "a file that is not there any more"
    others, measuring = ordered[: -len(MEASURING)], ordered[-len(MEASURING) :]
    assert {*measuring} == {*MEASURING}
    assert tuple(measuring[: len(WAITING)]) == WAITING
    half = len(others) // 2
    assert {*LONG} <= {*others[:half]}
    patient = sum(each.startswith(PATIENT) for each in others)
    assert patient / 2 < sum(each.startswith(PATIENT) for each in others[:half]) < patient * 0.7


def test_files_of_one_kind_have_an_order_too() -> None:
    assert order_files(["tests/unit/b/test_b.py", "tests/test_a.py"])[0] == "tests/test_a.py"
    assert order_files(["tests/e2e/test_road.py"]) == ["tests/e2e/test_road.py"]
    assert order_files(WAITING[::-1]) == [*WAITING]
    assert order_files([]) == []
