"""Remember what could not be resolved, and of which upstreams nobody hears anything.

A question that failed is not asked again for a moment, which grows with each further failure
(RFC 9520).  When upstreams answer again, the failures that were only their silence are forgotten.
Nothing here is about a help name.  Pure: `mono` is monotonic seconds.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from copdns.dns.cache import CacheEntry
from copdns.dns.client_subnet import SUBNET_ZONE
from copdns.dns.message import UpstreamResponse
from copdns.dns.query import CacheKey
from copdns.model.build import mypyc_attr
from copdns.model.errors import FORMERR, NOTIMP, REFUSED, SERVFAIL
from copdns.model.reasons import CACHED_ERROR, Ede

MAX_FAILURES: Final = 4096
_DROPPED: Final = 256  # failures that are dropped at a time
LONGEST: Final = 60.0  # seconds; RFC 9520 section 3.2 permits five minutes
# Seconds for which a question is not asked again while a stale answer can be given (RFC 8767
# section 5, the failure recheck timer).
RECHECK: Final = 30.0
PROBE_EVERY: Final = 2.0  # seconds between two tries whether a silent upstream answers again
EDE_CACHED_ERROR: Final = Ede(CACHED_ERROR, "this failed a moment ago")

_RCODES: Final = frozenset({FORMERR, SERVFAIL, NOTIMP, REFUSED})
_HIGHEST: Final = 15  # rcodes above are about EDNS, signatures and cookies


def is_failure(answer: UpstreamResponse) -> bool:
    """Tell whether a response says nothing about the name (RFC 9520 section 2)."""
    return answer.rcode in _RCODES or answer.rcode > _HIGHEST


@mypyc_attr(acyclic=True)
class Failure:
    """A question that failed.

    until: it is not asked again before, in monotonic seconds.  pause: seconds that this was.
    entry: the upstream's response that says so; None: none came.
    protected: it failed with all upstreams that may answer for a protected name.
    """

    __slots__ = ("entry", "pause", "protected", "until")

    def __init__(
        self, until: float, pause: float, entry: CacheEntry | None, protected: bool
    ) -> None:
        self.until = until
        self.pause = pause
        self.entry = entry
        self.protected = protected


class Failures:
    """Failures by key.  shortest: seconds of the first pause, from 1 to 300."""

    def __init__(self, shortest: float = 1.0) -> None:
        self._shortest = shortest
        self._longest = max(shortest, LONGEST)
        self._by_key: dict[CacheKey, Failure] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: CacheKey, mono: float, *, protected: bool) -> Failure | None:
        """Return the last failure of a question, None where there is none of late.

        protected: for a protected name, which other upstreams may answer.
        """
        failure = self._by_key.get(key)
        if failure is None or mono >= failure.until + self._longest:
            return None
        return None if protected and not failure.protected else failure

    def note(
        self,
        key: CacheKey,
        entry: CacheEntry | None,
        mono: float,
        *,
        protected: bool,
        has_stale: bool,
    ) -> None:
        """Note that a question failed.  has_stale: a stale answer is given meanwhile."""
        before = self._by_key.pop(key, None)  # so that it is the newest
        pause = self._shortest
        if before is not None and mono < before.until + self._longest:
            pause = min(2 * before.pause, self._longest)
        until = mono + (max(pause, RECHECK) if has_stale else pause)
        if len(self._by_key) >= MAX_FAILURES:
            for oldest in [*islice(self._by_key, _DROPPED)]:
                del self._by_key[oldest]
        self._by_key[key] = Failure(until, pause, entry, protected)

    def forget(self, key: CacheKey) -> None:
        """Forget a question that was answered."""
        self._by_key.pop(key, None)

    def forget_name(self, name: str, *, below: bool = False) -> None:
        """Forget all questions for a name.  below: also those for names below it."""
        end = f".{name}" if below else "\0"  # which no name has
        for key in [key for key in self._by_key if key.qname == name or key.qname.endswith(end)]:
            del self._by_key[key]

    def forget_silence(self, zone: str) -> None:
        """Forget questions that no upstream of a zone answered."""
        zone = _asked_for(zone)
        for key in [
            key
            for key, each in self._by_key.items()
            if each.entry is None and _asked_for(key.zone) == zone
        ]:
            del self._by_key[key]

    def clear(self) -> None:
        self._by_key.clear()


class Silence:
    """Which zones' upstreams (`CacheKey.zone`) are silent: nothing came since they were asked."""

    def __init__(self) -> None:
        self._heard_at: dict[str, float] = {}
        self._probe_at: dict[str, float] = {}  # of the silent ones: when to try the next time

    def is_of(self, zone: str) -> bool:
        """Tell whether the upstreams of a zone are silent."""
        return _asked_for(zone) in self._probe_at

    def note_response(self, zone: str, mono: float) -> bool:
        """Note that something came; tell whether that ends a silence."""
        zone = _asked_for(zone)
        self._heard_at[zone] = mono
        return bool(self._probe_at) and self._probe_at.pop(zone, None) is not None

    def note_nothing(self, zone: str, asked_at: float, mono: float) -> None:
        """Note that a question of some time ago has no answer."""
        zone = _asked_for(zone)
        if self._heard_at.get(zone, asked_at - 1.0) < asked_at:
            self._probe_at.setdefault(zone, mono + PROBE_EVERY)

    def take_probe(self, zone: str, mono: float) -> bool:
        """Tell whether it is time to try again, for which it then is not for a while."""
        zone = _asked_for(zone)
        if mono < self._probe_at.get(zone, mono + 1.0):
            return False
        self._probe_at[zone] = mono + PROBE_EVERY
        return True

    def clear(self) -> None:
        """Forget when upstreams were heard and probed."""
        self._heard_at.clear()
        self._probe_at.clear()


def _asked_for(zone: str) -> str:
    """Return the zone whose upstreams are asked: those of all for the networks of devices.

    A device may name a million of these, so nothing is remembered of each.
    """
    return "" if zone.startswith(SUBNET_ZONE) else zone
