"""Tokens of devices: added, revoked, undone, told to whom they concern, and not moved unseen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.accounts.claims import ClaimKind, device_claims
from copdns.accounts.moves import DAY, Seen, wanted_moves, with_moves
from copdns.household.token_edits import add_token, keep_tokens, revoke_token
from copdns.household.undo import undo
from copdns.model.device_tokens import MAX_TOKENS, token_digest
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from tests.household import MIA, TOM, family

NOW = 1_800_000_000
ONE, TWO = token_digest("one"), token_digest("two")
HOUSE = family(MIA, TOM)
NOTHING_SEEN: Seen = ()


def tokens_of(household: Household, device: str) -> tuple[str, ...]:
    return next(each.tokens for each in household.devices if each.id == device)


def test_a_token_is_added_and_revoked_by_its_short_name() -> None:
    two = add_token(add_token(HOUSE, "mia-phone", ONE), "mia-phone", TWO)
    assert tokens_of(two, "mia-phone") == (ONE, TWO)
    assert tokens_of(revoke_token(two, "mia-phone", ONE[:8]), "mia-phone") == (TWO,)
    assert revoke_token(two, "mia-phone", "") == HOUSE


@pytest.mark.parametrize("token", ["", "0" * 8, TWO[:8]])
def test_a_token_that_a_device_does_not_have_cannot_be_revoked(token: str) -> None:
    house = add_token(HOUSE, "tom-phone", TWO)
    with pytest.raises(HouseholdError, match="there is no token"):
        revoke_token(house, "mia-phone", token)


def test_a_token_is_one_devices_and_a_device_has_few() -> None:
    full = HOUSE
    for number in range(MAX_TOKENS):
        full = add_token(full, "mia-phone", token_digest(str(number)))
    with pytest.raises(HouseholdError, match="revoke one first"):
        add_token(full, "mia-phone", ONE)
    with pytest.raises(HouseholdError, match="already belongs to mia-phone"):
        add_token(add_token(HOUSE, "mia-phone", ONE), "tom-phone", ONE)
    with pytest.raises(HouseholdError, match="no device"):
        add_token(HOUSE, "radio", ONE)


def test_a_new_token_is_told_to_its_person_and_undone_as_other_changes() -> None:
    after = add_token(HOUSE, "tom-phone", ONE)
    assert device_claims(HOUSE, after) == (("tom", "tom-phone", ClaimKind.TOKEN),)
    assert device_claims(after, HOUSE) == ()
    assert undo(HOUSE, after, after) == HOUSE


def test_a_teenagers_token_given_to_a_child_stays_theirs_until_it_was_announced() -> None:
    """Else a telephone's names could be read in the full log of a child."""
    before = add_token(HOUSE, "tom-phone", ONE)
    devices = tuple(
        replace(each, tokens=(ONE,) if each.id == "mia-phone" else ()) for each in HOUSE.devices
    )
    after = replace(HOUSE, devices=devices)
    (move,) = wanted_moves(before, after, "Ada", NOW, seen=NOTHING_SEEN)
    assert (move.profile, move.to, move.known_by) == ("tom", "mia", (ONE,))
    in_force = with_moves(after, [move], NOW)
    assert tokens_of(in_force, "tom-phone") == (ONE,)
    assert tokens_of(in_force, "mia-phone") == ()
    assert with_moves(after, [move], NOW + DAY) == after


def test_a_revoked_token_is_nobodys_and_its_device_not_gone() -> None:
    before = add_token(HOUSE, "tom-phone", ONE)
    (move,) = wanted_moves(before, HOUSE, "Ada", NOW)
    assert move.is_of_tokens
    assert with_moves(HOUSE, [move], NOW) == HOUSE
    gone = replace(HOUSE, devices=HOUSE.devices[:1], profiles=(MIA,))
    moves = wanted_moves(before, gone, "Ada", NOW)
    assert not any(each.is_of_tokens for each in moves)
    # Guest rules are for who is at home: a token of someone who was removed is a wrong one.
    assert all(not each.tokens for each in with_moves(gone, moves, NOW).devices)


def test_a_household_of_a_backup_has_the_tokens_of_now() -> None:
    old = add_token(add_token(HOUSE, "mia-phone", ONE), "tom-phone", TWO)
    assert keep_tokens(old, old) == (old, ())
    assert keep_tokens(HOUSE, old) == (old, ())
    assert keep_tokens(old, HOUSE) == (HOUSE, ("mia-phone", "tom-phone"))
    devices = tuple(replace(each, profile="mia") for each in old.devices)
    moved, without = keep_tokens(old, replace(old, devices=devices))
    assert (tokens_of(moved, "mia-phone"), tokens_of(moved, "tom-phone")) == ((ONE,), ())
    assert without == ("tom-phone",)  # nobody has what was someone else's
