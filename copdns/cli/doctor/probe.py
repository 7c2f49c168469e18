"""Ask a resolver one question and wait for what comes: for `doctor`, never for a query."""

from __future__ import annotations

import os
import socket
import time

from copdns.dns.exchange import QuestionMatch, build_query, match_response, question_of
from copdns.dns.records import HEADER_SIZE
from copdns.model.addresses import UpstreamAddress
from copdns.model.errors import UpstreamError, UpstreamTimeoutError, UpstreamUnreachableError
from copdns.model.names import to_wire

PATIENCE = 2.0  # seconds


def ask(server: UpstreamAddress, qname: str, qtype: int, *, tcp: bool = False) -> bytes:
    """Return a resolver's answer as it came; raise UpstreamError when none does."""
    question = question_of(to_wire(qname), qtype)
    query = os.urandom(2) + build_query(question, do=False, cd=False, edns=True)
    try:
        reply = _over_tcp(server, query) if tcp else _over_udp(server, query, question)
    except TimeoutError:
        raise UpstreamTimeoutError(f"no answer within {PATIENCE:.0f} s") from None
    except OSError as error:
        raise UpstreamUnreachableError(error.strerror or str(error)) from error
    if not _belongs(reply, query, question):
        raise UpstreamError("what came is no answer to the question")
    return reply


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
            reply = sock.recv(65535)
            if _belongs(reply, query, question):
                return reply


def _over_tcp(server: UpstreamAddress, query: bytes) -> bytes:
    with socket.create_connection((server.host, server.port), PATIENCE) as sock:
        sock.sendall(len(query).to_bytes(2, "big") + query)
        with sock.makefile("rb") as stream:
            return stream.read(int.from_bytes(stream.read(2), "big"))


def _belongs(reply: bytes, query: bytes, question: bytes) -> bool:
    if len(reply) < HEADER_SIZE or reply[:2] != query[:2]:
        return False
    return match_response(reply, question) is not QuestionMatch.NO
