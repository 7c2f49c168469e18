"""The sockets to one upstream, and who waits for an answer on each.

Many sockets with ports of the system's choosing, each for a short time: a forger has to guess
the port besides the ID and the case of the letters (RFC 5452 section 9.2).  What is asked in one
turn of the loop leaves over one socket, drawn by lot, with one system call.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from copdns.dns.datagrams import Outbox
from copdns.dns.exchange import Exchange
from copdns.model.addresses import UpstreamAddress

MAX_SOCKETS = 64  # an upstream
MAX_QUERIES = 256  # a socket
SOCKET_LIFETIME = 30.0  # seconds; a retired socket may wait as long again for its last answers
RANDOM_SIZE = 3  # octets of chance that a message takes
MAX_SENT_SIZE = 512  # octets; a question with its OPT record is shorter


class RandomOctets:
    """Unpredictable octets, taken from the system a page at a time: a call for each is dear."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool, self._at = b"", 0

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._pool):
            self._pool, self._at = os.urandom(4096), 0
        self._at += count
        return self._pool[self._at - count : self._at]


class SentQuery(NamedTuple):
    """A question as it left.  question: in the letters that were sent; at: monotonic seconds."""

    asking: Exchange
    question: bytes
    edns: bool
    at: float


class UpstreamSocket:
    """A connected socket, and by message ID what was sent over it.

    A question that was asked again elsewhere still waits: a slow answer is an answer.
    """

    __slots__ = ("born", "pending", "queries", "sock")

    def __init__(self, sock: socket.socket, born: float) -> None:
        self.sock = sock
        self.born = born
        self.queries = 0
        self.pending: dict[bytes, SentQuery] = {}

    def is_waited_on(self, now: float) -> bool:
        """Tell whether an answer may still come that somebody wants.  now: monotonic seconds.

        After twice its age nothing is waited for any more.
        """
        if now - self.born > 2 * SOCKET_LIFETIME:
            return False
        return any(not sent.asking.is_done for sent in self.pending.values())


class EpollReader:
    """All sockets to upstreams behind one file descriptor of the loop's.

    With 64 sockets an upstream nearly every answer comes over another one; the loop would make a
    callback of each, which costs more than reading it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._reads: dict[int, Callable[[], None]] = {}
        loop.add_reader(self._epoll, self._ready)

    def add(self, sock: socket.socket, read: Callable[[], None]) -> None:
        self._reads[sock.fileno()] = read
        self._epoll.register(sock, select.EPOLLIN)

    def remove(self, sock: socket.socket) -> None:
        del self._reads[sock.fileno()]
        self._epoll.unregister(sock)

    def _ready(self) -> None:
        for fd, _ in self._epoll.poll(0):
            read = self._reads.get(fd)
            if read is not None:  # one read before may have closed it
                read()

    def close(self) -> None:
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll)
            self._epoll.close()


class SocketPool:
    """The sockets to one address.

    read: called with a socket that has something to say.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        poll: EpollReader,
        address: UpstreamAddress,
        chance: RandomOctets,
        read: Callable[[UpstreamSocket], None],
        lost: Callable[[SentQuery], None],
    ) -> None:
        self._loop = loop
        self._poll = poll
        self._address = address
        self._chance = chance
        self._read = read
        self._lost = lost
        self._out: UpstreamSocket | None = None  # of this turn
        self._outbox = Outbox(MAX_SENT_SIZE)
        self._leaving: list[SentQuery] = []
        self._sockets: list[UpstreamSocket | None] = [None] * MAX_SOCKETS
        self._retired: list[UpstreamSocket] = []

    @property
    def open(self) -> tuple[UpstreamSocket, ...]:
        return (*(each for each in self._sockets if each is not None), *self._retired)

    def send(self, message: bytes, sent: SentQuery, chance: bytes) -> None:
        """Send a message that lacks its ID; raise OSError when it cannot leave.

        chance: CHANCE octets, for the socket and the ID.
        """
        out = self._out
        if out is None or out.queries >= MAX_QUERIES or self._outbox.is_full:
            out = self._drawn(chance[0] % MAX_SOCKETS, sent.at)
        out.queries += 1
        message_id = chance[1:]
        while message_id in out.pending:
            message_id = self._chance.take(2)
        self._outbox.add(message_id + message)
        self._leaving.append(sent)
        out.pending[message_id] = sent

    def _drawn(self, slot: int, now: float) -> UpstreamSocket:
        """Return the socket for what is sent next, a new one where it has served its time."""
        if self._out is None:
            self._loop.call_soon(self._flush)
        self._flush()
        found = self._sockets[slot]
        if found is not None and (
            found.queries >= MAX_QUERIES or now - found.born > SOCKET_LIFETIME
        ):
            self._retired.append(found)
            self._sockets[slot] = found = None
        if found is None:
            self._sockets[slot] = found = self._open(now)
        self._out = found
        return found

    def _flush(self) -> None:
        out, self._out = self._out, None
        if out is None:
            return
        leaving, self._leaving = self._leaving, []
        for place in self._outbox.flush(out.sock.fileno()):
            self._lost(leaving[place])

    def _open(self, now: float) -> UpstreamSocket:
        host, port = self._address.host, self._address.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            sock.connect((host, port))
        except OSError:
            sock.close()
            raise
        opened = UpstreamSocket(sock, now)
        self._poll.add(sock, partial(self._read, opened))
        return opened

    def retire(self) -> None:
        """Open no more of these sockets' kind; they close when nobody waits on them."""
        self._flush()
        self._retired += [each for each in self._sockets if each is not None]
        self._sockets = [None] * MAX_SOCKETS

    def close_idle(self, now: float) -> bool:
        """Close retired sockets that nobody waits on; tell whether some are left."""
        left = [each for each in self._retired if each.is_waited_on(now)]
        for each in self._retired:
            if each not in left:
                self._close(each)
        self._retired = left
        return bool(left)

    def close(self) -> None:
        for each in self.open:
            self._close(each)
        self._sockets, self._retired = [None] * MAX_SOCKETS, []
        self._out = None

    def _close(self, each: UpstreamSocket) -> None:
        self._poll.remove(each.sock)
        each.sock.close()
