"""The reason that somebody wrote beside what decided: beside a rule, a schedule or a budget.

A verdict tells which of them decided, and the household has the words.  They are the writer's own,
or a preset's, which pages translate.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from copdns.appeals.appeal import ContestedVerdict
from copdns.model.household import Household, Profile, Rule, RuleAction
from copdns.model.times import Budget, Schedule
from copdns.model.verdict import Action, Reason, Verdict
from copdns.policy.order import rules_in_scope
from copdns.policy.today import PartialClosure
from copdns.time.plan import in_scope

_OF_RULES = (Reason.RULE, Reason.ADDRESS)
_DOES = {Action.ALLOW: RuleAction.ALLOW, Action.BLOCK: RuleAction.BLOCK}


def note_of(
    household: Household, profile: Profile, decided: Verdict | ContestedVerdict | PartialClosure
) -> str:
    """Return the reason beside what decided for a profile; "" where nobody wrote one."""
    if decided.reason is Reason.SCHEDULE:
        return _of_time(in_scope(household.schedules, profile), decided.period)
    if decided.reason is Reason.BUDGET:
        return _of_time(in_scope(household.budgets, profile), decided.period)
    if decided.reason in _OF_RULES and not isinstance(decided, PartialClosure):
        return _of_rule(rules_in_scope(profile, household.rules), decided)
    return ""


def _of_time(several: Sequence[Schedule | Budget], period: str) -> str:
    return next((each.note for each in several if each.id == period), "")


def _of_rule(rules: Sequence[Rule], decided: Verdict | ContestedVerdict) -> str:
    """Return the note of the rule that counts of those that say the same (`evidence.RuleSet`)."""
    found = [
        each
        for each in rules
        if str(each.target) == decided.rule and each.action is _DOES.get(decided.action)
    ]
    return min(found, key=_width).note if found else ""


def _width(rule: Rule) -> int:
    """Rank a rule by for how many it holds: one profile, those with a tag, all."""
    return 2 if not rule.scope else 1 if rule.scope.startswith("#") else 0


def together(rules: Iterable[Rule]) -> list[list[Rule]]:
    """Return rules, those together that do the same for the same reason: presets have some."""
    found: dict[tuple[str, str], list[Rule]] = {}
    for each in rules:
        found.setdefault((each.action, each.note or each.id or str(each.target)), []).append(each)
    return list(found.values())
