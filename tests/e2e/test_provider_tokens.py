"""Each token, code, link and session of a provider, shown to each of its programs that listens:
whoever has no right to a family gets none of what its tables have."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web

from copdns.accounts.roles import Permission, Role, scopes_for
from copdns.provider.law.keys import KEYS_FOLDER, ProviderKeys
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.store.provider_db.role_grants import RoleDuty
from copdns.store.provider_db.staff_sessions import StaffSession, StaffSessions
from copdns.web.api.table import API_ROUTES
from copdns.web.routes import ROUTES
from copdns.web.staff.desk_operations import DESK_OPERATIONS
from copdns.web.staff.operations import REGISTER_OPERATIONS
from copdns.web.staff.rollout_operations import ROLLOUT_OPERATIONS
from copdns.web.staff.site import COOKIE, digest_of
from tests.database_roles import reach_as
from tests.e2e.house import House, house
from tests.e2e.provider_nodes import DATABASE, SECRET, TOKEN
from tests.e2e.test_arrival import Provider, family_code, provider  # noqa: F401 - a fixture
from tests.e2e.test_provider import server  # noqa: F401 - a fixture
from tests.e2e.visitor import Visitor
from tests.provider_staff import STAFF, staff_added
from tests.running import PATIENCE

pytestmark = pytest.mark.tools

# Of Ada's family, and of nobody else here: a child, a blocked site, a name at home.
WORDS = ("zephyrine", "quagga.example", "thylacine.home.arpa")
ENDLESS = ("/live", "/events")  # streams, which end with the browser
COOKIES = (
    *("copdns_session", "copdns_browser", "copdns_family", "copdns_pass"),
    *("copdns_device", "copdns_guest", COOKIE),
)
PLACES = count(1)  # of who asks: each from its own address, so that no limit answers in its place


def paths() -> Iterator[str]:
    """Yield what can be read of families' pages, the API and the staff's, where no id is needed,
    and where Ada's are."""
    routes = (each for each in (*ROUTES, *API_ROUTES) if isinstance(each, web.RouteDef))
    found = {each.path for each in routes if each.method in ("GET", "*")}
    staff = (*REGISTER_OPERATIONS, *DESK_OPERATIONS, *ROLLOUT_OPERATIONS)
    found |= {each.path for each in staff if each.method == "GET"}
    for path in sorted(found):
        chosen = re.sub(r"\{(?:profile|person)\}", "zephyrine", path)
        if not (path.endswith(ENDLESS) or "{" in chosen):
            yield chosen


def read(origin: str, path: str, headers: Mapping[str, str]) -> str:
    """Return what a program says, but for the path where it says that again."""
    place = next(PLACES)
    source = f"127.{20 + place // 40_000}.{1 + place // 200 % 200}.{1 + place % 200}"
    host, _, port = origin.removeprefix("http://").partition(":")
    with closing(
        HTTPConnection(host, int(port), timeout=PATIENCE, source_address=(source, 0))
    ) as connection:
        connection.request("GET", path, headers={"Accept": "text/html, */*", **headers})
        reply = connection.getresponse()
        text = str(reply.headers) + reply.read().decode(errors="replace")
    return text.lower().replace(path.lower(), "")


def cookies_of(visitor: Visitor) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{key}={value}" for key, value in visitor.cookies.items())}


class Family(NamedTuple):
    """code: with which its guardian joined, which is used up."""

    household: str
    guardian: Visitor
    code: str


def make_family(provider: Provider, line: str, words: tuple[str, str, str]) -> Family:  # noqa: F811
    """Let a family in by a link, with a child, a rule and a name at home."""
    child, site, name = words
    arrived, guardian = provider.arrive(line, "Ada"), Visitor(f"127.0.1.{next(PLACES)}")
    assert provider.join(guardian, arrived["code"]).status == 303
    made = provider.send(guardian, "/guardian/people", name=child.title(), band="7-9")
    assert made.status == 303
    rule = {"target": site, "action": "block", "scope": child}
    assert provider.send(guardian, f"/guardian/people/{child}/rules", **rule).status == 303
    own = {"name": name, "addresses": "127.0.0.99"}
    assert provider.send(guardian, "/guardian/names/local", **own).status == 303
    return Family(arrived["household"], guardian, arrived["code"])


