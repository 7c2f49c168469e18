"""Datagrams in, datagrams out.

One socket per local address, so that a reply leaves from the address that was asked.  Sockets
are read directly: asyncio's own datagram transport asks for 256 KiB per packet, which costs
five times as much as all else (docs/architecture.md has the figures).
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping
from typing import Any

from copdns.dns.datagrams import Inbox, Outbox, address_size, peer_address, peer_host
from copdns.dns.wire import UDP_SIZE
from copdns.model.errors import ListenError
from copdns.model.verdict import Requestor
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Client, Snapshot
from copdns.server.answer import Resolver
from copdns.server.forwarded import NO_FORWARDERS, Forwarders, unwrap
from copdns.server.packet_cache import RepliesByPolicy
from copdns.time.moment import Moment

SIZE_STEP, SIZE_AT = Inbox.SIZE_STEP, Inbox.SIZE_AT
_SEATS = 4096  # clients whose address was read before; a home has few
# Octets of replies that the kernel holds while it looks who is at an address of this network: some
# seconds for one where nobody is.  It gives net.core.wmem_max at most.
_HELD = 2 << 20
_BUFFER = 1 << 20  # octets the kernel holds for us while a list is swapped or a log is read


class CachedClient:
    """A peer as it was known a moment ago: who it is under these policies.

    policy: whose replies are its own; None for one who may be somebody else, and is looked at
    each time anew.
    """

    __slots__ = ("asker", "client", "live", "policy")

    def __init__(self, asker: Requestor, live: Snapshot, client: Client) -> None:
        self.asker = asker
        self.live = live
        self.client = client
        self.policy: Policy | None = client.policy if client.is_certain else None


class UdpServer:
    """Answers on one address and port."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        resolver: Resolver,
        clock: Callable[[], Moment],
        address: str,
        port: int,
        forwarders: Forwarders = NO_FORWARDERS,
    ) -> None:
        self._loop = loop
        self._resolver = resolver
        self._clock = clock
        self.address = address
        self._forwarders = forwarders
        self._socket = bind_socket(address, port, socket.SOCK_DGRAM)
        self._fd = self._socket.fileno()
        self._address = address_size(self._socket.family)
        self._inbox = Inbox(self._address)
        self._outbox = Outbox(UDP_SIZE, self._address)
        self._flushing = False
        self._closed = False
        self._seats: dict[bytes, CachedClient] = {}  # by packed address; never a forwarder
        loop.add_reader(self._socket, self._drain)

    def _drain(self) -> None:
        """Answer what came: from the fast lane where the reply is known, else the whole way."""
        inbox, outbox, seats = self._inbox, self._outbox, self._seats
        raws, sizes, step = inbox.raw, inbox.sizes, inbox.step
        peer_at, peer_end = (4, 8) if self._socket.family == socket.AF_INET else (8, 24)
        message_at = self._address + 2  # the same from question to question, but for the ID before
        resolver = self._resolver
        live, lane, recorder = resolver.live, resolver.lane, resolver.recorder
        use = recorder.note_usage
        questions: Mapping[bytes, RepliesByPolicy] = {} if lane is None else lane.replies
        try:
            count = inbox.receive(self._fd)
        except OSError:
            return  # word of an earlier reply that could not be delivered: that client is gone
        moment = self._clock()
        mono = moment.mono
        found = 0
        if outbox.count:  # of replies that had to wait: now there is room for one to each question
            outbox.flush(self._fd)
        if lane is not None:
            lane.check_clock(moment)
        for place in range(count):
            at = place * step
            size = sizes[place * SIZE_STEP + SIZE_AT]
            raw = raws[at : at + self._address + size].tobytes()
            seat = seats.get(raw[peer_at:peer_end])
            if seat is not None and seat.live is live:
                replies = questions.get(raw[message_at:])
                entry = None if replies is None else replies.get(seat.policy)
                if entry is not None and (mono < entry.check_at or entry.refresh(moment, use)):
                    tally = entry.tally
                    if tally.count:
                        tally.count += 1
                    else:
                        tally.add()
                    if entry.cache_entry is not None:
                        entry.cache_entry.recently_used = True
                        found += 1
                    if entry.to_log is not None:
                        recorder.log_name(seat.client, *entry.to_log, moment.wall)
                    outbox.add(raw[:message_at] + entry.body)
                    continue
            self._answer(raw, seat, live, moment)
        if found:
            recorder.count_hits(found)
        outbox.flush(self._fd)

    def _answer(
        self, raw: bytes, seat: CachedClient | None, live: Snapshot, moment: Moment
    ) -> None:
        """Answer one datagram the whole way."""
        address, message = raw[: self._address], raw[self._address :]
        if seat is None or seat.live is not live:
            message, asker = self._from(raw, message, live)
        else:
            asker = seat.asker
        reply = self._resolver.answer(message, asker, moment, self._later, address)
        if reply:
            self._outbox.add(address + reply)

    def _from(self, raw: bytes, message: bytes, live: Snapshot) -> tuple[bytes, Requestor]:
        """Return the message that a peer brings, and who asks: a forwarder says so itself."""
        peer = Requestor(self.address, peer_host(raw, self._socket.family), "udp")
        forwarder = self._forwarders.find(peer.address)
        if forwarder is not None:
            return unwrap(message, peer, forwarder)
        if len(self._seats) >= _SEATS:
            self._seats.clear()
        self._seats[peer_address(raw, self._socket.family)] = CachedClient(
            peer, live, live.identify(peer)
        )
        return message, peer

    def set_forwarders(self, forwarders: Forwarders) -> None:
        """Believe these forwarders from now on, and no others."""
        self._forwarders = forwarders
        self._seats.clear()

    def _later(self, reply: bytes, address: Any) -> None:
        """Send a reply that had to wait, together with others of this turn of the loop."""
        if self._outbox.is_full:
            self._outbox.flush(self._fd)
        self._outbox.add(address + reply)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if not self._closed:
            self._outbox.flush(self._fd)  # who cannot be reached any more asks again

    def close(self) -> None:
        self._flush()
        self._closed = True
        self._loop.remove_reader(self._socket)
        self._socket.close()


def bind_socket(address: str, port: int, kind: socket.SocketKind) -> socket.socket:
    """Return a socket that is bound to an address and port; raise ListenError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind is socket.SOCK_DGRAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _HELD)
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
