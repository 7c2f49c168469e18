"""Who can speak for a person: what a guardian changed lately makes a new browser wait."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.accounts.claims import (
    Claim,
    ClaimKind,
    DeviceClaim,
    device_claims,
    fold_claims,
    is_watched,
    proof_of_pairing,
)
from copdns.model.household import Device
from tests.household import MIA, TOM, family

DAY, NOW = 86_400, 1_800_000_000
HOUSE = family(MIA, TOM)
PHONE = "tom-phone"
OPENS = (
    *(ClaimKind.DEVICE, ClaimKind.ADDRESS, ClaimKind.MAC),
    *(ClaimKind.OPENING, ClaimKind.TOKEN),
)


def claim(kind: ClaimKind = ClaimKind.ADDRESS, at: int = NOW, device: str = PHONE) -> Claim:
    return Claim("home", "c1", "tom", device, kind, "Ada", at)


@pytest.mark.parametrize("kind", OPENS)
def test_the_first_browser_of_a_person_counts_at_once_on_a_households_first_day(
    kind: ClaimKind,
) -> None:
    given = [claim(kind)]
    is_new = kind is ClaimKind.DEVICE  # else it may be somebody's, with what was blocked there
    assert proof_of_pairing(given, PHONE, NOW, NOW) == (NOW if is_new else NOW + DAY)
    for first_day in (NOW - DAY, NOW + 1, None):  # too late, a wrong clock, and not their first
        assert proof_of_pairing(given, PHONE, NOW, first_day) == NOW + DAY


@pytest.mark.parametrize("kind", ClaimKind)
def test_a_new_browser_waits_for_a_day_after_what_lets_another_one_in(kind: ClaimKind) -> None:
    wait = DAY if kind in OPENS else 0
    assert proof_of_pairing([claim(kind)], PHONE, NOW) == NOW + wait
    assert is_watched([claim(kind)], PHONE, NOW + 7 * DAY - 1) is (kind in OPENS)
    assert not is_watched([claim(kind)], PHONE, NOW + 7 * DAY)
    assert not is_watched([claim(kind)], "mia-phone", NOW)


@pytest.mark.parametrize("kind", ClaimKind)
def test_a_browser_or_pin_can_be_objected_to_for_a_day_and_once(kind: ClaimKind) -> None:
    contestable = kind in (ClaimKind.PAIRING, ClaimKind.FIRST, ClaimKind.PIN)
    assert claim(kind).may_be_objected(NOW) is contestable
    assert claim(kind).may_be_objected(NOW + DAY - 1) is contestable
    assert not claim(kind).may_be_objected(NOW + DAY)
    assert not claim(kind)._replace(objected=NOW).may_be_objected(NOW)


def test_it_is_in_sight_for_a_week() -> None:
    assert [claim().is_shown(NOW + at) for at in (-1, 0, 7 * DAY - 1, 7 * DAY)] == [
        *(False, True, True, False)
    ]


@pytest.mark.parametrize(
    ("kind", "age", "start", "other"),
    [
        (ClaimKind.ADDRESS, 0, 1, 0),
        (ClaimKind.ADDRESS, 6 * DAY, 1, 0),
        (ClaimKind.PIN, 0, 4, 4),  # what can be objected to is folded nowhere
        (ClaimKind.PIN, DAY, 1, 0),
    ],
)
def test_the_newest_is_in_sight_on_the_start_page_and_the_others_folded(
    kind: ClaimKind, age: int, start: int, other: int
) -> None:
    claims = [claim(kind, NOW - age - n, device=f"d{n}") for n in range(4)]
    for on_start, number in ((True, start), (False, other)):
        folded = fold_claims(claims, NOW, on_start=on_start)
        assert [each for part in folded for each in part] == [(each,) for each in claims]
        assert len(folded.contestable + folded.new) == number


def test_what_one_sentence_tells_is_together() -> None:
    claims = [claim(ClaimKind.OPENING, NOW - n) for n in range(3)]
    folded = fold_claims([*claims, claim(ClaimKind.ADDRESS, NOW - 9)], NOW, on_start=True)
    assert [[len(each) for each in part] for part in folded] == [[], [3], [1]]
    pins = [claim(ClaimKind.PIN, NOW), claim(ClaimKind.PIN, NOW)._replace(objected=NOW)]
    apart = fold_claims(pins, NOW, on_start=True)
    assert [len(part) for part in apart] == [1, 0, 1], "the answer to one is no answer"


def changed(**fields: object) -> tuple[DeviceClaim, ...]:
    """Return the claims of a change of Tom's device."""
    devices = tuple(
        replace(each, **fields) if each.id == PHONE else each  # type: ignore[arg-type]
        for each in HOUSE.devices
    )
    return device_claims(HOUSE, replace(HOUSE, devices=devices))


def test_what_a_change_of_a_device_gives_to_whom() -> None:
    here = HOUSE.devices[1].addresses
    assert changed(addresses=(*here, "192.0.2.77")) == (
        DeviceClaim("tom", PHONE, ClaimKind.ADDRESS),
    )
    assert changed(macs=("02:00:00:00:00:01",)) == (DeviceClaim("tom", PHONE, ClaimKind.MAC),)
    assert changed(profile="mia") == (DeviceClaim("mia", PHONE, ClaimKind.DEVICE),)
    assert changed(name="another") == ()
    assert changed(addresses=()) == (), "nobody can come by what is gone"
    more = replace(HOUSE, devices=(*HOUSE.devices, Device("new", "New", "mia", ("192.0.2.9",))))
    assert device_claims(HOUSE, more) == (DeviceClaim("mia", "new", ClaimKind.DEVICE),)
