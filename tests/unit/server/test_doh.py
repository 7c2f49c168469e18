"""DNS over HTTPS, by HTTP/2 and HTTP/1.1, with real connections on loopback.

The client's side of HTTP/2 is h2 as well; `tests/e2e/test_encrypted_dns.py` has clients of others.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import dns.edns
import dns.message
import pytest
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes

from copdns.server import doh, http1
from copdns.server.doh import (
    FRAMES_AT_FIRST,
    FRAMES_PER_ERROR,
    FRAMES_PER_REQUEST,
    MAX_HIDDEN,
    MAX_STREAMS,
    MAX_UNSENT,
    Http2,
)
from copdns.server.doh_requests import MAX_MESSAGE
from copdns.server.http1 import MAX_ERRORS, MAX_HEAD
from copdns.time.clock import Moment
from tests.unit.messages import ID, message, parsed, query
from tests.unit.streams import GAMES, SLOW, Desk, Open, TlsClient, pass_time, turn
from tests.upstream_server import PATIENCE

TYPE = "application/dns-message"
PATH = "/dns-query"


HEAD = [(":method", "GET"), (":scheme", "https"), (":authority", "dns.example"), (":path", "/")]


class Response(NamedTuple):
    """A response of HTTP.  headers: by name in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def in_path(wire: bytes) -> str:
    return f"{PATH}?dns={urlsafe_b64encode(wire).rstrip(b'=').decode()}"


