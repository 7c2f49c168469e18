"""Read and write many datagrams with one system call (`dns/mmsg.py`).

Where a socket has many peers, a datagram is read and written as `raw`: the peer's socket address,
as the kernel writes it, then the message.
"""

from __future__ import annotations

import socket
from array import array
from typing import Final

from copdns.dns.mmsg import BATCH_SIZE, Batch

_MOST: Final = BATCH_SIZE  # a name of a module that is not compiled is slow to look up
MAX_DATAGRAM: Final = 4096  # octets; a query is never longer than one datagram of 4096


class Inbox:
    """Takes the datagrams that one call received."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._raw, self._step, self._address = batch.raw, batch.step, batch.address
        self._sizes = batch.received[batch.RECEIVED_AT :: batch.RECEIVED_STEP]

    def receive(self, fd: int) -> list[bytes]:
        """Return the datagrams that came, each with its peer's address before it; never waits.

        Raise OSError when the socket has an error instead.
        """
        count = self._batch.receive(fd)
        if not count:
            return []
        raw, step, address = self._raw, self._step, self._address
        sizes: list[int] = self._sizes[:count].tolist()  # at once: each look takes as long as this
        found: list[bytes] = []
        at = 0
        for size in sizes:
            found.append(raw[at : at + address + size].tobytes())
            at += step
        return found


class Outbox:
    """The datagrams that one call of `flush` sends."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._address, self._step = batch.address, batch.step
        self._raw, self._sizes = batch.raw, batch.to_send[batch.SEND_AT :: batch.SEND_STEP]
        self._waiting: list[int] = []  # the octets of each message

    @property
    def count(self) -> int:
        """How many datagrams wait."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        return len(self._waiting) == _MOST

    def add(self, raw: bytes) -> None:
        """Add a datagram: the peer's address, then the message.  Never call it when it is full."""
        at = len(self._waiting) * self._step
        size = len(raw)
        self._raw[at : at + size] = raw
        self._waiting.append(size - self._address)

    def flush(self, fd: int) -> tuple[int, ...]:
        """Send all over a socket; return the places of those that could not be sent."""
        waiting = self._waiting
        if not waiting:
            return ()
        count, self._waiting = len(waiting), []
        self._sizes[:count] = array(self._batch.SIZE_T, waiting)  # at once, as in `Inbox`
        return self._batch.send(fd, count)


def address_size(family: socket.AddressFamily) -> int:
    """Return the octets of a socket address: sockaddr_in or sockaddr_in6."""
    return 16 if family == socket.AF_INET else 28


def peer_host(raw: bytes, family: socket.AddressFamily) -> str:
    """Return the peer's address as text."""
    return socket.inet_ntop(family, peer_address(raw, family))


def peer_address(raw: bytes, family: socket.AddressFamily) -> bytes:
    """Return the peer's address, packed."""
    return raw[4:8] if family == socket.AF_INET else raw[8:24]
