"""Lines of the audit are known again, so that each reads them in their own language."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from copdns.words.audit import line
from copdns.words.phrases import END_ISOLATE, ISOLATE, phrases

ROOT = Path(__file__).parents[2]
# They write no lines of a page's, or none of their own.
# Two values side by side stand for words of ours: those lines are among the examples below.
OF_SEVERAL_FORMS = {
    *("account x x", "x: x", "device x changedx", "x pausedx x", "x may have x x"),
    *("x x added for x", "x x changed", "x x removed"),
}
ELSEWHERE = (
    "copdns/cli/",
    "copdns/web/api/",
    "copdns/store/household_db/notes.py",
    "copdns/list_files/copies.py",
)


def said(what: str, language: str = "en") -> str:
    found = line(what, lambda who: {"mia": "Mia"}.get(who, who))
    assert found, what
    return phrases(language).tell(found).replace(ISOLATE, "").replace(END_ISOLATE, "")


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        ("device mia-phone changed: now mia's", "Device mia-phone changed: now Mia's."),
        ("device mia-phone changed", "Device mia-phone changed."),
        ("profile mia set: band 10-12 proposed", "Profile Mia set: band 10-12 proposed."),
        ("profile mia set: as it was", "Profile Mia set: as it was."),
        ("profile mia set: bypass on", "Profile Mia set: Ways round the rules (closed)."),
        (
            "profile mia set: categories +games, max_ttl 60",
            "Profile Mia set: Categories (+Games), How long devices keep an answer (60).",
        ),
        ("rule added: allow a.example for everyone", "Rule added: allow a.example for everyone."),
        ("mia paused for homework until 20:15", "Mia paused for homework until 20:15."),
        ("mia may have everything until 20:15", "Mia may have everything until 20:15."),
        ("account Bo added", "Account Bo added."),
        ("account Bo made auditor", "Account Bo made an auditor."),
        ("created", "Created."),
        ("full log of 3 days asked of mia", "Full log of 3 days asked of Mia."),
        ("mia: PIN set", "Mia: PIN set."),
        ("schedule bedtime added for mia", "Schedule bedtime added for Mia."),
        ("schedule bedtime changed", "Schedule bedtime changed."),
        ("budget games removed", "Budget games removed."),
        ("15 more minutes for mia (open)", "15 more minutes for Mia (open)."),
    ],
)
def test_a_line_is_told_with_the_names_of_people(what: str, shown: str) -> None:
    assert said(what) == shown


def test_its_own_words_are_translated_too() -> None:
    assert "[évérýöñé" in said("rule added: block a.example for everyone", "en-XA")


@pytest.mark.parametrize("what", ["", "something of a version to come", "<b>device</b>"])
def test_what_is_none_of_ours_is_left_as_it_is(what: str) -> None:
    assert line(what, str) is None


def lines() -> Iterator[tuple[str, str]]:
    """Yield the lines that the desk and the store write, with an x for each value."""
    for path in sorted((ROOT / "copdns").rglob("*.py")):
        where = str(path.relative_to(ROOT))
        if not where.startswith(("copdns/web/", "copdns/store/")) or where.startswith(ELSEWHERE):
            continue
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            for each in candidates(node):
                text = written(each)
                if " " in text:
                    yield f"{where}:{node.lineno}", text  # type: ignore[attr-defined]


def candidates(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Call):
        func = node.func
        name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        return node.args if name in ("change", "_change", "audit") else []
    return []


def written(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(written(each) for each in node.values)
    return "x" if isinstance(node, ast.FormattedValue) else ""


def test_every_line_that_pages_and_stores_write_is_known_again() -> None:
    found = list(lines())
    assert len(found) > 30
    unknown = [each for each in found if line(each[1], str) is None]
    assert [each for each in unknown if each[1] not in OF_SEVERAL_FORMS] == []
