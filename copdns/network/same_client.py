"""Warn where all devices look like one: copdns then serves them all by the rules of one.

That happens in a container whose network hides the requestor, behind another resolver, and behind
a repeater.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

ALIKE = "all queries come from"
MIN_SECONDS = 300.0  # since the start; before, one device may have been the first
MIN_QUESTIONS = 500  # queries; with fewer, nothing can be concluded

_OTHERS = (
    "set the router's DHCP to give out this machine's address as the DNS server, or, if another "
    "DNS server must forward to this one, make it pass on each device's address "
    "(dns.forwarders)"
)


class SeenRequestor(NamedTuple):
    """An address that sent queries.  mac: the one behind it, also by a forwarder; "" if unknown."""

    address: str
    mac: str

    @property
    def identity(self) -> str:
        """What tells clients apart: the MAC address, or else the address."""
        return self.mac or self.address


def same_client_warning(
    asking: Iterable[SeenRequestor],
    questions: int,
    seconds: float,
    *,
    named: int,
    in_container: bool,
) -> str:
    """Return a warning with its remedy where all queries seem to come from one device; else "".

    questions, seconds: queries and time since the start.  named: how many devices are named.
    """
    seen = set(asking)
    if (
        seconds < MIN_SECONDS
        or questions < MIN_QUESTIONS
        or named == 1
        or len({e.identity for e in seen}) != 1
    ):
        return ""
    if in_container:
        return (
            f"{ALIKE} one address, as in a container whose network hides the devices; use the "
            "host's network for the container (--network host)"
        )
    if len({each.address for each in seen}) > 1:
        return (
            f"{ALIKE} one network card, as behind a repeater or router: its MAC address does not "
            "tell devices apart, so add them by IP address; or " + _OTHERS
        )
    if ip_address(next(iter(seen)).address).is_loopback:
        return f"{ALIKE} this machine itself: {_OTHERS}"
    return f"{ALIKE} one address: if there are more devices, {_OTHERS}"
