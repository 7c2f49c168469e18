"""What listens for browsers: the pages wait until the first one comes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from copdns.config import WebSettings
from copdns.errors import ListenError
from copdns.https import Https
from copdns.web import front
from copdns.web.front import Front
from tests.running import free_port


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
) -> AsyncIterator[Front]:
    own = Front(chosen, Https(folder, chosen, lambda: 1_790_000_000.0), application)
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
            await own.look()
            assert not own.warning
            assert ("127.0.0.1", chosen.tls_port) in own.addresses


async def test_addresses_that_come_and_go_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ["127.0.0.1"]
    monkeypatch.setattr(front, "listen_addresses", lambda _: tuple(here))
    chosen = settings()
    async with listening(tmp_path, chosen) as own:
        assert await read("127.0.0.1", chosen.port) == "hello"
        here[:] = ["127.0.0.2", "192.0.2.1"]  # the second one is not this machine's
        await own.look()
        assert own.addresses == [("127.0.0.2", chosen.port)]
        assert not own.warning
        assert await read("127.0.0.2", chosen.port) == "hello"
        with pytest.raises(aiohttp.ClientConnectionError):
            await read("127.0.0.1", chosen.port)


async def test_pages_that_cannot_be_loaded_are_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "TRY_AGAIN", 0.0)
    tries = iter((RuntimeError("once"), None))

    def application() -> web.Application:
        if (error := next(tries)) is not None:
            raise error
        return page()

    chosen = settings()
    async with listening(tmp_path, chosen, application):
        assert await read("127.0.0.1", chosen.port) == "hello"
