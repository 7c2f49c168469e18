"""Pairings, PINs and guests: what tells a person beside the address."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from copdns.accounts.account import DAY, GUEST_LASTS, PAIRING_LASTS, PAIRING_OPEN, GuestKind
from copdns.model.errors import AccountError
from copdns.model.household import Household
from copdns.store.household_db.guests import Guests
from copdns.store.household_db.pairings import MAX_PAIRINGS, Pairings
from copdns.store.household_db.pins import Pins
from tests.unit.account_values import NOW, House

TABLET = ("home", "mia-phone", "mia")


async def test_the_first_browser_of_a_device_is_paired_and_known_again(house: House) -> None:
    pairings = Pairings(house.thread)
    told = await pairings.pair(*TABLET, NOW)
    assert told is not None
    assert await pairings.find(*TABLET, told, NOW) is not None
    assert await pairings.find("home", "tom-phone", "tom", told, NOW) is None
    assert await pairings.find("bos", "mia-phone", "mia", told, NOW) is None
    assert await pairings.find(*TABLET, "", NOW) is None


async def test_whoever_takes_the_address_over_is_not_paired(house: House) -> None:
    pairings = Pairings(house.thread)
    await pairings.pair(*TABLET, NOW)
    assert await pairings.pair(*TABLET, NOW) is None


async def test_two_browsers_that_come_first_at_once_are_one(house: House) -> None:
    with house.open_other() as other:
        both = (Pairings(house.thread), Pairings(other))
        told = await asyncio.gather(*(each.pair(*TABLET, NOW) for each in both))
    assert sorted(each is None for each in told) == [False, True]


async def test_a_guardian_lets_one_more_in_for_an_hour(house: House) -> None:
    pairings = Pairings(house.thread)
    first = await pairings.pair(*TABLET, NOW)
    await pairings.let_another_in("home", "mia-phone", "Ada", NOW)
    assert await pairings.pair(*TABLET, NOW + PAIRING_OPEN) is None  # too late
    second = await pairings.pair(*TABLET, NOW + 1)
    assert first is not None
    assert second is not None
    assert await pairings.pair(*TABLET, NOW + 2) is None  # one was meant
    assert await pairings.find(*TABLET, first, NOW) is not None
    with pytest.raises(AccountError, match="no device"):
        await pairings.let_another_in("home", "tv", "Ada", NOW)


async def test_a_pairing_is_ended_by_a_guardian_or_by_time(house: House) -> None:
    pairings = Pairings(house.thread)
    told = await pairings.pair(*TABLET, NOW)
    assert told is not None
    assert await pairings.find(*TABLET, told, NOW + PAIRING_LASTS) is None
    (found,) = await pairings.of("home", "mia-phone")
    with pytest.raises(AccountError):
        await pairings.revoke("bos", found.id, "Bo", NOW)
    await pairings.revoke("home", found.id, "Ada", NOW)
    assert await pairings.find(*TABLET, told, NOW) is None
    assert await pairings.pair(*TABLET, NOW) is not None
    # Both browsers, of which one was paired still, and was remembered when that ended.
    assert await pairings.tidy(NOW + PAIRING_LASTS) == 3
    assert await pairings.of("home") == ()


async def test_a_device_has_some_browsers_and_no_more(house: House) -> None:
    pairings = Pairings(house.thread)
    for _ in range(MAX_PAIRINGS + 2):
        await pairings.let_another_in("home", "mia-phone", "Ada", NOW)
        await pairings.pair(*TABLET, NOW)
    assert len(await pairings.of("home")) == MAX_PAIRINGS


async def test_what_is_paired_is_not_another_childs_when_the_device_moves(house: House) -> None:
    pairings = Pairings(house.thread)
    told = await pairings.pair(*TABLET, NOW)
    assert told is not None

    def moved(household: Household) -> Household:
        devices = tuple(replace(each, profile="tom") for each in household.devices)
        return replace(household, devices=devices)

    await house.store.change("home", moved, author="Ada", what="moved", now=NOW)
    assert await pairings.find("home", "mia-phone", "tom", told, NOW) is None
    assert await pairings.pair(*TABLET, NOW) is None  # it is not hers now
    assert await pairings.pair("home", "mia-phone", "tom", NOW) is not None


async def test_pairings_go_with_the_device_and_stay_when_it_is_renamed(house: House) -> None:
    pairings = Pairings(house.thread)
    told = await pairings.pair(*TABLET, NOW)
    assert told is not None

    def renamed(household: Household) -> Household:
        return replace(
            household, devices=tuple(replace(each, name="x") for each in household.devices)
        )

    await house.store.change("home", renamed, author="Ada", what="renamed", now=NOW)
    assert await pairings.find(*TABLET, told, NOW) is not None

    def gone(household: Household) -> Household:
        return replace(household, devices=())

    await house.store.change("home", gone, author="Ada", what="removed", now=NOW)
    assert await pairings.of("home") == ()


async def test_a_pin_is_kept_as_given_and_goes_with_its_child(house: House) -> None:
    pins = Pins(house.thread)
    await pins.set("home", "mia", "hash", "Ada", NOW)
    assert await pins.get("home", "mia") == "hash"
    assert await pins.get("bos", "mia") == ""
    assert await pins.people("home") == {"mia"}
    with pytest.raises(AccountError, match="no profile"):
        await pins.set("bos", "mia", "hash", "Bo", NOW)
    await pins.set("home", "mia", "", "Ada", NOW)
    assert await pins.people("home") == frozenset()
    assert await house.audit() == ["Ada: mia: PIN set", "Ada: mia: PIN removed"]


async def test_a_guest_stays_for_a_day_at_most(house: House) -> None:
    guests = Guests(house.thread)
    made = await guests.approve(
        "home", GuestKind.GUEST, "192.0.2.200", "tom", "Ada", NOW, lasts=30 * DAY
    )
    assert made.until == NOW + GUEST_LASTS
    assert await guests.of("home", NOW + GUEST_LASTS - 1) == (made,)
    assert await guests.of("home", NOW + GUEST_LASTS) == ()
    assert await guests.of("bos", NOW) == ()
    household = await house.store.household("home")
    assert household is not None
    assert household.revision == 2  # answers change
    assert await guests.tidy(NOW + GUEST_LASTS) == 1


async def test_an_address_is_one_persons_and_is_given_back(house: House) -> None:
    guests = Guests(house.thread)
    await guests.approve("home", GuestKind.PERSON, "192.0.2.200", "tom", "Tom", NOW)
    made = await guests.approve("home", GuestKind.PERSON, "192.0.2.200", "mia", "Mia", NOW)
    assert await guests.of("home", NOW) == (made,)
    with pytest.raises(AccountError):
        await guests.end("bos", made.id, "Bo", NOW)
    await guests.end("home", made.id, "Ada", NOW)
    assert await guests.of("home", NOW) == ()
    with pytest.raises(AccountError, match="no profile"):
        await guests.approve("home", GuestKind.GUEST, "192.0.2.200", "mai", "Ada", NOW)
