"""Octets to a query, and verdicts or responses to the octets of a reply.

The question is sliced by hand, never parsed into objects and packed again, so that it returns
octet by octet as it was spelled (RFC 5625 section 4.1) and a label may hold any octet (RFC 2181
section 11).  `dns/message.py` reads what upstreams say.  Pure.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from struct import pack
from typing import Final, NamedTuple

import dnslib

from copdns.dns.message import UpstreamResponse, read_response
from copdns.dns.records import (
    AA,
    AAAA,
    AD,
    AXFR,
    CD,
    CNAME,
    COUNTS_FORMAT,
    DO,
    HEADER_SIZE,
    HINFO,
    IN,
    IXFR,
    OPCODE,
    OPT,
    OPTION_EDE,
    OPTION_STRUCTURED_ERROR,
    OPTION_SUBNET,
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
    read_options,
    read_records,
    skip_name,
)
from copdns.model.build import mypyc_attr
from copdns.model.errors import NOTIMP, NXDOMAIN, REFUSED, SERVFAIL, NotAQueryError, WireError
from copdns.model.household import BlockMode
from copdns.model.names import read_name_text, to_wire
from copdns.model.reasons import FORGED, NOT_SUPPORTED, Ede, ede_of
from copdns.model.verdict import LocalAnswer, LocalRecord, Verdict

# What every well-kept server sends at most over UDP, so that nothing is fragmented (RFC 9715).
UDP_SIZE: Final = 1232
PLAIN_UDP_SIZE: Final = 512  # RFC 1035 section 2.3.4
TCP_SIZE: Final = 65535

_NOT_SERVED: Final = frozenset({IXFR, AXFR})

_new: Final = tuple.__new__  # a named tuple's own constructor costs twice as much, for every query

_OWNER: Final = b"\xc0\x0c"  # a pointer to the question's name
_BODY: Final = 2  # a message without its ID begins two octets later


class Edns(NamedTuple):
    """What a client said in its OPT record (RFC 6891).

    udp_size: octets that it takes over UDP, never under 512.
    wants_structured_errors: it asked for them, so it never gets a forged address or their code.
    subnet: the data of its client subnet option, as it came; b"" for none.
    """

    udp_size: int
    do: bool
    version: int
    wants_structured_errors: bool
    subnet: bytes = b""


class CacheKey(NamedTuple):
    """What a response is cached by.

    zone: the domain whose own upstreams were asked (`split`); "" for the usual ones.
    """

    qname: str
    qtype: int
    do: bool
    cd: bool
    zone: str = ""


@mypyc_attr(acyclic=True)
class Query:
    """A query, without the message's ID.

    flags: the second 16 bits of the header.  question: name, type and class as they came.
    key: of its response in the cache, where no rewrite or split domain changes that.
    max_reply_size: octets.  is_unsupported: a class, type or EDNS version that is not served.
    """

    __slots__ = (
        "edns",
        "flags",
        "is_unsupported",
        "key",
        "max_reply_size",
        "qclass",
        "qname",
        "qtype",
        "question",
    )

    def __init__(
        self,
        flags: int,
        qname: str,
        qtype: int,
        qclass: int,
        question: bytes,
        edns: Edns | None,
        key: CacheKey,
        max_reply_size: int,
        is_unsupported: bool,
    ) -> None:
        self.flags = flags
        self.qname = qname
        self.qtype = qtype
        self.qclass = qclass
        self.question = question
        self.edns = edns
        self.key = key
        self.max_reply_size = max_reply_size
        self.is_unsupported = is_unsupported

    @property
    def wants_structured_errors(self) -> bool:
        return self.edns is not None and self.edns.wants_structured_errors

    @property
    def subnet(self) -> bytes:
        """The data of the client subnet option, as it came; b"" for none."""
        return b"" if self.edns is None else self.edns.subnet


# --- reading -----------------------------------------------------------------------------------


def read_query(message: bytes) -> Query:
    """Return the query in a message; raises as `read_query_body`."""
    return read_query_body(message[_BODY:])


def with_tcp_size(query: Query) -> Query:
    """Return a query that came over TCP: its reply may be as large as TCP takes."""
    return Query(
        query.flags,
        query.qname,
        query.qtype,
        query.qclass,
        query.question,
        query.edns,
        query.key,
        TCP_SIZE,
        query.is_unsupported,
    )


def with_type(query: Query, qtype: int) -> Query:
    """Return a query as if it had asked for another type."""
    return Query(
        query.flags,
        query.qname,
        qtype,
        query.qclass,
        query.question[:-QUESTION_TAIL] + pack("!HH", qtype, query.qclass),
        query.edns,
        query.key._replace(qtype=qtype),
        query.max_reply_size,
        query.is_unsupported,
    )


def read_query_body(body: bytes) -> Query:
    """Return the query in a message without its ID.

    What is no plain query, and what it gets (`server/answer.py` sends it):

        a response; shorter than a header      NotAQueryError    nothing: an answer could loop
        an opcode other than QUERY (NOTIFY)    WireError         NOTIMP, from `error_reply`
        no or several questions; malformed     WireError         FORMERR, from `error_reply`
        EDNS of another version than 0         is_unsupported    BADVERS
        another class (CH); AXFR, IXFR         is_unsupported    REFUSED

    A requestor that is not served here gets REFUSED for all but the first.
    """
    if len(body) < HEADER_SIZE - _BODY or body[0] & (QR >> 8):
        raise NotAQueryError("a response, or too short for a header")
    flags = body[0] << 8 | body[1]
    if flags & OPCODE:
        raise WireError("this kind of message is not served", NOTIMP)
    if body[2] or body[3] != 1:
        raise WireError("a query has one question")  # RFC 9619 section 4
    start = HEADER_SIZE - _BODY
    qname, end = read_name_text(body, start)
    end += QUESTION_TAIL
    if end > len(body):
        raise WireError("the question is cut short")
    qtype, qclass = body[end - 4] << 8 | body[end - 3], body[end - 2] << 8 | body[end - 1]
    answers, authorities = body[4] << 8 | body[5], body[6] << 8 | body[7]
    additionals = body[8] << 8 | body[9]
    edns = None
    if additionals or answers or authorities:
        edns = _read_edns(body, end, answers + authorities, additionals)
    do, size = (edns.do, min(edns.udp_size, UDP_SIZE)) if edns else (False, PLAIN_UDP_SIZE)
    key = _new(CacheKey, (qname, qtype, do, bool(flags & CD), ""))
    is_odd = qclass != IN or qtype in _NOT_SERVED or bool(edns and edns.version)
    question = body[start:end]
    return Query(flags, qname, qtype, qclass, question, edns, key, size, is_odd)


def _read_edns(body: bytes, at: int, others: int, additionals: int) -> Edns | None:
    found = None
    for number, rr in enumerate(read_records(body, at, others + additionals)):
        if rr.rtype != OPT or number < others:
            continue
        if found is not None or rr.data_at - rr.start != 11:  # RFC 6891 sections 6.1.1, 6.1.2
            raise WireError("a message has one OPT record, at the root")
        codes = read_options(body[rr.data_at : rr.end])
        size, version = max(rr.rclass, PLAIN_UDP_SIZE), rr.ttl >> 16 & 0xFF
        wants_errors, subnet = OPTION_STRUCTURED_ERROR in codes, codes.get(OPTION_SUBNET, b"")
        found = _new(Edns, (size, bool(rr.ttl & DO), version, wants_errors, subnet))
    return found


# --- replies -----------------------------------------------------------------------------------


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
    message_id: bytes, query: Query, verdict: Verdict, mode: BlockMode, listener: str, ttl: int
) -> bytes:
    """Return the reply to a blocked name, in the profile's block mode.

    listener: the address that was asked, for the page mode.  ttl: seconds.
    """
    ede = ede_of(verdict)
    if mode is BlockMode.REFUSED:
        return empty_reply(message_id, query, REFUSED, ede)
    address = _block_address(query, mode, listener)
    if address is not None:
        if mode is BlockMode.PAGE:
            ede = Ede(FORGED, ede.text)
        body = _record(_OWNER, query.qtype, ttl, address)
        return _reply(message_id, query, 0, (1, 0, 0), body, ede)
    rcode = NXDOMAIN if mode is BlockMode.NXDOMAIN and verdict.nothing_open_below else 0
    return _reply(message_id, query, rcode, (0, 1, 0), _soa(_OWNER, ttl), ede)


def _block_address(query: Query, mode: BlockMode, listener: str) -> bytes | None:
    """Return the made-up address of a mode that has one, packed; None where NODATA is right."""
    if query.qtype not in (A, AAAA):
        return None
    if mode is BlockMode.NULL:
        return bytes(4 if query.qtype == A else 16)
    if mode is not BlockMode.PAGE or query.wants_structured_errors:
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
    counts = (count, 0, 0)
    if not count:
        counts, body = (0, 1, 0), _soa(_OWNER, ttl)
    return _reply(message_id, query, local.rcode, counts, body, None, AA)


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


def _fit(reply: bytes, query: Query, opt: bytes, additional_at: int) -> bytes:
    """Return a reply that fits.

    Additional records are left out first, then the extended error's text, then that error; if it is
    still too long, all records, and TC is set.

    opt: our OPT record at the reply's end, or nothing.  additional_at: where in the reply the
    additional section begins.
    """
    flags, _, answers, authorities, _ = COUNTS_FORMAT.unpack_from(reply, 2)
    bare = _opt(query.key.do, 0, None) if opt else b""
    ours = 1 if opt else 0
    for shorter in (opt, _without_text(opt), bare):
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
        else:
            opt = _opt(query.edns.do, rcode, ede)
        additionals += 1
    header = COUNTS_FORMAT.pack(flags, 1, answers, authorities, additionals)
    reply = message_id + header + query.question + body + opt
    if len(reply) <= query.max_reply_size:
        return reply
    end = len(body) if additional_at is None else additional_at
    return _fit(reply, query, opt, HEADER_SIZE + len(query.question) + end)


@lru_cache(maxsize=1024)
def _opt(do: bool, rcode: int, ede: Ede | None) -> bytes:
    data = b""
    if ede is not None:
        text = ede.text.encode()
        data = pack("!HHH", OPTION_EDE, 2 + len(text), ede.code) + text
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
    return to_wire(record.data)


def _texts(octets: bytes) -> bytes:
    """Return a text as strings of at most 255 octets (RFC 1035 section 3.3.14)."""
    parts = [octets[at : at + 255] for at in range(0, len(octets) or 1, 255)]
    return b"".join(bytes([len(part)]) + part for part in parts)
