"""The web application over a whole home without sockets of DNS, visited as one of the cast."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp.test_utils import TestClient, TestServer

from copdns.metrics import registry
from copdns.model import Asker
from copdns.timing import NOTHING_READ, Readings
from copdns.web.pages import Pages
from copdns.web.parts import Parts
from copdns.web.routes import application
from tests.home import Home
from tests.household import asker

Client = TestClient  # type: ignore[type-arg]

PAGES = Pages()
HTML = {"Accept": "text/html"}


class Site:
    """The pages of a home.

    who: who visits them: one of the cast, or an address; connections all come from loopback.
    missing: what keeps copdns from being ready.
    """

    def __init__(self, home: Home | None = None, hosts: Iterable[str] = ()) -> None:
        self.home = home or Home()
        self.who = "mia"
        self.missing: tuple[str, ...] = ()
        self.readings: Readings = NOTHING_READ
        resolver = self.home.resolver
        self.app = application(
            Parts(
                registry=registry(self.home.counters, lambda: None),
                readiness=lambda: self.missing,
                warnings=tuple,
                hosts=frozenset({"localhost", "copdns.home.arpa", *hosts}),
                live=lambda: resolver.live,
                readings=lambda: self.readings,
                who=lambda _: resolver.live.who(self.asker),
                recent=self.home.recent,
                now=lambda: self.home.clock().wall,
                pages=PAGES,
            )
        )

    @property
    def asker(self) -> Asker:
        return asker(self.who, "tcp")

    @asynccontextmanager
    async def visited(self) -> AsyncIterator[Client]:
        """Give a browser's connection to the pages."""
        async with TestClient(TestServer(self.app)) as client:
            yield client


async def text(client: Client, path: str, status: int = 200) -> str:
    """Fetch a page as a browser does; return its HTML."""
    reply = await client.get(path, headers=HTML)
    assert reply.status == status
    return await reply.text()
