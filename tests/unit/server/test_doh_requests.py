"""What a request of DNS over HTTPS must be, and for how long its reply may be kept."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from contextlib import suppress

import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.server.doh_requests import (
    MAX_MESSAGE,
    TYPE,
    Request,
    RequestError,
    cache_control,
    read_message,
)
from tests.unit.messages import query

QUERY = query("www.example")
TEXT = urlsafe_b64encode(QUERY).rstrip(b"=")
# Of the same length but for one octet each, so that every remainder of base64 is there.
LONGER = [QUERY + bytes(number) for number in range(3)]


def get(query: bytes, path: bytes = b"/dns-query") -> Request:
    return Request(b"GET", path + query, b"")


@pytest.mark.parametrize("message", LONGER)
def test_a_message_comes_in_the_path_or_in_the_body(message: bytes) -> None:
    text = urlsafe_b64encode(message)
    for each in (text, text.rstrip(b"="), text.replace(b"=", b"%3D")):
        assert read_message(get(b"?dns=" + each), b"") == message
        assert read_message(get(b"?ct=1&dns=" + each + b"&x"), b"") == message
    assert read_message(Request(b"POST", b"/dns-query", TYPE), message) == message
    typed = Request(b"POST", b"/dns-query?dns=x", b"Application/DNS-Message; charset=utf-8")
    assert read_message(typed, message) == message


@pytest.mark.parametrize(
    ("request_", "body", "status"),
    [
        (get(b""), b"", 400),  # no parameter
        (get(b"?"), b"", 400),
        (get(b"?dns="), b"", 400),
        (get(b"?DNS=" + TEXT), b"", 400),
        (get(b"?dns=" + TEXT + b"&dns=" + TEXT), b"", 400),  # which of them?
        (get(b"?dns=" + TEXT[:1]), b"", 400),  # no octet is as short as that
        (get(b"?dns=" + TEXT[:-1] + b"!"), b"", 400),
        (get(b"?dns=" + TEXT[:12]), b"", 400),  # shorter than a header
        (get(b"?dns=" + TEXT, b"/"), b"", 404),
        (get(b"?dns=" + TEXT, b"/dns-quer"), b"", 404),
        (get(b"?dns=" + TEXT, b"/dns-query/"), b"", 404),
        (get(b"?dns=" + TEXT, b"/DNS-QUERY"), b"", 404),
        (Request(b"PUT", b"/dns-query", TYPE), QUERY, 405),
        (Request(b"HEAD", b"/dns-query?dns=" + TEXT, b""), b"", 405),
        (Request(b"", b"/dns-query", b""), b"", 405),
        (Request(b"POST", b"/dns-query", TYPE), b"", 400),
        (Request(b"POST", b"/dns-query", TYPE), QUERY[:11], 400),
        (Request(b"POST", b"/dns-query", b""), QUERY, 415),
        (Request(b"POST", b"/dns-query", b"application/dns-json"), QUERY, 415),
        (Request(b"POST", b"/dns-query", TYPE), bytes(MAX_MESSAGE + 1), 413),
    ],
)
def test_what_is_no_request_gets_the_status_that_says_why(
    request_: Request, body: bytes, status: int
) -> None:
    with pytest.raises(RequestError) as caught:
        read_message(request_, body)
    assert caught.value.status == status


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_octets_break_the_reading(target: bytes, body: bytes) -> None:
    for request in (get(b"?dns=" + target), Request(b"POST", b"/dns-query", TYPE)):
        with suppress(RequestError):
            assert 12 <= len(read_message(request, body)) <= MAX_MESSAGE


def replied(rcode: int = 0, *ttls: int, authority: tuple[int, ...] = ()) -> bytes:
    reply = dns.message.make_response(dns.message.make_query("www.example", "A", id=1))
    reply.set_rcode(dns.rcode.Rcode(rcode))
    for number, ttl in enumerate(ttls):
        name = f"{number}.example."
        reply.answer.append(dns.rrset.from_text(name, ttl, "IN", "A", "192.0.2.1"))
    for ttl in authority:
        soa = f"a. b. 1 2 3 4 {ttl}"
        reply.authority.append(dns.rrset.from_text("example.", ttl, "IN", "SOA", soa))
    return reply.to_wire()


@pytest.mark.parametrize(
    ("reply", "kept"),
    [
        (replied(0, 300, 20, 60), b"private, max-age=20"),
        (replied(0, 300, authority=(5,)), b"private, max-age=300"),
        (replied(3, authority=(10,)), b"private, max-age=10"),  # NXDOMAIN
        (replied(0, authority=(7,)), b"private, max-age=7"),  # NODATA
        (replied(0), b"no-store"),
        (replied(2, 300), b"no-store"),
        (replied(5), b"no-store"),
        (replied(0, 300)[:-5], b"no-store"),
    ],
)
def test_a_reply_is_kept_for_as_long_as_its_shortest_record_and_by_nobody_else(
    reply: bytes, kept: bytes
) -> None:
    assert cache_control(reply) == kept
