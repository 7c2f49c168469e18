"""The pages of a provider's families over a real PostgreSQL: Ada's, in which there is one of
everything, and Bo's; and what each route is sent by who tries it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_network
from typing import Any, Final

from aiohttp import ClientResponse

from copdns.accounts.account import Account
from copdns.accounts.further_guardian import FURTHER_GUARDIAN_WAITS
from copdns.accounts.roles import Permission, Role
from copdns.app.account_chores import AccountChores
from copdns.app.many_households.page_households import PageHouseholds
from copdns.household.token_edits import add_token
from copdns.list_files.load import load_catalogue
from copdns.model.device_tokens import token_digest
from copdns.model.household import Household
from copdns.policy.build_snapshot import build_snapshot
from copdns.privacy.retention import LogRow
from copdns.store.connection import SqlConnection
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.family_codes import FamilyCodes
from copdns.store.household_db.provider import ProviderStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.provider_log import ProviderLog
from copdns.store.log_db.unknown_devices import save_unknown_devices
from copdns.store.postgres.connection import LOG_SCHEMA, PostgresPool
from copdns.time.plan import NO_INPUTS
from copdns.web.logins import Logins
from copdns.web.many_households.choose_household import DEVICE_COOKIE, FAMILY
from copdns.web.many_households.family_door import FamilyDoor
from copdns.web.routes import application
from tests.home import Home
from tests.household import DEFAULTS, NOW, PEOPLE
from tests.postgres_server import empty
from tests.unit.calling import ABOUT_A_RULE
from tests.web.access import Route
from tests.web.guardians import PASSWORD, password_hash
from tests.web.site import HTML, Client, Site
from tests.web.test_undo import ACTIONS, FILLED, VISITOR, full_house

Cookies = Mapping[str, str]

TOKEN: Final = "mfzwizltoq2dmnjwgy3tqojqge"  # of Mia's phone
WISH, SEEN, NOTE = "A secret wish.", "secret.games.example", "A note of Ada's."
# What only Ada's household has, and nobody else may read.
ADAS: Final = (WISH, SEEN, NOTE, "Mia", "Tom", "Rita", "Example family", "toys.example")

# Troubles: one of the machine of all families, and one that each family notices.
OF_MACHINE, OF_FAMILIES = "no backup could be made: no space", "nothing can be changed just now"

_LIST = {"title": "Mine", "text": "ads.example\n"}
_SLOTS = {"slots": ["daily 20:00-21:00"]}
_DNS = {"upstreams": ["192.0.2.54"], "anyway": True}
_VERSION = {"list": "starter-games", "version": "0" * 12}
# What an operation is sent, so that one that is let in by mistake does something.
BODIES: Mapping[str, dict[str, Any]] = {
    "PATCH /profiles/{profile}": {"name": "Bo was here"},
    "POST /profiles/{profile}/full-log": {"days": 2},
    "PUT /profiles/{profile}/proposal": {"band": "10-12"},
    "PUT /profiles/{profile}/pause": {"minutes": 30},
    "PUT /profiles/{profile}/bedtime": {"start": "21:30"},
    "POST /profiles/{profile}/grants": {"about": "category:games", "minutes": 60},
    "POST /profiles/{profile}/tickets": {"code": "0000-0000"},
    "POST /profiles/{profile}/bonuses": {"budget": "mia-play", "minutes": 5},
    "POST /profiles/{profile}/more-time": {"minutes": 5},
    "PUT /profiles/{profile}/pin": {"pin": "4711"},
    "PUT /schedules/{schedule}": _SLOTS | {"scope": "mia"},
    "PUT /budgets/{budget}": {"minutes": {"daily": 10}, "scope": "mia"},
    "PATCH /rules/{rule}": {"note": "Bo was here"},
    "PATCH /devices/{device}": {"name": "Bo was here"},
    "POST /unknown-devices/{visitor}/name": {"name": "Box", "profile": "tom"},
    "POST /appeals/{appeal}/decide": {"state": "refused", "reason": "unsafe"},
    "PUT /services/{service}": {"names": ["more.example"]},
    "PUT /local-names/{name}": {"addresses": ["192.0.2.9"]},
    "PUT /rewrites/{rewrite}": {"target": "other.example"},
    "PUT /splits/{domain}": _DNS,
    "PUT /upstreams": _DNS,
    "POST /upstreams/try": _DNS,
    "POST /lists/accept": _VERSION,
    "POST /lists/refuse": _VERSION,
    "POST /lists/rollback": _VERSION,
    "POST /lists/log-only": {"list": "starter-games", "days": 3},
    "POST /lists/own": _LIST,
    "PUT /lists/own/{list}": _LIST,
    "POST /facts/accept": {"version": "0" * 12},
    "POST /facts/keep": {"version": "0" * 12},
    "POST /facts/rollback": {"digest": "shipped"},
    "PUT /digest": {"address": "ada@mail.example"},
}
# What forms send besides what `ACTIONS` has.
FORMS: Mapping[str, dict[str, str]] = {
    "lists/accept": {"list": "starter-games", "version": "0" * 12},
    "lists/refuse": {"list": "starter-games", "version": "0" * 12},
    "lists/rollback": {"list": "starter-games", "version": "0" * 12},
    "lists/trial": {"list": "starter-games", "days": "3"},
    "lists/own": {**_LIST, "category": "own", "format": "auto"},
    "lists/own/{list}": {**_LIST, "category": "own", "format": "auto"},
    "facts/accept": {"version": "0" * 12},
    "facts/keep": {"version": "0" * 12},
    "facts/rollback": {"digest": "shipped"},
    "appeals/{appeal}/decide": {"state": "refused", "reason": "unsafe", "text": "No."},
    "me/digest": {"address": "ada@mail.example", "weekday": "6", "at": "18:00"},
    "people/{person}/full-log": {"days": "2"},
    "people/{person}/propose": {"band": "10-12"},
}


@dataclass
class Families:
    """filled: what stands in paths, all of it Ada's.  code: of Ada's family.  ada, bo: cookies of
    their sessions.  pages: the households that are here."""

    site: Site
    client: Client
    filled: dict[str, str]
    code: str
    ada: Cookies
    bo: Cookies
    pages: PageHouseholds

    @property
    def code_cookie(self) -> Cookies:
        return {FAMILY: self.code}

    @property
    def device_cookie(self) -> Cookies:
        return {DEVICE_COOKIE: TOKEN}

    async def visit(self, route: Route, cookies: Cookies) -> tuple[ClientResponse, str]:
        """Open a page, send a form or call an operation; return what came."""
        own = f"{self.client.host}:{self.client.port}"
        is_api = route.path.startswith("/api/")
        headers = {} if is_api else dict(HTML)
        if route.changes:
            headers["Origin"] = f"http://{own}"
        headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in cookies.items())
        sent: dict[str, Any] = {}
        if route.changes:
            sent = {"json": self._body(route)} if is_api else {"data": self._fields(route)}
        self.client.session.cookie_jar.clear()
        reply = await self.client.request(
            route.method, route.at(self.filled), headers=headers, allow_redirects=False, **sent
        )
        if reply.content_type == "text/event-stream":
            reply.close()
            return reply, ""
        return reply, await reply.text()

    async def send(self, path: str, fields: Mapping[str, str]) -> ClientResponse:
        """Send a form as Ada."""
        headers = self._headers(self.ada)
        return await self.client.post(path, data=fields, headers=headers, allow_redirects=False)

    async def change(self, **fields: Any) -> None:
        """Change Ada's household, and let pages have it at once, as the outbox does."""
        edit = partial(replace, **fields)
        await self.site.store.change("home", edit, author="Ada", what="test", now=1)
        self.pages.forget_all()

    async def post(self, path: str, fields: Mapping[str, str], cookies: Cookies) -> str:
        """Send a form; return the page that comes of it."""
        headers = self._headers(cookies)
        reply = await self.client.post(path, data=fields, headers=headers)
        page = await reply.text()
        assert reply.status == 200, page
        return page

    def _headers(self, cookies: Cookies) -> dict[str, str]:
        self.client.session.cookie_jar.clear()
        own = f"http://{self.client.host}:{self.client.port}"
        sent = "; ".join(f"{key}={value}" for key, value in cookies.items())
        return dict(HTML) | {"Origin": own, "Cookie": sent}

    def _body(self, route: Route) -> dict[str, Any]:
        return BODIES.get(f"{route.method} {route.path.removeprefix('/api/v1')}", {})

    def _fields(self, route: Route) -> dict[str, str]:
        action = route.path.removeprefix("/guardian/")
        fields = FORMS.get(action) or getattr(ACTIONS.get(action), "fields", None) or {}
        return {key: each.format(**self.filled) for key, each in fields.items()} | {"sure": "on"}

    def rows(self, household: str) -> dict[str, list[tuple[object, ...]]]:
        """Return all that PostgreSQL has of a household, but what counts looks and sessions."""

        def read(connection: SqlConnection) -> dict[str, list[tuple[object, ...]]]:
            tables = connection.execute(
                "select table_name from information_schema.columns"
                " where table_schema = current_schema() and column_name = 'household'"
            ).fetchall()
            return {
                name: sorted(
                    connection.execute(f'select * from "{name}" where household = ?', (household,)),
                    key=repr,
                )
                for (name,) in tables
                if name not in ("look", "session", "browser")
            }

        pool = self.site.store.pool  # type: ignore[attr-defined]
        with pool.connection() as connection:
            return read(connection)

    def machine(self) -> dict[str, object]:
        """Return what belongs to the machine of all families: its files but those of sessions, and
        what it was asked to do."""
        folder = self.site.folder
        kept = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(("log.db", "household", "sightings"))
        }
        asked = self.site.updates.is_fetch_requested, self.site.facts.is_fetch_requested
        return {"files": kept, "asked": asked, "settings": self.site.settings}


