"""A walk through time, from each end that a verdict announces to the next."""

from __future__ import annotations

from collections.abc import Iterator

from copdns.dns.records import A
from copdns.model.verdict import Verdict
from copdns.policy.decide import Policy, decide


def walked(
    policy: Policy, name: str, start: float, end: float
) -> Iterator[tuple[float, float, Verdict]]:
    """Yield from when until when which verdict is said to hold, from start to end without a gap."""
    while start < end:
        verdict = decide(policy, name, A, start)
        until = end if verdict.valid_until is None else min(verdict.valid_until, end)
        assert until > start, "no verdict ends before it begins"
        yield start, until, verdict
        start = until
