"""Replies that need no upstream, and how long devices may keep a reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from copdns.dns.query import Query
from copdns.dns.records import AAAA, ANY, A
from copdns.dns.wire import any_reply, blocked_reply, empty_reply, error_reply, local_reply
from copdns.model.errors import BADVERS, REFUSED, WireError
from copdns.model.household import BlockMode
from copdns.model.reasons import NOT_AUTHORITATIVE, NOT_SUPPORTED, Ede
from copdns.model.verdict import LocalAnswer, LocalRecord, Reason, Requestor, Verdict
from copdns.policy.decide import Policy
from copdns.policy.local_step import map_records
from copdns.server.status_names import status_answer
from copdns.time.clock import Moment

_NXDOMAIN: Final = BlockMode.NXDOMAIN
LOCAL_TTL: Final = 300  # seconds, for special names
ANY_TTL: Final = 3600
_EDE_NOT_OURS: Final = Ede(
    NOT_AUTHORITATIVE, "not a name of this network; ask with recursion desired"
)
_EDE_NOT_SERVED: Final = Ede(NOT_SUPPORTED, "this class or type is not served here")
# The reply to a stranger's malformed message: the same as to a well-formed one.
_NOT_A_CLIENT: Final = WireError("not served here", REFUSED)


def malformed_reply(message: bytes, error: WireError, *, is_client: bool) -> bytes:
    """Return FORMERR for no or several questions, a name that is too long or anything else that is
    malformed, and NOTIMP for another opcode (dns/query.py, `read_query_body`).

    is_client: a stranger does not learn what is wrong with its message.
    """
    return error_reply(message, error if is_client else _NOT_A_CLIENT)


def unasked_reply(
    message_id: bytes, query: Query, policy: Policy, verdict: Verdict, moment: Moment
) -> bytes:
    """Return the reply to a query for which neither the cache nor an upstream is asked: of type
    ANY (RFC 8482), or without recursion desired."""
    if query.qtype == ANY:
        return any_reply(message_id, query, ttl_within(policy, verdict, moment, ANY_TTL))
    # Cached or not: the difference would tell what other devices asked for.
    return empty_reply(message_id, query, REFUSED, _EDE_NOT_OURS)


def blocked_query_reply(
    message_id: bytes,
    query: Query,
    requestor: Requestor,
    policy: Policy,
    verdict: Verdict,
    moment: Moment,
    ede: Ede | None = None,
) -> bytes:
    """Return the reply in the profile's block mode; for a legal order always in mode nxdomain.

    ede: what is told to who asked for a structured error; None: the verdict's plain text.

    In that mode `blocked_reply` says NODATA for a name below which something is open, since
    NXDOMAIN would deny that too (RFC 8020).
    """
    mode = _NXDOMAIN if verdict.reason is Reason.LEGAL else policy.block_mode
    ttl = ttl_within(policy, verdict, moment, verdict.ttl)
    return blocked_reply(message_id, query, verdict, mode, requestor.listener, ttl, ede)


def local_query_reply(
    message_id: bytes,
    query: Query,
    requestor: Requestor,
    policy: Policy,
    verdict: Verdict,
    moment: Moment,
) -> tuple[bytes, Verdict]:
    """Return the reply, and the verdict: untraced where it tells about a help name."""
    local = verdict.local
    assert local is not None
    if local.is_status:
        local, is_untraced = status_answer(policy, query.qname, moment.wall)
        verdict = replace(verdict, is_untraced=is_untraced)
    ttl = ttl_within(policy, verdict, moment, LOCAL_TTL)
    return local_reply(message_id, query, local, requestor.listener, ttl), verdict


def with_lease(
    query: Query,
    policy: Policy,
    verdict: Verdict,
    leases: Mapping[str, Mapping[int, tuple[LocalRecord, ...]]],
) -> Verdict:
    """Return the verdict on a local name, with a device's records where it has none.

    leases: records by name and type, of devices that a DHCP server on this machine knows.
    """
    local = verdict.local
    if local is None or local.records or local.is_own_address or local.is_status:
        return verdict
    by_type = leases.get(query.qname)
    if by_type is None or verdict.reason is not Reason.LOCAL:
        return verdict
    records = by_type.get(query.qtype, ())
    if policy.nat64 is not None and query.qtype == AAAA and not records:
        records = map_records(by_type.get(A, ()), policy.nat64)
    return replace(verdict, local=LocalAnswer(records=records))


def unsupported_reply(message_id: bytes, query: Query) -> bytes:
    """Return BADVERS for an unknown EDNS version, else REFUSED (zone transfers, not class IN)."""
    if query.edns is not None and query.edns.version:
        return empty_reply(message_id, query, BADVERS)  # RFC 6891 section 6.1.3
    return empty_reply(message_id, query, REFUSED, _EDE_NOT_SERVED)


def ttl_limit(policy: Policy, verdict: Verdict, moment: Moment) -> int | None:
    """Return the longest TTL that a reply may have, in seconds; None: no limit.

    Two things limit it:
    - `policy.max_ttl`, because nobody can foresee a pause or a new rule.  It is the profile's own
      `max_ttl`, else `dns.child_max_ttl` for a child's age; a minute at most while a budget has
      minutes left (`policy/order.py`).
    - the verdict's end: a device must not keep a reply for longer than the verdict holds.  For a
      response, that is the first end of all names in it (`with_end_inside`).

    Up to the limit, the TTL depends on the kind of reply: for a response, the constant of its cache
    entry (`shorten_ttl` in dns/cache.py); for a block, `Verdict.ttl` (`dns.block_ttl`,
    `security_ttl`); else LOCAL_TTL, REWRITE_TTL or ANY_TTL.  `packet_cache.py` sends a reply only
    as long as all of this holds.
    """
    if verdict.valid_until is None:
        return policy.max_ttl
    left = max(int(verdict.valid_until - moment.wall), 0)
    return left if policy.max_ttl is None else min(left, policy.max_ttl)


def ttl_within(policy: Policy, verdict: Verdict, moment: Moment, wanted: int) -> int:
    """Return the wanted TTL in seconds, as far as `ttl_limit` allows it."""
    limit = ttl_limit(policy, verdict, moment)
    return wanted if limit is None else min(wanted, limit)
