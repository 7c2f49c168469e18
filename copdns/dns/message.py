"""Read what an upstream says: octets to an `UpstreamResponse`, which is cached and sent to many.

Only what changes from client to client is read: where the TTLs are, what the OPT record said, and
which names and addresses are inside (`ResponseFacts`, for `judge_response`).  All else stays as it
came, so that unknown types and signatures pass (RFC 3597, RFC 5625 section 3).  Pure.
"""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from copdns.dns.records import (
    AAAA,
    AD,
    CNAME,
    DNAME,
    HEADER_SIZE,
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
    RecordSpan,
    read_name,
    read_options,
    read_records,
    skip_name,
)
from copdns.dns.response_facts import ResponseFacts, is_home_address
from copdns.model.build import mypyc_attr
from copdns.model.errors import WireError
from copdns.model.names import from_wire

NOERROR: Final = 0
NXDOMAIN: Final = 3
MAX_EDE_TEXT: Final = 1024  # octets of an extended error, with its code, whose text is kept
MAX_TARGETS: Final = 64  # of a response: each is judged, every time; honest ones have a handful
_SOA_NUMBERS: Final = 20  # octets of the five numbers that end an SOA record
MAX_TTL: Final = 604_800  # seconds; also what a TTL with the top bit set means (RFC 8767 section 4)

_POINTING: Final = frozenset({CNAME, DNAME})
_SERVING: Final = frozenset({SVCB, HTTPS})
_ADDRESS_SIZE: Final = {A: 4, AAAA: 16}
_FILTER_CODES: Final = frozenset({15, 16, 17})  # RFC 8914 section 4: blocked, censored, filtered


@mypyc_attr(acyclic=True)
class UpstreamResponse:
    """An upstream's response, without header, question and OPT record.

    rrs: the records in wire form; section_counts: how many are in the answer, the authority and
        the additional section; additional_at: where in `rrs` the last of these begins.
    ttl_places: (place in `rrs`, seconds) of every TTL, as they came.
    rcode: with its extended bits.  ad: authenticated data, as the upstream says.
    cache_ttl: seconds that the whole may be cached; 0: it must not be.
    has_edns: it came with an OPT record.  ede_codes: of the extended errors in that.
    ede_text: of the first of them, as it came; b"" where it was not to be kept.
    """

    __slots__ = (
        "ad",
        "additional_at",
        "cache_ttl",
        "ede_codes",
        "ede_text",
        "facts",
        "has_edns",
        "is_truncated",
        "rcode",
        "rrs",
        "section_counts",
        "ttl_places",
    )

    def __init__(
        self,
        rrs: bytes,
        section_counts: tuple[int, int, int],
        additional_at: int,
        ttl_places: tuple[tuple[int, int], ...],
        rcode: int,
        ad: bool,
        is_truncated: bool,
        cache_ttl: int,
        has_edns: bool,
        ede_codes: tuple[int, ...],
        facts: ResponseFacts,
        ede_text: bytes = b"",
    ) -> None:
        self.rrs = rrs
        self.section_counts = section_counts
        self.additional_at = additional_at
        self.ttl_places = ttl_places
        self.rcode = rcode
        self.ad = ad
        self.is_truncated = is_truncated
        self.cache_ttl = cache_ttl
        self.has_edns = has_edns
        self.ede_codes = ede_codes
        self.facts = facts
        self.ede_text = ede_text

    def with_ttls(self, rrs: bytes, ttl_places: tuple[tuple[int, int], ...]) -> UpstreamResponse:
        """Return the response with other TTLs in its records.  ttl_places: with these."""
        return UpstreamResponse(
            rrs,
            self.section_counts,
            self.additional_at,
            ttl_places,
            self.rcode,
            self.ad,
            self.is_truncated,
            self.cache_ttl,
            self.has_edns,
            self.ede_codes,
            self.facts,
            self.ede_text,
        )


def read_response(
    message: bytes, *, filtering: bool = False, question: int = 0, authentic: bool = False
) -> UpstreamResponse:
    """Return the response in a message; raise WireError where it is malformed.

    filtering: the upstream is known to block by answering 0.0.0.0 or ::.
    question: octets of the question, where it was compared with the one sent already.
    authentic: it came from the upstream itself, over a connection that nobody else can write on.
    """
    if len(message) < HEADER_SIZE:
        raise WireError("an answer is too short for a header")
    flags = message[2] << 8 | message[3]
    if message[4] or message[5] != 1:
        raise WireError("an answer repeats the one question")
    counts = (
        message[6] << 8 | message[7],
        message[8] << 8 | message[9],
        message[10] << 8 | message[11],
    )
    start = HEADER_SIZE + (
        question or skip_name(message, HEADER_SIZE) - HEADER_SIZE + QUESTION_TAIL
    )
    if start > len(message):
        raise WireError("the question is cut short")
    return _addresses_alone(message, start, flags, counts, filtering) or _record_by_record(
        message, start, flags, counts, filtering, authentic
    )


