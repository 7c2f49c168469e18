"""Octets by chance in, after and instead of a PROXY header, at the real servers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing
from ipaddress import ip_network
from typing import Any

import dns.message
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copdns.dns.exchange import Exchange
from copdns.model.household import Device
from copdns.server.connection import StreamLimits
from copdns.server.forwarders import Forwarder, Forwarders
from copdns.server.tcp import TcpServer
from copdns.server.udp import UdpServer
from tests.fakes import FakeUpstream
from tests.forwarding import SIGNATURE, header, own, proxied
from tests.fuzz.packets import queries, spoiled
from tests.home import Home
from tests.household import MIA, block, family
from tests.unit.messages import query
from tests.upstream_server import PATIENCE
from tests.whole import examples

HOST, LISTED = "127.0.0.1", "127.0.0.9"
FORWARDERS = Forwarders([Forwarder(ip_network(LISTED), proxy=True, mac=True, subnet=True)])
GAMES = "games.example"  # blocked: answered at once
LAST = b"\xfe\xed"  # the ID of a sound question after what was sent by chance

several = settings(
    max_examples=examples(400),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

octet = st.integers(0, 255)
families = st.sampled_from([0x00, 0x11, 0x12, 0x21, 0x22])
headers = st.one_of(
    st.builds(header, st.just(0x21), families, st.binary(max_size=40)),
    st.builds(header, octet, octet, st.binary(max_size=40)),
    st.builds(proxied, st.ip_addresses().map(str), tlvs=st.binary(max_size=40)),
    st.binary(max_size=20).map(SIGNATURE.__add__),
    st.just(own()),
)
messages = st.one_of(st.binary(max_size=100), queries().map(lambda each: each.to_wire()))


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


datagrams = st.one_of(
    spoiled(st.builds(bytes.__add__, headers, messages)),
    st.builds(bytes.__add__, headers, messages),
    headers,
    messages,
)


class SoonUpstream(FakeUpstream):
    """Answers with the loop's next turn."""

    def ask(self, exchange: Exchange, /) -> None:
        super().ask(exchange)
        asyncio.get_running_loop().call_soon(self.deliver)


class Desk:
    """A home, and a loop that remembers what went wrong in it."""

    def __init__(self) -> None:
        here = Device("laptop", "Laptop", "mia", ("127.0.0.0/8",))
        house = family(MIA, devices=(here,), rules=(block(GAMES),))
        self.home = Home(house, upstream=SoonUpstream())
        self.wrong: list[dict[str, Any]] = []
        self._runner = asyncio.Runner()

    def run(self, work: Callable[[Home], Coroutine[Any, Any, None]]) -> None:
        loop = self._runner.get_loop()
        loop.set_exception_handler(lambda _, context: self.wrong.append(context))
        self._runner.run(work(self.home))
        assert self.wrong == []

    def close(self) -> None:
        self._runner.close()


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with closing(Desk()) as found:
        yield found


def asked_by(home: Home) -> str:
    assert home.recorder.last is not None
    return home.recorder.last.client.policy.profile


def client(kind: socket.SocketKind, host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, kind)
    sock.setblocking(False)
    sock.bind((host, 0))
    return sock


async def last_of(sock: socket.socket) -> list[bytes]:
    """Return what came before the answer to the last question."""
    before: list[bytes] = []
    async with asyncio.timeout(PATIENCE):
        while True:
            reply = await asyncio.get_running_loop().sock_recv(sock, 4096)
            if reply[:2] == LAST:
                return before
            before.append(reply)


@several
@given(st.sampled_from([HOST, LISTED]), datagrams)
def test_no_datagram_of_anybody_harms_the_next(desk: Desk, source: str, wire: bytes) -> None:
    async def exchange(home: Home) -> None:
        loop = asyncio.get_running_loop()
        server = UdpServer(loop, home.resolver, home.clock, HOST, 0, FORWARDERS)
        with closing(server), client(socket.SOCK_DGRAM, source) as sock:
            sock.connect(server._socket.getsockname())
            await loop.sock_sendall(sock, wire)
            await loop.sock_sendall(sock, LAST + query(GAMES)[2:])
            for reply in await last_of(sock):
                dns.message.from_wire(reply)
            assert asked_by(home) == "mia"  # not whom the datagram before it named

    desk.run(exchange)


@asynccontextmanager
async def listening(home: Home) -> AsyncIterator[tuple[str, int]]:
    limits = StreamLimits(idle=PATIENCE)
    server = TcpServer(home.resolver, home.clock, HOST, 0, limits, FORWARDERS)
    await server.start()
    assert server._server is not None
    yield server._server.sockets[0].getsockname()
    server.close()
    assert not server.places


async def said_to(where: tuple[str, int], source: str, parts: list[bytes]) -> bytes:
    """Return all that the server says to parts of a stream until its end."""
    loop = asyncio.get_running_loop()
    received = b""
    with client(socket.SOCK_STREAM, source) as sock, contextlib.suppress(ConnectionError):
        await loop.sock_connect(sock, where)
        for part in parts:
            await loop.sock_sendall(sock, part)
        sock.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(PATIENCE):
            while got := await loop.sock_recv(sock, 65536):
                received += got
    return received


@several
@given(
    st.sampled_from([HOST, LISTED]),
    st.lists(st.one_of(headers, messages.map(framed), st.binary(max_size=3)), max_size=6),
)
def test_no_stream_of_anybody_harms_the_next(desk: Desk, source: str, parts: list[bytes]) -> None:
    async def exchange(home: Home) -> None:
        async with listening(home) as where:
            received = await said_to(where, source, parts)
            while received:
                end = 2 + int.from_bytes(received[:2], "big")
                dns.message.from_wire(received[2:end])
                received = received[end:]
            sound = await said_to(where, source, [framed(LAST + query(GAMES)[2:])])
            assert sound[2:4] == LAST
            assert asked_by(home) == "mia"

    desk.run(exchange)
