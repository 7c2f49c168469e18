"""DNS messages for tests: written octet by octet, and read by dnspython, which is not ours."""

from __future__ import annotations

from struct import pack

import dns.edns
import dns.flags
import dns.message
import dns.rrset

from copdns.dns.records import IN, RD, A
from copdns.model.names import to_wire

ID = b"\xc0\xde"


def question(name: str | bytes, qtype: int = A, qclass: int = IN) -> bytes:
    """Return a question; a name in octets stands as it is."""
    wire = name if isinstance(name, bytes) else to_wire(name)
    return wire + pack("!HH", qtype, qclass)


def query(
    asked: str | bytes = "www.example", qtype: int = A, *, flags: int = RD, opt: bytes = b""
) -> bytes:
    """Return a query of class IN, with as many additional records as there are in `opt`."""
    return message(question(asked, qtype), flags=flags, additional=[opt] if opt else [])


def message(
    body: bytes, *, flags: int = RD, questions: int = 1, additional: list[bytes] | None = None
) -> bytes:
    records = additional or []
    return ID + pack("!HHHHH", flags, questions, 0, 0, len(records)) + body + b"".join(records)


def opt(options: bytes = b"", *, size: int = 1232, ttl: int = 0) -> bytes:
    """Return an OPT record; `ttl` holds the upper rcode, the version and the flags."""
    return b"\0" + pack("!HHIH", 41, size, ttl, len(options)) + options


def option(code: int, data: bytes = b"") -> bytes:
    return pack("!HH", code, len(data)) + data


def reply_to(
    asked: bytes,
    *answers: str,
    authority: tuple[str, ...] = (),
    additional: tuple[str, ...] = (),
    rcode: int = 0,
    flags: str = "QR RD RA",
) -> bytes:
    """Return an upstream's reply to a query; records as text: "www.example. 300 IN A 192.0.2.1"."""
    parsed = dns.message.from_wire(asked)
    reply = dns.message.make_response(parsed)
    reply.flags = dns.flags.from_text(flags)
    reply.set_rcode(dns.rcode.Rcode(rcode))
    sections = (
        (reply.answer, answers),
        (reply.authority, authority),
        (reply.additional, additional),
    )
    for section, texts in sections:
        section.extend(dns.rrset.from_text(*text.split(maxsplit=4)) for text in texts)
    return reply.to_wire()


def parsed(reply: bytes) -> dns.message.Message:
    """Return what dnspython makes of a reply; it raises what is not well-formed."""
    return dns.message.from_wire(reply)


def edes(reply: bytes) -> list[tuple[int, str | None]]:
    """Return code and text of each extended error of a reply."""
    return [
        (int(each.code), each.text)
        for each in parsed(reply).options
        if isinstance(each, dns.edns.EDEOption)
    ]
