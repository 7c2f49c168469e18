"""What a guardian can do about a row of the log: what helps there, and nothing that would not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from copdns.lists.find_app import KnownApp
from copdns.model.household import RuleAction
from copdns.model.matchers import Matcher
from copdns.privacy.masked_names import OTHER
from copdns.privacy.retention import LogRow
from copdns.web.desk.activity.entries import EntryState, EntryStep, build_entries, by_day
from tests.household import NOW, block, family

HOUSE = family(timezone="Europe/Berlin")
PEOPLE = {"mia", "tom"}


def row(action: str = "block", reason: str = "category", at: float = NOW) -> LogRow:
    whole = int(at)
    return LogRow(whole, "home", "mia", "", "a.example", 1, action, reason, "", "", "", "", "")


def step(found: LogRow, may_edit: set[str] = PEOPLE, may_give: set[str] = PEOPLE) -> EntryStep:
    (entry,) = build_entries([(1, found)], HOUSE, may_edit, may_give)
    return entry.step


@pytest.mark.parametrize(
    ("action", "reason", "state", "expected"),
    [
        ("block", "category", EntryState.BLOCKED, EntryStep.ALLOW),
        ("block", "rule", EntryState.BLOCKED, EntryStep.ALLOW),
        ("block", "not_on_allowlist", EntryState.BLOCKED, EntryStep.ALLOW),
        ("block", "security", EntryState.BLOCKED, EntryStep.LOOK),
        ("block", "no_safe_search", EntryState.BLOCKED, EntryStep.LOOK),
        ("block", "schedule", EntryState.LIMITED, EntryStep.GIVE_TIME),
        ("block", "paused", EntryState.LIMITED, EntryStep.GIVE_TIME),
        ("refuse", "not_a_client", EntryState.BLOCKED, EntryStep.LOOK),
        ("allow", "default", EntryState.ALLOWED, EntryStep.BLOCK),
        ("rewrite", "safe_search", EntryState.ALLOWED, EntryStep.BLOCK),
        ("allow", "protected", EntryState.ALLOWED, EntryStep.LOOK),
        ("local", "local", EntryState.ALLOWED, EntryStep.LOOK),
        ("block", OTHER, EntryState.BLOCKED, EntryStep.NONE),
    ],
)
def test_each_row_has_the_step_that_helps(
    action: str, reason: str, state: EntryState, expected: EntryStep
) -> None:
    (entry,) = build_entries([(1, row(action, reason))], HOUSE, PEOPLE, PEOPLE)
    assert (entry.state, entry.step) == (state, expected)


@pytest.mark.parametrize("name", ["co.uk", "com", "192.0.2.1"])
def test_what_is_no_site_is_opened_and_closed_by_no_tap(name: str) -> None:
    for action, reason in (("block", "not_on_allowlist"), ("allow", "default")):
        assert step(row(action, reason)._replace(qname=name)) is EntryStep.LOOK
    assert step(row()._replace(qname="shop.co.uk")) is EntryStep.ALLOW


def test_who_may_not_change_rules_has_none() -> None:
    assert step(row(), may_edit=set()) is EntryStep.NONE
    assert step(row(reason="schedule"), may_give=set()) is EntryStep.LOOK


def test_what_a_rule_says_already_is_said() -> None:
    allowed = replace(block("a.example", "mia"), action=RuleAction.ALLOW)
    house = replace(HOUSE, rules=(allowed,))
    (entry,) = build_entries([(1, row())], house, PEOPLE, PEOPLE)
    assert entry.step is EntryStep.IS_ALLOWED
    of_tom = replace(HOUSE, rules=(replace(allowed, scope="tom"),))
    (entry,) = build_entries([(1, row())], of_tom, PEOPLE, PEOPLE)
    assert entry.step is EntryStep.ALLOW


def test_a_rule_for_a_site_above_says_it_too() -> None:
    house = replace(HOUSE, rules=(replace(block("a.example", "mia"), action=RuleAction.ALLOW),))
    (entry,) = build_entries([(1, row()._replace(qname="www.a.example"))], house, PEOPLE, PEOPLE)
    assert entry.step is EntryStep.IS_ALLOWED


def test_a_blocked_site_of_an_app_is_allowed_with_the_app() -> None:
    app = KnownApp("video", "Video", (Matcher("a.example"), Matcher("cdn.example")), "a.example")
    for name, reason, expected in (
        ("www.cdn.example", "service", app),
        ("other.example", "service", None),
        ("a.example", "security", None),  # no rule of this kind lifts it
    ):
        found = row(reason=reason)._replace(qname=name)
        (entry,) = build_entries([(1, found)], HOUSE, PEOPLE, PEOPLE, [app])
        assert entry.app == expected


def test_days_are_the_households_and_keep_the_order() -> None:
    """22:30 UTC is half past midnight in Berlin, in summer time."""
    late = 1_774_823_400  # 2026-03-29 22:30 UTC
    rows = [(2, row(at=late)), (1, row(at=late - 3600))]
    days = by_day(build_entries(rows, HOUSE, PEOPLE, PEOPLE))
    assert [(day, [each.id for each in some]) for day, some in days] == [
        (date(2026, 3, 30), [2]),
        (date(2026, 3, 29), [1]),
    ]
    assert days[0][1][0].clock == "00:30"
