"""Accounts, tokens, sessions and notices by the API: for people who are logged in."""

from __future__ import annotations

import pytest

from copdns.accounts.account import SESSION_FRESH
from copdns.accounts.roles import Role
from tests.web.guardians import PASSWORD, log_in, set_up
from tests.web.programs import Caller, caller, page
from tests.web.site import Client, Site

TOKEN = {"label": "Lamp", "scopes": ["see_status"], "days": 30}


@pytest.fixture
async def ada(client: Client, site: Site) -> Caller:
    """Ada's own browser."""
    await set_up(site)
    await log_in(client)
    return page(client)


async def names(ada: Caller) -> list[str]:
    return [each["name"] for each in await ada("GET", "/accounts")]


async def test_somebody_is_invited_once_with_a_code_that_is_told_once(
    ada: Caller, client: Client
) -> None:
    made = await ada("POST", "/accounts", 201, json={"name": "Ben", "role": "guardian"})
    assert (made["role"], made["has_password"]) == ("guardian", False)
    assert "code" not in (await ada("GET", "/accounts"))[-1]
    await ada("POST", "/accounts", 409, json={"name": "ben", "role": "auditor"})
    sent = {"code": made["code"], "password": PASSWORD, "again": PASSWORD}
    reply = await client.post(
        "/guardian/join", data=sent, headers=ada.headers, allow_redirects=False
    )
    assert reply.status == 303


@pytest.mark.parametrize("role", ["owner", "child", "", "Guardian"])
async def test_no_other_roles_are_given_by_a_page(ada: Caller, role: str) -> None:
    await ada("POST", "/accounts", 422, json={"name": "Ben", "role": role})
    assert await names(ada) == ["Ada"]


async def test_no_guardian_removes_another_or_lets_themselves_in(ada: Caller, site: Site) -> None:
    ben = await set_up(site, "Ben", Role.GUARDIAN)
    await ada("DELETE", f"/accounts/{ben.id}", 409)
    await ada("POST", f"/accounts/{ben.id}/code", 409)
    own = next(each["id"] for each in await ada("GET", "/accounts") if each["name"] == "Ada")
    await ada("DELETE", f"/accounts/{own}", 409)
    await ada("POST", f"/accounts/{own}/code", 409)
    assert sorted(await names(ada)) == ["Ada", "Ben"]


async def test_who_is_no_guardian_gets_another_code_and_can_be_removed(
    ada: Caller, site: Site
) -> None:
    bea = await set_up(site, "Bea", Role.REVIEWER)
    first = await ada("POST", f"/accounts/{bea.id}/code", 201)
    second = await ada("POST", f"/accounts/{bea.id}/code", 201)
    assert first["code"] != second["code"]
    await ada("DELETE", f"/accounts/{bea.id}", 204)
    await ada("DELETE", f"/accounts/{bea.id}", 404)


async def test_a_token_is_told_once_and_good_for_its_scopes(ada: Caller, client: Client) -> None:
    made = await ada("POST", "/tokens", 201, json=TOKEN)
    shown = await ada("GET", "/tokens")
    assert shown == [{key: value for key, value in made.items() if key != "token"}]
    lamp = Caller(client, made["token"])
    await lamp("GET", "/status")
    await lamp("GET", "/profiles", 403)
    await lamp("GET", "/tokens", 403)
    await lamp("POST", "/tokens", 403, json=TOKEN)
    await ada("DELETE", f"/tokens/{made['id']}", 204)
    await ada("DELETE", f"/tokens/{made['id']}", 404)
    await lamp("GET", "/status", 401)


@pytest.mark.parametrize("scope", ["manage_tokens", "erase", "ask_full_log", "see_own"])
async def test_no_token_is_made_for_what_is_for_people(ada: Caller, scope: str) -> None:
    await ada("POST", "/tokens", 409, json=TOKEN | {"scopes": [scope]})
    assert await ada("GET", "/tokens") == []


async def test_somebody_elses_token_is_not_there(ada: Caller, client: Client, site: Site) -> None:
    ben = await caller(client, site, name="Ben", role=Role.GUARDIAN)
    (token,) = await site.context.tokens.all("home")
    await ada("DELETE", f"/tokens/{token.id}", 404)
    assert await site.context.tokens.all("home") == (token,)
    assert await ben("GET", "/status")


