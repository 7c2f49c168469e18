"""IPv6 addresses that stand for IPv4 ones (DNS64, RFC 6147), in networks that translate (NAT64).

`dns/dns64.py` makes the records; here is which response they are made of.
"""

from __future__ import annotations

from copdns.dns.cache import CacheEntry
from copdns.dns.dns64 import lacks_ipv6, map_entry, without_excluded
from copdns.dns.failures import Failure
from copdns.dns.query import Query, with_type
from copdns.dns.records import AAAA, A
from copdns.model.verdict import Verdict
from copdns.policy.decide import Policy, decide_query
from copdns.server.pending_query import CacheMiss, PendingQuery
from copdns.server.responses import Responses
from copdns.time.clock import Moment


def find_response(
    responses: Responses,
    query: Query,
    policy: Policy,
    verdict: Verdict,
    moment: Moment,
    answered: CacheMiss | None,
) -> CacheEntry | CacheMiss | None:
    """Return the response that the cache has, or what an upstream must be asked for it.

    None: it failed a moment ago, and is not asked again yet.
    """
    found: CacheEntry | CacheMiss | Failure | None
    found = responses.find(query, policy, verdict, moment, answered)
    if policy.nat64 is not None and query.qtype == AAAA:
        found = _find_mapped(responses, query, policy, verdict, moment, found, answered)
    return None if isinstance(found, Failure) else found


def _find_mapped(
    responses: Responses,
    query: Query,
    policy: Policy,
    verdict: Verdict,
    moment: Moment,
    found: CacheEntry | CacheMiss | Failure | None,
    answered: CacheMiss | None = None,
) -> CacheEntry | CacheMiss | Failure | None:
    """Return the response with IPv6 addresses, made of IPv4 ones where there are no others.

    found: what there is for the query itself; None: no upstream answered.
    answered: the cache miss that the query waited for.
    """
    nat64 = policy.nat64
    if nat64 is None or isinstance(found, CacheMiss) or (query.key.do and query.key.cd):
        return found  # who checks signatures itself maps itself (RFC 6147 section 3)
    name = verdict.target or query.qname
    nothing = found if isinstance(found, CacheEntry) else None
    if nothing is not None and not lacks_ipv6(name, nothing.answer, nat64):
        return without_excluded(name, nothing, nat64)
    by_ipv4: CacheEntry | CacheMiss | Failure | None = None
    # A list can have rules about one type only, and what is blocked for A stays so.
    if policy.list_rules is None or not decide_query(policy, query.qname, A, moment.wall).blocks:
        by_ipv4 = responses.find(with_type(query, A), policy, verdict, moment, answered)
    if isinstance(by_ipv4, CacheMiss):
        return by_ipv4
    mapped = None
    if isinstance(by_ipv4, CacheEntry):
        mapped = map_entry(name, by_ipv4, nothing, nat64)
    if mapped is None and nothing is not None:
        return without_excluded(name, nothing, nat64)
    return mapped or found


def map_answered(
    responses: Responses, pending: PendingQuery, miss: CacheMiss, moment: Moment
) -> CacheEntry | CacheMiss | Failure | None:
    """Return what a query for IPv6 addresses gets, now that an upstream has said something of
    them, or of the IPv4 ones that may stand for them."""
    policy, verdict = pending.client.policy, pending.verdict
    if miss.key.qtype == AAAA or policy.nat64 is None:
        return _find_mapped(responses, pending.query, policy, verdict, moment, miss.entry)
    name, nothing, mapped = verdict.target or pending.query.qname, None, None
    if not miss.untraced:
        nothing = responses.cache.find(miss.key._replace(qtype=AAAA), moment.mono)
    if miss.entry is not None:
        mapped = map_entry(name, miss.entry, nothing, policy.nat64)
    if mapped is not None:
        return mapped
    if nothing is not None:
        return without_excluded(name, nothing, policy.nat64)
    if miss.entry is not None and not miss.entry.answer.facts.addresses:
        return miss.entry  # the name has no address of either kind
    return None
