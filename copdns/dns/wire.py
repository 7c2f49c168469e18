"""Verdicts or responses to the octets of a reply.

The question returns octet by octet as it was spelled (RFC 5625 section 4.1).  `dns/query.py` reads
queries, and `dns/message.py` what upstreams say.  Pure.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from struct import pack
from typing import Final

import dnslib

from copdns.dns.message import UpstreamResponse, read_response
from copdns.dns.query import UDP_SIZE, Query, read_query
from copdns.dns.records import (
    AA,
    AAAA,
    AD,
    CD,
    CNAME,
    COUNTS_FORMAT,
    DO,
    HEADER_SIZE,
    HINFO,
    IN,
    OPCODE,
    OPT,
    OPTION_EDE,
    OPTION_STRUCTURED_ERROR,
    QR,
    QUESTION_TAIL,
    RA,
    RCODE,
    RD,
    SOA,
    SRV,
    TC,
    TXT,
    A,
    read_records,
    skip_name,
)
from copdns.model.errors import NOTIMP, NXDOMAIN, REFUSED, SERVFAIL, WireError
from copdns.model.household import BlockMode
from copdns.model.names import to_wire
from copdns.model.reasons import FORGED, NOT_SUPPORTED, Ede, ede_of
from copdns.model.verdict import LocalAnswer, LocalRecord, Verdict

# Looked up in their class, which is not compiled, these would cost more than what they decide.
_MODE_NULL: Final = BlockMode.NULL
_MODE_NXDOMAIN: Final = BlockMode.NXDOMAIN
_MODE_PAGE: Final = BlockMode.PAGE
_MODE_REFUSED: Final = BlockMode.REFUSED
_GENERIC: Final = "\\# "  # begins data in the form for any type (RFC 3597 section 5)
_OWNER: Final = b"\xc0\x0c"  # a pointer to the question's name


def error_reply(message: bytes, error: WireError) -> bytes:
    """Return the reply to a message that could not be read: a header without question."""
    flags = int.from_bytes(message[2:4], "big")
    copied = flags & (OPCODE | RD | CD)
    opt = b""
    if _shows_edns(message):
        opt = _opt(False, 0, Ede(NOT_SUPPORTED, str(error)) if error.rcode == NOTIMP else None)
    counts = COUNTS_FORMAT.pack(QR | RA | copied | error.rcode, 0, 0, 0, 1 if opt else 0)
    return message[:2] + counts + opt


def _shows_edns(message: bytes) -> bool:
    """Tell whether a message that could not be read has an OPT record.

    Its reply has one then too (RFC 6891 section 7).
    """
    _, questions, *others = COUNTS_FORMAT.unpack_from(message, 2)
    at = HEADER_SIZE
    try:
        for _ in range(questions):
            at = skip_name(message, at) + QUESTION_TAIL
        return any(rr.rtype == OPT for rr in read_records(message, at, sum(others)))
    except WireError:
        return False


def empty_reply(message_id: bytes, query: Query, rcode: int, ede: Ede | None = None) -> bytes:
    """Return a reply without records: an error, with its extended error for EDNS clients."""
    return _reply(message_id, query, rcode, (0, 0, 0), b"", ede)


def truncated_reply(message: bytes) -> bytes:
    """Return the reply with TC=1, "ask over TCP" (RFC 2181 section 9); NO_REPLY for no query."""
    try:
        reply = bytearray(empty_reply(message[:2], read_query(message), 0))
    except WireError:
        return b""
    reply[2] |= TC >> 8
    return bytes(reply)


def blocked_reply(
    message_id: bytes,
    query: Query,
    verdict: Verdict,
    mode: BlockMode,
    listener: str,
    ttl: int,
    ede: Ede | None = None,
) -> bytes:
    """Return the reply to a blocked name, in the profile's block mode.

    listener: the address that was asked, for the page mode.  ttl: seconds.
    ede: None: the verdict's in plain text.
    """
    if ede is None:
        ede = ede_of(verdict)
    if mode is _MODE_REFUSED:
        return empty_reply(message_id, query, REFUSED, ede)
    address = _block_address(query, mode, listener)
    if address is not None:
        if mode is _MODE_PAGE:
            ede = Ede(FORGED, ede.text)
        body = _record(_OWNER, query.qtype, ttl, address)
        return _reply(message_id, query, 0, (1, 0, 0), body, ede)
    rcode = NXDOMAIN if mode is _MODE_NXDOMAIN and verdict.nothing_open_below else 0
    return _reply(message_id, query, rcode, (0, 1, 0), _soa(_OWNER, ttl), ede)


def _block_address(query: Query, mode: BlockMode, listener: str) -> bytes | None:
    """Return the made-up address of a mode that has one, packed; None where NODATA is right."""
    if query.qtype not in (A, AAAA):
        return None
    if mode is _MODE_NULL:
        return bytes(4 if query.qtype == A else 16)
    if mode is not _MODE_PAGE or query.wants_structured_errors:
        return None  # a client that asked for structured errors gets no forged address
    return _own_address(query.qtype, listener)


@lru_cache(maxsize=64)
def _own_address(qtype: int, listener: str) -> bytes | None:
    packed = ip_address(listener).packed
    return packed if len(packed) == (4 if qtype == A else 16) else None


def local_reply(
    message_id: bytes, query: Query, local: LocalAnswer, listener: str, ttl: int
) -> bytes:
    """Return the reply to a special or own name; AA is set.

    ttl: seconds of this machine's address and of NODATA, and the most for a record.
    """
    answers = [record for record in local.records if record.rtype == query.qtype]
    body = b"".join(
        _record(_OWNER, each.rtype, min(each.ttl, ttl), _data(each)) for each in answers
    )
    count = len(answers)
    address = (
        _own_address(query.qtype, listener)
        if local.is_own_address and query.qtype in (A, AAAA)
        else None
    )
    if address is not None:
        body, count = _record(_OWNER, query.qtype, ttl, address), 1
    if not count:
        return _reply(message_id, query, local.rcode, (0, 1, 0), _soa(_OWNER, ttl), None, AA)
    more, at = local.additionals, len(body)
    for each in more:
        body += _record(to_wire(each.name), each.rtype, min(each.ttl, ttl), _data(each))
    return _reply(message_id, query, local.rcode, (count, 0, len(more)), body, None, AA, at)


def any_reply(message_id: bytes, query: Query, ttl: int) -> bytes:
    """Return the short reply to ANY: one HINFO record (RFC 8482 section 4.2)."""
    body = _record(_OWNER, HINFO, ttl, b"\x07RFC8482\x00")
    return _reply(message_id, query, 0, (1, 0, 0), body, None)


def upstream_reply(
    message_id: bytes, query: Query, answer: UpstreamResponse, rrs: bytes, ede: Ede | None = None
) -> bytes:
    """Return an upstream's response as the reply to a query.

    rrs: those of the response, with their TTLs as they are now.
    """
    bits = AD if answer.ad and (query.key.do or query.flags & AD) else 0  # RFC 6840 section 5.8
    rcode = answer.rcode
    if rcode > RCODE and query.edns is None:
        rcode = SERVFAIL  # its upper bits are in the OPT record, which this client does not get
    return _reply(
        message_id, query, rcode, answer.section_counts, rrs, ede, bits, answer.additional_at
    )


def _fit(reply: bytes, query: Query, opt: bytes, additional_at: int, ede: Ede | None) -> bytes:
    """Return a reply that fits.

    Additional records are left out first, then the extended error's text (of a structured one the
    words before the rest), then that error; if it is still too long, all records, and TC is set.

    opt: our OPT record at the reply's end, or nothing.  additional_at: where in the reply the
    additional section begins.  ede: the extended error in it.
    """
    flags, _, answers, authorities, _ = COUNTS_FORMAT.unpack_from(reply, 2)
    bare = _opt(query.key.do, 0, None) if opt else b""
    ours = 1 if opt else 0
    sizes = [opt, _without_text(opt), bare]
    if ede is not None and ede.shorter:
        sizes.insert(1, _build_opt(query.key.do, 0, Ede(ede.code, ede.shorter, True)))
    for shorter in sizes:
        if additional_at + len(shorter) <= query.max_reply_size:
            counts = COUNTS_FORMAT.pack(flags, 1, answers, authorities, ours)
            return reply[:2] + counts + reply[HEADER_SIZE:additional_at] + shorter
    return reply[:2] + COUNTS_FORMAT.pack(flags | TC, 1, 0, 0, ours) + query.question + bare


def _without_text(opt: bytes) -> bytes:
    """Return an OPT record of ours whose extended error has only its code."""
    if len(opt) <= 11 + 6:
        return opt
    return opt[:9] + pack("!HHH", 6, OPTION_EDE, 2) + opt[15:17]


def rewrite_response(
    query: Query, target: str, answer: UpstreamResponse, rrs: bytes, max_ttl: int
) -> UpstreamResponse:
    """Return the response for a name that gets another name's data.

    answer: the target's; rrs: its records, with their TTLs as they are now.  A CNAME to the target
    comes first, then its records, all with TTLs of `max_ttl` seconds at most; AD is never set.
    Raise WireError where the target's records cannot be used.
    """
    return _rewrite(
        query.qname,
        query.qtype,
        target,
        rrs,
        answer.section_counts[0],
        answer.rcode,
        answer.facts.is_filtered,
        max_ttl,
    )


# The same few search engines are asked for all day, and dnslib is slow.
@lru_cache(maxsize=256)
def _rewrite(
    qname: str,
    qtype: int,
    target: str,
    rrs: bytes,
    answers: int,
    rcode: int,
    is_filtered: bool,
    max_ttl: int,
) -> UpstreamResponse:
    """Return the response of `rewrite_response`.  rrs: the target's, of which some are answers."""
    asked = dnslib.DNSLabel(_labels(qname))
    try:
        found = dnslib.DNSRecord.parse(_message(target, qtype, rrs, answers))
        ttl = min([max_ttl, *(rr.ttl for rr in found.rr)])
        made = dnslib.DNSRecord(q=dnslib.DNSQuestion(asked, qtype))
        made.add_answer(dnslib.RR(asked, CNAME, ttl=ttl, rdata=dnslib.CNAME(target)))
        for rr in found.rr:
            rr.ttl = min(rr.ttl, max_ttl)
            made.add_answer(rr)
        message = bytes(made.pack())
    except Exception as error:  # dnslib lets UnicodeError and others pass
        raise WireError(f"the answer for a rewrite's target cannot be used: {error}") from error
    again = read_response(message)
    again.rcode, again.ad, again.cache_ttl = rcode, False, 0
    again.facts.is_filtered = is_filtered  # what no record shows
    return again


