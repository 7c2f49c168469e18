"""When a backup is due, and which ones are deleted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.store.backup_schedule import (
    HOUR,
    BackupPlan,
    backup_name,
    is_due,
    made_until,
    newest_time,
    read_names,
    too_many,
)

DAY = 24 * HOUR
NOW = 1_790_000_000
DAILY = BackupPlan(DAY, 3)
OURS, THEIRS = "0123abcd", "89abcdef"


def made(*ages: int) -> list[str]:
    return [backup_name(NOW - age, OURS, is_sealed=age % 2 == 1) for age in ages]


def test_a_backup_is_known_by_its_name_and_others_are_left_alone() -> None:
    wrong = ("copdns.backup", f"copdns-20261399T000000Z-{OURS}.backup", ".x.new", "a.age")
    names = [*made(0, 1), *wrong, backup_name(NOW, THEIRS, is_sealed=False)]
    assert [each.made for each in read_names(names, OURS)] == [NOW - 1, NOW]
    assert read_names(names, "") == []
    assert backup_name(NOW, OURS, is_sealed=True).endswith(f"Z-{OURS}.backup.age")


@pytest.mark.parametrize(
    ("ages", "due"),
    [
        ((), True),
        ((0,), False),
        ((DAY - 2 * HOUR,), False),
        ((DAY,), True),
        ((DAY - 30,), True),  # the chore comes once a minute
        ((3 * DAY, HOUR), False),
        ((-9 * DAY,), True),  # made while a clock was wrong
    ],
)
def test_one_is_due_when_the_newest_is_old_enough(ages: tuple[int, ...], due: bool) -> None:
    assert is_due(read_names(made(*ages), OURS), DAILY, NOW) is due


def test_more_than_are_kept_and_older_than_their_time_are_deleted() -> None:
    there = read_names(made(0, DAY, 2 * DAY, 3 * DAY, 9 * DAY), OURS)
    assert [NOW - each.made for each in too_many(there, DAILY, NOW)] == [3 * DAY, 9 * DAY]
    late = read_names(made(0, 9 * DAY), OURS)
    assert [NOW - each.made for each in too_many(late, DAILY, NOW)] == [9 * DAY]


@given(st.lists(st.integers(-DAY, 30 * DAY), min_size=1, unique=True), st.integers(1, 9))
def test_the_newest_stays_and_never_more_than_are_kept(ages: list[int], keep: int) -> None:
    there = read_names(made(*ages), OURS)
    gone = too_many(there, BackupPlan(DAY, keep), NOW)
    past = made_until(there, NOW)
    assert set(gone) < set(past) or not past
    assert past[-1:] == [e for e in past if e.made == newest_time(there, NOW)]
    assert not set(past[-1:]) & set(gone)
    assert len(past) - len(gone) <= keep


def test_a_later_time_in_a_name_makes_no_real_one_old() -> None:
    there = read_names(made(0, DAY, *(-each * DAY for each in range(1, 9))), OURS)
    assert too_many(there, DAILY, NOW) == []
    assert newest_time(there, NOW) == NOW
    assert newest_time(read_names(made(-DAY), OURS), NOW) == 0
