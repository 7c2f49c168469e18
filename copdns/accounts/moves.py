"""Moved devices: a device of somebody of 13 or more stays theirs until that was announced.  Pure.

Else a telephone could be given to a child who has a full log, and back, and its names be read.  So
a move is stored as guardians want it, and takes effect a day later, or at once with the person's
own yes; from 16 on only with it.  Until then the household that queries are answered by has the
device as its person's, so all is kept as their mode allows.  What counts is the addresses: removing
a device and adding it anew is a move, too, and so is giving somebody else an address or MAC address
that the network shows to be that device's.  Where the person is removed, their devices are nobody's
for as long: guest rules apply to them, whoever was to get them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

from copdns.accounts.account import ANNOUNCED_FROM, Guest
from copdns.model.device_tokens import is_stored_token
from copdns.model.household import Band, Device, Household, Profile

DAY = 86_400
YES_FROM = 16  # years: they need a yes
ANNOUNCED_FOR = DAY
FEW_ADDRESSES = 16  # a network of no more may be one device's
SHOWN_FOR = 7 * DAY  # that a device was removed, on the pages of its person
REMEMBERED_FOR = 30 * DAY  # of a device that was removed: then its addresses are anybody's

# Addresses, each with a MAC address that was seen behind it.
Seen = Collection[tuple[str, str]]


class Move(NamedTuple):
    """Addresses of somebody's device that are to be somebody else's.

    profile: whose it was.  device, name: its id and name then.  known_by: IP addresses, networks,
    MAC addresses and digests of tokens.  to: the profile that it is to be of; "" while it is
    nobody's.  author: in people's words.  at: when a guardian wanted it.  until: when it takes
    effect; None: with a yes of the person only.  Both are seconds since the epoch.  by_sight: the
    device was never listed with these addresses, but the network shows that they are its.
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
    by_sight: bool = False

    def is_open(self, now: float) -> bool:
        """Tell whether the device still counts as its person's."""
        return self.until is None or now < self.until

    @property
    def is_of_tokens(self) -> bool:
        """Whether it is about tokens alone: a revoked one does not mean that its device is gone."""
        return all(map(is_stored_token, self.known_by))

    def is_new(self, now: float) -> bool:
        """Tell whether it was wanted so lately that the person's pages say so, even where nothing
        can be done about it."""
        return now - self.at < SHOWN_FOR


def wanted_moves(
    before: Household,
    after: Household,
    author: str,
    now: int,
    unlinked: Iterable[str] = (),
    seen: Seen = (),
) -> tuple[Move, ...]:
    """Return the moves that a change of a household asks for, without ids.

    unlinked: the ids of devices that never had a linked browser, where nobody could say yes: an
    adult's, such as a television, is then only announced.  seen: what the network shows.
    """
    never = frozenset(unlinked)
    return tuple(
        each
        for device in before.devices
        for each in _wanted_moves_of(before, after, device, author, now, never, seen)
    )


def _wanted_moves_of(
    before: Household,
    after: Household,
    device: Device,
    author: str,
    now: int,
    unlinked: frozenset[str],
    seen: Seen,
) -> Iterator[Move]:
    person = before.profile(device.profile)
    if person is None or person.band_at(now).age < ANNOUNCED_FROM:
        return
    is_gone = after.profile(person.id) is None
    kept = {text for each in after.devices if each.profile == person.id for text in _texts(each)}
    lost = [text for text in _texts(device) if text not in kept]
    lost += [text for text in _find_captured(before, after, device) if text not in lost]
    by_sight = [text for text in _find_captured(before, after, device, seen) if text not in lost]
    for texts in (lost, by_sight):
        if texts:
            to = _owner_of(after, texts, person.id)
            until = end_of_move(person, device.id, to, now, unlinked)
            if is_gone and until is None:
                until = now + REMEMBERED_FOR
            yield Move(
                *(before.id, "", person.id, device.id, device.name, tuple(texts), to, author),
                *(now, until, texts is by_sight),
            )