def _message(qname: str, qtype: int, rrs: bytes, answers: int) -> bytes:
    """Return a response as a whole message again, with its answer section only."""
    question = to_wire(qname) + pack("!HH", qtype, IN)
    return b"\0\0" + COUNTS_FORMAT.pack(QR, 1, answers, 0, 0) + question + rrs


def _labels(qname: str) -> list[bytes]:
    wire, at, labels = to_wire(qname), 0, []
    while size := wire[at]:
        labels.append(wire[at + 1 : at + 1 + size])
        at += size + 1
    return labels


def _reply(
    message_id: bytes,
    query: Query,
    rcode: int,
    counts: tuple[int, int, int],
    body: bytes,
    ede: Ede | None,
    bits: int = 0,
    additional_at: int | None = None,
) -> bytes:
    """Return a reply: header, the question as it came, records, and OPT if the query had one.

    additional_at: where in the body the additional section begins; None: it has none.
    """
    flags = QR | RA | bits | query.flags & (RD | CD) | rcode & RCODE
    answers, authorities, additionals = counts
    opt = b""
    if query.edns is not None:
        if ede is not None and ede.code == FORGED and query.edns.wants_structured_errors:
            ede = None
        if ede is None and rcode <= RCODE:  # as nearly always
            opt = _OPT_WITH_DO if query.edns.do else _OPT_WITHOUT_DO
        elif ede is not None and ede.is_structured:
            opt = _build_opt(query.edns.do, rcode, ede)  # not kept: it may have the name asked
        else:
            opt = _opt(query.edns.do, rcode, ede)
        additionals += 1
    header = _header(flags, answers, authorities, additionals)
    reply = message_id + header + query.question + body + opt
    if len(reply) <= query.max_reply_size:
        return reply
    end = len(body) if additional_at is None else additional_at
    return _fit(reply, query, opt, HEADER_SIZE + len(query.question) + end, ede)


