"""What is measured of decisions is what is said: every kind of name, and all of them decided."""

from __future__ import annotations

from pathlib import Path

from copdns.dns.records import A
from copdns.model.verdict import Reason
from copdns.policy.decide import decide
from tests.bench.decide import NAMES, children


def test_the_child_has_all_that_is_said_and_names_meet_all_of_it(tmp_path: Path) -> None:
    policies = children(tmp_path)
    for policy in policies.values():
        assert policy.time_rules is not None
        assert len(policy.time_rules.plan.remaining) == 10
        assert len({each.period for each in policy.time_rules.plan.closures}) == 50
    reasons = {
        decide(policy, name, A, at).reason
        for at, policy in policies.items()
        for name in NAMES.values()
    }
    assert reasons == {
        Reason.DEFAULT,
        Reason.SAFE_SEARCH,
        Reason.RULE,
        Reason.CATEGORY,
        Reason.SCHEDULE,
    }
