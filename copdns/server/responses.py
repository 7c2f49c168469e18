"""What there is for an allowed query: a response from the cache, a failure, or a cache miss, which
an upstream is then asked for.

Here is what is remembered of responses: the cache, which questions failed, whether upstreams are
silent, and what is being asked.  Whoever waits for it is in `server/waiting_queries.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from copdns.dns.bug_log import BugLog
from copdns.dns.cache import Cache, CacheEntry
from copdns.dns.client_subnet import subnet_zone
from copdns.dns.connections import CLEAR_ZONE
from copdns.dns.exchange import Asks
from copdns.dns.failures import EDE_CACHED_ERROR, Failure, Failures, Silence, is_failure
from copdns.dns.help_answers import HelpAnswers, help_entry
from copdns.dns.message import UpstreamResponse
from copdns.dns.query import CacheKey, Query
from copdns.model.errors import NXDOMAIN
from copdns.model.verdict import Reason, Verdict
from copdns.policy.decide import Policy
from copdns.policy.response_key import is_time_server, response_key
from copdns.server.lazy_free import LazyFreeQueue
from copdns.server.pending_query import CacheMiss, OnResponse
from copdns.server.recorder import Recorder
from copdns.time.clock import Moment

MAX_REFRESHES: Final = 50  # questions that `refresh` asks at a time


def _ignore_response(miss: CacheMiss, response: UpstreamResponse | None) -> None:
    """The hook `on_response` until somebody waits for responses."""


def _ignore_replaced() -> None:
    """The hook `on_replaced` where nothing is made of responses."""


class Responses:
    """The responses of upstreams.

    on_response: called with each miss and the response to it; None: no upstream answered (set by
        `WaitingQueries`).
    on_replaced: called before a response that an upstream filtered is replaced in the cache (set by
        `Resolver`): what was made of it does not hold any longer.
    asks_time_in_clear: all upstreams are encrypted, and their certificates are worth nothing while
        the clock is wrong; so the names of time servers are asked in clear text, and else encrypted
        (set by the app).  Whatever the upstreams are, these names are not validated.
    forwards_subnets: an upstream is told from which network a query is, where the device says so
        (set by the app).
    """

    def __init__(
        self,
        upstreams: Asks,
        cache: Cache,
        recorder: Recorder,
        lazy_free: LazyFreeQueue,
        bugs: BugLog,
        help_answers: HelpAnswers | None,
        failures: Failures | None,
    ) -> None:
        self.on_response: OnResponse = _ignore_response
        self.on_replaced: Callable[[], None] = _ignore_replaced
        self.asks_time_in_clear = False
        self.forwards_subnets = False
        self.cache = cache
        self._upstreams = upstreams
        self._recorder = recorder
        self._lazy_free = lazy_free
        self._bugs = bugs
        self._help_answers = HelpAnswers() if help_answers is None else help_answers
        # Misses on their way; untraced ones are in neither, since nobody waits with them.
        self._awaited: dict[CacheKey, CacheMiss] = {}
        self._awaited_protected: dict[CacheKey, CacheMiss] = {}
        self._failures = Failures() if failures is None else failures
        self._silence = Silence()

    def find(
        self,
        query: Query,
        policy: Policy,
        verdict: Verdict,
        moment: Moment,
        answered: CacheMiss | None,
    ) -> CacheEntry | CacheMiss | Failure:
        """Return the response to an allowed query, or what an upstream must be asked for it.

        A Failure: no upstream is asked, since none answered a moment ago.  An untraced query is
        counted as neither hit nor miss, and the cache has nothing for it.
        """
        key = query.key
        if verdict.target or policy.splits is not None:
            key = response_key(key, policy, verdict)
        is_protected = verdict.reason is Reason.PROTECTED
        if is_protected and is_time_server(verdict):
            key = self._time_key(key)
        if self.forwards_subnets and not is_protected and not key.zone and query.subnet:
            key = key._replace(zone=subnet_zone(query.subnet))
        if answered is not None and answered.entry is not None and answered.key == key:
            # If the name became protected while a filtered response was on its way, that response
            # is not used, and an upstream is asked again.
            is_filtered = answered.entry.answer.facts.is_filtered
            if not is_protected or answered.protected or not is_filtered:
                return answered.entry
        mono = moment.mono
        if verdict.is_untraced:
            stored = self._help_answers.get(key, moment.wall)
            return stored or CacheMiss(
                self.on_response, key, _question_of(query, key), is_protected, True, mono
            )
        entry = self.cache.find(key, mono)
        if entry is not None and is_protected and entry.answer.facts.is_filtered:
            entry = None  # cached for a policy under which the name is not protected
        if entry is not None and mono < entry.expires:
            self._recorder.count_hits()
            return entry
        if entry is not None:
            if self._is_stale_due(key, is_protected, mono):
                self._recorder.count_hits()
                entry.mark_stale()
                return entry
        elif self._failures:
            failure = self._failures.get(key, mono, protected=is_protected)
            if failure is not None and mono < failure.until:
                self._recorder.count_failure()
                if failure.entry is None:
                    return failure
                failure.entry.ede = EDE_CACHED_ERROR
                return failure.entry
        self._recorder.count_miss()
        miss = CacheMiss(self.on_response, key, _question_of(query, key), is_protected, False, mono)
        if entry is not None:
            miss.has_stale = True
        return miss

    def _time_key(self, key: CacheKey) -> CacheKey:
        """Return under which key the name of a time server is asked for and cached.

        While the clock is wrong no signature is valid, so whatever upstream is asked is told to
        check none (CD, RFC 4035 section 3.2.2).
        """
        zone = CLEAR_ZONE if self.asks_time_in_clear else key.zone
        return key._replace(cd=True, zone=zone)

    def _is_stale_due(self, key: CacheKey, protected: bool, mono: float) -> bool:
        """Tell whether a stale answer is given at once; if so, an upstream may be asked as well.

        It is if the question failed lately, if somebody waited for it in vain, or if nothing is
        heard of the upstreams.
        """
        if self._silence.is_of(key.zone):
            may_ask = self._silence.take_probe(key.zone, mono)
        else:
            failure = self._failures.get(key, mono, protected=protected)
            if failure is None:
                asked = self._misses(protected).get(key)
                return asked is not None and asked.entry is not None
            may_ask = mono >= failure.until
        if may_ask:
            self._refresh(key, mono, protected=protected)
        return True

    # --- what upstreams are asked ---

    def await_response(self, miss: CacheMiss) -> CacheMiss:
        """Return the miss for the same question that is on its way; this one, if there is none."""
        misses = self._awaited_protected if miss.protected else self._awaited
        return misses.setdefault(miss.key, miss)

    def is_awaited(self, key: CacheKey) -> bool:
        """Tell whether an upstream is being asked, for others than those with protected names."""
        return key in self._awaited

    def is_on_its_way(self, miss: CacheMiss) -> bool:
        """Tell whether it was awaited and no response has come yet."""
        return self._misses(miss.protected).get(miss.key) is miss

    def ask(self, miss: CacheMiss) -> None:
        """Ask an upstream."""
        try:
            self._upstreams.ask(miss)
        except Exception:  # nobody was asked: later queries must not wait for a response
            self.forget_miss(miss)
            raise

    def forget_miss(self, miss: CacheMiss) -> None:
        """Await no response to it any longer: it is there."""
        if not miss.untraced:
            misses = self._awaited_protected if miss.protected else self._awaited
            del misses[miss.key]

    def _misses(self, protected: bool) -> dict[CacheKey, CacheMiss]:
        return self._awaited_protected if protected else self._awaited

    def refresh(self, moment: Moment) -> None:
        """Ask anew for what is in use and about to expire; to be called a few times a second.

        Nothing of it is a client's question: it is not recorded.
        """
        for key in self.cache.take_due(moment.mono, MAX_REFRESHES):
            if not self._silence.is_of(key.zone):
                self._recorder.count_refresh()
                self._refresh(key, moment.mono, protected=False)

    def _refresh(self, key: CacheKey, mono: float, *, protected: bool) -> None:
        misses = self._misses(protected)
        if key in misses:
            return
        miss = misses[key] = CacheMiss(self.on_response, key, b"", protected, False, mono)
        try:
            self._upstreams.ask(miss)
        except Exception as error:  # noqa: BLE001 - nobody waits, and an answer is there
            del misses[key]
            self._bugs.note("asking for a refresh", error)

    # --- what becomes of a response ---

    def store(
        self, miss: CacheMiss, response: UpstreamResponse | None, moment: Moment
    ) -> CacheEntry | None:
        """Return the response as it was cached, or what is given in its place; None for none."""
        if miss.untraced:
            return None if response is None else help_entry(response)
        if response is None:
            if miss.attempts:
                self._silence.note_nothing(miss.key.zone, miss.asked_at, moment.mono)
        elif self._silence.note_response(miss.key.zone, moment.mono):
            self._failures.forget_silence(miss.key.zone)
        if response is None or (response.rcode and is_failure(response)):
            return self._entry_of_failure(miss, response, moment.mono)
        if response.rcode == NXDOMAIN:
            miss.charge_domain(moment.mono)
        if self._failures:
            self._failures.forget(miss.key)
        if miss.protected:
            self._forget_filtered(miss.key, moment)
        return self.cache.put(miss.key, response, moment.mono)

    def _entry_of_failure(
        self, miss: CacheMiss, response: UpstreamResponse | None, mono: float
    ) -> CacheEntry | None:
        """Return what the cache still has for a question that failed, else the failure."""
        miss.charge_domain(mono)
        stale = self.stale_entry(miss, mono)
        failed = None if response is None else CacheEntry(response, mono)
        if miss.attempts:  # else nothing was sent: that is no fault of the name
            self._failures.note(
                miss.key, failed, mono, protected=miss.protected, has_stale=stale is not None
            )
        return failed if stale is None else stale

    def stale_entry(self, miss: CacheMiss, mono: float) -> CacheEntry | None:
        """Return what may be given while an upstream does not answer; None where there is none."""
        entry = self.cache.find(miss.key, mono)
        if entry is None or (miss.protected and entry.answer.facts.is_filtered):
            return None
        if mono >= entry.expires:
            entry.mark_stale()
        return entry

    def note_nothing(self, miss: CacheMiss, mono: float) -> None:
        """Note that no upstream has answered yet, though somebody has waited for long."""
        self._silence.note_nothing(miss.key.zone, miss.asked_at, mono)

    def _forget_filtered(self, key: CacheKey, moment: Moment) -> None:
        """Tell of it if a filtered response for `key` is about to be replaced in the cache."""
        entry = self.cache.get(key, moment.mono)
        if entry is not None and entry.answer.facts.is_filtered:
            self.on_replaced()

    # --- forgetting ---

    def flush(self, name: str = "", *, below: bool = False) -> None:
        """Forget cached responses and failures, so that upstreams are asked anew.

        name: only those for this name, and below: also for names below it; "" for all.
        Answers for help names stay: they are fetched at an even pace, whoever asks.
        """
        if name:
            self.cache.drop(name, below=below)
            self._failures.forget_name(name, below=below)
        else:
            self._lazy_free.add(self.cache.clear())
            self._failures.clear()

    def forget(self) -> None:
        """Forget also which upstreams are silent: others are asked from now on."""
        self.flush()
        self._silence.clear()

    def reconfigure(self, cache: Cache, failures: Failures | None) -> None:
        """Take over changed settings; cache: the one of now, where responses in it may stay."""
        if cache is not self.cache:
            self.forget()
        self.cache = cache
        if failures is not None:
            self._failures = failures


def _question_of(query: Query, key: CacheKey) -> bytes:
    """Return the query's question where it is about the key's name, else b""."""
    return query.question if key.qname == query.qname else b""
