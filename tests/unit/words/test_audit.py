"""Lines of the audit are known again, so that each reads them in their own language."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from copdns.web.desk.household import names
from copdns.words.audit import line
from copdns.words.phrases import END_ISOLATE, ISOLATE, phrases

ROOT = Path(__file__).parents[3]
# Two values side by side stand for words of ours: those lines are among the examples below.
OF_SEVERAL_FORMS = {
    *("account 7 7", "7: 7", "device 7 changed7", "7 paused7 7", "7 can use 7 7"),
    *("7 7 added for 7", "7 7 changed", "7 7 removed", "7 removed"),
    "7 of 7 minutes of 7 for 7 on 7",
}
# They write no lines of a page's or of the API's, or none of their own.
ELSEWHERE = (
    "copdns/cli/",
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
        (
            "device mia-phone changed: now belongs to mia",
            "Device mia-phone changed: now belongs to Mia.",
        ),
        ("device mia-phone changed", "Device mia-phone changed."),
        (
            "browser linked to mia-phone",
            "Someone tapped “This is my device” in a browser on mia-phone, "
            "so it can show their own page now.",
        ),
        ("browser linked to mia-phone for mia", "A browser on mia-phone now shows Mia's page."),
        (
            "mia-phone: another browser can be linked for mia",
            "One more browser on mia-phone was allowed to show Mia's page "
            "(if that page is opened in it within an hour).",
        ),
        (
            "mia-phone: a linked browser was removed for mia",
            "A browser on mia-phone no longer shows Mia's page.",
        ),
        (
            "times suggested for 7-9 applied for mia",
            "Suggested bedtime and limits turned on for Mia (7 to 9 years).",
        ),
        (
            "profile mia set: band 10-12 proposed",
            "Settings of Mia: age group 10 to 12 years planned.",
        ),
        ("profile mia set: unchanged", "Settings of Mia: unchanged."),
        ("profile mia set: bypass on", "Settings of Mia: Ways to get around the filter (blocked)."),
        (
            "profile mia set: categories +games, max_ttl 60",
            "Settings of Mia: Categories (+Games), How soon devices notice a change (60).",
        ),
        # As the dashboard calls it, not as the child's page does.
        ("profile mia set: categories -piracy", "Settings of Mia: Categories (-Piracy)."),
        ("rule added: allow a.example for everyone", "Rule added: allow a.example for everyone."),
        ("mia paused for homework until 20:15", "Mia paused for homework until 20:15."),
        ("mia can use everything until 20:15", "Mia can use everything until 20:15."),
        ("account Bo added", "Account Bo added."),
        ("account Bo is now auditor", "Account Bo is now an auditor."),
        ("created", "Household created."),
        ("15 more minutes for mia (later)", "15 more minutes for Mia (internet off later)."),
        ("15 more minutes for mia (minutes)", "15 more minutes for Mia (daily limit)."),
        ("setup: a device added for mia", "A device added for Mia."),
        (
            "full log of 3 days requested from mia",
            "Asked if copdns may record every site that Mia opens, for 3 days.",
        ),
        # What counts one says so, though it is stored as many.
        (
            "full log of 1 days requested from mia",
            "Asked if copdns may record every site that Mia opens, for 1 day.",
        ),
        ("profile mia set: full-log of 1 days", "Full log of 1 day for Mia."),
        (
            "1 tickets of 1 minutes created for mia",
            "1 code for extra time (1 minute) created for Mia.",
        ),
        (
            "3 tickets of 30 minutes created for anyone with the code",
            "3 codes for extra time (30 minutes each) created for anyone with the code.",
        ),
        ("setup: 1 helplines confirmed", "Setup: 1 helpline confirmed."),
        ("1 more minutes for mia (open)", "1 more minute for Mia (everything)."),
        (
            "bonus of 15 minutes of games for mia on 2026-03-29",
            "Extra time for Mia on 2026-03-29: 15 minutes, games.",
        ),
        (
            "credit of 1 minutes of games for mia on 2026-03-29",
            "Minutes given back to Mia on 2026-03-29: 1 minute, games.",
        ),
        ("request a1 from mia: granted", "Request from Mia: allowed."),
        ("request a1 from mia: limited", "Request from Mia: allowed in part."),
        ("request a1 from mia: refused", "Request from Mia: not allowed."),
        ("request a1 from mia: talk", "Request from Mia: to talk about."),
        ("request a1 cancelled", "Request cancelled."),
        ("request a1 allowed until it is answered", "Request allowed until it is answered."),
        ("mia: PIN set", "Mia: PIN set."),
        ("schedule bedtime added for mia", "Schedule bedtime added for Mia."),
        ("schedule bedtime changed", "Schedule bedtime changed."),
        ("budget games removed", "Daily limit games removed."),
        ("15 more minutes for mia (open)", "15 more minutes for Mia (everything)."),
        ("tonight's bedtime of mia at 21:30", "Tonight's bedtime of Mia at 21:30."),
        ("times: all children paused until 16:30", "All children paused until 16:30."),
        ("device tablet added for mia", "Device tablet added for Mia."),
        ("household set: timezone, weekend", "Household set: timezone, weekend."),
        ("profile mia added", "Person added: Mia."),
    ],
)
def test_a_line_is_told_with_the_names_of_people(what: str, shown: str) -> None:
    assert said(what) == shown


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("device tablet changed: now mia's", "device tablet changed: now belongs to mia"),
        ("a device is a guest for a while", "a device assigned to a guest for a while"),
        ("set-up: device tablet is mia's", "setup: device tablet assigned to mia"),
        ("set-up: place done", "setup: place done"),
        ("tablet: another browser may be paired", "tablet: another browser can be linked"),
        ("mia: PIN taken away", "mia: PIN removed"),
        ("profile mia set: as it was", "profile mia set: unchanged"),
        (
            "profile mia erased: look-ups, minutes, appeals",
            "profile mia: records deleted (lookups, minutes, requests)",
        ),
        ("full log of 3 days asked of mia", "full log of 3 days requested from mia"),
        (
            "rule changed: the reason of a.example for everyone",
            "rule changed: new reason, a.example for everyone",
        ),
        (
            "2 tickets of 15 minutes made for whoever has the code",
            "2 tickets of 15 minutes created for anyone with the code",
        ),
        ("mia paused until somebody ends it", "mia paused until someone ends it"),
        ("mia may have everything until 20:15", "mia can use everything until 20:15"),
        ("appeal a1 of mia: granted", "request a1 from mia: granted"),
        ("account Bo made auditor", "account Bo is now auditor"),
        ("second factor taken away", "two-step verification turned off"),
        (
            "split upstream for office.example removed",
            "conditional forwarding for office.example removed",
        ),
    ],
)
def test_a_line_that_the_version_before_wrote_reads_as_one_of_today(before: str, now: str) -> None:
    assert said(before) == said(now)
    assert said(before, "en-XA") == said(now, "en-XA")


def test_a_device_is_called_by_its_name() -> None:
    found = line("tab-1: another browser may be paired", {"tab-1": "Mia's tablet"}.__getitem__)
    assert str(found).endswith("can be tapped in one more browser on Mia's tablet")


def test_its_own_words_are_translated_too() -> None:
    assert "[évérýöñé" in said("rule added: block a.example for everyone", "en-XA")


@pytest.mark.parametrize("what", ["", "something of a version to come", "<b>device</b>"])
def test_what_is_none_of_ours_is_left_as_it_is(what: str) -> None:
    assert line(what, str) is None


def lines() -> Iterator[tuple[str, str]]:
    """Yield the lines that the desk, the API and the store write, with a 7 for each value."""
    for path in sorted((ROOT / "copdns").rglob("*.py")):
        where = str(path.relative_to(ROOT))
        if not where.startswith(("copdns/web/", "copdns/store/")) or where.startswith(ELSEWHERE):
            continue
        tree = ast.parse(path.read_text())
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            texts = texts_by_name(function)
            for node in ast.walk(function):
                for each in candidates(node):
                    text = written(each, texts)
                    if " " in text:
                        yield f"{where}:{each.lineno}", text


def candidates(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Call):
        func = node.func
        name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        return node.args if name in ("change", "_change", "audit") else []
    return []


def texts_by_name(function: ast.AST) -> dict[str, ast.expr]:
    """Return the texts that a function makes of values and gives a name.

    One that has two of them is known as neither.
    """
    found: dict[str, ast.expr] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.JoinedStr):
            for name in map(ast.unparse, node.targets):
                twice = ast.Constant(f"two texts called {name}")
                found[name] = twice if name in found else node.value
    return found


def written(node: ast.expr, texts: Mapping[str, ast.expr]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(written(each, texts) for each in node.values)
    if isinstance(node, ast.Name):
        return written(texts[node.id], texts) if node.id in texts else ""
    if isinstance(node, ast.FormattedValue):
        return written(node.value, texts) or "7"
    return ""


@pytest.mark.parametrize("kind", [names._LOCAL, names._REWRITE, names._SPLIT])
def test_a_name_that_the_household_answers_reads_well_in_the_history(kind: names._Kind) -> None:
    for what in (
        f"{kind.said.format('nas.example')} removed",
        f"{kind.said.format('a.example')}: x",
    ):
        assert line(what, str) is not None, what


def test_every_line_that_pages_and_stores_write_is_known_again() -> None:
    found = list(lines())
    assert len(found) > 30
    unknown = [each for each in found if line(each[1], str) is None]
    assert [each for each in unknown if each[1] not in OF_SEVERAL_FORMS] == []
