"""The sockets to one upstream, and who waits for an answer on each.

Many sockets with ports of the system's choosing, each for a short time: a forger has to guess
the port besides the ID and the case of the letters (RFC 5452 section 9.2).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from copdns.addresses import UpstreamAddress
from copdns.exchange import Asking

SOCKETS = 64  # an upstream
QUERIES = 256  # a socket
AGE = 30.0  # seconds; a retired socket may wait as long again for its last answers
DRAIN = 64  # datagrams a wake-up
RECEIVE = 4096  # octets; upstreams are told to send 1232 at most


class Chance:
    """Unpredictable octets, taken from the system a page at a time: a call for each is dear."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool, self._at = b"", 0

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._pool):
            self._pool, self._at = os.urandom(4096), 0
        self._at += count
        return self._pool[self._at - count : self._at]


class Sent(NamedTuple):
    """A question as it left.  question: in the letters that were sent; at: monotonic seconds."""

    asking: Asking
    question: bytes
    edns: bool
    at: float


class Socket:
    """A connected socket, and by message ID what was sent over it.

    A question that was asked again elsewhere still waits: a slow answer is an answer.
    """

    __slots__ = ("born", "pending", "queries", "sock")

    def __init__(self, sock: socket.socket, born: float) -> None:
        self.sock = sock
        self.born = born
        self.queries = 0
        self.pending: dict[bytes, Sent] = {}

    def is_spent(self, now: float) -> bool:
        return self.queries >= QUERIES or now - self.born > AGE

    def is_waited_on(self, now: float) -> bool:
        if now - self.born > 2 * AGE:
            return False
        return any(not sent.asking.is_over for sent in self.pending.values())


class Pool:
    """The sockets to one address.

    read: called with a socket that has something to say.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: UpstreamAddress,
        chance: Chance,
        read: Callable[[Socket], None],
    ) -> None:
        self._loop = loop
        self._address = address
        self._chance = chance
        self._read = read
        self._sockets: list[Socket | None] = [None] * SOCKETS
        self._retired: list[Socket] = []

    @property
    def open(self) -> tuple[Socket, ...]:
        return (*(each for each in self._sockets if each is not None), *self._retired)

    def send(self, message: bytes, sent: Sent) -> None:
        """Send a message that lacks its ID; raise OSError when it cannot leave."""
        out = self._socket(sent.at)
        message_id = self._chance.take(2)
        while message_id in out.pending:
            message_id = self._chance.take(2)
        out.sock.send(message_id + message)
        out.pending[message_id] = sent

    def _socket(self, now: float) -> Socket:
        """Return one of the sockets by lot, a new one where it has served its time."""
        slot = self._chance.take(1)[0] % SOCKETS
        found = self._sockets[slot]
        if found is not None and found.is_spent(now):
            self._retired.append(found)
            self._sockets[slot] = found = None
        if found is None:
            self._sockets[slot] = found = self._open(now)
        found.queries += 1
        return found

    def _open(self, now: float) -> Socket:
        host, port = self._address.host, self._address.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            sock.connect((host, port))
        except OSError:
            sock.close()
            raise
        opened = Socket(sock, now)
        self._loop.add_reader(sock, partial(self._read, opened))
        return opened

    def retire(self) -> None:
        """Open no more of these sockets' kind; they close when nobody waits on them."""
        self._retired += [each for each in self._sockets if each is not None]
        self._sockets = [None] * SOCKETS

    def tidy(self, now: float) -> bool:
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
        self._sockets, self._retired = [None] * SOCKETS, []

    def _close(self, each: Socket) -> None:
        self._loop.remove_reader(each.sock)
        each.sock.close()
