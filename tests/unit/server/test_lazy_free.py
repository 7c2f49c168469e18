"""What is of no more use goes a little at a time."""

from __future__ import annotations

import weakref
from collections import OrderedDict

from copdns.server.lazy_free import LazyFreeQueue


class Thing:
    """Something that can be seen to be gone."""


def test_what_is_added_goes_a_little_at_a_time() -> None:
    waste = LazyFreeQueue()
    things = [Thing() for _ in range(5)]
    seen = [weakref.ref(each) for each in things]
    waste.add(things[:3], [], things[3:])
    del things
    counts = []
    while waste:
        counts.append(len(waste))
        waste.free(2)
        assert sum(each() is not None for each in seen) == len(waste)
    assert counts == [5, 3, 1]


def test_what_was_kept_by_key_goes_a_little_at_a_time_too() -> None:
    waste = LazyFreeQueue()
    waste.add(OrderedDict.fromkeys(range(5)), dict.fromkeys(range(2)))
    counts = []
    while waste:
        counts.append(len(waste))
        waste.free(3)
    assert counts == [7, 5, 2]


def test_nothing_is_let_go_of_where_nothing_is() -> None:
    waste = LazyFreeQueue()
    waste.free(10)
    assert not waste
