"""Numbers of the wire format, and the walk over the records of a message.

One walk serves queries and responses.  It follows compression pointers only in `read_name`, and
there only backwards (RFC 1035 section 4.1.4, RFC 9267 section 2).  Pure.
"""

from __future__ import annotations

from struct import Struct
from struct import error as struct_error
from typing import Final, NamedTuple

from copdns.model.errors import WireError
from copdns.model.names import MAX_LABEL, MAX_WIRE

HEADER_SIZE: Final = 12
MAX_JUMPS: Final = 127  # pointers in one name: it has no more labels
QUESTION_TAIL: Final = 4  # type and class

IN: Final = 1
CH: Final = 3
A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
PTR: Final = 12
HINFO: Final = 13
TXT: Final = 16
AAAA: Final = 28
SRV: Final = 33
DNAME: Final = 39
OPT: Final = 41
RRSIG: Final = 46
SVCB: Final = 64
HTTPS: Final = 65
IXFR: Final = 251
AXFR: Final = 252
ANY: Final = 255
RESINFO: Final = 261  # RFC 9606 section 4

QR: Final = 0x8000
AA: Final = 0x0400
TC: Final = 0x0200
RD: Final = 0x0100
RA: Final = 0x0080
AD: Final = 0x0020
CD: Final = 0x0010
OPCODE: Final = 0x7800
RCODE: Final = 0x000F
DO: Final = 0x8000  # in the TTL of an OPT record

COUNTS_FORMAT: Final = Struct(
    "!HHHHH"
)  # flags, then how many records each section has, from octet 2 on
_FIXED: Final = Struct("!HHIH")

OPTION_SUBNET: Final = 8  # RFC 7871 section 6
OPTION_COOKIE: Final = 10  # RFC 7873
OPTION_KEEPALIVE: Final = 11  # RFC 7828
OPTION_PADDING: Final = 12  # RFC 7830
OPTION_EDE: Final = 15  # RFC 8914 section 2
OPTION_STRUCTURED_ERROR: Final = 26


class RecordSpan(NamedTuple):
    """Where a record is in its message.  start: its first octet; end: the one after its last.

    ttl_at, data_at: places of its TTL and its data.
    """

    start: int
    rtype: int
    rclass: int
    ttl: int
    ttl_at: int
    data_at: int
    end: int


_new: Final = tuple.__new__  # a named tuple's own constructor costs twice as much, for every record


def read_records(message: bytes, at: int, count: int) -> list[RecordSpan]:
    """Return `count` records from a place on; raise WireError where one is cut short."""
    found: list[RecordSpan] = []
    whole = len(message)
    unpack = _FIXED.unpack_from
    for _ in range(count):
        start = at
        try:
            while size := message[at]:
                if size >= 0xC0:
                    at += 1
                    break
                at += size + 1
            at += 1
            rtype, rclass, ttl, length = unpack(message, at)
        except (IndexError, struct_error):
            raise WireError("a record is cut short") from None
        end = at + 10 + length
        if end > whole:
            raise WireError("a record's data is cut short")
        found.append(_new(RecordSpan, (start, rtype, rclass, ttl, at + 4, at + 10, end)))
        at = end
    return found


def skip_name(message: bytes, at: int) -> int:
    """Return the place after an uncompressed name; raise WireError for any other."""
    start = at
    try:
        while size := message[at]:
            if size > MAX_LABEL:
                raise WireError("the name of the question is compressed or malformed")
            at += size + 1
    except IndexError:
        raise WireError("the name of the question is cut short") from None
    if at + 1 - start > MAX_WIRE:
        raise WireError("the name of the question is longer than 255 octets")
    return at + 1


def read_name(message: bytes, at: int) -> bytes:
    """Return a name in wire form, decompressed.

    Every pointer must go further back than the last, so that none can loop, and there are no
    more of them than a name can have labels.
    """
    name = bytearray()
    limit = at
    jumps = 0
    try:
        while size := message[at]:
            if size >= 0xC0:
                at = ((size & 0x3F) << 8) | message[at + 1]
                jumps += 1
                if at >= limit or jumps > MAX_JUMPS:
                    raise WireError("a compression pointer does not go back, or they never end")
                limit = at
            elif size > MAX_LABEL:
                raise WireError("a label has an unknown form")
            else:
                name += message[at : at + size + 1]
                at += size + 1
            if len(name) >= MAX_WIRE:
                raise WireError("a name is longer than 255 octets")
    except IndexError:
        raise WireError("a name is cut short") from None
    name.append(0)
    return bytes(name)


def read_options(data: bytes) -> dict[int, bytes]:
    """Return the EDNS options of an OPT record's data, the first of each code.

    Raise WireError when they do not fill it exactly (RFC 6891 section 6.1.2).
    """
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        code = int.from_bytes(data[at : at + 2], "big")
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if at + 4 + length > len(data):
            raise WireError("an EDNS option is cut short")
        found.setdefault(code, data[at + 4 : at + 4 + length])
        at += 4 + length
    return found
