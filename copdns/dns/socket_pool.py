"""The sockets to one upstream, and the queries that wait for a response on each.

Many sockets, each for a short time and with a port that the system chooses: a forger has to guess
the port as well as the ID and the case of the letters (RFC 5452 section 9.2).  All queries of one
turn of the loop are sent over one socket, drawn by lot, with one system call.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
from typing import Final

from copdns.dns.datagrams import Outbox
from copdns.dns.exchange import Exchange
from copdns.dns.mmsg import Batch
from copdns.model.addresses import UpstreamAddress
from copdns.model.build import mypyc_attr

MAX_SOCKETS: Final = 64  # per upstream
MAX_QUERIES: Final = 256  # per socket
SOCKET_LIFETIME: Final = (
    30.0  # seconds; a retired socket waits as long again for its last responses
)
RANDOM_SIZE: Final = 3  # random octets that a message takes: socket and ID
MAX_SENT_SIZE: Final = 512  # octets; a question with its OPT record is shorter


class RandomOctets:
    """Unpredictable octets, read from the system a page at a time: a call for each is slow."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool, self._at = b"", 0

    def take(self, count: int) -> bytes:
        """Return so many octets, at most 4096."""
        if self._at + count > len(self._pool):
            self._pool, self._at = os.urandom(4096), 0
        self._at += count
        return self._pool[self._at - count : self._at]


@mypyc_attr(acyclic=True)
class SentQuery:
    """A query as it was sent.

    question: in the case that was sent; level: what it had of EDNS, FULL, BARE or NO_EDNS;
    at: monotonic seconds.
    """

    __slots__ = ("at", "exchange", "level", "question")

    def __init__(self, exchange: Exchange, question: bytes, level: int, at: float) -> None:
        self.exchange = exchange
        self.question = question
        self.level = level
        self.at = at


class UpstreamSocket:
    """A connected socket.  pending: by message ID, what was sent over it.  opened_at: monotonic.

    A query that was sent again to another upstream still waits here: a slow response counts.
    """

    __slots__ = ("fd", "opened_at", "pending", "pool", "queries", "sock")

    def __init__(self, pool: SocketPool, sock: socket.socket, opened_at: float) -> None:
        self.pool = pool
        self.sock = sock
        self.fd: int = sock.fileno()
        self.opened_at = opened_at
        self.queries = 0
        self.pending: dict[bytes, SentQuery] = {}

    def is_waited_on(self, mono: float) -> bool:
        """Tell whether a response may still come that is needed.

        After twice the lifetime of a socket none is waited for.
        """
        if mono - self.opened_at > 2 * SOCKET_LIFETIME:
            return False
        return any(not sent.exchange.is_done for sent in self.pending.values())


class EpollReader:
    """All sockets to upstreams behind one file descriptor of the loop.

    With 64 sockets per upstream nearly every response comes over another one, and a callback of
    the loop for each costs more than reading it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._sockets: dict[int, UpstreamSocket] = {}
        loop.add_reader(self._epoll, self._ready)

    def add(self, source: UpstreamSocket) -> None:
        """Have a socket read from now on whenever it has something; it must be removed before it is
        closed."""
        self._sockets[source.fd] = source
        self._epoll.register(source.fd, select.EPOLLIN)

    def remove(self, source: UpstreamSocket) -> None:
        """Read a socket no more; KeyError for one that was not added."""
        del self._sockets[source.fd]
        self._epoll.unregister(source.fd)

    def _ready(self) -> None:
        for fd, _ in self._epoll.poll(0):
            source = self._sockets.get(fd)
            if source is not None:  # a callback before may have closed it
                source.pool.owner.read_socket(source)

    def close(self) -> None:
        """Stop reading all sockets, which stay open; a second time is harmless."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll)
            self._epoll.close()


