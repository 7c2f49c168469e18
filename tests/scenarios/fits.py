"""What must hold for every reply of every scenario, whatever it is about.

Written from the documentation, not from the code: a table here and a table there have to agree.
"""

from __future__ import annotations

from dataclasses import replace

import dns.flags
import dns.rdatatype

from copdns.model.household import BlockMode
from copdns.model.verdict import Action, Reason, Verdict
from copdns.policy.decide import Policy, decide, explain, has_help_prefix
from tests.home import Home, Reply
from tests.household import LISTENER

CHILD_TTL = 60  # seconds that an answer to a child is kept at most

# docs/reasons.md.  Reasons that are not here have no extended error.
EDE = {
    Reason.NOT_A_CLIENT: 18,
    Reason.LEGAL: 16,
    Reason.SECURITY: 15,
    Reason.PAUSED: 17,
    Reason.SCHEDULE: 17,
    Reason.BUDGET: 17,
    Reason.RULE: 17,
    Reason.BYPASS: 17,
    Reason.SERVICE: 17,
    Reason.CONTACT: 17,
    Reason.CATEGORY: 17,
    Reason.NO_SAFE_SEARCH: 17,
    Reason.NOT_ON_ALLOWLIST: 17,
    Reason.ADDRESS: 17,
    Reason.REBINDING: 15,
    Reason.UPSTREAM_FILTERED: 35,
}
FORGED, NOT_AUTHORITATIVE = 4, 20
STALE = {"NOERROR": 3, "NXDOMAIN": 19}
STALE_TTL = 30
NOERROR, NXDOMAIN, REFUSED, SERVFAIL = "NOERROR", "NXDOMAIN", "REFUSED", "SERVFAIL"


def check(home: Home, reply: Reply) -> None:
    """Assert all that holds for every reply."""
    assert reply.told is not None
    policy, verdict = reply.told.client.policy, reply.verdict
    _is_a_reply(reply)
    _names_nobody(home, reply)
    _is_not_kept_too_long(home, policy, verdict, reply)
    _is_explained_as_decided(home, policy, verdict, reply)
    if home.structured:
        assert reply.ede is None or reply.ede[0] != FORGED, "a forged answer was admitted to"
    if reply.rcode == SERVFAIL:
        return
    if verdict.action is Action.BLOCK and verdict.reason is not Reason.UPSTREAM_FILTERED:
        _is_blocked_as_the_profile_wants(home, policy, verdict, reply)
    else:
        _is_answered(home, verdict, reply)


def _is_a_reply(reply: Reply) -> None:
    query, message = reply.query, reply.message
    assert message.id == query.id
    assert message.question == query.question
    assert message.flags & dns.flags.QR
    assert message.flags & dns.flags.RA
    assert (message.edns >= 0) is (query.edns >= 0), "EDNS is spoken to those who speak it"


def _names_nobody(home: Home, reply: Reply) -> None:
    if reply.ede is None:
        return
    _, text = reply.ede
    assert len(text.encode()) <= 80
    words = text.replace("'", " ").lower().split()
    secret = {home.house.name, *home.house.name.split()}
    for each in (*home.house.profiles, *home.house.devices):
        secret |= {each.id, each.name, *each.name.split()}
    assert not {word.lower() for word in secret} & set(words), text


def _is_not_kept_too_long(home: Home, policy: Policy, verdict: Verdict, reply: Reply) -> None:
    longest = max(reply.ttls, default=0)
    if verdict.valid_until is not None:
        assert longest <= max(verdict.valid_until - home.clock.wall, 0), "kept past the next change"
    profile = home.house.profile(policy.profile)
    if profile is not None and profile.band_at(home.clock.wall).is_child:
        assert longest <= (profile.max_ttl or CHILD_TTL), "a pause could not be felt in time"


def _is_explained_as_decided(home: Home, policy: Policy, verdict: Verdict, reply: Reply) -> None:
    question = reply.query.question[0]
    name = question.name.to_text(omit_final_dot=True).lower()
    decided = replace(decide(policy, name, int(question.rdtype), home.clock.wall), valid_until=None)
    if policy.profile:
        steps = explain(policy, name, int(question.rdtype), home.clock.wall)
        assert [each.number for each in steps] == list(range(1, 16))
        assert [each.verdict for each in steps if each.is_decisive] == [decided]
    if verdict.via or verdict.step == 16:
        assert decided.action in (Action.ALLOW, Action.REWRITE)
    elif decided.local and decided.local.is_status:  # a question about a name may be about help
        assert replace(verdict, valid_until=None, is_untraced=False) == decided
    else:
        is_untraced = decided.is_untraced or has_help_prefix(policy, name)
        assert replace(verdict, valid_until=None) == replace(decided, is_untraced=is_untraced)


def _is_blocked_as_the_profile_wants(
    home: Home, policy: Policy, verdict: Verdict, reply: Reply
) -> None:
    mode = BlockMode.NXDOMAIN if verdict.reason is Reason.LEGAL else policy.block_mode
    question = reply.query.question[0]
    address = _made_up(mode, dns.rdatatype.to_text(question.rdtype), home.structured)
    code = FORGED if address == LISTENER else EDE[verdict.reason]
    assert reply.ede is None or reply.ede[0] == code
    assert reply.ede is not None or reply.query.edns < 0, "a block says why"
    if mode is BlockMode.REFUSED:
        assert (reply.rcode, reply.message.authority) == (REFUSED, [])
        return
    if address:
        assert (reply.rcode, reply.data) == (NOERROR, [address])
        return
    assert reply.message.answer == []
    (soa,) = reply.message.authority  # so that devices remember the block, and for how long
    assert (soa.rdtype, soa.name, soa.ttl) == (dns.rdatatype.SOA, question.name, soa[0].minimum)
    assert soa.ttl <= verdict.ttl
    if reply.rcode == NXDOMAIN:
        assert mode is BlockMode.NXDOMAIN
        below = decide(policy, f"x.{question.name.to_text()[:-1]}".lower(), 1, home.clock.wall)
        assert below.blocks, "what does not exist has nothing below it"
    else:
        assert reply.rcode == NOERROR


def _made_up(mode: BlockMode, rtype: str, structured: bool) -> str:
    if mode is BlockMode.NULL:
        return {"A": "0.0.0.0", "AAAA": "::"}.get(rtype, "")
    if mode is BlockMode.PAGE and rtype == "A" and not structured:
        return LISTENER
    return ""


def _is_answered(home: Home, verdict: Verdict, reply: Reply) -> None:
    if verdict.action is Action.REFUSE:
        assert reply.rcode == REFUSED
    authoritative = bool(reply.message.flags & dns.flags.AA)
    assert authoritative is (verdict.action is Action.LOCAL)
    code = EDE.get(verdict.reason) if verdict.action in (Action.BLOCK, Action.REFUSE) else None
    if verdict.action is Action.REWRITE and not home.structured:
        code = FORGED
    if verdict.action in (Action.ALLOW, Action.REWRITE) and not reply.query.flags & dns.flags.RD:
        assert reply.rcode == REFUSED, "it would tell what others asked for"
        code = NOT_AUTHORITATIVE
    if reply.query.edns < 0:
        code = None
    told = reply.ede[0] if reply.ede else None
    if told in STALE.values() and verdict.action is Action.ALLOW:
        assert home.upstream.is_dead, "an upstream could say something newer"
        assert (told, max(reply.ttls) <= STALE_TTL) == (STALE[reply.rcode], True)
    else:
        assert told == code
