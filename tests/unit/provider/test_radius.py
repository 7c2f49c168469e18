"""What a network tells over RADIUS is read, from whoever proves to be it, and answered."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from random import Random
from unittest.mock import AsyncMock

import pytest
from pyrad.packet import AccountingRequest, AccountingResponse, AcctPacket

from copdns.model.errors import ListenError
from copdns.provider.address_blocks import read_block
from copdns.provider.bindings import SessionChange, SessionEvent
from copdns.provider.radius_accounting import (
    Attribute,
    RadiusError,
    Refusal,
    Restart,
    read_accounting,
)
from copdns.provider.radius_listener import FAILED, TAKEN, UNKNOWN, RadiusListener
from tests.running import PATIENCE, free_port
from tests.unit.streams import turn

STOP, UPDATE = SessionChange.STOP, SessionChange.UPDATE
SECRET, NOW = b"a secret of sixteen", 1_750_000_000.0
START = {
    Attribute.STATUS_TYPE: bytes([0, 0, 0, 1]),
    Attribute.USER_NAME: b"line-1",
    Attribute.SESSION_ID: b"0042",
    Attribute.NAS_IDENTIFIER: b"bng-1",
    Attribute.EVENT_TIMESTAMP: int(NOW - 3).to_bytes(4),
    Attribute.FRAMED_IP_ADDRESS: bytes([192, 0, 2, 7]),
}


def request(
    attributes: Mapping[Attribute, bytes | list[bytes]],
    *,
    secret: bytes = SECRET,
    signed: bool = True,
) -> AcctPacket:
    packet = AcctPacket(AccountingRequest, secret=secret, message_authenticator=signed)
    for key, value in attributes.items():
        OrderedDict.__setitem__(packet, int(key), value if isinstance(value, list) else [value])
    return packet


def read(attributes: Mapping[Attribute, bytes | list[bytes]]) -> SessionEvent | Restart | None:
    octets = request(attributes).RequestPacket()
    return read_accounting(octets, SECRET, "127.0.0.9", Attribute.USER_NAME, NOW).told


def refusal_of(octets: bytes, secret: bytes = SECRET) -> Refusal:
    with pytest.raises(RadiusError) as raised:
        read_accounting(octets, secret, "127.0.0.9", Attribute.USER_NAME, NOW)
    return raised.value.refusal


def test_a_start_tells_whose_an_address_is() -> None:
    block = read_block("192.0.2.7")
    assert read(START) == SessionEvent(
        SessionChange.START, "bng-1", "0042", "line-1", NOW - 3, (block,)
    )


def test_prefixes_and_ports_are_told_as_well() -> None:
    ports = bytes(
        [6, 1, 6, 0, 0, 0, 1, 3, 6, 203, 0, 113, 5, 9, 6, 0, 0, 4, 0, 10, 6, 0, 0, 7, 255]
    )
    gone = bytes([6, 3, 6, 203, 0, 113, 5, 8, 6, 0, 0, 0, 2, 9, 6, 0, 0, 8, 0, 10, 6, 0, 0, 9, 0])
    told = read(
        {
            **START,
            Attribute.FRAMED_IPV6_PREFIX: bytes([0, 64]) + bytes.fromhex("20010db800000100"),
            Attribute.DELEGATED_IPV6_PREFIX: bytes([0, 56]) + bytes.fromhex("20010db8000002"),
            Attribute.EXTENDED: [ports, gone, bytes([1, 2, 3])],
        }
    )
    assert isinstance(told, SessionEvent)
    assert told.blocks is not None
    assert [*map(str, told.blocks)] == [
        *("192.0.2.7", "2001:db8:0:100::/64", "2001:db8:0:200::/56", "203.0.113.5:1024-2047")
    ]


def test_updates_and_stops_may_lack_what_is_known() -> None:
    kept = (Attribute.SESSION_ID, Attribute.STATUS_TYPE, Attribute.EVENT_TIMESTAMP)
    few = {key: START[key] for key in kept}
    stop = read({**few, Attribute.STATUS_TYPE: bytes([0, 0, 0, 2])})
    assert stop == SessionEvent(STOP, "127.0.0.9", "0042", "", NOW - 3, None)
    update = {**few, Attribute.STATUS_TYPE: bytes([0, 0, 0, 3]), Attribute.USER_NAME: b"line-1"}
    told = SessionEvent(UPDATE, "127.0.0.9", "0042", "line-1", NOW - 3, None)
    assert read(update) == told
    chosen_later = read({**update, Attribute.FRAMED_IP_ADDRESS: bytes([255, 255, 255, 254])})
    assert isinstance(chosen_later, SessionEvent)
    assert chosen_later.blocks is None


def test_a_machine_tells_that_it_begins_anew() -> None:
    told = {key: START[key] for key in (Attribute.NAS_IDENTIFIER, Attribute.EVENT_TIMESTAMP)}
    for status in (7, 8):
        on = {**told, Attribute.STATUS_TYPE: bytes([0, 0, 0, status])}
        assert read(on) == Restart("bng-1", NOW - 3)
    by_address = {**on, Attribute.NAS_IP_ADDRESS: bytes([198, 51, 100, 9])}
    del by_address[Attribute.NAS_IDENTIFIER]
    assert read(by_address) == Restart("198.51.100.9", NOW - 3)


def test_what_nobody_needs_is_answered_all_the_same() -> None:
    assert read({**START, Attribute.STATUS_TYPE: bytes([0, 0, 0, 9])}) is None
    assert read({Attribute.SESSION_ID: b"1"}) is None


def test_a_reply_is_signed_as_the_sender_expects() -> None:
    asked = request(START)
    found = read_accounting(asked.RequestPacket(), SECRET, "a", Attribute.USER_NAME, NOW)
    reply = asked.CreateReply(packet=found.reply)
    assert reply.code == AccountingResponse
    assert asked.VerifyReply(reply, found.reply, enforce_ma=True)


@pytest.mark.parametrize(
    "more",
    [
        {Attribute.SESSION_ID: b""},
        {Attribute.USER_NAME: b""},
        {Attribute.FRAMED_IP_ADDRESS: b"123"},
        {Attribute.FRAMED_IPV6_PREFIX: b"\0"},
        {Attribute.FRAMED_IPV6_PREFIX: bytes([0, 129])},
        {Attribute.FRAMED_IPV6_PREFIX: bytes([0, 128]) + bytes(16)},
        {Attribute.EXTENDED: bytes([6, 3])},
        {Attribute.EXTENDED: bytes([6, 3, 1])},
        {Attribute.EXTENDED: bytes([6, 3, 6, 203, 0, 113, 5])},
        {Attribute.EXTENDED: bytes([6, 3, 4, 1, 1, 9, 3, 1, 10, 3, 2])},
        {Attribute.EXTENDED: bytes([6, 3, 6, 203, 0, 113, 5, 9, 3, 9, 10, 3, 2])},
    ],
)
def test_a_packet_that_makes_no_sense_is_refused(more: dict[Attribute, bytes]) -> None:
    assert refusal_of(request({**START, **more}).RequestPacket()) is Refusal.MALFORMED


def test_only_who_knows_the_secret_is_believed() -> None:
    octets = request(START).RequestPacket()
    assert refusal_of(octets, b"another secret") is Refusal.FORGED
    at = octets.index(b"line-1")
    assert refusal_of(octets[:at] + b"line-2" + octets[at + 6 :]) is Refusal.FORGED
    assert refusal_of(request(START, signed=False).RequestPacket()) is Refusal.UNSIGNED
    for stamp in (b"", int(NOW - 86_401).to_bytes(4)):  # kept by somebody, and sent again
        old = request({**START, Attribute.EVENT_TIMESTAMP: stamp}).RequestPacket()
        assert refusal_of(old) is Refusal.UNDATED
    assert refusal_of(octets[:-1]) is Refusal.MALFORMED
    assert refusal_of(bytes([1]) + octets[1:]) is Refusal.MALFORMED  # no accounting


def test_no_octets_break_the_reader() -> None:
    lot, octets = Random(8045), request(START).RequestPacket()
    for _ in range(3000):
        changed = bytearray(octets)
        for _ in range(lot.randrange(1, 6)):
            changed[lot.randrange(len(changed))] = lot.randrange(256)
        cut = bytes(changed[: lot.choice((len(changed), lot.randrange(len(changed))))])
        assert cut == octets or refusal_of(cut) in Refusal


# --- over a socket --------------------------------------------------------------------------------


@pytest.fixture
async def heard() -> AsyncIterator[tuple[RadiusListener, int, list[SessionEvent | Restart]]]:
    told: list[SessionEvent | Restart] = []

    async def take(event: SessionEvent | Restart) -> None:
        if isinstance(event, SessionEvent) and event.session == "full":
            raise OSError("the disk is full")
        told.append(event)

    secrets, port = {"127.0.0.9": SECRET}, free_port()
    listener = RadiusListener(secrets, Attribute.USER_NAME, lambda: NOW, take)
    await listener.start("127.0.0.1", port)
    yield listener, port, told
    listener.close()


def exchange(port: int, octets: bytes) -> bytes:
    """Send a packet, and return the reply."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.9", 0))
        sock.settimeout(PATIENCE)
        sock.sendto(octets, ("127.0.0.1", port))
        return sock.recv(4096)


