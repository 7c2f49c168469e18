"""The reason that somebody wrote is found by what decided."""

from __future__ import annotations

import pytest

from copdns.appeals.appeal import contest
from copdns.dns.records import A
from copdns.model.times import Budget, PauseSpan, Schedule, Slot
from copdns.model.verdict import Action, Reason, Verdict
from copdns.policy.decide import decide
from copdns.web.notes import note_of
from tests.household import MIA, NOW, TOM, allow, block, family, live

NIGHT = Slot(frozenset({"daily"}), 15 * 60, 600)


@pytest.mark.parametrize(
    ("rules", "note"),
    [
        ([block("toys.example", "mia", note="Hers.")], "Hers."),
        ([block("toys.example", note="All."), block("toys.example", "mia", note="Hers.")], "Hers."),
        (
            [block("toys.example", note="All."), block("toys.example", "#children", note="Both.")],
            "Both.",
        ),
        ([block("toys.example", "mia"), block("toys.example", note="All.")], ""),
        ([block("toys.example", note="All."), block("toys.example", "tom", note="His.")], "All."),
        ([allow("*.toys.example", note="Open."), block("toys.example", note="All.")], "All."),
    ],
)
def test_the_rule_that_decides_gives_the_reason(rules: list[object], note: str) -> None:
    house = family(MIA, TOM, rules=tuple(rules))
    verdict = decide(live(house).policy("home", "mia"), "toys.example", A, NOW)
    assert verdict.reason is Reason.RULE
    assert note_of(house, MIA, verdict) == note
    assert note_of(house, MIA, contest(verdict)) == note


def test_of_two_schedules_the_one_that_closes_gives_the_reason() -> None:
    late = Schedule("late", "mia", (Slot(frozenset({"daily"}), 1200, 600),), note="Sleep well.")
    now = Schedule("now", "mia", (NIGHT,), note="We eat.")
    house = family(MIA, TOM, schedules=(late, now))
    verdict = decide(live(house).policy("home", "mia"), "toys.example", A, NOW)
    assert note_of(house, MIA, verdict) == "We eat."
    assert note_of(house, TOM, verdict) == "", "of a schedule that is not his"


def test_a_budget_gives_its_reason_and_a_pause_has_none() -> None:
    budget = Budget("day", "mia", (("daily", 0),), note="Enough.")
    schedule = Schedule("day", "mia", (NIGHT,), note="Another.")
    house = family(MIA, schedules=(schedule,), budgets=(budget,), pauses=(PauseSpan("mia", 0),))
    spent = Verdict(Action.BLOCK, Reason.BUDGET, 9, period="day")
    paused = Verdict(Action.BLOCK, Reason.PAUSED, 7, period="day")
    assert (note_of(house, MIA, spent), note_of(house, MIA, paused)) == ("Enough.", "")
