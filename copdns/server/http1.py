"""DNS over HTTPS by HTTP/1.1 (RFC 9112), for clients that speak no HTTP/2 and for proxies.

No more of it than such clients need: one request after the other, each with its length.  What is
anything else ends the connection, since it is not known where a next request would begin.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from copdns.dns.stream_options import grant_wishes, read_wishes
from copdns.model.verdict import Requestor
from copdns.server.connection import READ_SIZE, ClientConnection, Speaker, report_bug
from copdns.server.doh_requests import (
    BAD_REQUEST,
    GRANTED,
    HEAD_TOO_LARGE,
    LENGTH_REQUIRED,
    MAX_MESSAGE,
    METHODS,
    NOT_FOUND,
    NOT_STORED,
    OK,
    SERVER_ERROR,
    TOO_LARGE,
    TYPE,
    Request,
    RequestError,
    cache_control,
    check_head,
    read_message,
    read_shown,
)

MAX_HEAD: Final = READ_SIZE  # octets of a request line and its headers
MAX_ERRORS: Final = 25  # requests without a query, such as with a wrong token, of a connection
_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length"
_LINE_ENDS: Final = b"\r\n\0"  # that are none here, or no text


class Http1(Speaker):
    """Answers the requests of one connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._unread = bytearray()
        self._wanted = 0  # octets of the next request, once its head was read
        self._errors_left = MAX_ERRORS
        self._is_asking = self._is_last = self._is_reading = False

    @property
    def is_waiting(self) -> bool:
        return self._is_asking

    def read(self, octets: bytes) -> None:
        """Answer the requests that came whole."""
        self._unread += octets
        self.go_on()

    def go_on(self) -> None:
        """Take whole requests off what was read, one at a time: each waits for its reply."""
        if self._is_reading:
            return  # the loop below goes on by itself
        self._is_reading = True
        try:
            while not (self._is_asking or self._is_last or self._connection.is_clogged):
                if not self._take_request():
                    break
        except RequestError as error:
            self._is_last = True
            self._send_status(error.status)
        self._is_reading = False
        if self._is_last and not self._is_asking:
            self._connection.finish()
        else:
            self._connection.throttle(is_full=self._is_full)

    @property
    def _is_full(self) -> bool:
        stands_still = self._is_asking or self._connection.is_clogged
        return stands_still and len(self._unread) > MAX_HEAD

    def _take_request(self) -> bool:
        """Answer the next request; False where it is not whole yet.  May raise RequestError."""
        if len(self._unread) < self._wanted:
            return False  # a head is not read anew for each octet of a slow body
        end = self._unread.find(_END)
        if end < 0 or end > MAX_HEAD:
            if len(self._unread) > MAX_HEAD:
                raise RequestError(HEAD_TOO_LARGE)
            return False
        request, headers, version = _read_head(bytes(self._unread[:end]))
        start = end + len(_END)
        try:
            size = _body_size(request, headers)
        except RequestError as error:
            if error.status != BAD_REQUEST:  # what the path decides, too
                require_asker(self._connection, request)  # who is refused learns no more than that
            raise
        if len(self._unread) < start + size:
            self._wanted = start + size
            return False
        self._wanted = 0
        body = bytes(self._unread[start : start + size])
        del self._unread[: start + size]
        self._connection.note_use()
        options = headers.get(b"connection", b"").lower()
        self._is_last = b"close" in options or version == b"HTTP/1.0"
        try:
            requestor = require_asker(self._connection, request)
            self._ask(read_message(request, body), requestor)
        except RequestError as error:  # its end is known, so the next request can be read
            self._errors_left -= 1  # no bound of queries slows whoever goes on like this
            self._is_last = self._is_last or not self._errors_left
            self._send_status(error.status)
        return True

    def _ask(self, message: bytes, requestor: Requestor) -> None:
        wishes = read_wishes(message) & GRANTED
        self._is_asking = True
        try:
            moment = self._connection.server.clock()
            reply = self._connection.ask(message, moment, self._send_later, wishes, requestor)
        except Exception as error:  # noqa: BLE001 - a bug met by one query must harm no other
            self._is_asking = False
            self._tell_bug(error)
            return
        if reply is not None:
            self._is_asking = False
            self._send(reply, wishes)

    def _send_later(self, reply: bytes, wishes: int) -> None:
        self._is_asking = False
        self._send(reply, wishes)
        asyncio.get_running_loop().call_soon(self._go_on_or_finish)

    def _go_on_or_finish(self) -> None:
        self.go_on()
        if self._connection.is_ended and not self._is_asking:
            self._connection.finish()

    def _send(self, reply: bytes, wishes: int) -> None:
        if not reply:  # what came is no query
            self._send_status(BAD_REQUEST)
            return
        try:
            if wishes:
                reply = grant_wishes(reply, wishes, 0.0)
            kept = cache_control(reply)
        except Exception as error:  # noqa: BLE001 - as above: else the client waits, and the next
            self._tell_bug(error)
            return
        self._write(OK, reply, b"content-type: %s\r\n" % TYPE, kept)

    def _tell_bug(self, error: Exception) -> None:
        report_bug(error)
        self._send_status(SERVER_ERROR)

    def _send_status(self, status: int) -> None:
        allow = b"allow: %s\r\n" % METHODS if status == HTTPStatus.METHOD_NOT_ALLOWED else b""
        self._write(status, b"", allow, NOT_STORED)

    def _write(self, status: int, body: bytes, header: bytes, kept: bytes) -> None:
        phrase = HTTPStatus(status).phrase.encode()
        end = b"connection: close\r\n" if self._is_last else b""
        self._connection.write(
            b"HTTP/1.1 %d %s\r\n%scache-control: %s\r\ncontent-length: %d\r\n%s\r\n%s"
            % (status, phrase, header, kept, len(body), end, body)
        )


