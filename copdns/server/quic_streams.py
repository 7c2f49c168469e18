"""The queries of a connection of DNS over QUIC, each on its own stream (RFC 9250 section 4.2).

A stream carries one query, with its length before it, and then its reply.  `server/quic.py` has
the connection itself.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from contextlib import suppress
from typing import Any, Final

from aioquic.quic.connection import QuicConnection, QuicConnectionError
from aioquic.quic.events import QuicEvent, StopSendingReceived, StreamDataReceived, StreamReset

from copdns.dns.records import HEADER_SIZE
from copdns.dns.stream_options import PADDING, asks_for_keepalive, grant_wishes
from copdns.server.connection import ClientConnection, Speaker, report_bug

NO_ERROR: Final = 0x0  # why connections and streams end (section 4.3)
INTERNAL_ERROR: Final = 0x1
PROTOCOL_ERROR: Final = 0x2
REQUEST_CANCELLED: Final = 0x3
EXCESSIVE_LOAD: Final = 0x4

MAX_STREAMS: Final = 128  # of a connection at once; aioquic allows so many to begin with
MAX_MESSAGE: Final = 65_535  # octets

_LENGTH: Final = 2  # octets before a message
MAX_STREAM_DATA: Final = _LENGTH + MAX_MESSAGE  # octets of a stream
# Octets of a connection that are no whole query yet, as many as over HTTPS: what aioquic keeps room
# for, which is far more than came where a client sends the end of a stream first.
MAX_HELD: Final = 1 << 18
# Frames of a connection at first, and for each query: pings, new windows and acknowledgements cost
# us more than who sends them, and thousands fit in a datagram.  As over HTTPS (`server/doh.py`).
FRAMES_AT_FIRST: Final = 200
FRAMES_PER_QUERY: Final = 8
FRAME_EARNED_BY: Final = 512  # octets of replies: each datagram of those may be acknowledged
_READERS: Final = "_QuicConnection__frame_handlers"
_ONE_WAY: Final = 2  # bit of the number of a stream that only its maker writes to


class StreamClient(ClientConnection):
    """The connection that the streams are of."""

    @abstractmethod
    def use(self, event: QuicEvent) -> None:
        """Follow what became of the connection itself."""

    @abstractmethod
    def flush(self) -> None:
        """Send what is to be sent now, and wait for what is due."""

    @abstractmethod
    def end(self, code: int) -> None:
        """End the connection now, and say why; who does not hear it finds it silent."""


class _CountedFrames(dict[int, Any]):
    """What reads the frames of a connection, by their type, as aioquic looks that up for each one.

    Without any left the connection ends within the datagram, and does not read it to its end.
    """

    def __init__(self, readers: dict[int, Any]) -> None:
        super().__init__(readers)
        self._left = FRAMES_AT_FIRST

    def __getitem__(self, frame_type: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise QuicConnectionError(EXCESSIVE_LOAD, None, "")  # type: ignore[arg-type]
        return super().__getitem__(frame_type)

    def earn(self, count: int) -> None:
        """Allow some more, for a query that came whole or for its reply."""
        self._left = min(self._left + count, FRAMES_AT_FIRST)


class Streams(Speaker):
    """Answers the queries of one connection."""

    def __init__(self, client: StreamClient, quic: QuicConnection) -> None:
        self._client = client
        self._quic = quic
        self._frames = _CountedFrames(vars(quic)[_READERS])
        vars(quic)[_READERS] = self._frames  # aioquic tells of no frame but those of streams
        self._unread: dict[int, bytearray] = {}  # by stream: what is not whole yet
        self._asking: set[int] = set()  # streams that wait for a reply
        self._in_flight = 0  # queries without a reply, those that were cancelled as well
        self._is_flushing = self._is_reading = False

    @property
    def is_waiting(self) -> bool:
        return bool(self._asking)

    def read(self, octets: bytes) -> None:
        """Never called: a datagram is more than octets of one stream."""
        raise NotImplementedError("datagrams are read by the connection")

    def go_on(self) -> None:
        """Do nothing: nothing waits for the client."""

    def read_events(self) -> None:
        """Use all that came."""
        self._is_reading = True
        try:
            while self._client.is_open and (event := self._quic.next_event()) is not None:
                self._use(event)
        finally:
            self._is_reading = False
        if self._client.is_open and self._is_too_much:
            self._client.end(EXCESSIVE_LOAD)

    @property
    def _is_too_much(self) -> bool:
        """Whether a client holds more than it may.

        aioquic lets it have twice as many streams, and twice as much on each, whenever half of
        that is used; also of streams, and parts of them, of which it tells nothing yet.
        """
        streams = self._quic._streams
        if len(streams) > MAX_STREAMS or self._in_flight > MAX_STREAMS:
            return True
        if any(each.receiver.highest_offset > MAX_STREAM_DATA for each in streams.values()):
            return True
        held = sum(len(each.receiver._buffer) for each in streams.values())
        return held + sum(map(len, self._unread.values())) > MAX_HELD

    def _use(self, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            self._take_data(event)
        elif isinstance(event, StreamReset | StopSendingReceived):
            self._cancel(event.stream_id)
        else:
            self._client.use(event)

    def _take_data(self, event: StreamDataReceived) -> None:
        stream = event.stream_id
        if stream & _ONE_WAY:  # section 4.3.3
            self._client.end(PROTOCOL_ERROR)
            return
        unread = self._unread.setdefault(stream, bytearray())
        unread += event.data
        size = int.from_bytes(unread[:_LENGTH], "big") if len(unread) >= _LENGTH else MAX_MESSAGE
        if len(unread) > _LENGTH + size:  # more than one query
            self._client.end(PROTOCOL_ERROR)
        elif event.end_stream:
            del self._unread[stream]
            message = bytes(unread[_LENGTH:])
            if len(message) < size or not _may_be_asked(message):
                self._client.end(PROTOCOL_ERROR)
            else:
                self._answer(stream, message)

    def _cancel(self, stream: int) -> None:
        """Send no more on a stream that its client gave up (section 4.3.1)."""
        self._unread.pop(stream, None)
        if stream in self._asking:
            self._asking.discard(stream)
            self._quic.reset_stream(stream, REQUEST_CANCELLED)

    def _answer(self, stream: int, message: bytes) -> None:
        self._client.note_use()
        self._frames.earn(FRAMES_PER_QUERY)
        self._in_flight += 1
        self._asking.add(stream)
        try:
            moment = self._client.server.clock()
            reply = self._client.ask(message, moment, self._send_later, stream)
        except Exception as error:  # noqa: BLE001 - a bug met by one query must harm no other
            report_bug(error)
            self._in_flight -= 1
            self._asking.discard(stream)
            self._quic.reset_stream(stream, INTERNAL_ERROR)
            return
        if reply is not None:
            self._send(stream, reply)

    def _send_later(self, reply: bytes, stream: int) -> None:
        """Send a reply that had to wait, with the others that come in this turn of the loop."""
        self._send(stream, reply)
        if not self._is_flushing and not self._is_reading:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush_later)

    def _flush_later(self) -> None:
        self._is_flushing = False
        if self._client.is_open:
            self._client.flush()

    def _send(self, stream: int, reply: bytes) -> None:
        self._in_flight -= 1
        if not self._client.is_open or stream not in self._asking:
            return  # the client wants it no more
        self._asking.discard(stream)
        if not reply:  # what came is no query
            self._client.end(PROTOCOL_ERROR)
            return
        reply = grant_wishes(reply, PADDING, 0.0)  # section 5.4
        octets = len(reply).to_bytes(_LENGTH, "big") + reply
        self._frames.earn(len(octets) // FRAME_EARNED_BY)
        with suppress(RuntimeError):  # the client gave the stream up before it asked
            self._quic.send_stream_data(stream, octets, end_stream=True)


def _may_be_asked(message: bytes) -> bool:
    """Tell whether a message is one that a client may send (sections 4.2.1 and 5.5.2)."""
    return (
        len(message) >= HEADER_SIZE and message[:2] == b"\0\0" and not asks_for_keepalive(message)
    )