@asynccontextmanager
async def running_families(conninfo: str) -> AsyncIterator[Families]:
    """Give Ada's and Bo's families at one provider."""
    site = Site(Home(full_house(), load_catalogue(())))
    async with _provided(site, conninfo):
        base = build_snapshot(
            None,
            site.home.resolver.snapshot.library,
            replace(DEFAULTS, allow=(ip_network("127.0.0.0/8"),)),
            [],
            NOW,
        )
        chores = AccountChores(site.thread, lambda: site.now, lambda: False, keeps_last=True)
        pages = PageHouseholds(
            site.thread, chores, lambda: base, lambda: NO_INPUTS, lambda: site.now
        )
        site.context = replace(
            site.context,
            store=site.store,
            thread=site.thread,
            log=site.log,
            logins=site.logins,
            snapshot=pages.snapshot,
            identify=pages.identify,
            door=FamilyDoor(pages, lambda: 0.0),
            first_box=None,
            warnings=lambda: (OF_MACHINE, OF_FAMILIES),
            family_warnings=lambda: (OF_FAMILIES,),
            further_guardian_waits=FURTHER_GUARDIAN_WAITS,
        )
        site.app = application(site.context)
        async with site.visited() as client:
            yield await _filled(site, client, pages)


@asynccontextmanager
async def _provided(site: Site, conninfo: str) -> AsyncIterator[None]:
    """Let the site's households be in PostgreSQL."""
    site.store = site._stack.enter_context(ProviderStore.connect(PostgresPool(conninfo)))
    site.thread = StoreThread(site.store)
    site.logins = Logins(site.thread, lambda: 0.0)
    site._stack.callback(site.logins.close)
    site.accounts = Accounts(site.thread)
    site.log = ProviderLog(site.folder, conninfo)
    site._stack.callback(site.log.stop)
    yield
    empty(conninfo, LOG_SCHEMA)


