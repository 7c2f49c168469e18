"""What else the desk does, by the API: proposals, what is kept, checks, names, dates, lists."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from copdns.accounts.roles import Role
from copdns.list_files.load import load_catalogue
from copdns.network.other_resolvers import Assessment, BlindSpot
from copdns.network.setup_steps import SetupState
from copdns.settings.config import EventSettings, Webhook
from copdns.web.api.time.calendar import MAX_LETTERS
from tests.home import Home
from tests.household import MIA, TOM, family, library
from tests.reading import has_word
from tests.web.guardians import log_in
from tests.web.programs import Caller, caller, page
from tests.web.site import Client, Site, send, text

DAY = 86_400
ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//school.example//EN
BEGIN:VEVENT
UID:1@school.example
DTSTART;VALUE=DATE:20260704
DTEND;VALUE=DATE:20260901
SUMMARY:Summer
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def site() -> Site:
    return Site(Home(None, load_catalogue(())))


# --- another age ----------------------------------------------------------------------------------


async def test_rules_of_another_age_are_proposed_and_taken_over(ada: Caller) -> None:
    for _ in range(2):
        made = await ada("PUT", "/profiles/mia/proposal", json={"band": "10-12", "days": 7})
    assert await ada("GET", "/proposals") == [made]
    assert (made["band"], made["author"]) == ("10-12", "Ada")
    assert (await ada("GET", "/profiles/mia"))["band"] == "7-9"
    after = await ada("POST", "/profiles/mia/proposal/accept", json={"times": True})
    assert after["band"] == "10-12"
    assert after["schedules"]
    assert await ada("GET", "/proposals") == []
    await ada("POST", "/profiles/mia/proposal/accept", 404, json={})


async def test_a_proposal_is_declined(ada: Caller) -> None:
    await ada("PUT", "/profiles/mia/proposal", json={"band": "10-12"})
    await ada("DELETE", "/profiles/mia/proposal", 204)
    await ada("DELETE", "/profiles/mia/proposal", 404)
    assert (await ada("GET", "/profiles/mia"))["band"] == "7-9"


@pytest.mark.parametrize("way", ["accept", "preset"])
async def test_a_lower_age_is_announced_and_its_rules_wait_for_it(
    ada: Caller, site: Site, way: str
) -> None:
    before = await ada("GET", "/profiles/tom")
    if way == "accept":
        await ada("PUT", "/profiles/tom/proposal", json={"band": "7-9", "days": 1})
        await ada("POST", "/profiles/tom/proposal/accept", 409, json={"times": True})
        after = await ada("POST", "/profiles/tom/proposal/accept", json={})
    else:
        after = await ada("PATCH", "/profiles/tom", json={"preset": "7-9", "times": True})
    assert after["band_change"]["band"] == "7-9"
    assert {**after, "band_change": None} == before
    (waiting,) = await ada("GET", "/proposals")
    assert (waiting["profile"], waiting["since"]) == ("tom", after["band_change"]["at"])
    site.home.wait(DAY)
    taken = await ada("POST", "/profiles/tom/proposal/accept", json={})
    assert (taken["band"], taken["band_change"]) == ("7-9", None)
    assert taken["categories"] != before["categories"]


# --- what is kept ---------------------------------------------------------------------------------


async def test_what_is_kept_is_taken_along_and_the_person_sees_it(ada: Caller, site: Site) -> None:
    found = await ada("GET", "/profiles/mia/export")
    assert found["profile"]["id"] == "mia"
    (look,) = await site.looks.of("home", "mia")
    assert (look.view, look.role) == ("export", "owner")


async def test_nobody_takes_along_what_is_kept_of_another_adult(ada: Caller, site: Site) -> None:
    await ada("POST", "/profiles", 201, json={"id": "ben", "band": "adult"})
    await ada("GET", "/profiles/ben/export", 403)
    assert await site.looks.of("home", "ben") == ()


async def test_a_person_erases_and_no_token_does(ada: Caller, client: Client, site: Site) -> None:
    await ada("POST", "/profiles/mia/erase", 403)
    await log_in(client)
    for _ in range(2):
        await page(client)("POST", "/profiles/mia/erase", 204)
    await page(client)("POST", "/profiles/nobody/erase", 404)
    changes = await site.store.changes("home", 10)
    assert changes[-1].what == "profile mia: records deleted (lookups, minutes, requests)"


async def test_an_agreement_is_what_is_in_force(ada: Caller) -> None:
    rule = await ada("POST", "/rules", 201, json={"action": "block", "target": "toys.example"})
    found = await ada("GET", "/profiles/mia/agreement")
    assert (found["name"], found["band"], found["deciders"]) == ("Mia", "7-9", ["Ada"])
    assert rule in found["rules"]
    await ada("POST", "/profiles", 201, json={"id": "ben", "band": "adult"})
    await ada("GET", "/profiles/ben/agreement", 404)


# --- is the house protected? ----------------------------------------------------------------------


async def test_the_checks_are_looked_at(ada: Caller, site: Site) -> None:
    found = await ada("GET", "/checks")
    assert (found["protects"], {each["state"] for each in found["checks"]}) == (False, {None})
    site.network = Assessment(SetupState.FAILED, "dhcp 192.0.2.1 192.0.2.1,192.0.2.2")
    for _ in range(2):
        found = await ada("POST", "/checks")
    alone = next(each for each in found["checks"] if each["check"] == "alone")
    assert alone["others"] == [
        {"by": "dhcp", "server": "192.0.2.1", "resolvers": ["192.0.2.1", "192.0.2.2"]}
    ]
    await ada("POST", "/checks/confirm", 409)


async def test_a_guardian_vouches_where_the_machine_is_blind(ada: Caller, site: Site) -> None:
    await ada("POST", "/checks/confirm", 409)
    site.network = Assessment(SetupState.UNKNOWN, BlindSpot.RIGHTS)
    await ada("POST", "/checks")
    for _ in range(2):
        found = await ada("POST", "/checks/confirm")
    assert "confirmed" in {each["state"] for each in found["checks"]}


# --- time -----------------------------------------------------------------------------------------


async def test_some_more_minutes_are_given_to_what_closes(ada: Caller, site: Site) -> None:
    refused = await ada("POST", "/profiles/mia/more-time", 409, json={"minutes": 15})
    assert "no limit or schedule applies today or soon" in str(refused)
    await ada("PUT", "/profiles/mia/pause", json={})
    await site.follow()
    given = await ada("POST", "/profiles/mia/more-time", 201, json={"minutes": 15})
    assert (given["kind"], given["budgets"]) == ("open", [])
    (grant,) = await ada("GET", "/grants", params={"profile": "mia"})
    assert (grant["about"], grant["time"]) == (None, True)
    await ada("POST", "/profiles/mia/more-time", 422, json={"minutes": 241})


async def test_times_of_the_age_are_taken_over_once(ada: Caller) -> None:
    first = await ada("POST", "/profiles/mia/suggested-times")
    assert first["schedules"]
    assert await ada("POST", "/profiles/mia/suggested-times") == first
    await ada("POST", "/profiles", 201, json={"id": "ben", "band": "adult"})
    refused = await ada("POST", "/profiles/ben/suggested-times", 409)
    assert "nothing is suggested for this age group; add times of your own" in str(refused)


async def test_the_weekend_and_holidays_are_set(ada: Caller) -> None:
    found = await ada("PUT", "/calendar/weekend", json={"days": ["fri", "sat"]})
    assert found["calendar"]["weekend"] == ["fri", "sat"]
    await ada("PUT", "/calendar/weekend", 422, json={"days": ["Friday"]})
    for _ in range(2):
        taken = await ada("POST", "/calendar/import", json={"calendar": ICS})
    (summer,) = taken["found"]
    assert (summer["first"], summer["last"], summer["whole"]) == ("2026-07-04", "2026-08-31", True)
    assert "holiday" in set(taken["calendar"]["days"].values())
    assert (await ada("GET", "/calendar"))["calendar"] == taken["calendar"]
    await ada("POST", "/calendar/import", 409, json={"calendar": "no calendar"})
    await ada("POST", "/calendar/import", 409, json={"calendar": "😀" * MAX_LETTERS})
    await ada("POST", "/calendar/import", 422, json={"calendar": "😀" * (MAX_LETTERS + 1)})
    await ada("POST", "/calendar/import", 413, json={"calendar": "😀" * 70_000})
    await ada("PUT", "/calendar/weekend", 413, json={"days": ["fri"] * 20_000})


# --- names, rules, lists --------------------------------------------------------------------------


async def test_names_of_this_house_come_and_go(ada: Caller) -> None:
    sent = {"addresses": ["192.0.2.10", "2001:db8::10"]}
    for _ in range(2):
        made = await ada("PUT", "/local-names/printer.example", json=sent)
    assert made == {"name": "printer.example", **sent, "records": [], "scope": ""}
    assert await ada("GET", "/local-names") == [made]
    await ada("PUT", "/local-names/printer.example", 409, json={"addresses": ["here"]})
    await ada("PUT", "/local-names/a..b", 409, json=sent)
    await ada("DELETE", "/local-names/printer.example", 204)
    await ada("DELETE", "/local-names/printer.example", 404)
    service = {"records": ["SRV 0 0 631 printer.example"]}
    made = await ada("PUT", "/local-names/*.dev.example", json=service)
    assert made == {"name": "*.dev.example", "addresses": [], **service, "scope": ""}
    await ada("PUT", "/local-names/*.dev.example", 400, json={})
    await ada("DELETE", "/local-names/*.dev.example", 204)


async def test_a_name_is_answered_as_another(ada: Caller) -> None:
    for _ in range(2):
        made = await ada("PUT", "/rewrites/=start.example", json={"target": "home.example"})
    assert made == {"name": "=start.example", "target": "home.example"}
    assert await ada("GET", "/rewrites") == [made]
    await ada("DELETE", "/rewrites/start.example", 404)
    await ada("DELETE", "/rewrites/=start.example", 204)
    await ada("DELETE", "/rewrites/=start.example", 404)


async def test_other_upstreams_are_asked_for_a_domain(ada: Caller) -> None:
    for _ in range(2):
        made = await ada("PUT", "/splits/office.example", json={"upstreams": ["192.0.2.53:5353"]})
    assert made == {"name": "office.example", "upstreams": ["192.0.2.53:5353"], "scope": ""}
    await ada("PUT", "/splits/office.example", 409, json={"upstreams": ["nowhere"]})
    assert await ada("GET", "/splits") == [made]
    await ada("DELETE", "/splits/office.example", 204)
    await ada("DELETE", "/splits/office.example", 404)
    server = {"upstreams": ["tls://dns.example@192.0.2.53"]}
    for key in (".@mia", "office.example@%23children"):
        made = await ada("PUT", f"/splits/{key}", json=server)
        assert made["scope"] in ("mia", "#children")
        await ada("DELETE", f"/splits/{key}", 204)
    await ada("PUT", "/splits/office.example@bo", 409, json=server)


async def test_a_rule_gets_another_reason(ada: Caller) -> None:
    rule = await ada("POST", "/rules", 201, json={"action": "block", "target": "toys.example"})
    for _ in range(2):
        after = await ada("PATCH", f"/rules/{rule['id']}", json={"note": "After homework."})
    assert after == rule | {"note": "After homework."}
    await ada("PATCH", "/rules/nothing", 404, json={"note": "x"})


async def test_what_lists_named_wrongly_is_told_without_a_person() -> None:
    games = library(categories={"games": ["games.example"]})
    mia = replace(MIA, categories=frozenset({"games"}))
    site = Site(Home(family(mia, TOM), games))
    async with site.visited() as client:
        ada = await caller(client, site)
        site.who = "mia"
        await send(client, "/device")
        await send(client, "/ask", name="learn.games.example")
        (asked,) = await ada("GET", "/appeals")
        sent = {"state": "granted", "reason": "list_error", "lasts": "always", "everyone": True}
        await ada("POST", f"/appeals/{asked['id']}/decide", json=sent)
        (wrong,) = await ada("GET", "/lists/errors")
        assert (wrong["name"], wrong["list"]) == ("learn.games.example", "games-list")
        assert wrong["still"] is True
        assert not has_word(str(wrong), "mia")
        assert "learn.games.example" in await desk_page(client, "Ada")
        auditor = await caller(client, site, None, "Lia", Role.AUDITOR)
        await auditor("GET", "/lists/errors", 403)
        assert "learn.games.example" not in await desk_page(client, "Lia")


async def desk_page(client: Client, name: str) -> str:
    """Return the page of lists as an account sees it."""
    await log_in(client, name)
    return await text(client, "/guardian/lists")


async def test_helplines_are_vouched_for_in_the_houses_country(ada: Caller) -> None:
    await ada("PATCH", "/household", json={"country": "FR", "language": "fr"})
    found = await ada("GET", "/helplines")
    assert found
    assert not any(each["vouched"] for each in found)
    for wrong in ({"helplines": ["nobody"]}, {"language": "xx"}):
        await ada("PATCH", "/household", 409, json=wrong)
    await ada("PATCH", "/household", 422, json={"country": "France"})
    if ids := [each["id"] for each in found if each["to_vouch"]]:
        await ada("PATCH", "/household", json={"helplines": ids})
        after = {each["id"] for each in await ada("GET", "/helplines") if each["vouched"]}
        assert after == set(ids)


# --- who hears of events --------------------------------------------------------------------------


async def test_a_target_is_tried_and_its_secrets_stay(ada: Caller, site: Site) -> None:
    heard = asyncio.Queue[object]()

    async def hear(request: web.Request) -> web.Response:
        heard.put_nowait(await request.json())
        return web.Response(status=200 if request.path == "/secret-path" else 500)

    app = web.Application()
    app.router.add_post("/{path}", hear)
    async with TestServer(app) as server:
        urls = [str(server.make_url(each)) for each in ("/secret-path", "/broken")]
        hooks = tuple(Webhook(url=each, token="secret-token") for each in urls)
        site.targets.configure(EventSettings(webhooks=hooks))
        found = await ada("GET", "/targets")
        assert [(each["id"], each["way"]) for each in found] == [
            ("webhook-1", "webhook"),
            ("webhook-2", "webhook"),
        ]
        assert "secret" not in str(found)
        for _ in range(2):
            tried = await ada("POST", "/targets/webhook-1/test")
            assert tried == {"taken": True, "trouble": ""}
            told = {"event": "test", "household": "home", "at": "2026-03-29T16:00:00Z"}
            assert heard.get_nowait() == told
        tried = await ada("POST", "/targets/webhook-2/test")
        assert not tried["taken"]
        assert "500" in tried["trouble"]
    await ada("POST", "/targets/webhook-3/test", 404)


async def test_one_target_is_tried_at_a_time(ada: Caller, site: Site) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def hear(_: web.Request) -> web.Response:
        arrived.set()
        await go_on.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/", hear)
    async with TestServer(app) as server:
        hook = Webhook(url=str(server.make_url("/")))
        site.targets.configure(EventSettings(webhooks=(hook,)))
        first = asyncio.create_task(ada("POST", "/targets/webhook-1/test"))
        await arrived.wait()
        await ada("POST", "/targets/webhook-1/test", 429)
        go_on.set()
        assert (await first)["taken"]
