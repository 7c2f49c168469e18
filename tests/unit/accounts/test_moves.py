"""Whose an address is while a device is to be moved, or was removed: no guest of another person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.accounts.account import DAY, Guest, GuestKind
from copdns.accounts.moves import REMEMBERED_FOR, Move, admit_guests, keeper_of
from copdns.model.household import Device
from tests.household import ADDRESSES, MIA, TOM, family

NOW = 1_800_000_000
TOMS, MAC = ADDRESSES["tom"], "02:00:00:00:00:15"
HOUSE = family(MIA, TOM)
REMOVED = replace(HOUSE, devices=tuple(each for each in HOUSE.devices if each.profile != "tom"))
GONE = Move(
    *("home", "m1", "tom", "tom-phone", "Tom's phone", (TOMS, MAC), "", "Ada"),
    *(NOW, NOW + REMEMBERED_FOR),
)


def guest(profile: str, address: str = TOMS, mac: str = "") -> Guest:
    kind = GuestKind.PERSON
    return Guest("home", "g1", kind, address, mac, profile, "Mia", NOW, NOW + DAY)


@pytest.mark.parametrize("known_by", [(TOMS,), ("", MAC), ("192.0.2.200", MAC)])
def test_a_removed_device_counts_to_its_person_until_it_is_forgotten(
    known_by: tuple[str, ...],
) -> None:
    assert keeper_of(REMOVED, [GONE], known_by, NOW) == "tom"
    assert keeper_of(REMOVED, [GONE], known_by, NOW, "tom") == ""
    assert keeper_of(REMOVED, [GONE], known_by, NOW + REMEMBERED_FOR) == ""
    assert keeper_of(REMOVED, [], known_by, NOW) == ""


def test_the_nearest_owner_counts() -> None:
    """A child's device in a network of a teenager, and the other way round."""
    network = "192.0.2.0/26"
    for child, teen, keeper in ((network, TOMS, "tom"), (TOMS, network, "")):
        devices = (
            Device("mias", "Hers", "mia", (child,), ()),
            Device("toms", "His", "tom", (teen,), ()),
        )
        for order in (devices, devices[::-1]):
            assert keeper_of(replace(HOUSE, devices=order), [], [TOMS], NOW) == keeper


def test_a_guest_ends_where_the_address_became_somebody_elses_of_13_or_more() -> None:
    mias, toms, nobodys = guest("mia"), guest("tom"), guest("")
    found = [mias, toms, nobodys]
    assert admit_guests(HOUSE, [], found, NOW) == (toms, nobodys)
    assert admit_guests(REMOVED, [GONE], found, NOW) == (toms, nobodys)
    assert admit_guests(REMOVED, [], found, NOW) == tuple(found)
    by_mac = guest("mia", "192.0.2.200", MAC)
    assert admit_guests(REMOVED, [GONE], [by_mac], NOW) == ()
    assert admit_guests(HOUSE, [], [guest("tom", ADDRESSES["mia"])], NOW) != ()