def _record_by_record(
    message: bytes,
    start: int,
    flags: int,
    counts: tuple[int, int, int],
    filtering: bool,
    authentic: bool,
) -> UpstreamResponse:
    """Return any response.  start: where its records begin; counts: of each section."""
    every = read_records(message, start, sum(counts))
    rcode = flags & RCODE
    edes: tuple[int, ...] = ()
    text = b""
    opt = _take_out_opt(every, counts[0] + counts[1]) if counts[2] else None
    if opt is not None and (opt.ttl >> 24 or opt.data_at < opt.end):
        extended, edes, text = _read_opt(message, opt)
        rcode |= extended << 4
        if edes and not authentic and edes[0] in _FILTER_CODES:
            text = b""  # people would be told whom to call, and anybody could have written it
    answers, authorities, additionals = every, _NONE, _NONE
    if len(every) > counts[0]:
        place = counts[0] + counts[1]
        answers, authorities = every[: counts[0]], every[counts[0] : place]
        additionals = every[place:]
    end = every[-1].end if every else start
    return UpstreamResponse(
        message[start:end],
        (counts[0], counts[1], len(additionals)),
        (additionals[0].start if additionals else end) - start,
        tuple([(rr.ttl_at - start, _ttl_of(message, rr)) for rr in every]),
        rcode,
        bool(flags & AD),
        bool(flags & TC),
        0 if flags & TC else _cache_ttl(message, rcode, answers, authorities),
        opt is not None,
        edes,
        _facts(message, answers, additionals, edes, filtering),
        text,
    )


_NONE: list[RecordSpan] = []

_OPT_BEGINS: Final = bytes((0, 0, OPT))  # the root and the type; octets of it all
_OPT_ALONE: Final = 11


def _addresses_alone(
    message: bytes, at: int, flags: int, counts: tuple[int, int, int], filtering: bool
) -> UpstreamResponse | None:
    """Return a response of the commonest kind: addresses of the name asked, and an OPT record.

    None for every other kind, and for a malformed one: they are read record by record, which takes
    three times as long.
    """
    answers, authorities, additionals = counts
    if authorities or additionals > 1 or not answers or flags & (TC | RCODE):
        return None
    start, shortest, whole = at, MAX_TTL, len(message)
    ttls: list[tuple[int, int]] = []
    addresses: list[bytes] = []
    home: list[bytes] = []
    for _ in range(answers):
        # Twelve octets: a pointer to the question's name, type, class, TTL, octets of data.
        if at + 16 > whole or message[at] != 0xC0 or message[at + 1] != HEADER_SIZE:
            return None
        rtype = message[at + 2] << 8 | message[at + 3]
        size = 4 if rtype == A else 16
        if (rtype != A and rtype != AAAA) or message[at + 10] or message[at + 11] != size:
            return None
        ttl = message[at + 6] << 24 | message[at + 7] << 16 | message[at + 8] << 8 | message[at + 9]
        if ttl > MAX_TTL:
            return None
        shortest = min(shortest, ttl)
        ttls.append((at + 6 - start, ttl))
        packed = message[at + 12 : at + 12 + size]
        at += 12 + size
        if at > whole:
            return None
        addresses.append(packed)
        if is_home_address(packed):
            home.append(packed)
    end = at
    if additionals:
        if whole - at != _OPT_ALONE or message[at : at + 3] != _OPT_BEGINS:
            return None
        if message[at + 5] or message[at + 9] or message[at + 10]:
            return None  # with the upper half of an rcode, or with options
    elif at != whole:
        return None
    if filtering and home:
        return None
    return UpstreamResponse(
        message[start:end],
        (answers, 0, 0),
        end - start,
        tuple(ttls),
        0,
        bool(flags & AD),
        False,
        shortest,
        bool(additionals),
        (),
        ResponseFacts((), tuple(addresses), tuple(home), False),
    )


