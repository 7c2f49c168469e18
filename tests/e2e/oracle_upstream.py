"""An upstream that has an answer of its own for every question, and always the same one.

What it says follows from a hash of the name, so a test works it out too, with `oracle`.  Every
address is one of loopback.  As a program it answers on a free port, which it prints first:

    python -m tests.e2e.oracle_upstream [plain | failing]

plain: every name has the address 127.0.0.1.  failing: every second question gets no answer, or
one of no use.
"""

from __future__ import annotations

import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import blake2b
from random import Random
from struct import pack
from typing import NamedTuple

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.message import Message
from dns.name import Name
from dns.rdataclass import IN
from dns.rdatatype import RdataType
from dns.rrset import RRset

MAX_TTL = 2**31 - 1  # RFC 2181 section 8
TTLS = (0, 1, 10, 11, 59, 60, 61, 300, 3600, 86_400, 604_800, MAX_TTL)

# What can be the matter with a name, and with how many in a thousand it is.
KINDS = {
    "data": 655,
    "large": 25,  # more than a datagram takes
    "alias": 120,
    "dname": 20,
    "no such name": 100,
    "no such name, no SOA": 10,
    "bogus": 15,  # it fails, unless who asks checks signatures by himself (CD)
    "refused": 10,
    "filtered": 25,  # the upstream says so
    "nobody's address": 20,  # 0.0.0.0 and ::, which rebinding protection keeps out
}

# Names that aliases lead to now and then; the household of the test objects to most of them.
LISTED = (
    "casino.example.",
    "bet.example.",
    "voice.clubchat.example.",
    "iplogger.org.",
    "dns.google.",
    "pornhub.com.",
    "www.google.com.",
    "school.example.",
    "childline.org.uk.",
    "printer.home.arpa.",
)
ODD = ("Edge.CDN.example.", "_a_b.cdn.example.", r"a\.b.cdn.example.", r"\000\255.cdn.example.")


class Said(NamedTuple):
    """What is said to a question, besides what repeats it.  ede: an extended error's code, or 0."""

    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    answer: Sequence[RRset] = ()
    authority: Sequence[RRset] = ()
    additional: Sequence[RRset] = ()
    ede: int = 0


def oracle(query: Message) -> Message:
    """Return the whole answer to a question, however large."""
    reply = dns.message.make_response(query, recursion_available=True)
    do, cd = bool(query.ednsflags & dns.flags.DO), query.flags & dns.flags.CD
    name, rtype = query.question[0].name, query.question[0].rdtype
    said = _said(name.canonicalize(), rtype, do, bool(cd))
    reply.set_rcode(said.rcode)
    reply.answer, reply.authority = [*said.answer], [*said.authority]
    reply.additional = [*said.additional]
    reply.flags |= cd | (dns.flags.AD if _lot(name).random() < 0.3 else 0)
    if query.edns >= 0:
        error: list[dns.edns.Option] = []
        if said.ede:
            code = dns.edns.EDECode(said.ede)
            error = [dns.edns.EDEOption(code, "said by the upstream")]
        reply.use_edns(0, query.ednsflags & dns.flags.DO, 1232, options=error)
    return reply


@lru_cache(maxsize=16_384)  # what a run asks: for everybody, over UDP, then over TCP
def _said(name: Name, rtype: RdataType, do: bool, cd: bool) -> Said:
    lot = _lot(name, "kind")
    kind = lot.choices([*KINDS], [*KINDS.values()])[0]
    if kind == "refused":
        return Said(dns.rcode.REFUSED)
    if kind == "bogus" and not cd:
        return Said(dns.rcode.SERVFAIL, ede=dns.edns.EDECode.DNSSEC_BOGUS)
    if kind in ("alias", "dname") and rtype != RdataType.CNAME:
        said = _led_on(name, rtype, lot, kind)
    elif kind in ("no such name", "no such name, no SOA"):
        soa = _nothing(name, lot) if kind == "no such name" else ()
        said = Said(dns.rcode.NXDOMAIN, authority=soa)
    elif kind == "nobody's address" and rtype in (RdataType.A, RdataType.AAAA):
        nobody = "0.0.0.0" if rtype == RdataType.A else "::"
        said = Said(answer=[_rrset(name, rtype, 60, [nobody])])
    else:
        said = _data(name, rtype, large=kind == "large")
    if kind == "filtered":
        said = said._replace(ede=lot.choice([15, 16, 17]))
    if do:
        said = said._replace(answer=_signed(said.answer), authority=_signed(said.authority))
    return said


