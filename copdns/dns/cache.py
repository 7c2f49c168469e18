"""Keep upstreams' responses for as long as they say, within a bound, with TTLs that stay the same.

The cache holds what the upstream said and no decision: every query is decided by its own policy,
so one child's block never shows in another's reply.

A TTL that goes down would tell each device when another one asked.  So a record that came with a
TTL of T seconds is given with `shorten_ttl(T)` to everybody, and the response is dropped so much
earlier that nobody holds a record for longer than T.

A response that has expired stays for a while, for when no upstream can say anything newer
(RFC 8767); `STALE_TTL` is then the longest TTL.  One that is in use is named by `take_due` shortly
before it expires, to be fetched again.  Pure: `mono` is monotonic seconds.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import islice
from struct import Struct
from typing import Final

from copdns.dns.message import NOERROR, UpstreamResponse
from copdns.dns.query import CacheKey
from copdns.model.build import mypyc_attr
from copdns.model.errors import NXDOMAIN
from copdns.model.reasons import STALE_ANSWER, STALE_NXDOMAIN, Ede

_OVERHEAD: Final = 950  # octets of memory that an entry costs besides its records, measured
_EVICTION_TRIES: Final = 32  # entries that are looked at before one in use is dropped
_OLDEST: Final = 256  # keys that eviction takes from the dict at a time
_TTL: Final = Struct("!I").pack_into
MAX_GIVEN_TTL: Final = 60  # seconds; also the longest that "pause now" takes to be felt
STALE_TTL: Final = 30  # seconds, of a record that has expired (RFC 8767 section 4), at most
_LEAST_TO_REFRESH: Final = 4.0  # seconds that a response must still have; shorter ones just expire
# Seconds of a response that is looked at twice: a device that uses it asks again within the second
# half of them.
_LEAST_TO_LOOK_TWICE: Final = 2 * MAX_GIVEN_TTL
# A response in use is fetched again a tenth of its time before it expires, within these seconds.
_SHORTEST_LEAD: Final = 2.0
_LONGEST_LEAD: Final = 30.0
_EDE_STALE: Final = Ede(STALE_ANSWER, "no upstream answered; this is an earlier answer")
_EDE_STALE_NXDOMAIN: Final = Ede(STALE_NXDOMAIN, "no upstream answered; this is an earlier answer")
_LOOKED: Final = -1  # no second
_ANY_TYPE: Final = -1  # NXDOMAIN holds for every type of a name (RFC 2308 section 5); none has this


def shorten_ttl(ttl: int) -> int:
    """Return the TTL that a record is given with, in seconds.  ttl: that with which it came."""
    return min(ttl // 2, MAX_GIVEN_TTL)


_NO_KEY: Final = CacheKey("", _ANY_TYPE, False, False)
TtlPlaces = tuple[tuple[int, int], ...]  # as in UpstreamResponse
_FIRST_PLACE: Final = 6  # of a TTL, behind a pointer to the name asked, type and class
# By the TTL that it is given with: octets, and the places of a response of one such record alone,
# as most are.
_OCTETS: Final = [ttl.to_bytes(4, "big") for ttl in range(MAX_GIVEN_TTL + 1)]
_ALONE: Final[list[TtlPlaces]] = [((_FIRST_PLACE, ttl),) for ttl in range(MAX_GIVEN_TTL + 1)]
_MAX_SHARED: Final = 1_024
_shared_places: Final[dict[TtlPlaces, TtlPlaces]] = {}


def _share_places(places: TtlPlaces) -> TtlPlaces:
    """Return an equal value that other entries have too; most are one record with a usual TTL."""
    if len(_shared_places) >= _MAX_SHARED:
        _shared_places.clear()
    return _shared_places.setdefault(places, places)


@mypyc_attr(acyclic=True)
class CacheEntry:
    """A cached response.  expires: monotonic seconds.

    answer: the response, its records and `ttl_places` with the TTLs that they are given with.
    longest_ttl: the longest of these, in seconds; 0 where there are no records.
    ede: what is said with it, once it is stale or a failure that is repeated; None before.
    key: that it was stored for; of one that is in no cache, no name's.
    look_at: the monotonic second in which it is looked at before it expires (`Cache.take_due`);
        0: it was not asked for again yet; _LOOKED: no more.
    is_last_look: it is about to expire then; else this is half of the time before.
    recently_used: the reference bit of second-chance eviction.
    harmless_for: the policy and the verdict under which `judge_response` found nothing last.  Both
    are compared by identity: an equal verdict of another policy proves nothing.
    """

    __slots__ = (
        "_capped_rrs",
        "_capped_to",
        "answer",
        "ede",
        "expires",
        "harmless_for",
        "is_last_look",
        "key",
        "longest_ttl",
        "look_at",
        "recently_used",
    )

    def __init__(
        self, answer: UpstreamResponse, expires: float, fixed_ttl: int | None = None
    ) -> None:
        """answer: as it came from the upstream.

        fixed_ttl: that of every record, in seconds; None: `shorten_ttl`.
        """
        places = answer.ttl_places
        if len(places) == 1 and fixed_ttl is None and places[0][0] == _FIRST_PLACE:
            given = shorten_ttl(places[0][1])
            rrs = answer.rrs[:_FIRST_PLACE] + _OCTETS[given] + answer.rrs[_FIRST_PLACE + 4 :]
            self.answer, self.longest_ttl = answer.with_ttls(rrs, _ALONE[given]), given
        else:
            self.answer, self.longest_ttl = _with_given_ttls(answer, fixed_ttl)
        self.expires = expires
        self.ede: Ede | None = None
        self.key = _NO_KEY
        self.look_at = 0
        self.is_last_look = False
        self.recently_used = False
        self.harmless_for: tuple[object, object] = (None, None)
        self._capped_to = -1  # the cap ...
        self._capped_rrs = b""  # ... that these records have

    @property
    def is_stale(self) -> bool:
        return self.ede is not None and self.ede.code in (STALE_ANSWER, STALE_NXDOMAIN)

    def mark_stale(self) -> None:
        """Say from now on that the response has expired (RFC 8914 sections 4.4 and 4.20)."""
        self.ede = _EDE_STALE_NXDOMAIN if self.answer.rcode == NXDOMAIN else _EDE_STALE

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


def _with_given_ttls(
    answer: UpstreamResponse, fixed_ttl: int | None
) -> tuple[UpstreamResponse, int]:
    """Return a response with the TTLs that it is given with, and the longest of them."""
    rrs, end, longest = answer.rrs, 0, 0
    parts: list[bytes] = []
    places: list[tuple[int, int]] = []
    for at, ttl in answer.ttl_places:
        given = shorten_ttl(ttl) if fixed_ttl is None else fixed_ttl
        parts.append(rrs[end:at])
        parts.append(given.to_bytes(4, "big"))
        places.append((at, given))
        end = at + 4
        if given > longest:
            longest = given
    parts.append(rrs[end:])
    return answer.with_ttls(b"".join(parts), _share_places(tuple(places))), longest


class Cache:
    """Responses by key.

    entries, octets: at most so many; the longest unused is dropped first.
    max_ttl, max_negative_ttl: seconds for which a response is believed, at most.
    max_stale: seconds for which it is kept after that.
    refreshes: `take_due` names those in use before they expire.
    """

    def __init__(
        self,
        entries: int = 20_000,
        octets: int = 32 << 20,
        max_ttl: int = 86_400,
        max_negative_ttl: int = 3_600,
        max_stale: int = 86_400,
        refreshes: bool = True,
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
        self._max_stale = max_stale
        self._refreshes = refreshes
        # What is to be looked at, by the second in which that is due, as it was stored.
        self._looks: dict[int, list[CacheKey]] = {}
        self._looks_count = 0
        self._seconds: list[int] = []  # those in which some are due, as a heap
        self._unchecked: list[CacheKey] = []  # keys that `forget_old` has not looked at yet

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: CacheKey, mono: float) -> CacheEntry | None:
        """Return the entry of a key, None where there is none or it has expired."""
        entry = self.find(key, mono)
        return entry if entry is not None and mono < entry.expires else None

    def find(self, key: CacheKey, mono: float) -> CacheEntry | None:
        """Return the entry of a key, also one that has expired no longer than `max_stale` ago."""
        entry = self._entries.get(key)
        if (entry is None or mono >= entry.expires) and key.qname in self._nxdomains:
            nothing = self._entries.get(_any_type(key))
            if entry is None or (nothing is not None and nothing.expires > entry.expires):
                entry = nothing
        if entry is None:
            return None
        if mono < entry.expires:
            if not entry.look_at and self._refreshes:
                self._queue_look(key, entry, mono)
        elif mono >= entry.expires + self._max_stale:
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
        entry = CacheEntry(answer, mono + ttl - shorten_ttl(ttl))
        entry.key = key
        if ttl <= 0:
            if answer.rcode == NOERROR or answer.rcode == NXDOMAIN:
                # The upstream says that neither is so any longer: what was stored of this type, and
                # that the name does not exist.
                self._drop(key)
                self._drop(_any_type(key))
        else:
            # With a CNAME it is the target that does not exist: of this name, other types may.
            no_such_name = empty and answer.rcode == NXDOMAIN
            self._store(_any_type(key) if no_such_name else key, entry)
        return entry

    def clear(self) -> dict[CacheKey, CacheEntry]:
        """Forget everything; return it, to be freed gradually (`LazyFreeQueue`)."""
        gone, self._entries, self._oldest = self._entries, {}, []
        self._nxdomains.clear()
        self._looks.clear()
        self._seconds.clear()
        self._looks_count = 0
        self.octets = 0
        return gone

    def drop(self, name: str, *, below: bool = False) -> None:
        """Forget all responses for a name, and those of other names that lead to it (CNAME).

        below: also those for names below it, and those that lead there.
        """
        end = f".{name}" if below else "\0"  # which no name has
        keys = []
        for key, entry in self._entries.items():
            if key.qname == name or key.qname.endswith(end):
                keys.append(key)
                continue
            for target in entry.answer.facts.targets:
                if target == name or target.endswith(end):
                    keys.append(key)
                    break
        for key in keys:
            self._drop(key)

    def forget_old(self, mono: float, count: int) -> None:
        """Look at some entries and forget those that expired more than `max_stale` ago.

        count: so many are looked at; called again and again, all are.
        """
        if not self._unchecked:
            self._unchecked = [*self._entries]
        for key in self._unchecked[-count:]:
            entry = self._entries.get(key)
            if entry is not None and mono >= entry.expires + self._max_stale:
                self._drop(key)
        del self._unchecked[-count:]

    # --- responses in use, before they expire ---

    def take_due(self, mono: float, limit: int) -> list[CacheKey]:
        """Return keys whose entries are in use and about to expire, each entry's once.

        In use is what was asked for again after it was fetched, and, where it stays for long
        enough to look twice, also in the second half of its time.
        limit: at most so many; the next call returns the rest.
        """
        due: list[CacheKey] = []
        while self._seconds and self._seconds[0] <= mono:
            second = self._seconds[0]
            looks = self._looks[second]
            while looks:
                if len(due) >= limit:
                    return due
                key = looks.pop()
                self._looks_count -= 1
                entry = self._entry_at(key, second)
                if entry is None:
                    continue
                entry.look_at = _LOOKED
                if not entry.recently_used or mono >= entry.expires:
                    continue
                if entry.is_last_look:
                    due.append(key)
                else:
                    entry.recently_used = False
                    self._add_last_look(key, entry, (entry.expires - mono) / 5)
            del self._looks[heappop(self._seconds)]
        return due

    def _entry_at(self, key: CacheKey, second: int) -> CacheEntry | None:
        """Return the entry of a key, if it is still the one to be looked at in that second."""
        for each in (key, _any_type(key)):
            entry = self._entries.get(each)
            if entry is not None and entry.look_at == second:
                return entry
        return None

    def _queue_look(self, key: CacheKey, entry: CacheEntry, mono: float) -> None:
        """See to it that an entry that is asked for again is looked at before it expires.

        key: as it was asked for now.
        """
        entry.look_at = _LOOKED
        left = entry.expires - mono
        if entry.key == key:
            key = entry.key  # so that there is one
        if left < _LEAST_TO_REFRESH or self._looks_count >= self._max_entries:
            return
        if left < _LEAST_TO_LOOK_TWICE:
            self._add_last_look(key, entry, left / 10)
        else:
            self._add_look(key, entry, entry.expires - left / 2)

    def _add_last_look(self, key: CacheKey, entry: CacheEntry, lead: float) -> None:
        """lead: seconds before the end, as far as that is neither too late nor too early."""
        lead = min(max(lead, _SHORTEST_LEAD), _LONGEST_LEAD)
        entry.is_last_look = True
        self._add_look(key, entry, entry.expires - lead)

    def _add_look(self, key: CacheKey, entry: CacheEntry, at: float) -> None:
        second = int(at)
        looks = self._looks.get(second)
        if looks is None:
            looks = self._looks[second] = []
            heappush(self._seconds, second)
        looks.append(key)  # not the entry, which may be evicted long before
        entry.look_at = second
        self._looks_count += 1

    # --- within the bound ---

    def _drop(self, key: CacheKey) -> None:
        before = self._entries.pop(key, None)
        if before is not None:
            self._subtract(key, before)

    def _store(self, key: CacheKey, entry: CacheEntry) -> None:
        everything = self._entries
        if everything.setdefault(key, entry) is not entry:  # looked for once, not twice
            self._drop(key)  # so that it is the newest
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