def texts_of(provider: Provider, family: Family) -> dict[str, str]:  # noqa: F811
    """Return what a family and the programs have that lets somebody in somewhere, by its kind."""

    def command(*words: str) -> dict[str, str]:
        found: dict[str, str] = json.loads(
            provider.node.command(family.household, *words, "--json")
        )
        return found

    device = ("device", "add", "tablet", "--profile", "tom", "--mac", "02:00:00:00:00:77")
    provider.node.command(family.household, *device)
    page = provider.open(family.guardian, "/guardian/me")
    found = {
        "bindings": TOKEN,
        "radius": SECRET,
        "a portal's link": provider.link("line 41", "Ada"),
        "a used code": family.code,
        "another family's code": family_code(page),
        "another family's device": command("device", "token", "add", "tablet")["secret"],
    }
    everything = [str(each) for each in scopes_for(Role.OWNER)]
    for label, scopes in (("all", everything), ("metrics", [str(Permission.SEE_STATUS)])):
        words = [word for each in scopes for word in ("--scope", each)]
        made = command("account", "token", "make", "Ada", label, *words)
        found[f"another family's token for {label}"] = made["token"]
    return found


def staff_sessions(provider: Provider) -> dict[str, dict[str, str]]:  # noqa: F811
    """Log each of the staff in; return their cookies."""
    now, found = int(time.time()), {}
    with closing(PostgresPool(provider.node.database, most=1)) as pool:
        register = RegisterStore(pool, ProviderKeys(provider.node.home.data / KEYS_FOLDER))
        for each in STAFF:
            member = replace(each, subject=f"subject of {each.id}")
            register.write("console", now, lambda _, member=member: staff_added(member))  # type: ignore[misc]
            text = secrets.token_urlsafe(32)
            StaffSessions(pool).add(StaffSession(digest_of(text), each.id, now, now, now))
            found[f"{each.role} of the staff"] = {"Cookie": f"{COOKIE}={text}"}
    return found


def without_pages(provider: Provider) -> dict[str, str]:  # noqa: F811
    """Return the environment of a copdns on which no family has pages."""
    more = {
        DATABASE: reach_as(provider.node.database, RoleDuty.NODES),
        "COPDNS_PROVIDER__SHOW_PAGES": "false",
    }
    wanted = ("COPDNS_PROVIDER__", "COPDNS_DNS__FORWARDERS")
    kept = {k: v for k, v in provider.node.environment.items() if k.startswith(wanted)}
    return kept | more


def origins_of(provider: Provider, bare: House) -> dict[str, str]:  # noqa: F811
    return {
        "families": provider.families,
        "welcome": provider.door,
        "staff": provider.staff,
        "bindings": f"http://127.0.0.1:{provider.node.bindings}",
        "no pages": f"http://127.0.0.1:{bare.program.web_port}",
    }


def test_no_token_or_session_opens_a_family_to_who_has_no_right_to_it(
    provider: Provider,  # noqa: F811
    tmp_path: Path,
) -> None:
    ada = make_family(provider, "line 41", WORDS)
    bo = make_family(provider, "line 42", ("tom", "other.example", "other.home.arpa"))
    own, every = cookies_of(ada.guardian), list(paths())
    shown = [each for each in every if has_words(read(provider.families, each, own))]
    assert len(shown) > 15, "whoever has the right sees it"
    assert {"/guardian/people", "/api/v1/rules", "/api/v1/household.yaml"} <= set(shown)

    credentials: dict[str, dict[str, str]] = {
        "nothing": {},
        "another family": cookies_of(bo.guardian),
    }
    for kind, text in texts_of(provider, bo).items():
        credentials[f"{kind}, as a token"] = {"Authorization": f"Bearer {text}"}
        credentials[f"{kind}, as a cookie"] = {
            "Cookie": "; ".join(f"{each}={text}" for each in COOKIES)
        }
    credentials |= staff_sessions(provider)
    with house(tmp_path, environment=without_pages(provider)) as bare:
        origins = origins_of(provider, bare)
        asked = [
            (kind, name, path)
            for kind, headers in {**credentials, "Ada's own": own}.items()
            for name, origin in origins.items()
            if (kind, name) != ("Ada's own", "families")
            for path in ((*shown, "/metrics", "/readyz") if name != "staff" else every)
            if has_words(read(origin, path, headers))
        ]
    assert asked == []


def has_words(text: str) -> bool:
    return any(each in text for each in WORDS)
