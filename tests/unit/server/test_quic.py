"""DNS over QUIC, with real datagrams on loopback; the client is aioquic's.

`tests/e2e/test_encrypted_clients.py` has clients of others.
"""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from weakref import ref

import dns.edns
import dns.message
import pytest

pytest.importorskip("aioquic")

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import (
    ConnectionTerminated,
    QuicEvent,
    StreamDataReceived,
    StreamReset,
)
from aioquic.quic.packet import QuicFrameType
from aioquic.quic.packet_builder import QuicPacketBuilder

from copdns.model.errors import CertificateError
from copdns.server import quic, quic_streams
from copdns.server.quic import QuicClient, QuicPort, QuicServer, make_configuration
from copdns.server.quic_streams import (
    EXCESSIVE_LOAD,
    FRAMES_AT_FIRST,
    INTERNAL_ERROR,
    MAX_HELD,
    MAX_STREAM_DATA,
    MAX_STREAMS,
    NO_ERROR,
    PROTOCOL_ERROR,
    REQUEST_CANCELLED,
    StreamClient,
    Streams,
)
from copdns.server.tls import DONE, FAILED, REFUSED
from copdns.time.clock import Moment
from tests.encrypted_server import make_certificate
from tests.unit.messages import parsed, query
from tests.unit.streams import GAMES, HOST, OTHER, SLOW, STRANGER, Desk, pass_time, turn
from tests.upstream_server import PATIENCE

PADDING, KEEPALIVE = 12, 11


def asking(name: str, *options: dns.edns.Option, number: int = 0) -> bytes:
    made = dns.message.make_query(name, "A", use_edns=0, options=options)
    made.id = number
    return made.to_wire()


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


class Client(QuicConnectionProtocol):
    """A connection to the server.  ended: why it ended, None while it is open."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.replies: dict[int, bytes] = {}
        self.whole: set[int] = set()
        self.resets: dict[int, int] = {}
        self.ended: int | None = None

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            self.replies[event.stream_id] = self.replies.get(event.stream_id, b"") + event.data
            if event.end_stream:
                self.whole.add(event.stream_id)
        elif isinstance(event, StreamReset):
            self.resets[event.stream_id] = event.error_code
        elif isinstance(event, ConnectionTerminated):
            self.ended = event.error_code

    def put(self, octets: bytes, *, is_end: bool = True, one_way: bool = False) -> int:
        """Send octets on a new stream, and return it."""
        stream = self._quic.get_next_available_stream_id(is_unidirectional=one_way)
        self._quic.send_stream_data(stream, octets, end_stream=is_end)
        self.transmit()
        return stream

    def ask(self, message: bytes) -> int:
        return self.put(framed(message))

    async def reply(self, stream: int) -> bytes:
        await until(lambda: stream in self.whole)
        octets = self.replies.pop(stream)
        assert int.from_bytes(octets[:2], "big") == len(octets) - 2
        return octets[2:]

    async def end(self) -> int | None:
        await until(lambda: self.ended is not None)
        return self.ended


def is_about(name: str, reply: bytes) -> bool:
    return parsed(reply).question[0].name.to_text() == f"{name}."


class Listener(asyncio.DatagramProtocol):
    """heard: what came to it."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.append(data)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not is_so():
            await turn()


class QuicDesk(Desk):
    """A server of DNS over QUIC with the home behind it."""

    def __init__(self, stack: ExitStack, certificate: Path, **limits: Any) -> None:
        super().__init__(**limits)
        self._stack = stack
        self.configuration = make_configuration(certificate, certificate, self.limits.idle)

    async def open(self) -> None:
        port = QuicPort("quic", "", 0, "", lambda: self.configuration, self.limits, self.tokens)
        home = self.home
        self.quic = QuicServer(home.resolver, home.clock, HOST, port, self.places, self.handshakes)
        await self.quic.start()
        assert self.quic._transport is not None
        self.port = self.quic._transport.get_extra_info("sockname")[1]

    async def greet(
        self, source: str = HOST, protocol: str = "doq", name: str | None = None
    ) -> Client:
        """Return a client after its handshake; raise ConnectionError where that fails.

        name: that it asks for (SNI).
        """
        configuration = QuicConfiguration(alpn_protocols=[protocol], verify_mode=ssl.CERT_NONE)
        configuration.idle_timeout = PATIENCE
        configuration.server_name = name
        client = Client(QuicConnection(configuration=configuration))
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: client, local_addr=(source, 0)
        )
        self._stack.callback(transport.close)
        self._stack.callback(client.close)
        client.connect((HOST, self.port))
        await client.wait_connected()
        return client


