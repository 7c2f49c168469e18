"""A network card that takes less than a reply: the reply comes all the same, in fragments."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest

from copdns.dns.datagrams import Outbox, address_size
from copdns.dns.mmsg import Batch, forbid_fragments
from copdns.dns.query import UDP_SIZE
from tests.e2e.network import BOX4, Network, network

TABLET = "192.168.77.20"
NARROW = 800  # octets; UDP_SIZE is more
IP_MTU_DISCOVER, WHOLE = 10, 3  # of linux/in.h; WHOLE is IP_PMTUDISC_PROBE


@pytest.fixture
def lan() -> Iterator[Network]:
    with network("02:00:00:00:00:14") as made:
        made.give(f"{TABLET}/24")
        yield made


def send(sock: socket.socket, message: bytes, where: tuple[str, int]) -> tuple[int, ...]:
    """Send a datagram as a server does; return what `Outbox.flush` does."""
    outbox = Outbox(Batch(UDP_SIZE, address_size(socket.AF_INET)))
    family = int(socket.AF_INET).to_bytes(2, sys.byteorder)
    peer = family + where[1].to_bytes(2, "big") + socket.inet_aton(where[0]) + bytes(8)
    outbox.add(peer + message)
    return outbox.flush(sock.fileno())


def test_a_reply_that_a_card_is_too_narrow_for_is_sent_in_fragments(lan: Network) -> None:
    with lan.datagrams() as box, lan.datagrams(lan.tablet) as tablet:
        forbid_fragments(box)
        box.bind((BOX4, 0))
        tablet.bind((TABLET, 0))
        tablet.settimeout(5)
        where = tablet.getsockname()
        assert send(box, b"short", where) == ()
        assert tablet.recv(UDP_SIZE) == b"short"
        assert box.getsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER) == WHOLE
        lan.at(lan.box, "ip", "link", "set", "lan", "mtu", str(NARROW))
        assert send(box, b"x" * UDP_SIZE, where) == ()
        assert tablet.recv(UDP_SIZE) == b"x" * UDP_SIZE
        assert box.getsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER) != WHOLE
