"""docs/faults.md has a row for each test of this folder, and each row has its test."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.faults.page import LINES, faults, row


def names_of_tests() -> set[str]:
    found = set()
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.name not in (Path(__file__).name, "test_bad_day.py"):
            found |= {
                each.name.removeprefix("test_")
                for each in ast.parse(path.read_text()).body
                if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")
            }
    return found


def test_each_fault_of_the_page_has_its_test_and_each_test_its_fault() -> None:
    assert set(faults()) == names_of_tests()


def test_each_fault_says_everything_in_the_same_order() -> None:
    assert {fault: tuple(said) for fault, said in faults().items()} == dict.fromkeys(
        faults(), LINES
    )


def test_each_fault_shows_somewhere_or_the_page_says_that_it_does_not() -> None:
    for fault in faults():
        found = row(fault)
        shows = found.grows or found.values or found.texts or found.findings
        assert shows or "nothing" in faults()[fault]["Metrics"], fault


def test_what_doctor_calls_bad_has_a_repair_on_the_page_too() -> None:
    for fault, said in faults().items():
        bad = [text for status, text in row(fault).findings if status == "fail"]
        assert not bad or not said["What to do"].startswith("nothing."), fault
