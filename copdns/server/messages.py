"""DNS messages with their length before them, as over TCP and TLS (RFC 1035 section 4.2.2).

Many queries may come on one connection, and each is answered as soon as its reply is ready
(RFC 7766 section 6.2.1.1, RFC 7858 section 3.3).  Replies that are ready together leave together.
"""

from __future__ import annotations

import asyncio
from typing import Final

from copdns.dns.stream_options import EVERYTHING, KEEPALIVE, grant_wishes, read_wishes
from copdns.model.errors import ProxyError
from copdns.server.connection import READ_SIZE, ClientConnection, Speaker
from copdns.server.forwarders import read_proxy, with_proxy_source

_LENGTH: Final = 2  # octets before each message


class Messages(Speaker):
    """Answers the messages of one connection."""

    def __init__(self, connection: ClientConnection, *, is_encrypted: bool = False) -> None:
        """is_encrypted: else padding would hide nothing (RFC 7830 section 6)."""
        self._connection = connection
        self._limits = connection.server.limits
        self._granted = EVERYTHING if is_encrypted else KEEPALIVE
        self._unread = bytearray()
        self._replies: list[bytes] = []
        self._size = 0  # octets of these replies
        self._in_flight = 0
        self._is_reading = self._is_flushing = False
        # A header that says for whom a forwarder asks may come first.
        self._may_have_header = connection.forwarder is not None and connection.forwarder.proxy

    @property
    def is_waiting(self) -> bool:
        return self._in_flight > 0 or bool(self._replies)

    def read(self, octets: bytes) -> None:
        """Read a PROXY header, where one is due, and then messages."""
        self._unread += octets
        if self._may_have_header:
            self._read_header()
        if not self._may_have_header:
            self.go_on()

    def _read_header(self) -> None:
        """Take a PROXY header off the front: whoever it names asks everything that follows."""
        connection = self._connection
        try:
            proxied = read_proxy(self._unread)
        except ProxyError:
            connection.drop()  # where the first message would begin cannot be known
            return
        if proxied is not None:
            self._may_have_header = False
            connection.requestor = with_proxy_source(connection.requestor, proxied)
            del self._unread[: proxied.size]

    @property
    def _is_full(self) -> bool:
        return self._connection.is_clogged or self._in_flight >= self._limits.in_flight

    def go_on(self) -> None:
        """Take whole messages off what was read, as long as there is room for more."""
        if self._is_reading:
            return  # what made room was within the loop below, which goes on by itself
        unread, at = self._unread, 0
        self._is_reading = True
        try:
            while len(unread) - at >= _LENGTH and not self._is_full:
                end = at + _LENGTH + (unread[at] << 8 | unread[at + 1])
                if len(unread) < end:
                    break
                message = bytes(unread[at + _LENGTH : end])
                at = end
                self._ask(message)
                if self._size >= READ_SIZE:
                    self._flush()  # which may find that the client does not read
        finally:  # also after a bug in one query: the others of this connection are answered
            self._is_reading = False
            del unread[:at]
            self._flush()
            if at:
                self._connection.note_use()
            self._connection.throttle(is_full=self._is_full)

    def _ask(self, message: bytes) -> None:
        self._in_flight += 1
        wishes = read_wishes(message) & self._granted
        try:
            moment = self._connection.server.clock()
            reply = self._connection.ask(message, moment, self._send_later, wishes)
        except BaseException:  # nothing is sent for it later
            self._in_flight -= 1
            raise
        if reply is None:
            return
        self._in_flight -= 1
        if reply:
            self._add(reply, wishes)

    def _send_later(self, reply: bytes, wishes: int) -> None:
        """Send a reply that had to wait, with the others that come in this turn of the loop."""
        self._in_flight -= 1
        self._add(reply, wishes)
        if self._is_reading:
            return
        if self._unread:  # there is room for more of it
            self.go_on()
            self._finish_when_done()
        elif not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush_later)

    def _flush_later(self) -> None:
        self._is_flushing = False
        self._flush()
        self._connection.throttle(is_full=self._is_full)
        self._finish_when_done()

    def _finish_when_done(self) -> None:
        if self._connection.is_ended and not self.is_waiting:
            self._connection.finish()

    def _add(self, reply: bytes, wishes: int) -> None:
        if wishes:
            reply = grant_wishes(reply, wishes, self._limits.idle)
        self._replies.append(len(reply).to_bytes(_LENGTH, "big") + reply)
        self._size += len(reply)

    def _flush(self) -> None:
        if self._replies:
            octets = b"".join(self._replies)
            self._replies, self._size = [], 0
            self._connection.write(octets)
