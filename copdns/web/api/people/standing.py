"""Find the policy in force for a person."""

from __future__ import annotations

from copdns.model.errors import CopdnsError
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Snapshot


def policy_of(snapshot: Snapshot, household: str, profile: str) -> Policy:
    """Return a person's policy; raise CopdnsError where it is not in force yet."""
    try:
        return snapshot.policy(household, profile)
    except KeyError:
        raise CopdnsError("not in force yet; try again in a moment") from None
