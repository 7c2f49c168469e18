"""Tests of the last blocks of a device, which only that device is shown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from copdns.model.verdict import Action, Reason, Verdict
from copdns.privacy.recent_blocks import MAX_AGE, MAX_BLOCKS, RecentBlocks
from tests.household import NOW

RULE = Verdict(Action.BLOCK, Reason.RULE, 10, rule="a.example")
LISTED = Verdict(Action.BLOCK, Reason.CATEGORY, 13, category="games")


def codes() -> Iterator[str]:
    return (f"CODE-{number}" for number in count(1))


def ring() -> RecentBlocks:
    return RecentBlocks(codes().__next__)


def names(recent: RecentBlocks, device: str = "mia-phone", now: float = NOW) -> list[str]:
    return [block.name for block in recent.blocks("home", device, now)]


def test_the_newest_block_comes_first() -> None:
    recent = ring()
    for number in range(3):
        recent.add("home", "mia-phone", f"{number}.example", RULE, NOW + number)
    assert names(recent, now=NOW + 3) == ["2.example", "1.example", "0.example"]


def test_a_name_stands_once_with_its_last_verdict_and_moment() -> None:
    recent = ring()
    recent.add("home", "mia-phone", "a.example", RULE, NOW)
    recent.add("home", "mia-phone", "b.example", RULE, NOW + 1)
    recent.add("home", "mia-phone", "a.example", LISTED, NOW + 2)
    first, _ = recent.blocks("home", "mia-phone", NOW + 2)
    assert (first.name, first.verdict, first.at) == ("a.example", LISTED, NOW + 2)


def test_devices_and_households_see_their_own_only() -> None:
    recent = ring()
    recent.add("home", "mia-phone", "a.example", RULE, NOW)
    recent.add("elsewhere", "mia-phone", "b.example", RULE, NOW)
    assert names(recent) == ["a.example"]
    assert names(recent, "tom-phone") == []


def test_a_hundred_blocks_are_kept_and_the_oldest_goes_first() -> None:
    recent = ring()
    for number in range(MAX_BLOCKS + 1):
        recent.add("home", "mia-phone", f"{number}.example", RULE, NOW)
    kept = names(recent)
    assert len(kept) == MAX_BLOCKS
    assert "0.example" not in kept


def test_a_block_is_forgotten_after_a_day() -> None:
    recent = ring()
    recent.add("home", "mia-phone", "a.example", RULE, NOW)
    recent.add("home", "mia-phone", "b.example", RULE, NOW + 60)
    assert names(recent, now=NOW + MAX_AGE - 1) == ["b.example", "a.example"]
    assert names(recent, now=NOW + MAX_AGE) == ["b.example"]
    recent.forget(NOW + MAX_AGE)
    assert names(recent, now=NOW) == []  # even for a clock that went back; b is yet to come
    assert names(recent, now=NOW + 60) == ["b.example"]


def test_an_empty_ring_takes_no_memory() -> None:
    recent = ring()
    recent.add("home", "mia-phone", "a.example", RULE, NOW)
    recent.forget(NOW + MAX_AGE)
    assert recent._rings == {}


def test_a_code_is_drawn_when_a_block_is_looked_at_and_then_stays() -> None:
    drawn = codes()
    recent = RecentBlocks(drawn.__next__)
    recent.add("home", "mia-phone", "a.example", RULE, NOW)
    recent.add("home", "mia-phone", "b.example", RULE, NOW)
    before = [block.code for block in recent.blocks("home", "mia-phone", NOW)]
    recent.add("home", "mia-phone", "a.example", RULE, NOW + 1)
    after = {b.name: b.code for b in recent.blocks("home", "mia-phone", NOW + 1)}
    assert sorted(before) == ["CODE-1", "CODE-2"]
    assert sorted(after.values()) == sorted(before)
    assert next(drawn) == "CODE-3"


def test_erasing_a_profiles_devices_leaves_the_others() -> None:
    recent = ring()
    for device in ("mia-phone", "mia-tablet", "tom-phone"):
        recent.add("home", device, "a.example", RULE, NOW)
    recent.erase("home", frozenset({"mia-phone", "mia-tablet", "unknown"}))
    assert names(recent) == []
    assert names(recent, "tom-phone") == ["a.example"]