def _take_out_opt(every: list[RecordSpan], at: int) -> RecordSpan | None:
    """Take the OPT record out of the additional ones and return it.  at: where these begin.

    The records behind it are taken out too, as any additional record may be: they would move, and
    names may point into them.  Servers write OPT last.
    """
    for place in range(at, len(every)):
        if every[place].rtype == OPT:
            opt = every[place]
            del every[place:]
            return opt
    return None


def _read_opt(message: bytes, opt: RecordSpan) -> tuple[int, tuple[int, ...], bytes]:
    """Return the upper bits of the rcode, and the extended error's code and text, of an OPT
    record."""
    ede = read_options(message[opt.data_at : opt.end]).get(OPTION_EDE, b"")
    codes = (int.from_bytes(ede[:2], "big"),) if len(ede) >= 2 else ()
    text = ede[2:] if len(ede) <= MAX_EDE_TEXT else b""
    return opt.ttl >> 24, codes, text


def _ttl_of(message: bytes, rr: RecordSpan) -> int:
    """Return a record's TTL; an SOA holds for no longer than its MINIMUM (RFC 2308 section 3)."""
    ttl = min(rr.ttl, MAX_TTL)
    if rr.rtype == SOA and rr.end - rr.data_at >= _SOA_NUMBERS:
        return min(ttl, int.from_bytes(message[rr.end - 4 : rr.end], "big"))
    return ttl


def _cache_ttl(
    message: bytes, rcode: int, answers: list[RecordSpan], authorities: list[RecordSpan]
) -> int:
    """Return for how many seconds a response may be cached (RFC 2308 sections 3 and 5)."""
    if rcode not in (NOERROR, NXDOMAIN):
        return 0
    lowest = min([rr.ttl for rr in answers], default=MAX_TTL)
    if rcode == NOERROR and answers and not authorities:
        return min(lowest, MAX_TTL)
    soa = next((rr for rr in authorities if rr.rtype == SOA), None)
    last = next((rr.rtype for rr in reversed(answers) if rr.rtype != RRSIG), None)
    if rcode == NOERROR and answers and (soa is None or last != CNAME):
        return min(lowest, MAX_TTL)
    if soa is None or soa.end - soa.data_at < _SOA_NUMBERS:
        return 0  # without an SOA nothing says for how long there is no such data
    return min(lowest, _ttl_of(message, soa))


def _facts(
    message: bytes,
    answers: list[RecordSpan],
    additionals: list[RecordSpan],
    edes: tuple[int, ...],
    filtering: bool,
) -> ResponseFacts:
    targets: list[str] = []
    addresses: list[bytes] = []
    for rr in answers:
        size = _ADDRESS_SIZE.get(rr.rtype)
        if size is not None:
            if rr.end - rr.data_at == size:
                addresses.append(message[rr.data_at : rr.end])
        elif rr.rtype in _POINTING:
            targets.append(from_wire(read_name(message, rr.data_at)))
        elif rr.rtype in _SERVING:
            _read_service(message, rr, targets, addresses)
    addresses += [
        message[rr.data_at : rr.end]
        for rr in additionals
        if rr.end - rr.data_at == _ADDRESS_SIZE.get(rr.rtype)
    ]
    if len(targets) > MAX_TARGETS:
        raise WireError("an answer points to more names than can be judged")
    home = [packed for packed in addresses if is_home_address(packed)]
    filtered = bool(edes) and not _FILTER_CODES.isdisjoint(edes)
    if filtering and home:  # from an upstream that blocks so, 0.0.0.0 is no way into the home
        outside = [packed for packed in home if any(packed)]
        filtered, home = filtered or len(outside) < len(home), outside
    pointed = tuple(dict.fromkeys(filter(None, targets))) if targets else ()
    return ResponseFacts(pointed, tuple(addresses), tuple(home), filtered)


def _read_service(
    message: bytes, rr: RecordSpan, targets: list[str], addresses: list[bytes]
) -> None:
    """Add a SVCB or HTTPS record's target and address hints (RFC 9460 sections 2.2 and 7.3)."""
    data = message[rr.data_at : rr.end]
    if len(data) < 3:
        raise WireError("a service record is cut short")
    at = skip_name(data, 2)  # never compressed (RFC 9460 section 2.2)
    targets.append(from_wire(data[2:at]))
    while at + 4 <= len(data):
        key, length = unpack_from("!HH", data, at)
        size = {4: 4, 6: 16}.get(key)
        value = data[at + 4 : at + 4 + length]
        if size:
            addresses += (value[i : i + size] for i in range(0, len(value) - size + 1, size))
        at += 4 + length
