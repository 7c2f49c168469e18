"""A push service on loopback, and a browser that reads what it gets with a foreign library.

The library is http-ece, of the Web Push working group's authors (the extra `test`).
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from copdns.model.push import PushBrowser, write_octets
from tests.conftest import missing


class Sent(NamedTuple):
    """A message as it came to the service."""

    path: str
    headers: dict[str, str]
    body: bytes


class ReadingBrowser:
    """A browser with keys of its own.  endpoint: of its push service."""

    def __init__(self, endpoint: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._secret = os.urandom(16)
        point = self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.browser = PushBrowser(endpoint, write_octets(point), write_octets(self._secret))

    def read(self, body: bytes) -> dict[str, str]:
        """Return what a message says."""
        told: dict[str, str] = json.loads(
            library().decrypt(body, private_key=self._key, auth_secret=self._secret)
        )
        return told


def library() -> Any:
    try:
        return importlib.import_module("http_ece")
    except ImportError:
        missing("needs http-ece, which the extra `test` has")


class PushService:
    """What it got, and what it says to that.

    statuses: its next answers; 201 when none is left.  headers: of each answer.
    """

    def __init__(self) -> None:
        self.got: asyncio.Queue[Sent] = asyncio.Queue()
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.url = ""

    async def _take(self, request: web.Request) -> web.Response:
        self.got.put_nowait(Sent(request.path, dict(request.headers), await request.read()))
        status = self.statuses.pop(0) if self.statuses else 201
        return web.Response(status=status, headers=self.headers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[PushService]:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        async with TestServer(app) as server:
            self.url = f"http://127.0.0.1:{server.port}"
            yield self
