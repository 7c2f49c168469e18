"""Find out whether a silent device is at home: the kernel asks it, by ARP or NDP.

An entry of the table of neighbours stays for hours after its device has gone.  Before the kernel
sends something to an address, it asks whether anybody has it, and takes the entry away where no
answer comes within ten seconds.  So an empty datagram is sent, and a minute later the table says
whether the device is here.  No privilege is needed, and the device need not answer the datagram.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress

from copdns.model.household import Device

PORT = 9  # discard (RFC 863)
ANSWERS_WITHIN = 20.0  # seconds, after which the kernel knows whether a device is here
MOST_ADDRESSES = 8  # of a device: IPv6 gives it several


def neighbour_addresses(device: Device, macs: Mapping[str, str] | None) -> tuple[str, ...]:
    """Return the addresses at which the table of neighbours has a device.

    macs: the MAC address by address; None while the table cannot be read.
    """
    found = (
        address
        for address, mac in (macs or {}).items()
        if mac in device.macs or (not device.macs and address in device.addresses)
    )
    # One that is only good for its own link says nothing without the interface.
    return tuple(sorted(each for each in found if not each.startswith("fe80:")))[:MOST_ADDRESSES]


def make_kernel_ask(addresses: Iterable[str]) -> None:
    """Send an empty datagram to each address; one that cannot be sent is left out."""
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sending:
            sending.setblocking(False)
            sending.sendto(b"", (address, PORT))
