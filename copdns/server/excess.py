"""What a query beyond a bound gets: nothing, a truncated reply, or REFUSED."""

from __future__ import annotations

from copdns.dns.query import Query, with_tcp_size
from copdns.dns.wire import empty_reply, truncated_reply
from copdns.model.errors import REFUSED
from copdns.server.hooks import NO_REPLY
from copdns.server.limits import EDE_LIMITED, Bound, Excess, Limits
from copdns.server.pending_query import CacheMiss, PendingQuery
from copdns.server.recorder import Recorder
from copdns.server.responses import Responses


def excess_reply(excess: Excess, message: bytes, query: Query) -> bytes:
    """Return the reply to a query that is not answered."""
    if excess is Excess.TRUNCATE:
        return truncated_reply(message)
    if excess is Excess.REFUSE:
        return empty_reply(message[:2], with_tcp_size(query), REFUSED, EDE_LIMITED)
    return NO_REPLY


def limit_domain(
    limits: Limits,
    responses: Responses,
    recorder: Recorder,
    miss: CacheMiss,
    pending: PendingQuery,
) -> bytes | None:
    """Return the reply to a query below a domain of which too many names do not exist.

    None: an upstream is asked.
    """
    requestor = pending.requestor
    if not limits.bounds_domains(requestor):
        return None
    over_udp = requestor.transport == "udp"
    miss.limits, miss.over_udp = limits, over_udp
    limit = limits.of_domain(miss.key.qname)
    if limit is None or miss.has_stale or responses.is_awaited(miss.key):
        return None
    if limit.is_open(miss.asked_at, over_udp=over_udp):
        return None
    recorder.count_limited(Bound.DOMAIN)
    excess = limit.excess(miss.asked_at, over_udp=over_udp, protected=False, served=True)
    return excess_reply(excess, pending.message, pending.query)
