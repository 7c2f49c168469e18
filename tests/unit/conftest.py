"""Fixtures of several test files: upstreams on real sockets, a household, its commands and log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from copdns.model.household import Household
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.thread import StoreThread
from tests.household import family
from tests.unit.account_values import NOW, House
from tests.unit.calling import Home
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
    tasks = [task for each in made for task in each.upstreams._tcp.tasks]
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    with HouseholdStore.open(tmp_path) as store, StoreThread.open(tmp_path) as thread:
        await store.create(family(), "test", NOW)
        await store.create(Household("bos", "Bo's"), "test", NOW)
        yield House(tmp_path, store, thread)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A household for commands, with a folder of its own."""
    return Home(tmp_path)


@pytest.fixture
def logs() -> Iterator[asyncio.Queue[EventDict]]:
    """The lines of the log, to wait for."""
    lines: asyncio.Queue[EventDict] = asyncio.Queue()

    def heard(_logger: object, _method: str, line: EventDict) -> EventDict:
        lines.put_nowait(dict(line))
        return line

    with capture_logs(processors=[heard]):
        yield lines
