"""Keep upstreams' answers for as long as they say, within a bound, and let their TTLs age.

What is kept is the upstream's word; policy is asked anew each time, so one child's block never
shows in another's answer.  Pure: `now` is a monotonic clock in seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from struct import Struct

from copdns.dns.message import UpstreamResponse
from copdns.dns.wire import CacheKey
from copdns.model.errors import NXDOMAIN

_OVERHEAD = 900  # octets of memory that an entry costs besides its records, measured
_EVICTION_TRIES = 32  # at entries, before one is dropped that is in use
_TTL = Struct("!I").pack_into
_ANY_TYPE = -1  # NXDOMAIN holds for every type of a name (RFC 2308 section 5); none has this


class CacheEntry:
    """An answer in the cache.  used: asked for since eviction last looked at it.

    passed: the policy and the verdict under which what is inside was found harmless last.
    """

    __slots__ = (
        "_body",
        "_made",
        "answer",
        "expires",
        "harmless_for",
        "recently_used",
        "stored_at",
    )

    def __init__(self, answer: UpstreamResponse, stored: float, ttl: float) -> None:
        self.answer = answer
        self.stored_at = stored
        self.expires = stored + ttl
        self.recently_used = False
        self.harmless_for: tuple[object, object] = (None, None)
        self._made: tuple[int, int | None] = (-1, None)  # at what age, with what cap ...
        self._body = b""  # ... this was made last

    @property
    def longest_ttl(self) -> int:
        """The longest TTL of its records, as they came."""
        return max((ttl for _, ttl in self.answer.ttl_places), default=0)

    def unchanged_until(self, now: float, cap: int | None) -> float:
        """Return until when `body` will be what it is now; seconds on the monotonic clock."""
        seconds = int(now - self.stored_at) + 1
        if cap is not None and self.answer.ttl_places:
            # Above the cap nobody sees them age.
            seconds = max(seconds, min([ttl for _, ttl in self.answer.ttl_places]) - cap + 1)
        return min(self.stored_at + seconds, self.expires)

    def rrs_at(self, now: float, cap: int | None) -> bytes:
        """Return the answer's records with their TTLs as of now, none above `cap` seconds."""
        age = int(now - self.stored_at)
        if self._made == (age, cap):
            return self._body
        answer = self.answer
        body = bytearray(answer.rrs)
        for at, ttl in answer.ttl_places:
            left = ttl - age if ttl > age else 0
            _TTL(body, at, left if cap is None or left < cap else cap)
        self._made, self._body = (age, cap), bytes(body)
        return self._body


class Cache:
    """Answers by key.

    entries, octets: what it may hold at most; the longest unused goes first.
    max_ttl, max_negative_ttl: seconds.
    """

    def __init__(
        self,
        entries: int = 20_000,
        octets: int = 32 << 20,
        max_ttl: int = 86_400,
        max_negative_ttl: int = 3_600,
    ) -> None:
        self.octets = 0
        self._entries: OrderedDict[CacheKey, CacheEntry] = OrderedDict()
        # Names that do not exist, with how many entries say so: a look here is cheap.
        self._nxdomains: dict[str, int] = {}
        self._max_entries = entries
        self._max_octets = octets
        self._max_ttl = max_ttl
        self._max_negative_ttl = max_negative_ttl

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: CacheKey, now: float) -> CacheEntry | None:
        """Return what is kept for a key and has not expired."""
        kept = self._entries.get(key)
        if (kept is None or now >= kept.expires) and key.qname in self._nxdomains:
            kept = self._entries.get(_any_type(key))
        if kept is None or now >= kept.expires:
            return None
        kept.recently_used = True
        return kept

    def put(self, key: CacheKey, answer: UpstreamResponse, now: float) -> CacheEntry:
        """Keep an answer, if it may be kept, and return it either way."""
        empty = not answer.section_counts[0]
        if empty or answer.rcode == NXDOMAIN:
            ttl = min(answer.cache_ttl, self._max_negative_ttl)
        else:
            ttl = min(answer.cache_ttl, self._max_ttl)
        kept = CacheEntry(answer, now, ttl)
        if ttl > 0:
            # With a CNAME it is the target that does not exist: of this name, other types may.
            no_such_name = empty and answer.rcode == NXDOMAIN
            self._store(_any_type(key) if no_such_name else key, kept)
        return kept

    def clear(self) -> dict[CacheKey, CacheEntry]:
        """Forget everything; return it, for whoever lets go of it slowly."""
        gone, self._entries = self._entries, OrderedDict()
        self._nxdomains.clear()
        self.octets = 0
        return gone

    def _store(self, key: CacheKey, kept: CacheEntry) -> None:
        everything = self._entries
        if key in everything:
            self._dropped(key, everything.pop(key))
        everything[key] = kept
        self.octets += _size(kept)
        if key.qtype == _ANY_TYPE:
            self._nxdomains[key.qname] = self._nxdomains.get(key.qname, 0) + 1
        while len(everything) > self._max_entries or self.octets > self._max_octets:
            self._evict()

    def _evict(self) -> None:
        """Drop the oldest entry that nobody asked for since it was last looked at.

        A full cache in which every entry is in use must not make a query wait, so only the
        oldest few are looked at.
        """
        for _ in range(_EVICTION_TRIES):
            key, kept = self._entries.popitem(last=False)
            if not kept.recently_used:
                break
            kept.recently_used = False
            self._entries[key] = kept
        else:
            key, kept = self._entries.popitem(last=False)
        self._dropped(key, kept)

    def _dropped(self, key: CacheKey, kept: CacheEntry) -> None:
        self.octets -= _size(kept)
        if key.qtype == _ANY_TYPE:
            self._nxdomains[key.qname] -= 1
            if not self._nxdomains[key.qname]:
                del self._nxdomains[key.qname]


def _any_type(key: CacheKey) -> CacheKey:
    return CacheKey(key.qname, _ANY_TYPE, key.do, key.cd, key.zone)


def _size(kept: CacheEntry) -> int:
    return 2 * len(kept.answer.rrs) + _OVERHEAD  # as it came, and as it was given last
