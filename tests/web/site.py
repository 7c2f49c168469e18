"""The web application over a whole home without sockets of DNS, visited as one of the cast.

The household and what stands beside it are in real databases; what a page changes there is put in
force by `follow`, as the running program does by itself.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from copdns.accounts.account import with_guests
from copdns.events.targets import Targets
from copdns.list_files.choose import AvailableLists
from copdns.list_files.copies import Copies
from copdns.list_files.facts_updates import FactsUpdater
from copdns.list_files.updates import ListUpdater
from copdns.model.household import Band, Household, Profile
from copdns.model.verdict import Requestor
from copdns.network.other_resolvers import Assessment
from copdns.network.probes import Probes
from copdns.network.setup_steps import SetupState
from copdns.server.exposition import build_registry
from copdns.settings.config import Settings
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.condition import FILE, Settled
from copdns.store.household_db.guests import Guests
from copdns.store.household_db.household import HouseholdStore, _open
from copdns.store.household_db.looks import Looks, Notices
from copdns.store.household_db.pairings import Pairings
from copdns.store.household_db.setup import Setups
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.querylog import QueryLog
from copdns.time.plan import NO_INPUTS, PolicyInputs
from copdns.web.context import AppContext, ListsState
from copdns.web.https import HttpsOffer
from copdns.web.logins import Logins
from copdns.web.pages import Pages
from copdns.web.routes import ROUTES, application
from copdns.web.second_box.bundles import FirstBox
from copdns.web.template_words import WORD_JOINER
from tests.home import Home
from tests.household import LISTENER, asker
from tests.new_databases import put_empty_database
from tests.templates import take_compiled_templates

Client = TestClient  # type: ignore[type-arg]

take_compiled_templates()
PAGES = Pages()
HTML = {"Accept": "text/html"}


class Site:
    """The pages of a home.

    who: who visits them: one of the cast, or an address; connections all come from loopback.
    missing: what keeps copdns from being ready.  damage: what is wrong with its database.
    network: what a look around finds.  lists: of other people.  trusted: hosts for which browsers
    trust the certificate.
    """

    made: ClassVar[list[Site]] = []  # in this test, for those that nobody visits

    def __init__(self, home: Home | None = None, hosts: Iterable[str] = ()) -> None:
        self.made.append(self)
        self.home = home or Home()
        self.who = "mia"
        self.missing: tuple[str, ...] = ()
        self.damage = ""
        self.readings: PolicyInputs = NO_INPUTS
        self.network = Assessment(SetupState.PASSED)
        self.lists = ListsState(3)
        self._stack = ExitStack()
        self.folder = folder = Path(self._stack.enter_context(TemporaryDirectory()))
        self.settings = Settings()
        self.trusted: set[str] = set()
        self.log = QueryLog(folder)
        self._stack.callback(self.log.stop)
        self.updates = ListUpdater(
            Copies(folder),
            AvailableLists((), frozenset(), {}),
            lambda: self.settings,
            lambda: self.home.resolver.snapshot.households.values(),
            lambda: self.home.resolver.snapshot.library,
            lambda: self.now,
            self._swap,
        )
        self.facts = FactsUpdater(folder, lambda: self.settings.facts, lambda: self.now)
        put_empty_database(folder)
        self.store = self._stack.enter_context(_open_store(folder))
        self.thread = self._stack.enter_context(StoreThread(_open_store(folder)))
        self.logins = Logins(self.thread, lambda: self.home.clock().mono)
        self._stack.callback(self.logins.close)
        self.appeals = AppealStore(self.store)
        self.accounts = Accounts(self.thread)
        self.pairings = Pairings(self.thread)
        self.setups = Setups(self.thread)
        self.probes = Probes()
        self.home.resolver.on_probe = self.probes.note_query
        self.guests = Guests(self.thread)
        self.looks, self.notices = Looks(self.thread), Notices(self.thread)
        self.targets = Targets(self.settings.events)
        self.context = self._make_context(frozenset({"localhost", "copdns.home.arpa", *hosts}))
        self.app = application(self.context, [MadeRoutes()])

    def _make_context(self, hosts: frozenset[str]) -> AppContext:
        resolver = self.home.resolver
        return AppContext(
            registry=build_registry(self.home.counters, lambda: None),
            readiness=lambda: self.missing,
            warnings=tuple,
            hosts=hosts,
            snapshot=lambda: resolver.snapshot,
            policy_inputs=lambda: self.readings,
            identify=lambda _: resolver.snapshot.identify(self.asker),
            recent=self.home.recent,
            now=lambda: self.home.clock().wall,
            pages=PAGES,
            store=self.store,
            log=self.log,
            logins=self.logins,
            thread=self.thread,
            folder=self.folder,
            probes=self.probes,
            scan_resolvers=self._look_around,
            lists=lambda: self.lists,
            addresses=lambda: (LISTENER, "127.0.0.1"),
            settings=lambda: self.settings,
            updates=self.updates,
            facts_updates=self.facts,
            targets=self.targets,
            damage=lambda: self.damage,
            repair=self.repair,
            https=lambda: HttpsOffer(self.settings.web.tls_port, self.trusted.__contains__),
            first_box=FirstBox(self.thread, self.folder, list, tuple, lambda: self.now),
        )

    async def _look_around(self) -> Assessment:
        return self.network

    async def repair(self) -> None:
        self.damage = ""

    async def _swap(self, _: object) -> None:
        """Lists that were fetched are not put in force here."""

    @property
    def asker(self) -> Requestor:
        return asker(self.who, "tcp")

    @property
    def now(self) -> int:
        return int(self.home.clock().wall)

    @classmethod
    def close_all(cls) -> None:
        """Close all that were made; those that were visited are closed already."""
        while cls.made:
            cls.made.pop()._stack.close()

    @asynccontextmanager
    async def visited(self) -> AsyncIterator[Client]:
        """Give a browser's connection to the pages."""
        async with (
            self.prepared(),
            TestClient(TestServer(self.app), cookie_jar=CookieJar(unsafe=True)) as made,
        ):
            yield made

    @asynccontextmanager
    async def prepared(self) -> AsyncIterator[None]:
        """Store the household, for a server that the caller starts; close all afterwards."""
        with self._stack:
            await self.store.create(self.home.house, "test", self.now)
            yield

    async def follow(self) -> None:
        """Put in force what is stored."""
        house = await self.store.household(self.home.house.id)
        assert house is not None
        self.home.change(house)

    async def set_band(self, band: Band) -> None:
        """Make the first person of the household that old."""

        def edit(home: Household) -> Household:
            return replace(
                home, profiles=(replace(home.profiles[0], band=band), *home.profiles[1:])
            )

        await self.store.change(self.home.house.id, edit, author="", what="", now=self.now)
        await self.follow()


