"""A push service on loopback, with a certificate of its own name, and a browser that reads what it
gets with a foreign library.

Nothing is sent to loopback by any setting: who sends in a test is given `to_loopback`.

The library is http-ece, of the Web Push working group's authors (the extra `test`).
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from copdns.model.push import PushBrowser, write_octets
from copdns.web.certificate import make_pem
from tests.conftest import missing

HOST = "push.example"


class FixedResolver(AbstractResolver):
    """Answers with these addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in self._addresses
        ]

    async def close(self) -> None:
        pass


def to_loopback() -> AbstractResolver:
    """Return who looks up every name at this machine."""
    return FixedResolver("127.0.0.1")


def write_certificate(path: Path) -> SSLContext:
    """Write the certificate of the push service, with its key, to a file; return what it serves
    with.  Whoever has that file in SSL_CERT_FILE trusts it."""
    now = int(time.time())
    path.write_text(make_pem((HOST,), now - 86_400, now + 86_400 * 30))
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


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
    async def running(self, tls: SSLContext) -> AsyncIterator[PushService]:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        server = TestServer(app, scheme="https")
        await server.start_server(ssl=tls)
        try:
            self.url = f"https://{HOST}:{server.port}"
            yield self
        finally:
            await server.close()
