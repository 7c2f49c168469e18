"""Ask the kernel over netlink: open a socket, send a question, and read the answer.

Nothing waits: the kernel has answered by the time `send` returns.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator

from copdns.network.netlink import End, Message, read_messages

Connect = Callable[[int], socket.socket]

_RECEIVE = 32_768  # octets of a datagram; the kernel splits its tables into such pieces
_BUFFER = 1 << 20  # octets that the kernel queues for us while the loop is busy
_DRAIN = 256  # datagrams at once, so that queries do not wait


def open_netlink(groups: int) -> socket.socket:
    """Return a netlink socket that gets the events of these groups; raise OSError."""
    if not hasattr(socket, "AF_NETLINK"):
        raise OSError(errno.EAFNOSUPPORT, "this system has no netlink")
    kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    found = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        found.bind((0, groups))
    except OSError:
        found.close()
        raise
    return found


def ask_kernel(questions: socket.socket, question: bytes, sequence: int) -> Iterator[Message]:
    """Yield the messages with which the kernel answers a question."""
    questions.send(question)
    for datagram in read_pending(questions):
        for number, message in read_messages(datagram):
            if number == sequence:
                yield message


def dump_table(questions: socket.socket, question: bytes, sequence: int) -> Iterator[Message]:
    """Yield the entries of a table of the kernel; raise OSError where it refuses."""
    for message in ask_kernel(questions, question, sequence):
        if not isinstance(message, End):
            yield message
        elif message.errno:
            raise OSError(message.errno, "the kernel did not return the list")


def read_pending(source: socket.socket) -> Iterator[bytes]:
    """Yield the datagrams that are queued, up to a bound."""
    for _ in range(_DRAIN):
        try:
            yield source.recv(_RECEIVE)
        except BlockingIOError:
            return
