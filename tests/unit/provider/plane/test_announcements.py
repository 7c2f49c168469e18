"""An address is withdrawn only where this dnsdist is silent and another node answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.provider.plane.announcements import (
    FALLS,
    KNOWN_FOR,
    RISES,
    AddressWatch,
    after_look,
    covered_families,
)
from copdns.provider.rollout.rollouts import LIVE_FOR, FleetNode

NOW = 1_800_000_000
ADDRESSES = ("192.0.2.53", "2001:db8::53")
OTHER = FleetNode("n2", "south", False, NOW, frozenset({4}))


def looked(watch: AddressWatch, answers: bool, times: int, covered: set[int]) -> AddressWatch:
    for _ in range(times):
        watch = after_look(watch, frozenset(covered), answers=answers)
    return watch


def test_addresses_are_announced_when_it_answers_and_not_for_one_lost_answer() -> None:
    new = AddressWatch(ADDRESSES)
    assert looked(new, True, RISES - 1, {4, 6}).announced == frozenset()
    up = looked(new, True, RISES, {4, 6})
    assert up.announced == frozenset(ADDRESSES)
    assert looked(up, False, FALLS - 1, {4, 6}).announced == frozenset(ADDRESSES)
    down = looked(up, False, FALLS, {4, 6})
    assert down.announced == frozenset()
    assert looked(down, True, RISES, set()).announced == frozenset(ADDRESSES)


@pytest.mark.parametrize(
    ("covered", "stay"),
    [(set(), ADDRESSES), ({4}, ("2001:db8::53",)), ({6}, ("192.0.2.53",)), ({4, 6}, ())],
)
def test_the_last_of_an_address_family_stays(covered: set[int], stay: tuple[str, ...]) -> None:
    up = looked(AddressWatch(ADDRESSES), True, RISES, set())
    assert looked(up, False, 99, covered).announced == frozenset(stay)


def test_another_node_counts_where_it_was_heard_of_and_answers() -> None:
    found = covered_families((OTHER, replace(OTHER, name="n1")), "n1", NOW, NOW + KNOWN_FOR)
    assert found == {4}
    for other, known_at in (
        (replace(OTHER, name="n1", families=frozenset({4, 6})), NOW),
        (replace(OTHER, answers=False), NOW),
        (replace(OTHER, is_failing=True), NOW),
        (replace(OTHER, seen=NOW - LIVE_FOR - 1), NOW),
        (replace(OTHER, seen=NOW + LIVE_FOR + 1), NOW),
        (OTHER, NOW - KNOWN_FOR - 1),
        (replace(OTHER, seen=NOW + 3600), NOW + 3600),
    ):
        assert covered_families((other,), "n1", known_at, NOW) == frozenset()
