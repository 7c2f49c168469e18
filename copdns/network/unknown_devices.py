"""Unknown devices that sent queries: what a guardian needs to name one, and no more.

Each is kept for 30 days after the last day of its queries; at most 200 are.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import NamedTuple

from copdns.model.addresses import is_private_mac
from copdns.policy.snapshot import UnknownClient

KEEP_SECONDS = 30 * 86_400  # after the day of the last query
MAX_DEVICES = 200
MAX_NEWCOMERS = 10  # of one call; more wait for the next, so that a flood of them fills no log

_DAY = 86_400
_NONE: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class UnknownDevice:
    """An unknown device, or an unknown MAC address at the address of a known device.

    id: "u1", "u2" and so on; never used again in its household.
    device: the id of the known device, "" for an unknown device.
    mac: "" where none was seen.  address: where it was seen last.
    name: what the device calls itself, "" where no lease says.
    first, last: seconds since the epoch; last is the start of a day.
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
        """What tells unknown devices apart: the household, and MAC address or else address."""
        return self.household, self.mac or self.address

    @property
    def is_private(self) -> bool:
        """Tell whether its MAC address is random, and so may change."""
        return bool(self.mac) and is_private_mac(self.mac)


class UpdatedUnknown(NamedTuple):
    """The unknown devices after an update.

    devices: all, the oldest first.  newcomers: those among them that were not there before.
    """

    devices: tuple[UnknownDevice, ...]
    newcomers: tuple[UnknownDevice, ...]


def update_unknown(
    devices: Iterable[UnknownDevice],
    notices: Iterable[UnknownClient],
    name_of: Callable[[UnknownClient], str],
    now: float,
    numbers: Mapping[str, int] = _NONE,
) -> UpdatedUnknown:
    """Return the unknown devices after some sent queries.

    notices: those that did.  name_of: returns the name in the lease of one.  now: seconds since the
    epoch.  numbers: by household, the highest number that an unknown device ever had.
    """
    numbers = dict(numbers)
    known = {each.key: each for each in devices if each.last + KEEP_SECONDS > now}
    newcomers: list[tuple[str, str]] = []
    today = int(now) // _DAY * _DAY
    for notice in filter(_can_be_named, notices):
        key = notice.household, notice.mac or notice.address
        # The same device may have been seen without its MAC address before.
        old = known.pop(key, None) or known.pop((notice.household, notice.address), None)
        if old is None:
            if len(newcomers) >= MAX_NEWCOMERS:
                continue
            newcomers.append(key)
            there = [each.id for each in known.values() if each.household == notice.household]
            number = max(numbers.get(notice.household, 0), highest_number(there)) + 1
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
    devices = tuple(known.values())[-MAX_DEVICES:]
    return UpdatedUnknown(devices, tuple(each for each in devices if each.key in newcomers))


def _can_be_named(notice: UnknownClient) -> bool:
    """Tell whether a notice identifies a device.

    Without a MAC address only an IPv4 address does: devices change those of IPv6 every day.
    """
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


def highest_number(ids: Iterable[str]) -> int:
    """Return the highest number among ids of unknown devices; 0 for none."""
    return max((int(each[1:]) for each in ids if each[1:].isdecimal()), default=0)


def find_named(
    devices: Iterable[UnknownDevice], owner: Callable[[UnknownDevice], str]
) -> Iterator[tuple[UnknownDevice, str]]:
    """Yield the unknown devices that are known now, each with the id of its device.

    owner: returns the id of the device that has the MAC address or address of one; "" for none.
    """
    for each in devices:
        device = owner(each)
        if device:
            yield each, device
