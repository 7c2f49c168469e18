"""Rules, devices, lists, changes and the file of the household by the API."""

from __future__ import annotations

import pytest

from copdns.household.check import KnownIds
from copdns.household.file import parse
from copdns.network.unknown_devices import UnknownDevice
from copdns.privacy.list_scores import note_scores
from copdns.settings.config import Settings, UpstreamSettings
from copdns.store.log_db.unknown_devices import save_unknown_devices
from tests.home import Home
from tests.household import MIA, TOM, family, library
from tests.web.programs import Caller
from tests.web.site import Site
from tests.web.test_lists import shelf_of

LISTS = library(
    categories={"games": ["games.example"]},
    protected={"child_helpline": ["help.example"]},
)


@pytest.fixture
def site() -> Site:
    return Site(Home(family(MIA, TOM), LISTS))


async def test_a_rule_counts_and_goes(ada: Caller, site: Site) -> None:
    sent = {"action": "block", "target": "toys.example", "for": "mia", "note": "Later."}
    made = await ada("POST", "/rules", 201, json=sent)
    assert made["created"] == "2026-03-29T16:00:00Z"
    await ada("POST", "/rules", 409, json=sent)
    assert await ada("GET", "/rules", params={"profile": "mia"}) == [made]
    assert await ada("GET", "/rules", params={"profile": "tom"}) == []
    await site.follow()
    assert site.home.ask("mia", "toys.example").verdict.blocks
    await ada("DELETE", f"/rules/{made['id']}", 204)
    await ada("DELETE", f"/rules/{made['id']}", 404)


@pytest.mark.parametrize("target", ["help.example", "*.help.example", "not a name", "a..b", "-"])
async def test_no_rule_blocks_what_is_protected_or_no_name(ada: Caller, target: str) -> None:
    await ada("POST", "/rules", 409, json={"action": "block", "target": target})
    assert await ada("GET", "/rules") == []


async def test_a_name_is_explained_and_nothing_is_recorded(ada: Caller, site: Site) -> None:
    await ada("PATCH", "/profiles/mia", json={"categories": ["games"]})
    await site.follow()
    before = site.home.traces()
    asked = {"name": "chess.games.example", "profile": "mia"}
    found = await ada("GET", "/check", params=asked)
    assert (found["action"], found["reason"], found["list"]) == ("block", "category", "games-list")
    (deciding,) = [each for each in found["steps"] if each["decides"]]
    assert deciding["number"] == found["step"] == 13
    tom = await ada("GET", "/check", params=asked | {"profile": "tom", "type": "AAAA"})
    assert (tom["action"], tom["type"]) == ("allow", "AAAA")
    for wrong in ({"name": "a..b"}, {"profile": "nobody"}, {"type": "NOTYPE"}):
        await ada("GET", "/check", 409, params=asked | wrong)
    await ada("GET", "/check", 400, params={"name": "games.example"})
    await ada("GET", "/check", 400, params=[("name", "a.example"), ("name", "b.example")])
    assert site.home.traces() == before


async def test_a_device_is_somebodys(ada: Caller) -> None:
    sent = {"id": "tablet", "profile": "mia", "macs": ["02-00-00-00-00-0A"]}
    made = await ada("POST", "/devices", 201, json=sent)
    assert made["macs"] == ["02:00:00:00:00:0a"]
    await ada("POST", "/devices", 409, json=sent)
    await ada("POST", "/devices", 409, json={"id": "other", "profile": "mia"})
    await ada("PATCH", "/devices/tablet", json={"profile": "tom"})
    await ada("PATCH", "/devices/tablet", 409, json={})
    await ada("PATCH", "/devices/nobody", 404, json={"profile": "tom"})
    assert (await ada("GET", "/devices"))[-1]["profile"] == "tom"
    await ada("DELETE", "/devices/tablet", 204)
    await ada("DELETE", "/devices/tablet", 404)


