"""A connection of DNS over HTTPS (RFC 8484), by HTTP/2.

h2 does the protocol: it is what httpx and hypercorn use, and has no input or output of its own, so
that it fits our connections.  httpx, which is built on it, would bring a second pool of connections
and a task for each query.  To import it takes 7 MB (measured: CPython 3.13, x86-64), so this module
is imported only where an https:// upstream is set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from copdns.dns.socket_pool import SentQuery
from copdns.dns.stream_pool import Connection, StreamPool
from copdns.model.addresses import UpstreamAddress

if TYPE_CHECKING:
    from h2.events import Event

MAX_MESSAGE = 65_535  # octets
WINDOW = 1 << 20  # octets of responses that the upstream may send ahead of what we have read
_NO_ID = bytes(2)  # the ID is 0, so that the same query is the same to caches (section 4.1)
_TYPE = b"application/dns-message"
_OK = b"200"


class DohConnection(Connection):
    """One connection of HTTP/2, with a stream for each query.

    POST, since a response to GET may come from a cache that counts its age, and a query in a path
    is in the logs of whoever carries it.
    """

    def __init__(self, pool: StreamPool, mono: float, address: UpstreamAddress) -> None:
        super().__init__(pool, mono, address)
        self._http = H2Connection(
            H2Configuration(
                client_side=True,
                header_encoding=False,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        authority = f"[{address.name}]" if ":" in address.name else address.name
        port = "" if address.port == 443 else f":{address.port}"
        self._headers = [
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":authority", f"{authority}{port}".encode()),
            (b":path", address.path.encode()),
            (b"accept", _TYPE),
            (b"content-type", _TYPE),
        ]
        self._bodies: dict[int, bytearray] = {}  # of responses whose status is 200

    def begin(self) -> None:
        """Open HTTP/2 without server push, which nothing here would read."""
        self._http.local_settings = Settings(
            client=True, initial_values={SettingCodes.ENABLE_PUSH: 0}
        )
        self._http.initiate_connection()
        self._http.increment_flow_control_window(WINDOW)
        super().begin()

    def write(self, message: bytes, sent: SentQuery, pieces: list[bytes]) -> bool:
        """Start a stream with a message, which lacks its ID.

        False: the upstream takes no more streams or octets now, or the connection ends.  pieces:
        stay as they are, since `finish_writing` takes all that HTTP/2 has to send.
        """
        http, size = self._http, len(message) + len(_NO_ID)
        if (
            http.open_outbound_streams >= http.remote_settings.max_concurrent_streams
            or http.outbound_flow_control_window < size
        ):
            return False
        headers = [*self._headers, (b"content-length", str(size).encode())]
        try:
            stream = http.get_next_available_stream_id()
            http.send_headers(stream, headers)
            http.send_data(stream, _NO_ID + message, end_stream=True)
        except H2Error:  # all its numbers are used up, or it is about to be closed
            self.close()
            return False
        self.pending[stream] = message, sent
        return True

    def finish_writing(self, pieces: list[bytes]) -> None:
        pieces.append(self._http.data_to_send())

    def read(self, data: bytes) -> None:
        """Read frames of HTTP/2; an error of the protocol closes the connection."""
        try:
            events = self._http.receive_data(data)
            for event in events:
                self._use(event)
        except H2Error:
            self.close()
            return
        if not self._is_closed:
            self.flush()  # the upstream may take more now, and is told what was read

    def _use(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            headers = dict(event.headers)
            if headers.get(b":status") == _OK and headers.get(b"content-type", _TYPE) == _TYPE:
                self._bodies[event.stream_id] = bytearray()
        elif isinstance(event, DataReceived):
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            body = self._bodies.get(event.stream_id)
            if body is not None and len(body) <= MAX_MESSAGE:
                body += event.data
        elif isinstance(event, StreamEnded):
            body = self._bodies.pop(event.stream_id, None)
            if body is None or len(body) > MAX_MESSAGE:
                self.lose(event.stream_id)
            else:
                self.take_message(event.stream_id, bytes(body))
        elif isinstance(event, StreamReset):
            self._bodies.pop(event.stream_id, None)
            self.lose(event.stream_id)
        elif isinstance(event, ConnectionTerminated):
            self.close()  # what is not answered yet is sent again on another connection
