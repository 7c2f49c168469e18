"""Tests of the order of decision, of `until`, and of what `explain` tells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.errors import NXDOMAIN
from copdns.matchers import matcher
from copdns.model import (
    Action,
    BlockMode,
    NameRewrite,
    SplitUpstream,
    Verdict,
)
from copdns.policy import Policy, decide
from copdns.records import A
from tests.household import MIA, NOW, block, family, policy

STRICT = replace(MIA, block_mode=BlockMode.NXDOMAIN)


def verdict(of: Policy, qname: str, qtype: int = A, now: float = NOW) -> Verdict:
    return decide(of, qname, qtype, now)


@pytest.mark.parametrize("mode", BlockMode)
def test_a_legal_order_may_deny_the_whole_subtree_in_every_block_mode(mode: BlockMode) -> None:
    made = policy(replace(MIA, block_mode=mode), legal=["a.example", "=b.example"])
    assert verdict(made, "a.example").nothing_below
    assert not verdict(made, "b.example").nothing_below


def test_nothing_is_denied_above_a_name_that_the_house_rewrites() -> None:
    house = family(rewrites=(NameRewrite(matcher("start.a.example"), "b.example"),))
    made = policy(STRICT, block("a.example"), house=house, legal=["c.start.a.example"])
    assert not verdict(made, "a.example").nothing_below
    assert verdict(made, "x.a.example").nothing_below


def test_a_special_zone_is_empty_not_missing_above_a_domain_with_its_own_upstreams() -> None:
    house = family(split_upstreams=(SplitUpstream("school.lan", ("192.0.2.53:53",)),))
    made = policy(house=house)
    assert verdict(made, "school.lan").action is Action.ALLOW
    for qname, rcode in (("lan", 0), ("other.lan", NXDOMAIN)):
        local = verdict(made, qname).local
        assert local is not None
        assert local.rcode == rcode
