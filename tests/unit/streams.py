"""Connections to a server of ours on loopback, in clear text or encrypted, and a home behind it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from copdns.model.household import Device, Household
from copdns.server.connection import ClientConnection, StreamLimits, StreamServer
from copdns.server.doh import speak_http
from copdns.server.forwarders import NO_FORWARDERS, Forwarders
from copdns.server.places import Places
from copdns.server.tcp import TcpServer
from copdns.server.tls import Handshakes, SecurePort, TlsServer, harden, speak_dns
from copdns.server.tokens import NO_TOKENS, DeviceTokens
from tests.home import Home
from tests.household import MIA, block, family
from tests.unit.messages import query
from tests.upstream_server import PATIENCE

HOST = "127.0.0.1"
OTHER = "127.0.0.2"  # of the same person
STRANGER = "127.0.0.3"
GAMES = "games.example"  # blocked: answered at once
SLOW = "slow.example"  # allowed: answered when the upstream delivers


class Client:
    """A connection to the server, in clear text."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def put(self, octets: bytes) -> None:
        self.writer.write(octets)

    async def take(self, size: int) -> bytes:
        return await self.reader.readexactly(size)

    def stop_sending(self) -> None:
        self.writer.write_eof()

    def send(self, *messages: bytes) -> None:
        """Send messages in one segment."""
        self.put(b"".join(len(each).to_bytes(2, "big") + each for each in messages))

    async def receive(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            size = int.from_bytes(await self.take(2), "big")
            return await self.take(size)

    async def end(self) -> bytes:
        """Return what comes until the server closes."""
        received = b""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    received += await self.take(1)
        return received


class TlsClient(Client):
    """A connection to the server, encrypted.  What is read of it is decrypted here, by OpenSSL."""

    def begin(
        self,
        context: ssl.SSLContext,
        session: ssl.SSLSession | None = None,
        name: str | None = None,
    ) -> None:
        """name: that is asked for (SNI)."""
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming, self.outgoing, server_hostname=name, session=session
        )
        self.plain = b""

    async def more(self) -> bytes:
        """Return what comes next, however much that is."""
        async with asyncio.timeout(PATIENCE):
            first = await self.take(1)
        rest, self.plain = self.plain, b""
        return first + rest

    async def shake_hands(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    self.tls.do_handshake()
                except ssl.SSLWantReadError:
                    self._flush()
                    await self._hear()
                else:
                    self._flush()
                    return

    def put(self, octets: bytes) -> None:
        self.tls.write(octets)
        self._flush()

    async def take(self, size: int) -> bytes:
        while len(self.plain) < size:
            try:
                read = self.tls.read(65536)
            except ssl.SSLWantReadError:
                await self._hear()
                continue
            except ssl.SSLError:  # a goodbye, or an alert
                read = b""
            if not read:
                raise asyncio.IncompleteReadError(self.plain, size)
            self.plain += read
        taken, self.plain = self.plain[:size], self.plain[size:]
        return taken

    def stop_sending(self) -> None:
        with suppress(ssl.SSLWantReadError):  # the server's own goodbye comes later
            self.tls.unwrap()
        self._flush()

    def _flush(self) -> None:
        self.writer.write(self.outgoing.read())

    async def _hear(self) -> None:
        octets = await self.reader.read(65536)
        if not octets:
            raise ConnectionResetError
        self.incoming.write(octets)


def trusting(protocols: list[str]) -> ssl.SSLContext:
    """Return how a client speaks that believes any certificate.  protocols: by ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(protocols)
    return context


def serving(certificate: Path, protocols: list[str]) -> ssl.SSLContext:
    """Return how a server speaks.  certificate: with its key.  protocols: by ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(protocols)
    return harden(context)


class Desk:
    """A server with the home behind it.

    certificate: of one that encrypts.  over: what it speaks then, "tls" or "https".  house: else
    one with Mia's laptop at HOST and OTHER.  tokens, guests: how devices say which one they are,
    and whether who says it wrongly is a guest.
    """

    def __init__(
        self,
        forwarders: Forwarders = NO_FORWARDERS,
        *,
        certificate: Path | None = None,
        client_connections: int = 0,
        handshakes: int = 1000,
        over: str = "tls",
        house: Household | None = None,
        tokens: DeviceTokens = NO_TOKENS,
        guests: bool = False,
        **limits: float,
    ) -> None:
        here = Device("laptop", "Laptop", "mia", (HOST, OTHER))
        self.home = Home(house or family(MIA, devices=(here,), rules=(block(GAMES),)))
        if guests:
            self.home.defaults = replace(self.home.defaults, unknown_is_guest=True)
            self.home.change()
        self.tokens = tokens
        self.limits = StreamLimits(**limits)  # type: ignore[arg-type]
        self.forwarders = forwarders
        self.over = over
        protocols = {"tls": ["dot"], "https": ["h2", "http/1.1"]}[over]
        self.context = serving(certificate, protocols) if certificate else None
        self.client_context = trusting(protocols[:1])
        self.places: Places[ClientConnection] = Places(self.limits.connections, client_connections)
        self.handshakes = Handshakes(handshakes)
        self.clients: list[Client] = []

    async def open(self) -> None:
        self.server = self._make_server()
        await self.server.start()
        assert self.server._server is not None
        self.port = self.server._server.sockets[0].getsockname()[1]

    def _make_server(self) -> StreamServer:
        home = self.home
        if self.context is None:
            return TcpServer(home.resolver, home.clock, HOST, 0, self.limits, self.forwarders)
        speak = speak_dns if self.over == "tls" else speak_http
        port = SecurePort(
            self.over, "", 0, "", lambda: self.context, self.limits, speak, tokens=self.tokens
        )
        return TlsServer(home.resolver, home.clock, HOST, port, self.places, self.handshakes)

    async def client(
        self,
        buffer: int = 0,
        source: str = HOST,
        session: ssl.SSLSession | None = None,
        name: str | None = None,
    ) -> Client:
        """Return a client that is connected; where the server encrypts, after the handshake."""
        reader, writer = await self.connect(buffer, source)
        if self.context is None:
            self.clients.append(Client(reader, writer))
        else:
            made = TlsClient(reader, writer)
            self.clients.append(made)
            made.begin(self.client_context, session, name)
            await made.shake_hands()
        return self.clients[-1]

    async def raw_client(self, source: str = HOST) -> Client:
        """Return a client that has not begun to encrypt."""
        self.clients.append(Client(*await self.connect(source=source)))
        return self.clients[-1]

    async def connect(
        self, buffer: int = 0, source: str = HOST
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        sock = socket.socket()
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.setblocking(False)
        try:
            sock.bind((source, 0))
            await asyncio.get_running_loop().sock_connect(sock, (HOST, self.port))
        except OSError:
            sock.close()
            raise
        return await asyncio.open_connection(sock=sock)

    async def asked(self, count: int) -> None:
        """Wait until the upstream was asked so many questions."""
        async with asyncio.timeout(PATIENCE):
            while len(self.home.upstream.asked) < count:
                await turn()

    def connections(self) -> list[ClientConnection]:
        return self.server.places.all


async def turn() -> None:
    """Let the loop look at all sockets once."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_soon(done.set_result, None)
    await done


async def pass_time(seconds: float) -> None:
    """Move the loop's clock on, so that whoever waits so long for a word waits no more.

    Some times over: what was on its way came in the first, and is a word.
    """
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, 0.0
    loop.time = lambda: real() + ahead  # type: ignore[method-assign]
    for _ in range(5):
        for _ in range(5):
            await turn()
        ahead += seconds


Open = Callable[..., Awaitable[Desk]]


def numbered(number: int, name: str) -> bytes:
    return number.to_bytes(2, "big") + query(name)[2:]
