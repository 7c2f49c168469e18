"""Datagrams in, datagrams out.

One socket per local address, so that a reply leaves from the address that was asked.  Sockets
are read directly: asyncio's own datagram transport asks for 256 KiB per packet, which costs
five times as much as all else (docs/architecture.md has the figures).
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any

from copdns.answer import Moment, Resolver
from copdns.errors import ListenError
from copdns.forwarded import NOBODY, Forwarders, unwrapped
from copdns.model import Asker

DRAIN = 64  # datagrams a wake-up: more would starve the answers of upstreams
_RECEIVE = 4096  # octets; a query is never longer than one datagram of 4096
_ASKERS = 4096  # clients whose address was read before; a home has few
_BUFFER = 1 << 20  # octets the kernel holds for us while a list is swapped or a log is read


class UdpServer:
    """Answers on one address and port."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        resolver: Resolver,
        clock: Callable[[], Moment],
        address: str,
        port: int,
        forwarders: Forwarders = NOBODY,
    ) -> None:
        self._loop = loop
        self._resolver = resolver
        self._clock = clock
        self.address = address
        self._forwarders = forwarders
        self._askers: dict[str, Asker] = {}  # never a forwarder: each of its messages is another's
        self._socket = bound(address, port, socket.SOCK_DGRAM)
        loop.add_reader(self._socket, self._drain)

    def _drain(self) -> None:
        receive, send = self._socket.recvfrom, self._socket.sendto
        answer, later, askers = self._resolver.answer, self._send, self._askers
        moment = self._clock()
        for _ in range(DRAIN):
            try:
                message, peer = receive(_RECEIVE)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error about an earlier reply: that client is gone
            asker = askers.get(peer[0])
            if asker is None:
                message, asker = self._from(peer[0], message)
            reply = answer(message, asker, moment, later, peer)
            if reply is not None:
                try:
                    send(reply, peer)
                except OSError:
                    continue  # the buffer is full or the client is gone; it will ask again

    def _from(self, host: str, message: bytes) -> tuple[bytes, Asker]:
        """Return the message that a peer brings, and who asks: a forwarder says so itself."""
        peer = Asker(self.address, host.partition("%")[0], "udp")
        forwarder = self._forwarders.of(peer.address)
        if forwarder is not None:
            return unwrapped(message, peer, forwarder)
        if len(self._askers) >= _ASKERS:
            self._askers.clear()
        self._askers[host] = peer
        return message, peer

    def trust(self, forwarders: Forwarders) -> None:
        """Believe these forwarders from now on, and no others."""
        self._forwarders = forwarders
        self._askers.clear()

    def _send(self, reply: bytes, peer: Any) -> None:
        try:
            self._socket.sendto(reply, peer)
        except OSError:
            return  # the buffer is full or the client is gone; it will ask again

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()


def bound(address: str, port: int, kind: socket.SocketKind) -> socket.socket:
    """Return a socket that is bound to an address and port; raise ListenError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind is socket.SOCK_DGRAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        else:  # connections of the last run may linger
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        raise _listen_error(address, port, kind, error) from error
    return sock


def _listen_error(address: str, port: int, kind: socket.SocketKind, error: OSError) -> ListenError:
    """Return an error that says what is in the way, and what to do."""
    transport = "UDP" if kind is socket.SOCK_DGRAM else "TCP"
    way_out = {
        errno.EACCES: "ports below 1024 need a privilege: see systemd/copdns.service, "
        "or set dns.port",
        errno.EADDRINUSE: "another program listens there (on Debian often systemd-resolved): "
        "see docs/install.md",
        errno.EADDRNOTAVAIL: "this machine has no such address: see dns.listen",
    }.get(error.errno or 0, "see dns.listen and dns.port")
    return ListenError(f"{address} port {port} ({transport}): {error.strerror}; {way_out}")