class MadeRoutes(web.AbstractRouteDef):
    """All routes as they were made for the first site: to make 400 takes as long as many a test."""

    def register(self, router: web.UrlDispatcher) -> list[web.AbstractRoute]:
        for each in _made_resources():
            router.register_resource(each)
        return []


@cache
def _made_resources() -> tuple[web.AbstractResource, ...]:
    router = web.UrlDispatcher()
    router.add_routes(ROUTES)
    return tuple(router.resources())


def _open_store(folder: Path) -> HouseholdStore:
    """Open a database that was put there just now: whether it is what was stored last need not be
    looked at, which takes as long as many a test."""
    settled = Settled(folder / FILE)
    return HouseholdStore(settled.path, _open(settled), in_memory=False)


async def text(client: Client, path: str, status: int = 200) -> str:
    """Fetch a page as a browser does; return its HTML, as `shown`.

    status: any other fails the test.
    """
    reply = await client.get(path, headers=HTML)
    page = shown(await reply.text())
    assert reply.status == status, page
    return page


async def send(client: Client, path: str, status: int = 200, **fields: str) -> str:
    """Send a form of our own as a browser does, follow where it leads, and return the page.

    status: any other fails the test.
    """
    headers = {**HTML, "Origin": f"http://{client.host}:{client.port}"}
    reply = await client.post(path, data=fields, headers=headers)
    page = shown(await reply.text())
    assert reply.status == status, page
    return page


def shown(page: str) -> str:
    """Return HTML as its reader sees it, without the marks of where a line may end or not."""
    page = re.sub(r'<span class="unbroken">([^<]*)</span>', r"\1", page)
    page = re.sub(r"(?<=\d)((?:er)?)\u00a0(?=[^\W\d])", r"\1 ", page)  # within a date
    return page.replace(WORD_JOINER, "").replace("<wbr>", "").replace("\u00a0· ", " · ")


async def stored_profile(site: Site, profile: str = "mia") -> Profile:
    """Return a person as the database has them."""
    house = await site.store.household("home")
    assert house is not None
    found = house.profile(profile)
    assert found is not None
    return found


async def the_only(site: Site) -> str:
    """Return the id of the one request that there is."""
    (appeal,) = await site.appeals.appeals("home")
    return appeal.id


async def consent_question(site: Site) -> str:
    """Return the question about a full log that waits for Tom, as its form sends it back."""
    found = await site.context.consents.of("home", "tom")
    assert found is not None
    return f"{found.at}-{found.days}"


async def put_guests_in_force(site: Site) -> None:
    """Put guests among the devices, as the running program does."""
    guests = await site.guests.of("home", site.now)
    house = await site.store.household("home")
    assert house is not None
    site.home.change(with_guests(house, guests, site.now))


def words(page: str) -> str:
    """Return what can be read on a page: a space for each gap, and no signs of direction."""
    plain = re.sub(r"[\u2066-\u2069]", "", re.sub(r"<[^>]+>", " ", page))
    return " ".join(plain.split())


async def read_event(client: Client, path: str, **headers: str) -> str:
    """Return the first event of a stream."""
    async with client.get(path, headers={**HTML, **headers}) as reply:
        assert reply.headers["Content-Type"] == "text/event-stream"
        read = ""
        while "data:" not in read or not read.endswith("\n\n"):
            read += (await reply.content.readline()).decode()
        return read
