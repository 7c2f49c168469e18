"""Under which key the response to a query is asked for and cached.

Apart from `judge.py`, so that short commands need not import what reads DNS messages.  Pure.
"""

from __future__ import annotations

from copdns.dns.query import CacheKey
from copdns.lists.catalogue import TIME_SERVERS
from copdns.model.verdict import Reason, Verdict
from copdns.policy.decide import Policy


def response_key(key: CacheKey, policy: Policy, verdict: Verdict) -> CacheKey:
    """Return the key under which a response is cached if not under the query's own.

    A rewrite asks for its target's data.  A split is a zone with upstreams of its own, to which no
    query for a protected name goes, whoever's names are all sent there.
    """
    if verdict.target:
        key = key._replace(qname=verdict.target)
    if verdict.reason is Reason.PROTECTED or policy.splits is None:
        return key
    return key._replace(zone=policy.splits.zone_of(key.qname))


def is_time_server(verdict: Verdict) -> bool:
    """Tell whether a verdict is about the name of a time server.

    While the clock is wrong no signature and no certificate is valid.  So the upstream is told to
    check none, and where all upstreams are encrypted the name is asked in clear text.
    """
    return verdict.reason is Reason.PROTECTED and verdict.category == TIME_SERVERS