_MAX_HEADERS: Final = 1024
_headers: Final[dict[int, bytes]] = {}


def _header(flags: int, answers: int, authorities: int, additionals: int) -> bytes:
    """Return the header of a reply, without its ID.  There are few, and to look takes a fifth."""
    if answers | authorities | additionals > 255:  # would not fit into the number
        return COUNTS_FORMAT.pack(flags, 1, answers, authorities, additionals)
    number = flags << 24 | answers << 16 | authorities << 8 | additionals
    header = _headers.get(number)
    if header is None:
        if len(_headers) >= _MAX_HEADERS:
            _headers.clear()
        header = COUNTS_FORMAT.pack(flags, 1, answers, authorities, additionals)
        _headers[number] = header
    return header


@lru_cache(maxsize=1024)
def _opt(do: bool, rcode: int, ede: Ede | None) -> bytes:
    return _build_opt(do, rcode, ede)


def _build_opt(do: bool, rcode: int, ede: Ede | None) -> bytes:
    data = b""
    if ede is not None:
        text = ede.text.encode()
        data = pack("!HHH", OPTION_EDE, 2 + len(text), ede.code) + text
        if ede.is_structured:  # says how to read the text, as in the draft's own example
            data += pack("!HH", OPTION_STRUCTURED_ERROR, 0)
    ttl = rcode >> 4 << 24 | (DO if do else 0)
    return b"\0" + pack("!HHIH", OPT, UDP_SIZE, ttl, len(data)) + data


