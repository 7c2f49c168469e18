"""Read and write many datagrams with one system call (`dns/mmsg.py`).

Where a socket has many peers, a datagram is read and written as `raw`: the peer's socket address,
as the kernel writes it, then the message.
"""

from __future__ import annotations

import socket
from typing import Final

from copdns.dns.mmsg import BATCH_SIZE, Batch
from copdns.dns.octets import fill_batch, split_batch

_MOST: Final = BATCH_SIZE  # a name of a module that is not compiled is slow to look up
MAX_DATAGRAM: Final = 4096  # octets; a query is never longer than one datagram of 4096


class Inbox:
    """Takes the datagrams that one call received."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._address, self._step = batch.address, batch.step
        self._at, self._stride = batch.RECEIVED_AT, batch.RECEIVED_STEP

    def receive(self, fd: int) -> list[bytes]:
        """Return the datagrams that came, each with its peer's address before it; never waits.

        Raise OSError when the socket has an error instead.
        """
        batch = self._batch
        count = batch.receive(fd)
        if not count:
            return []
        return split_batch(
            batch.raw, batch.received, count, self._step, self._address, self._at, self._stride
        )


class Outbox:
    """The datagrams that `flush` sends, with one system call for each BATCH_SIZE of them."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._address, self._step = batch.address, batch.step
        self._at, self._stride = batch.SEND_AT, batch.SEND_STEP
        self._waiting: list[bytes] = []

    @property
    def count(self) -> int:
        """How many datagrams wait."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= _MOST

    def add(self, raw: bytes) -> None:
        """Add a datagram: the peer's address, then the message.

        Where it is full already, one call more sends them: who answers a batch of queries may be
        told amid it that an upstream is lost, and answers all that waited for it as well.
        """
        self._waiting.append(raw)

    def flush(self, fd: int) -> tuple[int, ...]:
        """Send all over a socket; return the places of those that could not be sent."""
        waiting = self._waiting
        if not waiting:
            return ()
        self._waiting = []
        if len(waiting) <= _MOST:
            return self._send(fd, waiting)
        lost: list[int] = []
        for first in range(0, len(waiting), _MOST):
            lost += [first + place for place in self._send(fd, waiting[first : first + _MOST])]
        return tuple(lost)

    def _send(self, fd: int, waiting: list[bytes]) -> tuple[int, ...]:
        batch = self._batch
        fill_batch(
            batch.raw,
            batch.to_send,
            waiting,
            self._step,
            self._address,
            self._at,
            self._stride,
        )
        return batch.send(fd, len(waiting))


def address_size(family: socket.AddressFamily) -> int:
    """Return the octets of a socket address: sockaddr_in or sockaddr_in6."""
    return 16 if family == socket.AF_INET else 28


def peer_host(raw: bytes, family: socket.AddressFamily) -> str:
    """Return the peer's address as text."""
    return socket.inet_ntop(family, peer_address(raw, family))


def peer_address(raw: bytes, family: socket.AddressFamily) -> bytes:
    """Return the peer's address, packed."""
    return raw[4:8] if family == socket.AF_INET else raw[8:24]
