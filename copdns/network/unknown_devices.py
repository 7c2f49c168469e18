"""Unknown devices that asked: what a guardian needs to give one a name, and no more.

Kept for 30 days after the last day on which one asked; at most 200 of them.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import NamedTuple

from copdns.model.addresses import is_private_mac
from copdns.policy.snapshot import UnknownClient

KEPT = 30 * 86_400  # seconds after the day of the last question
VISITORS = 200
NEWCOMERS = 10  # at once; more wait for their next turn, so that a flood of them fills no log

_DAY = 86_400
_NONE: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class UnknownDevice:
    """An unknown device, or an unknown MAC address at the address of a known device.

    id: "u1", "u2" ..., in its household nobody else's before or after.  device: the known
    one, "" for an unknown device.
    mac: "" when none was seen.  address: where it was last seen.  name: what the device calls
    itself, "" when no lease says.  first, last: seconds since the epoch; last is the beginning
    of a day.
    """

    household: str
    id: str
    device: str
    mac: str
    address: str
    name: str
    first: int
    last: int

    @property
    def key(self) -> tuple[str, str]:
        return self.household, self.mac or self.address

    @property
    def is_private(self) -> bool:
        """Its MAC address is made up, and may be another one tomorrow."""
        return bool(self.mac) and is_private_mac(self.mac)


class UpdatedUnknown(NamedTuple):
    """visitors: all, the oldest first.  newcomers: those of them that were not there before."""

    visitors: tuple[UnknownDevice, ...]
    newcomers: tuple[UnknownDevice, ...]


def update_unknown(
    visitors: Iterable[UnknownDevice],
    notices: Iterable[UnknownClient],
    name_of: Callable[[UnknownClient], str],
    now: float,
    numbers: Mapping[str, int] = _NONE,
) -> UpdatedUnknown:
    """Return the visitors after some were noticed.

    name_of: what a notice's lease says.  numbers: the highest that a visitor of a household ever
    had, who may be gone.
    """
    numbers = dict(numbers)
    known = {each.key: each for each in visitors if each.last + KEPT > now}
    newcomers: list[tuple[str, str]] = []
    today = int(now) // _DAY * _DAY
    for notice in filter(_can_be_named, notices):
        key = notice.household, notice.mac or notice.address
        # One that was seen without its MAC address before is no other.
        old = known.pop(key, None) or known.pop((notice.household, notice.address), None)
        if old is None:
            if len(newcomers) >= NEWCOMERS:
                continue
            newcomers.append(key)
            there = [each.id for each in known.values() if each.household == notice.household]
            number = max(numbers.get(notice.household, 0), highest(there)) + 1
            numbers[notice.household] = number
            old = _newcomer(notice, number, int(now))
        known[key] = replace(
            old,
            device=notice.device,
            mac=notice.mac,
            address=notice.address,
            name=name_of(notice) or old.name,
            last=today,
        )
    kept = tuple(known.values())[-VISITORS:]
    return UpdatedUnknown(kept, tuple(each for each in kept if each.key in newcomers))


def _can_be_named(notice: UnknownClient) -> bool:
    """Without a MAC address only an IPv4 address is worth a note: those of IPv6 go by the day."""
    address = ip_address(notice.address)
    return bool(notice.mac) or (address.version == 4 and not address.is_loopback)


def _newcomer(notice: UnknownClient, number: int, now: int) -> UnknownDevice:
    return UnknownDevice(
        household=notice.household,
        id=f"u{number}",
        device="",
        mac=notice.mac,
        address="",
        name="",
        first=now,
        last=0,
    )


def highest(ids: Iterable[str]) -> int:
    """Return the highest number among ids of visitors, 0 where there are none."""
    return max((int(each[1:]) for each in ids if each[1:].isdecimal()), default=0)


def now_known(
    visitors: Iterable[UnknownDevice], owner: Callable[[UnknownDevice], str]
) -> Iterator[tuple[UnknownDevice, str]]:
    """Yield those that are no visitors any more, each with the device that it is now.

    owner: the id of the device that has a visitor's MAC address, or its address; "" when none has.
    """
    for each in visitors:
        device = owner(each)
        if device:
            yield each, device