async def test_those_that_nobody_named_are_told(ada: Caller, site: Site) -> None:
    mac = "02:00:00:00:00:09"
    save_unknown_devices(
        site.folder, [UnknownDevice("home", "u1", "", mac, "192.0.2.9", "tv", 1, 0)]
    )
    (found,) = await ada("GET", "/unknown-devices")
    assert (found["id"], found["mac"], found["private"]) == ("u1", mac, True)
    await ada("POST", "/devices", 201, json={"id": "tv", "profile": "tom", "macs": [mac]})
    assert await ada("GET", "/unknown-devices") == []


async def test_lists_are_told_and_looked_for(ada: Caller, site: Site) -> None:
    found = {each["list"]: each for each in await ada("GET", "/lists")}
    assert (found["games-list"]["kind"], found["games-list"]["used"]) == ("category", 1)
    searched = await ada("GET", "/lists/search", params={"name": "chess.games.example"})
    assert [each["entry"] for each in searched["entries"]] == ["games.example"]
    assert not site.updates.is_fetch_requested
    for _ in range(2):
        assert await ada("POST", "/lists/update", 202) == {"asked": True}
    assert site.updates.is_fetch_requested


async def test_who_changed_what_and_who_may_log_in(ada: Caller) -> None:
    await ada("PUT", "/profiles/mia/pause", json={"minutes": 30})
    last = (await ada("GET", "/audit", params={"limit": 1}))[0]
    assert (last["author"], last["what"]) == ("Ada", "mia paused until 2026-03-29T16:30:00Z")
    (account,) = await ada("GET", "/accounts")
    assert (account["name"], account["role"]) == ("Ada", "owner")
    assert "hash" not in str(account).lower()
    for limit in ("0", "1001", "x", "1_0", ""):
        await ada("GET", "/audit", 400, params={"limit": limit})
    await ada("GET", "/audit", 400, params={"limits": "1"})


async def test_the_household_is_given_as_its_file(ada: Caller, site: Site) -> None:
    text = await ada("GET", "/household.yaml")
    known = KnownIds(categories=frozenset(), services=frozenset())
    found = parse(text, "export", known)
    stored = await site.store.household("home")
    assert stored is not None
    assert found.profiles == stored.profiles
    assert found.devices == stored.devices


async def test_what_concerns_all_is_set(ada: Caller, site: Site) -> None:
    after = await ada("PATCH", "/household", json={"protected": ["School.Example"], "guest": "tom"})
    assert (after["protected"], after["guest"]) == (["school.example"], "tom")
    assert await ada("GET", "/household") == after
    for wrong in ({}, {"timezone": "Mars/Base"}, {"guest": "nobody"}, {"protected": ["a..b"]}):
        await ada("PATCH", "/household", 409, json=wrong)
    assert await ada("GET", "/household") == after
    rule = {"action": "block", "target": "www.school.example"}
    await ada("POST", "/rules", 201, json=rule)  # what a guardian blocks by hand stays above it


async def test_a_service_of_ones_own_comes_and_goes(ada: Caller) -> None:
    sent = {"id": "club", "names": ["club.example"], "contact": "strangers"}
    made = await ada("POST", "/services", 201, json=sent)
    assert made == sent | {"title": "club", "defined": "here"}
    assert await ada("GET", "/services") == [made]
    await ada("POST", "/services", 409, json=sent)
    await ada("PATCH", "/profiles/mia", json={"services": ["club"]})
    await ada("DELETE", "/services/club", 409)
    other = {"title": "Club", "names": ["=b.example"]}
    assert await ada("PUT", "/services/club", json=other) == {
        "id": "club",
        "defined": "here",
        "contact": "none",
        **other,
    }
    await ada("PUT", "/services/nobody", 404, json=other)
    await ada("PATCH", "/profiles/mia", json={"services": []})
    await ada("DELETE", "/services/club", 204)
    await ada("DELETE", "/services/club", 404)


async def test_status_says_what_is_missing(ada: Caller, site: Site) -> None:
    assert (await ada("GET", "/status"))["ready"] is True
    site.missing = ("no DNS server answers",)
    found = await ada("GET", "/status")
    assert (found["ready"], found["missing"]) == (False, ["no DNS server answers"])


