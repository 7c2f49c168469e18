"""Tests of the last blocks of a device, which only that device is shown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from copdns.model.household import Device, Household
from copdns.model.verdict import Action, Reason, Verdict
from copdns.privacy import recent_blocks
from copdns.privacy.recent_blocks import MAX_AGE, MAX_BLOCKS, OwnedDevice, RecentBlocks
from tests.household import NOW

MIAS = OwnedDevice("home", "mia", "mia-phone")
TOM_AT_MIAS = MIAS._replace(profile="tom")
ELSEWHERE = MIAS._replace(household="elsewhere")
RULE = Verdict(Action.BLOCK, Reason.RULE, 10, rule="a.example")
LISTED = Verdict(Action.BLOCK, Reason.CATEGORY, 13, category="games")


def codes() -> Iterator[str]:
    return (f"CODE-{number}" for number in count(1))


def ring() -> RecentBlocks:
    return RecentBlocks(codes().__next__)


def add(recent: RecentBlocks, owned: OwnedDevice, name: str, verdict: Verdict, now: float) -> None:
    recent.add(recent.ring_of(owned), name, verdict, now)


def names(recent: RecentBlocks, owned: OwnedDevice = MIAS, now: float = NOW) -> list[str]:
    return [block.name for block in recent.blocks(owned, now)]


def test_the_newest_block_comes_first() -> None:
    recent = ring()
    for number in range(3):
        add(recent, MIAS, f"{number}.example", RULE, NOW + number)
    assert names(recent, now=NOW + 3) == ["2.example", "1.example", "0.example"]


def test_a_name_stands_once_with_its_last_verdict_and_moment() -> None:
    recent = ring()
    add(recent, MIAS, "a.example", RULE, NOW)
    add(recent, MIAS, "b.example", RULE, NOW + 1)
    add(recent, MIAS, "a.example", LISTED, NOW + 2)
    first, _ = recent.blocks(MIAS, NOW + 2)
    assert (first.name, first.verdict, first.at) == ("a.example", LISTED, NOW + 2)


def test_devices_and_households_see_their_own_only() -> None:
    recent = ring()
    add(recent, MIAS, "a.example", RULE, NOW)
    add(recent, ELSEWHERE, "b.example", RULE, NOW)
    assert names(recent) == ["a.example"]
    assert names(recent, OwnedDevice("home", "mia", "tom-phone")) == []


def test_whoever_has_a_device_next_does_not_have_the_blocks_of_the_person_before() -> None:
    recent = ring()
    add(recent, MIAS, "a.example", RULE, NOW)
    assert names(recent, TOM_AT_MIAS) == []
    add(recent, TOM_AT_MIAS, "b.example", RULE, NOW)
    assert (names(recent), names(recent, TOM_AT_MIAS)) == (["a.example"], ["b.example"])


def test_a_hundred_blocks_are_kept_and_the_oldest_goes_first() -> None:
    recent = ring()
    for number in range(MAX_BLOCKS + 1):
        add(recent, MIAS, f"{number}.example", RULE, NOW)
    kept = names(recent)
    assert len(kept) == MAX_BLOCKS
    assert "0.example" not in kept


def test_names_that_are_looked_up_again_and_again_push_no_other_out() -> None:
    recent = ring()
    for number in range(MAX_BLOCKS):
        add(recent, MIAS, f"{number}.example", RULE, NOW)
    for number in range(3 * MAX_BLOCKS):
        add(recent, MIAS, f"{number % 3}.example", LISTED, NOW + number)
    kept = recent.blocks(MIAS, NOW + 3 * MAX_BLOCKS)
    assert [block.name for block in kept[:4]] == [
        *("2.example", "1.example", "0.example", f"{MAX_BLOCKS - 1}.example")
    ]
    assert [block.at - NOW for block in kept[:4]] == [299, 298, 297, 0]
    assert [block.verdict for block in kept[2:4]] == [LISTED, RULE]
    assert len(kept) == MAX_BLOCKS


def test_a_name_that_was_looked_up_again_is_a_day_old_only_then() -> None:
    recent = ring()
    add(recent, MIAS, "a.example", RULE, NOW)
    add(recent, MIAS, "b.example", RULE, NOW + 1)
    add(recent, MIAS, "a.example", RULE, NOW + 2)
    list(recent.forget(NOW + MAX_AGE + 1))
    assert names(recent, now=NOW + 2) == ["a.example"]


def test_a_ring_of_nobody_is_not_added_to() -> None:
    """Whoever keeps a ring asks for another one then."""
    recent = ring()
    first = recent.ring_of(MIAS)
    recent.add(first, "a.example", RULE, NOW)
    assert recent.ring_of(MIAS) is first
    list(recent.forget(NOW + MAX_AGE))
    assert first.is_dropped
    assert not first.entries
    assert recent.ring_of(MIAS) is not first


def test_a_block_is_forgotten_after_a_day() -> None:
    recent = ring()
    add(recent, MIAS, "a.example", RULE, NOW)
    add(recent, MIAS, "b.example", RULE, NOW + 60)
    assert names(recent, now=NOW + MAX_AGE - 1) == ["b.example", "a.example"]
    assert names(recent, now=NOW + MAX_AGE) == ["b.example"]
    list(recent.forget(NOW + MAX_AGE))
    assert names(recent, now=NOW) == []  # even for a clock that went back; b is yet to come
    assert names(recent, now=NOW + 60) == ["b.example"]


def test_an_empty_ring_takes_no_memory() -> None:
    recent = ring()
    add(recent, MIAS, "a.example", RULE, NOW)
    list(recent.forget(NOW + MAX_AGE))
    assert recent._rings == {}
    assert recent._of == {}


def test_a_code_is_drawn_when_a_block_is_looked_at_and_then_stays() -> None:
    drawn = codes()
    recent = RecentBlocks(drawn.__next__)
    add(recent, MIAS, "a.example", RULE, NOW)
    add(recent, MIAS, "b.example", RULE, NOW)
    before = [block.code for block in recent.blocks(MIAS, NOW)]
    add(recent, MIAS, "a.example", RULE, NOW + 1)
    after = {b.name: b.code for b in recent.blocks(MIAS, NOW + 1)}
    assert sorted(before) == ["CODE-1", "CODE-2"]
    assert sorted(after.values()) == sorted(before)
    assert next(drawn) == "CODE-3"


def test_a_name_that_left_has_another_code_when_it_comes_back() -> None:
    recent = ring()
    add(recent, MIAS, "a.example", RULE, NOW)
    (before,) = recent.blocks(MIAS, NOW)
    for number in range(MAX_BLOCKS):
        add(recent, MIAS, f"{number}.example", RULE, NOW)
    assert "a.example" not in names(recent)
    add(recent, MIAS, "a.example", RULE, NOW)
    assert recent.blocks(MIAS, NOW)[0].code != before.code


def test_what_is_of_a_device_that_changed_hands_is_dropped() -> None:
    recent = ring()
    tablet = OwnedDevice("home", "mia", "mia-tablet")
    for owned in (MIAS, tablet, ELSEWHERE):
        add(recent, owned, "a.example", RULE, NOW)
    recent.keep_only(lambda: {TOM_AT_MIAS, tablet, ELSEWHERE})
    assert [names(recent, each) for each in (MIAS, tablet, ELSEWHERE)] == [
        [],
        ["a.example"],
        ["a.example"],
    ]


def test_a_household_that_was_read_drops_what_is_of_others_now_and_touches_no_other_one() -> None:
    recent = ring()
    mine = OwnedDevice("home", "mia", "tablet")
    for owned in (MIAS, mine, ELSEWHERE):
        add(recent, owned, "a.example", RULE, NOW)
    kept = recent.ring_of(MIAS)
    tablet = Device("tablet", "Tablet", "mia", ())
    recent.keep_only_of(Household("home", "Home", devices=(tablet,)))
    assert kept.is_dropped
    assert [names(recent, each) for each in (MIAS, mine, ELSEWHERE)] == [
        [],
        ["a.example"],
        ["a.example"],
    ]


def test_of_too_many_devices_the_first_ones_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_blocks, "MAX_RINGS", 2)
    recent = ring()
    rings = [recent.ring_of(MIAS._replace(device=f"tablet-{number}")) for number in range(4)]
    assert [each.is_dropped for each in rings] == [True, True, False, False]
    assert len(recent._rings) == len(recent._of["home"]) == 2


def test_what_is_dropped_while_old_blocks_are_is_no_trouble() -> None:
    recent = ring()
    tablet = MIAS._replace(device="tablet")
    add(recent, MIAS, "a.example", RULE, NOW)
    add(recent, tablet, "a.example", RULE, NOW)
    steps = recent.forget(NOW + MAX_AGE)
    next(steps)
    recent.keep_only(list)
    add(recent, tablet, "b.example", RULE, NOW + MAX_AGE)
    list(steps)
    assert names(recent, tablet, NOW + MAX_AGE) == ["b.example"]
