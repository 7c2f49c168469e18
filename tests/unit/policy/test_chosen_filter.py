"""A provider filters for no family that did not choose it, and off leaves nothing that blocks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from copdns.model.household import Band, Default, Device, Household, LocalName, PrivacyMode, Profile
from copdns.model.times import FailureChoices, OnFailure, Schedule, Slot, Topic, TopicKind
from copdns.model.verdict import Action, Requestor
from copdns.policy.chosen_filter import (
    is_filter_chosen,
    is_filter_on,
    set_filter,
    with_chosen_filter,
)
from copdns.policy.decide import decide
from copdns.policy.guest import guest_profile, unknown_profile
from copdns.policy.subscribers import SharedPolicies
from copdns.provider.plane.line_shares import group_at, share_of
from copdns.provider.plane.list_slugs import ListSlugs
from copdns.provider.plane.snapshot import PolicyClass
from tests.household import DEFAULTS, NOW, block, library

MIA = Profile("mia", "Mia", Band.TO_9, categories=frozenset({"adult"}), default=Default.ALLOWLIST)
ALL_DAY = Schedule("closed", "", (Slot(frozenset({"daily"}), 0, 1439),))
FRESH = Household("h-1", "Ada")
FULL = Household(
    "h-1",
    "Ada",
    guest="mia",
    profiles=(replace(MIA, default=Default.ALLOW),),
    devices=(Device("mia-phone", "", "mia", (), ("02:00:00:00:00:01",)),),
    rules=(block("film.example"),),
    local_names=(LocalName("nas.home.arpa", ("192.0.2.7",)),),
    schedules=(ALL_DAY,),
)
SLUGS = ListSlugs(
    {Topic(TopicKind.CATEGORY, each): frozenset({each}) for each in ("adult", "gambling")},
    canaries={each: frozenset({each}) for each in guest_profile().canaries},
)


@pytest.mark.parametrize(
    "household",
    [
        FRESH,
        replace(FULL, guest=""),
        set_filter(FULL, is_on=False),
        replace(FRESH, failures=FailureChoices(devices=OnFailure.ESSENTIAL)),
    ],
    ids=["fresh", "a child with rules, and no choice", "off", "a backup of a home that was strict"],
)
def test_a_line_gets_no_filter_that_nobody_chose_or_that_is_off(household: Household) -> None:
    share = share_of(household, NOW)
    found = group_at(share.shape, SLUGS, NOW)
    assert found.policy == PolicyClass()
    assert found.policy.has_security
    assert not share.asks_copdns
    assert share.names <= {"nas.home.arpa"}


def test_a_choice_is_in_force_and_off_and_on_leave_it_as_it_was() -> None:
    share = share_of(FULL, NOW)
    assert group_at(share.shape, SLUGS, NOW).policy.blocks == {"adult"}
    assert group_at(share.shape, SLUGS, NOW).policy.closed
    assert share.names == {"film.example", "nas.home.arpa"}
    off = set_filter(FULL, is_on=False)
    assert (is_filter_on(FULL), is_filter_on(off), is_filter_chosen(off)) == (True, False, True)
    assert set_filter(off, is_on=True) == FULL


def test_rules_of_guests_at_home_are_chosen_at_a_provider() -> None:
    guests = replace(FRESH, profiles=(guest_profile(),))
    found = group_at(share_of(guests, NOW).shape, SLUGS, NOW).policy
    assert found.blocks == {"adult", "gambling", *guest_profile().canaries}
    essential = replace(guests, failures=FailureChoices(devices=OnFailure.ESSENTIAL))
    assert share_of(essential, NOW).asks_copdns, "somebody wanted less than the rules of guests"


def test_copdns_decides_as_the_line_does_and_for_every_device_of_it() -> None:
    shared = SharedPolicies(library(categories={"adult": ["bad.example"]}), DEFAULTS)
    compile_now = partial(shared.compile, now=NOW)
    off = set_filter(FULL, is_on=False)
    tablet = Requestor("192.0.2.1", "192.0.2.9", "udp", mac="02:00:00:00:00:01")
    for household, action in ((FULL, Action.BLOCK), (off, Action.ALLOW), (FRESH, Action.ALLOW)):
        compiled = compile_now(with_chosen_filter(household))
        for requestor in (tablet, replace(tablet, mac="")):
            policy = compiled.identify(requestor).policy
            for name in ("bad.example", "film.example"):
                assert decide(policy, name, 1, NOW).action is action, (household.guest, name)


def test_what_is_recorded_of_a_line_stays_as_it_was() -> None:
    nothing = replace(FULL, profiles=(replace(MIA, privacy=PrivacyMode.OFF),))
    off = with_chosen_filter(set_filter(nothing, is_on=False))
    assert unknown_profile(off).privacy is PrivacyMode.OFF
    assert {each.privacy for each in off.profiles} == {PrivacyMode.OFF}
