"""Every page stays quick with a full log and many appeals: few statements, however much there is.

How long a page takes is measured by `python -m tests.bench.pages`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest

from copdns.store.db import open_database
from copdns.store.log_db import querylog, unknown_devices, usage
from tests.web.filled import (
    come_in,
    empty_appeals,
    fill_household,
    fill_log,
    full_site,
    next_rows,
    opened,
    row,
)
from tests.web.site import Client, Site, text

APPEALS = 500
MORE = ("/guardian/log?person=tom", "/guardian/log?before=50000", "/guardian/numbers?days=30")
LIVE, MANY = "/guardian/log/live", 30
_OF_AN_IMAGE = 'PRAGMA "main".page_count'
MOST = 60  # statements of the page with the most: that of devices, which reads the whole household


@pytest.fixture
def site() -> Site:
    return full_site()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await come_in(made, site)
        yield made


@contextmanager
def counted(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note every statement that is run in both databases; those that open one do not count.

    Nor do those by which SQLite makes an image of the database: the second file is written anew
    when it has grown enough, whichever page is asked for just then.
    """
    told: list[str] = []

    def note(statement: str) -> None:
        if statement != _OF_AN_IMAGE:
            told.append(statement)

    def opened(*values: object, **more: object) -> sqlite3.Connection:
        connection = open_database(*values, **more)  # type: ignore[arg-type]
        connection.set_trace_callback(note)
        return connection

    with monkeypatch.context() as patched:
        for module in (querylog, usage, unknown_devices):
            patched.setattr(module, "open_database", opened)
        stores = (site.store, site.thread._store)
        for each in stores:
            each._connection.set_trace_callback(note)
        yield told
        for each in stores:
            each._connection.set_trace_callback(None)


async def statements(
    client: Client, site: Site, path: str, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    await text(client, path)  # the look is kept, the templates are read
    with counted(site, monkeypatch) as told:
        await text(client, path)
    return told


async def test_no_page_needs_more_statements_when_there_is_more(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_log(site, 3)
    await fill_household(site, 2)
    pages = [*await opened(client, site), *((each, "mia") for each in MORE)]
    few = await counts(client, site, pages, monkeypatch)
    await empty_appeals(site)
    fill_log(site, 2000)
    await fill_household(site, APPEALS)
    many = await counts(client, site, pages, monkeypatch)
    grown = {each: (few[each], many[each]) for each in few if few[each] != many[each]}
    assert grown == {}
    assert {each: n for each, n in many.items() if n > MOST} == {}


async def counts(
    client: Client, site: Site, pages: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> dict[str, int]:
    """Return how many statements each page needs."""
    found = {}
    for path, who in pages:
        site.who = who
        found[path] = len(await statements(client, site, path, monkeypatch))
    return found


async def test_twenty_browsers_that_follow_the_log_read_it_once(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what they are shown is made once: the resolver answers in the same process."""
    for each in range(MANY):
        site.log.add(row(each, MANY))
    site.log.flush()
    with counted(site, monkeypatch) as told:
        async with AsyncExitStack() as stack:
            streams = [await stack.enter_async_context(client.get(LIVE)) for _ in range(20)]
            shown = [await next_rows(each) for each in streams]
    assert set(shown) == {shown[0]}
    assert shown[0].count('<li class="entry">') == MANY
    assert len([each for each in told if "from lookup" in each]) == 1
