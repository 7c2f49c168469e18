"""Looking for help, by name and on the pages, shows to nobody: not to a guardian, a reviewer or an
auditor, not to the child's own later visitors, in no number and in no file.

The same home is looked at before and after, by every role, on every page.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic
from urllib.parse import quote

import pytest

from copdns.accounts.account import Account
from copdns.accounts.passwords import hash_password
from copdns.accounts.roles import Role
from copdns.app.app import FLUSH_EVERY
from copdns.store.db import open_database
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.household_db.thread import StoreThread
from tests.e2e.house import ADA, MIA, TOM, House, eventually, house, traces
from tests.e2e.visitor import PASSWORD, Visitor, set_up
from tests.web.access import DESK, PAIRED, desk_routes, every_route

HELP = ("childline.org.uk", "www.childline.org.uk", "kidshelpline.com.au")
TRACE = rb"childline|kidshelpline"
FAMILY = {
    "id": "home",
    "profiles": {
        "mia": {"preset": "7-9", "devices": {"mia-tablet": [MIA]}, "block": ["games.example"]},
        "tom": {"preset": "13-15", "devices": {"tom-phone": [TOM]}, "block": ["games.example"]},
    },
}
# What goes on by itself: moments, ages, the line that stands for now, tries and sessions.
MOVES = (
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d)?",
    r"\b1\d{9}(\.\d+)?\b",
    r"just now|\d+ (second|minute)s? ago",
    r"\d{1,2}:\d\d(:\d\d)?( ?[AP]M)?",
    r'class="day-now"[^>]*',
)
MADE_UP = ("/protection", "/device/test", "/guardian/me/factor")  # with a new secret each time
OF_SESSIONS = ("session", "browser", "look", "sqlite_sequence")


def resting(text: str) -> str:
    return re.sub("|".join(MOVES), "(a moment)", text)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), {}, FAMILY) as found:
        yield found


def everybody(home: House) -> dict[str, Visitor]:
    """Return who can look: both children, and one of each role."""
    people = {"mia": Visitor(MIA), "tom": Visitor(TOM), "owner": Visitor(ADA)}
    set_up(home.program, people["owner"])
    for child in ("mia", "tom"):
        people[child].send(home.program, "/device")
    asyncio.run(add_roles(home.data))
    for role in (Role.GUARDIAN, Role.REVIEWER, Role.AUDITOR):
        people[role] = Visitor(ADA)
        page = people[role].send(home.program, "/guardian/login", name=str(role), password=PASSWORD)
        assert page.status == 303, page.text
    return people


async def add_roles(data: Path) -> None:
    now = int(time.time())
    with StoreThread.open(data) as thread:
        accounts = Accounts(thread)
        for role in (Role.GUARDIAN, Role.REVIEWER, Role.AUDITOR):
            made = await accounts.add(Account("home", "", str(role), role), None, now)
            await accounts.set_password("home", made.id, hash_password(PASSWORD), now, by=None)


def pages_of(who: str) -> list[str]:
    """Return every page that somebody can open, by its path."""
    if who in ("mia", "tom"):
        routes = [each for each in every_route() if not each.path.startswith(DESK)]
        routes = [each for each in routes if str(each) not in PAIRED]
    else:
        routes = list(desk_routes())
    filled = {"person": "mia", "profile": "mia", "device": "mia-tablet"}
    return [
        each.at(filled)
        for each in routes
        if not each.changes
        and not each.path.startswith(("/static", "/metrics", *MADE_UP))
        and not each.path.endswith(("/live", "/events", "/stream"))
    ]


def looked_at(home: House, people: dict[str, Visitor]) -> dict[str, object]:
    """Return all that anybody can see."""
    timed = "copdns_upstream_seconds", "copdns_facts_age_seconds"
    found: dict[str, object] = {
        f"{path} for {who}": resting(visitor.open(home.program, path).text)
        for who, visitor in people.items()
        for path in pages_of(who)
    }
    found["metrics"] = {k: n for k, n in home.metrics().items() if not k.startswith(timed)}
    with closing(open_database(home.data / "household.db", HOUSEHOLD)) as connection:
        skip = re.compile(rf"INSERT INTO \"?({'|'.join(OF_SESSIONS)})\b")
        found["household.db"] = [
            resting(line) for line in connection.iterdump() if not skip.match(line)
        ]
    found["rows"] = [each.row._replace(at=0) for each in home.log.rows("home")]
    found["counted"] = home.written()
    return found


def looks_for_help(home: House, child: Visitor) -> list[str]:
    """Ask for names of help, and open every page that could be about them."""
    for name in HELP:
        assert home.ask(name, source=child.address).data
        home.ask(f"why.{name}.q.home.arpa", "TXT", source=child.address)
    return [
        child.open(home.program, path).text
        for name in map(quote, HELP)
        for path in (
            *("/help", "/help?country=GB", "/help?country=fr", "/bad"),
            *(f"/check?name={name}", f"/ask?name={name}", f"/check?name=https://{name}/chat"),
            *("/help/bullying", "/help/visible"),
        )
    ]


def test_help_that_was_looked_for_by_name_and_on_pages_shows_to_nobody(home: House) -> None:
    people = everybody(home)
    home.ask("games.example", source=MIA)
    home.ask("games.example", source=TOM)
    eventually(lambda: home.written()[1] >= 2)
    looked_at(home, people)  # the first look of a guardian is one that the child sees
    before = looked_at(home, people)
    shown = [page for child in ("mia", "tom") for page in looks_for_help(home, people[child])]
    assert any("is not blocked." in page for page in shown)
    began = monotonic()
    eventually(lambda: monotonic() - began > 4 * FLUSH_EVERY)  # by then all is on the disk
    assert not {place: found for place, found in traces(home.data, TRACE).items() if found}
    after = looked_at(home, people)
    differing = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    assert differing == {}
    for key, seen in after.items():
        assert not re.search(TRACE, str(seen).encode()), key
    _, said = home.program.stop()
    assert not re.search(TRACE, said.encode())
