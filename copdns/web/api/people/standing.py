"""What is in force for somebody."""

from __future__ import annotations

from copdns.model.errors import CopdnsError
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Snapshot


def policy_of(live: Snapshot, household: str, profile: str) -> Policy:
    """Return what is in force for a person; raise CopdnsError for one who is just added."""
    try:
        return live.policy(household, profile)
    except KeyError:
        raise CopdnsError("not in force yet; try again in a moment") from None
