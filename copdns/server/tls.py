"""TLS for devices, below DNS over TLS (RFC 7858) and DNS over HTTPS (RFC 8484).

OpenSSL works on octets in memory here, not on sockets: asyncio's own TLS keeps buffers of 256 KiB
for each connection, which phones leave open for minutes (docs/encrypted-dns.md says what a silent
one takes here).

A handshake costs a hundred times what a query does, so each client may begin a few in a second,
and all together have few under way.  What is beyond, and who is not served here at all, is closed
before anything is computed for it.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple

from copdns.model.verdict import Requestor
from copdns.server.answer import Resolver
from copdns.server.connection import (
    READ_BUFFER,
    READ_SIZE,
    ClientConnection,
    Speaker,
    StreamLimits,
    StreamServer,
)
from copdns.server.limits import SECONDS_AT_ONCE, TokenBucket
from copdns.server.messages import Messages
from copdns.server.places import AS_STRANGER, Places, client_of
from copdns.server.tokens import NO_TOKENS, DeviceTokens
from copdns.time.clock import Moment

HANDSHAKE: Final = 5.0  # seconds for a handshake; a phone with a bad connection needs one or two
MAX_HANDSHAKES: Final = 64  # under way at once
MAX_CLIENTS: Final = 4096  # whose handshakes are counted
# Where only tokens count: handshakes of all strangers in a second, on average over five.
STRANGERS: Final = 20
KNOWN_FOR: Final = 86_400.0  # seconds from a valid token, in which its client is no stranger
_PLAIN_SIZE: Final = 16_384  # octets of a TLS record
_PLAIN: Final = memoryview(bytearray(_PLAIN_SIZE))  # as READ_BUFFER, one for all connections

ASKED_NAME: Final = "asked_name"  # attribute of an SSLObject: what came as SNI

DONE, FAILED, REFUSED = "done", "failed", "refused"  # what became of a handshake


class Handshakes:
    """Says who may begin a handshake, and counts what became of them.

    counts: by DONE, FAILED and REFUSED.  under_way: connections that are not encrypted yet.
    """

    def __init__(self, rate: int) -> None:
        """rate: handshakes of one client in a second, on average over five."""
        self._rate = rate
        # By client, with when it was used last: the longest ago first.
        self._buckets: dict[str, tuple[float, TokenBucket]] = {}
        self._of_strangers: TokenBucket | None = None
        self._known_since: dict[str, float] = {}  # clients by their last valid token, oldest first
        self.counts = {DONE: 0, FAILED: 0, REFUSED: 0}
        self.under_way: Places[ClientConnection] = Places(MAX_HANDSHAKES)

    def may_begin(self, address: str, mono: float, *, is_stranger: bool = False) -> bool:
        """Take a token of a client; tell whether there was one.  mono: monotonic seconds.

        is_stranger: there has to be one of all strangers, too.
        """
        client = client_of(address)
        kept = self._buckets.pop(client, None)
        bucket = kept[1] if kept else TokenBucket(self._rate, mono)
        self._forget_buckets(mono)
        self._buckets[client] = mono, bucket
        if not bucket.take(mono):
            return False
        if not is_stranger:
            return True
        if self._of_strangers is None:
            self._of_strangers = TokenBucket(STRANGERS, mono)
        return self._of_strangers.take(mono)

    def _forget_buckets(self, mono: float) -> None:
        """Forget the clients whose buckets are full again, and make room for one more."""
        buckets = self._buckets
        while buckets:
            oldest = next(iter(buckets))
            is_full = mono - buckets[oldest][0] >= SECONDS_AT_ONCE
            if not is_full and len(buckets) < MAX_CLIENTS:
                return
            del buckets[oldest]

    def note_token(self, address: str, mono: float) -> None:
        """Note that a client showed a valid token: in memory alone, and for these bounds alone."""
        client = client_of(address)
        self._known_since.pop(client, None)
        if len(self._known_since) >= MAX_CLIENTS:
            del self._known_since[next(iter(self._known_since))]
        self._known_since[client] = mono

    def is_known(self, address: str, mono: float) -> bool:
        """Tell whether a client showed a valid token lately; forget those that did not."""
        known = self._known_since
        while known and mono - known[oldest := next(iter(known))] >= KNOWN_FOR:
            del known[oldest]
        return client_of(address) in known

    def note_end(self, connection: ClientConnection) -> None:
        """Note that a connection ended, if it was not encrypted yet."""
        if connection in self.under_way:
            self.under_way.remove(connection)
            self.counts[FAILED] += 1


class SecurePort(NamedTuple):
    """What is spoken on a port, at every address.

    over: the transport, as `Requestor` tells it.  name: of what is spoken, and setting: where the
        port is set, for people.
    context: returns how a connection that begins now is encrypted.
    make_speaker: called after the handshake, with the protocol that was agreed on (ALPN, RFC 7301)
        or None.
    read_size: octets that are read of one connection in a turn of the loop.
    tokens: how devices say which one they are.
    """

    over: str
    name: str
    port: int
    setting: str
    context: Callable[[], ssl.SSLContext]
    limits: StreamLimits
    make_speaker: Callable[[TlsConnection, str | None], Speaker]
    read_size: int = READ_SIZE
    tokens: DeviceTokens = NO_TOKENS

    def make_server(
        self,
        resolver: Resolver,
        clock: Callable[[], Moment],
        address: str,
        places: Places[ClientConnection],
        handshakes: Handshakes,
    ) -> TlsServer:
        """Return what answers here at an address."""
        return TlsServer(resolver, clock, address, self, places, handshakes)


class TlsServer(StreamServer):
    """Answers on one address and port."""

    def __init__(
        self,
        resolver: Resolver,
        clock: Callable[[], Moment],
        address: str,
        port: SecurePort,
        places: Places[ClientConnection],
        handshakes: Handshakes,
    ) -> None:
        super().__init__(resolver, clock, address, port.port, port.limits, places)
        self.secure = port
        self.tokens = port.tokens
        self.buffer = READ_BUFFER[: port.read_size]
        self.handshakes = handshakes

    def make_connection(self) -> ClientConnection:
        return TlsConnection(self)

    def close(self) -> None:
        """Stop listening, and drop all connections, those in their handshake too."""
        super().close()
        for connection in self.handshakes.under_way.all:
            if connection.server is self:
                connection.drop()


class TlsConnection(ClientConnection):
    """One client's connection, encrypted."""

    server: TlsServer

    def __init__(self, server: TlsServer) -> None:
        self.over = server.secure.over
        super().__init__(server)
        self._speaker: Speaker | None = None

    @property
    def speaker(self) -> Speaker:
        """What is said; there is none before the handshake is done."""
        assert self._speaker is not None
        return self._speaker

    # --- the handshake ---

    def begin(self) -> None:
        """Wait for a handshake; drop a stranger, and a device that begins too many."""
        handshakes, mono = self.server.handshakes, self.server.clock().mono
        address = self.peer.address
        is_stranger = self.server.tokens.only and not handshakes.is_known(address, mono)
        if not self._is_served() or not handshakes.may_begin(
            address, mono, is_stranger=is_stranger
        ):
            handshakes.counts[REFUSED] += 1
            self.drop()
            return
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = self.server.secure.context().wrap_bio(
            self._incoming, self._outgoing, server_side=True
        )
        self.wait_for(HANDSHAKE)
        too_many = handshakes.under_way.add(self, AS_STRANGER if is_stranger else address)
        if too_many is not None:
            too_many.drop()

    def _is_served(self) -> bool:
        """Whether someone at this address is served, as far as the address alone can say."""
        if self.server.tokens.only:
            return True
        return self.server.resolver.snapshot.serves(self.peer)

    def _shake_hands(self) -> bool:
        """Go on with the handshake; tell whether it is done.  May raise SSLError."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send_encrypted()
            return False
        self._send_encrypted()
        if self._tls.version() != "TLSv1.3":
            self.requestor = self.peer = replace(self.peer, is_old_tls=True)
        asked: str | None = getattr(self._tls, ASKED_NAME, None)
        self.requestor = self.server.tokens.by_name(self.peer, asked)
        self._speaker = self.server.secure.make_speaker(self, self._tls.selected_alpn_protocol())
        handshakes = self.server.handshakes
        handshakes.under_way.remove(self)
        handshakes.counts[DONE] += 1
        super().begin()
        return self.is_open

    def who_asks(self, shown: str | None) -> Requestor | None:
        """Return who asks, by what a request shows and by the server name; None where refused."""
        return self.admit(self.server.tokens.by_path(self.requestor, shown))

    def note_token(self) -> None:
        """Keep a place for handshakes from this address, where only tokens count."""
        super().note_token()
        if self.server.tokens.only:
            self.server.handshakes.note_token(self.peer.address, self.server.clock().mono)

    def _fail(self) -> None:
        """End a connection on which no TLS came, or none that can be read."""
        self._send_encrypted()  # the alert that says why
        self.finish()

    # --- octets ---

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Decrypt what came, or go on with the handshake; end what is no TLS."""
        if not self.is_open or self.is_ended:
            return  # after its goodbye OpenSSL would keep what comes, and never read it
        try:
            self._incoming.write(READ_BUFFER[:nbytes])
            if self._speaker is None and not self._shake_hands():
                return
            octets = self._decrypt()
        except ssl.SSLError:
            self._fail()
            return
        if octets:
            self.speaker.read(octets)
        if self.is_ended and not self.speaker.is_waiting:
            self.finish()

    def _decrypt(self) -> bytes:
        """Return what the client wrote; raise SSLError where that is no TLS."""
        pieces: list[bytes] = []
        read = self._tls.read
        try:
            while count := read(_PLAIN_SIZE, _PLAIN):
                pieces.append(bytes(_PLAIN[: int(count)]))
            self.is_ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.is_ended = True
        self._send_encrypted()  # TLS itself may have something to say, such as new keys
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def write(self, *pieces: bytes) -> None:
        """Encrypt and send; where the client is gone, what it would have got is lost."""
        if not self.is_open:
            return
        try:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[self._tls.write(rest) :]
        except ssl.SSLError:
            self.drop()
            return
        self._send_encrypted()

    def _send_encrypted(self) -> None:
        if self._outgoing.pending:
            super().write(self._outgoing.read())

    # --- the end ---

    def eof_received(self) -> bool:
        """Keep the connection only while an answer is due; in a handshake none is."""
        self.is_ended = True
        if self._speaker is None:
            return False
        return self._speaker.is_waiting

    def finish(self) -> None:
        """Say goodbye, and end the connection when the client has what it was sent."""
        if self._speaker is not None and self.is_open:
            with suppress(ssl.SSLError):  # it wants the client's goodbye, which nobody waits for
                self._tls.unwrap()
            self._send_encrypted()
        super().finish()

    def _forget(self) -> None:
        self.server.handshakes.note_end(self)
        super()._forget()


def speak_dns(connection: TlsConnection, protocol: str | None) -> Speaker:
    """Return what speaks DNS over TLS.  The protocol is `dot`, or the client named none we know.

    Whoever is refused is so before they ask anything.
    """
    if connection.who_asks(None) is None:
        connection.finish()
    return Messages(connection, is_encrypted=True)


def note_asked_name(tls: ssl.SSLObject, asked: str | None, context: ssl.SSLContext) -> None:
    """Keep which name a client asks for; to be set as `sni_callback` of a context."""
    setattr(tls, ASKED_NAME, asked)


def harden(context: ssl.SSLContext) -> ssl.SSLContext:
    """Leave only what has forward secrecy and checks what it decrypts (RFC 9325 section 4.2)."""
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # of TLS 1.2; all of 1.3 are such
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.sni_callback = note_asked_name
    return context