def plain(query: Message) -> Message:
    """Return an answer that holds one address for every name."""
    reply = dns.message.make_response(query, recursion_available=True)
    name, rtype = query.question[0].name, query.question[0].rdtype
    if rtype == RdataType.A:
        reply.answer = [_rrset(name, rtype, 300, ["127.0.0.1"])]
    else:
        reply.authority = [_soa(name, 300)]
    return reply


def lot_of(*what: object) -> Random:
    """Return chance that is the same for the same things, in every process."""
    return Random(blake2b(repr(what).encode(), digest_size=8).digest())


def _lot(name: Name, *more: object) -> Random:
    return lot_of(name.canonicalize().to_wire(), *more)


# --- what a name has ----------------------------------------------------------------------------


def _data(name: Name, rtype: RdataType, *, large: bool = False) -> Said:
    """Return what a name has of a type, or that it has nothing of it."""
    lot = _lot(name, int(rtype))
    many = (40, 60, 90) if rtype in (RdataType.A, RdataType.AAAA) else (8, 15, 30)
    texts = _texts(rtype, lot, lot.choice(many if large else (1, 1, 2, 3, 5)))
    if not texts or (not large and lot.random() < 0.12):
        return Said(authority=_nothing(name, lot))
    if lot.random() < 0.1:  # the records of a set should have one TTL, and do not always
        answer = [_rrset(name, rtype, lot.choice(TTLS), [text]) for text in texts]
    else:
        answer = [_rrset(name, rtype, lot.choice(TTLS), texts)]
    authority, additional = [], []
    if lot.random() < 0.3 and len(name) > 1:
        servers = ["ns1.example.", "NS2.Example."]
        authority = [_rrset(name.parent(), RdataType.NS, 300, servers)]
    if rtype in (RdataType.MX, RdataType.SRV, RdataType.NS) and lot.random() < 0.7:
        additional = [_rrset(_name("mail.example."), RdataType.A, 60, ["127.0.0.25"])]
    return Said(answer=answer, authority=authority, additional=additional)


def _nothing(name: Name, lot: Random) -> Sequence[RRset]:
    """Return an SOA record that says so, which seldom lacks."""
    if lot.random() > 0.95:
        return ()
    zone = name.parent() if len(name) > 2 and lot.random() < 0.7 else name
    return [_soa(zone, lot.choice(TTLS))]


def _led_on(name: Name, rtype: RdataType, lot: Random, kind: str) -> Said:
    """Lead from a name to another, over a few more, to what the last one has."""
    target = lot.choice(LISTED if lot.random() < 0.3 else ODD)
    chain = []
    if kind == "dname" and len(name) > 1:
        zone = f"{lot.randrange(100)}.example."
        chain.append(_rrset(name.parent(), RdataType.DNAME, 300, [zone]))
        with suppress(dns.name.NameTooLong):
            target = str(name.relativize(name.parent()).concatenate(_name(zone)))
    for _ in range(lot.randint(1, 4)):
        chain.append(_rrset(name, RdataType.CNAME, lot.choice(TTLS), [target]))
        name = _name(target)
        target = f"{lot.getrandbits(32):x}.{lot.choice(ODD)}"
    if lot.random() < 0.2:
        return Said(dns.rcode.NXDOMAIN, chain, _nothing(name, lot))
    said = _data(name, rtype)
    return said._replace(answer=[*chain, *said.answer])


