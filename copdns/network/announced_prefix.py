"""Hear which prefix of NAT64 the network's routers announce (PREF64, RFC 8781).

The kernel passes on what routers advertise where this machine takes their advertisements.  Nothing
is asked, and so nothing is known before the first one comes.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv6Network

from copdns.model.errors import TextError
from copdns.model.nat64 import nat64_prefix
from copdns.network.kernel import open_netlink, read_pending
from copdns.network.netlink import ANNOUNCEMENTS, AnnouncedPrefix, read_messages

# Prefixes at a time.  Anyone in the network can announce more, and each adds an address to answers.
MAX_KNOWN = 4
# What a translator may have: addresses of the Internet, of a site, and those set apart for it.
TRANSLATORS = tuple(map(IPv6Network, ("2000::/3", "fc00::/7", "64:ff9b::/47")))


class AnnouncedPrefixes:
    """Prefixes that are announced now."""

    def __init__(self, connect: Callable[[int], socket.socket] = open_netlink) -> None:
        """connect: opens a netlink socket for a group; raises OSError where there is none."""
        self._connect = connect
        self._source: socket.socket | None = None
        self._ends: dict[str, float] = {}  # by prefix, in monotonic seconds

    def open(self) -> None:
        """Begin to hear; nothing is heard where the system has no netlink."""
        if self._source is None:
            try:
                self._source = self._connect(ANNOUNCEMENTS)
            except OSError:
                return  # then the servers of the network are asked, as ever (RFC 7050)

    def close(self) -> None:
        """Hear no more, and forget what was heard."""
        if self._source is not None:
            self._source.close()
        self._source = None
        self._ends.clear()

    def now(self, mono: float) -> tuple[str, ...]:
        """Return the prefixes that hold, in the order of their coming."""
        for each in self._read():
            self._take(each, mono)
        self._ends = {prefix: end for prefix, end in self._ends.items() if end > mono}
        return tuple(self._ends)

    def _read(self) -> list[AnnouncedPrefix]:
        if self._source is None:
            return []
        try:
            return [
                message
                for datagram in read_pending(self._source)
                for _, message in read_messages(datagram)
                if isinstance(message, AnnouncedPrefix)
            ]
        except OSError:  # more came than the kernel had room for: the next ones are heard
            return []

    def _take(self, announced: AnnouncedPrefix, mono: float) -> None:
        try:
            prefix = nat64_prefix(announced.prefix)
        except (ValueError, TextError):
            return
        if not any(prefix.subnet_of(each) for each in TRANSLATORS):
            return  # such as this machine itself, or a device of the same network
        if not announced.lifetime:
            self._ends.pop(announced.prefix, None)
        elif announced.prefix in self._ends or len(self._ends) < MAX_KNOWN:
            self._ends[announced.prefix] = mono + announced.lifetime