class Browser:
    """A client of HTTP/2.  responses: by stream, those that are whole."""

    def __init__(self, client: TlsClient) -> None:
        self.client = client
        self.http = H2Connection()
        self.responses: dict[int, Response] = {}
        self.resets: set[int] = set()
        self.is_over = False
        self._partly: dict[int, Response] = {}
        self.http.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.client.put(self.http.data_to_send() or b"")

    def ask(
        self, method: str = "POST", path: str = PATH, body: bytes = b"", kind: str = TYPE
    ) -> int:
        """Send a request, and return its stream."""
        stream = self.http.get_next_available_stream_id()
        headers = [(":method", method), (":scheme", "https"), (":authority", "dns.example")]
        headers.append((":path", path))
        if kind and method == "POST":
            headers.append(("content-type", kind))
        self.http.send_headers(stream, headers, end_stream=not body)
        if body:
            self.http.send_data(stream, body, end_stream=True)
        self.flush()
        return stream

    async def hear(self) -> None:
        """Take what comes next; only the frames, not what follows from them."""
        try:
            octets = await self.client.more()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.is_over = True
            return
        for event in self.http.receive_data(octets):
            if isinstance(event, ResponseReceived):
                headers = {name.decode(): value.decode() for name, value in event.headers}
                status = int(headers.pop(":status"))
                self._partly[event.stream_id] = Response(status, headers, b"")
            elif isinstance(event, DataReceived):
                partly = self._partly[event.stream_id]
                self._partly[event.stream_id] = partly._replace(body=partly.body + event.data)
                self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                self.responses[event.stream_id] = self._partly.pop(event.stream_id)
            elif isinstance(event, StreamReset):
                self.resets.add(event.stream_id)
            elif isinstance(event, ConnectionTerminated):
                self.is_over = True
        with suppress(Exception):
            self.flush()

    async def response(self, stream: int) -> Response:
        async with asyncio.timeout(PATIENCE):
            while stream not in self.responses:
                assert not self.is_over, "the connection ended"
                await self.hear()
        return self.responses.pop(stream)

    async def end(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not self.is_over:
                await self.hear()


@pytest.fixture
def over_https(desk: Open, certificate: Path) -> Open:
    return partial(desk, certificate=certificate, over="https")


async def browser(here: Desk) -> Browser:
    client = await here.client()
    assert isinstance(client, TlsClient)
    return Browser(client)


@pytest.fixture
async def here(over_https: Open) -> Desk:
    return await over_https()


async def test_a_query_is_answered_in_a_body_and_in_a_path(here: Desk) -> None:
    own = await browser(here)
    streams = [own.ask(body=query(GAMES)), own.ask("GET", in_path(query(GAMES)))]
    for stream in streams:
        response = await own.response(stream)
        assert response.status == 200
        assert response.headers == {
            "content-type": TYPE,
            "content-length": str(len(response.body)),
            "cache-control": "private, max-age=10",  # the TTL of a block
        }
        assert response.body[:2] == ID
        assert parsed(response.body).question[0].name.to_text() == f"{GAMES}."
    told = here.home.recorder.last
    assert (told.client.policy.profile if told else "") == "mia"
    here.home.recorder.flush(here.home.clock.wall)
    assert here.home.counters.queries["https"] == 2


async def test_a_slow_question_does_not_hold_a_fast_one(here: Desk) -> None:
    own = await browser(here)
    slow, fast = own.ask(body=query(SLOW)), own.ask(body=query(GAMES))
    assert (await own.response(fast)).status == 200
    assert slow not in own.responses
    here.home.upstream.deliver()
    assert (await own.response(slow)).status == 200


async def test_a_hundred_questions_at_once_are_all_answered(here: Desk) -> None:
    own = await browser(here)
    streams = [own.ask(body=query(f"{number}.example")) for number in range(100)]
    answered = asyncio.create_task(own.response(streams[-1]))
    await here.asked(100)
    here.home.upstream.deliver()
    await answered
    for stream in streams[:-1]:
        assert (await own.response(stream)).status == 200


async def test_a_reply_is_padded_for_who_pads_and_no_time_is_told(here: Desk) -> None:
    own = await browser(here)
    options = [dns.edns.GenericOption(12, bytes(20)), dns.edns.GenericOption(11, b"")]
    asked = dns.message.make_query(GAMES, "A", use_edns=0, options=options)
    response = await own.response(own.ask(body=asked.to_wire()))
    assert len(response.body) == 468
    assert 11 not in [int(each.otype) for each in parsed(response.body).options]


async def test_an_error_of_dns_is_a_success_of_http(here: Desk) -> None:
    own = await browser(here)
    response = await own.response(own.ask(body=message(b"", questions=0)))
    assert (response.status, parsed(response.body).rcode()) == (200, 1)
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status"),
    [
        ("GET", PATH, b"", "", 400),
        ("GET", f"{PATH}?dns=!", b"", "", 400),
        ("GET", "/", b"", "", 404),
        ("PUT", PATH, b"", "", 405),
        ("POST", PATH, b"", TYPE, 400),
        ("POST", PATH, query(GAMES), "text/plain", 415),
        ("POST", PATH, b"\0" * 12, TYPE, 200),
        ("POST", PATH, b"\0\0\x80" + b"\0" * 9, TYPE, 400),  # a response
    ],
)
async def test_what_is_no_query_gets_a_status_and_the_connection_stays(
    here: Desk, method: str, path: str, body: bytes, kind: str, status: int
) -> None:
    own = await browser(here)
    response = await own.response(own.ask(method, path, body, kind))
    assert response.status == status
    assert response.headers.get("allow") == ("GET, POST" if status == 405 else None)
    assert (await own.response(own.ask(body=query(GAMES)))).status == 200


async def test_a_body_that_is_too_long_is_refused_before_its_end(here: Desk) -> None:
    own = await browser(here)
    stream = own.ask(body=query(GAMES))
    await own.response(stream)  # with the settings of the server
    stream = own.http.get_next_available_stream_id()
    headers = [(":method", "POST"), (":scheme", "https"), (":authority", "dns.example")]
    own.http.send_headers(stream, [*headers, (":path", PATH), ("content-type", TYPE)])
    for _ in range(0, MAX_MESSAGE, 16_384):
        own.http.send_data(stream, bytes(16_384))
        own.flush()
        await turn()
    assert (await own.response(stream)).status == 413
    for _ in range(8):  # what was refused takes no room of the connection
        stream = own.ask(body=bytes(12))
        assert (await own.response(stream)).status == 200


async def test_a_reply_goes_out_as_the_client_takes_it(here: Desk) -> None:
    here.home.upstream.script = {SLOW: {"TXT": [f"{each}{'x' * 100}" for each in range(8)]}}
    own = await browser(here)
    own.http.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 100})
    stream = own.ask(body=query(SLOW, 16))
    await here.asked(1)
    here.home.upstream.deliver()
    response = await own.response(stream)
    assert len(response.body) > 800
    assert len(parsed(response.body).answer[0]) == 8