async def test_a_held_version_of_a_list_is_decided_about(ada: Caller, site: Site) -> None:
    shelf = shelf_of(site)
    found = {each["list"]: each["waiting"] for each in await ada("GET", "/lists")}
    shown = await ada("GET", "/lists/versions", params={"list": "games-list"})
    assert found["games-list"] == shown["waiting"]
    assert (shown["waiting"]["reasons"], len(shown["earlier"])) == (["growth"], 1)
    sent = {"list": "games-list", "version": shown["waiting"]["version"]}
    for unseen in ("0123", ""):
        await ada("POST", "/lists/accept", 409, json=sent | {"version": unseen})
        await ada("POST", "/lists/refuse", 409, json=sent | {"version": unseen})
    used = await ada("POST", "/lists/accept", json=sent)
    assert used == {"list": "games-list", "version": sent["version"], "names": 1}
    assert shelf.in_force == "c"
    await ada("POST", "/lists/refuse", 409, json=sent)
    await ada("POST", "/lists/rollback", json={"list": "games-list", "version": ""})
    assert shelf.in_force == "b"
    await ada("POST", "/lists/rollback", 422, json={"list": "../x", "version": ""})


async def test_a_list_only_counts_for_some_days(ada: Caller, site: Site) -> None:
    sent = {"list": "games-list", "days": 3}
    until = (await ada("POST", "/lists/log-only", json=sent))["log_only_until"]
    (shown,) = [each for each in await ada("GET", "/lists") if each["list"] == "games-list"]
    assert (shown["log_only_until"], shown["log_only_count"]) == (until, None)
    ended = await ada("POST", "/lists/log-only", json=sent | {"days": 0})
    assert ended == {"list": "games-list", "log_only_until": None}
    await ada("POST", "/lists/log-only", 422, json=sent | {"days": 31})
    await ada("POST", "/lists/log-only", 409, json=sent | {"list": "chess"})


async def test_scores_of_lists_have_no_person(ada: Caller, site: Site) -> None:
    site.log.flush()  # makes the file
    statuses = site.home.resolver.snapshot.library.statuses
    site.log.note_lists(note_scores("home", statuses, [], site.now))
    (found,) = [each for each in await ada("GET", "/lists/scores") if each["list"] == "games-list"]
    (week,) = found["weeks"]
    assert found["label"] == "games"
    assert week["caught"] is None
    assert (week["wrong"], week["left_out"]) == (0, 0)


async def test_the_dns_servers_of_all_names_are_chosen_tried_and_given_back(
    ada: Caller, site: Site
) -> None:
    usual = await ada("GET", "/upstreams")
    assert usual == {"upstreams": [], "fixed": False, "chosen": False}
    wanted = {"upstreams": ["tls://dns.example@192.0.2.1", "192.0.2.2"]}
    servers = ["tls://dns.example@192.0.2.1", "192.0.2.2:53"]
    silent: dict[str, str] = {"192.0.2.2": "no answer within 2 s"}
    object.__setattr__(site.context, "trouble_of_upstream", lambda each: silent.get(each.host, ""))
    refused = await ada("PUT", "/upstreams", 409, json=wanted)
    assert "192.0.2.2:53 does not answer: no answer within 2 s" in refused["detail"]
    assert await ada("POST", "/upstreams/try", json=wanted) == [
        {"upstream": servers[0], "trouble": ""},
        {"upstream": servers[1], "trouble": "no answer within 2 s"},
    ]
    assert await ada("GET", "/upstreams") == usual
    split = {"upstreams": ["192.0.2.2"]}
    await ada("PUT", "/splits/office.example", 409, json=split)
    await ada("PUT", "/splits/office.example", json={**split, "anyway": True})
    made = await ada("PUT", "/upstreams", json={**wanted, "anyway": True})
    assert made == {"upstreams": servers, "fixed": False, "chosen": True}
    assert await ada("GET", "/upstreams") == made
    assert [each["name"] for each in await ada("GET", "/splits")] == ["office.example"]
    for _ in range(2):
        await ada("DELETE", "/upstreams", 204)
    assert await ada("GET", "/upstreams") == usual
    site.settings = Settings(upstreams=UpstreamSettings(servers=("192.0.2.7",)))
    assert (await ada("GET", "/upstreams"))["fixed"] is True
    await ada("PUT", "/upstreams", 409, json={**wanted, "anyway": True})