Open = Callable[..., Awaitable[QuicDesk]]


@pytest.fixture
async def desk(certificate: Path) -> AsyncIterator[Open]:
    opened: list[QuicDesk] = []
    with ExitStack() as stack:

        async def opener(**limits: Any) -> QuicDesk:
            opened.append(QuicDesk(stack, certificate, **limits))
            await opened[-1].open()
            return opened[-1]

        yield opener
        for each in opened:
            each.quic.close()
    await turn()


@pytest.fixture
async def here(desk: Open) -> QuicDesk:
    return await desk()


# --- what travels ------------------------------------------------------------------------------


async def test_the_home_knows_who_asks_and_over_what(here: QuicDesk) -> None:
    client = await here.greet()
    reply = parsed(await client.reply(client.ask(asking(GAMES))))
    assert (reply.id, reply.question[0].name.to_text()) == (0, f"{GAMES}.")
    told = here.home.recorder.last
    assert (told.client.policy.profile if told else "") == "mia"
    here.home.recorder.flush(here.home.clock.wall)
    assert here.home.counters.queries["quic"] == 1
    assert here.handshakes.counts == {DONE: 1, FAILED: 0, REFUSED: 0}
    assert [each.over for each in here.places.all] == ["quic"]


async def test_a_slow_question_does_not_hold_a_fast_one(here: QuicDesk) -> None:
    client = await here.greet()
    slow, fast = client.ask(asking(SLOW)), client.ask(asking(GAMES))
    await client.reply(fast)
    assert slow not in client.replies
    here.home.upstream.deliver()
    assert parsed(await client.reply(slow)).question[0].name.to_text() == f"{SLOW}."


async def test_a_hundred_questions_at_once_are_all_answered(here: QuicDesk) -> None:
    client = await here.greet()
    streams = [client.ask(asking(f"{number}.example")) for number in range(100)]
    await here.asked(100)
    here.home.upstream.deliver()
    for number, stream in enumerate(streams):
        found = parsed(await client.reply(stream)).question[0].name.to_text()
        assert found == f"{number}.example."


async def test_a_reply_is_padded_wherever_it_can_be(here: QuicDesk) -> None:
    client = await here.greet()
    padded = await client.reply(client.ask(asking(GAMES)))
    assert len(padded) == 468
    assert PADDING in [int(each.otype) for each in parsed(padded).options]
    without = b"\0\0" + query(GAMES)[2:]  # without EDNS there is nowhere to put it
    assert len(await client.reply(client.ask(without))) < 100


async def test_a_question_in_pieces_is_answered_at_its_end(here: QuicDesk) -> None:
    client = await here.greet()
    octets = framed(asking(GAMES))
    stream = client.put(octets[:1], is_end=False)
    for at in range(1, len(octets)):
        client._quic.send_stream_data(stream, octets[at : at + 1])
    client.transmit()
    await client.reply(client.ask(asking(GAMES)))
    assert stream not in client.replies  # it may go on
    client._quic.send_stream_data(stream, b"", end_stream=True)
    client.transmit()
    await client.reply(stream)


# --- what ends a connection --------------------------------------------------------------------

_FRAMED = framed(asking(GAMES))


@pytest.mark.parametrize(
    "octets",
    [
        framed(asking(GAMES, number=1)),
        framed(asking(GAMES, dns.edns.GenericOption(KEEPALIVE, b""))),
        _FRAMED + _FRAMED,
        _FRAMED[:-1],
        b"",
        b"\0",
        framed(bytes(11)),
        framed(b"\0\0\x80" + bytes(9)),  # a response
    ],
    ids=["id", "keepalive", "two", "short", "empty", "length", "header", "response"],
)
async def test_what_may_not_be_sent_ends_the_connection(here: QuicDesk, octets: bytes) -> None:
    client = await here.greet()
    client.put(octets)
    assert await client.end() == PROTOCOL_ERROR
    assert (here.quic.clients, here.places.all) == ({}, [])


