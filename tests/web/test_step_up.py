"""What opens doors or data asks for the password again: a thief of a cookie gets none of it."""

from __future__ import annotations

import html
import re
from typing import Any

import pyotp
import pytest

from copdns.accounts.account import MINUTE
from copdns.accounts.roles import Permission, Role
from copdns.settings.config import EncryptedSettings
from copdns.web.api import table
from copdns.web.desk.household import away_devices
from copdns.web.device_setup.away_setup import AwayReadiness
from tests.test_house import ROOT
from tests.web.away import READY
from tests.web.guardians import PASSWORD, set_up
from tests.web.pages import PASTED, PASTED_TEXT
from tests.web.programs import Caller, caller, page
from tests.web.site import HTML, Client, Site, send, text

pytestmark = pytest.mark.logged_in

KIND = "urn:copdns:problem:step-up"
FRESH = 5 * MINUTE
ASKS = "Confirm it is you"
PEOPLE = "/guardian/people/mia"

# What a guardian sends on the dashboard to open doors or data.
GRAVE: dict[str, tuple[str, dict[str, str]]] = {
    "invites somebody": ("/guardian/accounts", {"name": "Bo", "role": "guardian"}),
    "makes a code for somebody": ("/guardian/accounts/{reviewer}/code", {}),
    "exports": (f"{PEOPLE}/export", {}),
    "erases": (f"{PEOPLE}/erase", {"sure": "on"}),
    "removes a person": ("/guardian/people/tom/remove", {"sure": "on", "heir": ""}),
    "wants a full log": (f"{PEOPLE}/full-log", {"days": "2"}),
    "sends names elsewhere": (
        "/guardian/names/splits",
        {"name": "work.example", "upstreams": "192.0.2.53"},
    ),
    "changes where names go": (
        "/guardian/names/splits/there.example",
        {"name": "there.example", "upstreams": "192.0.2.54"},
    ),
    "sends names home again": ("/guardian/names/splits/there.example/remove", {}),
    "sends all names elsewhere": ("/guardian/names/servers", {"upstreams": "192.0.2.53"}),
    "sends all names home again": ("/guardian/names/servers/remove", {}),
    "tries who answers": ("/guardian/names/servers/try", {}),
    "tries who answers for a domain": ("/guardian/names/splits/there.example/try", {}),
    "makes a file for the other home": ("/guardian/homes", {"profile": "mia"}),
    "pairs a second box": ("/guardian/boxes", {"name": "Upstairs"}),
    "adds a list": ("/guardian/lists/own", {"title": "Boards", "text": "chess.example"}),
    "changes a list": (
        "/guardian/lists/own/board-games",
        {"title": "Boards", "text": "go.example"},
    ),
    "removes a list": ("/guardian/lists/own/board-games/remove", {"sure": "on"}),
    "answers a public site": (
        "/guardian/names/local",
        {"name": "www.example.com", "addresses": "192.0.2.66"},
    ),
    "changes where a public site leads": (
        "/guardian/names/local/there.example.com",
        {"addresses": "192.0.2.67"},
    ),
    "answers it no longer": ("/guardian/names/local/there.example.com/remove", {}),
    "rewrites a public site": (
        "/guardian/names/rewrites",
        {"name": "*.bank.example.com", "target": "start.example"},
    ),
    "rewrites it no longer": ("/guardian/names/rewrites/=old.example.com/remove", {}),
    "has summaries sent": (
        "/guardian/me/digest",
        {"address": "ada@mail.example", "weekday": "6", "at": "18:00"},
    ),
    "chooses the rules of guests": ("/guardian/guests", {"rules": "tom"}),
    "gives a device a token": ("/guardian/devices/mia-phone/away", {"read": "on"}),
    "makes a key for a program": (
        "/guardian/me/tokens",
        {"label": "Lamp", "scope": "give_time", "days": "9"},
    ),
}
# The same for programs.
OPERATIONS: dict[str, tuple[str, str, Any]] = {
    "has summaries sent": ("PUT", "/digest", {"address": "ada@mail.example"}),
    "chooses the rules of guests": ("PATCH", "/household", {"guest": "tom"}),
    "invites somebody": ("POST", "/accounts", {"name": "Bo", "role": "guardian"}),
    "makes a code for somebody": ("POST", "/accounts/{reviewer}/code", None),
    "exports": ("GET", "/profiles/mia/export", None),
    "exports the household": ("GET", "/household.yaml", None),
    "erases": ("POST", "/profiles/mia/erase", None),
    "wants a full log": ("POST", "/profiles/mia/full-log", {"days": 2}),
    "sends names elsewhere": ("PUT", "/splits/work.example", {"upstreams": ["192.0.2.53"]}),
    "sends names home again": ("DELETE", "/splits/there.example", None),
    "sends all names elsewhere": ("PUT", "/upstreams", {"upstreams": ["192.0.2.53"]}),
    "sends all names home again": ("DELETE", "/upstreams", None),
    "gives a device a token": ("POST", "/devices/mia-phone/tokens", None),
    "tries who answers": ("POST", "/upstreams/try", {"upstreams": ["192.0.2.53"]}),
    "adds a list": ("POST", "/lists/own", {"title": "Boards", "text": "chess.example"}),
    "changes a list": (
        "PUT",
        "/lists/own/board-games",
        {"title": "Boards", "text": "go.example"},
    ),
    "removes a list": ("DELETE", "/lists/own/board-games", None),
    "answers a public site": (
        "PUT",
        "/local-names/www.example.com",
        {"addresses": ["192.0.2.66"]},
    ),
    "answers it no longer": ("DELETE", "/local-names/there.example.com", None),
    "rewrites a public site": ("PUT", "/rewrites/*.bank.example.com", {"target": "start.example"}),
    "rewrites it no longer": ("DELETE", "/rewrites/=old.example.com", None),
    "makes a key for a program": ("POST", "/tokens", {"label": "Lamp", "scopes": ["give_time"]}),
}
# What programs need for them, besides.
MAY = (Permission.EXPORT, Permission.EDIT_HOUSEHOLD, Permission.EDIT_DEVICES)
FOR_PEOPLE_ONLY = {
    *("invites somebody", "makes a code for somebody", "erases", "wants a full log"),
    *("makes a key for a program", "has summaries sent"),
}
# Operations that ask for nothing where the name is of a private zone.
FOR_PUBLIC_SITES = {
    *("answers a public site", "answers it no longer"),
    *("rewrites a public site", "rewrites it no longer"),
}


