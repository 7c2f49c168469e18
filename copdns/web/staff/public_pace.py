"""How often the public may ask.

Counted in memory, by a keyed digest of the address, for a minute.
"""

from __future__ import annotations

import secrets
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Final

from aiohttp import web

from copdns.web.many_households.shown_secrets import peer_of
from copdns.web.staff.site import SITE

A_MINUTE: Final = 10  # questions from one address
ALL_A_MINUTE: Final = 300  # from all
MOST_ADDRESSES: Final = 10_000


class PublicPace:
    """How often the public may ask; moments are seconds of any clock."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        self._minute = 0
        self._asked: dict[bytes, int] = {}
        self._all = 0

    def may_ask(self, address: str, now: float) -> bool:
        """Count a question, and tell whether it may be answered."""
        if int(now // 60) != self._minute:
            self._minute, self._asked, self._all = int(now // 60), {}, 0
        digest = blake2b(address.encode(), key=self._key, digest_size=8).digest()
        if digest not in self._asked and len(self._asked) >= MOST_ADDRESSES:
            return False
        asked = self._asked[digest] = self._asked.get(digest, 0) + 1
        if asked > A_MINUTE:
            return False  # and takes nothing of what all have together
        self._all += 1
        return self._all <= ALL_A_MINUTE


def may_ask(request: web.Request, pace: PublicPace) -> bool:
    """Count a question of who sends a request, and tell whether it may be answered."""
    peer = peer_of(request) or request.remote or ""
    return pace.may_ask(line_of(peer), request.app[SITE].now())


def line_of(address: str) -> str:
    """Return what one line has: an address of IPv4, or the prefix of 64 bits of one of IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Network((found.packed, 64), strict=False))