async def test_a_stream_of_one_way_ends_the_connection(here: QuicDesk) -> None:
    client = await here.greet()
    client.put(_FRAMED, one_way=True)
    assert await client.end() == PROTOCOL_ERROR


async def test_a_client_that_asks_for_too_much_at_once_is_left(
    here: QuicDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quic_streams, "MAX_STREAMS", 16)
    client = await here.greet()
    for number in range(17):
        client.ask(asking(f"{number}.example"))
    assert await client.end() == EXCESSIVE_LOAD


async def test_streams_that_are_only_begun_count_too(here: QuicDesk) -> None:
    client = await here.greet()
    first = client.ask(asking(GAMES))
    await client.reply(first)
    client._quic._remote_max_streams_bidi = 10_000  # as the server allows by and by
    for stream in (MAX_STREAMS * 4 - 4, MAX_STREAMS * 8 - 8):
        client._quic.send_stream_data(stream, b"\0")
        client.transmit()
        for _ in range(20):
            await turn()
    assert await client.end() == EXCESSIVE_LOAD


async def test_a_stream_without_end_is_not_kept(here: QuicDesk) -> None:
    client = await here.greet()
    stream = client.put(b"\xff\xff", is_end=False)
    async with asyncio.timeout(PATIENCE):
        while client.ended is None:
            client._quic.send_stream_data(stream, bytes(4096))
            client.transmit()
            await turn()
    assert client.ended in (PROTOCOL_ERROR, EXCESSIVE_LOAD)


async def test_what_is_held_of_a_connection_is_bounded_however_little_came(here: QuicDesk) -> None:
    """The last octet of a stream comes alone, and aioquic keeps room for all before it."""
    client = await here.greet()
    quic = client._quic
    quic._remote_max_data = 1 << 30  # as the server allows by and by
    streams = MAX_HELD // MAX_STREAM_DATA + 2
    assert streams < MAX_STREAMS
    for _ in range(streams):
        stream = quic.get_next_available_stream_id()
        quic.send_stream_data(stream, bytes(MAX_STREAM_DATA))
        quic._streams[stream].sender._pending.subtract(0, MAX_STREAM_DATA - 1)
        client.transmit()
    assert await client.end() == EXCESSIVE_LOAD
    assert here.quic.clients == {}


def ping(client: Client, count: int) -> None:
    """Send so many pings, each of one octet, in a datagram."""

    def write(builder: QuicPacketBuilder, *_: object, **__: object) -> None:
        buffer = builder.start_frame(QuicFrameType.PING, capacity=count)
        buffer.push_bytes(bytes([QuicFrameType.PING]) * (count - 1))

    client._quic._write_ping_frame = write  # type: ignore[method-assign,assignment]
    client._quic.send_ping(0)
    client.transmit()


