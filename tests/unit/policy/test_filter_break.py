"""Is it the filter?  One device opens everything but what is dangerous, and only for its time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.dns.records import A
from copdns.household.time_edits import begin_filter_break, end_filter_break
from copdns.model.errors import HouseholdError
from copdns.model.household import Device, Household
from copdns.model.times import FilterBreak, PauseSpan
from copdns.policy.decide import decide_query
from copdns.policy.snapshot import Requestor, Snapshot
from tests.household import ADA, MIA, NOW, TOM, block, family, library, live

TABLET, PHONE = "192.0.2.8", "192.0.2.9"
LISTS = library(categories={"games": ["games.example"]}, security={"malware": ["evil.example"]})


def house(*breaks: FilterBreak) -> Household:
    """Return a home where Mia is paused, and her games and one site are blocked."""
    return replace(
        family(replace(MIA, categories=frozenset({"games"})), TOM, ADA),
        devices=(
            Device("tablet", "Tablet", "mia", (TABLET,)),
            Device("phone", "Phone", "mia", (PHONE,)),
        ),
        rules=(replace(block("site.example", "mia"), id="r1"),),
        pauses=(PauseSpan("mia", int(NOW) - 60),),
        filter_breaks=breaks,
    )


def is_open(snapshot: Snapshot, name: str, address: str, now: float = NOW) -> bool:
    policy = snapshot.identify(Requestor("127.0.0.1", address, "udp")).policy
    return not decide_query(policy, name, A, now).blocks


def test_one_device_opens_all_but_danger_until_the_end() -> None:
    tried = begin_filter_break(house(), "tablet", int(NOW), author="Ada")
    (made,) = tried.filter_breaks
    assert made == FilterBreak("tablet", "mia", int(NOW), int(NOW) + 600, "Ada")
    now = live(tried, lists=LISTS)
    for name in ("games.example", "site.example", "open.example"):
        assert is_open(now, name, TABLET)
        assert not is_open(now, name, PHONE)  # her other device
    assert not is_open(now, "evil.example", TABLET)
    policy = now.identify(Requestor("127.0.0.1", TABLET, "udp")).policy
    assert (policy.profile, policy.privacy) == ("mia", MIA.privacy)  # recorded as ever
    assert policy.max_ttl == 10
    assert now.rebuild_at == NOW + 600
    later = live(tried, now=NOW + 600, before=now, lists=LISTS)
    assert not is_open(later, "games.example", TABLET, NOW + 600)
    ended = live(end_filter_break(tried, "tablet"), lists=LISTS)
    assert not is_open(ended, "games.example", TABLET)


def test_it_ends_where_the_device_is_somebody_elses_and_needs_a_person() -> None:
    tried = begin_filter_break(house(), "tablet", int(NOW))
    moved = replace(tried, devices=(replace(tried.devices[0], profile="tom"), tried.devices[1]))
    toms = replace(moved, pauses=(PauseSpan("tom", int(NOW) - 60),))
    assert not is_open(live(toms, lists=LISTS), "open.example", TABLET)
    for device in ("box", ""):
        with pytest.raises(HouseholdError):
            begin_filter_break(house(), device, int(NOW))
