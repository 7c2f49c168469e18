"""An upstream of real sockets on loopback, UDP and TCP on one port, that does as it is told.

It runs in the test's own event loop.  A way to answer is a function from a question to the
messages that are sent back; `says` holds one for each name, every other name has `DATA`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import NamedTuple

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from copdns.model.addresses import UpstreamAddress

PATIENCE = 10.0  # seconds that a test waits for what surely comes
TTL = 300
ADDRESS = "127.0.0.80"  # of every name


class Asked(NamedTuple):
    """A question as it came.  name: in the letters that were sent; port: the asker's."""

    name: str
    rtype: str
    over: str
    message: dns.message.Message
    port: int

    @property
    def edns(self) -> bool:
        return bool(self.message.edns >= 0)

    @property
    def do(self) -> bool:
        return bool(self.message.ednsflags & dns.flags.DO)

    @property
    def options(self) -> list[int]:
        return [int(option.otype) for option in self.message.options]


Way = Callable[[Asked], list[bytes]]


# --- ways to answer ----------------------------------------------------------------------------


def reply_to(asked: Asked, *, rcode: int = 0, records: bool = True) -> dns.message.Message:
    """Return a reply with an address, or with an SOA where another type is asked for."""
    reply = dns.message.make_response(asked.message, recursion_available=True)
    reply.set_rcode(dns.rcode.Rcode(rcode))
    if rcode == 0 and records and asked.rtype == "A":
        reply.answer.append(dns.rrset.from_text(asked.name, TTL, "IN", "A", ADDRESS))
    else:
        soa = "ns.example. mail.example. 1 3600 1200 604800 60"
        reply.authority.append(dns.rrset.from_text("example.", TTL, "IN", "SOA", soa))
    return reply


def data(asked: Asked) -> list[bytes]:
    return [reply_to(asked).to_wire()]


def authenticated(asked: Asked) -> list[bytes]:
    reply = reply_to(asked)
    reply.flags |= dns.flags.AD
    return [reply.to_wire()]


def silent(_asked: Asked) -> list[bytes]:
    return []


def failing(rcode: int) -> Way:
    return lambda asked: [reply_to(asked, rcode=rcode).to_wire()]


def nothing(asked: Asked) -> list[bytes]:
    """Say that the name exists, and has no address."""
    return [reply_to(asked, records=False).to_wire()]


def filtered(asked: Asked) -> list[bytes]:
    """Say that the name is blocked (RFC 8914 section 4.18)."""
    reply = reply_to(asked, records=False)
    reply.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.FILTERED)])
    return [reply.to_wire()]


def truncated(asked: Asked) -> list[bytes]:
    """Give the data over TCP only, and over UDP half a record of it."""
    wire = reply_to(asked).to_wire()
    if asked.over == "tcp":
        return [wire]
    return [wire[:2] + bytes([wire[2] | 0x02]) + wire[3:-20]]


def always_truncated(asked: Asked) -> list[bytes]:
    reply = reply_to(asked)
    reply.flags |= dns.flags.TC
    return [reply.to_wire()]


def lowering(asked: Asked) -> list[bytes]:
    """Answer like servers that keep names in lower case."""
    return [_lowered(wire) for wire in data(asked)]


def without_edns(asked: Asked) -> list[bytes]:
    """Answer like servers from before EDNS: a header alone."""
    return [_bare_error(asked, 1)] if asked.edns else data(asked)


def without_edns_politely(asked: Asked) -> list[bytes]:
    """Answer like servers that repeat the question they did not understand."""
    if not asked.edns:
        return data(asked)
    reply = reply_to(asked, rcode=1)
    reply.use_edns(-1)
    return [reply.to_wire()]


def bare_error(asked: Asked) -> list[bytes]:
    """Understand nothing at all."""
    return [_bare_error(asked, 1)]


def garbled(asked: Asked) -> list[bytes]:
    """Give a record that is cut short, and do not say so."""
    return [wire[:-3] for wire in data(asked)]


def after(*others: Callable[[bytes], bytes]) -> Way:
    """Send the right answer after others that were made of it."""
    return lambda asked: [*(make(wire) for wire in data(asked) for make in others), *data(asked)]


def once(first: Way, then: Way = data) -> Way:
    """Answer one way the first time, and another way after that."""
    ways = iter([first])
    return lambda asked: next(ways, then)(asked)


def _lowered(wire: bytes) -> bytes:
    end = wire.index(b"\0", 12)
    return wire[:12] + wire[12:end].lower() + wire[end:]


def _bare_error(asked: Asked, rcode: int) -> bytes:
    return asked.message.id.to_bytes(2, "big") + bytes([0x81, 0x80 | rcode]) + bytes(8)


# --- the server --------------------------------------------------------------------------------


class UpstreamServer:
    """One upstream; use it as `async with UpstreamServer() as server`.

    says: the way to answer by name, without the closing dot; "" is for all others.
    asked: every question, in the order of their coming.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.says: dict[str, Way] = {"": data}
        self.asked: list[Asked] = []
        self._held: list[Callable[[], None]] | None = None
        self._news = asyncio.Event()
        self._connections: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> UpstreamServer:
        while not await self._listen():
            self._udp.close()
        return self

    async def _listen(self) -> bool:
        """Take a port for UDP that nobody chose; tell whether it was free for TCP too."""
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(self.host, 0)
        )
        port = self._udp.get_extra_info("sockname")[1]
        self.address = UpstreamAddress(self.host, port)
        try:
            self._tcp = await asyncio.start_server(self._connected, self.host, port)
        except OSError:
            return False
        return True

    async def __aexit__(self, *_: object) -> None:
        self._udp.close()
        self._tcp.close()
        for writer in list(self._connections):
            writer.close()
        await self._tcp.wait_closed()

    @property
    def names(self) -> list[str]:
        return [each.name.rstrip(".").lower() for each in self.asked]

    def hold(self) -> None:
        """Keep all answers back from now on."""
        self._held = []

    def release(self) -> None:
        """Send the answers that were kept back, and hold no more."""
        held, self._held = self._held or [], None
        for send in held:
            send()

    async def heard(self, count: int = 1) -> None:
        """Wait until so many questions have come in all."""
        async with asyncio.timeout(PATIENCE):
            while len(self.asked) < count:
                self._news.clear()
                await self._news.wait()

    def answer(self, wire: bytes, over: str, port: int, send: Callable[[bytes], None]) -> None:
        message = dns.message.from_wire(wire)
        question = message.question[0]
        name, rtype = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        asked = Asked(name, rtype, over, message, port)
        self.asked.append(asked)
        self._news.set()
        way = self.says.get(name.rstrip(".").lower(), self.says[""])
        for reply in way(asked):
            if self._held is None:
                send(reply)
            else:
                self._held.append(lambda reply=reply: send(reply))  # type: ignore[misc]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("peername")[1]
        self._connections.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                wire = await reader.readexactly(size)
                self.answer(wire, "tcp", port, lambda reply: _write(writer, reply))
        writer.close()
        self._connections.discard(writer)


def _write(writer: asyncio.StreamWriter, reply: bytes) -> None:
    writer.write(len(reply).to_bytes(2, "big") + reply)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: UpstreamServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]

    def datagram_received(self, wire: bytes, peer: tuple[str, int]) -> None:
        self._server.answer(wire, "udp", peer[1], lambda reply: self._transport.sendto(reply, peer))