@pytest.mark.parametrize("in_each", [1, 50, 1000])
async def test_frames_without_a_query_end_the_connection(here: QuicDesk, in_each: int) -> None:
    client = await here.greet()
    stream = client.ask(asking(GAMES))
    await client.reply(stream)
    async with asyncio.timeout(PATIENCE):
        for _ in range(2 * FRAMES_AT_FIRST // in_each + 1):
            ping(client, in_each)
            await turn()
        while client.ended is None:
            await turn()
    assert client.ended == EXCESSIVE_LOAD
    await until(lambda: (here.quic.clients, here.places.all) == ({}, []))


async def test_who_asks_may_go_on_for_as_long_as_they_like(here: QuicDesk) -> None:
    client = await here.greet()
    for _ in range(FRAMES_AT_FIRST):
        ping(client, 2)
        await client.reply(client.ask(asking(GAMES)))
    assert client.ended is None


async def test_who_acknowledges_each_datagram_of_large_replies_goes_on(
    here: QuicDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As over a line where they come one by one, and not together as on loopback."""
    reply = bytes(60_000)
    monkeypatch.setattr(StreamClient, "ask", lambda *_: reply)
    monkeypatch.setattr(quic_streams, "grant_wishes", lambda reply, *_: reply)
    client = await here.greet()
    loop, receive, last = asyncio.get_running_loop(), client.datagram_received, 0.0

    def receive_apart(data: str | bytes, at: tuple[Any, ...]) -> None:
        nonlocal last
        last = max(last, loop.time()) + 0.001
        loop.call_at(last, receive, data, at)

    monkeypatch.setattr(client, "datagram_received", receive_apart)
    for _ in range(20):
        assert await client.reply(client.ask(asking(GAMES))) == reply
    assert client.ended is None


async def test_a_connection_that_ended_leaves_nothing_to_the_garbage_collector(
    here: QuicDesk,
) -> None:
    """It looks at older objects each ten minutes only, and 600 connections take 30 MB."""
    client = await here.greet()
    await client.reply(client.ask(asking(GAMES)))
    gc.disable()
    try:
        [own] = {*here.quic.clients.values()}
        assert isinstance(own, QuicClient)
        parts = [ref(each) for each in (own, own._streams, own._quic, own._quic.tls)]
        del own
        client.close()
        await until(lambda: here.quic.clients == {})
        await turn()
        assert [each() for each in parts] == [None] * 4
    finally:
        gc.enable()


async def test_a_question_that_is_cancelled_is_forgotten(here: QuicDesk) -> None:
    client = await here.greet()
    stream = client.ask(asking(SLOW))
    await here.asked(1)
    client._quic.stop_stream(stream, REQUEST_CANCELLED)
    client.transmit()
    await until(lambda: stream in client.resets)
    here.home.upstream.deliver()
    await client.reply(client.ask(asking(GAMES)))
    assert stream not in client.whole


async def test_a_question_on_a_stream_that_was_given_up_before_gets_no_reply(
    here: QuicDesk,
) -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: told.append(str(context["exception"]))
    )
    client = await here.greet()
    stream = client._quic.get_next_available_stream_id()
    client._quic.send_stream_data(stream, b"")
    client._quic.stop_stream(stream, REQUEST_CANCELLED)
    client.transmit()
    await until(lambda: stream in client.resets)
    client._quic.send_stream_data(stream, framed(asking(GAMES)), end_stream=True)
    client.transmit()
    await client.reply(client.ask(asking(GAMES)))
    assert told == []
    assert stream not in client.replies


async def test_a_bug_in_what_became_of_a_connection_ends_it(
    here: QuicDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: told.append(str(context["exception"]))
    )

    def broken(_streams: Streams, _event: QuicEvent) -> None:
        raise RuntimeError("a bug")

    client = await here.greet()
    monkeypatch.setattr(Streams, "_use", broken)
    client.ask(asking(GAMES))
    assert await client.end() == INTERNAL_ERROR
    await until(lambda: not here.quic.clients)
    assert told == ["a bug"]


async def test_a_silent_connection_is_closed(desk: Open) -> None:
    here = await desk(idle=PATIENCE)
    client = await here.greet()
    await pass_time(PATIENCE)
    await client.end()
    await until(lambda: not here.quic.clients)
    assert here.places.all == []


async def test_a_bug_in_one_question_leaves_the_others_answered(here: QuicDesk) -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: told.append(str(context["exception"]))
    )
    clock = here.quic.clock

    def broken() -> Moment:
        here.quic.clock = clock
        raise RuntimeError("a bug")

    client = await here.greet()
    here.quic.clock = broken
    wrong = client.ask(asking(GAMES))
    await until(lambda: wrong in client.resets)
    assert client.resets[wrong] == INTERNAL_ERROR
    await client.reply(client.ask(asking(GAMES)))
    assert told == ["a bug"]


# --- who is turned away ------------------------------------------------------------------------


async def test_a_stranger_is_not_answered_at_all(here: QuicDesk) -> None:
    greeted = asyncio.create_task(here.greet(source=STRANGER))
    await until(lambda: here.handshakes.counts[REFUSED] > 0)
    assert here.quic.clients == {}
    greeted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await greeted


async def test_who_begins_too_many_handshakes_is_not_answered_and_nobody_else(desk: Open) -> None:
    here = await desk(handshakes=1)
    for _ in range(5):
        await here.greet()
    greedy = asyncio.create_task(here.greet())
    await until(lambda: here.handshakes.counts[REFUSED] > 0)
    other = await here.greet(source=OTHER)
    assert is_about(GAMES, await other.reply(other.ask(asking(GAMES))))
    assert not greedy.done()
    here.home.clock.wait(10)
    greeted = await greedy  # which tries again by itself
    assert is_about(GAMES, await greeted.reply(greeted.ask(asking(GAMES))))


async def test_a_client_with_too_many_connections_loses_one_of_its_own(desk: Open) -> None:
    here = await desk(client_connections=2)
    other = await here.greet(source=OTHER)
    first, second, third = [await here.greet() for _ in range(3)]
    assert await first.end() == NO_ERROR
    for client in (other, second, third):
        await client.reply(client.ask(asking(GAMES)))


async def test_under_load_a_client_first_shows_that_it_is_where_it_says(
    here: QuicDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.greet()
    assert here.quic.retries == 0
    monkeypatch.setattr(quic, "RETRY_FROM", 0)
    client = await here.greet()
    await client.reply(client.ask(asking(GAMES)))
    assert here.quic.retries == 1


async def test_another_protocol_than_dns_is_refused(here: QuicDesk) -> None:
    with pytest.raises(ConnectionError):
        await here.greet(protocol="h3")
    await until(lambda: here.handshakes.counts[FAILED] == 1)
    assert len(here.handshakes.under_way) == 0


async def test_noise_is_told_the_versions_at_most_and_harms_nobody(here: QuicDesk) -> None:
    client = await here.greet()
    noise = Listener()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: noise, remote_addr=(HOST, here.port), local_addr=(HOST, 0)
    )
    for size in (0, 1, 20, 1200, 1400):
        for first in (0x00, 0x40, 0xC0, 0xFF):
            transport.sendto(bytes([first]) + bytes(range(256)) * 6)
            transport.sendto((bytes([first]) * size)[:size])
    assert is_about(GAMES, await client.reply(client.ask(asking(GAMES))))
    await until(lambda: bool(noise.heard))
    transport.close()
    # Only which versions there are, in an answer that is shorter (RFC 9000 section 6).
    assert all(each[1:5] == bytes(4) and len(each) < 100 for each in noise.heard)


# --- certificates ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["RSA", "ECDSA"])
async def test_another_certificate_is_for_connections_from_then_on(
    here: QuicDesk, tmp_path: Path, kind: str
) -> None:
    before = await here.greet()
    other = make_certificate(tmp_path, "other.example", kind=kind).path
    here.configuration = make_configuration(other, other, here.limits.idle)
    after = await here.greet()
    seen = [each._quic.tls._peer_certificate for each in (before, after)]
    assert seen[0] != seen[1] == here.configuration.certificate
    for client in (before, after):
        await client.reply(client.ask(asking(GAMES)))


def test_the_key_may_stand_before_the_certificate_or_after_it(tmp_path: Path) -> None:
    made = make_certificate(tmp_path).path
    text = made.read_text()
    at = text.index("-----BEGIN CERT")
    turned = tmp_path / "turned.pem"
    turned.write_text(text[at:] + text[:at])
    for path in (made, turned):
        found = make_configuration(path, path, 30)
        assert found.certificate.public_key() == found.private_key.public_key()


def test_files_that_are_none_are_told(tmp_path: Path) -> None:
    for text in ("nonsense", make_certificate(tmp_path).path.read_text()[-400:]):
        path = tmp_path / "wrong.pem"
        path.write_text(text)
        with pytest.raises(CertificateError, match=r"wrong\.pem"):
            make_configuration(path, path, 30)


async def test_a_bug_that_the_timer_meets_ends_the_connection_too(
    here: QuicDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: told.append(str(context["exception"]))
    )

    def broken(_connection: QuicConnection, now: float) -> None:
        raise RuntimeError("a bug")

    client = await here.greet()
    (served,) = set(here.quic.clients.values())
    monkeypatch.setattr(type(served._quic), "handle_timer", broken)
    assert served._alarm is not None
    served._alarm.cancel()  # it rings now
    served._ring()
    assert await client.end() == INTERNAL_ERROR
    assert (told, here.quic.clients) == (["a bug"], {})
