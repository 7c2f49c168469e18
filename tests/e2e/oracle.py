"""What a reply has to be, worked out beside the program: from the policy that `copdns check`
shows, and from what the upstream says, as dnspython reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, NamedTuple

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.message import Message
from dns.name import Name
from dns.rdatatype import RdataType
from dns.rrset import RRset

from copdns.dns.response_facts import ResponseFacts
from copdns.model.household import BlockMode
from copdns.model.reasons import text_of
from copdns.model.verdict import Action, Reason, Verdict
from copdns.policy.decide import Policy, decide
from copdns.policy.judge import RebindingGuard, judge_response
from tests.e2e.asking import How, message
from tests.e2e.oracle_upstream import oracle

LISTENER = "127.0.0.1"
UDP_SIZE = 1232  # octets that copdns and the upstream send at most in a datagram
UPSTREAM_BLOCKS = {15, 16, 17}  # blocked, censored, filtered (RFC 8914)
LOCAL_TTL, REWRITE_TTL, ANY_TTL, HELP_TTL = 300, 300, 3600, 30

# RFC 8914 section 4 and its registry, by reason; a household's own reasons are "filtered".
_EDE = {
    Reason.NOT_A_CLIENT: 18,
    Reason.LEGAL: 16,
    Reason.SECURITY: 15,
    Reason.REBINDING: 15,
    Reason.UPSTREAM_FILTERED: 35,
    Reason.SAFE_SEARCH: 4,
    Reason.LOCAL: 4,
}
FILTERED, FORGED, OTHER_ERROR = 17, 4, 0
# What is answered unvalidated, whatever the upstream says of it (docs/upstreams.md).
_TIME_SERVERS, _UNVALIDATED = "os_time", "the name of a time server, which is not validated"


class Case(NamedTuple):
    """One question of one person, and how it is put.  qname: in wire form, lower case."""

    qname: bytes
    rtype: RdataType
    how: How

    @property
    def name(self) -> Name:
        return dns.name.from_wire(self.qname, 0)[0]

    @property
    def wire(self) -> bytes:
        return message(self.qname, self.rtype, self.how)

    def __str__(self) -> str:
        return f"{self.name} {dns.rdatatype.to_text(self.rtype)} {self.how}"


class Set(NamedTuple):
    """A set of records, comparable."""

    owner: Name
    rtype: RdataType
    covers: RdataType
    rdatas: frozenset[Any]


@dataclass(slots=True)
class Expected:
    """A reply, before it is cut to fit.

    verdict: what decided.  max_ttl: no TTL is longer.
    size: octets of the upstream's answer; from some size on its additional section may lack.
    """

    verdict: Verdict
    rcode: int = 0
    answer: list[RRset] = field(default_factory=list)
    authority: list[RRset] = field(default_factory=list)
    additional: list[RRset] = field(default_factory=list)
    ede: tuple[int, str] | None = None
    aa: bool = False
    ad: bool = False
    max_ttl: int | None = None
    size: int = 0


# --- what is expected ---------------------------------------------------------------------------


def expected(
    policy: Policy, rebinding: RebindingGuard, case: Case, now: float, listener: str = LISTENER
) -> Expected:
    """Return what a profile is answered; only the decision itself is asked of the program's
    policy, as `copdns check` does."""
    verdict = decide(policy, text_of_name(case.name), case.rtype, now)
    if verdict.action is Action.REFUSE:
        return Expected(verdict, dns.rcode.REFUSED, ede=_ede(verdict, case.how))
    if verdict.action is Action.LOCAL:
        return _local(policy, verdict, case, listener)
    if verdict.action is Action.BLOCK:
        return _blocked(policy, verdict, case, listener)
    if case.rtype == RdataType.ANY:
        ttl = ANY_TTL if policy.max_ttl is None else min(ANY_TTL, policy.max_ttl)
        return Expected(verdict, answer=[_rrset(case.name, ttl, "HINFO", '"RFC8482" ""')])
    return _given(policy, rebinding, verdict, case, now, listener)


def _as_given(rrset: RRset, *, is_help: bool) -> RRset:
    """Return an upstream's records with the TTL that everybody is given them with."""
    came = [rrset.ttl, 604_800]
    came += [each.minimum for each in rrset if rrset.rdtype == RdataType.SOA]
    given = rrset.copy()
    given.ttl = HELP_TTL if is_help else min(min(came) // 2, 60)
    return given


def text_of_name(name: Name) -> str:
    r"""Return a name as copdns writes it: lower case, odd octets as \DDD."""
    plain = b"abcdefghijklmnopqrstuvwxyz0123456789-_"
    labels = name.canonicalize().labels[:-1]
    return ".".join(
        "".join(chr(o) if o in plain else f"\\{o:03d}" for o in label) for label in labels
    )


def _given(
    policy: Policy,
    rebinding: RebindingGuard,
    verdict: Verdict,
    case: Case,
    now: float,
    listener: str,
) -> Expected:
    """Return what the upstream says, unless something inside it is blocked."""
    how, name = case.how, case.name
    rewrite = verdict.action is Action.REWRITE
    target = dns.name.from_text(verdict.target).to_wire() if rewrite else case.qname
    said, size = upstream_says(target or b"", case.rtype, how.do, how.cd)
    sections = (
        [_as_given(each, is_help=verdict.is_untraced) for each in section]
        for section in (said.answer, said.authority, said.additional)
    )
    found = Expected(verdict, said.rcode(), *sections)
    found.max_ttl, found.size = policy.max_ttl, size
    found.ad = bool(said.flags & dns.flags.AD) and (how.do or how.ad)
    found.ede = _passed_on(said, how)
    if verdict.reason is Reason.PROTECTED and verdict.category == _TIME_SERVERS:
        found.ad, found.ede = False, None if how.size is None else (OTHER_ERROR, _UNVALIDATED)
    if rewrite and not all(map(_is_text, _names(said.answer))):
        ede = (
            None
            if how.size is None
            else (OTHER_ERROR, "the answer for the rewrite's target cannot be used")
        )
        return Expected(verdict, dns.rcode.SERVFAIL, ede=ede)
    if rewrite:
        ttl = min([REWRITE_TTL, *(each.ttl for each in found.answer)])
        alias = _rrset(name, ttl, "CNAME", f"{verdict.target}.")
        found.answer, found.authority, found.additional = [alias, *found.answer], [], []
        found.ad, found.ede = False, _ede(verdict, how)
        found.max_ttl = min(policy.max_ttl or REWRITE_TTL, REWRITE_TTL)
    facts = facts_of(found, said)
    inside = judge_response(policy, rebinding, text_of_name(name), verdict, facts, now)
    if inside is None:
        return found
    if inside.reason is Reason.UPSTREAM_FILTERED:
        found.verdict, found.ede = inside, _ede(inside, how)
        return found
    return _blocked(policy, inside, case, listener)


def _passed_on(said: Message, how: How) -> tuple[int, str] | None:
    """Return the upstream's extended error as copdns passes it on (docs/reasons.md)."""
    found = ede_of(said)
    if how.size is None or found is None or found[0] in UPSTREAM_BLOCKS:
        return None
    return found[0], f"upstream: {found[1]}" if found[1] else "said by the upstream"


def _names(section: list[RRset]) -> Iterable[Name]:
    for rrset in section:
        yield rrset.name
        for rdata in rrset:
            yield getattr(rdata, "target", getattr(rdata, "exchange", rrset.name))


def _is_text(name: Name) -> bool:
    """Tell whether a rewrite can take a name over: dnslib, which does that, reads only UTF-8."""
    try:
        b".".join(name.labels).decode()
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(maxsize=16_384)  # several people ask the same
def upstream_says(name: bytes, rtype: RdataType, do: bool, cd: bool) -> tuple[Message, int]:
    """Return the upstream's answer to a question as copdns has to put it, and its octets.

    name: in wire form.
    """
    how = How(size=1232, do=do, cd=cd, ad=True)
    query = dns.message.from_wire(b"\0\0" + message(name, rtype, how))
    wire = oracle(query).to_wire(max_size=65535)
    return dns.message.from_wire(wire), len(wire)


def facts_of(found: Expected, said: Message) -> ResponseFacts:
    """Read the names and addresses inside an answer: our reader's work, done by dnspython."""
    targets: list[str] = []
    addresses: list[bytes] = []
    for rrset in found.answer:
        for rdata in rrset:
            if rrset.rdtype in (RdataType.CNAME, RdataType.DNAME):
                targets.append(text_of_name(rdata.target))
            elif rrset.rdtype in (RdataType.HTTPS, RdataType.SVCB):
                targets.append(text_of_name(rdata.target))
                addresses += _hints(rdata)
    for rrset in (*found.answer, *found.additional):
        if rrset.rdtype in (RdataType.A, RdataType.AAAA):
            addresses += (ip_address(rdata.address).packed for rdata in rrset)
    edes = [each.code for each in said.options if isinstance(each, dns.edns.EDEOption)]
    return ResponseFacts(
        targets=tuple(target for target in targets if target),
        addresses=tuple(addresses),
        home_addresses=tuple(
            addresses
        ),  # all of loopback; protection tells which of them is allowed
        is_filtered=bool(UPSTREAM_BLOCKS & set(edes)),
    )


def _hints(rdata: Any) -> Iterable[bytes]:
    for key in (4, 6):
        if key in rdata.params:
            yield from (ip_address(each).packed for each in rdata.params[key].addresses)


def _blocked(policy: Policy, verdict: Verdict, case: Case, listener: str) -> Expected:
    """Return how a block looks in a profile's mode."""
    mode = BlockMode.NXDOMAIN if verdict.reason is Reason.LEGAL else policy.block_mode
    ttl = verdict.ttl if policy.max_ttl is None else min(verdict.ttl, policy.max_ttl)
    found = Expected(verdict, ede=_ede(verdict, case.how))
    address = _made_up(mode, case, listener)
    if mode is BlockMode.REFUSED:
        found.rcode = dns.rcode.REFUSED
    elif address is not None:
        found.answer = [_rrset(case.name, ttl, dns.rdatatype.to_text(case.rtype), address)]
        if mode is BlockMode.PAGE and found.ede is not None:
            found.ede = FORGED, found.ede[1]
    else:
        found.authority = [_soa(case.name, ttl)]
        if mode is BlockMode.NXDOMAIN and verdict.nothing_open_below:
            found.rcode = dns.rcode.NXDOMAIN
    return found


def _made_up(mode: BlockMode, case: Case, listener: str) -> str | None:
    if mode is BlockMode.NULL:
        return {RdataType.A: "0.0.0.0", RdataType.AAAA: "::"}.get(case.rtype)
    if mode is not BlockMode.PAGE or case.how.structured:
        return None
    return listener if case.rtype == _type_of(listener) else None


def _type_of(address: str) -> RdataType:
    return RdataType.AAAA if ":" in address else RdataType.A


def _local(policy: Policy, verdict: Verdict, case: Case, listener: str) -> Expected:
    assert verdict.local is not None
    cap = LOCAL_TTL if policy.max_ttl is None else min(LOCAL_TTL, policy.max_ttl)
    found = Expected(verdict, verdict.local.rcode, aa=True)
    rtype = dns.rdatatype.to_text(case.rtype)
    records = [each for each in verdict.local.records if each.rtype == case.rtype]
    if verdict.local.is_own_address and case.rtype == _type_of(listener):
        found.answer = [_rrset(case.name, cap, rtype, listener)]
    elif records:
        ttl = min(cap, *(each.ttl for each in records))
        dot = "." if case.rtype == RdataType.PTR else ""
        found.answer = [_rrset(case.name, ttl, rtype, *(each.data + dot for each in records))]
    else:
        found.authority = [_soa(case.name, cap)]
    return found


def _ede(verdict: Verdict, how: How) -> tuple[int, str] | None:
    """Return the extended error that who asks like this is told."""
    if how.size is None:
        return None
    code = _EDE.get(verdict.reason, FILTERED)
    if code == FORGED and how.structured:
        return None
    return code, text_of(verdict).encode()[:80].decode(errors="ignore")


def _rrset(name: Name, ttl: int, rtype: str, *texts: str) -> RRset:
    return dns.rrset.from_text(name, ttl, "IN", rtype, *texts)


def _soa(name: Name, ttl: int) -> RRset:
    return _rrset(name, ttl, "SOA", f"nobody.invalid. nobody.invalid. 1 3600 1200 604800 {ttl}")


# --- whether it came ----------------------------------------------------------------------------


def is_cut(reply: bytes) -> bool:
    return bool(reply[2] & 0x02)


def faults(want: Expected, case: Case, wire: bytes) -> list[str]:
    """Return what is wrong with a reply that was not cut."""
    how = case.how
    reply = dns.message.from_wire(wire)
    room = how.takes - len(wire)
    found = [f"{-room} octets too long"] if room < 0 else []
    found += (
        ["other question"] if _question(wire, case) != _question(b"\0\0" + case.wire, case) else []
    )
    found += _compared("rcode", want.rcode, reply.rcode())
    found += _compared("flags", _flags(want, how), reply.flags & 0x0FFF & ~0xF)
    found += _compared("EDNS", how.size is not None, reply.edns == 0)
    found += _compared("DO", how.do, bool(reply.ednsflags & dns.flags.DO))
    found += _compared("answer", sets_of(want.answer), sets_of(reply.answer))
    found += _compared("authority", sets_of(want.authority), sets_of(reply.authority))
    additional = sets_of(reply.additional)
    if additional or want.size < min(how.takes, UDP_SIZE) - 100:
        found += _compared("additional", sets_of(want.additional), additional)
    found += _ede_faults(want.ede, ede_of(reply), room)
    return found + _ttl_faults(want, reply)


def _question(wire: bytes, case: Case) -> bytes:
    """Return the question octet by octet: it has to come back as it was spelled."""
    return wire[12 : 12 + len(case.qname) + 4]


def _ede_faults(want: tuple[int, str] | None, got: tuple[int, str] | None, room: int) -> list[str]:
    """An extended error may lack where there is no room for it, and its text before it does."""
    if want is not None and (
        (got is None and room < 6) or (got == (want[0], "") and room < len(want[1].encode()))
    ):
        return []
    return _compared("EDE", want, got)


def _flags(want: Expected, how: How) -> int:
    kept = dns.flags.RA | how.flags & (dns.flags.RD | dns.flags.CD)
    return kept | (dns.flags.AA if want.aa else 0) | (dns.flags.AD if want.ad else 0)


def _compared(what: str, want: object, got: object) -> list[str]:
    return [] if want == got else [f"{what}: expected {want}, got {got}"]


def ede_of(reply: Message) -> tuple[int, str] | None:
    said = [each for each in reply.options if isinstance(each, dns.edns.EDEOption)]
    return (int(said[0].code), said[0].text or "") if said else None


def sets_of(section: list[RRset]) -> list[Set]:
    """Return a section's sets in their order, with the records of each in any."""
    return [Set(each.name, each.rdtype, each.covers, frozenset(each)) for each in section]


def _ttl_faults(want: Expected, reply: Message) -> list[str]:
    """TTLs are those expected, for however long an answer stood in the cache."""
    found = []
    pairs = zip(
        (*want.answer, *want.authority, *want.additional),
        (*reply.answer, *reply.authority, *reply.additional),
        strict=False,
    )
    for wanted, got in pairs:
        ttl = wanted.ttl if want.max_ttl is None else min(wanted.ttl, want.max_ttl)
        if got.ttl != ttl:
            found.append(f"TTL of {got.name}: expected {ttl}, got {got.ttl}")
    return found
