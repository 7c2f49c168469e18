"""The API as a whole: who may, what is refused and how, and a document that says so."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from copdns.accounts.roles import NO_SCOPES, Permission, Role, scopes_for
from copdns.web.api.openapi import BASE, document
from copdns.web.api.operation import Operation
from copdns.web.api.serve import PACE, Pace
from copdns.web.api.table import OPERATIONS
from copdns.web.middlewares import MAX_BODY
from tests.household import asker
from tests.web.guardians import log_in, set_up
from tests.web.programs import Caller, caller
from tests.web.site import Client, Site


def path(operation: Operation) -> str:
    """Return a path that leads to the operation; only profiles of the cast are there."""
    return re.sub(r"\{\w+\}", "nobody", operation.path.replace("{profile}", "mia"))


def of(role: Role) -> list[Operation]:
    """Return the operations that a token of a role can be for."""
    scopes = scopes_for(role)
    return [each for each in OPERATIONS if each.permission in scopes and not each.for_people]


async def refusal(client: Client, operation: Operation, headers: Mapping[str, str]) -> str:
    """Return with what an operation is refused: "403 Forbidden"."""
    url = BASE + path(operation)
    async with client.request(operation.method, url, headers=headers) as reply:
        told = await reply.json(content_type="application/problem+json")
        return f"{reply.status} {told['title']}"


# Each of all operations is refused alike: no version of Python changes that.  In one house, since
# to make one takes longer than to call an operation.
@pytest.mark.once
async def test_a_stranger_may_do_nothing(client: Client) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer copdns_nobody"},
        {"Authorization": "Basic QWRhOnNldmVu"},
        {"Authorization": ""},
        {"Cookie": "copdns_session=nobody", "Origin": f"http://{client.host}:{client.port}"},
    ):
        refused = {each.id: await refusal(client, each, headers) for each in OPERATIONS}
        assert refused == dict.fromkeys(refused, "401 Unauthorized")


@pytest.mark.once
async def test_a_token_may_do_what_its_scope_is_for_and_no_more(client: Client, site: Site) -> None:
    by_permission: dict[Permission, list[Operation]] = {}
    for operation in OPERATIONS:
        by_permission.setdefault(operation.permission, []).append(operation)
    for permission, operations in by_permission.items():
        others = scopes_for(Role.OWNER) - {permission}
        bo = await caller(client, site, others, name=f"Bo without {permission}")
        refused = {each.id: await refusal(client, each, bo.headers) for each in operations}
        assert refused == dict.fromkeys(refused, "403 Forbidden")


@pytest.mark.once
async def test_somebody_without_the_permission_may_not(client: Client, site: Site) -> None:
    bo = await caller(client, site, name="Bo", role=Role.REVIEWER)
    others = [each for each in OPERATIONS if each not in of(Role.REVIEWER)]
    refused = {each.id: await refusal(client, each, bo.headers) for each in others}
    assert refused == dict.fromkeys(refused, "403 Forbidden")


async def test_a_token_counts_also_beside_the_session_of_somebody_else(
    client: Client, site: Site
) -> None:
    await set_up(site)
    await log_in(client)
    await Caller(client)("GET", "/status", 401, headers={"Authorization": ""})
    await Caller(client)("GET", "/status", 401, headers={"Authorization": "Bearer copdns_x"})
    assert await Caller(client)("GET", "/status"), "the session alone counts"


async def test_a_session_changes_things_from_our_own_pages_only(client: Client, site: Site) -> None:
    await set_up(site)
    await log_in(client)
    own = f"http://{client.host}:{client.port}"
    call = Caller(client)
    sent: dict[str, Any] = {"json": {"minutes": 30}}
    for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        await call("PUT", "/profiles/mia/pause", 403, headers=headers, **sent)
    crossed = {"Origin": own, "Sec-Fetch-Site": "cross-site"}
    await call("PUT", "/profiles/mia/pause", 403, headers=crossed, **sent)
    assert await call("GET", "/pauses") == []
    made = await call("PUT", "/profiles/mia/pause", headers={"Origin": own}, **sent)
    assert await call("GET", "/pauses") == [made]


async def test_no_token_goes_over_the_network_unencrypted(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await caller(client, site)
    monkeypatch.setattr("copdns.web.session.requestor_of", lambda _: asker("mia", "tcp"))
    assert "https" in (await ada("GET", "/status", 403))["detail"]


async def test_a_program_in_a_loop_is_told_to_wait(site: Site) -> None:
    site.app[PACE] = Pace(at_once=2, a_second=0.001)
    async with site.visited() as client:
        ada = await caller(client, site)
        await ada("GET", "/status")
        await ada("GET", "/status")
        assert "wait" in (await ada("GET", "/status", 429))["detail"]


def test_a_pace_fills_again() -> None:
    pace = Pace(at_once=2, a_second=1)
    assert [pace.wait("ada", 0.0), pace.wait("ada", 0.0)] == [0, 0]
    assert pace.wait("ada", 0.25) == 0.75
    assert pace.wait("tom", 0.25) == 0
    assert pace.wait("ada", 1.0) == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"minutes": NaN}', 422),
        (b'{"homework": "\\ud800"}', 400),
        (b"[" * 30_000, 400),
        (b"\xff", 400),
        (b"[]", 422),
        (b'{"minutes": "30"}', 422),
        (b'{"minutes": 30.5}', 422),
        (b'{"minutes": 0}', 422),
        (b'{"minute": 30}', 422),
        (b'{"until": "tomorrow"}', 422),
        (b'{"until": "2026-02-30T18:00:00Z"}', 409),
        (b'{"until": "2020-01-01T18:00:00Z"}', 409),
        (b'{"minutes": 30, "until": "2030-01-01T18:00:00Z"}', 409),
        (b" " * (MAX_BODY + 1), 413),
    ],
)
async def test_a_body_that_is_not_right_changes_nothing(
    client: Client, site: Site, body: bytes, status: int
) -> None:
    ada = await caller(client, site)
    sent = {"Content-Type": "application/json"}
    found = await ada("PUT", "/profiles/mia/pause", status, data=body, headers=sent)
    assert found["detail"]
    assert await ada("GET", "/pauses") == []


async def test_a_mistake_is_told_with_its_place(client: Client, site: Site) -> None:
    ada = await caller(client, site)
    found = await ada("PUT", "/profiles/mia/pause", 422, json={"minute": 3, "homework": "yes"})
    assert {each["at"] for each in found["errors"]} == {"/minute", "/homework"}
    assert "minutes" in json.dumps(found["errors"])


async def test_only_json_is_taken(client: Client, site: Site) -> None:
    ada = await caller(client, site)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
        headers = {"Content-Type": kind}
        await ada("PUT", "/profiles/mia/pause", 415, data=b"{}", headers=headers)


@pytest.mark.parametrize("name", ["nobody", "..%2f..", "%00", "mia%20", "MIA"])
async def test_what_is_not_there_is_not_found(client: Client, site: Site, name: str) -> None:
    ada = await caller(client, site)
    await ada("GET", f"/profiles/{name}", 404)
    await ada("GET", f"/{name}", 404)


async def test_another_method_is_told_which_there_are(client: Client) -> None:
    reply = await client.request("POST", f"{BASE}/status", headers={"Authorization": "Bearer x"})
    assert reply.status == 405
    assert "GET" in reply.headers["Allow"]
    assert reply.content_type == "application/problem+json"


async def test_an_unknown_host_learns_nothing(client: Client, site: Site) -> None:
    ada = await caller(client, site)
    await ada("GET", "/status", 421, headers={"Host": "evil.example"})


# --- the document ---------------------------------------------------------------------------------


async def test_the_document_is_given_to_everybody(client: Client) -> None:
    found = await Caller(client)("GET", "/openapi.json")
    assert found["openapi"].startswith("3.1")
    assert found == json.loads(json.dumps(document(OPERATIONS)))


def test_every_operation_has_a_name_of_its_own() -> None:
    ids = [each.id for each in OPERATIONS]
    assert len(ids) == len(set(ids))
    assert len({(each.method, each.path) for each in OPERATIONS}) == len(OPERATIONS)


def test_reading_changes_nothing_and_changing_is_no_reading() -> None:
    reading = {each for each in Permission if each.value.startswith("see_")}
    for each in OPERATIONS:
        if each.permission in reading:
            assert each.reads or each.own or each.id == "appeals.see", each.id


def test_what_no_token_may_do_is_for_people() -> None:
    closed = {each.id for each in OPERATIONS if each.for_people}
    assert closed >= {each.id for each in OPERATIONS if each.permission in NO_SCOPES}
    assert closed == {
        *("profiles.ask_full_log", "profiles.remove", "kept.erase"),
        *("accounts.invite", "accounts.code", "accounts.remove"),
        *("mine.sessions", "mine.end_session", "mine.end_sessions", "mine.enter_password"),
        *("mine.tokens", "mine.make_token", "mine.remove_token"),
        *("mine.digest", "mine.choose_digest", "mine.stop_digest"),
        *("notices.notices", "notices.see"),
    }
    for each in OPERATIONS:
        ((_, described),) = next(iter(document([each])["paths"].values())).items()
        assert ({"session": []} in described["security"]) is True
        assert any("token" in way for way in described["security"]) is not each.for_people


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.own], ids=lambda e: e.id)
async def test_an_account_is_no_programs_whatever_its_scopes(
    client: Client, site: Site, operation: Operation
) -> None:
    ada = await caller(client, site)
    assert "people" in (await ada(operation.method, path(operation), 403))["detail"]


def test_each_status_that_an_operation_can_have_is_in_the_document() -> None:
    for operation in OPERATIONS:
        found = document([operation])
        (of_path,) = found["paths"].values()
        said = set(of_path[operation.method.lower()]["responses"])
        always = {"401", "403", "405", "429", "503", str(operation.status)}
        assert always <= said, operation.id
        assert ({"413", "415", "422"} <= said) is (operation.body is not None), operation.id
        is_found = "{" in operation.path or operation.may_be_missing
        assert ("404" in said) is is_found, operation.id
