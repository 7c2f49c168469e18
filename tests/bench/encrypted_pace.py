"""python -m tests.bench.encrypted_pace tls|https PORT RATE SECONDS: how late each answer is.

Asks so often a second, over a few connections in turn, whatever comes back, and reads each answer
as soon as it is there.  h2load cannot be asked that, since it takes what to send from a timer of
ten milliseconds, and dnsperf reads one reply over HTTP/2 each time that something new comes.
Prints one line of JSON: microseconds of each answer, and of how far sending itself fell behind.
"""

from __future__ import annotations

import json
import selectors
import socket
import ssl
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import dns.message
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import StreamEnded

HERE, CONNECTIONS, PATIENCE = "127.0.0.1", 4, 2.0
NAMES = ("games.example", "school.example")
TYPE = "application/dns-message"


class Client(ABC):
    """One connection.  waits: when each question was sent that has no answer yet."""

    protocol: str

    def __init__(self, port: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([self.protocol])
        sock = socket.create_connection((HERE, port), 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = context.wrap_socket(sock)
        self.tls.setblocking(False)
        self.waits: dict[int, float] = {}

    @abstractmethod
    def ask(self, name: str) -> None:
        """Send a question."""

    @abstractmethod
    def answered(self, octets: bytes) -> Iterator[int]:
        """Yield which questions the octets that came answer."""

    def read(self) -> Iterator[float]:
        """Yield the seconds that each answer took which is there."""
        with suppress(ssl.SSLWantReadError):
            while octets := self.tls.recv(65_536):
                came = time.monotonic()
                for number in self.answered(octets):
                    yield came - self.waits.pop(number)
            raise ConnectionError("the server ended a connection")


class OverTls(Client):
    """DNS over TLS (RFC 7858)."""

    protocol = "dot"

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._number, self._unread = 0, b""

    def ask(self, name: str) -> None:
        self._number = (self._number + 1) % 65_536
        query = dns.message.make_query(name, "A", id=self._number).to_wire()
        self.waits[self._number] = time.monotonic()
        self.tls.sendall(len(query).to_bytes(2, "big") + query)

    def answered(self, octets: bytes) -> Iterator[int]:
        self._unread += octets
        while len(self._unread) >= 2:
            end = 2 + int.from_bytes(self._unread[:2], "big")
            if len(self._unread) < end:
                return
            reply, self._unread = self._unread[2:end], self._unread[end:]
            yield int.from_bytes(reply[:2], "big")


class OverHttps(Client):
    """DNS over HTTPS by HTTP/2 (RFC 8484): a POST each."""

    protocol = "h2"

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._http = H2Connection(H2Configuration(client_side=True))
        self._http.initiate_connection()
        self.tls.sendall(self._http.data_to_send())

    def ask(self, name: str) -> None:
        query = dns.message.make_query(name, "A", id=0).to_wire()
        stream = self._http.get_next_available_stream_id()
        head = {":method": "POST", ":scheme": "https", ":authority": HERE, ":path": "/dns-query"}
        head |= {"content-type": TYPE, "content-length": str(len(query))}
        self._http.send_headers(stream, head.items())
        self._http.send_data(stream, query, end_stream=True)
        self.waits[stream] = time.monotonic()
        self.tls.sendall(self._http.data_to_send())

    def answered(self, octets: bytes) -> Iterator[int]:
        for event in self._http.receive_data(octets):
            if isinstance(event, StreamEnded):
                yield event.stream_id
        if said := self._http.data_to_send():
            self.tls.sendall(said)


CLIENTS: dict[str, type[Client]] = {"tls": OverTls, "https": OverHttps}


def pace(over: str, port: int, rate: float, seconds: float) -> tuple[list[float], float]:
    """Return the seconds of each answer, and by how many the sending fell behind at worst.

    Raises ConnectionError where a connection ended, and TimeoutError where an answer never came.
    """
    found: list[float] = []
    behind, sent, wanted = 0.0, 0, int(rate * seconds)
    with ExitStack() as stack:
        readable = stack.enter_context(selectors.DefaultSelector())
        clients = [CLIENTS[over](port) for _ in range(CONNECTIONS)]
        for client in clients:
            stack.enter_context(client.tls)
            readable.register(client.tls, selectors.EVENT_READ, client)
        began = time.monotonic()
        while len(found) < wanted:
            now = time.monotonic()
            due = began + sent / rate
            if sent < wanted and now >= due:
                behind = max(behind, now - due)
                clients[sent % CONNECTIONS].ask(NAMES[sent // CONNECTIONS % len(NAMES)])
                sent += 1
                continue
            if now > began + seconds + PATIENCE:
                raise TimeoutError(f"{wanted - len(found)} questions have no answer")
            for key, _ in readable.select(due - now if sent < wanted else PATIENCE):
                found += key.data.read()
    return found, behind


def main(over: str, port: str, rate: str, seconds: str) -> None:
    answers, behind = pace(over, int(port), float(rate), float(seconds))
    told = {"answers": [round(each * 1e6) for each in answers], "behind": round(behind * 1e6)}
    print(json.dumps(told))  # noqa: T201 - read by the bench


if __name__ == "__main__":
    main(*sys.argv[1:])
