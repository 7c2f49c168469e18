"""Queries that wait for an upstream: with whom they wait, and how each gets its reply.

Each is answered under its own policy as it is when the response is there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from copdns.dns.bug_log import BugLog
from copdns.dns.cache import CacheEntry
from copdns.dns.message import UpstreamResponse
from copdns.dns.query import read_query_body
from copdns.dns.records import AAAA
from copdns.dns.wire import empty_reply
from copdns.model.errors import SERVFAIL, WireError
from copdns.model.reasons import NETWORK_ERROR, OTHER_ERROR, Ede
from copdns.policy.snapshot import Snapshot
from copdns.server.hooks import NO_REPLY
from copdns.server.mapped_responses import map_answered
from copdns.server.pending_query import CacheMiss, PendingQuery
from copdns.server.recorder import Recorder
from copdns.server.responses import Responses
from copdns.server.upstream_replies import UpstreamReplies, with_asked_subnet
from copdns.time.clock import Moment

# Pending queries per cache miss; one more gets SERVFAIL at once.  When the device asks again, the
# response is in the cache.
MAX_WAITERS: Final = 1000
# Seconds that a query waits for an upstream while there is a stale answer (RFC 8767 section 5 has
# 1.8, which is when a client asks again; `give_stale` is called ten times a second).
STALE_AFTER: Final = 1.5

_EDE_NO_UPSTREAM: Final = Ede(NETWORK_ERROR, "no upstream answered")
_EDE_TOO_MANY: Final = Ede(OTHER_ERROR, "too many wait for this answer")
_EDE_FAILED: Final = Ede(OTHER_ERROR, "this query could not be answered")


def _drop(pending: PendingQuery, miss: CacheMiss, moment: Moment) -> bytes | None:
    """The hook `answer_again` where nobody decides."""
    return NO_REPLY


class WaitingQueries:
    """Queries that wait for a response.

    snapshot: by which queries are decided (set by `Resolver`, with each new one).
    answer_again: decides and answers a query for which that is not any longer what it was decided
        by, and returns the reply; None where another response is needed first, for which the query
        then waits (set by `Resolver`).
    """

    def __init__(
        self,
        snapshot: Snapshot,
        responses: Responses,
        replies: UpstreamReplies,
        recorder: Recorder,
        clock: Callable[[], Moment],
        bugs: BugLog,
    ) -> None:
        self.answer_again: Callable[[PendingQuery, CacheMiss, Moment], bytes | None] = _drop
        self.snapshot = snapshot
        self._responses = responses
        self._replies = replies
        self._recorder = recorder
        self._clock = clock
        self._bugs = bugs
        # Those for which there is a stale answer, and when it is given; the first due first.
        self._late: deque[tuple[float, CacheMiss]] = deque()
        responses.on_response = self._finish

    def wait(self, miss: CacheMiss, pending: PendingQuery) -> None:
        """Ask an upstream, or wait with those that asked the same already.

        Nobody waits with an untraced query.
        """
        if not miss.untraced:
            same = self._responses.await_response(miss)
            if miss.has_stale and (same is miss or not same.has_stale):
                same.has_stale = True
                self._late.append((miss.asked_at + STALE_AFTER, same))
            if same is not miss:
                self._wait_with(same, pending)
                return
        miss.waiting.append(pending)
        self._responses.ask(miss)

    def _wait_with(self, miss: CacheMiss, pending: PendingQuery) -> None:
        if len(miss.waiting) < MAX_WAITERS:
            miss.waiting.append(pending)
        else:  # not silence, which over TCP would count as a query in flight for ever
            self._send(pending, self.servfail(pending, self._clock(), _EDE_TOO_MANY))

    def _finish(self, miss: CacheMiss, response: UpstreamResponse | None) -> None:
        """Answer all that waited, each under its own policy as it is now."""
        moment = self._clock()
        self._responses.forget_miss(miss)
        try:
            miss.entry = self._responses.store(miss, response, moment)
        except Exception as error:  # noqa: BLE001 - all that waited are told, at least
            self._bugs.note("keeping a response", error)
            for pending in miss.waiting:
                self._send(pending, failed_reply(pending.message))
            return
        for pending in miss.waiting:
            self._answer_waiting(pending, miss, moment)

    def give_stale(self, moment: Moment) -> None:
        """Give stale answers to those that have waited for `STALE_AFTER`.

        To be called a few times a second.  The upstream may still answer, for the next who asks.
        """
        late = self._late
        while late and late[0][0] <= moment.mono:
            _, miss = late.popleft()
            if not self._responses.is_on_its_way(miss):
                continue  # answered by now
            miss.entry = self._responses.stale_entry(miss, moment.mono)
            if miss.entry is None:
                continue  # forgotten by now
            self._responses.note_nothing(miss, moment.mono)
            waiting, miss.waiting = miss.waiting, []
            for pending in waiting:
                self._answer_waiting(pending, miss, moment)

    def _answer_waiting(self, pending: PendingQuery, miss: CacheMiss, moment: Moment) -> None:
        """Answer one query that waited; whatever goes wrong with it, the next is answered too."""
        try:
            reply = self._reply_to_waiting(pending, miss, moment)
        except Exception as error:  # noqa: BLE001 - a bug met by one query must harm no other
            self._bugs.note("answering a query that waited", error)
            reply = failed_reply(pending.message)
        if reply is not None:
            self._send(pending, reply)

    def _send(self, pending: PendingQuery, reply: bytes) -> None:
        try:
            pending.send_reply(reply, pending.reply_to)
        except Exception as error:  # noqa: BLE001 - a bug met by one query must harm no other
            self._bugs.note("sending a reply", error)

    def _reply_to_waiting(
        self, pending: PendingQuery, miss: CacheMiss, moment: Moment
    ) -> bytes | None:
        """Return the reply, recorded; None where another upstream's response is needed first."""
        ends_at = pending.verdict.valid_until
        if (
            pending.snapshot is not self.snapshot
            or (ends_at is not None and moment.wall >= ends_at)
            or self._has_moved(pending)
        ):
            return self.answer_again(pending, miss, moment)
        query, requestor, client = pending.query, pending.requestor, pending.client
        entry = miss.entry
        if client.policy.nat64 is not None and query.qtype == AAAA:
            found = map_answered(self._responses, pending, miss, moment)
            if isinstance(found, CacheMiss):
                self.wait(found, pending)
                return None
            entry = found if isinstance(found, CacheEntry) else None
        if entry is None:
            return self.servfail(pending, moment)
        reply, verdict = self._replies.reply(
            pending.message[:2],
            query,
            requestor,
            client.policy,
            pending.verdict,
            moment,
            entry,
        )
        if self._responses.forwards_subnets and query.subnet:
            reply = with_asked_subnet(reply, query, verdict)
        self._recorder.record(
            client,
            requestor,
            query,
            verdict,
            reply,
            moment.wall,
            is_unlisted=pending.is_unlisted,
        )
        return reply

    def _has_moved(self, pending: PendingQuery) -> bool:
        """Tell whether a provider's household has other rules than when the query was decided."""
        requestor = pending.requestor
        if not requestor.household:
            return False
        return self.snapshot.identify(requestor) is not pending.client

    def servfail(self, pending: PendingQuery, moment: Moment, ede: Ede = _EDE_NO_UPSTREAM) -> bytes:
        """Return a failure, recorded; the verdict is the one that let the query through."""
        reply = empty_reply(pending.message[:2], pending.query, SERVFAIL, ede)
        self._recorder.record(
            pending.client,
            pending.requestor,
            pending.query,
            pending.verdict,
            reply,
            moment.wall,
        )
        return reply


def failed_reply(message: bytes) -> bytes:
    """Return the reply to a query that a bug kept from its answer; NO_REPLY for no query."""
    try:
        return empty_reply(message[:2], read_query_body(message[2:]), SERVFAIL, _EDE_FAILED)
    except WireError:
        return NO_REPLY
