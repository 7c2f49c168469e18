"""Moved devices: a device of somebody of 13 or more stays theirs until that was announced.  Pure.

Else a telephone could be given to a child who has a full log, and back, and its names be read.  So
a move is stored as guardians want it, and takes effect a day later, or at once with the person's
own yes; from 16 on only with it.  Until then the household that queries are answered by has the
device as its person's, so all is kept as their mode allows.  What counts is the addresses: removing
a device and adding it anew is a move, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from ipaddress import ip_network
from typing import NamedTuple

from copdns.model.household import Band, Device, Household, Profile

DAY = 86_400
ANNOUNCED_FROM = 13  # years: moves are announced
YES_FROM = 16  # years: they need a yes
ANNOUNCED_FOR = DAY
FEW_ADDRESSES = 16  # a network of no more may be one device's
REMEMBERED_FOR = 30 * DAY  # of a device that was removed: then its addresses are anybody's


class Move(NamedTuple):
    """Addresses of somebody's device that are to be somebody else's.

    profile: whose it was.  device, name: its id and name then.  known_by: IP addresses, networks
    and MAC addresses.  to: the profile that it is to be of; "" while it is nobody's.  author: in
    people's words.  at: when a guardian wanted it.  until: when it takes effect; None: with a yes
    of the person only.  Both are seconds since the epoch.
    """

    household: str
    id: str
    profile: str
    device: str
    name: str
    known_by: tuple[str, ...]
    to: str
    author: str
    at: int
    until: int | None

    def is_open(self, now: float) -> bool:
        """Tell whether the device still counts as its person's."""
        return self.until is None or now < self.until


def wanted_moves(
    before: Household, after: Household, author: str, now: int, unlinked: Iterable[str] = ()
) -> tuple[Move, ...]:
    """Return the moves that a change of a household asks for, without ids.

    unlinked: the ids of devices that never had a linked browser, where nobody could say yes: an
    adult's, such as a television, is then only announced.
    """
    never = frozenset(unlinked)
    found = (_wanted_move(before, after, each, author, now, never) for each in before.devices)
    return tuple(each for each in found if each is not None)


def _wanted_move(
    before: Household,
    after: Household,
    device: Device,
    author: str,
    now: int,
    unlinked: frozenset[str],
) -> Move | None:
    person = before.profile(device.profile)
    if person is None or after.profile(person.id) is None:
        return None  # a person who is removed takes all that is recorded along
    kept = {text for each in after.devices if each.profile == person.id for text in _texts(each)}
    lost = tuple(text for text in _texts(device) if text not in kept)
    lost += tuple(text for text in _find_captured(before, after, device) if text not in lost)
    if person.band_at(now).age < ANNOUNCED_FROM or not lost:
        return None
    to = _owner_of(after, lost, person.id)
    until = end_of_move(person, device.id, to, now, unlinked)
    return Move(before.id, "", person.id, device.id, device.name, lost, to, author, now, until)


def _find_captured(before: Household, after: Household, device: Device) -> tuple[str, ...]:
    """Return the new addresses of other people's devices that take some of a device away.

    Of two networks the smaller one counts.  A large network of somebody is not one device's, so
    whoever names a device in it takes nothing away.
    """
    there = {(each.profile, text) for each in before.devices for text in _texts(each)}
    mine = [text for text in _texts(device) if _is_of_one_device(text)]
    return tuple(
        text
        for each in after.devices
        if each.profile != device.profile
        for text in _texts(each)
        if (each.profile, text) not in there and any(_overlap(text, one) for one in mine)
    )


def _is_of_one_device(text: str) -> bool:
    try:
        network = ip_network(text)
    except ValueError:  # a MAC address
        return True
    return network.num_addresses <= FEW_ADDRESSES


def end_of_move(
    person: Profile, device: str, to: str, now: int, unlinked: Collection[str]
) -> int | None:
    """Return when a move away from a person takes effect; None: with their yes only.

    device: its id.  to, unlinked: as above.
    """
    if not to:
        return now + REMEMBERED_FOR
    band = person.band_at(now)
    if band.age < YES_FROM or (band is Band.ADULT and device in unlinked):
        return now + ANNOUNCED_FOR
    return None


def _owner_of(household: Household, known_by: Iterable[str], but: str) -> str:
    wanted = tuple(known_by)
    found = (each for each in household.devices if each.profile != but and _meets(each, wanted))
    return next((each.profile for each in found), "")


def new_owner(household: Household, move: Move) -> str:
    """Return whose the addresses of a move are to be in a household; "" for nobody's."""
    return _owner_of(household, move.known_by, move.profile)


def is_undone(household: Household, move: Move) -> bool:
    """Tell whether all addresses of a move are its person's again, or that person is gone."""
    if household.profile(move.profile) is None:
        return True
    theirs = [each for each in household.devices if each.profile == move.profile]
    is_back = all(any(_meets(one, (text,)) for one in theirs) for text in move.known_by)
    return is_back and not new_owner(household, move)


def with_moves(household: Household, moves: Iterable[Move], now: float) -> Household:
    """Return the household with devices that are to be moved as still their person's.

    Only the household that queries are answered by has them so: the stored one is as guardians
    want it, and nothing has to be done when the time has come.
    """
    waiting = [each for each in moves if each.is_open(now) and household.profile(each.profile)]
    if not waiting:
        return household
    devices = tuple(_as_still_of(each, waiting) for each in household.devices)
    return replace(household, devices=devices)


def keeper_of(
    household: Household, moves: Iterable[Move], known_by: Iterable[str], now: float
) -> str:
    """Return the profile of somebody of 13 or more to whom an address counts; "" for nobody.

    household: as stored.  known_by: IP addresses and MAC addresses.
    """
    wanted = tuple(known_by)
    for device in with_moves(household, moves, now).devices:
        person = household.profile(device.profile)
        if person is not None and _meets(device, wanted):
            return person.id if person.band_at(now).age >= ANNOUNCED_FROM else ""
    return ""


def _as_still_of(device: Device, waiting: Iterable[Move]) -> Device:
    for each in waiting:
        if _meets(device, each.known_by):
            return replace(device, profile=each.profile)
    return device


def _meets(device: Device, known_by: Iterable[str]) -> bool:
    """Tell whether a device is known by any of these, or by a network around one of them."""
    return any(_overlap(mine, other) for mine in _texts(device) for other in known_by)


def _overlap(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        first, second = ip_network(one), ip_network(other)
    except ValueError:  # a MAC address
        return False
    return first.version == second.version and first.overlaps(second)


def _texts(device: Device) -> tuple[str, ...]:
    return (*device.addresses, *device.macs)