async def _filled(site: Site, client: Client, pages: PageHouseholds) -> Families:
    """Fill Ada's house, and let her and Bo log in."""
    await site.store.create(
        Household("bos", "Bo's family", profiles=(replace(PEOPLE["ada"], id="bo", name="Bo"),)),
        "test",
        site.now,
    )
    edit = partial(add_token, device_id="mia-phone", digest=token_digest(TOKEN))
    await site.store.change("home", edit, author="Ada", what="device token", now=site.now)
    save_unknown_devices(site.folder, [VISITOR])
    filed = await site.context.appeals.file("home", replace(ABOUT_A_RULE, words=WISH), site.now)
    site.log.start()
    site.log.add(
        LogRow(site.now, "home", "mia", "", SEEN, 1, "block", "category", "games", "", "", "", "")
    )
    site.log.flush()
    rita = await _account(site, "home", "Rita", Role.REVIEWER)
    ada = await _account(site, "home", "Ada", Role.OWNER)
    await _account(site, "bos", "Bo", Role.OWNER)
    scopes = [Permission.GIVE_TIME]
    token, _ = await site.context.tokens.make(ada, "Lamp", scopes, site.now + 9**7, site.now, "Ada")
    codes = FamilyCodes(site.thread)
    filled = dict(FILLED) | {"account": rita.id, "token": token.id, "appeal": filed.appeal.id}
    filled |= {"service": "club", "name": "nas.example", "rewrite": "old.example"}
    filled |= {"domain": "work.example", "file": "copdns.css", "code": "0000-0000"}
    code, bos = await codes.of("home"), await codes.of("bos")
    return Families(
        site,
        client,
        filled,
        code,
        await _log_in(client, "Ada", code),
        await _log_in(client, "Bo", bos),
        pages,
    )


async def _account(site: Site, household: str, name: str, role: Role) -> Account:
    made = await site.accounts.add(Account(household, "", name, role, ""), None, site.now)
    await site.accounts.set_password(household, made.id, password_hash(), site.now, by=None)
    return made


async def _log_in(client: Client, name: str, code: str) -> Cookies:
    client.session.cookie_jar.clear()
    own = f"http://{client.host}:{client.port}"
    reply = await client.post(
        "/guardian/login",
        data={"name": name, "password": PASSWORD},
        headers={"Origin": own, "Cookie": f"{FAMILY}={code}"},
        allow_redirects=False,
    )
    assert reply.status == 303, await reply.text()
    found = {each.key: each.value for each in client.session.cookie_jar}
    client.session.cookie_jar.clear()
    return found
