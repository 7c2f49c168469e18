"""An upstream on loopback that does what a script says, over UDP and TCP."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.running import free_port

Says = Callable[[dns.message.Message, bool], dns.message.Message | None]
"""Gives the reply to a query, or None for silence; the second argument: it came over TCP."""

TTL = 300
SOA = "ns.example. hostmaster.example. 1 3600 600 86400 60"


def holds(*texts: str) -> Says:
    """Say what a name has: "A 127.0.0.7"; after "CNAME b.example." the rest belongs to that."""

    def says(query: dns.message.Message, over_tcp: bool) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True)
        owner, wanted = query.question[0].name, query.question[0].rdtype
        for text in texts:
            rtype, _, data = text.partition(" ")
            if rtype in ("CNAME", dns.rdatatype.to_text(wanted)):
                reply.answer.append(dns.rrset.from_text(owner, TTL, "IN", rtype, data))
            if rtype == "CNAME":
                owner = dns.name.from_text(data)
        if not any(rrset.rdtype == wanted for rrset in reply.answer):
            reply.authority.append(dns.rrset.from_text("example.", TTL, "IN", "SOA", SOA))
        return reply

    return says


def silent(query: dns.message.Message, over_tcp: bool) -> None:
    return None


def fails(rcode: str) -> Says:
    def says(query: dns.message.Message, over_tcp: bool) -> dns.message.Message:
        reply = holds()(query, over_tcp)
        assert reply is not None
        reply.set_rcode(dns.rcode.from_text(rcode))
        return reply

    return says


def filters(query: dns.message.Message, over_tcp: bool) -> dns.message.Message | None:
    """Say that there is nothing, and that this is a block (RFC 8914 section 4.18)."""
    reply = holds()(query, over_tcp)
    assert reply is not None
    ede = dns.edns.EDEOption(dns.edns.EDECode.FILTERED, "not for children")
    reply.use_edns(0, options=[ede])
    return reply


def too_long(then: Says) -> Says:
    """Say over UDP only that the answer needs TCP."""

    def says(query: dns.message.Message, over_tcp: bool) -> dns.message.Message | None:
        reply = then(query, over_tcp)
        if reply is not None and not over_tcp:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
        return reply

    return says


def lowers(then: Says) -> Says:
    """Answer in small letters, whatever the question was written in."""

    def says(query: dns.message.Message, over_tcp: bool) -> dns.message.Message | None:
        question = query.question[0]
        question.name = dns.name.from_text(question.name.to_text().lower())
        return then(query, over_tcp)

    return says


def knows_no_edns(then: Says) -> Says:
    def says(query: dns.message.Message, over_tcp: bool) -> dns.message.Message | None:
        return then(query, over_tcp) if query.edns < 0 else fails("FORMERR")(query, over_tcp)

    return says


SOMEWHERE = holds("A 127.0.0.77", "AAAA ::1")


class Upstream:
    """script: what is said of a name and all below it; of others: `otherwise`.

    asked: every question that came over UDP, as "chess.example A".
    """

    def __init__(self, script: Mapping[str, Says], otherwise: Says, port: int) -> None:
        self.script = dict(script)
        self.otherwise = otherwise
        self.port = port
        self.asked: list[str] = []

    def reply(self, wire: bytes, over_tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        if not over_tcp:
            self.asked.append(f"{name} {dns.rdatatype.to_text(query.question[0].rdtype)}")
        reply = self._says(name)(query, over_tcp)
        return None if reply is None else reply.to_wire()

    def _says(self, name: str) -> Says:
        while name:
            if name in self.script:
                return self.script[name]
            name = name.partition(".")[2]
        return self.otherwise


@contextmanager
def upstream(
    script: Mapping[str, Says] | None = None, otherwise: Says = SOMEWHERE
) -> Iterator[Upstream]:
    made = Upstream(script or {}, otherwise, free_port())

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, sock = self.request
            reply = made.reply(wire, over_tcp=False)
            if reply is not None:
                sock.sendto(reply, self.client_address)

    class Stream(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query, _ = dns.query.receive_tcp(self.request)
            reply = made.reply(query.to_wire(), over_tcp=True)
            if reply is not None:
                dns.query.send_tcp(self.request, reply)

    where = "127.0.0.1", made.port
    with (
        socketserver.UDPServer(where, Datagram) as datagrams,
        socketserver.TCPServer(where, Stream) as streams,
        _serving([datagrams, streams]),
    ):
        yield made


@contextmanager
def _serving(servers: Iterable[socketserver.BaseServer]) -> Iterator[None]:
    threads = [threading.Thread(target=each.serve_forever, args=[0.02]) for each in servers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for each in servers:
            each.shutdown()
        for thread in threads:
            thread.join()