async def test_an_open_browser_makes_no_token_without_the_password(ada: Caller, site: Site) -> None:
    site.home.wait(SESSION_FRESH)
    await ada("POST", "/tokens", 403, json=TOKEN)
    await ada("POST", "/tokens", 403, json=TOKEN | {"current": "six green bottles"})
    await ada("POST", "/tokens", 201, json=TOKEN | {"current": PASSWORD})


async def test_other_browsers_are_logged_out(ada: Caller, client: Client, site: Site) -> None:
    cookies = {each.key: each.value for each in client.session.cookie_jar}
    client.session.cookie_jar.clear()
    await log_in(client)
    found = await ada("GET", "/sessions")
    assert sorted(each["this"] for each in found) == [False, True]
    assert cookies["copdns_session"] not in str(found)
    (other,) = [each["id"] for each in found if not each["this"]]
    await ada("DELETE", f"/sessions/{other}", 204)
    await ada("DELETE", f"/sessions/{other}", 404)
    client.session.cookie_jar.clear()
    await log_in(client)
    for _ in range(2):
        await ada("DELETE", "/sessions", 204)
    assert [each["this"] for each in await ada("GET", "/sessions")] == [True]


async def test_each_guardian_sees_notices_for_themselves(ada: Caller, site: Site) -> None:
    await set_up(site, "Ben", Role.GUARDIAN)
    new = [each for each in await ada("GET", "/notices") if not each["seen"]]
    assert {"Ben"} <= {each["about"] for each in new}
    for _ in range(2):
        await ada("POST", "/notices/see", 204, json={"ids": [each["id"] for each in new]})
    assert all(each["seen"] for each in await ada("GET", "/notices"))
    await ada("POST", "/notices/see", 422, json={"ids": [0]})


async def test_a_weekly_summary_is_chosen_shown_and_stopped(ada: Caller, site: Site) -> None:
    await ada("GET", "/digest", 404)
    wanted = {"address": "ada@mail.example", "weekday": 0, "at": "7:30", "language": "fr"}
    made = await ada("PUT", "/digest", json=wanted)
    assert made == {**wanted, "at": "07:30", "trouble": ""}
    assert await ada("GET", "/digest") == made
    usual = await ada("PUT", "/digest", json={"address": "ada@mail.example"})
    assert (usual["weekday"], usual["at"], usual["language"]) == (6, "18:00", "en")
    for _ in range(2):
        await ada("DELETE", "/digest", 204)
    await ada("GET", "/digest", 404)
    lines = [each.what for each in await site.store.changes("home")]
    assert lines[-1] == "weekly summary by email turned off"
    assert not any("mail.example" in each for each in lines)


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({}, 422),
        ({"address": "nowhere"}, 409),
        ({"address": "a@mail.example\nBcc: bo@mail.example"}, 409),
        ({"address": "ada@mail.example", "weekday": 7}, 422),
        ({"address": "ada@mail.example", "at": "25:00"}, 409),
        ({"address": "ada@mail.example", "at": "soon"}, 422),
        ({"address": "ada@mail.example", "language": "de"}, 422),
    ],
)
async def test_a_weekly_summary_that_cannot_be_is_refused(
    ada: Caller, wrong: dict[str, object], status: int
) -> None:
    await ada("PUT", "/digest", status, json=wrong)
    await ada("GET", "/digest", 404)


async def test_a_summary_is_each_guardians_own_and_takes_the_password(
    ada: Caller, client: Client, site: Site
) -> None:
    await ada("PUT", "/digest", json={"address": "ada@mail.example"})
    await set_up(site, "Ben", Role.GUARDIAN)
    await log_in(client, "Ben")
    ben = page(client)
    await ben("GET", "/digest", 404)
    await ben("DELETE", "/digest", 204)
    await log_in(client)
    assert (await ada("GET", "/digest"))["address"] == "ada@mail.example"
    site.home.set_clock(site.now + SESSION_FRESH + 1)
    await ada("PUT", "/digest", 403, json={"address": "bo@mail.example"})
    assert (await ada("GET", "/digest"))["address"] == "ada@mail.example"


async def test_an_auditor_has_no_summary(client: Client, site: Site) -> None:
    await set_up(site, "Rita", Role.AUDITOR)
    await log_in(client, "Rita")
    rita = page(client)
    await rita("GET", "/digest", 403)
    await rita("PUT", "/digest", 403, json={"address": "rita@mail.example"})
