"""Tests of the last blocks of a device, which only that device is shown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from copdns.model.verdict import Action, Reason, Verdict
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


def names(recent: RecentBlocks, owned: OwnedDevice = MIAS, now: float = NOW) -> list[str]:
    return [block.name for block in recent.blocks(owned, now)]


def test_the_newest_block_comes_first() -> None:
    recent = ring()
    for number in range(3):
        recent.add(MIAS, f"{number}.example", RULE, NOW + number)
    assert names(recent, now=NOW + 3) == ["2.example", "1.example", "0.example"]


def test_a_name_stands_once_with_its_last_verdict_and_moment() -> None:
    recent = ring()
    recent.add(MIAS, "a.example", RULE, NOW)
    recent.add(MIAS, "b.example", RULE, NOW + 1)
    recent.add(MIAS, "a.example", LISTED, NOW + 2)
    first, _ = recent.blocks(MIAS, NOW + 2)
    assert (first.name, first.verdict, first.at) == ("a.example", LISTED, NOW + 2)


def test_devices_and_households_see_their_own_only() -> None:
    recent = ring()
    recent.add(MIAS, "a.example", RULE, NOW)
    recent.add(ELSEWHERE, "b.example", RULE, NOW)
    assert names(recent) == ["a.example"]
    assert names(recent, OwnedDevice("home", "mia", "tom-phone")) == []


def test_whoever_has_a_device_next_does_not_have_the_blocks_of_the_person_before() -> None:
    recent = ring()
    recent.add(MIAS, "a.example", RULE, NOW)
    assert names(recent, TOM_AT_MIAS) == []
    recent.add(TOM_AT_MIAS, "b.example", RULE, NOW)
    assert (names(recent), names(recent, TOM_AT_MIAS)) == (["a.example"], ["b.example"])


def test_a_hundred_blocks_are_kept_and_the_oldest_goes_first() -> None:
    recent = ring()
    for number in range(MAX_BLOCKS + 1):
        recent.add(MIAS, f"{number}.example", RULE, NOW)
    kept = names(recent)
    assert len(kept) == MAX_BLOCKS
    assert "0.example" not in kept


def test_a_block_is_forgotten_after_a_day() -> None:
    recent = ring()
    recent.add(MIAS, "a.example", RULE, NOW)
    recent.add(MIAS, "b.example", RULE, NOW + 60)
    assert names(recent, now=NOW + MAX_AGE - 1) == ["b.example", "a.example"]
    assert names(recent, now=NOW + MAX_AGE) == ["b.example"]
    recent.forget(NOW + MAX_AGE)
    assert names(recent, now=NOW) == []  # even for a clock that went back; b is yet to come
    assert names(recent, now=NOW + 60) == ["b.example"]


def test_an_empty_ring_takes_no_memory() -> None:
    recent = ring()
    recent.add(MIAS, "a.example", RULE, NOW)
    recent.forget(NOW + MAX_AGE)
    assert recent._rings == {}


def test_a_code_is_drawn_when_a_block_is_looked_at_and_then_stays() -> None:
    drawn = codes()
    recent = RecentBlocks(drawn.__next__)
    recent.add(MIAS, "a.example", RULE, NOW)
    recent.add(MIAS, "b.example", RULE, NOW)
    before = [block.code for block in recent.blocks(MIAS, NOW)]
    recent.add(MIAS, "a.example", RULE, NOW + 1)
    after = {b.name: b.code for b in recent.blocks(MIAS, NOW + 1)}
    assert sorted(before) == ["CODE-1", "CODE-2"]
    assert sorted(after.values()) == sorted(before)
    assert next(drawn) == "CODE-3"


def test_what_is_of_a_device_that_changed_hands_is_dropped() -> None:
    recent = ring()
    tablet = OwnedDevice("home", "mia", "mia-tablet")
    for owned in (MIAS, tablet, ELSEWHERE):
        recent.add(owned, "a.example", RULE, NOW)
    recent.keep_only(lambda: {TOM_AT_MIAS, tablet, ELSEWHERE})
    assert [names(recent, each) for each in (MIAS, tablet, ELSEWHERE)] == [
        [],
        ["a.example"],
        ["a.example"],
    ]
