"""The staff's application over a real PostgreSQL and a sign-on on loopback, and browsers for it.

It connects as the role of the staff's program, so whatever goes through it is tried as that one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer
from yarl import URL

from copdns.lists.index import Entry, FoundEntry, ListInfo, ListKind
from copdns.model.matchers import MatchKind
from copdns.provider.law.edits import describe_operator
from copdns.provider.law.events import TenantAdded
from copdns.provider.law.keys import ProviderKeys
from copdns.provider.law.statement_shapes import FamilyListPart, HotlinePart
from copdns.provider.staff.checklist import Installation
from copdns.provider.staff.duties import StaffMember, StaffRole
from copdns.provider.staff.publisher import Publisher
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.desk_rows import DeskStore
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.store.provider_db.role_grants import RoleDuty
from copdns.store.provider_db.staff_sessions import StaffSessions
from copdns.web.pages import Pages
from copdns.web.staff.app import staff_app
from copdns.web.staff.arrive import PortalDoor, welcome_app
from copdns.web.staff.desk_operations import DESK_OPERATIONS
from copdns.web.staff.kept_documents import KeptDocuments
from copdns.web.staff.operations import REGISTER_OPERATIONS
from copdns.web.staff.rollout_operations import ROLLOUT_OPERATIONS
from copdns.web.staff.sign_on import SignOn, SignOnSetup
from copdns.web.staff.site import StaffSite
from copdns.web.staff.site_form import add_site_form
from copdns.web.staff.statement_page import add_statement
from tests.database_roles import give_role
from tests.provider_staff import NOW, SPECIAL, STAFF, staff_added
from tests.running import free_port
from tests.sign_on_server import CLIENT, SECRET, SignOnServer, running_sign_on

FAMILIES = "https://family.provider.example"
OPERATIONS = (*REGISTER_OPERATIONS, *DESK_OPERATIONS, *ROLLOUT_OPERATIONS)
HOTLINE = HotlinePart(name="A hotline", site="https://hotline.example/")
LISTS = tuple(
    FamilyListPart(
        list=name,
        category=category,
        maintainer="A maintainer",
        source=f"https://lists.example/{name}",
        licence="CC0-1.0",
    )
    for name, category in (("casinos", "gambling"), ("bets", "gambling"), ("play", "games"))
)
OTHER = StaffMember("rev2", "Another reviewer", StaffRole.REVIEWER)
NORTH = StaffMember("north", "North", StaffRole.ADMINISTRATOR, tenant="north")


@dataclass
class StaffBrowser:
    """A browser.  session: with its cookies."""

    origin: str
    session: aiohttp.ClientSession

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(self.origin + path) as response:
            return response.status, await response.json(content_type=None)

    async def post(self, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        headers = {"Origin": self.origin, **headers}
        send = self.session.post(self.origin + path, json=body or {}, headers=headers)
        async with send as response:
            return response.status, await response.json(content_type=None)

    def cookie(self) -> str:
        found = self.session.cookie_jar.filter_cookies(URL(self.origin)).get("copdns_staff")
        return found.value if found else ""


@dataclass
class Site:
    """now: of copdns and of the sign-on, if moved by `later`.  published: files for the public.

    store, desk, sessions: as the staff's role.  households: as the owner.  welcome: how the
    database is reached as the role that lets subscribers in.
    """

    store: RegisterStore
    desk: DeskStore
    sessions: StaffSessions
    sign_on: SignOnServer
    keys: ProviderKeys
    published: Path
    origin: str = ""
    now: float = NOW
    households: ProviderStore | None = None
    welcome: str = ""
    browsers: list[StaffBrowser] = field(default_factory=list)
    list_files: dict[str, bytes] = field(default_factory=dict)

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.sign_on.now = self.now

    def forget_cases(self, now: float) -> int:
        """Delete old cases, as a chore of the families' role would."""
        assert self.households
        return DeskStore(self.households.pool).forget(int(now))

    def drop_cases(self) -> None:
        """Delete all cases."""
        assert self.households
        with self.households.pool.connection() as connection:
            connection.execute("delete from desk_case")

    def browser(self) -> StaffBrowser:
        jar = aiohttp.CookieJar(unsafe=True)  # of addresses, too
        self.browsers.append(StaffBrowser(self.origin, aiohttp.ClientSession(cookie_jar=jar)))
        return self.browsers[-1]

    async def logged_in(self, who: str) -> StaffBrowser:
        browser = self.browser()
        self.sign_on.subject = f"subject of {who}"
        status, found = await browser.get("/staff/login")
        assert (status, found["id"]) == (200, who)
        return browser


