"""DNS over HTTPS by HTTP/2 (RFC 9113), which all phones and browsers speak.

h2 does the protocol, as towards upstreams (`dns/doh.py`): it has no input or output of its own, so
that one kind of connection serves all that is encrypted, with its bounds.  docs/encrypted-dns.md
has how that compares with servers that are ready-made.  It takes 7 MB to import, so this module is
imported only where the settings want DNS over HTTPS.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings
from hpack import Encoder

from copdns.dns.stream_options import grant_wishes, read_wishes
from copdns.server.connection import ClientConnection, Speaker, report_bug
from copdns.server.doh_requests import (
    BAD_REQUEST,
    GRANTED,
    MAX_MESSAGE,
    METHOD_NOT_ALLOWED,
    METHODS,
    NOT_STORED,
    SERVER_ERROR,
    TOO_LARGE,
    TYPE,
    Request,
    RequestError,
    cache_control,
    read_message,
)
from copdns.server.http1 import Http1, require_asker

if TYPE_CHECKING:
    from h2.events import Event

# Octets that are read of a connection in a turn of the loop: some dozens of requests, each of which
# takes ten times what a query over UDP does, so that those do not wait for a greedy client.
READ_SIZE: Final = 4096
MAX_STREAMS: Final = 128  # requests of a connection at once; RFC 9113 section 5.1.2 asks for 100
MAX_HEAD: Final = 16_384  # octets of a request's headers
WINDOW: Final = 1 << 18  # octets of bodies that a connection may send ahead of their end
MAX_UNSENT: Final = 1 << 19  # octets of replies that a client does not take
MAX_HIDDEN: Final = 3 * MAX_HEAD  # octets that come and are no whole frame, or no whole head
# Frames without a request that a client may send for each request, and at first: streams that are
# reset at once, pings and settings cost us more than who sends them.
FRAMES_AT_FIRST: Final = 200
FRAMES_PER_REQUEST: Final = 8
# What a request without a query takes of them, such as one with a wrong token: no bound of queries
# slows whoever sends those, so that a connection ends after some.
FRAMES_PER_ERROR: Final = 2 * FRAMES_PER_REQUEST


# Before a head: the table has no room (RFC 7541 section 6.3), as a client that allows less wants to
# hear before it reads the next one.
_NO_TABLE: Final = b"\x20"


class _Connection(H2Connection):
    # How many streams are remembered after their end: h2 itself remembers 65,536, in 8 MB.
    MAX_CLOSED_STREAMS = 2 * MAX_STREAMS


class HeadEncoder(Encoder):
    """Encodes headers without a table of what was sent before (RFC 7541 section 6.2.3).

    So the same ones are the same octets on each connection, and are made once: those of replies
    differ in few lengths and times, and to encode them takes a tenth of what a request does.
    """

    def encode(self, headers: Iterable[Any], huffman: bool = True) -> bytes:
        """Return the octets of headers; the table that a client allows is not used."""
        return _encode_head(tuple(headers))


@lru_cache(maxsize=512)
def _encode_head(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return _NO_TABLE + Encoder().encode([(name, value, True) for name, value in headers])


class _Incoming:
    """A request that is not whole yet.  held: octets that count against the client's window."""

    __slots__ = ("body", "held", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.body = bytearray()
        self.held = 0


class _Turns:
    """Lets one connection be read in a turn of the loop, so that UDP waits for no more than that.

    What comes in one read may be a hundred requests, and many connections may be ready at once.
    """

    def __init__(self) -> None:
        self._waiting: deque[Http2] = deque()
        self._is_taken = False

    def take(self, speaker: Http2) -> bool:
        """Tell whether it is this one's turn; else its `read_now` is called later."""
        if self._is_taken:
            self._waiting.append(speaker)
            return False
        self._is_taken = True
        asyncio.get_running_loop().call_soon(self._pass_on)
        return True

    def _pass_on(self) -> None:
        self._is_taken = bool(self._waiting)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._pass_on)
            self._waiting.popleft().read_now()


_TURNS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns]] = WeakKeyDictionary()


