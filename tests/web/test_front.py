"""What listens for browsers: the pages wait until the first one comes."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from copdns.model.errors import ListenError
from copdns.settings.config import WebSettings
from copdns.web import connections, http_server
from copdns.web.http_server import HttpServer
from copdns.web.https import Https
from tests.running import PATIENCE, free_port


def page() -> web.Application:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    return app


def settings(**more: object) -> WebSettings:
    chosen = {"listen": ["127.0.0.1"], "port": free_port(), "tls_port": 0, **more}
    return WebSettings.model_validate(chosen)


@asynccontextmanager
async def listening(
    folder: Path, chosen: WebSettings, application: Callable[[], web.Application] = page
) -> AsyncIterator[HttpServer]:
    own = HttpServer(chosen, Https(folder, chosen, lambda: 1_790_000_000.0), application)
    await own.begin()
    try:
        yield own
    finally:
        await own.close()


async def read(address: str, port: int) -> str:
    async with aiohttp.ClientSession() as browser, browser.get(f"http://{address}:{port}/") as got:
        return await got.text()


async def test_the_pages_are_made_once_when_somebody_comes(tmp_path: Path) -> None:
    made = []

    def application() -> web.Application:
        made.append(1)
        return page()

    chosen = settings()
    async with listening(tmp_path, chosen, application) as own:
        assert own.addresses == [("127.0.0.1", chosen.port)]
        assert not made
        both = await asyncio.gather(*(read("127.0.0.1", chosen.port) for _ in range(5)))
        assert both == ["hello"] * 5
        assert await read("127.0.0.1", chosen.port) == "hello"
        assert made == [1]


async def test_what_is_no_http_is_refused_and_fills_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = settings()
    async with listening(tmp_path, chosen):
        for sent in (b"\x16\x03\x01\x02", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"GET\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", chosen.port)
            writer.write(sent)
            if not sent.endswith(b"\r\n\r\n"):  # else a reply comes without
                writer.write_eof()
            reply = await reader.read()
            assert b"200 OK" not in reply
            # Python 3.11 closes the connection at its end, before there is a reply.
            is_silent = not reply and not sent.endswith(b"\r\n\r\n")
            assert is_silent or b"Server: copdns\r\n" in reply, "and no versions of libraries"
            writer.close()
    assert caplog.records == []


@pytest.mark.parametrize("path", ["/", "/nowhere"])
async def test_what_cannot_be_expected_is_refused_and_fills_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    chosen = settings()
    async with listening(tmp_path, chosen):
        for expected in (b"another", b"\xff\xfe", "é".encode()):
            reader, writer = await asyncio.open_connection("127.0.0.1", chosen.port)
            writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\n" % path.encode())
            writer.write(b"Expect: %b\r\nConnection: close\r\n\r\n" % expected)
            reply = await reader.read()
            assert reply.startswith(b"HTTP/1.1 417 ")
            assert b"Server: copdns\r\n" in reply
            writer.close()
    assert caplog.records == []


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        chosen = settings(port=other.getsockname()[1])
        with pytest.raises(ListenError, match=r"see web\.listen and web\.port"):
            async with listening(tmp_path, chosen):
                pass


async def test_a_port_that_is_free_again_is_served(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        chosen = settings(tls_port=other.getsockname()[1])
        async with listening(tmp_path, chosen) as own:
            assert "see web.tls_port" in own.warning
            other.close()
            await own.refresh()
            assert not own.warning
            assert ("127.0.0.1", chosen.tls_port) in own.addresses


async def test_addresses_that_come_and_go_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ["127.0.0.1"]
    monkeypatch.setattr(http_server, "listen_addresses", lambda _: tuple(here))
    chosen = settings()
    async with listening(tmp_path, chosen) as own:
        assert await read("127.0.0.1", chosen.port) == "hello"
        here[:] = ["127.0.0.2", "192.0.2.1"]  # the second one is not this machine's
        await own.refresh()
        assert own.addresses == [("127.0.0.2", chosen.port)]
        assert not own.warning
        assert await read("127.0.0.2", chosen.port) == "hello"
        with pytest.raises(aiohttp.ClientConnectionError):
            await read("127.0.0.1", chosen.port)


async def test_pages_that_cannot_be_loaded_are_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "LOAD_AGAIN", 0.0)
    tries = iter((RuntimeError("once"), None))

    def application() -> web.Application:
        if (error := next(tries)) is not None:
            raise error
        return page()

    chosen = settings()
    async with listening(tmp_path, chosen, application):
        assert await read("127.0.0.1", chosen.port) == "hello"


async def test_silent_connections_keep_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 127.0.0.9 come too many; the first of 127.0.0.8 stays, though it is older."""
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 20)
    chosen = settings()
    async with listening(tmp_path, chosen):
        where = "127.0.0.1", chosen.port
        reader, writer = await asyncio.open_connection(*where, local_addr=("127.0.0.8", 0))
        assert await read(*where) == "hello"
        silent = [
            await asyncio.open_connection(*where, local_addr=("127.0.0.9", 0)) for _ in range(60)
        ]
        assert await read(*where) == "hello"
        for each, _ in silent[:40]:
            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(each.read(), PATIENCE) == b""
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"hello")
        for _, other in (*silent, (reader, writer)):
            other.close()


async def test_a_silent_client_of_https_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "HANDSHAKE", 0.1)
    chosen = settings(tls_port=free_port())
    async with listening(tmp_path, chosen):
        reader, writer = await asyncio.open_connection("127.0.0.1", chosen.tls_port)
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        writer.close()
        assert await read("127.0.0.1", chosen.port) == "hello"


async def test_an_address_that_goes_while_the_pages_load_keeps_none_of_the_others_shut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ["127.0.0.1", "127.0.0.2"]
    monkeypatch.setattr(http_server, "listen_addresses", lambda _: tuple(here))
    chosen, begun, go_on = settings(), threading.Event(), threading.Event()

    def application() -> web.Application:
        begun.set()
        go_on.wait(PATIENCE)
        return page()

    async with listening(tmp_path, chosen, application) as own:
        reads = asyncio.create_task(read("127.0.0.2", chosen.port))
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        del here[0]
        await own.refresh()
        go_on.set()
        assert await reads == "hello"


async def test_of_many_silent_clients_of_https_the_oldest_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would take memory for its handshake until its time is over."""
    monkeypatch.setattr(http_server, "MAX_HANDSHAKES", 4)
    chosen = settings(tls_port=free_port())
    async with listening(tmp_path, chosen):
        assert await read("127.0.0.1", chosen.port) == "hello"
        where = "127.0.0.1", chosen.tls_port
        silent = [await asyncio.open_connection(*where) for _ in range(20)]
        for each, _ in silent[:16]:
            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(each.read(), PATIENCE) == b""
        for _, other in silent:
            other.close()
