"""DNS over HTTPS where clients do what few of them do; `test_doh.py` has what all do."""

from __future__ import annotations

import dns.flags
import pytest
from hpack import Decoder

from copdns.server.doh import HeadEncoder
from tests.unit.messages import ID, message, parsed, query
from tests.unit.server.test_doh import (
    PATH,
    Browser,
    browser,
    here,
    in_path,
    one_response,
    over_https,
    post,
)
from tests.unit.streams import GAMES, SLOW, Desk, Open, TlsClient

__all__ = ["here", "over_https"]  # fixtures


async def test_a_message_without_a_question_in_a_path_is_an_error_of_dns(here: Desk) -> None:
    own = await browser(here)
    response = await own.response(own.ask("GET", in_path(message(b"", questions=0))))
    assert (response.status, parsed(response.body).rcode()) == (200, 1)


async def test_a_reply_that_is_too_long_for_udp_comes_whole(here: Desk) -> None:
    here.home.upstream.script = {SLOW: {"TXT": [f"{each}{'x' * 100}" for each in range(8)]}}
    own = await browser(here)
    stream = own.ask(body=query(SLOW, 16))  # without EDNS, so 512 octets over UDP
    await here.asked(1)
    here.home.upstream.deliver()
    reply = parsed((await own.response(stream)).body)
    assert not reply.flags & dns.flags.TC
    assert len(reply.answer[0]) == 8


@pytest.mark.parametrize("path", ["/dns", "/dns-query/?dns=AAAA", "/dns-queries", "//dns-query"])
async def test_another_path_is_none_however_like_ours_it_is(here: Desk, path: str) -> None:
    own = await browser(here)
    assert (await own.response(own.ask("POST", path, query(GAMES)))).status == 404
    assert (await own.response(own.ask(body=query(GAMES)))).status == 200


async def test_many_small_headers_are_read_past_and_too_many_end_the_connection(
    here: Desk,
) -> None:
    own = await browser(here)
    base = [(":method", "GET"), (":scheme", "https"), (":authority", "dns.example")]
    base.append((":path", in_path(query(GAMES))))
    for count, is_answered in ((100, True), (2000, False)):
        stream = own.http.get_next_available_stream_id()
        more = [(f"x-{number}", "a") for number in range(count)]
        own.http.send_headers(stream, [*base, *more], end_stream=True)
        own.flush()
        if is_answered:
            assert (await own.response(stream)).status == 200
    await own.end()
    other = await browser(here)
    assert (await other.response(other.ask(body=query(GAMES)))).status == 200


async def test_by_http_1_too_many_headers_are_refused(here: Desk) -> None:
    here.client_context.set_alpn_protocols(["http/1.1"])
    client = await here.client()
    assert isinstance(client, TlsClient)
    client.put(post(query(GAMES), *(f"X-{number}: a" for number in range(2000))))
    assert (await one_response(client)).status == 431


async def test_who_names_a_protocol_that_nobody_speaks_here_is_answered_by_http_1(
    here: Desk,
) -> None:
    here.client_context.set_alpn_protocols(["bogus"])
    client = await here.client()
    assert isinstance(client, TlsClient)
    assert client.tls.selected_alpn_protocol() is None
    client.put(post(query(GAMES)))
    response = await one_response(client)
    assert (response.status, response.body[:2]) == (200, ID)
    again = await here.client()
    assert isinstance(again, TlsClient)
    Browser(again)  # speaks HTTP/2, which was not agreed on
    assert b" 400 " in await again.end()


async def test_over_tls_who_names_a_protocol_that_nobody_speaks_here_is_answered(
    over_https: Open,
) -> None:
    here = await over_https(over="tls")
    here.client_context.set_alpn_protocols(["h2"])
    client = await here.client()
    client.send(query(GAMES))
    assert (await client.receive())[:2] == ID


@pytest.mark.parametrize("method", ["HEAD", "DELETE", "OPTIONS", "get"])
async def test_another_method_is_told_which_there_are(here: Desk, method: str) -> None:
    own = await browser(here)
    response = await own.response(own.ask(method, PATH))
    assert (response.status, response.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("size", [0, 4096])
def test_headers_are_encoded_so_that_a_client_needs_nothing_that_came_before(size: int) -> None:
    encoder = HeadEncoder()
    encoder.header_table_size = size  # as a client may set it
    for length in (48, 468, 48):
        headers = [
            (b":status", b"200"),
            (b"content-type", b"application/dns-message"),
            (b"content-length", b"%d" % length),
            (b"cache-control", b"private, max-age=10"),
        ]
        octets = encoder.encode(headers)
        decoder = Decoder()
        decoder.max_allowed_table_size = size  # it must hear of less
        assert decoder.decode(octets, raw=True) == headers
        assert octets == HeadEncoder().encode(headers)