def _texts(rtype: RdataType, lot: Random, count: int) -> list[str]:
    """Return records as text; none for a type that the name has nothing of."""
    make = _MAKERS.get(rtype)
    if make is None:
        unknown = rtype >= 256 or rtype == RdataType.NULL
        make = _unknown if unknown and not dns.rdatatype.is_metatype(rtype) else None
    if make is None:
        return []
    return list(dict.fromkeys(make(lot, number) for number in range(count)))


def _host(lot: Random) -> str:
    return f"h{lot.randrange(500)}.{lot.choice(ODD)}"


def _service(lot: Random, number: int) -> str:
    if number:
        target = "."  # one record leads elsewhere: dnspython writes a set in any order
    elif lot.random() < 0.1:
        return f"0 {lot.choice([*LISTED, *ODD])}"  # only a name (RFC 9460 section 2.4.2)
    else:
        target = "." if lot.random() < 0.6 else lot.choice([*LISTED, *ODD])
    hints = f"ipv4hint=127.0.0.{number},127.0.0.1 ipv6hint=::1"
    more = lot.choice(["", "port=8443", "key667=abc", "ech=AAf+DQADYWJj", hints])
    return f"{number + 1} {target} alpn=h2,h3 {more}"


def _unknown(lot: Random, number: int) -> str:
    data = bytes([number, *lot.randbytes(lot.randrange(40))])
    return rf"\# {len(data)} {data.hex()}"


_MAKERS: dict[RdataType, Callable[[Random, int], str]] = {
    RdataType.A: lambda lot, n: f"127.0.{n}.{lot.randrange(5)}",
    RdataType.AAAA: lambda lot, n: f"::ffff:127.0.{n}.{lot.randrange(5)}" if n else "::1",
    RdataType.NS: lambda lot, n: _host(lot),
    RdataType.CNAME: lambda lot, n: ODD[0],  # alone, as a name can have only one
    RdataType.SOA: lambda lot, n: r"ns.example. Host\.Master.example. 7 1 2 3 4",
    RdataType.PTR: lambda lot, n: _host(lot),
    RdataType.MX: lambda lot, n: f"{n} {_host(lot)}",
    RdataType.TXT: lambda lot, n: f'"{n}" "{"long " * 25}{lot.randrange(9)}" "\\000\\255"',
    RdataType.SRV: lambda lot, n: f"{n} 5 443 {_host(lot)}",
    RdataType.NAPTR: lambda lot, n: f'{n} 10 "s" "SIP+D2U" "" _sip._udp.example.',
    RdataType.DNSKEY: lambda lot, n: f"257 3 13 {'QUJD' * 16}",
    RdataType.HTTPS: _service,
    RdataType.SVCB: _service,
}


# --- records ------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _name(text: str) -> Name:
    return dns.name.from_text(text)


@lru_cache(maxsize=65536)
def _rdata(rtype: RdataType, text: str) -> dns.rdata.Rdata:
    return dns.rdata.from_text(IN, rtype, text)


def _rrset(name: Name, rtype: RdataType, ttl: int, texts: Iterable[str]) -> RRset:
    return dns.rrset.from_rdata_list(name, ttl, [_rdata(rtype, text) for text in texts])


def _soa(zone: Name, ttl: int) -> RRset:
    return _rrset(zone, RdataType.SOA, ttl, [f"ns.example. hm.example. 9 8 7 6 {min(ttl, 900)}"])


def _signed(section: Sequence[RRset]) -> list[RRset]:
    """Return a section with a record beside each set that looks like its signature."""
    return [each for rrset in section for each in (rrset, _signature(rrset))]