async def is_silent(
    listener: RadiusListener, port: int, octets: bytes, source: str = "127.0.0.9"
) -> bool:
    """Send a packet, wait until it is counted, and tell whether nothing came back."""
    counted = listener.counts.total()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.setblocking(False)
        sock.sendto(octets, ("127.0.0.1", port))
        async with asyncio.timeout(PATIENCE):
            while listener.counts.total() == counted:
                await turn()
        await turn()  # in which a reply would go
        with suppress(BlockingIOError):
            return not sock.recv(4096)
    return True


async def test_what_was_taken_in_is_answered(
    heard: tuple[RadiusListener, int, list[SessionEvent | Restart]],
) -> None:
    listener, port, told = heard
    asked = request(START)
    reply = await asyncio.to_thread(exchange, port, asked.RequestPacket())
    assert asked.VerifyReply(asked.CreateReply(packet=reply), reply)
    assert [type(each) for each in told] == [SessionEvent]
    assert listener.counts == {TAKEN: 1}


async def test_strangers_and_forgers_get_no_answer(
    heard: tuple[RadiusListener, int, list[SessionEvent | Restart]],
) -> None:
    listener, port, told = heard
    good, forged = (request(START, secret=each).RequestPacket() for each in (SECRET, b"another"))
    assert await is_silent(listener, port, good, "127.0.0.8")
    assert await is_silent(listener, port, forged)
    assert not told
    assert listener.counts == {UNKNOWN: 1, Refusal.FORGED.value: 1}


async def test_what_could_not_be_kept_is_not_confirmed(
    heard: tuple[RadiusListener, int, list[SessionEvent | Restart]],
) -> None:
    listener, port, told = heard
    full = request({**START, Attribute.SESSION_ID: b"full"}).RequestPacket()
    assert await is_silent(listener, port, full)
    assert await asyncio.to_thread(exchange, port, request(START).RequestPacket())
    assert len(told) == 1
    assert listener.counts == {FAILED: 1, TAKEN: 1}


async def test_a_port_that_another_has_is_told() -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", port))
        take = AsyncMock()
        listener = RadiusListener({}, Attribute.USER_NAME, lambda: NOW, take)
        with pytest.raises(ListenError, match=str(port)):
            await listener.start("127.0.0.1", port)