async def test_what_the_client_wants_no_more_is_not_sent(here: Desk) -> None:
    own = await browser(here)
    slow = own.ask(body=query(SLOW))
    await here.asked(1)
    own.http.reset_stream(slow)
    own.flush()
    assert (await own.response(own.ask(body=query(GAMES)))).status == 200
    here.home.upstream.deliver()
    assert (await own.response(own.ask(body=query(GAMES)))).status == 200
    assert slow not in own.responses


async def test_streams_that_are_reset_at_once_end_the_connection(here: Desk) -> None:
    own = await browser(here)
    other = await browser(here)
    for _ in range(FRAMES_AT_FIRST + 1):
        stream = own.http.get_next_available_stream_id()
        headers = [(":method", "GET"), (":scheme", "https"), (":authority", "dns.example")]
        own.http.send_headers(stream, [*headers, (":path", "/")])
        own.http.reset_stream(stream)
        own.flush()
    await own.end()
    assert (await other.response(other.ask(body=query(GAMES)))).status == 200


async def test_requests_without_a_query_end_the_connection_after_some(here: Desk) -> None:
    """No bound of queries counts them, so a stranger who has no token could send any number."""
    own = await browser(here)
    for _ in range(FRAMES_AT_FIRST // (FRAMES_PER_ERROR - FRAMES_PER_REQUEST) + 1):
        own.ask("GET", "/", kind="")
    await own.end()
    client = await plain_client(here)
    client.put(b"GET / HTTP/1.1\r\n\r\n" * (MAX_ERRORS + 10))
    assert (await client.end()).count(b"HTTP/1.1 404") == MAX_ERRORS
    assert here.connections() == []


async def test_pings_without_end_end_the_connection(here: Desk) -> None:
    own = await browser(here)
    for _ in range(FRAMES_AT_FIRST + 1):
        own.http.ping(b"12345678")
    own.flush()
    await own.end()
    assert here.connections() == []


async def test_more_streams_than_are_allowed_end_the_connection(here: Desk) -> None:
    own = await browser(here)
    for _ in range(MAX_STREAMS + 1):
        own.ask(body=query(SLOW))
    await own.end()
    assert here.connections() == []


async def test_streams_that_are_reset_count_until_they_are_answered(here: Desk) -> None:
    own = await browser(here)
    await own.response(own.ask(body=query(GAMES)))
    for number in range(MAX_STREAMS + 20):
        stream = own.ask(body=query(f"{number}.example"))
        own.http.reset_stream(stream)
        own.flush()
    await own.end()
    assert len(here.home.upstream.asked) == MAX_STREAMS


async def test_streams_that_are_reset_take_no_room_once_they_are_answered(here: Desk) -> None:
    own = await browser(here)
    for number in range(MAX_STREAMS + 20):
        stream = own.ask(body=query(f"{number}.example"))
        await here.asked(1)
        own.http.reset_stream(stream)
        own.flush()
        here.home.upstream.deliver()
        here.home.upstream.asked.clear()
    assert (await own.response(own.ask(body=query(GAMES)))).status == 200


async def test_few_streams_are_remembered_after_their_end(here: Desk) -> None:
    own = await browser(here)
    for _ in range(4):
        streams = [own.ask(body=query(GAMES)) for _ in range(MAX_STREAMS)]
        for stream in streams:
            await own.response(stream)
    (connection,) = here.connections()
    speaker = connection.speaker
    assert isinstance(speaker, Http2)
    assert len(speaker._http._closed_streams) <= 2 * MAX_STREAMS


async def test_replies_that_the_client_does_not_take_end_the_connection(over_https: Open) -> None:
    here = await over_https(idle=1000)
    here.home.upstream.script = {SLOW: {"TXT": [f"{each}{'x' * 200}" for each in range(60)]}}
    own = await browser(here)
    await own.response(own.ask(body=query(GAMES)))
    own.http.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
    own.ask(body=query(SLOW, 16))
    await here.asked(1)
    here.home.upstream.deliver()
    for _ in range(MAX_UNSENT // 12_000):
        own.ask(body=query(SLOW, 16))
    await own.end()
    assert here.connections() == []


async def test_a_head_without_end_ends_the_connection(over_https: Open) -> None:
    here = await over_https(idle=1000)
    own = await browser(here)
    size, stream = 16_384, (1).to_bytes(4, "big")
    for kind in (1, *[9] * (MAX_HIDDEN // size)):  # HEADERS, and CONTINUATION
        own.client.put(size.to_bytes(3, "big") + bytes((kind, 0)) + stream)
        own.client.put(bytes(size))
    await own.end()
    assert here.connections() == []


async def test_one_connection_is_read_in_a_turn_of_the_loop(here: Desk) -> None:
    browsers = [await browser(here) for _ in range(3)]
    for own in browsers:
        await own.response(own.ask(body=query(GAMES)))
    speakers = [each.speaker for each in here.connections()]
    for own, speaker in zip(browsers, speakers, strict=True):
        own.http.send_headers(3, HEAD, end_stream=True)
        speaker.read(own.http.data_to_send())
    assert [bool(each.is_waiting) for each in speakers] == [False, True, True]
    async with asyncio.timeout(PATIENCE):
        while speakers[2].is_waiting:
            await turn()
    for own in browsers:
        assert (await own.response(3)).status == 404


async def test_what_is_no_http_ends_the_connection(here: Desk) -> None:
    client = await here.client()
    client.put(b"GET / HTTP/1.1\r\n\r\n" * 3)
    await client.end()
    assert here.connections() == []


async def test_a_silent_connection_is_closed(over_https: Open) -> None:
    here = await over_https(idle=PATIENCE)
    own = await browser(here)
    await pass_time(PATIENCE)
    await own.end()
    assert here.connections() == []


# --- HTTP/1.1 ----------------------------------------------------------------------------------


async def plain_client(here: Desk) -> TlsClient:
    """Return a client that does not ask for HTTP/2."""
    here.client_context.set_alpn_protocols(["http/1.1"])
    client = await here.client()
    assert isinstance(client, TlsClient)
    return client


def post(body: bytes, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"POST {PATH} HTTP/{version}", "Host: dns.example", f"Content-Type: {TYPE}"]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", *headers, "", ""]).encode() + body


async def one_response(client: TlsClient) -> Response:
    head = b""
    async with asyncio.timeout(PATIENCE):
        while not head.endswith(b"\r\n\r\n"):
            head += await client.take(1)
        status, *lines = head.decode().split("\r\n")[:-2]
        headers = {
            name.lower(): value for name, _, value in (each.partition(": ") for each in lines)
        }
        body = await client.take(int(headers["content-length"]))
    assert status.startswith("HTTP/1.1 ")
    return Response(int(status.split()[1]), headers, body)


async def test_without_http_2_one_is_answered_after_the_other(here: Desk) -> None:
    client = await plain_client(here)
    got = f"GET {in_path(query(GAMES))} HTTP/1.1\r\nHost: dns.example\r\n\r\n".encode()
    client.put(post(query(SLOW)) + post(query(GAMES)) + got)
    await here.asked(1)
    here.home.upstream.deliver()
    names = []
    for _ in range(3):
        response = await one_response(client)
        assert (response.status, response.headers["content-type"]) == (200, TYPE)
        assert response.headers["cache-control"].startswith("private, max-age=")
        names.append(parsed(response.body).question[0].name.to_text())
    assert names == [f"{SLOW}.", f"{GAMES}.", f"{GAMES}."]


async def test_a_request_in_single_octets_is_answered(here: Desk) -> None:
    client = await plain_client(here)
    for octet in post(query(GAMES)):
        client.put(bytes([octet]))
    assert (await one_response(client)).status == 200


def unread_of(here: Desk) -> bytearray:
    (connection,) = here.connections()
    speaker = connection.speaker
    assert isinstance(speaker, http1.Http1)
    return speaker._unread


async def test_a_head_is_read_once_however_slow_its_body_comes(
    here: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[bytes] = []

    def read_head(head: bytes) -> object:
        heads.append(head)
        return read(head)

    read = http1._read_head
    monkeypatch.setattr(http1, "_read_head", read_head)
    client = await plain_client(here)
    body = query(GAMES)
    whole = post(body)
    for at in range(len(whole) - len(body), len(whole)):
        client.put(whole[at - 1 : at] if at > len(whole) - len(body) else whole[:at])
        async with asyncio.timeout(PATIENCE):
            while not here.connections() or len(unread_of(here)) < at:
                await turn()
    client.put(whole[-1:])
    assert (await one_response(client)).status == 200
    assert len(heads) == 2  # to know how much is missing, and with the whole


@pytest.mark.parametrize("more", [{"version": "1.0"}, {}])
async def test_who_wants_no_more_is_closed_after_its_answer(
    here: Desk, more: dict[str, str]
) -> None:
    client = await plain_client(here)
    client.put(post(query(GAMES), *([] if more else ["Connection: close"]), **more))
    response = await one_response(client)
    assert (response.status, response.headers["connection"]) == (200, "close")
    assert await client.end() == b""


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/3\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /dns-query HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST /dns-query HTTP/1.1\r\nContent-Type: application/dns-message\r\n\r\n", 411),
        (b"GET / HTTP/1.1\r\nA: b\nContent-Length: 9\r\n\r\n", 400),
        (post(b"", "X: y").replace(b"Length: 0", b"Length: 65536"), 413),
        (b"GET /" + b"x" * MAX_HEAD, 431),
    ],
)
async def test_what_cannot_be_read_gets_a_status_and_the_end(
    here: Desk, octets: bytes, status: int
) -> None:
    client = await plain_client(here)
    client.put(octets)
    response = await one_response(client)
    assert (response.status, response.headers["connection"]) == (status, "close")
    await client.end()
    assert here.connections() == []


async def test_what_is_no_query_gets_a_status_and_the_next_is_answered(here: Desk) -> None:
    client = await plain_client(here)
    wrong = post(query(GAMES)).replace(TYPE.encode(), b"text/plain")
    client.put(
        b"GET / HTTP/1.1\r\n\r\nPUT /dns-query HTTP/1.1\r\n\r\n" + wrong + post(query(GAMES))
    )
    responses = [await one_response(client) for _ in range(4)]
    assert [each.status for each in responses] == [404, 405, 415, 200]
    assert responses[1].headers["allow"] == "GET, POST"


# --- bugs --------------------------------------------------------------------------------------


def break_once(here: Desk) -> None:
    """Have the next query meet a bug before it is answered."""
    clock = here.server.clock

    def broken() -> Moment:
        here.server.clock = clock
        raise RuntimeError("a bug")

    here.server.clock = broken


@pytest.fixture
async def reported() -> list[str]:
    """What the loop was told of bugs."""
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: told.append(str(context["exception"]))
    )
    return told


async def test_a_bug_in_one_query_leaves_a_connection_of_http_1_in_use(
    here: Desk, reported: list[str]
) -> None:
    client = await plain_client(here)
    client.put(post(query(SLOW)) + post(query(GAMES)) + post(query(GAMES)))
    await here.asked(1)
    break_once(here)
    here.home.upstream.deliver()
    assert [(await one_response(client)).status for _ in range(3)] == [200, 500, 200]
    assert reported == ["a bug"]


async def test_a_bug_in_one_query_leaves_the_others_of_http_2_answered(
    here: Desk, reported: list[str]
) -> None:
    own = await browser(here)
    await own.response(own.ask(body=query(GAMES)))
    break_once(here)
    streams = [own.ask(body=query(GAMES)) for _ in range(3)]
    assert [(await own.response(each)).status for each in streams] == [500, 200, 200]
    assert reported == ["a bug"]


@pytest.mark.parametrize(("version", "module"), [("2", doh), ("1.1", http1)])
async def test_a_bug_in_one_reply_is_told_to_who_waits(
    here: Desk,
    reported: list[str],
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    module: ModuleType,
) -> None:
    def broken(_reply: bytes) -> bytes:
        monkeypatch.undo()
        raise RuntimeError("a bug")

    monkeypatch.setattr(module, "cache_control", broken)
    if version == "2":
        own = await browser(here)
        found = [(await own.response(own.ask(body=query(GAMES)))).status for _ in range(2)]
    else:
        client = await plain_client(here)
        client.put(post(query(GAMES)) * 2)
        found = [(await one_response(client)).status for _ in range(2)]
    assert (found, reported) == ([500, 200], ["a bug"])