def _signature(rrset: RRset) -> RRset:
    fixed = pack("!HBBIIIH", rrset.rdtype, 13, len(rrset.name) - 1, rrset.ttl, 2**31, 0, 4711)
    wire = fixed + b"\x07example\0" + bytes(64)
    rdata = dns.rdata.from_wire(IN, RdataType.RRSIG, wire, 0, len(wire))
    return dns.rrset.from_rdata(rrset.name, rrset.ttl, rdata)


# --- serving ------------------------------------------------------------------------------------


@contextmanager
def started(mode: str = "") -> Iterator[int]:
    """Run this upstream in a process of its own, and give its port."""
    command = [sys.executable, "-m", "tests.e2e.oracle_upstream", *mode.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def over_udp(answer: Callable[[Message], Message], wire: bytes) -> bytes:
    """Return a reply that fits a datagram, or what is left of it, marked as truncated."""
    query = dns.message.from_wire(wire)
    reply = answer(query)
    size = max(query.payload, 512)
    try:
        return reply.to_wire(max_size=size, prefer_truncation=query.id % 2 == 0)
    except dns.exception.TooBig:
        reply.answer, reply.authority, reply.additional = [], [], []
        reply.flags |= dns.flags.TC
        return reply.to_wire()


def failing(wire: bytes) -> bytes | None:
    """Return the answer to half of all questions, and to the others nothing or nonsense."""
    query = dns.message.from_wire(wire)
    good = plain(query).to_wire()
    lot = _lot(query.question[0].name)
    if lot.random() < 0.5:
        return good
    broken: list[bytes | None] = [
        None,
        bytes([good[0] ^ 1, *good[1:]]),  # another's ID
        good[:-3],
        good[:2],
        good[:7] + b"\x09" + good[8:],  # more records than there are
        good[:2] + bytes([good[2] | 0x02]) + good[3:],  # truncated, and TCP will not help
        *(good[:3] + bytes([0x80 | rcode]) + good[4:] for rcode in (1, 2, 4, 5)),
    ]
    return lot.choice(broken)


class OverTcp(socketserver.StreamRequestHandler):
    """One connection.  answer: what says the replies; None: it is closed without one."""

    answer: Callable[[Message], Message] | None

    def handle(self) -> None:
        answer = type(self).answer
        while size := int.from_bytes(self.rfile.read(2), "big"):
            query = dns.message.from_wire(self.rfile.read(size))
            if answer is None:
                return
            reply = answer(query).to_wire(max_size=65535)
            self.wfile.write(len(reply).to_bytes(2, "big") + reply)


def serve(mode: str) -> None:
    """Answer on a free port of loopback, until the process is ended."""
    answer = plain if mode == "plain" else None if mode == "failing" else oracle
    handler = type("Handler", (OverTcp,), {"answer": staticmethod(answer) if answer else None})
    socketserver.ThreadingTCPServer.request_queue_size = 128
    socketserver.ThreadingTCPServer.daemon_threads = True
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with _tcp_beside(sock, handler) as tcp:
        threading.Thread(target=tcp.serve_forever, daemon=True).start()
        sys.stdout.write(f"{sock.getsockname()[1]}\n")
        sys.stdout.flush()
        for wire, peer in _received(sock):
            reply = failing(wire) if answer is None else over_udp(answer, wire)
            if reply is not None:
                sock.sendto(reply, peer)


def _tcp_beside(sock: socket.socket, handler: type[OverTcp]) -> socketserver.ThreadingTCPServer:
    """Return a server on a port that is free for TCP and UDP, and bind the UDP socket to it."""
    for _ in range(20):
        tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        try:
            sock.bind(tcp.server_address)
        except OSError:  # somebody has the port for UDP
            tcp.server_close()
        else:
            return tcp
    raise OSError("no port is free for TCP and UDP")


def _received(sock: socket.socket) -> Iterator[tuple[bytes, tuple[str, int]]]:
    while True:
        yield sock.recvfrom(4096)


if __name__ == "__main__":
    serve("".join(sys.argv[1:]))
