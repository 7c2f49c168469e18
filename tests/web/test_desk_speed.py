"""The desk stays quick with a full log and many appeals: few statements, however much there is."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest
from aiohttp import ClientResponse

from copdns.keep import CountKey, Row
from copdns.store import querylog, usage, visitors
from copdns.store.db import open_database
from copdns.store.logdb import write
from copdns.store.migrations import LOG
from copdns.store.visitors import save_visitors
from copdns.visitors import Visitor
from tests.home import Home
from tests.household import MIA, NOW, TOM, block, family, library
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, text

ROWS, APPEALS = 100_000, 500
AT_MOST = 0.05  # seconds of the server for a page
CATEGORIES = ("games", "gambling", "adult", "chat", "social", "ads", "drugs")
PAGES = (
    "/guardian/",
    "/guardian/inbox",
    "/guardian/house",
    "/guardian/devices",
    "/guardian/lists",
    "/guardian/log",
    "/guardian/log?person=mia",
    "/guardian/log?person=tom",
    "/guardian/log?before=50000",
    "/guardian/numbers",
    "/guardian/numbers?days=30",
    "/guardian/changes",
    "/guardian/settings",
    "/guardian/agreement/mia",
)
LIVE, MANY, MOST_ROWS = "/guardian/log/live", 30, 100
MOST = 60  # statements of the page with the most: that of devices, which reads the whole household


@pytest.fixture
def site() -> Site:
    rules = (block("toys.example", "mia"),)
    lists = library(categories={each: [f"{each}.example"] for each in CATEGORIES})
    return Site(Home(family(MIA, TOM, rules=rules), lists))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await set_up(site)
        site.log.flush()
        await log_in(made)
        yield made


def fill_log(site: Site, rows: int) -> None:
    """Keep a week of look-ups of Mia, and a month of counts of both."""
    lookups = [row(n, rows) for n in range(rows)]
    hour = int(NOW) // 3600
    counts = {
        CountKey("home", who, hour - back, action, "category", about): back + 1
        for who in ("mia", "tom")
        for back in range(min(rows, 30 * 24))
        for action, about in (("allow", ""), *(("block", each) for each in CATEGORIES))
    }
    connection = open_database(site.log.path, LOG)
    write(connection, lookups, counts, 0)
    connection.close()
    seen = (
        Visitor("home", f"u{n}", "", f"02:00:00:00:00:{n:02x}", "192.0.2.77", "x", n, n)
        for n in range(1, min(rows, 200))
    )
    save_visitors(site.folder, seen)


def row(n: int, of: int) -> Row:
    about = CATEGORIES[n % len(CATEGORIES)]
    at = int(NOW) - (of - n) * 6
    listed = (about, "", f"{about}-list", f"{about}.example", "")
    return Row(at, "home", "mia", "", f"n{n}.{about}.example", 1, "block", "category", *listed)


async def fill_household(site: Site, appeals: int) -> None:
    """Keep appeals, a line of the audit and a look for each."""
    numbers = [(n,) for n in range(appeals)]

    def work(connection: sqlite3.Connection) -> None:
        connection.executemany(_APPEAL, numbers)
        connection.executemany(
            "insert into change (household, revision, at, author, what)"
            " values ('home', 1, ?, 'Ada', 'changed')",
            numbers,
        )
        connection.executemany(
            "insert into look (household, at, account, role, profile, view)"
            " values ('home', ?, 'x', 'owner', 'mia', 'log')",
            numbers,
        )

    await site.thread.write(work)


_APPEAL = """
    insert into appeal (
           household, id, profile, device, kind, name, why, words, wanted, minutes, action, reason,
           list, list_version, category, service, rule, via, period, revision, asked, since, state,
           disagreed, more_words, provisional, mark)
    values ('home', 'a' || ?1, 'mia', 'mia-phone', 'name', 'toys.example', 'school', 'Please.',
            '1h', 0, 'block', 'rule', '', '', '', '', 'toys.example', '', '', 1, ?1, ?1, 'open',
            0, '', '', 'x')
    """


@contextmanager
def counted(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note every statement that is run in both databases; those that open one do not count."""
    told: list[str] = []

    def opened(*values: object, **more: object) -> sqlite3.Connection:
        connection = open_database(*values, **more)  # type: ignore[arg-type]
        connection.set_trace_callback(told.append)
        return connection

    with monkeypatch.context() as patched:
        for module in (querylog, usage, visitors):
            patched.setattr(module, "open_database", opened)
        site.store._connection.set_trace_callback(told.append)
        yield told
        site.store._connection.set_trace_callback(None)


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
    few = {path: await statements(client, site, path, monkeypatch) for path in PAGES}
    await site.thread.write(lambda connection: connection.execute("delete from appeal"))
    fill_log(site, 2000)
    await fill_household(site, APPEALS)
    for path in PAGES:
        many = await statements(client, site, path, monkeypatch)
        assert len(many) == len(few[path]) <= MOST, "\n".join([path, *many])


async def test_a_page_takes_the_server_less_than_fifty_milliseconds(
    client: Client, site: Site
) -> None:
    fill_log(site, ROWS)
    await fill_household(site, APPEALS)
    slow = {}
    for path in PAGES:
        await text(client, path)
        taken = min([await seconds(client, path) for _ in range(7)])
        if taken > AT_MOST:
            slow[path] = round(taken, 4)
    assert not slow


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
            shown = [await event(each) for each in streams]
    assert set(shown) == {shown[0]}
    assert shown[0].count("<li>") == MANY
    assert len([each for each in told if "from lookup" in each]) == 1


async def test_following_a_busy_log_takes_less_than_three_percent_of_a_processor(
    client: Client, site: Site
) -> None:
    """What one second costs: as many new rows as are ever shown, for twenty browsers."""
    for each in range(MOST_ROWS):
        site.log.add(row(each, MOST_ROWS))
    site.log.flush()
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(client.get(LIVE)) for _ in range(20)]
        for stream in streams:
            await event(stream)
        taken = []
        for _ in range(5):
            for each in range(MOST_ROWS):
                site.log.add(row(each, MOST_ROWS))
            site.log.flush()
            start = time.process_time()
            for stream in streams:
                await event(stream)
            taken.append(time.process_time() - start)
    assert min(taken) < 0.03


async def event(stream: ClientResponse) -> str:
    """Return the next rows of a stream."""
    told = ""
    while "data:" not in told or not told.endswith("\n\n"):
        told += (await stream.content.readline()).decode()
    return told


async def seconds(client: Client, path: str) -> float:
    """Return what a page takes of the processor, whatever else the machine does meanwhile."""
    start = time.process_time()
    await text(client, path)
    return time.process_time() - start
