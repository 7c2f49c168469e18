"""A house in which a lot has happened: for counting what a page asks of the databases, and for
measuring it (`python -m tests.bench.pages`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

from aiohttp import ClientResponse

from copdns.network.unknown_devices import UnknownDevice
from copdns.privacy.retention import CountKey, LogRow
from copdns.store.db import open_database
from copdns.store.log_db.migrations import LOG
from copdns.store.log_db.rows import write
from copdns.store.log_db.unknown_devices import save_unknown_devices
from tests.home import Home
from tests.household import ADA, MIA, NOW, TOM, block, family, library
from tests.web.guardians import log_in, set_up
from tests.web.pages import PAGES, PASTED, PASTED_TEXT, Page, Who
from tests.web.site import Client, Site, send, text

CATEGORIES = ("games", "gambling", "adult", "chat", "social", "ads", "drugs")
BLOCKED = "toys.example"
# What needs more than a session, or leads elsewhere once a house is set up.
_ONCE = ("/guardian/setup",)


def full_site() -> Site:
    """Return a house of Mia, Tom and Ada, in which nothing has happened yet."""
    rules = (replace(block(BLOCKED, "mia"), id="r1"),)
    lists = library(categories={each: [f"{each}.example"] for each in CATEGORIES})
    return Site(Home(family(MIA, TOM, ADA, rules=rules), lists))


async def come_in(client: Client, site: Site) -> None:
    """Let one browser be Mia's, the known one of its device, and a guardian's at once."""
    await send(client, "/device")
    await set_up(site)
    site.log.flush()
    site.updates.own.put(PASTED, PASTED_TEXT)
    await log_in(client)


async def opened(client: Client, site: Site) -> list[tuple[str, str]]:
    """Return every page that people read, and whose device it is opened on."""
    site.home.ask("mia", BLOCKED)
    codes = (await text(client, "/")).split('href="/why/')
    filled = {"code": codes[1].partition('"')[0], "appeal": "a1"}
    return [(_path(each, filled), _who(each)) for each in PAGES if each.route not in _ONCE]


def _path(page: Page, filled: dict[str, str]) -> str:
    path = (page.path or page.route).format(**filled)
    return path.replace("/mia-tablet/", "/mia-phone/")  # what Mia has in this house


def _who(page: Page) -> str:
    """Pages about consent are for whoever is old enough to be asked."""
    return "mia" if Who.PLAIN in page.who or page.route.startswith("/guardian/") else "ada"


def fill_log(site: Site, rows: int) -> None:
    """Keep a week of look-ups of Mia, a month of counts of both, and unknown devices."""
    lookups = [row(n, rows) for n in range(rows)]
    connection = open_database(site.log.path, LOG)
    write(connection, lookups, dict(_counts(rows)), 0)
    connection.close()
    seen = (
        UnknownDevice("home", f"u{n}", "", f"02:00:00:00:00:{n:02x}", "192.0.2.77", "x", n, n)
        for n in range(1, min(rows, 200))
    )
    save_unknown_devices(site.folder, seen)


def _counts(rows: int) -> Iterator[tuple[CountKey, int]]:
    hour = int(NOW) // 3600
    actions = (("allow", ""), *(("block", each) for each in CATEGORIES))
    for who in ("mia", "tom"):
        for back in range(min(rows, 30 * 24)):
            for action, about in actions:
                yield CountKey("home", who, hour - back, action, "category", about), back + 1


def row(n: int, of: int) -> LogRow:
    about = CATEGORIES[n % len(CATEGORIES)]
    at = int(NOW) - (of - n) * 6
    listed = (about, "", f"{about}-list", f"{about}.example", "")
    return LogRow(at, "home", "mia", "", f"n{n}.{about}.example", 1, "block", "category", *listed)


async def next_rows(stream: ClientResponse) -> str:
    """Return the next rows that a page which follows the log is sent.

    An event at once: line by line, that takes longer than what the program does to make it.
    """
    told = b""
    while b"data:" not in told:
        told = await stream.content.readuntil(b"\n\n")
    return told.decode()


async def fill_household(site: Site, appeals: int) -> None:
    """Keep appeals, and for each a line of the audit, a look and a notice."""
    numbers = [{"n": n} for n in range(appeals)]

    def work(connection: sqlite3.Connection) -> None:
        for sql in (_APPEAL, _CHANGE, _LOOK, _NOTICE):
            connection.executemany(sql, numbers)

    await site.thread.write(work)


async def empty_appeals(site: Site) -> None:
    await site.thread.write(lambda connection: connection.execute("delete from appeal"))


_APPEAL = """
    insert into appeal (
           household, id, profile, device, kind, name, why, words, wanted, minutes, action, reason,
           list, list_version, category, service, rule, via, period, revision, asked, since, state,
           disagreed, more_words, provisional, mark)
    values ('home', 'a' || :n, 'mia', 'mia-phone', 'name', 'toys.example', 'school', 'Please.',
            '1h', 0, 'block', 'rule', '', '', '', '', 'toys.example', '', '', 1, :n, :n, 'open',
            0, '', '', 'x')
    """
_CHANGE = """
    insert into change (household, revision, at, author, what)
    values ('home', 1, :n, 'Ada', 'changed')
    """
_LOOK = """
    insert into look (household, at, account, role, profile, view)
    values ('home', :n, 'x', 'owner', 'mia', 'log')
    """
_NOTICE = """
    insert into notice (household, kind, about, author, at, starts, ends, told)
    values ('home', 'guardians disagree', 'mia', 'Ada', 2000000000 + :n, 0, 0, 1)
    """
