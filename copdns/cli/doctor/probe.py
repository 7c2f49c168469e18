"""Send a resolver one query and wait for the response: for `doctor`, never to answer a query."""

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


def query_resolver(server: UpstreamAddress, qname: str, qtype: int, *, tcp: bool = False) -> bytes:
    """Return a resolver's response in octets; raise UpstreamError where none comes."""
    question = question_of(to_wire(qname), qtype)
    query = os.urandom(2) + build_query(question, do=False, cd=False, edns=True)
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
    with socket.create_connection((server.host, server.port), PATIENCE) as sock:
        sock.sendall(len(query).to_bytes(2, "big") + query)
        with sock.makefile("rb") as stream:
            return stream.read(int.from_bytes(stream.read(2), "big"))


def _belongs(response: bytes, query: bytes, question: bytes) -> bool:
    if len(response) < HEADER_SIZE or response[:2] != query[:2]:
        return False
    return match_response(response, question) is not QuestionMatch.NO
