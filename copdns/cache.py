"""Keep upstreams' answers for as long as they say, within a bound, and let their TTLs age.

What is kept is the upstream's word; policy is asked anew each time, so one child's block never
shows in another's answer.  Pure: `now` is a monotonic clock in seconds.
"""

from __future__ import annotations

from struct import pack_into

from copdns.errors import NXDOMAIN
from copdns.message import Answer
from copdns.wire import Key

_OVERHEAD = 600  # octets of memory that an entry costs besides its records, measured
_ANY_TYPE = 0  # NXDOMAIN holds for every type of a name (RFC 2308 section 5)


class Kept:
    """An answer in the cache.  used: asked for since eviction last looked at it."""

    __slots__ = ("_aged", "answer", "expires", "stored", "used")

    def __init__(self, answer: Answer, stored: float, ttl: float) -> None:
        self.answer = answer
        self.stored = stored
        self.expires = stored + ttl
        self.used = False
        self._aged: dict[int | None, tuple[int, bytes]] = {}

    def body(self, now: float, cap: int | None) -> bytes:
        """Return the answer's records with their TTLs as of now, none above `cap` seconds."""
        age = int(now - self.stored)
        made = self._aged.get(cap)
        if made is not None and made[0] == age:
            return made[1]
        body = bytearray(self.answer.body)
        for at, ttl in self.answer.ttls:
            left = max(ttl - age, 0)
            pack_into("!I", body, at, left if cap is None else min(left, cap))
        if len(self._aged) >= 4:  # caps near the end of a grant differ each second
            self._aged.clear()
        self._aged[cap] = age, bytes(body)
        return self._aged[cap][1]


class Cache:
    """Answers by key.

    entries, octets: what it may hold at most; the longest unused goes first.
    max_ttl, max_negative_ttl: seconds.
    """

    def __init__(
        self,
        entries: int = 20_000,
        octets: int = 16 << 20,
        max_ttl: int = 86_400,
        max_negative_ttl: int = 3_600,
    ) -> None:
        self.octets = 0
        self._kept: dict[Key, Kept] = {}
        self._max_entries = entries
        self._max_octets = octets
        self._max_ttl = max_ttl
        self._max_negative_ttl = max_negative_ttl

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key, now: float) -> Kept | None:
        """Return what is kept for a key and has not expired."""
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept.get(key._replace(qtype=_ANY_TYPE))
        if kept is None or now >= kept.expires:
            return None
        kept.used = True
        return kept

    def put(self, key: Key, answer: Answer, now: float) -> Kept:
        """Keep an answer, if it may be kept, and return it either way."""
        negative = answer.rcode == NXDOMAIN or not answer.counts[0]
        kept = Kept(answer, now, min(answer.ttl, self._max_ttl))
        if negative:
            kept.expires = min(kept.expires, now + self._max_negative_ttl)
        if kept.expires > now and self._max_entries:
            self._keep(key._replace(qtype=_ANY_TYPE) if answer.rcode == NXDOMAIN else key, kept)
        return kept

    def clear(self) -> None:
        self._kept.clear()
        self.octets = 0

    def _keep(self, key: Key, kept: Kept) -> None:
        before = self._kept.pop(key, None)
        if before is not None:
            self.octets -= _size(before)
        self._kept[key] = kept
        self.octets += _size(kept)
        while len(self._kept) > self._max_entries or self.octets > self._max_octets:
            self._evict()

    def _evict(self) -> None:
        """Drop the oldest entry that nobody asked for since it was last looked at."""
        while True:
            key = next(iter(self._kept))
            kept = self._kept.pop(key)
            if not kept.used:
                self.octets -= _size(kept)
                return
            kept.used = False
            self._kept[key] = kept


def _size(kept: Kept) -> int:
    return len(kept.answer.body) + _OVERHEAD
