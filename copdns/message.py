"""Read what an upstream says: bytes to an `Answer` that can be kept and given to many.

Only what changes from client to client is found out: where the TTLs are, what the OPT record
said, and which names and addresses lie inside (`judge.Facts`).  All else stays as it came, so
that unknown types and signatures pass (RFC 3597, RFC 5625 section 3).  Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import unpack_from

from copdns.errors import WireError
from copdns.judge import Facts, in_home
from copdns.names import from_wire
from copdns.records import (
    AAAA,
    AD,
    CNAME,
    COUNTS,
    DNAME,
    HEADER,
    HTTPS,
    OPT,
    OPTION_EDE,
    QUESTION_TAIL,
    RCODE,
    RRSIG,
    SOA,
    SVCB,
    TC,
    A,
    Rr,
    end_of_name,
    name_at,
    options,
    records,
)

NOERROR, NXDOMAIN = 0, 3
MAX_TARGETS = 64  # of an answer: each is judged, every time; honest answers have a handful
MAX_TTL = 604_800  # seconds; also what a TTL with the top bit set means (RFC 8767 section 4)

_FILTER_CODES = frozenset({15, 16, 17})  # RFC 8914 section 4: blocked, censored, filtered


@dataclass(frozen=True, slots=True)
class Answer:
    """An upstream's answer, without header, question and OPT record.

    body: the records; `counts` of them in answer, authority and additional section.
    additional_at: where in the body the additional section begins.
    ttls: (place in the body, seconds) of every TTL.
    rcode: with its extended bits.  ad: authenticated data, as the upstream says.
    ttl: seconds that the whole may be kept; 0: it must not be.
    edns: it came with an OPT record.  edes: codes of extended errors in that.
    """

    body: bytes
    counts: tuple[int, int, int]
    additional_at: int
    ttls: tuple[tuple[int, int], ...]
    rcode: int
    ad: bool
    truncated: bool
    ttl: int
    edns: bool
    edes: tuple[int, ...]
    facts: Facts


def read_answer(message: bytes, *, filtering: bool = False) -> Answer:
    """Return the answer in an upstream's message; raise WireError where it is malformed.

    filtering: the upstream is known to block by answering 0.0.0.0 or ::.
    """
    if len(message) < HEADER:
        raise WireError("an answer is too short for a header")
    flags, questions, *counts = COUNTS.unpack_from(message, 2)
    if questions != 1:
        raise WireError("an answer repeats the one question")
    start = end_of_name(message, HEADER) + QUESTION_TAIL
    if start > len(message):
        raise WireError("the question is cut short")
    sections = _sections(message, start, counts)
    answers, authorities, additionals = sections
    opt = next((rr for rr in additionals if rr.rtype == OPT), None)
    # What follows OPT would move when it is taken out, and names may point there: left out, as
    # any additional record may be.  Servers write OPT last.
    kept = [rr for rr in additionals if opt is None or rr.start < opt.start]
    every = [*answers, *authorities, *kept]
    end = every[-1].end if every else start
    extended, edes = _read_opt(message, opt)
    rcode = flags & RCODE | extended << 4
    return Answer(
        body=message[start:end],
        counts=(len(answers), len(authorities), len(kept)),
        additional_at=(kept[0].start if kept else end) - start,
        ttls=tuple((rr.ttl_at - start, min(rr.ttl, MAX_TTL)) for rr in every),
        rcode=rcode,
        ad=bool(flags & AD),
        truncated=bool(flags & TC),
        ttl=0 if flags & TC else _kept_for(message, rcode, answers, authorities),
        edns=opt is not None,
        edes=edes,
        facts=_facts(message, answers, kept, edes, filtering),
    )


def _sections(message: bytes, at: int, counts: list[int]) -> tuple[list[Rr], list[Rr], list[Rr]]:
    sections = []
    for count in counts:
        section = list(records(message, at, count))
        sections.append(section)
        at = section[-1].end if section else at
    return sections[0], sections[1], sections[2]


def _read_opt(message: bytes, opt: Rr | None) -> tuple[int, tuple[int, ...]]:
    """Return the upper bits of the rcode, and the extended error code, of an OPT record."""
    if opt is None:
        return 0, ()
    ede = options(message[opt.data_at : opt.end]).get(OPTION_EDE, b"")
    codes = (int.from_bytes(ede[:2], "big"),) if len(ede) >= 2 else ()
    return opt.ttl >> 24, codes


def _kept_for(message: bytes, rcode: int, answers: list[Rr], authorities: list[Rr]) -> int:
    """Return for how many seconds an answer may be kept (RFC 2308 sections 3 and 5)."""
    if rcode not in (NOERROR, NXDOMAIN):
        return 0
    lowest = min((rr.ttl for rr in answers), default=MAX_TTL)
    soa = next((rr for rr in authorities if rr.rtype == SOA), None)
    last = next((rr.rtype for rr in reversed(answers) if rr.rtype != RRSIG), None)
    if rcode == NOERROR and answers and (soa is None or last != CNAME):
        return min(lowest, MAX_TTL)
    if soa is None or soa.end - soa.data_at < 20:
        return 0  # without an SOA nobody says for how long there is nothing
    minimum = int.from_bytes(message[soa.end - 4 : soa.end], "big")
    return min(lowest, soa.ttl, minimum, MAX_TTL)


def _facts(
    message: bytes, answers: list[Rr], additionals: list[Rr], edes: tuple[int, ...], filtering: bool
) -> Facts:
    targets: list[str] = []
    addresses: list[bytes] = []
    for rr in answers:
        if rr.rtype in (CNAME, DNAME):
            targets.append(from_wire(name_at(message, rr.data_at)))
        elif rr.rtype in (SVCB, HTTPS):
            _read_service(message, rr, targets, addresses)
    addresses += (
        message[rr.data_at : rr.end] for rr in (*answers, *additionals) if _is_address(rr)
    )
    if len(targets) > MAX_TARGETS:
        raise WireError("an answer points to more names than can be judged")
    # From an upstream that blocks so, 0.0.0.0 is no way into the home.
    nulls = {packed for packed in addresses if filtering and not any(packed)}
    return Facts(
        targets=tuple(dict.fromkeys(target for target in targets if target)),
        addresses=tuple(addresses),
        home=tuple(packed for packed in addresses if packed not in nulls and in_home(packed)),
        filtered=bool(nulls) or not _FILTER_CODES.isdisjoint(edes),
    )


def _is_address(rr: Rr) -> bool:
    size = rr.end - rr.data_at
    return (rr.rtype == A and size == 4) or (rr.rtype == AAAA and size == 16)


def _read_service(message: bytes, rr: Rr, targets: list[str], addresses: list[bytes]) -> None:
    """Add a SVCB or HTTPS record's target and address hints (RFC 9460 sections 2.2 and 7.3)."""
    data = message[rr.data_at : rr.end]
    if len(data) < 3:
        raise WireError("a service record is cut short")
    at = end_of_name(data, 2)  # never compressed (RFC 9460 section 2.2)
    targets.append(from_wire(data[2:at]))
    while at + 4 <= len(data):
        key, length = unpack_from("!HH", data, at)
        size = {4: 4, 6: 16}.get(key)
        value = data[at + 4 : at + 4 + length]
        if size:
            addresses += (value[i : i + size] for i in range(0, len(value) - size + 1, size))
        at += 4 + length
