"""A policy as settings and rules alone make it, whatever the time is.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from copdns.model.verdict import StepNumber
from copdns.policy.decide import Policy

_TIME: Final = frozenset({StepNumber.PAUSE, StepNumber.SCHEDULES, StepNumber.BUDGETS})


def without_time(policy: Policy) -> Policy:
    """Return a policy without pauses, schedules, limits and what is allowed for a while."""
    return replace(
        policy,
        time_rules=None,
        steps=tuple(step for step in policy.steps if step.number not in _TIME),
        steps_if_unlisted=tuple(
            step for step in policy.steps_if_unlisted if step.number not in _TIME
        ),
    )