async def look_at_ready(_: object) -> AwayReadiness:
    """Find the certificate without a fault: test_device_away.py has a real one."""
    return READY


@pytest.fixture
async def filled(client: Client, site: Site, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A house with a reviewer, a split and public sites that it answers, and open to the internet;
    what stands in paths."""
    open_to_all = EncryptedSettings(name="dns.example.net", https_port=8443, public=True)
    site.settings = site.settings.model_copy(update={"encrypted": open_to_all})
    monkeypatch.setattr(away_devices, "look_at_readiness", look_at_ready)
    reviewer = await set_up(site, "Rita", Role.REVIEWER)
    await send(client, "/guardian/names/splits", name="there.example", upstreams="192.0.2.53")
    await send(client, "/guardian/names/servers", upstreams="192.0.2.54")
    site.updates.own.put(PASTED, PASTED_TEXT)
    await send(client, "/guardian/names/local", name="there.example.com", addresses="192.0.2.66")
    await send(client, "/guardian/names/rewrites", name="=old.example.com", target="new.example")
    return {"reviewer": reviewer.id}


async def stored(site: Site) -> tuple[object, ...]:
    """Return what a guardian could have changed, and what was told of it."""
    house, names = await site.store.household("home"), await site.accounts.all("home")
    tokens = [each.id for each in await site.context.tokens.all("home")]
    return house, names, tokens, await site.store.changes("home")


def sent_again(shown: str) -> dict[str, str]:
    """Return what the page that asks sends besides the password."""
    return dict(hidden(shown))


def hidden(shown: str) -> list[tuple[str, str]]:
    form = re.search(r'<form class="card".*?</form>', shown, re.DOTALL)
    assert form, shown
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form[0])
    return [(name, html.unescape(value)) for name, value in found]


@pytest.mark.parametrize("what", GRAVE)
async def test_a_thief_of_a_cookie_opens_no_door_and_no_data(
    client: Client, site: Site, filled: dict[str, str], what: str
) -> None:
    site.home.wait(FRESH)
    path, fields = GRAVE[what]
    before = await stored(site)
    assert ASKS in await send(client, path.format(**filled), 403, **fields)
    wrong = await send(
        client, path.format(**filled), 403, **fields, step_up_password="six green bottles"
    )
    assert "That password or code is wrong." in wrong
    assert "six green bottles" not in wrong
    assert await stored(site) == before


@pytest.mark.parametrize("what", GRAVE)
async def test_the_page_that_asks_carries_on_with_the_same_form(
    client: Client, site: Site, filled: dict[str, str], what: str
) -> None:
    site.home.wait(FRESH)
    path, fields = GRAVE[what]
    shown = await send(client, path.format(**filled), 403, **fields)
    assert sent_again(shown) == fields, "nothing that was typed is lost"
    assert f'action="{path.format(**filled)}"' in shown
    before = await stored(site)
    await send(client, path.format(**filled), **sent_again(shown), step_up_password=PASSWORD)
    if what != "exports":  # a view, which is not in the history
        assert await stored(site) != before
    await text(client, "/guardian/")


async def test_for_five_minutes_nothing_more_is_asked(client: Client, site: Site) -> None:
    site.home.wait(FRESH - 1)
    await send(client, "/guardian/accounts", name="Bo", role="auditor")
    site.home.wait(1)
    await send(client, "/guardian/accounts", 403, name="Ben", role="auditor")
    await send(client, "/guardian/accounts", name="Ben", role="auditor", step_up_password=PASSWORD)
    site.home.wait(FRESH - 1)
    await send(client, "/guardian/accounts", name="Bea", role="auditor")
    site.home.wait(1)
    await send(client, "/guardian/accounts", 403, name="Dan", role="auditor")
    made = {each.name for each in await site.accounts.all("home")}
    assert made == {"Ada", "Bo", "Ben", "Bea"}


async def test_a_form_that_is_refused_afterwards_comes_again_as_it_was(
    client: Client, site: Site
) -> None:
    site.home.wait(FRESH)
    fields = {"name": "Ada", "role": "reviewer", "step_up_password": PASSWORD}
    shown = await send(client, "/guardian/accounts", 400, **fields)
    assert "already exists" in shown
    assert 'value="Ada"' in shown
    assert PASSWORD not in shown


async def test_several_boxes_that_were_ticked_stay_ticked(client: Client, site: Site) -> None:
    site.home.wait(FRESH)
    headers = {**HTML, "Origin": f"http://{client.host}:{client.port}"}
    ticked = [("label", "a\nb"), ("scope", "give_time"), ("scope", "see_log"), ("days", "9")]
    reply = await client.post("/guardian/me/tokens", data=ticked, headers=headers)
    shown = await reply.text()
    assert [(name, value.replace("\r", "")) for name, value in hidden(shown)] == ticked


async def test_a_second_factor_is_asked_for_as_well(client: Client, site: Site) -> None:
    shown = await text(client, "/guardian/me/factor")
    secret = re.search(r'name="secret" value="(\w+)"', shown)
    assert secret
    clock = pyotp.TOTP(secret[1])
    await send(client, "/guardian/me/factor", secret=secret[1], code=clock.at(site.now))
    site.home.wait(FRESH)
    bo = {"name": "Bo", "role": "guardian"}
    assert "Two-step code" in await send(client, "/guardian/accounts", 403, **bo)
    for code in ("", "000000"):
        typed = {"step_up_password": PASSWORD, "step_up_code": code}
        await send(client, "/guardian/accounts", 403, **bo, **typed)
    typed = {"step_up_password": PASSWORD, "step_up_code": clock.at(site.now)}
    assert "Bo" in await send(client, "/guardian/accounts", **bo, **typed)


async def test_guessing_has_to_wait(client: Client, site: Site) -> None:
    site.home.wait(FRESH)
    bo = {"name": "Bo", "role": "guardian"}
    for _ in range(5):
        await send(client, "/guardian/accounts", 403, **bo, step_up_password="wrong")
    shown = await send(client, "/guardian/accounts", 403, **bo, step_up_password=PASSWORD)
    assert "Too many tries." in shown
    assert len(await site.accounts.all("home")) == 1


async def test_what_is_not_grave_asks_nothing(client: Client, site: Site) -> None:
    site.home.wait(FRESH)
    await send(client, "/guardian/time/mia/pause", lasts="30")
    await send(client, "/guardian/names/local", name="nas.example", addresses="192.0.2.7")
    await send(client, "/guardian/names/local", name="nas.home.arpa", addresses="192.0.2.7")
    await send(client, "/guardian/names/rewrites", name="start.lan", target="start.example.com")
    await text(client, "/guardian/accounts")


# --- programs -------------------------------------------------------------------------------------


async def tried(
    program: Caller, what: str, filled: dict[str, str], status: int | None = None
) -> Any:
    method, path, body = OPERATIONS[what]
    makes = any(each in path for each in ("accounts", "tokens", "lists"))
    done = {"POST": 201 if makes else 204, "DELETE": 204}
    gives = what in ("wants a full log", "tries who answers")
    usual = 200 if gives else done.get(method, 200)
    sent = {} if body is None else {"json": body}
    return await program(method, path.format(**filled), status or usual, **sent)


async def test_a_token_from_before_is_told_that_this_is_for_people(
    client: Client, site: Site, filled: dict[str, str]
) -> None:
    scopes = [*MAY, Permission.SEE_PROFILES]
    program = await caller(client, site, scopes, name="Ben")
    before = await stored(site)
    for what in OPERATIONS:
        told = await tried(program, what, filled, 403)
        assert (told["type"], told["status"]) == (KIND, 403), what
        assert await stored(site) == before, what
    assert (await program("GET", "/profiles"))[0]["id"] == "mia", "all else works as before"


@pytest.mark.parametrize("what", sorted(OPERATIONS.keys() - FOR_PEOPLE_ONLY))
async def test_a_token_that_was_made_for_it_may(
    client: Client, site: Site, filled: dict[str, str], what: str
) -> None:
    scopes = [*MAY, Permission.STEP_UP]
    await tried(await caller(client, site, scopes, name="Ben"), what, filled)


async def test_no_token_at_all_lets_people_in_or_watches_them(
    client: Client, site: Site, filled: dict[str, str]
) -> None:
    program = await caller(client, site, name="Ben")  # with every scope that there is
    before = await stored(site)
    for what in sorted(FOR_PEOPLE_ONLY):
        assert (await tried(program, what, filled, 403))["type"] == KIND, what
        assert await stored(site) == before, what


async def test_a_token_with_the_scope_is_made_after_a_step_up_only(
    client: Client, site: Site
) -> None:
    site.home.wait(FRESH)
    wanted = {"label": "Backup", "scopes": ["export", "step_up"]}
    desk = page(client)
    assert (await desk("POST", "/tokens", 403, json=wanted))["type"] == KIND
    made = await desk("POST", "/tokens", 201, json={**wanted, "current": PASSWORD})
    await Caller(client, made["token"])("GET", "/household.yaml")


@pytest.mark.parametrize("what", OPERATIONS)
async def test_a_session_enters_its_password_again(
    client: Client, site: Site, filled: dict[str, str], what: str
) -> None:
    site.home.wait(FRESH)
    desk = page(client)
    assert (await tried(desk, what, filled, 403))["type"] == KIND
    await desk("POST", "/step-up", 403, json={"current": "six green bottles"})
    assert (await tried(desk, what, filled, 403))["type"] == KIND
    await desk("POST", "/step-up", 204, json={"current": PASSWORD})
    await tried(desk, what, filled)


async def test_the_document_says_which_operations_they_are(client: Client) -> None:
    told = await page(client)("GET", "/openapi.json")
    marked = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in told["paths"].items()
        for method, each in methods.items()
        if each.get("x-step-up")
    }
    meant = {
        (
            method,
            path.replace("{reviewer}", "{account}")
            .replace("/mia/", "/{profile}/")
            .replace("/mia-phone/", "/{device}/"),
        )
        for what, (method, path, _) in OPERATIONS.items()
        if what not in FOR_PUBLIC_SITES and method != "PATCH"  # some calls alone
    }
    here = {
        (method, re.sub(r"/splits/.*", "/splits/{domain}", path).replace("/board-games", "/{list}"))
        for method, path in meant
    }
    here.add(("DELETE", "/profiles/{profile}"))  # tried in test_api_profiles.py
    here |= {("POST", "/facts/accept"), ("POST", "/facts/rollback")}  # in test_facts.py
    here.add(("POST", "/move-in"))  # in test_move_in.py
    assert marked == here
    export = told["paths"]["/api/v1/household.yaml"]["get"]["security"]
    assert {"token": ["export", "step_up"]} in export
    assert KIND in told["info"]["description"]


# What docs/accounts.md calls each operation that asks, by its id.
TOLD = {
    "accounts.code": "making a code for someone else's account",
    "accounts.invite": "inviting someone",
    "device_tokens.make": "making a [device's token]",
    "facts.accept": "accepting what newer [facts](facts.md#what-waits) would take away",
    "facts.rollback": "going back to earlier ones",
    "house.export": "exporting what is recorded about someone, or the household",
    "kept.document": "exporting what is recorded about someone",
    "kept.erase": "deleting what is recorded",
    "mine.choose_digest": "having a weekly summary sent",
    "mine.make_token": "making an API token",
    "names.end_split": "(conditional forwarding), changing that, and ending it",
    "names.end_usual": "giving them back",
    "names.set_usual": "choosing the [DNS servers of all names]",
    "names.split": "sending a domain to another DNS server",
    "names.try_servers": "trying whether DNS servers answer",
    "own_lists.add": "adding, changing and removing a [list of your own]",
    "own_lists.change": "adding, changing and removing a [list of your own]",
    "move_in.bring": "bringing over what a [file of another filter]",
    "own_lists.remove": "adding, changing and removing a [list of your own]",
    "profiles.ask_full_log": "a full log",
    "profiles.remove": "removing a person",
}


def test_the_page_of_accounts_names_each_operation_that_asks() -> None:
    page = (ROOT / "docs" / "accounts.md").read_text()
    told = " ".join(page.partition("## Step-up")[2].partition("\n## ")[0].split())
    assert {each.id for each in table.OPERATIONS if each.step_up} == TOLD.keys()
    assert [each for each in TOLD.values() if each not in told] == []
