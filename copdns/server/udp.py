"""Datagrams in, datagrams out.

One socket per local address, so that a reply is sent from the address that was asked.  Sockets
are read directly: asyncio's own datagram transport asks for 256 KiB per packet, which costs
five times as much as all else (docs/architecture.md has the figures).
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any, Final

from copdns.dns.datagrams import (
    MAX_DATAGRAM,
    Inbox,
    Outbox,
    address_size,
    peer_address,
    peer_host,
)
from copdns.dns.mmsg import BATCH_SIZE, Batch, forbid_fragments
from copdns.dns.query import UDP_SIZE
from copdns.model.bypass_signs import Heard
from copdns.model.errors import ListenError
from copdns.model.verdict import Requestor
from copdns.policy.snapshot import Client, Snapshot
from copdns.server.answer import Resolver
from copdns.server.cached_reply import NO_REPLIES, CachedReply, PolicyReplies, Replies, Tally
from copdns.server.forwarders import NO_FORWARDERS, Forwarders, cut_header, unwrap
from copdns.server.limits import Bound, ClientLimits
from copdns.server.pending_query import SendReply
from copdns.time.clock import Moment

MAX_CLIENTS: Final = 4096  # addresses whose client is remembered; a home has few
MAX_FORWARDED: Final = 8192  # clients of forwarders that are remembered
FEW_CLIENTS: Final = 256  # so many are in the processor's cache anyway
MAX_BATCHES: Final = 4  # that are answered before the loop does anything else
# SO_SNDBUF: the kernel queues replies while it resolves an address by ARP or NDP, up to 3 s each.
# Capped by net.core.wmem_max.
_SEND_BUFFER: Final = 2 << 20
# SO_RCVBUF: what comes while a list is swapped or a log is read.
_RECEIVE_BUFFER: Final = 1 << 20


class CachedClient:
    """The client of a peer's address, as one snapshot identified it.

    bit, replies, tallies: those of `PolicyReplies` for its policy; bit 0, without replies, for a
    stranger, and for one whose device is uncertain, and is identified anew each time.
    limits: how much it may ask; None: without bound.
    heard: that of the client.
    """

    __slots__ = (
        "bit",
        "client",
        "heard",
        "limits",
        "replies",
        "requestor",
        "snapshot",
        "tallies",
    )

    def __init__(
        self,
        requestor: Requestor,
        snapshot: Snapshot,
        client: Client,
        found: PolicyReplies,
        limits: ClientLimits | None,
    ) -> None:
        self.requestor = requestor
        self.snapshot = snapshot
        self.client = client
        self.heard: Heard = client.heard
        self.replies: Replies = found.replies
        self.bit = found.bit
        self.tallies: list[Tally] = found.tallies
        self.limits = limits

    def touch(self) -> int:
        """Read what is read to answer a query of this client; what it returns means nothing.

        The processor fetches from memory, side by side, what is read for many clients in a row,
        and waits for each in turn where answers are made in between.
        """
        client = self.client
        read = client.blocks + client.others + int(client.policy.is_child)
        ring = client.ring
        return read if ring is None else read + len(ring.entries)


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
        sock: socket.socket | None = None,
    ) -> None:
        """sock: one that is bound to the address and port already; it is closed with the server."""
        self._loop = loop
        self._resolver = resolver
        self._clock = clock
        self.address = address
        self._forwarders = forwarders
        self._socket = sock or bind_socket(address, port, socket.SOCK_DGRAM)
        self._fd = self._socket.fileno()
        self._is_ipv4 = self._socket.family == socket.AF_INET
        self._address = address_size(self._socket.family)
        self._inbox = Inbox(Batch(MAX_DATAGRAM, self._address))
        self._outbox = Outbox(Batch(UDP_SIZE, self._address))
        self._flushing = False
        self._closed = False
        self._send_reply: SendReply = self._send_later  # bound once, not for each query
        self._client_by_address: dict[bytes, CachedClient] = {}  # packed; never a forwarder
        # Who asked, by a forwarder's address and its PROXY header without ports; never by a token.
        self._forwarded: dict[bytes, Requestor] = {}
        loop.add_reader(self._socket, self._drain)

    def _drain(self) -> None:
        """Answer what came; after a full batch, what came meanwhile."""
        for _ in range(MAX_BATCHES):
            if self._answer_batch() < BATCH_SIZE:
                return

    def _answer_batch(self) -> int:
        """Answer from the packet cache where it has the reply, else by the resolver.

        Return how many datagrams came.
        """
        outbox, clients = self._outbox, self._client_by_address
        peer_at, peer_end = (4, 8) if self._is_ipv4 else (8, 24)
        message_at = self._address + 2  # behind the ID, which no key has
        resolver = self._resolver
        snapshot, recorder = resolver.snapshot, resolver.recorder
        packet_cache = resolver.packet_cache
        try:
            came = self._inbox.receive(self._fd)
        except OSError:
            return 0  # an earlier reply could not be delivered: that client is gone
        moment = self._clock()
        wall, mono = moment.wall, moment.mono
        hits = 0
        if outbox.count:  # replies that had to wait; now there is room for one to each query
            outbox.flush(self._fd)
        if packet_cache is not None:
            packet_cache.check_clock(moment)
        peers = self._find_peers(came)
        for at, raw in enumerate(came):
            known = peers[at]
            if known is None:  # perhaps an earlier one of these made it known
                known = clients.get(raw[peer_at:peer_end])
            if known is not None and known.snapshot is snapshot:
                limits = known.limits
                if limits is not None:
                    bound = limits.take(mono, over_udp=True)
                    if bound is not None:
                        message = raw[self._address :]
                        self._answer_excess(raw, message, known.requestor, limits, bound, moment)
                        continue
                cached = known.replies.get(raw[message_at:]) if known.bit else None
                if cached is not None and not cached.policies & known.bit:
                    cached = cached.of_policy(known.bit)
                if cached is not None and (
                    (mono < cached.check_at and not cached.unnoted & known.bit)
                    or self._check(cached, known, moment)
                ):
                    known.heard.lately = True
                    tally = known.tallies[cached.kind]
                    if tally.count:
                        tally.count += 1
                    else:
                        tally.add()
                    if cached.cache_entry is not None:
                        cached.cache_entry.recently_used = True
                        hits += 1
                    if cached.to_log is not None:
                        recorder.log_again(known.client, cached, cached.to_log, known.bit, wall)
                    outbox.add(raw[:message_at] + cached.body)
                    continue
            self._answer(raw, known, snapshot, moment)
        if hits:
            recorder.count_hits(hits)
        outbox.flush(self._fd)
        return len(came)

    def _find_peers(self, came: list[bytes]) -> list[CachedClient | None]:
        """Return who sent these datagrams, as far as that is known."""
        clients = self._client_by_address
        start, end = (4, 8) if self._is_ipv4 else (8, 24)
        peers = [clients.get(raw[start:end]) for raw in came]
        if len(clients) > FEW_CLIENTS:
            for known in peers:
                if known is not None:
                    known.touch()
        return peers

    def _check(self, cached: CachedReply, known: CachedClient, moment: Moment) -> bool:
        """Note this minute's use of what a reply is about.  False: it has expired; answer anew."""
        if not cached.check(moment):
            return False
        if cached.unnoted & known.bit:
            cached.unnoted -= known.bit
            policy = known.client.policy
            budgets = cached.budgets_under(policy, known.bit)
            self._resolver.recorder.note_use(policy, budgets, cached.used_name, moment.wall)
        return True

    def _answer(
        self, raw: bytes, known: CachedClient | None, snapshot: Snapshot, moment: Moment
    ) -> None:
        """Answer one datagram by the resolver."""
        address, message = raw[: self._address], raw[self._address :]
        resolver = self._resolver
        client: Client | None = None
        if known is None or known.snapshot is not snapshot:
            message, requestor, limits, client = self._read_requestor(
                raw, message, snapshot, moment
            )
            bound = None if limits is None else limits.take(moment.mono, over_udp=True)
            if limits is not None and bound is not None:
                self._answer_excess(raw, message, requestor, limits, bound, moment)
                return
        else:
            requestor = known.requestor
            if snapshot is resolver.snapshot:  # an earlier query of this batch may have changed it
                client = known.client
        reply = resolver.answer(message, requestor, moment, self._send_reply, address, client)
        if reply:
            self._outbox.add(address + reply)

    def _answer_excess(
        self,
        raw: bytes,
        message: bytes,
        requestor: Requestor,
        limits: ClientLimits,
        bound: Bound,
        moment: Moment,
    ) -> None:
        """Answer, or not, one datagram of somebody who asks too much."""
        address = raw[: self._address]
        reply = self._resolver.answer_excess(
            message, requestor, limits, bound, moment, self._send_reply, address
        )
        if reply:
            self._outbox.add(address + reply)

    def _read_requestor(
        self, raw: bytes, message: bytes, snapshot: Snapshot, moment: Moment
    ) -> tuple[bytes, Requestor, ClientLimits | None, Client | None]:
        """Return the message of a datagram, who sent it, and how much they may ask; and the client
        that a forwarder's is by the snapshot in force.

        A forwarder says in the message who that is.  Where it does not, the query may be that of
        anybody behind it, so that there is no bound.
        """
        size, header = cut_header(message)
        source = peer_address(raw, self._socket.family) + header
        if size and (told := self._forwarded.get(source)) is not None:
            return self._find_limits(message[size:], told, moment)
        peer = Requestor(self.address, peer_host(raw, self._socket.family), "udp")
        forwarder = self._forwarders.find(peer.address)
        if forwarder is not None:
            message, requestor = unwrap(message, peer, forwarder)
            if requestor == peer:
                return message, peer, None, None
            if size and not (requestor.token or forwarder.mac or forwarder.subnet):
                if len(self._forwarded) >= MAX_FORWARDED:
                    self._forwarded.clear()
                self._forwarded[source] = requestor
            return self._find_limits(message, requestor, moment)
        if len(self._client_by_address) >= MAX_CLIENTS:
            self._client_by_address.clear()
        client = self._new_client(peer, snapshot, moment)
        self._client_by_address[peer_address(raw, self._socket.family)] = client
        return message, peer, client.limits, None

    def _find_limits(
        self, message: bytes, requestor: Requestor, moment: Moment
    ) -> tuple[bytes, Requestor, ClientLimits | None, Client]:
        """Return what `_read_requestor` does, of somebody whom a forwarder names."""
        client = self._resolver.snapshot.identify(requestor)
        limits = self._resolver.limits_of(requestor, moment, client)
        return message, requestor, limits, client

    def _new_client(self, peer: Requestor, snapshot: Snapshot, moment: Moment) -> CachedClient:
        client, packet_cache = snapshot.identify(peer), self._resolver.packet_cache
        replies = NO_REPLIES
        # Nothing is stored for strangers, whose place would end with each change.
        if packet_cache is not None and client.is_certain and client.household:
            replies = packet_cache.replies_for(client.policy)
        limits = self._resolver.limits_of(peer, moment)
        return CachedClient(peer, snapshot, client, replies, limits)

    def set_forwarders(self, forwarders: Forwarders) -> None:
        """Believe these forwarders from now on, and no others."""
        self._forwarders = forwarders
        self._client_by_address.clear()
        self._forwarded.clear()

    def _send_later(self, reply: bytes, address: Any) -> None:
        """Send a reply that had to wait, together with the others of this turn of the loop."""
        if self._outbox.is_full:
            self._outbox.flush(self._fd)
        self._outbox.add(address + reply)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if not self._closed:
            self._outbox.flush(self._fd)  # a client that missed its reply asks again

    def close(self) -> None:
        """Send what waits, and stop answering."""
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
        set_options(sock)
        if kind is socket.SOCK_STREAM:  # connections of the last run may linger
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        raise _listen_error(address, port, kind, error) from error
    return sock


def set_options(sock: socket.socket) -> None:
    """Give a socket of datagrams room for bursts, and send each whole; others stay as they are."""
    if sock.type is socket.SOCK_DGRAM:
        forbid_fragments(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)


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
