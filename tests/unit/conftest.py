"""Upstreams on real sockets, for the tests that ask them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.upstreams import Asker, Make
from tests.upstream_server import UpstreamServer


@pytest.fixture
async def server() -> AsyncIterator[UpstreamServer]:
    async with UpstreamServer() as made:
        yield made


@pytest.fixture
async def second() -> AsyncIterator[UpstreamServer]:
    async with UpstreamServer("127.0.0.2") as made:
        yield made


@pytest.fixture
async def closed() -> UpstreamServer:
    """An address where nobody listens."""
    async with UpstreamServer("127.0.0.3") as made:
        pass
    return made


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[Asker] = []

    def maker(*servers: UpstreamServer, **fields: float) -> Asker:
        made.append(Asker(*servers, **fields))
        return made[-1]

    yield maker
    for each in made:
        each.upstreams.close()
    tasks = [task for each in made for task in each.upstreams._tasks]
    await asyncio.gather(*tasks, return_exceptions=True)
