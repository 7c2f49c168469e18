"""A provider's households: compiled when they are asked for, equal ones once, within a bound."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Any
from weakref import ref

from hypothesis import given, settings
from hypothesis import strategies as st

from copdns.dns.records import A
from copdns.model.household import AnnouncedBandChange, Band, Device, Household
from copdns.model.times import Grant
from copdns.model.verdict import Action, Requestor
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.decide import decide
from copdns.policy.guest import guest_key
from copdns.policy.snapshot import NOT_HERE, Client
from copdns.policy.subscribers import (
    FREED_AT_ONCE,
    MISSING_FOR,
    CompiledHousehold,
    LeanHouseholds,
    SharedPolicies,
    Subscribers,
)
from tests.household import DEFAULTS, MIA, NOW, TOM, block, library
from tests.unit.households import households
from tests.whole import examples

LISTS = library(
    categories={"games": ["games.example"], "adult": ["adult.example"]},
    security={"malware": ["bad.example"]},
)
CHILD = replace(MIA, categories=frozenset({"games", "adult"}))
ASKED = ["games.example", "a.games.example", "bad.example", "adult.example", "free.example"]
MAC = "02:00:00:00:00:01"


def home(number: int = 0, **fields: Any) -> Household:
    """Return a household that chose what many others chose."""
    made = Household(f"h{number}", f"Family {number}", profiles=(CHILD,), guest="mia")
    return replace(made, **fields)


def of(household: str, token: str = "", mac: str = "") -> Requestor:
    return Requestor("192.0.2.1", "198.51.100.7", "udp", mac, token=token, household=household)


# --- what is shared -------------------------------------------------------------------------------


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(households(), min_size=1, max_size=3, unique_by=lambda each: each.id))
def test_each_household_is_decided_for_as_if_it_were_alone(houses: list[Household]) -> None:
    shared = SharedPolicies(LISTS, DEFAULTS)
    for house in (*houses, *houses):  # the second time with what is there
        compiled = shared.compile(house, NOW)
        alone = build_snapshot(None, LISTS, DEFAULTS, [house], NOW)
        found = {guest_key(house): compiled.unknown}
        for each in compiled.devices.by_mac.values() if compiled.devices else ():
            found[each.policy.profile] = each
        ruled = [rule.target.name for rule in house.rules if hasattr(rule.target, "name")]
        for key, client in found.items():
            policy = alone.policy(house.id, key) if client.device else alone._devices.guest.policy
            assert (client.household, client.policy.household) == (house.id, house.id)
            assert client.policy.profile == policy.profile
            for name in (*ASKED, *ruled):
                assert decide(client.policy, name, A, NOW) == decide(policy, name, A, NOW)
        assert compiled.compile_at == (alone.rebuild_at or inf)


def test_a_thousand_households_that_chose_the_same_have_one_policy() -> None:
    shared = SharedPolicies(LISTS, DEFAULTS)
    made = [shared.compile(home(number), NOW) for number in range(1000)]
    first, *others = (each.unknown.policy for each in made)
    assert all(each.order is first.order and each.group is first.group for each in others)
    assert shared.count == 2  # that of the child, and that of guests
    assert {each.unknown.household for each in made} == {f"h{number}" for number in range(1000)}


def test_who_differs_in_names_shares_a_policy_and_who_has_rules_shares_the_other_steps() -> None:
    shared = SharedPolicies(LISTS, DEFAULTS)
    called = replace(CHILD, id="lea", name="Another", tags=frozenset({"some"}))
    one = shared.compile(home(1), NOW).unknown.policy
    other = shared.compile(home(2, profiles=(called,), guest="lea"), NOW).unknown.policy
    assert (one.profile, other.profile) == ("mia", "lea")
    assert one.order is other.order
    ruled = [
        shared.compile(home(number, rules=(block(name),)), NOW).unknown.policy
        for number, name in ((3, "free.example"), (4, "other.example"))
    ]
    assert [decide(each, "free.example", A, NOW).blocks for each in ruled] == [True, False]
    assert not decide(one, "free.example", A, NOW).blocks
    same = sum(a is b for a, b in zip(ruled[0].order, ruled[1].order, strict=True))
    assert same > len(one.order) // 2  # all but those that have rules in them


def test_a_household_is_another_when_time_says_so() -> None:
    grant = Grant(None, NOW - 1, NOW + 60, NOW - 1, id="g", profile="mia")
    shared = SharedPolicies(LISTS, DEFAULTS)
    assert shared.compile(home(), NOW).compile_at == inf
    granted = shared.compile(home(grants=(grant,)), NOW).unknown.policy
    verdict = decide(granted, "games.example", A, NOW)
    assert (verdict.action, verdict.valid_until) == (Action.ALLOW, NOW + 60)
    assert decide(granted, "games.example", A, NOW + 60).blocks


def test_devices_are_known_by_what_a_listed_router_says_and_not_by_its_address() -> None:
    phone = Device("phone", "", "tom", ("198.51.100.7",), (MAC,))
    tablet = Device("tablet", "", "tom", (), tokens=("digest",))
    house = home(profiles=(CHILD, TOM), devices=(phone, tablet))
    compiled = SharedPolicies(LISTS, DEFAULTS).compile(house, NOW)
    assert compiled.identify(of("h0")).device == ""
    assert compiled.identify(of("h0", mac=MAC)).device == "phone"
    assert compiled.identify(of("h0", mac="02:00:00:00:00:99")).device == ""
    assert compiled.identify(of("h0", token="digest")).device == "tablet"
    assert compiled.identify(of("h0", token="wrong")).policy.profile == "mia"


# --- what is here ---------------------------------------------------------------------------------


class Shelter:
    """Households that are here, compiled as of a moment that a test sets."""

    def __init__(self, most: int = 2) -> None:
        self.now = NOW
        self.lists = LISTS
        self.compiled: list[str] = []
        self.here = Subscribers(most, self._compile)
        self.here.follow(NOW, can_read=True)

    def _compile(self, household: Household) -> CompiledHousehold:
        self.compiled.append(household.id)
        return SharedPolicies(self.lists, DEFAULTS).compile(household, self.now)

    def is_here(self, number: int) -> bool:
        return self.here.identify(of(f"h{number}")) is not NOT_HERE

    def blocks(self, number: int, name: str) -> bool:
        client = self.here.identify(of(f"h{number}"))
        return decide(client.policy, name, A, self.now).blocks

    def wait_until(self, moment: float, *, can_read: bool = True) -> None:
        self.now = moment
        self.here.follow(moment, can_read=can_read)


def test_a_household_that_is_not_here_is_asked_for_once() -> None:
    it = Shelter()
    told: list[int] = []
    it.here.on_wanted = lambda: told.append(1)
    assert not it.is_here(1)
    assert not it.is_here(1)
    assert told
    assert it.here.take_wanted(10) == ("h1",)
    assert it.here.take_wanted(10) == ()
    it.here.put(home(1))
    assert it.here.identify(of("h1")).household == "h1"
    assert it.is_here(1)
    assert it.compiled == ["h1"]


def test_who_was_not_asked_for_longest_goes_first() -> None:
    it = Shelter(most=2)
    it.here.put(home(1))
    it.here.put(home(2))
    assert it.is_here(1)
    it.here.put(home(3))
    assert len(it.here) == 2
    assert [it.is_here(number) for number in (1, 2, 3)] == [True, False, True]


def test_a_household_whose_revision_moved_is_read_again() -> None:
    it = Shelter()
    it.here.put(home(1, revision=4))
    it.here.drop("h1", 4)  # what is here already
    assert it.is_here(1)
    it.here.drop("h1", 5)
    assert not it.is_here(1)
    it.here.drop("h9", 1)  # of which nothing is known


def test_what_time_makes_of_a_household_needs_no_reading() -> None:
    it = Shelter()
    band = AnnouncedBandChange(Band.ADULT, int(NOW) + 60)
    growing = replace(CHILD, band_change=band, max_ttl=None)
    it.here.put(home(1, profiles=(growing,)))
    assert it.here.identify(of("h1")).policy.is_child
    it.wait_until(NOW + 60, can_read=False)
    assert not it.here.identify(of("h1")).policy.is_child
    assert it.compiled == ["h1", "h1"]


def test_what_must_be_read_again_stays_while_it_cannot_be() -> None:
    it = Shelter()
    it.here.put(home(1), until=NOW + 60)
    it.here.put(home(1), until=NOW + 120)  # it was changed
    assert it.is_here(1)
    it.wait_until(NOW + 60)
    assert it.is_here(1)
    it.wait_until(NOW + 120, can_read=False)
    assert it.is_here(1)
    it.wait_until(NOW + 121)
    assert not it.is_here(1)


def test_a_household_that_moved_answers_as_before_while_it_cannot_be_read() -> None:
    it = Shelter()
    it.here.put(home(1, revision=4))
    it.here.drop("h1", 5)
    assert not it.is_here(1)  # it is asked for, and nobody is answered by its former rules
    assert not it.here.has("h1")
    it.wait_until(NOW + 1, can_read=False)
    assert it.here.has("h1")
    assert it.is_here(1)
    it.wait_until(NOW + 2)
    assert not it.is_here(1)
    it.here.put(home(1, revision=5))
    assert it.is_here(1)


def test_a_guest_whose_hours_ended_just_before_it_was_away_takes_no_household_along() -> None:
    it = Shelter()
    it.here.put(home(1), until=NOW)
    assert not it.is_here(1)
    it.wait_until(NOW + 1, can_read=False)
    assert it.is_here(1)


def test_who_could_not_be_read_answers_as_before_until_it_is_tried_again() -> None:
    it = Shelter()
    it.here.put(home(1, revision=4))
    it.here.drop("h1", 5)
    assert it.here.postpone("h1", NOW + 1)
    assert it.is_here(1)
    it.wait_until(NOW + 1)
    assert not it.is_here(1)
    assert not it.here.postpone("h2", NOW + 1)


def test_former_lists_are_let_go_by_households_that_nobody_asks_for() -> None:
    class Watched:
        """The devices of a household, of which it can be told whether they are there still."""

        by_token: Mapping[str, Client] = {}
        by_mac: Mapping[str, Client] = {}

    it = Shelter(most=FREED_AT_ONCE + 1)
    for number in range(FREED_AT_ONCE + 1):
        it.here.put(home(number))
    watched: list[ref[Watched]] = []

    def compile_watched(household: Household) -> CompiledHousehold:
        compiled = SharedPolicies(it.lists, DEFAULTS).compile(household, NOW)
        devices: Any = Watched()
        watched.append(ref(devices))
        return compiled._replace(devices=devices)

    it.here._compile = compile_watched
    assert it.is_here(0)
    assert it.is_here(FREED_AT_ONCE)
    it.lists = library(categories={"games": ["chess.example"], "adult": []})
    it.here.compile_anew()
    assert it.blocks(FREED_AT_ONCE, "chess.example")
    for _ in range(2):  # the first step lets go of some, and the second of the rest
        it.wait_until(NOW)
    gc.collect()
    assert [each() is None for each in watched] == [True, True, False]
    assert it.blocks(0, "chess.example")


def test_other_lists_count_from_the_next_question_on() -> None:
    it = Shelter()
    it.here.put(home(1))
    assert it.blocks(1, "games.example")
    it.lists = library(categories={"games": ["chess.example"], "adult": []})
    it.here.compile_anew()
    assert not it.blocks(1, "games.example")
    assert it.blocks(1, "chess.example")


def test_who_comes_from_no_household_is_refused_and_looked_for_again_after_a_while() -> None:
    it = Shelter()
    it.here.put_missing("h7", NOW)
    nobody = it.here.identify(of("h7"))
    assert nobody is not NOT_HERE
    assert not nobody.household
    assert decide(nobody.policy, "free.example", A, NOW).action is Action.REFUSE
    it.here.drop("h7", 1)  # it is made
    assert not it.is_here(7)
    it.here.put_missing("h7", NOW)
    it.wait_until(NOW + MISSING_FOR)
    assert not it.is_here(7)


def test_equal_parts_of_households_are_there_once() -> None:
    lean = LeanHouseholds()
    one, other = (
        lean.share(home(number, profiles=(replace(CHILD, categories=frozenset({"a", "b"})),)))
        for number in (1, 2)
    )
    assert one == home(1, profiles=one.profiles)
    assert one.profiles is other.profiles
    assert one.id != other.id
