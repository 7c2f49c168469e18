"""The two system calls for many datagrams at once, recvmmsg(2) and sendmmsg(2), by ctypes.

Python has no call for them, and a call for each datagram is the larger half of what a reply costs.
What the kernel reads and writes is laid out once, in one block of memory, and a datagram is a slice
of it.  Not compiled with the rest of the core, which knows no structures of C.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys
from contextlib import suppress
from typing import Any, Literal

BATCH_SIZE = 64  # datagrams per call: with more, responses of upstreams would wait too long

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
_IOVEC = ctypes.sizeof(_Iovec)
_SIZE_T: Literal["I", "Q"] = "Q" if ctypes.sizeof(ctypes.c_size_t) == 8 else "I"
# Of linux/in.h; Python's module has no names for these.
_IP_MTU_DISCOVER, _PMTUDISC_WANT, _PMTUDISC_PROBE = 10, 1, 3
_NOTHING_THERE = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR})


class Batch:
    """Memory for BATCH_SIZE datagrams, each beginning `step` octets after the one before.

    raw: that memory.  address: octets of a peer's address, before its message.
    received: octets of the message received at a place, at `place * RECEIVED_STEP + RECEIVED_AT`.
    to_send: the same for messages to be sent, with SEND_STEP and SEND_AT; size_t.
    """

    RECEIVED_STEP = _MESSAGE // 4
    RECEIVED_AT = _Message.size.offset // 4
    SEND_STEP = _IOVEC // ctypes.sizeof(ctypes.c_size_t)
    SEND_AT = _Iovec.size.offset // ctypes.sizeof(ctypes.c_size_t)

    def __init__(self, payload: int, address: int) -> None:
        """payload: octets of a message at most.  address: 0 where a socket has one peer only."""
        self.address = address
        self.step = address + payload
        self.raw = memoryview(bytearray(BATCH_SIZE * self.step))
        headers = bytearray(BATCH_SIZE * _MESSAGE)
        iovs = bytearray(BATCH_SIZE * _IOVEC)
        self.received = memoryview(headers).cast("I")
        self.to_send = memoryview(iovs).cast(_SIZE_T)
        self._messages = (_Message * BATCH_SIZE).from_buffer(headers)
        self._iovs = (_Iovec * BATCH_SIZE).from_buffer(iovs)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.raw))
        for place, (message, iov) in enumerate(zip(self._messages, self._iovs, strict=True)):
            at = base + place * self.step
            iov.base, iov.size = at + address, payload
            header = message.header
            header.name, header.name_size = (at, address) if address else (None, 0)
            header.iov, header.iov_count = ctypes.addressof(iov), 1
        self._first = ctypes.byref(self._messages)

    def receive(self, fd: int) -> int:
        """Receive from a socket, and return how many datagrams came; never waits.

        Raise OSError when the socket has an error instead.
        """
        count: int = _libc.recvmmsg(fd, self._first, BATCH_SIZE, socket.MSG_DONTWAIT, None)
        if count < 0:
            number = ctypes.get_errno()
            if number not in _NOTHING_THERE:
                raise OSError(number, os.strerror(number))
        return max(count, 0)

    def send(self, fd: int, count: int) -> tuple[int, ...]:
        """Send the first `count` datagrams; return the places of those that could not be sent."""
        sent: int = _libc.sendmmsg(fd, self._first, count, socket.MSG_DONTWAIT)
        if sent == count:
            return ()
        return self._send_rest(fd, count, max(sent, 0))

    def _send_rest(self, fd: int, count: int, sent: int) -> tuple[int, ...]:
        """Send what the kernel did not take at once."""
        lost: list[int] = []
        while sent < count:
            done: int = _libc.sendmmsg(fd, self._at(sent), count - sent, socket.MSG_DONTWAIT)
            if done < 0:
                number = ctypes.get_errno()
                if number == errno.EINTR:
                    continue
                if number == errno.EMSGSIZE and _allow_fragments(fd):
                    continue
                lost.append(sent)
                done = 1  # on to the next
            sent += done
        return tuple(lost)

    def _at(self, place: int) -> Any:
        return ctypes.byref(self._messages, place * _MESSAGE)


def forbid_fragments(sock: socket.socket) -> None:
    """Have what a socket sends over IPv4 go whole or not at all (DF; RFC 9715 section 3.1).

    The kernel then needs no number that fragments would have, and does not ask what it learnt of
    the way to each peer.  Nor can forged ICMP messages make it fragment.  A kernel that refuses it,
    such as the one that gVisor gives to containers, fragments as before.
    """
    if sys.platform == "linux" and sock.family == socket.AF_INET:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)


def _allow_fragments(fd: int) -> bool:
    """Undo `forbid_fragments`, where an interface of this machine is too narrow for a datagram.

    Return whether there was anything to undo.
    """
    value, size = ctypes.c_int(), ctypes.c_uint32(ctypes.sizeof(ctypes.c_int))
    option = fd, socket.IPPROTO_IP, _IP_MTU_DISCOVER, ctypes.byref(value)
    if _libc.getsockopt(*option, ctypes.byref(size)) or value.value != _PMTUDISC_PROBE:
        return False
    value.value = _PMTUDISC_WANT
    return not _libc.setsockopt(*option, size)
