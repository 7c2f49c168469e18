"""Octets to a query.

The question is sliced by hand, never parsed into objects and packed again, so that a reply can have
it octet by octet as it was spelled (RFC 5625 section 4.1), and a label may hold any octet (RFC 2181
section 11).  Pure.
"""

from __future__ import annotations

from struct import pack
from typing import Final, NamedTuple

from copdns.dns.records import (
    AXFR,
    CD,
    DO,
    HEADER_SIZE,
    IN,
    IXFR,
    OPCODE,
    OPT,
    OPTION_EDE,
    OPTION_STRUCTURED_ERROR,
    OPTION_SUBNET,
    QR,
    QUESTION_TAIL,
    read_options,
    read_records,
)
from copdns.model.build import mypyc_attr
from copdns.model.errors import NOTIMP, NotAQueryError, WireError
from copdns.model.names import read_name_text

# What every well-kept server sends at most over UDP, so that nothing is fragmented (RFC 9715).
UDP_SIZE: Final = 1232
PLAIN_UDP_SIZE: Final = 512  # RFC 1035 section 2.3.4
TCP_SIZE: Final = 65535
_NOT_SERVED: Final = frozenset({IXFR, AXFR})
_new: Final = tuple.__new__  # a named tuple's own constructor costs twice as much, for every query
_EMPTY_EDE: Final = b"\0\0"
_BODY: Final = 2  # a message without its ID begins two octets later


class Edns(NamedTuple):
    """What a client said in its OPT record (RFC 6891).

    udp_size: octets that it takes over UDP, never under 512.
    wants_structured_errors: it asked for them, so it never gets a forged address or their code.
    subnet: the data of its client subnet option, as it came; b"" for none.
    has_empty_ede: it sent an extended error 0 without text, by which structured errors were asked
        for before they had an option of their own.
    """

    udp_size: int
    do: bool
    version: int
    wants_structured_errors: bool
    subnet: bytes = b""
    has_empty_ede: bool = False


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


def with_structured_errors(query: Query) -> Query:
    """Return a query with an OPT record as if it had asked for structured errors."""
    edns = query.edns
    assert edns is not None
    return Query(
        query.flags,
        query.qname,
        query.qtype,
        query.qclass,
        query.question,
        edns._replace(wants_structured_errors=True),
        query.key,
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
        do = bool(rr.ttl & DO)
        if not codes:
            found = _new(Edns, (size, do, version, False, b"", False))
            continue
        wants_errors, subnet = OPTION_STRUCTURED_ERROR in codes, codes.get(OPTION_SUBNET, b"")
        has_empty_ede = codes.get(OPTION_EDE) == _EMPTY_EDE
        found = _new(Edns, (size, do, version, wants_errors, subnet, has_empty_ede))
    return found
