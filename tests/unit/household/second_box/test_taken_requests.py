"""A request of a second box is taken once, under the mark that holds."""

from __future__ import annotations

from itertools import count

import pytest

from copdns.household.second_box.taken_requests import MOST, TakenRequests
from copdns.model.errors import FollowingError


@pytest.fixture
def taken() -> TakenRequests:
    numbers = count(1)
    return TakenRequests(lambda: f"mark {next(numbers)}")


def test_a_request_is_taken_once_and_only_with_the_mark_that_holds(taken: TakenRequests) -> None:
    assert taken.take("upstairs", "", b"one") == "mark 1"
    assert taken.take("upstairs", "mark 1", b"two") == ""
    with pytest.raises(FollowingError):
        taken.take("upstairs", "mark 1", b"two")
    assert taken.take("upstairs", "mark 1", b"three") == ""


def test_a_pairing_has_a_mark_of_its_own(taken: TakenRequests) -> None:
    assert taken.take("upstairs", "", b"one") == "mark 1"
    assert taken.take("cellar", "mark 1", b"one") == "mark 2"
    assert taken.take("cellar", "mark 2", b"one") == ""


def test_after_many_requests_the_mark_is_another_and_former_ones_are_not_taken(
    taken: TakenRequests,
) -> None:
    taken.take("upstairs", "", b"")
    for number in range(MOST):
        assert taken.take("upstairs", "mark 1", b"%d" % number) == ""
    assert taken.take("upstairs", "mark 1", b"0") == "mark 2"
    assert taken.take("upstairs", "mark 2", b"0") == ""
