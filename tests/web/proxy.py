"""A device's way into its network: a SOCKS proxy that stands for one address of loopback.

A browser's own connections all come from 127.0.0.1; through this one they come from the address of
a device, and every name is looked up as that device would, by the program under test.  What has no
address is not reached, and the browser shows its own error page.

Nothing leaves loopback.  The program's own address leads to its pages; the rest of the internet is
played by a server that tells which name was reached.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import BinaryIO

import dns.exception
import dns.rdatatype

from tests.running import PATIENCE, Program

# Of RFC 1928: version, the request to connect, kinds of address, and replies.
SOCKS5, CONNECT, BY_ADDRESS, BY_NAME = 5, 1, 1, 3
DONE, NOT_ALLOWED, UNREACHABLE, REFUSED = 0, 2, 4, 5

HTTP = 80
# What Chromium looks up by itself, such as how forms are filled in; no person asked for it, and
# the program under test is not to count it.
OF_CHROMIUM = (".googleapis.com", ".google.com")
OWN_ADDRESS = "127.0.0.1"  # of the program, whose pages tests let listen there


@dataclass
class Way:
    """The way of one device.

    source: its address.  ports: where the program's own pages are, by the port that a browser
    asks for.  outside: the port that plays the rest of the internet.  asked: the names that were
    wanted, in order.
    """

    program: Program
    source: str
    ports: dict[int, int]
    outside: int
    asked: list[str] = field(default_factory=list)

    def target(self, host: str, port: int) -> int:
        """Return the port of loopback that plays a place; raises NoWayError with what to reply."""
        if host.endswith(OF_CHROMIUM):
            raise NoWayError(NOT_ALLOWED)
        self.asked.append(host)
        address = host if _is_address(host) else self._address(host)
        if address == OWN_ADDRESS:
            return _known(port if port in self.ports.values() else self.ports.get(port))
        return _known(self.outside if port == HTTP else None)

    def _address(self, name: str) -> str:
        """Return the address that the program gives this device for a name."""
        reply = self.program.ask(name, "A", self.source)
        for rrset in reply.answer:
            if rrset.rdtype == dns.rdatatype.A:
                return str(rrset[0])
        raise NoWayError(UNREACHABLE)


class NoWayError(Exception):
    """A place is not reached; its argument is the reply that says so."""


def _known(port: int | None) -> int:
    if port is None:
        raise NoWayError(REFUSED)
    return port


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@contextmanager
def proxy(way: Way) -> Iterator[int]:
    """Serve a device; give the port of 127.0.0.1 at which its browser finds the proxy."""

    class Handler(_Handler):
        target = staticmethod(way.target)
        source = way.source

    with serving(ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield port


class _Handler(StreamRequestHandler):
    """One connection of the browser."""

    target: Callable[[str, int], int]
    source: str
    timeout = PATIENCE

    def handle(self) -> None:
        try:
            host, port = _wanted(self.rfile, self.wfile)
            there = self._connected(self.target(host, port))
        except NoWayError as no:
            self.wfile.write(_reply(no.args[0]))
        except (EOFError, OSError, dns.exception.DNSException):
            return  # the browser went away, or the program is stopping
        else:
            with closing(there):
                self.wfile.write(_reply(DONE))
                self._carry(there)

    def _connected(self, port: int) -> socket.socket:
        try:
            return socket.create_connection(("127.0.0.1", port), PATIENCE, (self.source, 0))
        except ConnectionRefusedError:
            raise NoWayError(REFUSED) from None

    def _carry(self, there: socket.socket) -> None:
        """Carry bytes both ways until both sides have closed."""
        self.connection.settimeout(None)
        there.settimeout(None)
        back = threading.Thread(target=_copy, args=[there, self.connection])
        back.start()
        _copy(self.connection, there)
        back.join()


def _wanted(rfile: BinaryIO, wfile: BinaryIO) -> tuple[str, int]:
    """Greet a browser, and return the host and port that it wants."""
    version, methods = _read(rfile, 2)
    _read(rfile, methods)
    wfile.write(bytes([SOCKS5, 0]))  # no password
    version, command, _, kind = _read(rfile, 4)
    if (version, command) != (SOCKS5, CONNECT) or kind not in (BY_ADDRESS, BY_NAME):
        raise NoWayError(NOT_ALLOWED)
    if kind == BY_ADDRESS:
        host = socket.inet_ntoa(_read(rfile, 4))
    else:
        host = _read(rfile, _read(rfile, 1)[0]).decode("ascii").lower()
    return host, int.from_bytes(_read(rfile, 2), "big")


def _read(rfile: BinaryIO, count: int) -> bytes:
    octets = rfile.read(count)
    if len(octets) < count:
        raise EOFError
    return octets


def _reply(code: int) -> bytes:
    return bytes([SOCKS5, code, 0, BY_ADDRESS, 0, 0, 0, 0, 0, 0])


def _copy(start: socket.socket, end: socket.socket) -> None:
    with suppress(OSError):  # the other direction closed it
        while octets := start.recv(65536):
            end.sendall(octets)
    with suppress(OSError):
        end.shutdown(socket.SHUT_WR)


@contextmanager
def outside() -> Iterator[int]:
    """Play every web site there is; give the port."""
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), _Site)) as port:
        yield port


class _Site(BaseHTTPRequestHandler):
    """Tells where a browser has come.  Closes after each page, so that the next one looks up its
    name again."""

    def do_GET(self) -> None:
        name = self.headers.get("Host", "").encode("ascii", "xmlcharrefreplace")
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A site</title><h1>This is %s</h1>" % name)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(server: ThreadingTCPServer | ThreadingHTTPServer) -> Iterator[int]:
    """Serve in threads, and give the port."""
    server.daemon_threads = True  # a browser may keep its connections
    with ExitStack() as stack:
        stack.enter_context(server)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        yield server.server_address[1]
