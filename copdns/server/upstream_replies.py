"""The reply made from a response, which is judged first: what stands inside may be blocked."""

from __future__ import annotations

from typing import Final

from copdns.dns.cache import STALE_TTL, CacheEntry
from copdns.dns.client_subnet import subnet_zone, with_subnet
from copdns.dns.message import UpstreamResponse
from copdns.dns.query import Query, with_structured_errors
from copdns.dns.records import AAAA, A
from copdns.dns.wire import empty_reply, rewrite_response, upstream_reply
from copdns.model.errors import SERVFAIL, WireError
from copdns.model.reasons import OTHER_ERROR, Ede, ede_of, forwarded_ede
from copdns.model.verdict import Action, Reason, Requestor, Verdict
from copdns.policy.decide import Policy
from copdns.policy.judge import RebindingGuard, judge_response, with_end_inside
from copdns.policy.response_key import is_time_server
from copdns.server.recorder import Recorder
from copdns.server.replies import blocked_query_reply, ttl_limit, ttl_within
from copdns.server.structured_errors import StructuredErrors
from copdns.time.clock import Moment

REWRITE_TTL: Final = 300  # a safe host may move
_EDE_NO_REWRITE: Final = Ede(OTHER_ERROR, "the answer for the rewrite's target cannot be used")
_EDE_CLEAR: Final = Ede(OTHER_ERROR, "the name of a time server, which is not validated")


class UpstreamReplies:
    """Replies made from responses, and the reasons of blocks for clients that ask for them.

    rebinding: what may not be answered with addresses of the home network.
    structured_errors: tells the reasons of blocks to clients that ask for structured errors (set by
        the app); None: they get plain text, as everyone.
    """

    def __init__(self, rebinding: RebindingGuard, recorder: Recorder) -> None:
        self.rebinding = rebinding
        self.structured_errors: StructuredErrors | None = None
        self._recorder = recorder

    def reply(
        self,
        message_id: bytes,
        query: Query,
        requestor: Requestor,
        policy: Policy,
        verdict: Verdict,
        moment: Moment,
        entry: CacheEntry,
    ) -> tuple[bytes, Verdict]:
        """Return the reply made from a response, and the verdict that it is recorded with.

        If a name or an address inside the response is blocked, so is the query, with the verdict
        about that.  A response that the upstream itself filtered is passed on, with a verdict and
        an EDE that say so.
        """
        answer, ede = entry.answer, entry.ede
        limit, rewrite_ttl = ttl_limit(policy, verdict, moment), REWRITE_TTL
        if policy.time_rules is not None and (answer.facts.targets or verdict.target):
            verdict = with_end_inside(policy, verdict, answer.facts.targets, moment.wall)
            limit = ttl_limit(policy, verdict, moment)
        if ede is not None and entry.is_stale:
            self._recorder.count_stale()
            limit, rewrite_ttl = STALE_TTL if limit is None else min(limit, STALE_TTL), STALE_TTL
        rrs = entry.rrs_within(limit)
        if verdict.action is Action.REWRITE:
            ttl = ttl_within(policy, verdict, moment, rewrite_ttl)
            try:
                answer = rewrite_response(query, verdict.target, answer, rrs, ttl)
            except WireError:
                return empty_reply(message_id, query, SERVFAIL, _EDE_NO_REWRITE), verdict
            rrs, ede = answer.rrs, ede_of(verdict)
        elif is_time_server(verdict):
            ede = _EDE_CLEAR
            if answer.ad:  # an upstream that checked it all the same may have had the wrong time
                answer = answer.with_ttls(answer.rrs, answer.ttl_places)
                answer.ad = False
        elif answer.ede_codes and ede is None:
            ede = forwarded_ede(answer.ede_codes[0], answer.ede_text)
        # There is nothing to judge if this policy and this verdict found nothing before (the same
        # objects, since a policy has one verdict for each list entry), or if the response consists
        # of addresses outside the home network and no rule is about addresses: the rebinding guard
        # only looks for addresses of the home network.
        judged = entry.harmless_for
        harmless = (judged[0] is policy and judged[1] is verdict) or (
            answer.facts.is_plain
            and policy.nat64 is None
            and not (policy.address_rules or policy.address_lists)
        )
        inside = None if harmless else self._judge(policy, query, verdict, entry, answer, moment)
        if inside is not None:
            reply = self._inside_reply(
                message_id, query, requestor, policy, inside, moment, answer, rrs
            )
            return reply, inside
        return upstream_reply(message_id, query, answer, rrs, ede), verdict

    def _inside_reply(
        self,
        message_id: bytes,
        query: Query,
        requestor: Requestor,
        policy: Policy,
        inside: Verdict,
        moment: Moment,
        answer: UpstreamResponse,
        rrs: bytes,
    ) -> bytes:
        """Return the reply to a query whose response was judged by what stands inside."""
        told: Ede | None = None
        if query.wants_structured_errors:
            told = self.structured_ede(query, requestor, policy, inside, moment, answer.ede_text)
        if inside.reason is Reason.UPSTREAM_FILTERED:
            return upstream_reply(message_id, query, answer, rrs, told or ede_of(inside))
        return blocked_query_reply(message_id, query, requestor, policy, inside, moment, told)

    def _judge(
        self,
        policy: Policy,
        query: Query,
        verdict: Verdict,
        entry: CacheEntry,
        answer: UpstreamResponse,
        moment: Moment,
    ) -> Verdict | None:
        """Return the verdict on what stands inside a response; None: nothing speaks against it."""
        inside = judge_response(
            policy,
            self.rebinding,
            query.qname,
            verdict,
            answer.facts,
            moment.wall,
            query.qtype,
        )
        if inside is None and policy.nat64 is not None and query.qtype == AAAA:
            inside = self._judge_mapped(policy, query, verdict, answer, moment)
        if inside is None and policy.time_rules is None and verdict.action is Action.ALLOW:
            entry.harmless_for = policy, verdict  # no clock can change this finding
        return inside

    def _judge_mapped(
        self,
        policy: Policy,
        query: Query,
        verdict: Verdict,
        answer: UpstreamResponse,
        moment: Moment,
    ) -> Verdict | None:
        """Return the verdict that blocks IPv6 addresses because of the IPv4 ones that they were
        made of; None for none.

        A list can have rules about one type only, and what a name leads to is blocked by those
        about A as well.
        """
        facts = answer.facts
        if policy.list_rules is None or not facts.targets:
            return None
        if all(len(each) == 16 for each in facts.addresses):
            return None  # the upstream's own
        return judge_response(policy, self.rebinding, query.qname, verdict, facts, moment.wall, A)

    def with_old_wish(self, query: Query) -> Query:
        """Return a query that asks for structured errors in the old way, where that counts."""
        structured = self.structured_errors
        if structured is None or not structured.is_asked_the_old_way:
            return query
        return with_structured_errors(query)

    def structured_ede(
        self,
        query: Query,
        requestor: Requestor,
        policy: Policy,
        verdict: Verdict,
        moment: Moment,
        from_upstream: bytes = b"",
    ) -> Ede:
        """Return a block's extended error for a client that asked for a structured one."""
        if self.structured_errors is None:
            return ede_of(verdict)
        return self.structured_errors.ede_of(
            query, requestor, policy, verdict, moment.wall, from_upstream
        )


def with_asked_subnet(reply: bytes, query: Query, verdict: Verdict) -> bytes:
    """Return a reply that says for which network it is, where that was asked about."""
    if verdict.blocks or verdict.reason is Reason.PROTECTED or not subnet_zone(query.subnet):
        return reply
    return with_subnet(reply, query.subnet, query.max_reply_size)
