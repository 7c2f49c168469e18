"""Time by the API: pauses and states, permissions, tickets, schedules, budgets, the calendar."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from copdns.model.household import Household, PrivacyMode
from copdns.privacy.own_numbers import COUNTS_ONLY
from copdns.time.own_timers import OwnTimer, TimerKind, TimerTopic
from tests.web.programs import Caller
from tests.web.site import Site


async def test_a_pause_closes_until_its_end(ada: Caller, site: Site) -> None:
    made = await ada("PUT", "/profiles/mia/pause", json={"minutes": 30})
    assert made == {
        "profile": "mia",
        "start": "2026-03-29T16:00:00Z",
        "end": "2026-03-29T16:30:00Z",
        "homework": False,
        "author": "Ada",
    }
    await site.follow()
    assert site.home.ask("mia", "games.example").verdict.reason == "paused"
    found = await ada("GET", "/profiles/mia/state")
    assert (found["state"], found["reason"], found["minutes_left"]) == ("paused", "paused", 30)
    assert found["until"] == "2026-03-29T16:30:00Z"
    assert (await ada("GET", "/profiles/tom/state"))["state"] == "open"
    assert await ada("GET", "/pauses") == [made]


async def test_a_pause_ends_when_somebody_says_so_and_twice_is_harmless(
    ada: Caller, site: Site
) -> None:
    await ada("PUT", "/profiles/mia/pause", json={})
    await site.follow()
    found = await ada("GET", "/profiles/mia/state")
    assert (found["state"], found["until"], found["minutes_left"]) == ("paused", None, None)
    await ada("DELETE", "/profiles/mia/pause", 204)
    await ada("DELETE", "/profiles/mia/pause", 204)
    await site.follow()
    assert (await ada("GET", "/profiles/mia/state"))["state"] == "open"


async def test_an_endless_pause_that_comes_back_is_told_with_its_time(
    ada: Caller, site: Site
) -> None:
    await ada("PUT", "/profiles/mia/pause", json={})
    await site.follow()
    site.home.set_clock(site.now + 1)
    await ada("POST", "/profiles/mia/more-time", 201, json={"minutes": 15})
    await site.follow()
    found = await ada("GET", "/profiles/mia/state")
    assert (found["state"], found["minutes_left"]) == ("open", 15)
    assert found["until"] is not None
    assert not site.home.ask("mia", "games.example").verdict.blocks


async def test_homework_is_told(ada: Caller, site: Site) -> None:
    await ada("PUT", "/profiles/mia/pause", json={"homework": True, "minutes": 90})
    await site.follow()
    assert (await ada("GET", "/profiles/mia/state"))["homework"] is True


async def test_bedtime_is_moved_for_one_night_and_put_back(ada: Caller, site: Site) -> None:
    path = "/profiles/mia/bedtime"
    nights = {"id": "night", "for": "mia", "slots": ["daily 21:00-07:00"]}
    await ada("POST", "/schedules", 201, json=nights)
    usual, end = "2026-03-29T21:00:00Z", "2026-03-30T07:00:00Z"
    assert await ada("GET", path) == {"usual": usual, "start": usual, "end": end}
    start = "2026-03-29T20:15:00Z"
    made = await ada("PUT", path, json={"start": start})
    assert made == {"usual": usual, "start": start, "end": end} == await ada("GET", path)
    await site.follow()
    site.home.set_clock(site.now + 4 * 3600 + 900)
    assert site.home.ask("mia", "games.example").verdict.reason == "schedule"
    await ada("PUT", path, 409, json={"start": "2026-03-29T12:00:00Z"})
    for _ in range(2):
        await ada("DELETE", path, 204)
    assert (await ada("GET", path))["start"] == usual


async def test_without_a_bedtime_there_is_none_to_move(ada: Caller) -> None:
    found = await ada("GET", "/profiles/tom/bedtime")
    assert found == {"usual": None, "start": None, "end": None}
    await ada("PUT", "/profiles/tom/bedtime", 409, json={"start": "2026-03-29T20:15:00Z"})


async def test_who_did_it_is_in_the_list_of_changes(ada: Caller, site: Site) -> None:
    await ada("PUT", "/profiles/mia/pause", json={"until": "2026-03-29T18:00:00Z"})
    last = (await site.store.changes("home"))[-1]
    assert (last.author, last.what) == ("Ada", "mia paused until 2026-03-29T18:00:00Z")


async def test_a_permission_opens_and_is_ended(ada: Caller, site: Site) -> None:
    await ada("POST", "/rules", 201, json={"action": "block", "target": "chess.example"})
    sent = {"about": "chess.example", "minutes": 60, "note": "For the club."}
    made = await ada("POST", "/profiles/mia/grants", 201, json=sent)
    assert (made["end"], made["content"], made["time"]) == ("2026-03-29T17:00:00Z", True, False)
    await site.follow()
    assert site.home.ask("mia", "chess.example").verdict.reason == "granted"
    assert await ada("GET", "/grants", params={"profile": "mia"}) == [made]
    assert await ada("GET", "/grants", params={"profile": "tom"}) == []
    await ada("DELETE", f"/grants/{made['id']}", 204)
    await site.follow()
    assert site.home.ask("mia", "chess.example").verdict.blocks
    await ada("DELETE", "/grants/g99", 404)


@pytest.mark.parametrize(
    "sent",
    [
        {"minutes": 30, "lifts": "content"},  # for every name
        {"about": "chess.example"},  # without an end
        {"about": "category:no-such", "minutes": 30},
        {"about": "chess.example", "until": "2020-01-01T00:00:00Z"},
        {"about": "chess.example", "until": "2090-01-01T00:00:00Z"},
    ],
)
async def test_a_permission_that_cannot_be_is_refused(ada: Caller, sent: dict[str, Any]) -> None:
    await ada("POST", "/profiles/mia/grants", 409, json=sent)
    assert await ada("GET", "/grants", params={"all": "true"}) == []


async def test_a_ticket_is_told_once_and_works_once(ada: Caller) -> None:
    made = await ada("POST", "/tickets", 201, json={"minutes": 45, "label": "For the dishes."})
    code = made.pop("code")
    assert await ada("GET", "/tickets") == [made]
    got = await ada("POST", "/profiles/mia/tickets", 201, json={"code": code.lower()})
    assert (got["origin"], got["end"]) == ("ticket", "2026-03-29T16:45:00Z")
    await ada("POST", "/profiles/mia/tickets", 409, json={"code": code})
    await ada("DELETE", f"/tickets/{made['id']}", 204)
    await ada("DELETE", f"/tickets/{made['id']}", 404)


async def test_codes_are_not_to_be_guessed(ada: Caller) -> None:
    for _ in range(5):
        await ada("POST", "/profiles/mia/tickets", 409, json={"code": "AAAA-AAAA"})
    found = await ada("POST", "/profiles/mia/tickets", 429, json={"code": "AAAA-AAAA"})
    assert "15 min" in found["detail"]


async def test_a_schedule_is_added_set_and_removed(ada: Caller, site: Site) -> None:
    sent = {"id": "play", "for": "mia", "slots": ["daily 15:00-17:00"], "note": "Time outside."}
    made = await ada("POST", "/schedules", 201, json=sent)
    assert made == sent | {"about": [], "open": False, "grace": 0, "weeks": "", "learning": False}
    await ada("POST", "/schedules", 409, json=sent)
    await site.follow()
    found = await ada("GET", "/profiles/mia/state")
    assert (found["state"], found["period"], found["minutes_left"]) == ("closed", "play", 60)
    other = {"for": "tom", "slots": ["daily 15:00-16:30"]}
    await ada("PUT", "/schedules/play", json=other)
    assert [each["for"] for each in await ada("GET", "/schedules")] == ["tom"]
    await ada("PUT", "/schedules/play", 409, json={"slots": ["someday"]})
    for weeks in ("even", "2026-03-30"):
        found = await ada("PUT", "/schedules/play", json=other | {"weeks": weeks})
        assert found["weeks"] == weeks
    await ada("PUT", "/schedules/play", 409, json=other | {"weeks": "sometimes"})
    await ada("DELETE", "/schedules/play", 204)
    await ada("DELETE", "/schedules/play", 404)


@pytest.mark.parametrize("written", ["%(x)s", "%s", "100% 15:00-17:00", "%", "%%"])
async def test_a_percent_sign_in_times_is_told_as_it_stands(ada: Caller, written: str) -> None:
    sent = {"id": "play", "for": "mia", "slots": [written], "note": ""}
    found = await ada("POST", "/schedules", 409, json=sent)
    assert written.split()[0] in found["detail"]


async def test_a_budget_has_minutes_and_can_have_more(ada: Caller) -> None:
    sent = {"id": "films", "for": "mia", "minutes": {"school": 0, "weekend": 90}}
    made = await ada("POST", "/budgets", 201, json=sent)
    assert made["minutes"] == sent["minutes"]
    bonus = await ada("POST", "/profiles/mia/bonuses", 201, json={"budget": "films", "minutes": 20})
    assert (bonus["day"], bonus["minutes"], bonus["kind"]) == ("2026-03-29", 20, "bonus")
    (today,) = (await ada("GET", "/profiles/mia/usage"))["today"]
    assert (today["total"], today["left"]) == (110, 110)
    await ada("POST", "/profiles/tom/bonuses", 409, json={"budget": "films", "minutes": 20})
    await ada("PUT", "/budgets/films", json={"minutes": {"daily": 30}})
    await ada("PUT", "/budgets/films", 409, json={"minutes": {"someday": 30}})
    await ada("DELETE", "/budgets/films", 204)
    assert await ada("GET", "/budgets") == []


async def test_dates_are_holidays_and_no_longer(ada: Caller) -> None:
    sent = {"first": "2026-12-24", "last": "2027-01-06", "kind": "holiday"}
    found = await ada("PUT", "/calendar/days", json=sent)
    assert found["calendar"]["days"] == {"2026-12-24..2027-01-06": "holiday"}
    assert await ada("GET", "/calendar") == found
    found = await ada("PUT", "/calendar/days", json=sent | {"kind": None})
    assert found["calendar"] == {}
    for wrong in ({"first": "2026-02-30"}, {"first": "2027-01-07"}, {"last": "2099-01-01"}):
        await ada("PUT", "/calendar/days", 409, json=sent | wrong)


async def test_a_limit_that_turns_nothing_off_is_refused(ada: Caller, site: Site) -> None:
    wanted = {"id": "club", "for": "mia", "minutes": {"daily": 1440}, "about": ["club.example"]}
    told = await ada("POST", "/budgets", 409, json=wanted)
    assert "could never turn anything off" in told["detail"]
    assert "club" not in {each["id"] for each in await ada("GET", "/budgets")}


async def test_a_timer_that_somebody_started_is_told_where_their_privacy_lets_others_know(
    ada: Caller, site: Site
) -> None:
    for who in ("mia", "tom"):
        timer = OwnTimer(TimerKind.FOCUS, TimerTopic.ALL, site.now, site.now + 600, site.now + 600)
        site.context.own_timers.start(("home", who), timer)
    people = site.home.house.profiles
    seen = {e.id for e in people if e.privacy_at(site.now) not in COUNTS_ONLY} & {"mia", "tom"}
    assert {each["profile"] for each in await ada("GET", "/timers")} == seen
    modes = {"mia": PrivacyMode.BLOCKED, "tom": PrivacyMode.COUNTS}

    def edit(house: Household) -> Household:
        changed = (replace(e, privacy=modes.get(e.id, e.privacy)) for e in house.profiles)
        return replace(house, profiles=tuple(changed))

    await site.store.change("home", edit, author="Ada", what="", now=site.now)
    assert await ada("GET", "/timers") == [
        {
            "profile": "mia",
            "kind": "focus",
            "topic": "all",
            "start": "2026-03-29T16:00:00Z",
            "end": "2026-03-29T16:10:00Z",
            "until": "2026-03-29T16:10:00Z",
        }
    ]