def _find_captured(
    before: Household, after: Household, device: Device, seen: Seen = ()
) -> tuple[str, ...]:
    """Return the new addresses of other people's devices that take some of a device away.

    Of two networks the smaller one counts.  A large network of somebody is not one device's, so
    whoever names a device in it takes nothing away.
    """
    there = {(each.profile, text) for each in before.devices for text in _texts(each)}
    mine = [text for text in _texts(device) if _is_of_one_device(text)]
    also = _find_other_addresses(before, device, seen)
    return tuple(
        text
        for each in after.devices
        if each.profile != device.profile
        for text in _texts(each)
        if (each.profile, text) not in there
        and (any(_overlap(text, one) for one in mine) or text in also)
    )


def _find_other_addresses(household: Household, device: Device, seen: Seen) -> frozenset[str]:
    """Return by what a device could be known too: the MAC addresses at its addresses, and their
    other addresses.

    Nothing for a device that is known by a MAC address: it shows that, and others are not it.
    """
    if device.macs:
        return frozenset()
    mine = [text for text in device.addresses if _is_of_one_device(text)]
    known = {mac for each in household.devices for mac in each.macs}
    macs = {mac for at, mac in seen if mac not in known and any(_overlap(at, one) for one in mine)}
    return frozenset(macs | {at for at, mac in seen if mac in macs})


def _is_of_one_device(text: str) -> bool:
    return _count_addresses(text) <= FEW_ADDRESSES


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
    """Tell whether all addresses of a move are its person's again."""
    theirs = [each for each in household.devices if each.profile == move.profile]
    is_back = move.by_sight or all(
        any(_meets(one, (text,)) for one in theirs) for text in move.known_by
    )
    return is_back and not new_owner(household, move)


def with_moves(household: Household, moves: Iterable[Move], now: float) -> Household:
    """Return the household with devices that are to be moved as still their person's.

    Those of somebody who was removed are devices without an id and a profile, which are treated as
    unknown ones.  Only the household that queries are answered by has them so: the stored one is
    as guardians want it, and nothing has to be done when the time has come.
    """
    for each in moves:
        if not each.is_open(now):
            continue
        if household.profile(each.profile) is not None:
            devices = tuple(_with_move(household.devices, each))
        else:
            devices = tuple(_with_nobodys(household.devices, each))
        household = replace(household, devices=devices)
    return household


def _with_nobodys(devices: Iterable[Device], move: Move) -> Iterator[Device]:
    """Yield the devices, and what a removed person's was known by as a device of nobody.

    Large networks of other people stay theirs: the smaller one counts.
    """
    nobodys = Device("", move.name, "", *_sorted_texts(move.known_by))
    for each in devices:
        rest = _part(each, lambda text: not _is_within_any(text, move.known_by))
        if _texts(rest):
            yield rest
    yield nobodys


