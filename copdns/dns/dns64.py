"""Answer for IPv6 addresses with those that stand for a name's IPv4 ones (DNS64, RFC 6147).

Only records are made here.  `server/answer.py` asks for both types and says when; the cache keeps
what upstreams said, and nothing of this.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from copdns.dns.cache import CacheEntry
from copdns.dns.message import NOERROR, UpstreamResponse
from copdns.dns.records import (
    AAAA,
    CNAME,
    DNAME,
    HEADER_SIZE,
    IN,
    QUESTION_TAIL,
    RRSIG,
    A,
    RecordSpan,
    read_name,
    read_records,
)
from copdns.dns.response_facts import ResponseFacts
from copdns.model.errors import NXDOMAIN
from copdns.model.names import to_wire
from copdns.model.nat64 import Nat64

_OWNER: Final = b"\xc0\x0c"  # a pointer to the question's name
_POINTING: Final = frozenset({CNAME, DNAME})


def lacks_ipv6(qname: str, answer: UpstreamResponse, nat64: Nat64) -> bool:
    """Tell whether a response to AAAA has no address that counts, while the name may exist.

    An error other than NXDOMAIN is taken for no address: some servers answer so to a type that
    they do not know (RFC 6147 section 5.1.2).
    """
    if answer.rcode == NXDOMAIN or answer.facts.is_filtered:
        return False
    if answer.rcode != NOERROR:
        return True
    return all(nat64.excludes(data) for data in _ipv6_in(qname, answer))


def without_excluded(qname: str, entry: CacheEntry, nat64: Nat64) -> CacheEntry:
    """Return a response to AAAA without the addresses that count as none."""
    answer = entry.answer
    if not any(nat64.excludes(data) for data in _ipv6_in(qname, answer)):
        return entry
    made = _Answers(qname, answer)
    for rr in made.spans():
        is_excluded = rr.rtype == AAAA and nat64.excludes(made.data(rr))
        if not is_excluded and not (rr.rtype == RRSIG and made.signed_type(rr) == AAAA):
            made.keep(rr)
    facts = answer.facts
    left = [each for each in facts.addresses if len(each) == 4 or not nat64.excludes(each)]
    home = tuple(each for each in facts.home_addresses if each in left)
    return _entry(made, ResponseFacts(facts.targets, tuple(left), home), entry, None)


def map_entry(
    qname: str, by_ipv4: CacheEntry, nothing: CacheEntry | None, nat64: Nat64
) -> CacheEntry | None:
    """Return the response to AAAA made of one to A; None where that has no address to map.

    by_ipv4: for the same name; its CNAMEs stay, and its addresses are still those that are judged.
    nothing: the response that said that there is no AAAA; no record is given for longer than its
        SOA says (RFC 6147 section 5.1.7).
    """
    if by_ipv4.answer.rcode != NOERROR:
        return None
    made = _Answers(qname, by_ipv4.answer)
    has_addresses = False
    for rr in made.spans():
        if rr.rtype == A and rr.end - rr.data_at == 4:
            for mapped in nat64.addresses_for(made.data(rr)):
                made.add(rr, AAAA, mapped)
                has_addresses = True
        elif rr.rtype in _POINTING or (rr.rtype == RRSIG and made.signed_type(rr) in _POINTING):
            made.keep(rr)
    return _entry(made, by_ipv4.answer.facts, by_ipv4, nothing) if has_addresses else None


class _Answers:
    """The answer section of a response, and another one that is made of it.

    Names are written in full, since records move and pointers into them would not.
    """

    def __init__(self, qname: str, answer: UpstreamResponse) -> None:
        """qname: of the question that was answered; names in `answer` may point into it."""
        self.answer = answer
        self._owner = to_wire(qname)
        self._start = HEADER_SIZE + len(self._owner) + QUESTION_TAIL
        self._message = bytes(HEADER_SIZE) + self._owner + bytes(QUESTION_TAIL) + answer.rrs
        self._made = bytearray()
        self._ttl_places: list[tuple[int, int]] = []

    def spans(self) -> list[RecordSpan]:
        return read_records(self._message, self._start, self.answer.section_counts[0])

    def data(self, rr: RecordSpan) -> bytes:
        return self._message[rr.data_at : rr.end]

    def signed_type(self, rr: RecordSpan) -> int:
        """Return the type that a signature is about (RFC 4034 section 3.1)."""
        return int.from_bytes(self.data(rr)[:2], "big")

    def keep(self, rr: RecordSpan) -> None:
        is_name = rr.rtype in _POINTING
        self.add(rr, rr.rtype, read_name(self._message, rr.data_at) if is_name else self.data(rr))

    def add(self, rr: RecordSpan, rtype: int, data: bytes) -> None:
        """Add a record with the owner and the TTL of another."""
        owner = read_name(self._message, rr.start)
        made = self._made
        made += _OWNER if owner.lower() == self._owner.lower() else owner
        made += rtype.to_bytes(2, "big") + IN.to_bytes(2, "big")
        self._ttl_places.append((len(made), rr.ttl))
        made += rr.ttl.to_bytes(4, "big") + len(data).to_bytes(2, "big") + data

    def response(self, facts: ResponseFacts) -> UpstreamResponse:
        """Return the response with the records that were made (RFC 6147).  facts: about these."""
        before, rrs = self.answer, bytes(self._made)
        counts = (len(self._ttl_places), 0, 0)
        return UpstreamResponse(
            rrs,
            counts,
            len(rrs),
            tuple(self._ttl_places),
            before.rcode,
            False,  # nothing that is made here was validated
            False,
            0,
            before.has_edns,
            before.ede_codes,
            facts,
            before.ede_text,
        )


def _entry(
    made: _Answers, facts: ResponseFacts, before: CacheEntry, nothing: CacheEntry | None
) -> CacheEntry:
    """Return an entry that is given and not cached, for as long as those that it is made of."""
    answer = made.response(facts)
    ttls = [ttl for _, ttl in answer.ttl_places]
    expires, ede = before.expires, before.ede
    if nothing is not None and nothing.answer.rcode == NOERROR:
        ttls += [ttl for _, ttl in nothing.answer.ttl_places]
        expires, ede = min(expires, nothing.expires), ede or nothing.ede
    entry = CacheEntry(answer, expires, min(ttls, default=0))
    entry.ede = ede
    return entry


def _ipv6_in(qname: str, answer: UpstreamResponse) -> Iterator[bytes]:
    """Yield the IPv6 addresses in the answer section of a response."""
    read = _Answers(qname, answer)
    return (read.data(rr) for rr in read.spans() if rr.rtype == AAAA and rr.end - rr.data_at == 16)
