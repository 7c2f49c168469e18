"""Keep upstreams' responses for as long as they say, within a bound, with TTLs that stay the same.

The cache holds what the upstream said and no decision: every query is decided by its own policy,
so one child's block never shows in another's reply.

A TTL that goes down would tell each device when another one asked.  So a record that came with a
TTL of T seconds is given with `given_ttl(T)` to everybody, and the response is dropped so much
earlier that nobody holds a record for longer than T.  Pure: `mono` is monotonic seconds.
"""

from __future__ import annotations

from itertools import islice
from struct import Struct
from typing import Final

from copdns.dns.message import UpstreamResponse
from copdns.dns.wire import CacheKey
from copdns.model.build import mypyc_attr
from copdns.model.errors import NXDOMAIN

_OVERHEAD: Final = 950  # octets of memory that an entry costs besides its records, measured
_EVICTION_TRIES: Final = 32  # entries that are looked at before one in use is dropped
_OLDEST: Final = 256  # keys that eviction takes from the dict at a time
_TTL: Final = Struct("!I").pack_into
MAX_GIVEN_TTL: Final = 60  # seconds; also the longest that "pause now" takes to be felt
_ANY_TYPE: Final = -1  # NXDOMAIN holds for every type of a name (RFC 2308 section 5); none has this


def given_ttl(ttl: int) -> int:
    """Return the TTL that a record is given with, in seconds.  ttl: that with which it came."""
    return min(ttl // 2, MAX_GIVEN_TTL)


@mypyc_attr(acyclic=True)
class CacheEntry:
    """A cached response.  expires: monotonic seconds.

    answer: the response, its records and `ttl_places` with the TTLs that they are given with.
    longest_ttl: the longest of these, in seconds; 0 where there are no records.
    recently_used: the reference bit of second-chance eviction.
    harmless_for: the policy and the verdict under which `judge_response` found nothing last.  Both
    are compared by identity: an equal verdict of another policy proves nothing.
    """

    __slots__ = (
        "_capped_rrs",
        "_capped_to",
        "answer",
        "expires",
        "harmless_for",
        "longest_ttl",
        "recently_used",
    )

    def __init__(
        self, answer: UpstreamResponse, expires: float, fixed_ttl: int | None = None
    ) -> None:
        """answer: as it came from the upstream.

        fixed_ttl: that of every record, in seconds; None: `given_ttl`.
        """
        body, longest, places = bytearray(answer.rrs), 0, []
        for at, ttl in answer.ttl_places:
            given = given_ttl(ttl) if fixed_ttl is None else fixed_ttl
            _TTL(body, at, given)
            places.append((at, given))
            if given > longest:
                longest = given
        self.answer = answer.with_ttls(bytes(body), tuple(places))
        self.longest_ttl = longest
        self.expires = expires
        self.recently_used = False
        self.harmless_for: tuple[object, object] = (None, None)
        self._capped_to = -1  # the cap ...
        self._capped_rrs = b""  # ... that these records have

    def rrs_within(self, cap: int | None) -> bytes:
        """Return the records, with no TTL above `cap` seconds."""
        answer = self.answer
        if cap is None or cap >= self.longest_ttl:
            return answer.rrs
        if cap != self._capped_to:
            body = bytearray(answer.rrs)
            for at, ttl in answer.ttl_places:
                _TTL(body, at, min(ttl, cap))
            self._capped_to, self._capped_rrs = cap, bytes(body)
        return self._capped_rrs


class Cache:
    """Responses by key.

    entries, octets: at most so many; the longest unused is dropped first.
    max_ttl, max_negative_ttl: seconds for which a response is believed, at most.
    """

    def __init__(
        self,
        entries: int = 20_000,
        octets: int = 32 << 20,
        max_ttl: int = 86_400,
        max_negative_ttl: int = 3_600,
    ) -> None:
        self.octets = 0
        # In the order in which they were stored, or last looked at by eviction.
        self._entries: dict[CacheKey, CacheEntry] = {}
        # Those that eviction looks at next, the oldest last; some may be gone by then.
        self._oldest: list[tuple[CacheKey, CacheEntry]] = []
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
        for _, of_record in answer.ttl_places:
            if of_record < ttl:  # of the authority or the additional section
                ttl = of_record
        entry = CacheEntry(answer, mono + ttl - given_ttl(ttl))
        if ttl > 0:
            # With a CNAME it is the target that does not exist: of this name, other types may.
            no_such_name = empty and answer.rcode == NXDOMAIN
            self._store(_any_type(key) if no_such_name else key, entry)
        return entry

    def clear(self) -> dict[CacheKey, CacheEntry]:
        """Forget everything; return it, to be freed gradually (`LazyFreeQueue`)."""
        gone, self._entries, self._oldest = self._entries, {}, []
        self._nxdomains.clear()
        self.octets = 0
        return gone

    def _store(self, key: CacheKey, entry: CacheEntry) -> None:
        everything = self._entries
        before = everything.pop(key, None)  # so that it is the newest
        if before is not None:
            self._subtract(key, before)
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
        for tries_left in range(_EVICTION_TRIES, -1, -1):
            key, entry = self._take_oldest()
            if not (entry.recently_used and tries_left):
                self._subtract(key, entry)
                return
            entry.recently_used = False
            self._entries[key] = entry

    def _take_oldest(self) -> tuple[CacheKey, CacheEntry]:
        """Take out the oldest entry and its key.

        Some are looked up at a time: a dict finds its first key only by going over the places of
        all that were deleted before it.
        """
        while True:
            if not self._oldest:
                self._oldest = [*islice(self._entries.items(), _OLDEST)]
                self._oldest.reverse()
            key, entry = self._oldest.pop()
            if self._entries.get(key) is entry:  # else another one was stored for the key
                del self._entries[key]
                return key, entry

    def _subtract(self, key: CacheKey, entry: CacheEntry) -> None:
        self.octets -= _size(entry)
        if key.qtype == _ANY_TYPE:
            self._nxdomains[key.qname] -= 1
            if not self._nxdomains[key.qname]:
                del self._nxdomains[key.qname]


def _any_type(key: CacheKey) -> CacheKey:
    return CacheKey(key.qname, _ANY_TYPE, key.do, key.cd, key.zone)


def _size(entry: CacheEntry) -> int:
    return 2 * len(entry.answer.rrs) + _OVERHEAD  # as it is given, and with another cap