def _sorted_texts(known_by: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the IP addresses and networks, and the MAC addresses.

    Not the tokens: guest rules are for who is at home.
    """
    texts = tuple(text for text in known_by if not is_stored_token(text))
    macs = tuple(text for text in texts if isinstance(_read(text), str))
    return tuple(text for text in texts if text not in macs), macs


def _is_within_any(text: str, others: Iterable[str]) -> bool:
    """Tell whether an address, network or MAC address is one of others, or within one."""
    size = _count_addresses(text)
    return any(_overlap(text, one) and size <= _count_addresses(one) for one in others)


def keeper_of(
    household: Household, moves: Iterable[Move], known_by: Iterable[str], now: float, but: str = ""
) -> str:
    """Return the profile of somebody of 13 or more to whom an address counts; "" for nobody.

    A device that was removed counts to its person until the move is over, though guest rules apply
    to it.  household: as stored.  known_by: IP addresses and MAC addresses.  but: the profile that
    does not matter.
    """
    owners = _read_owners(household, tuple(moves), now)
    return _find_keeper(household, owners, known_by, now, but)


def admit_guests(
    household: Household, moves: Iterable[Move], guests: Iterable[Guest], now: float
) -> tuple[Guest, ...]:
    """Return the guests without those at an address of somebody else of 13 or more.

    Nobody becomes a guest at such an address, but one of a guest may become that person's later.
    """
    found = tuple(guests)
    owners = _read_owners(household, tuple(moves), now) if found else []
    return tuple(
        each
        for each in found
        if not each.profile
        or not _find_keeper(household, owners, (each.address, each.mac), now, each.profile)
    )


class _Owner(NamedTuple):
    """Whose an address, a network or a MAC address is.  size: of how many addresses."""

    known_by: IPv4Network | IPv6Network | str
    profile: str
    size: int


def _read_owners(household: Household, moves: tuple[Move, ...], now: float) -> list[_Owner]:
    """Return whose everything is by which devices are known, or were until they were removed."""
    found = [
        (text, each.profile)
        for each in with_moves(household, moves, now).devices
        for text in _texts(each)
    ]
    found += [(text, each.profile) for each in moves if each.is_open(now) for text in each.known_by]
    return [_Owner(_read(text), profile, _count_addresses(text)) for text, profile in found]


def _find_keeper(
    household: Household, owners: list[_Owner], known_by: Iterable[str], now: float, but: str
) -> str:
    """Return who of 13 or more the nearest owner of any of these is; "" for nobody."""
    for wanted in map(_read, filter(None, known_by)):
        found = [each for each in owners if _overlap_read(each.known_by, wanted)]
        nearest = min((each.size for each in found), default=0)
        for each in found:
            person = household.profile(each.profile)
            if person is None:  # of somebody who was removed: only those of 13 or more have moves
                is_old_enough = bool(each.profile)
            else:
                is_old_enough = person.band_at(now).age >= ANNOUNCED_FROM
            if each.size == nearest and is_old_enough and each.profile != but:
                return each.profile
    return ""


def _with_move(devices: Iterable[Device], move: Move) -> Iterator[Device]:
    """Yield the devices, with what is to be moved as still its person's.

    What else a device of somebody else is known by stays theirs.  What the person's own device
    would lose goes back to it, so that a linked browser there is one of this device.
    """
    found, taken, kept = tuple(devices), [], []
    for each in found:
        if each.profile == move.profile or not _meets(each, move.known_by):
            kept.append(each)
            continue
        taken.append(_part(each, lambda text: _overlap_any(text, move.known_by)))
        rest = _part(each, lambda text: not _overlap_any(text, move.known_by))
        if _texts(rest):
            kept.append(rest)
    has_own = any((each.id, each.profile) == (move.device, move.profile) for each in found)
    for each in kept:
        if has_own and (each.id, each.profile) == (move.device, move.profile):
            yield _join(each, taken)
        else:
            yield each
    if not has_own:
        yield from (replace(each, profile=move.profile) for each in taken)


def _part(device: Device, is_meant: Callable[[str], bool]) -> Device:
    """Return a device with some of what it is known by."""
    return replace(
        device,
        addresses=tuple(filter(is_meant, device.addresses)),
        macs=tuple(filter(is_meant, device.macs)),
        tokens=tuple(filter(is_meant, device.tokens)),
    )


def _join(device: Device, others: Iterable[Device]) -> Device:
    """Return a device that is known by all that others are known by, too."""
    for each in others:
        addresses = dict.fromkeys((*device.addresses, *each.addresses))
        macs = dict.fromkeys((*device.macs, *each.macs))
        tokens = dict.fromkeys((*device.tokens, *each.tokens))
        device = replace(device, addresses=tuple(addresses), macs=tuple(macs), tokens=tuple(tokens))
    return device


def _overlap_any(text: str, others: Iterable[str]) -> bool:
    return any(_overlap(text, other) for other in others)


def _meets(device: Device, known_by: Iterable[str]) -> bool:
    """Tell whether a device is known by any of these, or by a network around one of them."""
    return any(_overlap(mine, other) for mine in _texts(device) for other in known_by)


def _overlap(one: str, other: str) -> bool:
    return one == other or _overlap_read(_read(one), _read(other))


def _overlap_read(
    one: IPv4Network | IPv6Network | str, other: IPv4Network | IPv6Network | str
) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return one.version == other.version and one.overlaps(other)


def _read(text: str) -> IPv4Network | IPv6Network | str:
    """Return a network, of one address or more; a MAC address or a token as it is."""
    try:
        return ip_network(text)
    except ValueError:
        return text


def _count_addresses(text: str) -> int:
    found = _read(text)
    return 1 if isinstance(found, str) else found.num_addresses


def _texts(device: Device) -> tuple[str, ...]:
    return (*device.addresses, *device.macs, *device.tokens)
