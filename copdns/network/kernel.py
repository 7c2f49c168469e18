"""Ask the kernel over netlink: a socket, and what it says to one question.

Nothing waits: the kernel has answered by the time that `send` returns.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator

from copdns.network.netlink import Ended, Message, read

Connect = Callable[[int], socket.socket]

_RECEIVE = 32_768  # octets of a datagram; the kernel cuts its lists into such pieces
_BUFFER = 1 << 20  # octets the kernel holds for us while the loop is busy
_DRAIN = 256  # datagrams at once: queries have their turn too


def open_netlink(groups: int) -> socket.socket:
    """Return a socket to the kernel that hears of these groups; raise OSError."""
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
    """Yield what the kernel says to a question."""
    questions.send(question)
    for datagram in read_pending(questions):
        for number, message in read(datagram):
            if number == sequence:
                yield message


def dump_table(questions: socket.socket, question: bytes, sequence: int) -> Iterator[Message]:
    """Yield what stands in a list of the kernel's; raise OSError when it is not given."""
    for message in ask_kernel(questions, question, sequence):
        if not isinstance(message, Ended):
            yield message
        elif message.errno:
            raise OSError(message.errno, "the kernel did not return the list")


def read_pending(source: socket.socket) -> Iterator[bytes]:
    """Yield the datagrams that wait, up to a bound."""
    for _ in range(_DRAIN):
        try:
            yield source.recv(_RECEIVE)
        except BlockingIOError:
            return
