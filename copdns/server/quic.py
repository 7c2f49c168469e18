"""DNS over QUIC (RFC 9250): each query has a stream of its own, so that none waits for another.

aioquic does the protocol.  It has no input or output of its own, so that what is here says whom it
is done for, and how much of it: the bounds are those of TLS (`server/tls.py`), and who is not
served, or begins too much, costs nothing but the look at its first packet.  aioquic takes 12 MB to
import, so this module is imported only where the settings want DNS over QUIC.

Left out on purpose: data before the handshake is done (0-RTT), and going on from another address,
since an address may say whose device asks.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from aioquic.buffer import Buffer
from aioquic.quic.configuration import SMALLEST_MAX_DATAGRAM_SIZE, QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import (
    ConnectionIdIssued,
    ConnectionIdRetired,
    ConnectionTerminated,
    HandshakeCompleted,
    QuicEvent,
)
from aioquic.quic.packet import (
    QuicHeader,
    QuicPacketType,
    encode_quic_retry,
    encode_quic_version_negotiation,
    pull_quic_header,
)
from aioquic.quic.retry import QuicRetryTokenHandler
from aioquic.tls import pull_client_hello
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from copdns.model.errors import CertificateError, ListenError
from copdns.server.answer import Resolver
from copdns.server.connection import ClientConnection, Server, Speaker, StreamLimits, report_bug
from copdns.server.places import AS_STRANGER, Places
from copdns.server.quic_streams import (
    INTERNAL_ERROR,
    MAX_STREAM_DATA,
    NO_ERROR,
    StreamClient,
    Streams,
)
from copdns.server.tls import DONE, HANDSHAKE, REFUSED, Handshakes
from copdns.server.tokens import NO_TOKENS, DeviceTokens
from copdns.server.udp import bind_socket
from copdns.time.clock import Moment

PROTOCOL: Final = "doq"  # by ALPN (section 4.1.1)
# Handshakes under way, by TLS as well, beyond which a client shows first that it gets what is sent
# to its address (Retry, RFC 9000 section 8.1.2).
RETRY_FROM: Final = 8

_CID_SIZE: Final = 8  # octets of the connection ids that are ours
_KEY_END: Final = b"PRIVATE KEY-----"
_HANDLE_HELLO: Final = "_server_handle_hello"  # a method of aioquic's TLS context

# It logs each mistake of a client as a warning.
logging.getLogger("quic").setLevel(logging.CRITICAL)


class QuicPort(NamedTuple):
    """What is spoken on a UDP port, at every address.

    over, name, setting, tokens: as of `SecurePort`.
    configuration: returns how a connection that begins now is encrypted.
    """

    over: str
    name: str
    port: int
    setting: str
    configuration: Callable[[], QuicConfiguration]
    limits: StreamLimits
    tokens: DeviceTokens = NO_TOKENS

    def make_server(
        self,
        resolver: Resolver,
        clock: Callable[[], Moment],
        address: str,
        places: Places[ClientConnection],
        handshakes: Handshakes,
    ) -> QuicServer:
        """Return what answers here at an address."""
        return QuicServer(resolver, clock, address, self, places, handshakes)


def make_configuration(certificate: Path, key: Path, idle: float) -> QuicConfiguration:
    """Return how connections are encrypted.  idle: seconds without anything from a client.

    Raises CertificateError.
    """
    made = QuicConfiguration(
        is_client=False,
        alpn_protocols=[PROTOCOL],
        idle_timeout=idle,
        connection_id_length=_CID_SIZE,
        max_stream_data=MAX_STREAM_DATA,
    )
    try:
        # aioquic's own reader knows no file that has its key before its certificate.
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
        made.private_key = load_pem_private_key(_key_in(key.read_bytes()), None)
    except (OSError, ValueError, TypeError) as error:
        raise CertificateError(f"{certificate}, {key}: {error}") from error
    made.certificate, made.certificate_chain = chain[0], chain[1:]
    return made


def _key_in(pem: bytes) -> bytes:
    """Return the part of a PEM file that is a private key; b"" for none."""
    end = pem.rfind(_KEY_END)
    start = pem.find(b"-----BEGIN ")
    while 0 <= start < end:
        line = pem[start : pem.find(b"\n", start)].rstrip()
        if line.endswith(_KEY_END):
            return pem[start : end + len(_KEY_END)] + b"\n"
        start = pem.find(b"-----BEGIN ", start + 1)
    return b""


class QuicServer(Server, asyncio.DatagramProtocol):
    """Answers on one address and port."""

    def __init__(
        self,
        resolver: Resolver,
        clock: Callable[[], Moment],
        address: str,
        port: QuicPort,
        places: Places[ClientConnection],
        handshakes: Handshakes,
    ) -> None:
        super().__init__(resolver, clock, address, port.port, port.limits, places)
        self.port = port
        self.tokens = port.tokens
        self.handshakes = handshakes
        self.clients: dict[bytes, QuicClient] = {}  # by the connection ids that lead to them
        self.retries = 0  # how many clients had to show their address
        self._retry_tokens = QuicRetryTokenHandler()
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Begin to listen; raise ListenError where that is not possible."""
        sock = bind_socket(self.address, self._port, socket.SOCK_DGRAM)
        try:
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=sock)
        except OSError as error:
            sock.close()
            raise ListenError(f"{self.address} port {self._port}: {error.strerror}") from error

    def close(self) -> None:
        """Stop listening, and end all connections."""
        for client in {*self.clients.values()}:
            client.drop()
        if self._transport is not None:
            self._transport.close()

    # --- what the loop calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send by the socket that is open now."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Hand a datagram to its connection, or begin one."""
        try:
            header = pull_quic_header(Buffer(data=data), host_cid_length=_CID_SIZE)
        except ValueError:
            return
        client = self.clients.get(header.destination_cid)
        if client is None and len(data) >= SMALLEST_MAX_DATAGRAM_SIZE:
            client = self._welcome(header, addr)
        if client is not None:
            client.take(data, addr)

    def send(self, octets: bytes, to: tuple[Any, ...]) -> None:
        """Send a datagram, if it can be sent now."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(octets, to)

    # --- new connections ---

    def _welcome(self, header: QuicHeader, peer: tuple[Any, ...]) -> QuicClient | None:
        """Return a new connection for a first packet; None for one that gets none, or not yet."""
        client = QuicClient(self, peer)
        if not self._is_served(client):
            self.handshakes.counts[REFUSED] += 1
            return None
        configuration = self.port.configuration()
        if header.version not in configuration.supported_versions:
            if header.version and header.packet_type is not QuicPacketType.VERSION_NEGOTIATION:
                self.send(
                    encode_quic_version_negotiation(
                        header.destination_cid, header.source_cid, configuration.supported_versions
                    ),
                    peer,
                )
            return None
        if header.packet_type is not QuicPacketType.INITIAL:
            return None
        first, retried = header.destination_cid, None
        if header.token:
            with_token = self._read_token(header, peer)
            if with_token is not None:
                first, retried = with_token, header.destination_cid
        if retried is None and len(self.handshakes.under_way) >= RETRY_FROM:
            self._ask_for_token(header, peer)
            return None
        address, mono = client.peer.address, self.clock().mono
        is_stranger = self.tokens.only and not self.handshakes.is_known(address, mono)
        if not self.handshakes.may_begin(address, mono, is_stranger=is_stranger):
            self.handshakes.counts[REFUSED] += 1
            return None
        client.begin_with(
            NamedConnection(
                configuration=configuration,
                original_destination_connection_id=first,
                retry_source_connection_id=retried,
            ),
            header.destination_cid,
            AS_STRANGER if is_stranger else address,
        )
        return client

    def _is_served(self, client: QuicClient) -> bool:
        """Whether someone at this address is served, as far as the address alone can say."""
        if self.tokens.only:
            return True
        return self.resolver.snapshot.serves(client.peer)

    def _ask_for_token(self, header: QuicHeader, peer: tuple[Any, ...]) -> None:
        """Have a client come again with what is sent to its address; nothing is kept of it."""
        own = os.urandom(_CID_SIZE)
        token = self._retry_tokens.create_token(
            address=peer,
            original_destination_connection_id=header.destination_cid,
            retry_source_connection_id=own,
            now=self.clock().mono,
        )
        self.retries += 1
        self.send(
            encode_quic_retry(
                cast(int, header.version), own, header.source_cid, header.destination_cid, token
            ),
            peer,
        )

    def _read_token(self, header: QuicHeader, peer: tuple[Any, ...]) -> bytes | None:
        """Return the connection id that a client chose at first; None for no token of ours."""
        try:
            chosen: bytes = self._retry_tokens.validate_token(
                address=peer,
                destination_cid=header.destination_cid,
                token=header.token,
                now=self.clock().mono,
            )
        except ValueError:
            return None
        return chosen


class NamedConnection(QuicConnection):
    """A connection that keeps for which name its client asks (SNI, RFC 6066 section 3).

    aioquic reads it in its handshake and tells nobody.  So each TLS context gets a look at the
    client's first message, by aioquic's own reader, before aioquic itself handles it.  Neither
    `_initialize` nor _HANDLE_HELLO is part of its interface: tests/unit/server/test_quic_tokens.py
    tells when a version has changed them, with which a public listener serves nobody.
    """

    asked_name: str | None = None

    def _initialize(self, peer_cid: bytes) -> None:
        super()._initialize(peer_cid)
        handle_hello = getattr(self.tls, _HANDLE_HELLO)

        def note_name(message: Buffer, *outgoing: Buffer) -> None:
            begin = message.tell()
            self.asked_name = pull_client_hello(message).server_name
            message.seek(begin)
            handle_hello(message, *outgoing)

        setattr(self.tls, _HANDLE_HELLO, note_name)

    def let_go(self) -> None:
        """Let go of all that it has; it is of no use afterwards.

        Its parts know each other, so that they would stay until the garbage collector comes, which
        looks at older objects from time to time only (`app/memory_use.py`).
        """
        if "tls" in vars(self):
            vars(self.tls).clear()
        vars(self).clear()


class QuicClient(StreamClient):
    """One client's connection."""

    server: QuicServer
    over = "quic"

    def __init__(self, server: QuicServer, at: tuple[Any, ...]) -> None:
        super().__init__(server)
        self._at = at
        address = str(at[0]).partition("%")[0]
        self.requestor = self.peer = replace(self.requestor, address=address)
        self._ids: set[bytes] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at: float | None = None
        self._is_over = False

    def begin_with(self, quic: NamedConnection, first_id: bytes, client: str) -> None:
        """Wait for a handshake.

        first_id: the connection id of the packet that began it.  client: as whose handshake it
        counts.
        """
        self._quic = quic
        self._streams = Streams(self, quic)
        for each in (first_id, quic.host_cid):
            self._lead_here(each)
        self.wait_for(HANDSHAKE)
        too_many = self.server.handshakes.under_way.add(self, client)
        if too_many is not None:
            too_many.drop()

    @property
    def speaker(self) -> Speaker:
        return self._streams

    @property
    def is_open(self) -> bool:
        return not self._is_over

    # --- what comes ---

    def take(self, datagram: bytes, at: tuple[Any, ...]) -> None:
        """Use a datagram of this connection; one from another address is as if it were lost."""
        if self._is_over or at[0] != self._at[0]:
            return
        try:
            self._quic.receive_datagram(datagram, at, now=self._now())
            self._go_on()
        except Exception as error:  # noqa: BLE001 - what a client sends must harm no other
            self._end_after(error)

    def _ring(self) -> None:
        self._alarm = None
        try:
            self._quic.handle_timer(now=max(self._now(), self._alarm_at or 0.0))
            self._go_on()
        except Exception as error:  # noqa: BLE001 - the timer goes on with what the client sent
            self._end_after(error)

    def _end_after(self, error: Exception) -> None:
        report_bug(error)
        self.end(INTERNAL_ERROR)

    def _go_on(self) -> None:
        self._streams.read_events()
        if not self._is_over:
            self.flush()

    def use(self, event: QuicEvent) -> None:
        """Follow what became of the connection itself."""
        if isinstance(event, ConnectionIdIssued):
            self._lead_here(event.connection_id)
        elif isinstance(event, ConnectionIdRetired):
            self._ids.discard(event.connection_id)
            self.server.clients.pop(event.connection_id, None)
        elif isinstance(event, HandshakeCompleted):
            self.server.handshakes.under_way.remove(self)
            self.server.handshakes.counts[DONE] += 1
            self.requestor = self.server.tokens.by_name(self.peer, self._quic.asked_name)
            self.begin()
            if self.admit(self.requestor) is None:
                self.drop()  # before any query is read
        elif isinstance(event, ConnectionTerminated):
            self._forget()

    def note_token(self) -> None:
        """Keep a place for handshakes from this address, where only tokens count."""
        super().note_token()
        if self.server.tokens.only:
            self.server.handshakes.note_token(self.peer.address, self.server.clock().mono)

    def _lead_here(self, connection_id: bytes) -> None:
        self._ids.add(connection_id)
        self.server.clients[connection_id] = self

    # --- what goes ---

    def flush(self) -> None:
        """Send what is to be sent now, and wait for what is due."""
        for datagram, to in self._quic.datagrams_to_send(now=self._now()):
            self.server.send(datagram, to)
        due = self._quic.get_timer()
        if self._alarm is not None and self._alarm_at != due:
            self._alarm.cancel()
            self._alarm = None
        if self._alarm is None and due is not None:
            self._alarm = asyncio.get_running_loop().call_at(due, self._ring)
        self._alarm_at = due

    def end(self, code: int) -> None:
        """End the connection now, and say why; who does not hear it finds it silent."""
        if self._is_over:
            return
        self._quic.close(error_code=code)
        for datagram, to in self._quic.datagrams_to_send(now=self._now()):
            self.server.send(datagram, to)
        self._forget()

    def drop(self) -> None:
        """End the connection now, without an error."""
        self.end(NO_ERROR)

    def finish(self) -> None:
        """End the connection now, too: each reply went out when it was there."""
        self.end(NO_ERROR)

    def throttle(self, *, is_full: bool) -> None:
        """Do nothing: how much a client may send is bounded by its streams."""

    def _forget(self) -> None:
        self._is_over = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        for each in self._ids:
            self.server.clients.pop(each, None)
        self.server.handshakes.note_end(self)
        super()._forget()
        self._quic.let_go()
        vars(self).pop("_streams", None)  # which know this connection, too

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
