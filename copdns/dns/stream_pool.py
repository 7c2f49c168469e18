"""Connections to one encrypted upstream: opened when needed, kept, and shared by many queries.

Queries are pipelined (RFC 7766 section 6.2.1.1, RFC 7858 section 3.4): none waits for the response
to another, and all of one turn of the loop leave in one write.  What travels is in `DotConnection`
here and in `dns/doh.py`; what follows from a response is decided in `dns/upstream.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from ssl import SSLObject

import structlog

from copdns.dns import tls
from copdns.dns.connections import UpstreamConnections
from copdns.dns.exchange import Asks
from copdns.dns.host_finder import HostFinder
from copdns.dns.records import HEADER_SIZE
from copdns.dns.socket_pool import SentQuery, SocketOwner
from copdns.model.addresses import UpstreamAddress
from copdns.model.errors import UpstreamError, UpstreamUnreachableError

log = structlog.get_logger("copdns.upstream")

MAX_CONNECTIONS = 4  # per upstream; RFC 7766 section 6.2.2 asks for few
BUSY = 64  # queries under way on a connection, with which another one is opened
CONNECT_PATIENCE = 4.0  # seconds
SILENCE = 0.7  # seconds without a sign of life after which a connection gets no more queries ...
DEATH = 3.0  # ... and is given up
IDLE = 60.0  # seconds after which a connection is not trusted: routers forget it without a word
FORGOTTEN = 30.0  # seconds after which nobody waits for a response any more


def log_trouble(address: UpstreamAddress, trouble: str) -> None:
    """Log that an encrypted upstream cannot be used, without its path."""
    # Not its path, which may hold a customer's number.
    log.warning("an encrypted upstream cannot be used", upstream=address.short_text, error=trouble)


class StreamPool(UpstreamConnections):
    """The connections to one upstream.

    owner: is told what came: `read_message`, or `send_elsewhere` for what could not be sent.
    asks: is asked for the address of an upstream that has only a name.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: UpstreamAddress,
        owner: SocketOwner,
        asks: Asks,
        kind: type[Connection],
        on_trouble: Callable[[UpstreamAddress, str], None],
    ) -> None:
        """kind: what is spoken.  on_trouble: see `app/encrypted_upstreams.py`."""
        self.loop = loop
        self.owner = owner
        self._address = address
        self._hosts = HostFinder(loop, asks, address)
        self._connections: list[Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_retired = False
        self._kind = kind
        self._on_trouble = on_trouble
        self._trouble = ""  # why the last connection could not be made, as it was told

    def send(self, message: bytes, sent: SentQuery) -> None:
        self._choose(sent.at).send(message, sent)

    def _choose(self, mono: float) -> Connection:
        """Return the connection with the fewest queries under way; a new one where all are busy."""
        best: Connection | None = None
        for each in [*self._connections]:
            if each.is_idle_since(mono - IDLE):
                each.close()
            elif not each.is_silent(mono, SILENCE) and (best is None or each.load < best.load):
                best = each
        if best is None or (best.load >= BUSY and len(self._connections) < MAX_CONNECTIONS):
            best = self._open(mono)
        return best

    def _open(self, mono: float) -> Connection:
        connection = self._kind(self, mono, self._address)
        self._connections.append(connection)
        task = self.loop.create_task(self._connect(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return connection

    async def _connect(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(CONNECT_PATIENCE):
                await self._try_hosts(connection)
            self._trouble = ""
        except (OSError, TimeoutError, UpstreamError, ValueError) as error:  # or a name TLS refuses
            connection.close()
            self._note_trouble(str(error) or "it does not answer")
            self.give_up(connection, connection.take_all())

    async def _try_hosts(self, connection: Connection) -> None:
        """Connect to the first address that can be reached; raise what the last one said."""
        address = self._address
        problem: OSError | UpstreamError = UpstreamUnreachableError("its address was not found")
        for host in await self._hosts.find():
            try:
                transport, _ = await self.loop.create_connection(
                    lambda: connection,
                    host,
                    address.port,
                    ssl=tls.context_for(address),
                    server_hostname=address.name,
                )
                peer: SSLObject = transport.get_extra_info("ssl_object")
                tls.check_peer(address, peer)
            except (OSError, UpstreamError) as error:
                connection.disconnect()
                problem = error
            else:
                connection.begin()
                return
        raise problem

    def _note_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._on_trouble(self._address, trouble)

    # --- what becomes of connections ---

    def give_up(self, connection: Connection, lost: Sequence[SentQuery]) -> None:
        """Forget a connection, and have what was lost with it sent elsewhere."""
        self.forget(connection)
        for sent in lost:
            self.owner.send_elsewhere(sent)

    def send_again(self, lost: Sequence[tuple[bytes, SentQuery]]) -> None:
        """Send on another connection what a connection took along that had worked: an upstream may
        close one at any time (RFC 7766 section 6.2.4)."""
        mono = self.loop.time()
        for message, sent in lost:
            if not sent.exchange.is_done:
                self._choose(mono).send(message, sent)

    def forget(self, connection: Connection) -> None:
        """Take a connection off the list of open ones."""
        with suppress(ValueError):  # it was forgotten before
            self._connections.remove(connection)

    def check(self, mono: float) -> None:
        """Close connections that are silent for too long, or that nobody needs any more."""
        for each in [*self._connections]:
            each.forget_old(mono - FORGOTTEN)
            if each.is_silent(mono, DEATH) or (self._is_retired and not each.load):
                each.close()

    def retire(self) -> None:
        """Let `check` close each connection as soon as nothing waits on it."""
        self._is_retired = True

    def is_open(self) -> bool:
        """Tell whether there is a connection, or one that is being made."""
        return bool(self._connections)

    def close(self) -> None:
        """Close all connections; nobody who waits is told."""
        for task in self._tasks:
            task.cancel()
        for each in [*self._connections]:
            each.take_all()
            each.close()


class Connection(asyncio.Protocol):
    """One connection.  pending: by number, the message and the query that wait for a response.

    heard_at: when something came last; at first when it was opened.  Monotonic seconds.
    """

    def __init__(self, pool: StreamPool, mono: float, address: UpstreamAddress) -> None:
        self.pool = pool
        self.address = address
        self.pending: dict[int, tuple[bytes, SentQuery]] = {}
        self.heard_at = mono
        self._used_at = mono
        self._waiting: list[tuple[bytes, SentQuery]] = []  # until it can be sent
        self._transport: asyncio.Transport | None = None
        self._is_ready = self._is_closed = self._has_answered = self._is_flushing = False

    # --- what goes out ---

    @property
    def load(self) -> int:
        return len(self.pending) + len(self._waiting)

    def send(self, message: bytes, sent: SentQuery) -> None:
        """Send a message that lacks its ID, with all others of this turn of the loop."""
        self._waiting.append((message, sent))
        self._used_at = sent.at
        if not self._is_flushing and self._is_ready:
            self._is_flushing = True
            self.pool.loop.call_soon(self.flush)

    def begin(self) -> None:
        """Send what has waited for the connection."""
        if self._is_closed:
            self.disconnect()
            return
        self._is_ready = True
        self.heard_at = self.pool.loop.time()
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the upstream takes it."""
        self._is_flushing = False
        if self._is_closed or self._transport is None:
            return  # `connection_lost` sees to what waits
        waiting, self._waiting = self._waiting, []
        pieces: list[bytes] = []
        for message, sent in waiting:
            if sent.exchange.is_done:
                continue  # it took too long to connect
            if not self.write(message, sent, pieces):
                self._waiting.append((message, sent))
        self.finish_writing(pieces)
        octets = b"".join(pieces)
        if octets and self._transport is not None:  # writing may have ended the connection
            self._transport.write(octets)

    def write(self, message: bytes, sent: SentQuery, pieces: list[bytes]) -> bool:
        """Add a message to what is written; tell whether the upstream takes it now."""
        raise NotImplementedError

    def finish_writing(self, pieces: list[bytes]) -> None:
        """Add what has to be written beside the messages."""

    # --- what comes ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport.  TLS is through by now."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read octets, of which one may be half a message."""
        self.heard_at = self.pool.loop.time()
        self.read(data)

    def read(self, data: bytes) -> None:
        """Read what came, and pass each response to `take_message`."""
        raise NotImplementedError

    def take_message(self, number: int, message: bytes) -> None:
        """Pass on a response; one that nothing waits for is dropped."""
        found = self.pending.pop(number, None)
        if found is not None:
            self._has_answered = True
            self.pool.owner.read_message(found[1], message)

    def lose(self, number: int) -> None:
        """Have a query sent elsewhere, since the upstream refused it."""
        found = self.pending.pop(number, None)
        if found is not None:
            self.pool.owner.send_elsewhere(found[1])

    def connection_lost(self, error: Exception | None) -> None:
        """Ask anew for what was lost: here, if this connection has worked, else elsewhere."""
        if not self._is_ready:
            return  # `_try_hosts` sees to it
        self._is_closed = True
        self.pool.forget(self)
        lost = self._take_messages()
        if self._has_answered:
            self.pool.send_again(lost)
        else:
            self._send_elsewhere(lost)

    # --- its end ---

    def is_silent(self, mono: float, seconds: float) -> bool:
        """Tell whether nothing came for so long although something is waited for."""
        if self._is_closed:
            return True
        if not (self.pending and self._is_ready):
            return False
        _, first = next(iter(self.pending.values()))
        return mono - max(self.heard_at, first.at) > seconds

    def is_idle_since(self, mono: float) -> bool:
        """Tell whether nothing was asked or came since a moment, and nothing is waited for."""
        return self._is_ready and not self.load and max(self.heard_at, self._used_at) < mono

    def forget_old(self, mono: float) -> None:
        """Wait no more for responses to what was sent before a moment."""
        for number, (_, sent) in [*self.pending.items()]:
            if sent.at > mono:
                return  # they are in the order of their sending
            del self.pending[number]

    def take_all(self) -> list[SentQuery]:
        """Return all queries that wait, and wait for none of them any more."""
        return [sent for _, sent in self._take_messages()]

    def _take_messages(self) -> list[tuple[bytes, SentQuery]]:
        taken = [*self.pending.values(), *self._waiting]
        self.pending, self._waiting = {}, []
        return taken

    def _send_elsewhere(self, lost: Sequence[tuple[bytes, SentQuery]]) -> None:
        for _, sent in lost:
            self.pool.owner.send_elsewhere(sent)

    def close(self) -> None:
        """Close the connection; what waits on it is lost as if the upstream had closed it."""
        self._is_closed = True
        self.pool.forget(self)
        self.disconnect()

    def disconnect(self) -> None:
        """Drop the transport, so that another can be tried."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None


class DotConnection(Connection):
    """A connection of DNS over TLS: messages with their length before them (RFC 7858)."""

    def __init__(self, pool: StreamPool, mono: float, address: UpstreamAddress) -> None:
        super().__init__(pool, mono, address)
        self._number = 0
        self._unread = b""

    def write(self, message: bytes, sent: SentQuery, pieces: list[bytes]) -> bool:
        """Append a message with its length and an ID; False where all IDs wait for a response."""
        # Inside TLS an ID need not be hard to guess; it only tells responses apart.
        number = self._number = (self._number + 1) & 0xFFFF
        if number in self.pending:
            return False  # 65,536 are under way
        self.pending[number] = message, sent
        pieces.append((len(message) + 2).to_bytes(2, "big") + number.to_bytes(2, "big") + message)
        return True

    def read(self, data: bytes) -> None:
        """Take whole messages out of what came; the rest stays for the next octets."""
        unread, at = self._unread + data, 0
        while len(unread) - at >= 2:
            end = at + 2 + (unread[at] << 8 | unread[at + 1])
            if end > len(unread):
                break
            if end - at >= 2 + HEADER_SIZE:
                message = unread[at + 2 : end]
                self.take_message(message[0] << 8 | message[1], message)
            at = end
        self._unread = unread[at:]
