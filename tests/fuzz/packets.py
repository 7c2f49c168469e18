"""Messages for fuzzing: sound ones that dnspython makes, and what becomes of them by chance."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from hypothesis import strategies as st

# A label may hold any octet (RFC 2181 section 11); most do not.
_letters = st.sampled_from([b"www", b"WWW", b"a", b"_dns", b"xn--bcher-kva", b"a" * 63])
labels = st.one_of(_letters, st.binary(min_size=1, max_size=20))


@st.composite
def names(draw: st.DrawFn) -> dns.name.Name:
    """Draw a name of at most 255 octets."""
    drawn = draw(st.lists(labels, max_size=6))
    while sum(len(label) + 1 for label in drawn) > 254:
        drawn.pop()
    return dns.name.Name([*drawn, b""])


types = st.sampled_from([1, 2, 5, 6, 12, 15, 16, 28, 33, 48, 64, 65, 255, 257, 65280])


@st.composite
def queries(draw: st.DrawFn) -> dns.message.QueryMessage:
    """Draw a query as a client may send it."""
    query = dns.message.QueryMessage(id=draw(st.integers(0, 65535)))
    query.flags = draw(st.sampled_from([0, dns.flags.RD, dns.flags.RD | dns.flags.CD])) | draw(
        st.sampled_from([0, dns.flags.AD])
    )
    name, rtype = draw(names()), dns.rdatatype.RdataType.make(draw(types))
    query.find_rrset(query.question, name, dns.rdataclass.IN, rtype, create=True)
    if draw(st.booleans()):
        option = st.builds(dns.edns.GenericOption, st.integers(65001, 65534), st.binary(max_size=9))
        options = draw(st.lists(option, max_size=3, unique_by=lambda each: each.otype))
        flags = draw(st.sampled_from([0, dns.flags.DO]))
        query.use_edns(0, flags, draw(st.integers(0, 65535)), options=options)
    return query


_RDATA = {
    "A": ["192.0.2.1", "10.0.0.1", "0.0.0.0"],
    "AAAA": ["2001:db8::1", "fd00::1"],
    "CNAME": ["b.example.", "www.a.example."],
    "DNAME": ["other.example."],
    "NS": ["ns.example."],
    "MX": ["10 mail.example."],
    "TXT": ['"one" "two"', '""'],
    "SRV": ["1 2 3 srv.example."],
    "HTTPS": ["1 . alpn=h2 ipv4hint=192.0.2.1", "0 svc.example."],
    "CAA": ['0 issue "ca.example"'],
    "NAPTR": ['1 2 "u" "sip" "!^.*$!x!" .'],
    "SOA": ["ns.example. mail.example. 1 3600 1200 604800 600"],
    "RRSIG": ["A 13 2 300 20300101000000 20200101000000 1 example. c2ln"],
    "TYPE65280": [r"\# 3 c00c00", r"\# 0"],
}


@st.composite
def rrsets(draw: st.DrawFn) -> dns.rrset.RRset:
    rtype = draw(st.sampled_from(sorted(_RDATA)))
    name = draw(names() | st.just(dns.name.from_text("www.example.")))
    ttl = draw(st.integers(0, 604_800))
    return dns.rrset.from_text(name, ttl, "IN", rtype, draw(st.sampled_from(_RDATA[rtype])))


def _few(of: st.SearchStrategy[dns.rrset.RRset]) -> st.SearchStrategy[list[dns.rrset.RRset]]:
    return st.lists(of, max_size=4, unique_by=lambda each: (each.name, each.rdtype))


@st.composite
def answers(draw: st.DrawFn) -> dns.message.Message:
    """Draw a query's answer as an upstream may give it, of at most 64 KiB."""
    query = draw(queries())
    reply = dns.message.make_response(query, recursion_available=True)
    reply.set_rcode(draw(st.sampled_from([0, 0, 0, 2, 3, 5])))
    reply.flags |= draw(st.sampled_from([0, dns.flags.AD, dns.flags.AA]))
    reply.answer = draw(_few(rrsets()))
    reply.authority = draw(_few(rrsets()))
    reply.additional = draw(_few(rrsets()))
    return reply


@st.composite
def spoiled(draw: st.DrawFn, wires: st.SearchStrategy[bytes]) -> bytes:
    """Draw a message with some octets changed, taken away or put in."""
    wire = bytearray(draw(wires))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(wire)))
        match draw(st.sampled_from(["change", "cut", "put in", "end", "pointer", "count"])):
            case "change" if at < len(wire):
                wire[at] = draw(st.integers(0, 255))
            case "cut":
                del wire[at : at + draw(st.integers(1, 8))]
            case "put in":
                wire[at:at] = draw(st.binary(max_size=8))
            case "end":
                del wire[at:]
            case "pointer":
                wire[at : at + 2] = (0xC000 | draw(st.integers(0, 64))).to_bytes(2, "big")
            case "count" if len(wire) >= 12:
                wire[draw(st.integers(4, 11))] = draw(st.integers(0, 255))
    return bytes(wire)