class Http2(Speaker):
    """Answers the requests of one connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._http = _Connection(
            H2Configuration(
                client_side=False,
                header_encoding=False,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._http.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEAD,
                SettingCodes.INITIAL_WINDOW_SIZE: MAX_MESSAGE + 1,
            },
        )
        self._http.decoder.max_header_list_size = MAX_HEAD
        self._http.encoder = HeadEncoder()
        self._turns = _TURNS.setdefault(asyncio.get_running_loop(), _Turns())
        self._unread = b""  # until it is this connection's turn
        self._incoming: dict[int, _Incoming] = {}
        self._asking: set[int] = set()  # streams that wait for a reply
        self._in_flight = 0  # queries without a reply, those of streams that were reset as well
        self._unsent: dict[int, bytes] = {}  # of replies that the client does not take yet
        self._pieces: list[bytes] = []
        self._pieces_size = 0
        self._hidden = 0  # octets since the last event
        self._frames_left = FRAMES_AT_FIRST
        self._is_flushing = self._is_reading = False
        self._http.initiate_connection()
        self._http.increment_flow_control_window(WINDOW)
        self._flush()

    @property
    def is_waiting(self) -> bool:
        return bool(self._unread or self._asking or self._unsent)

    # --- what comes ---

    def read(self, octets: bytes) -> None:
        """Use each frame that came whole, at this connection's turn; what breaks HTTP/2 ends the
        connection (RFC 9113)."""
        is_queued = bool(self._unread)
        self._unread += octets
        if not is_queued and self._turns.take(self):
            self._read()
        else:
            self._connection.throttle(is_full=True)

    def read_now(self) -> None:
        """Read what came while it was another connection's turn."""
        if self._connection.is_open:
            self._read()
            if self._connection.is_ended and not self.is_waiting:
                self._connection.finish()

    def _read(self) -> None:
        octets, self._unread = self._unread, b""
        self._is_reading = True
        self._hidden += len(octets)
        try:
            for event in self._http.receive_data(octets):
                self._hidden = 0
                self._use(event)
        except H2Error:
            self._frames_left = -1
        if self._hidden > MAX_HIDDEN:
            self._frames_left = -1
        self._is_reading = False
        self._flush()  # with what says why, where it is the end
        if self._frames_left < 0:
            self._connection.finish()
        else:
            self._throttle()

    def _throttle(self) -> None:
        self._connection.throttle(is_full=self._connection.is_clogged or bool(self._unread))

    def go_on(self) -> None:
        """Send what waited until the client reads again, and read on."""
        self._send_more()
        self._flush()
        if self._connection.is_ended and not self.is_waiting:
            self._connection.finish()
        self._throttle()

    def _use(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            headers = dict(event.headers)
            request = Request(
                headers.get(b":method", b""),
                headers.get(b":path", b""),
                headers.get(b"content-type", b""),
            )
            self._incoming[event.stream_id] = _Incoming(request)
        elif isinstance(event, DataReceived):
            self._take_data(event)
        elif isinstance(event, StreamEnded):
            incoming = self._incoming.pop(event.stream_id, None)
            if incoming is not None:
                self._answer(event.stream_id, incoming)
        else:
            self._frames_left -= 1
            if isinstance(event, StreamReset):
                self._forget(event.stream_id)
            elif isinstance(event, WindowUpdated):
                self._send_more()
            elif isinstance(event, ConnectionTerminated):
                self._frames_left = -1

    def _take_data(self, event: DataReceived) -> None:
        if not event.data:
            self._frames_left -= 1
        stream, incoming = event.stream_id, self._incoming.get(event.stream_id)
        if incoming is None:  # its request was answered before its end
            self._free(stream, event.flow_controlled_length)
            return
        incoming.body += event.data
        incoming.held += event.flow_controlled_length
        if len(incoming.body) > MAX_MESSAGE:
            self._forget(stream)
            self._send_status(stream, TOO_LARGE)

    def _free(self, stream: int, octets: int) -> None:
        """Let the client send so much more: not before, so that no more than WINDOW is held."""
        if octets:
            self._http.acknowledge_received_data(octets, stream)

    def _forget(self, stream: int) -> None:
        self._asking.discard(stream)
        self._unsent.pop(stream, None)
        incoming = self._incoming.pop(stream, None)
        if incoming is not None:
            self._free(stream, incoming.held)

    # --- answering ---

    def _answer(self, stream: int, incoming: _Incoming) -> None:
        self._connection.note_use()
        self._frames_left = min(self._frames_left + FRAMES_PER_REQUEST, FRAMES_AT_FIRST)
        self._free(stream, incoming.held)
        try:
            requestor = require_asker(self._connection, incoming.request)
            message = read_message(incoming.request, bytes(incoming.body))
        except RequestError as error:
            self._frames_left -= FRAMES_PER_ERROR
            self._send_status(stream, error.status)
            return
        wishes = read_wishes(message) & GRANTED
        if self._in_flight >= MAX_STREAMS:
            self._frames_left = -1
            return
        self._in_flight += 1
        self._asking.add(stream)
        try:
            moment = self._connection.server.clock()
            reply = self._connection.ask(
                message, moment, self._send_later, (stream, wishes), requestor
            )
        except Exception as error:  # noqa: BLE001 - a bug met by one query must harm no other
            self._in_flight -= 1
            self._asking.discard(stream)
            self._tell_bug(stream, error)
            return
        if reply is not None:
            self._send(stream, reply, wishes)

    def _send_later(self, reply: bytes, reply_to: tuple[int, int]) -> None:
        """Send a reply that had to wait, with the others that come in this turn of the loop."""
        stream, wishes = reply_to
        self._send(stream, reply, wishes)
        if not self._is_flushing and not self._is_reading:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush_later)

    def _flush_later(self) -> None:
        self._is_flushing = False
        self._flush()
        if self._frames_left < 0 or (self._connection.is_ended and not self.is_waiting):
            self._connection.finish()

    def _send(self, stream: int, reply: bytes, wishes: int) -> None:
        self._in_flight -= 1
        if stream not in self._asking:
            return  # the client wants it no more
        self._asking.discard(stream)
        if not reply:  # what came is no query
            self._send_status(stream, BAD_REQUEST)
            return
        try:
            if wishes:
                reply = grant_wishes(reply, wishes, 0.0)
            kept = cache_control(reply)
        except Exception as error:  # noqa: BLE001 - as above: else its client waits forever
            self._tell_bug(stream, error)
            return
        headers = [
            (b":status", b"200"),
            (b"content-type", TYPE),
            (b"content-length", b"%d" % len(reply)),
            (b"cache-control", kept),
        ]
        with suppress(H2Error):  # the client may have reset the stream with what came last
            self._http.send_headers(stream, headers)
            self._unsent[stream] = reply
            self._send_part(stream)
        self._take_frames()
        if self._pieces_size >= MAX_HEAD:
            self._flush()  # which may find that the client does not read
        if stream in self._unsent and sum(map(len, self._unsent.values())) > MAX_UNSENT:
            self._frames_left = -1

    def _tell_bug(self, stream: int, error: Exception) -> None:
        report_bug(error)
        self._send_status(stream, SERVER_ERROR)

    def _send_status(self, stream: int, status: int) -> None:
        headers = [(b":status", b"%d" % status), (b"cache-control", NOT_STORED)]
        if status == METHOD_NOT_ALLOWED:
            headers.append((b"allow", METHODS))
        with suppress(H2Error):
            self._http.send_headers(stream, headers, end_stream=True)

    def _send_part(self, stream: int) -> None:
        """Send as much of a reply as the client takes now."""
        reply = self._unsent.pop(stream)
        while reply:
            is_clogged = self._connection.is_clogged
            room = 0 if is_clogged else self._http.local_flow_control_window(stream)
            if room <= 0:
                self._unsent[stream] = reply
                return
            room = min(room, self._http.max_outbound_frame_size)
            part, reply = reply[:room], reply[room:]
            self._http.send_data(stream, part, end_stream=not reply)

    def _send_more(self) -> None:
        for stream in [*self._unsent]:
            with suppress(H2Error):
                self._send_part(stream)

    def _take_frames(self) -> None:
        """Keep what is to be sent until now as a piece.

        A reply each, since dnsperf waits for more when it finds several in one record of TLS.
        """
        octets = self._http.data_to_send()
        if octets:
            self._pieces.append(octets)
            self._pieces_size += len(octets)

    def _flush(self) -> None:
        self._take_frames()
        if self._pieces:
            pieces, self._pieces, self._pieces_size = self._pieces, [], 0
            self._connection.write(*pieces)


def speak_http(connection: ClientConnection, protocol: str | None) -> Speaker:
    """Return what speaks DNS over HTTPS, by the version of HTTP that was agreed on."""
    return Http2(connection) if protocol == "h2" else Http1(connection)
