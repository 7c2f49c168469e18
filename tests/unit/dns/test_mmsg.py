"""Many datagrams by one system call, over real sockets: what the kernel refuses."""

from __future__ import annotations

import errno
import socket
import sys
from typing import NoReturn

from copdns.dns.datagrams import Outbox, address_size
from copdns.dns.mmsg import BATCH_SIZE, Batch, forbid_fragments

TOO_LARGE = b"x" * 65_508  # one octet more than a datagram of IPv4 takes


def test_one_that_is_too_large_keeps_back_none_of_the_others() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tablet,
    ):
        forbid_fragments(box)
        tablet.bind(("127.0.0.1", 0))
        tablet.settimeout(5)
        port = tablet.getsockname()[1].to_bytes(2, "big")
        peer = int(socket.AF_INET).to_bytes(2, sys.byteorder) + port
        peer += socket.inet_aton("127.0.0.1") + bytes(8)
        outbox = Outbox(Batch(len(TOO_LARGE), address_size(socket.AF_INET)))
        for each in (b"first", TOO_LARGE, b"third", TOO_LARGE, b"last"):
            outbox.add(peer + each)
        assert outbox.flush(box.fileno()) == (1, 3)
        assert [tablet.recv(99) for _ in range(3)] == [b"first", b"third", b"last"]
        tablet.setblocking(False)
        try:
            again = tablet.recv(99)
        except BlockingIOError:
            again = b""
        assert again == b""  # none twice


def test_more_than_a_batch_is_sent_and_what_is_lost_of_it_has_its_place() -> None:
    messages = [b"%d" % number for number in range(2 * BATCH_SIZE + 3)]
    messages[BATCH_SIZE + 5] = TOO_LARGE
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tablet,
    ):
        tablet.bind(("127.0.0.1", 0))
        tablet.settimeout(5)
        box.connect(tablet.getsockname())
        outbox = Outbox(Batch(len(TOO_LARGE), 0))
        for count, each in enumerate(messages, 1):
            outbox.add(each)
            assert outbox.is_full == (count >= BATCH_SIZE)
        assert outbox.flush(box.fileno()) == (BATCH_SIZE + 5,)
        messages.remove(TOO_LARGE)
        assert [tablet.recv(99) for _ in messages] == messages
    assert outbox.count == 0


class Contained(socket.socket):
    """A socket of a kernel that does not know the option, as gVisor's: it refuses all but DONT."""

    refused = 0

    def setsockopt(self, *_: object) -> NoReturn:
        self.refused += 1
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")


def test_where_fragments_cannot_be_forbidden_they_stay_allowed() -> None:
    with (
        Contained(socket.AF_INET, socket.SOCK_DGRAM) as box,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tablet,
    ):
        tablet.bind(("127.0.0.1", 0))
        tablet.settimeout(5)
        forbid_fragments(box)  # a server that cannot have it starts all the same
        assert box.refused == 1
        box.sendto(b"reply", tablet.getsockname())
        assert tablet.recv(99) == b"reply"