def require_asker(connection: ClientConnection, request: Request) -> Requestor:
    """Return who sends a request; raise RequestError for another path, and for one with a token
    that is refused, which is as if there were nothing."""
    requestor = connection.who_asks(read_shown(request))
    if requestor is None:
        raise RequestError(NOT_FOUND)
    return requestor


def _read_head(head: bytes) -> tuple[Request, dict[bytes, bytes], bytes]:
    """Return a request, its headers by name in lower case, and its version; raise RequestError."""
    line, *lines = head.split(b"\r\n")
    parts = line.split(b" ")
    if len(parts) != 3 or parts[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise RequestError(BAD_REQUEST)
    headers: dict[bytes, bytes] = {}
    for each in lines:
        name, colon, value = each.partition(b":")
        name = name.lower()
        if not colon or not name or name != name.strip():
            raise RequestError(BAD_REQUEST)  # RFC 9112 section 5.1
        if value.translate(None, _LINE_ENDS) != value:
            raise RequestError(BAD_REQUEST)  # a proxy may see two headers here (section 11.2)
        if name == _LENGTH and name in headers:
            raise RequestError(BAD_REQUEST)
        headers[name] = value.strip()
    return Request(parts[0], parts[1], headers.get(b"content-type", b"")), headers, parts[2]


def _body_size(request: Request, headers: dict[bytes, bytes]) -> int:
    """Return how many octets follow the head; raise RequestError where that is not known."""
    if b"transfer-encoding" in headers:
        raise RequestError(LENGTH_REQUIRED)
    if request.method == b"POST" and _LENGTH not in headers:
        raise RequestError(LENGTH_REQUIRED)
    text = headers.get(_LENGTH, b"0")
    if not text.isdigit() or len(text) > 9:
        raise RequestError(BAD_REQUEST)
    size = int(text)
    if size > MAX_MESSAGE:
        check_head(request)
        raise RequestError(TOO_LARGE)
    return size
