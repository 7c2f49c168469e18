"""Read and write many datagrams with one system call (`dns/mmsg.py`).

Where a socket has many peers, a datagram is read and written as `raw`: the peer's socket address,
as the kernel writes it, then the message.
"""

from __future__ import annotations

import socket
from typing import Final

from copdns.dns.mmsg import BATCH_SIZE, Batch

MAX_DATAGRAM: Final = 4096  # octets; a query is never longer than one datagram of 4096


class Inbox:
    """Takes the datagrams that one call received."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def receive(self, fd: int) -> list[bytes]:
        """Return the datagrams that came, each with its peer's address before it; never waits.

        Raise OSError when the socket has an error instead.
        """
        batch = self._batch
        count = batch.receive(fd)
        raw, sizes, step, address = batch.raw, batch.received, batch.step, batch.address
        size_step, size_at = batch.RECEIVED_STEP, batch.RECEIVED_AT
        found: list[bytes] = []
        for place in range(count):
            at = place * step
            size = sizes[place * size_step + size_at]
            found.append(raw[at : at + address + size].tobytes())
        return found


class Outbox:
    """The datagrams that one call of `flush` sends."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._address, self._step = batch.address, batch.step
        self._raw, self._sizes = batch.raw, batch.to_send
        self._size_step, self._size_at = batch.SEND_STEP, batch.SEND_AT
        self.count = 0

    @property
    def is_full(self) -> bool:
        return self.count == BATCH_SIZE

    def add(self, raw: bytes) -> None:
        """Add a datagram: the peer's address, then the message.  Never call it when it is full."""
        at = self.count * self._step
        size = len(raw)
        self._raw[at : at + size] = raw
        self._sizes[self.count * self._size_step + self._size_at] = size - self._address
        self.count += 1

    def flush(self, fd: int) -> tuple[int, ...]:
        """Send all over a socket; return the places of those that could not be sent."""
        count, self.count = self.count, 0
        return self._batch.send(fd, count) if count else ()


def address_size(family: socket.AddressFamily) -> int:
    """Return the octets of a socket address: sockaddr_in or sockaddr_in6."""
    return 16 if family == socket.AF_INET else 28


def peer_host(raw: bytes, family: socket.AddressFamily) -> str:
    """Return the peer's address as text."""
    return socket.inet_ntop(family, peer_address(raw, family))


def peer_address(raw: bytes, family: socket.AddressFamily) -> bytes:
    """Return the peer's address, packed."""
    return raw[4:8] if family == socket.AF_INET else raw[8:24]