_OPT_WITH_DO: Final = _opt(True, 0, None)
_OPT_WITHOUT_DO: Final = _opt(False, 0, None)


def _record(owner: bytes, rtype: int, ttl: int, data: bytes) -> bytes:
    return owner + pack("!HHIH", rtype, IN, ttl, len(data)) + data


@lru_cache(maxsize=256)
def _soa(owner: bytes, ttl: int) -> bytes:
    """Return an SOA for a negative answer: minimum = TTL (RFC 2308 section 3)."""
    nobody = to_wire("nobody.invalid")
    return _record(owner, SOA, ttl, nobody + nobody + pack("!IIIII", 1, 3600, 1200, 604800, ttl))


def _data(record: LocalRecord) -> bytes:
    if record.rtype in (A, AAAA):
        return ip_address(record.data).packed
    if record.rtype == TXT:
        return _texts(record.data.encode())
    if record.rtype == SRV:
        priority, weight, port, target = record.data.split(" ")
        return pack("!HHH", int(priority), int(weight), int(port)) + to_wire(target)
    if record.data.startswith(_GENERIC):
        return bytes.fromhex(record.data.rpartition(" ")[2])
    return to_wire(record.data)


def _texts(octets: bytes) -> bytes:
    """Return a text as strings of at most 255 octets (RFC 1035 section 3.3.14)."""
    parts = [octets[at : at + 255] for at in range(0, len(octets) or 1, 255)]
    return b"".join(bytes([len(part)]) + part for part in parts)
