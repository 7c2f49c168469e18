"""Each risk that docs/risks.md names has its control, and the tests that hold it are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = "docs/risks.md"
RISKS = dict(
    re.findall(
        r"^### (`[\w-]+`: [^\n]+)\n(.*?)(?=^##|\Z)",
        (ROOT / PAGE).read_text(),
        re.DOTALL | re.MULTILINE,
    )
)
SCENARIOS = "tests/scenarios/test_scenarios.py::test_the_promise_is_kept"

# What nobody should be able to take off the page unseen.
NAMED = {
    *("over-blocking", "no-reason", "help-cut-off", "help-watched", "secret-look", "outed"),
    *("kept-too-long", "controlling-guardian", "coercion", "punished-for-asking", "stranger"),
    *("taken-over-address", "shared-device", "locked-out", "list-poisoning", "rebinding"),
    *("wrong-clock", "lost-notice", "lost-decision"),
    *("name-timed", "speaks-for-another", "open-desk", "listened-to", "second-opinion-faked"),
    *("led-away", "moved-device", "narrow-count", "protected-as-weapon", "wrong-age"),
    *("wrong-reason", "end-unsaid", "goes-on", "settings-lost", "damaged-files"),
    *("followed-by-token", "found-from-outside", "cut-off-away"),
    *("list-cuts-internet", "calls-and-clocks", "profiled", "bad-disk"),
}


def part(risk: str, heading: str) -> str:
    """Return what stands behind one of the bold words of a risk, "" without it."""
    found = re.search(
        rf"^- \*\*{heading}:\*\*(.*?)(?=^- \*\*|\Z)", RISKS[risk], re.DOTALL | re.MULTILINE
    )
    return found[1].strip() if found else ""


def references(risk: str) -> list[str]:
    return re.findall(r"`([^`]+)`", part(risk, "Tested by"))


@cache
def functions_of(path: Path) -> frozenset[str]:
    """Return the names of the test functions of a file; none where there is no such file."""
    if not path.is_file():
        return frozenset()
    return frozenset(
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def exists(reference: str) -> bool:
    """Tell whether "path::test", or a scenario by its path, is there."""
    path, _, name = reference.partition("::")
    if path.endswith(".yaml"):
        return path.startswith("tests/scenarios/") and (ROOT / path).is_file() and not name
    return name.startswith("test_") and name in functions_of(ROOT / path)


def test_the_risks_that_matter_most_are_named() -> None:
    assert {risk.split("`")[1] for risk in RISKS} >= NAMED


def test_a_risk_has_a_control_and_a_test_that_holds_it() -> None:
    for risk in RISKS:
        assert part(risk, "Control"), f"{PAGE}: say what is done about {risk}"
        assert references(risk), f"{PAGE}: name a test that holds {risk}"


def test_the_tests_that_hold_a_risk_are_there() -> None:
    for risk in RISKS:
        gone = [reference for reference in references(risk) if not exists(reference)]
        assert not gone, f"{PAGE}: renamed or taken away, so nothing holds {risk}: {gone}"


def test_what_plays_the_scenarios_is_there() -> None:
    assert exists(SCENARIOS)


def test_a_test_that_is_not_there_is_noticed() -> None:
    assert not exists("tests/test_risks.py::test_of_nothing")
    assert not exists("tests/no_such_file.py::test_of_nothing")
    assert not exists("tests/scenarios/no_such_promise.yaml")
    assert not exists("tests/test_risks.py::exists")
