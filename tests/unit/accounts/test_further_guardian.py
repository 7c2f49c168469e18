"""A further guardian waits before they read what is kept; the first one waits for nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.accounts.account import Account
from copdns.accounts.further_guardian import FURTHER_GUARDIAN_WAITS, wait_of
from copdns.accounts.roles import NOT_YET, Actor, Permission, Role, may

NOW = 1_790_000_000
ADA = Account("home", "a1", "Ada", Role.GUARDIAN, made=NOW - 10, has_password=True)
BO = Account("home", "b1", "Bo", Role.GUARDIAN, made=NOW, has_password=True)
HOURS = 3600


@pytest.mark.parametrize(
    ("who", "accounts", "after", "waits"),
    [
        ("b1", (ADA, BO), 0, True),
        ("b1", (ADA, BO), FURTHER_GUARDIAN_WAITS - 1, True),
        ("b1", (ADA, BO), FURTHER_GUARDIAN_WAITS, False),
        ("a1", (ADA, BO), 0, False),  # the first
        ("b1", (BO,), 0, False),  # the only one
        ("b1", (replace(ADA, has_password=False), BO), 0, False),  # who never came is nobody
        ("b1", (replace(ADA, role=Role.REVIEWER), BO), 0, False),
        ("b1", (replace(ADA, made=NOW), BO), 0, True),  # of the same second one is the first
        ("c1", (ADA, BO), 0, False),
    ],
)
def test_who_waits(who: str, accounts: tuple[Account, ...], after: int, waits: bool) -> None:
    found = wait_of(who, accounts, FURTHER_GUARDIAN_WAITS, NOW + after)
    assert found == (NOW + FURTHER_GUARDIAN_WAITS if waits else None)
    assert wait_of(who, accounts, 0, NOW + after) is None, "at home nobody waits"


def test_who_waits_reads_nothing_that_is_kept_and_lets_nobody_in_or_out() -> None:
    bo = Actor("home", "b1", "Bo", Role.GUARDIAN, waits_until=NOW + HOURS)
    assert {each for each in Permission if may(bo, each)} == {
        each for each in Permission if may(replace(bo, waits_until=None), each)
    } - NOT_YET
    assert not may(bo, Permission.SEE_LOG)
    assert not may(bo, Permission.EDIT_DEVICES), "a device of their own could speak as a child"
    assert not may(bo, Permission.MANAGE_ACCOUNTS), "nor does the wait end by removing the others"
    program = replace(bo, scopes=frozenset({Permission.SEE_LOG, Permission.SEE_PROFILES}))
    assert not may(program, Permission.SEE_LOG)
