"""The note that somebody wrote for a rule, a schedule or a budget, and rules by it.  Pure.

A verdict names which of them decided; the household has the note.  Notes of presets are translated,
others are shown as written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from copdns.appeals.appeal import ContestedVerdict
from copdns.lists.find_app import app_of
from copdns.model.household import Household, Profile, Rule, RuleAction
from copdns.model.times import Budget, Schedule
from copdns.model.verdict import Action, Reason, Verdict
from copdns.policy.today import PartialClosure
from copdns.policy.typed_site import Apps
from copdns.time.plan import in_scope

_OF_RULES = (Reason.RULE, Reason.ADDRESS)
_RULE_ACTION = {Action.ALLOW: RuleAction.ALLOW, Action.BLOCK: RuleAction.BLOCK}


def note_of(
    household: Household, profile: Profile, decided: Verdict | ContestedVerdict | PartialClosure
) -> str:
    """Return the note of the rule, schedule or budget that decided for a profile; "" for none."""
    if decided.reason is Reason.SCHEDULE:
        return _of_time(in_scope(household.schedules, profile), decided.period)
    if decided.reason is Reason.BUDGET:
        return _of_time(in_scope(household.budgets, profile), decided.period)
    if decided.reason in _OF_RULES and not isinstance(decided, PartialClosure):
        return _of_rule(in_scope(household.rules, profile), decided)
    return ""


def _of_time(several: Sequence[Schedule | Budget], period: str) -> str:
    return next((each.note for each in several if each.id == period), "")


def _of_rule(rules: Sequence[Rule], decided: Verdict | ContestedVerdict) -> str:
    """Return the note of the rule that wins among those that say the same (`matching.RuleSet`)."""
    found = [
        each
        for each in rules
        if str(each.target) == decided.rule and each.action is _RULE_ACTION.get(decided.action)
    ]
    return min(found, key=_scope_rank).note if found else ""


def _scope_rank(rule: Rule) -> int:
    """Return 0 for a rule of one profile, 1 for one of a tag, 2 for one of everyone."""
    return 2 if not rule.scope else 1 if rule.scope.startswith("#") else 0


class RulesForReason(NamedTuple):
    """Rules that do the same for the same reason.

    app: the id of the service whose sites they are, all of them; "" for other rules.
    """

    rules: tuple[Rule, ...]
    app: str = ""


def group_rules(rules: Sequence[Rule], apps: Apps) -> list[RulesForReason]:
    """Return rules in groups as a child reads them: those of an app, then others by their
    reason."""
    of_apps, left = split_app_rules(rules, apps)
    return of_apps + [RulesForReason(tuple(each)) for each in group_by_reason(left)]


def split_app_rules(
    rules: Sequence[Rule], apps: Apps
) -> tuple[list[RulesForReason], tuple[Rule, ...]]:
    """Return the groups of rules that were made for an app, and the others: an app has as many
    rules as it has sites, and they are read, and removed, as one."""
    left = dict.fromkeys(rules)
    found = []
    for app in map(app_of, apps):
        of_app = [each for each in left if each.target in app.names]
        for key in dict.fromkeys(map(_what_it_does, of_app)):
            same = tuple(each for each in of_app if _what_it_does(each) == key)
            if len(same) > 1 and {each.target for each in same} == set(app.names):
                found.append(RulesForReason(same, app.slug))
                left = dict.fromkeys(each for each in left if each not in same)
    return found, tuple(left)


def _what_it_does(rule: Rule) -> tuple[object, ...]:
    return rule.action, rule.note, rule.scope, rule.over_security, rule.unsafe_search


def group_by_reason(rules: Iterable[Rule]) -> list[list[Rule]]:
    """Return rules in groups that do the same for the same reason, as presets have them."""
    found: dict[tuple[str, str], list[Rule]] = {}
    for each in rules:
        found.setdefault((each.action, each.note or each.id or str(each.target)), []).append(each)
    return list(found.values())
