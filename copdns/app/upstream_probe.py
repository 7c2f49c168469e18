"""Send a resolver one query and wait for the response: for `doctor` and for whoever chooses a
resolver, never to answer a query."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from typing import NamedTuple

from copdns.dns.connections import pad_query
from copdns.dns.exchange import Exchange
from copdns.dns.message import read_response
from copdns.dns.query import CacheKey
from copdns.dns.records import HEADER_SIZE, NS
from copdns.dns.socket_pool import SentQuery, SocketOwner, UpstreamSocket
from copdns.dns.upstream_message import (
    BARE,
    QuestionMatch,
    build_query,
    match_response,
    question_of,
)
from copdns.model.addresses import Transport, UpstreamAddress
from copdns.model.errors import (
    REFUSED,
    SERVFAIL,
    UpstreamError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
    WireError,
)
from copdns.model.names import to_wire

PATIENCE = 2.0  # seconds

_RCODE_ERROR = {SERVFAIL: "it answered SERVFAIL", REFUSED: "it answered REFUSED"}


class ProbeResult(NamedTuple):
    """How an upstream answered a first query.  error: "" where it did; seconds: how long."""

    error: str
    seconds: float


def trouble_of(upstream: UpstreamAddress) -> str:
    """Return what keeps an upstream from being used; "" where it answers.  It waits for seconds."""
    found = probe_encrypted_or_udp(upstream)
    if found.error:
        return found.error
    tcp = probe_tcp(upstream)
    return f"it answers by UDP but not by TCP: {tcp.error}" if tcp and tcp.error else ""


def probe_encrypted_or_udp(upstream: UpstreamAddress) -> ProbeResult:
    """Ask for the name servers of the root, encrypted or by UDP."""
    return _probe(upstream, tcp=False)


def probe_tcp(upstream: UpstreamAddress) -> ProbeResult | None:
    """Return how TCP works; None for an encrypted upstream, which has but one way."""
    return _probe(upstream, tcp=True) if upstream.transport is Transport.UDP else None


def _probe(upstream: UpstreamAddress, *, tcp: bool) -> ProbeResult:
    started = time.monotonic()
    try:
        error = _RCODE_ERROR.get(read_response(query_resolver(upstream, "", NS, tcp=tcp)).rcode, "")
    except (UpstreamError, WireError) as failure:
        error = str(failure)
    return ProbeResult(error, time.monotonic() - started)


def query_resolver(server: UpstreamAddress, qname: str, qtype: int, *, tcp: bool = False) -> bytes:
    """Return a resolver's response in octets; raise UpstreamError where none comes."""
    question = question_of(to_wire(qname), qtype)
    query = os.urandom(2) + build_query(question, do=False, cd=False, edns=True)
    if server.transport is not Transport.UDP:
        return asyncio.run(_query_encrypted(server, query[2:], question))
    try:
        response = _over_tcp(server, query) if tcp else _over_udp(server, query, question)
    except TimeoutError:
        raise UpstreamTimeoutError(f"no answer within {PATIENCE:.0f} s") from None
    except OSError as error:
        raise UpstreamUnreachableError(error.strerror or str(error)) from error
    if not _belongs(response, query, question):
        raise UpstreamError("the response does not match the query")
    return response


def _over_udp(server: UpstreamAddress, query: bytes, question: bytes) -> bytes:
    family, kind, _, _, address = socket.getaddrinfo(
        server.host, server.port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
    )[0]
    deadline = time.monotonic() + PATIENCE
    with socket.socket(family, kind) as sock:
        sock.connect(address)
        sock.send(query)
        while True:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            response = sock.recv(65535)
            if _belongs(response, query, question):
                return response


def _over_tcp(server: UpstreamAddress, query: bytes) -> bytes:
    deadline = time.monotonic() + PATIENCE
    with socket.create_connection((server.host, server.port), PATIENCE) as sock:
        sock.sendall(len(query).to_bytes(2, "big") + query)
        length = _receive(sock, 2, deadline)
        return _receive(sock, int.from_bytes(length, "big"), deadline)


def _receive(sock: socket.socket, count: int, deadline: float) -> bytes:
    """Return so many octets, or fewer where the other end closes; raise TimeoutError.

    deadline: by `time.monotonic`, for all of them: a server that sends an octet now and then must
    not hold whoever waits.
    """
    found = bytearray()
    while len(found) < count:
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        part = sock.recv(count - len(found))
        if not part:
            break
        found += part
    return bytes(found)


class _Waiting(SocketOwner):
    """Who waits for one response.  trouble: why none can come."""

    def __init__(self) -> None:
        self.came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.trouble = "it closed the connection"

    def read_socket(self, source: UpstreamSocket) -> None:
        raise NotImplementedError  # there is none

    def read_message(self, sent: SentQuery, message: bytes) -> None:
        if not self.came.done():
            self.came.set_result(message)

    def send_elsewhere(self, sent: SentQuery) -> None:
        if not self.came.done():
            self.came.set_exception(UpstreamUnreachableError(self.trouble))

    def ask(self, exchange: Exchange) -> None:
        raise NotImplementedError  # an address that is not known was looked up before

    def note_trouble(self, _address: UpstreamAddress, trouble: str) -> None:
        self.trouble = trouble


async def _query_encrypted(server: UpstreamAddress, message: bytes, question: bytes) -> bytes:
    """Return the response to a message without its ID over TLS or HTTPS, as copdns asks it."""
    from copdns.app.encrypted_upstreams import connect  # it takes a while, and most need none of it

    if not server.host:
        raise UpstreamUnreachableError("its address was not found")
    waiting = _Waiting()
    loop = asyncio.get_running_loop()
    pool = connect(loop, server, waiting, waiting, waiting.note_trouble)
    exchange = Exchange(CacheKey("", 0, do=False, cd=False), question=question)
    try:
        pool.send(pad_query(message), SentQuery(exchange, question, BARE, loop.time()))
        async with asyncio.timeout(2 * PATIENCE):  # with what it takes to connect
            response = await waiting.came
    except TimeoutError:
        raise UpstreamTimeoutError(f"no answer within {2 * PATIENCE:.0f} s") from None
    finally:
        pool.close()
    if match_response(response, question) is QuestionMatch.NO:
        raise UpstreamError("the response does not match the query")
    return response


def _belongs(response: bytes, query: bytes, question: bytes) -> bool:
    if len(response) < HEADER_SIZE or response[:2] != query[:2]:
        return False
    return match_response(response, question) is not QuestionMatch.NO