@mypyc_attr(allow_interpreted_subclasses=True)  # `doctor` has one
class SocketOwner:
    """Who has a pool of sockets, and is told what becomes of them."""

    __slots__ = ()

    def read_socket(self, source: UpstreamSocket) -> None:
        """Read a socket that has a response or an error."""
        raise NotImplementedError

    def send_elsewhere(self, sent: SentQuery) -> None:
        """Do something else with a query that could not be sent."""
        raise NotImplementedError

    def read_message(self, sent: SentQuery, message: bytes) -> None:
        """Read what came over a connection for a query, which may be anything."""
        raise NotImplementedError


class SocketPool:
    """The sockets to one address.  owner: is set before the first query is sent."""

    owner: SocketOwner

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        poll: EpollReader,
        address: UpstreamAddress,
        chance: RandomOctets,
    ) -> None:
        self._loop = loop
        self._poll = poll
        self._address = address
        self._chance = chance
        self._out: UpstreamSocket | None = None  # of this turn of the loop
        self._outbox = Outbox(Batch(MAX_SENT_SIZE, 0))
        self._leaving: list[SentQuery] = []
        self._sockets: list[UpstreamSocket | None] = [None] * MAX_SOCKETS
        self._retired: list[UpstreamSocket] = []

    @property
    def open(self) -> tuple[UpstreamSocket, ...]:
        return (*(each for each in self._sockets if each is not None), *self._retired)

    def send(self, message: bytes, sent: SentQuery, chance: bytes) -> None:
        """Send a message that lacks its ID; raise OSError when no socket can be opened.

        chance: RANDOM_SIZE octets, for the socket and the ID.
        """
        out = self._out
        if out is None or out.queries >= MAX_QUERIES or self._outbox.is_full:
            out = self._next_socket(chance[0] % MAX_SOCKETS, sent.at)
        out.queries += 1
        message_id = chance[1:]
        while message_id in out.pending:
            message_id = self._chance.take(2)
        self._outbox.add(message_id + message)
        self._leaving.append(sent)
        out.pending[message_id] = sent

    def _next_socket(self, slot: int, mono: float) -> UpstreamSocket:
        """Return the socket in a slot for the next queries; a new one where that is used up."""
        if self._out is None:
            self._loop.call_soon(self._flush)
        self._flush()
        found = self._sockets[slot]
        if found is not None and (
            found.queries >= MAX_QUERIES or mono - found.opened_at > SOCKET_LIFETIME
        ):
            self._retired.append(found)
            self._sockets[slot] = found = None
        if found is None:
            self._sockets[slot] = found = self._open(mono)
        self._out = found
        return found

    def _flush(self) -> None:
        out, self._out = self._out, None
        if out is None:
            return
        leaving, self._leaving = self._leaving, []
        for place in self._outbox.flush(out.fd):
            self.owner.send_elsewhere(leaving[place])

    def _open(self, mono: float) -> UpstreamSocket:
        host, port = self._address.host, self._address.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            sock.connect((host, port))
        except OSError:
            sock.close()
            raise
        opened = UpstreamSocket(self, sock, mono)
        self._poll.add(opened)
        return opened

    def retire(self) -> None:
        """Retire all sockets; they close when nothing waits on them."""
        self._flush()
        self._retired += [each for each in self._sockets if each is not None]
        self._sockets = [None] * MAX_SOCKETS

    def close_idle(self, mono: float) -> bool:
        """Close retired sockets that nothing waits on; tell whether some are left."""
        left = [each for each in self._retired if each.is_waited_on(mono)]
        for each in self._retired:
            if each not in left:
                self._close(each)
        self._retired = left
        return bool(left)

    def close(self) -> None:
        """Close all sockets; a datagram that still comes is lost."""
        for each in self.open:
            self._close(each)
        self._sockets, self._retired = [None] * MAX_SOCKETS, []
        self._out = None

    def _close(self, each: UpstreamSocket) -> None:
        self._poll.remove(each)
        each.sock.close()
