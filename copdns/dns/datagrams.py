"""Read and write many datagrams with one system call: recvmmsg(2) and sendmmsg(2).

A system call for each datagram is the larger half of what a reply costs.  ctypes, since Python has
no call for them; what the kernel reads and writes is laid out once, in one block of memory, and a
datagram is a slice of it.

Where a socket has many peers, a datagram is read and written as `raw`: the peer's socket address,
as the kernel writes it, then the message.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Iterator
from typing import Any, Literal

BATCH_SIZE = 64  # datagrams per call: with more, responses of upstreams would wait too long
MAX_DATAGRAM = 4096  # octets; a query is never longer than one datagram of 4096

_SIZE_T: Literal["I", "Q"] = "Q" if ctypes.sizeof(ctypes.c_size_t) == 8 else "I"

_libc = ctypes.CDLL(None, use_errno=True)


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct msghdr; musl's has int where glibc has size_t, with padding behind it."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iov_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """struct mmsghdr"""

    _fields_ = (("header", _Header), ("size", ctypes.c_uint32))


_MESSAGE = ctypes.sizeof(_Message)
_NOTHING_THERE = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR})


class _Box:
    """Memory for BATCH_SIZE datagrams, each beginning `step` octets after the one before.

    raw: that memory.
    """

    def __init__(self, payload: int, address: int) -> None:
        """payload: octets of a message at most.  address: octets of a peer's, as kept in `raw`."""
        self.address = address
        self.step = address + payload
        self.raw = memoryview(bytearray(BATCH_SIZE * self.step))
        self._headers = bytearray(BATCH_SIZE * _MESSAGE)
        self._iovs = bytearray(BATCH_SIZE * ctypes.sizeof(_Iovec))
        self._messages = (_Message * BATCH_SIZE).from_buffer(self._headers)
        iovs = (_Iovec * BATCH_SIZE).from_buffer(self._iovs)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.raw))
        for place, (message, iov) in enumerate(zip(self._messages, iovs, strict=True)):
            at = base + place * self.step
            iov.base, iov.size = at + address, payload
            header = message.header
            header.name, header.name_size = (at, address) if address else (None, 0)
            header.iov, header.iov_count = ctypes.addressof(iov), 1

    def _at(self, place: int) -> Any:
        return ctypes.byref(self._messages, place * _MESSAGE)


class Inbox(_Box):
    """The datagrams that one call received.

    sizes: octets of the message at a place: `sizes[place * SIZE_STEP + SIZE_AT]`.
    """

    SIZE_STEP = _MESSAGE // 4
    SIZE_AT = _Message.size.offset // 4

    def __init__(self, address: int = 0) -> None:
        super().__init__(MAX_DATAGRAM, address)
        self.sizes = memoryview(self._headers).cast("I")

    def receive(self, fd: int) -> int:
        """Receive from a socket, and return how many datagrams came; never waits.

        Raise OSError when the socket has an error instead.
        """
        count: int = _libc.recvmmsg(fd, self._at(0), BATCH_SIZE, socket.MSG_DONTWAIT, None)
        if count < 0:
            number = ctypes.get_errno()
            if number not in _NOTHING_THERE:
                raise OSError(number, os.strerror(number))
        return max(count, 0)

    def messages(self, count: int) -> Iterator[bytes]:
        """Yield the messages, without addresses."""
        for place in range(count):
            at = place * self.step + self.address
            size = self.sizes[place * self.SIZE_STEP + self.SIZE_AT]
            yield self.raw[at : at + size].tobytes()


class Outbox(_Box):
    """The datagrams that one call of `flush` sends."""

    SIZE_STEP = ctypes.sizeof(_Iovec) // ctypes.sizeof(ctypes.c_size_t)
    SIZE_AT = _Iovec.size.offset // ctypes.sizeof(ctypes.c_size_t)

    def __init__(self, payload: int, address: int = 0) -> None:
        super().__init__(payload, address)
        self._sizes = memoryview(self._iovs).cast(_SIZE_T)
        self.count = 0

    @property
    def is_full(self) -> bool:
        return self.count == BATCH_SIZE

    def add(self, raw: bytes) -> None:
        """Add a datagram: the peer's address, then the message.  Never call it when it is full."""
        at = self.count * self.step
        size = len(raw)
        self.raw[at : at + size] = raw
        self._sizes[self.count * self.SIZE_STEP + self.SIZE_AT] = size - self.address
        self.count += 1

    def flush(self, fd: int) -> tuple[int, ...]:
        """Send all over a socket; return the places of those that could not be sent."""
        sent, count = 0, self.count
        self.count = 0
        lost: list[int] = []
        while sent < count:
            done: int = _libc.sendmmsg(fd, self._at(sent), count - sent, socket.MSG_DONTWAIT)
            if done < 0:
                if ctypes.get_errno() == errno.EINTR:
                    continue
                lost.append(sent)
                done = 1  # on to the next
            sent += done
        return tuple(lost)


def address_size(family: socket.AddressFamily) -> int:
    """Return the octets of a socket address: sockaddr_in or sockaddr_in6."""
    return 16 if family == socket.AF_INET else 28


def peer_host(raw: bytes, family: socket.AddressFamily) -> str:
    """Return the peer's address as text."""
    return socket.inet_ntop(family, peer_address(raw, family))


def peer_address(raw: bytes, family: socket.AddressFamily) -> bytes:
    """Return the peer's address, packed."""
    return raw[4:8] if family == socket.AF_INET else raw[8:24]
