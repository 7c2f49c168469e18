"""Let profiles that are set alike hold the same steps, but for their own rules.

A thousand profiles made from six presets need six times the steps, not a thousand times.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from copdns.model.household import BlockMode, Profile, Rule
from copdns.policy.decide import Policy
from copdns.policy.matching import RuleSet
from copdns.policy.steps import ProtectedStep, Step
from copdns.policy.time_steps import TimeStep


class RulesByScope:
    """A household's rules, to be asked for by profile; the outcome is that of `scoped`."""

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
    """Policies whose steps others can share: all of one household, made from the same lists."""

    def __init__(self) -> None:
        self._models: dict[tuple[bool, Profile], Policy] = {}

    def share_steps(self, profile: Profile, policy: Policy) -> Policy:
        """Return the same policy, with the steps and the kin of one made from the same settings.

        profile: what the policy was made from, besides rules.
        """
        # What stays open below a block depends on rules, and so do then all steps that block.
        if profile.block_mode is BlockMode.NXDOMAIN:
            return policy
        timed = policy.time_rules is not None
        like = timed, replace(profile, id="", tags=frozenset())
        model = self._models.setdefault(like, policy)
        if model is policy:
            return policy
        if not timed:  # else what is decided now may be another's tomorrow, or is its own
            model.group.add(policy.group)
        alike = [_alike(*pair) for pair in zip(policy.order, model.order, strict=True)]
        new = {id(old): each for old, each in zip(policy.order, alike, strict=True)}
        return replace(
            policy,
            order=tuple(alike),
            steps=tuple(new[id(step)] for step in policy.steps),
            steps_if_unlisted=tuple(new[id(step)] for step in policy.steps_if_unlisted),
            untraced_lists=model.untraced_lists,
            group=policy.group if timed else model.group,
        )


def _alike(step: Step, model: Step) -> Step:
    """Return a step with all of the model but the rules."""
    if _closes(step) or _closes(model):
        return step  # what is closed, and until when, is each one's own
    if not is_dataclass(step) or not is_dataclass(model):
        return step  # its parts are its own affair
    own: dict[str, Any] = {
        each.name: getattr(step, each.name)
        for each in fields(step)
        if isinstance(getattr(step, each.name), RuleSet)
    }
    return replace(model, **own) if own else model


def _closes(step: Step) -> bool:
    if isinstance(step, ProtectedStep):
        return bool(step.time_steps)
    return isinstance(step, TimeStep) and not step.is_idle
