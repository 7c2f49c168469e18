"""Appeals by the API: seen, answered with a reason that fits, and told as they come."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientResponse

from copdns.accounts.roles import Permission, Role
from copdns.as_json.appeals import appeal_json
from tests.home import Home
from tests.household import MIA, TOM, block, family, library
from tests.web.programs import BASE, Caller, caller
from tests.web.site import Client, Site, send, the_only


@pytest.fixture
def site() -> Site:
    rule = replace(block("toys.example", "mia"), id="r1")
    return Site(Home(family(MIA, TOM, rules=(rule,)), library()))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await send(made, "/device")
        await send(made, "/ask", name="toys.example", why="school", words="For the play.")
        yield made


async def test_it_is_as_the_command_shows_it(ada: Caller, site: Site) -> None:
    (stored,) = await site.appeals.appeals("home")
    assert await ada("GET", "/appeals") == [json.loads(json.dumps(appeal_json(stored)))]
    assert await ada("GET", "/appeals", params={"profile": "tom"}) == []
    found = await ada("GET", f"/appeals/{stored.id}")
    assert found["opens"]["names"] == ["toys.example"]
    assert found["seen"] is None  # reading changes nothing
    assert found["ends_first"]["reason"] == "granted"
    assert found["ends_first"]["minutes"] == 0


async def test_a_look_and_a_yes_are_kept(ada: Caller, site: Site) -> None:
    one = f"/appeals/{await the_only(site)}"
    assert (await ada("POST", f"{one}/see"))["state"] == "seen"
    assert (await ada("POST", f"{one}/see"))["state"] == "seen"
    sent = {"state": "granted", "reason": "fair_enough", "for_minutes": 60, "text": "Have fun."}
    found = await ada("POST", f"{one}/decide", json=sent)
    (answer,) = found["answers"]
    assert (answer["by"], answer["role"], answer["text"]) == ("Ada", "owner", "Have fun.")
    await site.follow()
    assert site.home.ask("mia", "toys.example").verdict.reason == "granted"
    await ada("POST", f"{one}/decide", 409, json=sent)
    assert not (await ada("GET", one))["taken_back"]
    assert await ada("GET", "/appeals") == []
    assert len(await ada("GET", "/appeals", params={"all": "true"})) == 1
    site.home.set_clock(site.now + 2)
    await ada("DELETE", "/grants/g1", 204)
    await site.follow()
    site.home.set_clock(site.now + 2)
    found = await ada("GET", one)
    assert (found["taken_back"], found["ends_first"]) == (True, None)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"state": "granted"}, 422),  # without a reason
        ({"state": "granted", "reason": ""}, 422),
        ({"state": "granted", "reason": "agreed_time"}, 409),  # one that does not fit
        ({"state": "refused", "reason": "fair_enough"}, 409),
        ({"state": "refused", "reason": "agreed_time", "lasts": "today"}, 409),
        ({"state": "granted", "reason": "fair_enough", "lasts": "today", "for_minutes": 5}, 409),
        ({"state": "open", "reason": "fair_enough"}, 422),
    ],
)
async def test_an_answer_without_a_fitting_reason_is_refused(
    ada: Caller, site: Site, sent: dict[str, Any], status: int
) -> None:
    one = f"/appeals/{await the_only(site)}"
    await ada("POST", f"{one}/decide", status, json=sent)
    assert (await ada("GET", one))["answers"] == []


async def test_only_who_may_edit_the_household_allows_for_everyone(
    ada: Caller, client: Client, site: Site
) -> None:
    one = f"/appeals/{await the_only(site)}"
    scopes = [Permission.SEE_APPEALS, Permission.DECIDE_APPEALS]
    sent = {"state": "granted", "reason": "fair_enough", "lasts": "always", "everyone": True}
    for who in (
        await caller(client, site, scopes, "Rita", Role.REVIEWER),
        await caller(client, site, scopes, "Ben"),
    ):
        told = await who("POST", f"{one}/decide", 409, json=sent)
        assert "only a guardian" in told["detail"]
    assert (await ada("GET", one))["answers"] == []


async def test_what_is_not_there_is_not_found(ada: Caller, site: Site) -> None:
    decision = {"state": "granted", "reason": "fair_enough"}
    await ada("GET", "/appeals/nobody", 404)
    await ada("POST", "/appeals/nobody/see", 404)
    await ada("POST", "/appeals/nobody/decide", 404, json=decision)
    await ada("GET", f"/appeals/{await the_only(site)}/report", 404)  # a rule closed it, no list


async def test_the_inbox_is_told_as_it_changes(client: Client, site: Site) -> None:
    told = await caller(client, site, [Permission.SEE_APPEALS], "Ada")
    async with client.get(f"{BASE}/events", headers=told.headers) as stream:
        assert stream.content_type == "text/event-stream"
        assert stream.headers["Server"] == "copdns"
        assert "default-src 'self'" in stream.headers["Content-Security-Policy"]
        await comment(stream)
        await send(client, "/ask", name="toys.example", why="school", words="Please.")
        appeal = await the_only(site)
        await site.appeals.withdraw("home", appeal, "mia", site.now)
        found = await event(stream, "appeal")
    assert (found["id"], found["state"]) == (appeal, "withdrawn")


async def comment(stream: ClientResponse) -> None:
    while not (await stream.content.readline()).startswith(b":"):
        assert not stream.content.at_eof()


async def event(stream: ClientResponse, kind: str) -> Any:
    """Return the data of the next event of a kind."""
    while (line := await stream.content.readline()) != f"event: {kind}\n".encode():
        assert line, "the stream ended"
    data = await stream.content.readline()
    return json.loads(data.removeprefix(b"data: "))
