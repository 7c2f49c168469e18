"""Do all devices look alike?  Then copdns serves them all by the rules of one.

That happens in a container whose network hides who asks, behind another resolver, and behind a
repeater.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

ALIKE = "all queries come from"
WATCHED = 300.0  # seconds; before that, one device may just have been first
ENOUGH = 500  # questions that tell something

_OTHERS = (
    "set the router's DHCP to give out this machine's address as the DNS server, or, if another "
    "DNS server must forward to this one, make it pass on each device's address "
    "(dns.forwarders)"
)


class SeenRequestor(NamedTuple):
    """An address that asked.  mac: what is behind it, "" when not seen; a forwarder told it too."""

    address: str
    mac: str

    @property
    def who(self) -> str:
        return self.mac or self.address


def same_client_warning(
    asking: Iterable[SeenRequestor],
    questions: int,
    seconds: float,
    *,
    named: int,
    in_container: bool,
) -> str:
    """Return a warning with its remedy when all that asked look like one device; else "".

    questions, seconds: since the start.  named: how many devices the household has.
    """
    seen = set(asking)
    if seconds < WATCHED or questions < ENOUGH or named == 1 or len({e.who for e in seen}) != 1:
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
