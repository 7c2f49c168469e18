"""Keep upstreams' responses for as long as they say, within a bound, with TTLs that go down.

The cache holds what the upstream said and no decision: every query is decided by its own policy,
so one child's block never shows in another's reply.  Pure: `mono` is monotonic seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from struct import Struct

from copdns.dns.message import UpstreamResponse
from copdns.dns.wire import CacheKey
from copdns.model.errors import NXDOMAIN

_OVERHEAD = 900  # octets of memory that an entry costs besides its records, measured
_EVICTION_TRIES = 32  # entries that are looked at before one in use is dropped
_TTL = Struct("!I").pack_into
_ANY_TYPE = -1  # NXDOMAIN holds for every type of a name (RFC 2308 section 5); none has this


class CacheEntry:
    """A cached response.  stored_at, expires: monotonic seconds.

    recently_used: the reference bit of second-chance eviction.
    harmless_for: the policy and the verdict under which `judge_response` found nothing last.  Both
    are compared by identity: an equal verdict of another policy proves nothing.
    """

    __slots__ = (
        "_aged_for",
        "_aged_rrs",
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
        self._aged_for: tuple[int, int | None] = (-1, None)  # the age and the cap ...
        self._aged_rrs = b""  # ... that these records have

    @property
    def longest_ttl(self) -> int:
        """The longest TTL of its records, as they came."""
        return max((ttl for _, ttl in self.answer.ttl_places), default=0)

    def unchanged_until(self, mono: float, cap: int | None) -> float:
        """Return until when `rrs_at` returns what it does now; monotonic seconds."""
        seconds = int(mono - self.stored_at) + 1
        if cap is not None and self.answer.ttl_places:
            # Above the cap nobody sees them age.
            seconds = max(seconds, min([ttl for _, ttl in self.answer.ttl_places]) - cap + 1)
        return min(self.stored_at + seconds, self.expires)

    def rrs_at(self, mono: float, cap: int | None) -> bytes:
        """Return the records with their TTLs at a moment, none above `cap` seconds."""
        age = int(mono - self.stored_at)
        if self._aged_for == (age, cap):
            return self._aged_rrs
        answer = self.answer
        body = bytearray(answer.rrs)
        for at, ttl in answer.ttl_places:
            left = ttl - age if ttl > age else 0
            _TTL(body, at, left if cap is None or left < cap else cap)
        self._aged_for, self._aged_rrs = (age, cap), bytes(body)
        return self._aged_rrs


class Cache:
    """Responses by key.

    entries, octets: at most so many; the longest unused is dropped first.
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
        # Names that do not exist, with how many entries say so: cheaper than a second look-up.
        self._nxdomains: dict[str, int] = {}
        self._max_entries = entries
        self._max_octets = octets
        self._max_ttl = max_ttl
        self._max_negative_ttl = max_negative_ttl

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: CacheKey, mono: float) -> CacheEntry | None:
        """Return the entry of a key, None where there is none or it has expired."""
        entry = self._entries.get(key)
        if (entry is None or mono >= entry.expires) and key.qname in self._nxdomains:
            entry = self._entries.get(_any_type(key))
        if entry is None or mono >= entry.expires:
            return None
        entry.recently_used = True
        return entry

    def put(self, key: CacheKey, answer: UpstreamResponse, mono: float) -> CacheEntry:
        """Return an entry for a response, stored where its TTL lets it."""
        empty = not answer.section_counts[0]
        if empty or answer.rcode == NXDOMAIN:
            ttl = min(answer.cache_ttl, self._max_negative_ttl)
        else:
            ttl = min(answer.cache_ttl, self._max_ttl)
        entry = CacheEntry(answer, mono, ttl)
        if ttl > 0:
            # With a CNAME it is the target that does not exist: of this name, other types may.
            no_such_name = empty and answer.rcode == NXDOMAIN
            self._store(_any_type(key) if no_such_name else key, entry)
        return entry

    def clear(self) -> dict[CacheKey, CacheEntry]:
        """Forget everything; return it, to be freed gradually (`LazyFreeQueue`)."""
        gone, self._entries = self._entries, OrderedDict()
        self._nxdomains.clear()
        self.octets = 0
        return gone

    def _store(self, key: CacheKey, entry: CacheEntry) -> None:
        everything = self._entries
        if key in everything:
            self._subtract(key, everything.pop(key))
        everything[key] = entry
        self.octets += _size(entry)
        if key.qtype == _ANY_TYPE:
            self._nxdomains[key.qname] = self._nxdomains.get(key.qname, 0) + 1
        while len(everything) > self._max_entries or self.octets > self._max_octets:
            self._evict()

    def _evict(self) -> None:
        """Drop the oldest entry that was not used since eviction last looked at it.

        Only the oldest few are looked at, so that no query waits where every entry is in use.
        """
        for _ in range(_EVICTION_TRIES):
            key, entry = self._entries.popitem(last=False)
            if not entry.recently_used:
                break
            entry.recently_used = False
            self._entries[key] = entry
        else:
            key, entry = self._entries.popitem(last=False)
        self._subtract(key, entry)

    def _subtract(self, key: CacheKey, entry: CacheEntry) -> None:
        self.octets -= _size(entry)
        if key.qtype == _ANY_TYPE:
            self._nxdomains[key.qname] -= 1
            if not self._nxdomains[key.qname]:
                del self._nxdomains[key.qname]


def _any_type(key: CacheKey) -> CacheKey:
    return CacheKey(key.qname, _ANY_TYPE, key.do, key.cd, key.zone)


def _size(entry: CacheEntry) -> int:
    return 2 * len(entry.answer.rrs) + _OVERHEAD  # as it came, and as it was given last
