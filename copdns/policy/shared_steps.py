"""Let profiles with equal settings share their steps, all but those with own rules.

A thousand profiles made from six presets need six times the steps, not a thousand times.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from copdns.model.household import BlockMode, Profile, Rule
from copdns.policy.decide import Policy
from copdns.policy.list_rules import Asker
from copdns.policy.local_step import LocalStep
from copdns.policy.lookup import Step
from copdns.policy.matching import RuleSet
from copdns.policy.steps import DefaultStep, ProtectedStep, SafeSearchStep
from copdns.policy.time_steps import TimeStep


class RulesByScope:
    """A household's rules, to be asked for by profile; the result is that of `in_scope`."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules: dict[str, list[tuple[int, Rule]]] = {}
        for place, rule in enumerate(rules):
            self._rules.setdefault(rule.scope, []).append((place, rule))

    def for_profile(self, profile: Profile) -> tuple[Rule, ...]:
        """Return the rules that hold for a profile, in the order of the household."""
        scopes = {"", profile.id, *(f"#{tag}" for tag in profile.tags)}
        found = [each for scope in scopes for each in self._rules.get(scope, ())]
        return tuple(rule for _, rule in sorted(found, key=lambda each: each[0]))


class StepSharing:
    """Policies by settings, all made from one context, and so from the same lists.

    joins_groups: they form one group, which must be whole before any of them is asked.
    """

    def __init__(self, *, joins_groups: bool = True) -> None:
        self._joins_groups = joins_groups
        self._models: dict[tuple[object, ...], Policy] = {}

    @property
    def count(self) -> int:
        """How many policies there are by settings."""
        return len(self._models)

    def share_steps(
        self, profile: Profile, policy: Policy, askers: tuple[Asker, ...] = ()
    ) -> Policy:
        """Return the policy with the steps and the group of one made from equal settings.

        profile, askers: what the policy was made from, besides rules.
        """
        # In this mode a block depends on what rules open below it, so all steps that block do.
        if profile.block_mode is BlockMode.NXDOMAIN:
            return policy
        is_timed = policy.time_rules is not None
        splits = policy.splits and policy.splits.content
        local = frozenset(each for step in policy.order for each in _local_lists(step))
        opens = any(_opens_always(step) for step in policy.order)
        alike = replace(profile, id="", tags=frozenset())
        settings = is_timed, alike, askers, splits, local, opens
        model = self._models.setdefault(settings, policy)
        if model is policy:
            return policy
        joins_group = self._joins_groups and not is_timed
        if joins_group:  # else a verdict may be due to this policy's own time rules
            model.group.add(policy.group)
        shared = [_share_step(*pair) for pair in zip(policy.order, model.order, strict=True)]
        new = {id(old): each for old, each in zip(policy.order, shared, strict=True)}
        for place, (old, kept) in enumerate(zip(policy.order, shared, strict=True)):
            if isinstance(old, ProtectedStep) and isinstance(kept, ProtectedStep):
                above = tuple(new[id(each)] for each in old.above_school)
                if above:  # some of them have rules of this policy
                    shared[place] = new[id(old)] = replace(kept, above_school=above)
        return replace(
            policy,
            order=tuple(shared),
            steps=tuple(new[id(step)] for step in policy.steps),
            steps_if_unlisted=tuple(new[id(step)] for step in policy.steps_if_unlisted),
            untraced_lists=model.untraced_lists,
            group=model.group if joins_group else policy.group,
        )


def _share_step(step: Step, model: Step) -> Step:
    """Return a step with all of the model but the rules."""
    if _has_closures(step) or _has_closures(model):
        return step  # each profile has its own closures
    if isinstance(step, DefaultStep):
        return model  # it knows no rules
    if not is_dataclass(step) or not is_dataclass(model):
        return step  # it has no rules, and its parts are not known here
    own: dict[str, Any] = {
        each.name: getattr(step, each.name)
        for each in fields(step)
        if isinstance(getattr(step, each.name), RuleSet)
    }
    return replace(model, **own) if own else model


def _local_lists(step: Step) -> Iterable[int]:
    """Return the lists of the local names that hold for a profile; some are for some only."""
    return step.local_by_list if isinstance(step, LocalStep) else ()


def _opens_always(step: Step) -> bool:
    """Tell whether a step allows what is always open, as where a failure leaves only that."""
    return isinstance(step, SafeSearchStep | DefaultStep) and step.opens_always


def _has_closures(step: Step) -> bool:
    if isinstance(step, ProtectedStep):
        return bool(step.time_steps)
    return isinstance(step, TimeStep) and not step.is_idle
