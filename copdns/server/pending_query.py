"""Queries that wait for an upstream, and what it is asked for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from copdns.dns.cache import CacheEntry
from copdns.dns.exchange import Exchange
from copdns.dns.message import UpstreamResponse
from copdns.dns.query import CacheKey, Query
from copdns.dns.upstream_message import lowercase_question
from copdns.model.build import mypyc_attr
from copdns.model.verdict import Requestor, Verdict
from copdns.policy.snapshot import Client, Snapshot
from copdns.server.limits import Limits

SendReply = Callable[[bytes, Any], None]


@mypyc_attr(acyclic=True)
class PendingQuery:
    """A query that waits for an upstream, who sent it, and how its reply gets back.

    send_reply: called with the reply and `reply_to`.
    snapshot, client, verdict: what was decided, and under which policies.
    is_unlisted: the name is surely on no list.
    """

    __slots__ = (
        "client",
        "is_unlisted",
        "message",
        "query",
        "reply_to",
        "requestor",
        "send_reply",
        "snapshot",
        "verdict",
    )

    def __init__(
        self,
        message: bytes,
        query: Query,
        requestor: Requestor,
        send_reply: SendReply,
        reply_to: Any,
        snapshot: Snapshot,
        client: Client,
        verdict: Verdict,
        is_unlisted: bool = False,
    ) -> None:
        self.is_unlisted = is_unlisted
        self.message = message
        self.query = query
        self.requestor = requestor
        self.send_reply = send_reply
        self.reply_to = reply_to
        self.snapshot = snapshot
        self.client = client
        self.verdict = verdict


@mypyc_attr(acyclic=True)
class CacheMiss(Exchange):
    """What an upstream must be asked, and the queries that wait for it.

    protected: if an upstream says that it filtered the name, the next one is asked.
    untraced: no counter and no health figure may come of it, and no other query waits with it.
    on_response: called with this and the response; None: no upstream answered.
    asked_at: monotonic seconds.  has_stale: there is a stale answer for those that wait.
    limits: if names of a domain that do not exist are limited for who asked first, and then also
        whether that was over UDP.
    entry: the response as it was cached, or the stale one that is given in its place; None before
        either, and if no upstream answered.
    """

    __slots__ = ("asked_at", "entry", "has_stale", "limits", "on_response", "over_udp", "waiting")

    def __init__(
        self,
        on_response: OnResponse,
        key: CacheKey,
        question: bytes,
        protected: bool,
        untraced: bool,
        asked_at: float,
    ) -> None:
        """question: of the first query that asks for it; b"" where the key has another name."""
        super().__init__(
            key,
            question=lowercase_question(question) if question else b"",
            protected=protected,
            untraced=untraced,
        )
        self.on_response = on_response
        self.waiting: list[PendingQuery] = []
        self.asked_at = asked_at
        self.has_stale = False
        self.limits: Limits | None = None
        self.over_udp = False
        self.entry: CacheEntry | None = None

    def take_response(self, answer: UpstreamResponse | None) -> None:
        self.on_response(self, answer)

    def charge_domain(self, mono: float) -> None:
        """Take a token of its domain, where names of it are limited: it does not exist, or could
        not be asked for."""
        if self.limits is not None:
            self.limits.charge_domain(self.key.qname, mono, over_udp=self.over_udp)


OnResponse = Callable[[CacheMiss, UpstreamResponse | None], None]