@asynccontextmanager
async def running_site(
    postgres: str, folder: Path, factor: str = "", *, public_origin: str = ""
) -> AsyncIterator[Site]:
    """Run it; public_origin: what a proxy before it is called, which it has none of here."""
    keys = ProviderKeys(folder / "keys")
    keys.make()
    with ProviderStore.connect(PostgresPool(postgres)) as households:
        RegisterStore(households.pool, keys)  # makes the tables
        staff = give_role(postgres, households.pool, RoleDuty.STAFF)
        pool = PostgresPool(staff)
        store = RegisterStore(pool, keys)
        operator = describe_operator("A provider", "FR", "contact@provider.example")
        store.write("console", NOW, lambda _: operator)
        store.write("console", NOW, lambda _: TenantAdded("north", "North", "FR"))
        for each in (*STAFF, OTHER, NORTH):
            who = replace(each, subject=f"subject of {each.id}")
            store.write("console", NOW, lambda _, who=who: staff_added(who))  # type: ignore[misc]
        sessions = StaffSessions(pool)
        async with running_sign_on(NOW) as sign_on, aiohttp.ClientSession() as client:
            site = Site(store, DeskStore(pool, keys), sessions, sign_on, keys, folder)
            site.households = households
            site.welcome = give_role(postgres, households.pool, RoleDuty.WELCOME)
            port = free_port()
            site.origin = f"http://127.0.0.1:{port}"
            server = TestServer(
                _app(site, client, factor, public_origin), host="127.0.0.1", port=port
            )
            async with server:
                try:
                    yield site
                finally:
                    for each_browser in site.browsers:
                        await each_browser.session.close()
                    pool.close()


def _app(site: Site, client: aiohttp.ClientSession, factor: str, public_origin: str) -> Any:
    pages = Pages()
    setup = SignOnSetup(
        site.sign_on.issuer, CLIENT, SECRET, f"{site.origin}/staff/callback", factor
    )
    served = StaffSite(
        site.store,
        site.desk,
        find,
        ((HOTLINE.name, HOTLINE.site),),
        site.sessions,
        SignOn(setup, client),
        SPECIAL,
        public_origin or site.origin,
        lambda: site.now,
        site.keys,
        lambda _: Publisher(LISTS, (HOTLINE,), site.keys.public_key, site.keys.sign),
        pages,
        Installation,
        site.list_files.copy,
    )
    app = staff_app(served, OPERATIONS)
    add_site_form(app, pages)
    add_statement(app, served, KeptDocuments(site.published, site.keys.public_key))
    return app


@asynccontextmanager
async def running_door(site: Site) -> AsyncIterator[StaffBrowser]:
    """Run the program that lets subscribers in, as its own role; yield who asks it."""
    assert site.welcome
    pool = PostgresPool(site.welcome)
    households, register = ProviderStore(pool), RegisterStore(pool, site.keys)
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    door = PortalDoor(register, households, origin, FAMILIES, lambda: site.now)
    async with (
        TestServer(welcome_app(door), host="127.0.0.1", port=port),
        aiohttp.ClientSession() as session,
    ):
        yield StaffBrowser(origin, session)
    households.close()


def find(name: str) -> list[FoundEntry]:
    """Return what a list has of a name: it is about gambling, and wrong about a club."""
    if not f".{name}".endswith(".club.example"):
        return []
    info = ListInfo(0, "casinos", ListKind.CATEGORY, "gambling", "7", maintainer="A maintainer")
    entry = Entry(0, "club.example", MatchKind.SUBTREE, allow=False)
    return [FoundEntry(entry, info, "club.example")]
