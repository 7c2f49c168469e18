"""Who may do what, to whom; and guardians are equal."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.accounts.roles import (
    CHOICE_LASTS,
    NO_SCOPES,
    PERMISSIONS,
    Actor,
    GuardianChoice,
    Permission,
    Role,
    WeighedSetting,
    may,
    may_add,
    may_remove,
    scopes_for,
    weigh,
)
from copdns.model.household import Band, Profile

MIA, TOM, ADA = (
    Profile("mia", "Mia", Band.TO_9),
    Profile("tom", "Tom", Band.TO_15),
    Profile("ada", "Ada", Band.ADULT),
)
OTHER_ADULT = Profile("guest", "Guest", Band.ADULT)
NOW = 1_800_000_000


def somebody(role: Role, profile: str = "", scopes: frozenset[Permission] | None = None) -> Actor:
    return Actor("home", "id", "Somebody", role, profile, scopes)


@pytest.mark.parametrize(
    ("role", "permission", "allowed"),
    [
        (Role.OWNER, Permission.RUN_MACHINE, True),
        (Role.GUARDIAN, Permission.RUN_MACHINE, False),
        (Role.GUARDIAN, Permission.SEE_LOG, True),
        (Role.GUARDIAN, Permission.DECIDE_APPEALS, True),
        (Role.REVIEWER, Permission.DECIDE_APPEALS, True),
        (Role.REVIEWER, Permission.SEE_LOG, False),
        (Role.REVIEWER, Permission.EDIT_PROFILES, False),
        (Role.AUDITOR, Permission.SEE_AUDIT, True),
        (Role.AUDITOR, Permission.SEE_LOG, False),
        (Role.AUDITOR, Permission.GIVE_TIME, False),
    ],
)
def test_a_role_may_what_its_row_says(role: Role, permission: Permission, allowed: bool) -> None:
    assert may(somebody(role), permission, MIA) is allowed


def test_every_role_has_a_row_and_an_owner_is_a_guardian() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert PERMISSIONS[Role.OWNER] > PERMISSIONS[Role.GUARDIAN]


def test_a_child_has_only_itself() -> None:
    mia = somebody(Role.CHILD, "mia")
    assert may(mia, Permission.ASK, MIA)
    assert may(mia, Permission.SEE_OWN, MIA)
    assert not may(mia, Permission.ASK, TOM)
    assert not may(mia, Permission.SEE_OWN, ADA)
    assert not may(somebody(Role.CHILD), Permission.ASK)  # nobody's
    for permission in set(Permission) - {Permission.ASK, Permission.SEE_OWN}:
        assert not may(mia, permission, MIA)


@pytest.mark.parametrize("what", [Permission.SEE_LOG, Permission.EXPORT, Permission.ASK_FULL_LOG])
def test_nobody_looks_into_another_adults_log(what: Permission) -> None:
    ada = somebody(Role.OWNER, "ada")
    assert may(ada, what, MIA)
    assert may(ada, what, ADA)
    assert not may(ada, what, OTHER_ADULT)
    assert may(ada, Permission.EDIT_PROFILES, OTHER_ADULT)


@given(
    st.sampled_from(Role), st.sampled_from(Permission), st.frozensets(st.sampled_from(Permission))
)
def test_a_token_may_no_more_than_its_scopes_and_its_owner(
    role: Role, permission: Permission, scopes: frozenset[Permission]
) -> None:
    person, program = somebody(role, "mia"), somebody(role, "mia", scopes)
    both = may(person, permission, MIA) and permission in scopes
    assert may(program, permission, MIA) is both


def test_no_token_lets_people_in_or_begins_a_full_log() -> None:
    for role in Role:
        assert not scopes_for(role) & NO_SCOPES
    assert Permission.GIVE_TIME in scopes_for(Role.GUARDIAN)
    assert not scopes_for(Role.CHILD)


@pytest.mark.parametrize("by", [each for each in Role if each is not None])
def test_no_guardian_is_removed_but_at_the_console(by: Role) -> None:
    assert not may_remove(by, Role.GUARDIAN)
    assert not may_remove(by, Role.OWNER)
    assert may_remove(None, Role.GUARDIAN)
    assert may_remove(None, Role.OWNER)


def test_only_guardians_let_people_in_and_none_makes_an_owner() -> None:
    for by, role in product(Role, Role):
        assert may_add(by, role) is (by.is_guardian and role is not Role.OWNER)
    assert may_remove(Role.GUARDIAN, Role.REVIEWER)
    assert not may_remove(Role.REVIEWER, Role.AUDITOR)


def stance(account: str, value: object, at: int = NOW) -> GuardianChoice:
    return GuardianChoice(account, "mia", "bypass", value, at)


def test_what_one_guardian_sets_holds() -> None:
    assert weigh([stance("ada", True)], False, NOW) == WeighedSetting(True, disputed=False)
    assert weigh([], False, NOW) is None


def test_what_two_want_differently_is_what_the_age_starts_with() -> None:
    both = [stance("ada", "off"), stance("other", "full", NOW + 5)]
    assert weigh(both, "counts", NOW + 9) == WeighedSetting("counts", disputed=True)
    assert weigh(both[::-1], "counts", NOW + 9) == WeighedSetting("counts", disputed=True)


def test_a_dispute_ends_when_one_takes_the_others_word_or_says_it_no_more() -> None:
    agreed = [stance("ada", 1), stance("other", 1)]
    assert weigh(agreed, 3, NOW) == WeighedSetting(1, disputed=False)
    old = [stance("ada", 1, NOW - CHOICE_LASTS), stance("other", 2)]
    assert weigh(old, 3, NOW) == WeighedSetting(2, disputed=False)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.integers(0, 3))
def test_who_speaks_first_does_not_matter(values: list[int], preset: int) -> None:
    stances = [stance(str(number), value) for number, value in enumerate(values)]
    assert weigh(stances, preset, NOW) == weigh(stances[::-1], preset, NOW)
