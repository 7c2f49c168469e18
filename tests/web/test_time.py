"""A guardian's pages about one person's time: what is set counts at once, and nothing else does."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from functools import partial

import pytest

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Role
from copdns.model.household import Household
from copdns.model.times import Budget, Extra, Origin, Schedule, Topic, TopicKind
from copdns.time.budget import minutes_of_day
from copdns.time.minutes import Minutes
from copdns.time.plan import NO_INPUTS
from copdns.time.schedule import parse_slots
from tests.home import Home
from tests.household import ADA, MIA, TOM, family, library
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in

TIME = "/guardian/time/mia"
GAMES = Topic(TopicKind.CATEGORY, "games")
BEDTIME = Schedule("mia-bedtime", "mia", parse_slots("daily 21:00-07:00"), note="Sleep well.")
MINUTES = Budget("mia-games", "mia", (("daily", 60),), (GAMES,))
TOMS = Schedule("tom-night", "tom", parse_slots("daily 23:00-07:00"))
EVERYONES = Schedule("supper", "", parse_slots("daily 18:00-18:30"))
SUNDAY = date(2026, 3, 29)  # today, in tests


@pytest.fixture
def home() -> Home:
    written = family(MIA, TOM, ADA, schedules=(BEDTIME, TOMS, EVERYONES), budgets=(MINUTES,))
    names = {"games": ["play.example"], "social": ["social.example"], "chat": ["chat.example"]}
    return Home(written, library(categories=names))


async def stored(site: Site) -> Household:
    house = await site.store.household("home")
    assert house is not None
    return house


async def schedule(site: Site, key: str) -> Schedule:
    return {each.id: each for each in (await stored(site)).schedules}[key]


async def test_a_night_is_one_bar_and_one_line(client: Client) -> None:
    page = await text(client, TIME)
    assert page.count("<title>bedtime 21:00–07:00</title>") == 7
    assert "Sleep well." in page
    assert "tom-night" not in page


async def test_a_moved_bedtime_is_so_in_this_night_of_the_week_alone(client: Client) -> None:
    await send(client, f"{TIME}/bedtime", at="21:45")
    page = await text(client, TIME)
    assert page.count("<title>bedtime 21:45–07:00</title>") == 1
    assert page.count("<title>bedtime 21:00–07:00</title>") == 6
    page = await send(client, f"{TIME}/bedtime", 400, at="06:00")
    assert "4 hours at most" in page


async def test_the_overview_parts_what_is_from_until_when(client: Client, site: Site) -> None:
    always = Schedule("mia-day", "mia", parse_slots("daily 00:00-24:00"))
    edit = partial(replace, schedules=(always, BEDTIME))
    await site.store.change("home", edit, author="", what="", now=site.now)
    await site.follow()
    page = await text(client, "/guardian/")
    assert "Internet off" in page
    assert not re.search("Internet off[A-Z]", page)


async def test_another_week_can_be_looked_at(client: Client) -> None:
    assert "Mon 21 Dec<" in await text(client, f"{TIME}?week=2026-12-21")
    for odd in ("2026-13-01", "0001-01-01", "<b>", "9999-12-31"):
        await text(client, f"{TIME}?week={odd}", 404)


async def test_a_schedule_is_added_and_closes(client: Client, site: Site, home: Home) -> None:
    fields = {"start0": "15:00", "end0": "19:00", "what": "category:games", "note": "Dinner."}
    await send(client, f"{TIME}/schedules", **fields)
    made = await schedule(site, "mia-games")
    assert made.scope == "mia"
    assert made.about == (GAMES,)
    assert made.note == "Dinner."
    await site.follow()
    assert home.ask("mia", "play.example").verdict.reason == "schedule"


async def test_a_form_sent_twice_makes_one_schedule(client: Client, site: Site) -> None:
    fields = {"name": "Piano", "days0": "mon", "start0": "17:00", "end0": "18:00"}
    for _ in range(2):
        await send(client, f"{TIME}/schedules", **fields)
    assert [each.id for each in (await stored(site)).schedules].count("piano") == 1


async def test_a_schedule_is_changed(client: Client, site: Site) -> None:
    fields = {"days0": "school_night", "start0": "20:30", "end0": "07:00", "how": "closed"}
    await send(client, f"{TIME}/schedules/mia-bedtime", **fields)
    found = await schedule(site, "mia-bedtime")
    assert found.slots == parse_slots("school_night 20:30-07:00")


async def test_a_bedtime_is_added_changed_and_stays_a_bedtime(client: Client, site: Site) -> None:
    fields = {"way": "bedtime", "free_start": "22:30", "free_end": "09:00", "off": "play"}
    for _ in range(2):  # the second time is the same form again
        await send(client, f"{TIME}/schedules", **fields, weeks="odd")
    made = await schedule(site, "mia-bedtime-2")  # "mia-bedtime" is there
    assert made.slots == parse_slots("free_night 22:30-09:00")
    assert [str(each) for each in made.about] == [
        "category:games",
        "category:social",
        "category:chat",
    ]
    assert "mia-bedtime-3" not in {each.id for each in (await stored(site)).schedules}
    page = await text(client, TIME)
    assert 'id="free-start-night-mia-bedtime-2" name="free_start" value="22:30"' in page
    # The nights of the other one, which was not made as a bedtime, are all nights.
    assert 'id="school-start-night-mia-bedtime" name="school_start" value="21:00"' in page
    fields = {"way": "bedtime", "school_start": "20:30", "school_end": "07:00", "off": "all"}
    await send(client, f"{TIME}/schedules/mia-bedtime-2", **fields)
    changed = await schedule(site, "mia-bedtime-2")
    assert (changed.slots, changed.about) == (parse_slots("school_night 20:30-07:00"), ())
    await send(client, f"{TIME}/schedules/mia-bedtime-2", start0="15:00", end0="16:00")
    assert 'id="school-start-night-mia-bedtime-2"' not in await text(client, TIME)


async def test_a_bedtime_can_leave_learning_sites_on(
    client: Client, site: Site, home: Home
) -> None:
    fields = {"way": "bedtime", "school_start": "15:00", "school_end": "07:00", "off": "learning"}
    await send(client, f"{TIME}/schedules/mia-bedtime", **fields)
    assert (await schedule(site, "mia-bedtime")).learning
    assert "Only homework sites" in await text(client, TIME)
    await site.follow()
    assert home.ask("mia", "play.example").verdict.reason == "schedule"
    assert "Homework sites still work." in await text(client, "/")
    assert "Everything except homework sites: off" in await text(client, "/rules")
    wrong = {"start0": "15:00", "end0": "16:00", "how": "learning", "what": "category:games"}
    await send(client, f"{TIME}/schedules", 400, **wrong)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"school_start": "20:00"},
        {"school_start": "20:00", "school_end": "22:00"},
        {"free_start": "09:00", "free_end": "11:00"},
        {"school_start": "20:00", "school_end": "07:00", "off": "other"},
    ],
)
async def test_nights_that_are_none_are_told_and_change_nothing(
    client: Client, site: Site, fields: dict[str, str]
) -> None:
    before = await stored(site)
    await send(client, f"{TIME}/schedules", 400, way="bedtime", **fields)
    assert await stored(site) == before


async def test_a_schedule_of_every_other_week_says_which_week_this_is(
    client: Client, site: Site, home: Home
) -> None:
    fields = {"start0": "15:00", "end0": "19:00", "what": "category:games"}
    await send(client, f"{TIME}/schedules", **fields, weeks="even")  # this is week 13
    page = await text(client, TIME)
    assert "(even weeks: next week)" in page
    assert "Every other week, but not this week (even week numbers)" in page
    assert "Every other week, including this week (odd week numbers)" in page
    assert page.count("<title>games") == 6  # those of Monday to Saturday
    await site.follow()
    assert "(every second week: next week)" in await text(client, "/rules")
    assert home.ask("mia", "play.example").verdict.reason != "schedule"
    await send(
        client, f"{TIME}/schedules/mia-games", **fields, weeks="from", weeks_from="2026-03-27"
    )
    page = await text(client, TIME)
    assert "(every second week: until Thu, 2 Apr 2026)" in page
    assert 'value="2026-03-27"' in page
    await site.follow()
    assert home.ask("mia", "play.example").verdict.reason == "schedule"


async def test_a_schedule_is_removed_and_twice_is_harmless(client: Client, site: Site) -> None:
    for _ in range(2):
        await send(client, f"{TIME}/schedules/mia-bedtime/remove")
    assert {each.id for each in (await stored(site)).schedules} == {"tom-night", "supper"}


async def test_a_page_touches_only_what_holds_for_its_person(client: Client, site: Site) -> None:
    before = await stored(site)
    await send(client, f"{TIME}/schedules/tom-night/remove")
    await send(client, f"{TIME}/schedules/tom-night", 404, start0="1:00", end0="2:00")
    assert await stored(site) == before


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"start0": "21:00"},
        {"start0": "25:00", "end0": "07:00"},
        {"start0": "21:00", "end0": "07:00", "days0": "someday"},
        {"start0": "21:00", "end0": "07:00", "scope": "tom"},
        {"start0": "21:00", "end0": "07:00", "what": "category:nothing"},
        {"start0": "21:00", "end0": "07:00", "names": "no name!"},
        {"start0": "21:00", "end0": "07:00", "grace": "-1"},
        {"start0": "21:00", "end0": "07:00", "grace": "1" * 5000},
        {"start0": "21:00", "end0": "07:00", "note": "x" * 201},
    ],
)
async def test_what_means_nothing_is_told_and_changes_nothing(
    client: Client, site: Site, fields: dict[str, str]
) -> None:
    before = await stored(site)
    await send(client, f"{TIME}/schedules", 400, **fields)
    assert await stored(site) == before


async def test_suggestions_of_the_age_are_taken_over_beside_ones_own(
    client: Client, site: Site
) -> None:
    before = await stored(site)
    page = await text(client, TIME)
    listed = page[page.index("Suggested for this age group") :].partition("</details>")[0]
    stays, _, unused = listed.partition("Not used, because yours stays")
    assert "Sleep well." in stays[stays.index("Stays, because you wrote it") :]
    assert "Screens keep people awake" in unused
    assert "/suggest" not in listed, "there is nothing to use"
    await send(client, f"{TIME}/suggest")
    assert await stored(site) == before
    await send(client, f"{TIME}/budgets/mia-games/remove")
    page = await text(client, TIME)
    assert (
        "When they stop, you have time"
        in page[page.index("Would be added") :].partition("</h3>")[2]
    )
    await send(client, f"{TIME}/suggest")
    house = await stored(site)
    assert [each.id for each in house.budgets] == ["mia-games"]
    assert house.budgets[0].note
    assert house.schedules == before.schedules


async def test_a_budget_shows_what_was_used_and_is_left(client: Client, site: Site) -> None:
    used = {("home", "mia"): {"mia-games": Minutes(10, 20, 45)}}
    site.readings = replace(NO_INPUTS, used=used)
    page = await text(client, TIME)
    assert re.search(r"about 20 minutes used \(.?10.? to .?45.?\)", page)
    assert "40 minutes left" in page
    assert re.search('<progress max="100" value="6[67]"', page)  # what is left, of 60


async def test_a_budget_of_no_minutes_says_that_there_are_none(client: Client, site: Site) -> None:
    edit = partial(replace, budgets=(replace(MINUTES, minutes=(("daily", 0),)),))
    await site.store.change("home", edit, author="", what="", now=site.now)
    await site.follow()
    page = await text(client, TIME)
    assert "<p>No time today</p>" in page
    assert "0 minutes left" not in page


async def test_a_look_at_minutes_is_one_that_the_child_can_see(client: Client, site: Site) -> None:
    await text(client, TIME)
    (look,) = await site.context.looks.of("home", "mia")
    assert (look.view, look.role) == (ViewedPart.USAGE, Role.OWNER)


async def test_a_budget_is_added_changed_and_removed(client: Client, site: Site) -> None:
    days = {"day0": "daily", "minutes0": "90", "day1": "school", "minutes1": "30"}
    await send(client, f"{TIME}/budgets", name="all", **days)
    budgets = {each.id: each for each in (await stored(site)).budgets}
    assert budgets["all"].minutes == (("school", 30), ("daily", 90))
    await send(client, f"{TIME}/budgets/all", day0="daily", minutes0="0", carry_over="on")
    budgets = {each.id: each for each in (await stored(site)).budgets}
    assert (budgets["all"].minutes, budgets["all"].carry_over) == ((("daily", 0),), True)
    for _ in range(2):
        await send(client, f"{TIME}/budgets/all/remove")
    assert {each.id for each in (await stored(site)).budgets} == {"mia-games"}


async def test_a_limit_that_turns_nothing_off_is_refused_and_one_that_is_there_has_no_effect(
    client: Client, site: Site
) -> None:
    before = await stored(site)
    page = await send(client, f"{TIME}/budgets", 400, name="club", day0="daily", minutes0="1440")
    assert "could never turn anything off" in page
    assert await stored(site) == before
    idle = replace(MINUTES, id="mia-club", minutes=(("daily", 1440),))
    edit = partial(replace, budgets=(MINUTES, idle))
    await site.store.change("home", edit, author="", what="", now=site.now)
    await site.follow()
    used = {("home", "mia"): {"mia-club": Minutes(10, 20, 45)}}
    site.readings = replace(NO_INPUTS, used=used)
    page = await text(client, TIME)
    assert "This has no effect: the limit is a whole day." in page
    assert "20 minutes used" not in page
    await send(client, f"{TIME}/budgets/mia-club/remove")
    assert await stored(site) == replace(before, revision=(await stored(site)).revision)


async def test_minutes_are_given_and_given_back(client: Client, site: Site) -> None:
    await send(client, f"{TIME}/budgets/mia-games/bonus", minutes="15", kind="bonus")
    await send(client, f"{TIME}/budgets/mia-games/bonus", minutes="10", kind="credit")
    house = await stored(site)
    assert [(each.minutes, each.kind, each.author) for each in house.bonuses] == [
        (15, Extra.BONUS, "Ada"),
        (10, Extra.CREDIT, "Ada"),
    ]
    assert minutes_of_day(MINUTES, house, "mia", SUNDAY) == 85


async def test_two_taps_give_once(client: Client, site: Site) -> None:
    for _ in range(2):
        await send(client, f"{TIME}/budgets/mia-games/bonus", minutes="15", seen="-")
    await send(client, f"{TIME}/grants", lasts="30", seen="-b1")
    await send(client, f"{TIME}/grants", lasts="30", seen="-b1")
    house = await stored(site)
    assert (len(house.bonuses), len(house.grants)) == (1, 1)


async def test_a_page_that_is_old_gives_nothing_unseen(client: Client, site: Site) -> None:
    await send(client, f"{TIME}/budgets/mia-games/bonus", minutes="15")
    site.home.clock.wait(120)
    page = await send(client, f"{TIME}/budgets/mia-games/bonus", 400, minutes="15", seen="-")
    assert "reload it and check" in page


async def test_a_pause_begins_now_and_ends_by_itself(
    client: Client, site: Site, home: Home
) -> None:
    page = await send(client, f"{TIME}/pause", lasts="30")
    assert "End pause" in page
    await site.follow()
    assert home.ask("mia", "open.example").verdict.reason == "paused"
    (pause,) = (await stored(site)).pauses
    assert (pause.end, pause.homework) == (site.now + 1800, False)


async def test_a_pause_ends_on_the_desk_in_the_minute_that_the_child_is_told(
    client: Client, site: Site, home: Home
) -> None:
    home.clock.wait(20)
    page = await send(client, f"{TIME}/pause", lasts="30")
    await site.follow()
    assert home.ask("mia", "open.example").verdict.ends_text.endswith(":31")
    assert ":31" in page
    assert ":30" not in page.partition("End pause")[0].rpartition("Paused")[2]


async def test_a_pause_can_last_until_a_time_or_until_it_is_ended(
    client: Client, site: Site
) -> None:
    await send(client, f"{TIME}/pause", until="20:00")
    (pause,) = (await stored(site)).pauses
    assert pause.end is not None
    assert 0 < pause.end - site.now <= 86_400
    page = await send(client, f"{TIME}/pause", homework="yes")
    assert "You have not chosen any homework sites" in page
    (pause,) = (await stored(site)).pauses
    assert (pause.end, pause.homework) == (None, True)
    for _ in range(2):
        await send(client, f"{TIME}/unpause")
    assert (await stored(site)).pauses == ()


async def test_the_overview_pauses_and_gives_with_one_tap(client: Client, site: Site) -> None:
    page = await text(client, "/guardian/")
    assert page.count('action="/guardian/time/mia/pause"') == 2
    assert 'action="/guardian/time/ada/pause"' not in page
    page = await send(client, f"{TIME}/pause", lasts="30", back="overview")
    assert "<h1>Example family</h1>" in page
    await send(client, f"{TIME}/more", minutes="15", back="overview")
    (grant,) = (await stored(site)).grants
    assert (grant.about, grant.time, grant.content) == (None, True, False)
    assert grant.end - grant.start == 900


async def test_more_time_says_from_when_on_it_is_and_not_that_everything_opens_now(
    client: Client,
) -> None:
    page = await send(client, f"{TIME}/more", minutes="15", back="overview")
    said = re.sub("<[^>]+>|[\u2068\u2069]", "", page.partition('role="status"')[2])
    assert "Temporary access: Everything online from 18:00 until 18:15" in " ".join(said.split())


async def test_more_time_is_given_once_however_often_it_is_tapped(
    client: Client, site: Site
) -> None:
    for _ in range(2):
        await send(client, f"{TIME}/more", minutes="15", seen="-")
    house = await stored(site)
    assert len(house.grants) + len(house.bonuses) == 1


@pytest.mark.parametrize(
    ("language", "today", "later"),
    [("fr", "jusqu’à 1", "jusqu’au "), ("es", "hasta las 1", "hasta el ")],
)
async def test_an_end_today_has_other_words_than_one_on_another_day(
    client: Client, site: Site, language: str, today: str, later: str
) -> None:
    headers = {"Accept": "text/html", "Accept-Language": language}
    for minutes, told, other in ((60, today, later), (3 * 1440, later, today)):
        await send(client, f"{TIME}/grants", lasts=str(minutes), lifts="time")
        page = await (await client.get(TIME, headers=headers)).text()
        access = page.partition('aria-labelledby="grants"')[2].partition("</ul>")[0]
        assert told in access
        assert other not in access
        (grant,) = (await stored(site)).grants
        await send(client, f"{TIME}/grants/{grant.id}/end")
        site.home.clock.wait(60)
        await site.follow()


async def test_the_note_of_access_is_told_in_the_readers_language(
    client: Client, site: Site
) -> None:
    note = "Allowed until someone answers your request."
    await send(client, f"{TIME}/grants", lasts="60", lifts="time", note=note)
    headers = {"Accept": "text/html", "Accept-Language": "es"}
    page = await (await client.get(TIME, headers=headers)).text()
    assert note not in page


async def test_a_permission_opens_and_is_ended(client: Client, site: Site, home: Home) -> None:
    await send(client, f"{TIME}/pause")
    await send(client, f"{TIME}/grants", what="category:games", lasts="60", lifts="both", note="!")
    await site.follow()
    assert home.ask("mia", "play.example").verdict.reason == "granted"
    (grant,) = (await stored(site)).grants
    assert (grant.origin, grant.author, grant.note) == (Origin.GUARDIAN, "Ada", "!")
    site.home.clock.wait(60)
    for _ in range(2):
        await send(client, f"{TIME}/grants/{grant.id}/end")
    (grant,) = (await stored(site)).grants
    assert grant.end == site.now


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"lasts": "0"},
        {"lasts": "99999"},
        {"until": "soon"},
        {"lasts": "5", "lifts": "all"},
        {"lasts": "5", "lifts": "content"},
        {"lasts": "5", "names": "a.example b.example"},
    ],
)
async def test_a_permission_is_about_one_thing_and_ends(
    client: Client, site: Site, fields: dict[str, str]
) -> None:
    await send(client, f"{TIME}/grants", 400, **fields)
    assert (await stored(site)).grants == ()


async def test_a_permission_of_somebody_else_is_not_ended(client: Client, site: Site) -> None:
    await send(client, "/guardian/time/tom/grants", lasts="60")
    await send(client, f"{TIME}/grants/g1/end")
    (grant,) = (await stored(site)).grants
    assert grant.end > site.now


ACTIONS = (
    "pause",
    "unpause",
    "more",
    "grants",
    "grants/g1/end",
    "suggest",
    "schedules",
    "schedules/mia-bedtime",
    "schedules/mia-bedtime/remove",
    "budgets",
    "budgets/mia-games",
    "budgets/mia-games/remove",
    "budgets/mia-games/bonus",
)


async def test_nobody_changes_anything_who_may_not(client: Client, site: Site) -> None:
    before = await stored(site)
    fields = {"lasts": "30", "minutes": "15", "start0": "1:00", "end0": "2:00", "minutes0": "1"}
    for action in ACTIONS:
        assert (await client.get(f"{TIME}/{action}")).status in (404, 405), action
    await send(client, "/guardian/logout")
    for action in ACTIONS:
        await send(client, f"{TIME}/{action}", 401, **fields)
    for role in (Role.AUDITOR, Role.REVIEWER):
        await set_up(site, f"Bo {role}", role)
        await log_in(client, f"Bo {role}")
        for action in ACTIONS:
            await send(client, f"{TIME}/{action}", 403, **fields)
        await send(client, "/guardian/logout")
    assert await stored(site) == before


async def test_an_auditor_sees_times_and_no_minutes_of_use(client: Client, site: Site) -> None:
    await send(client, "/guardian/logout")
    await set_up(site, "Bo", Role.AUDITOR)
    await log_in(client, "Bo")
    page = await text(client, TIME)
    assert "bedtime" in page
    assert "likely" not in page
    assert "<form" not in page.partition("<main")[2].partition("</main>")[0]
    assert Role.AUDITOR not in {each.role for each in await site.context.looks.of("home")}


async def test_nobody_who_is_not_there_has_a_page(client: Client) -> None:
    await text(client, "/guardian/time/bo", 404)
    await send(client, "/guardian/time/bo/pause", 404, lasts="30")


async def test_looking_changes_nothing(client: Client, site: Site) -> None:
    before = await stored(site)
    for page in ("/guardian/", "/guardian/time", TIME):
        await text(client, page)
    assert await stored(site) == before


async def test_words_that_look_like_markup_stay_words(client: Client) -> None:
    note = "<script>alert(1)</script>"
    fields = {"start0": "1:00", "end0": "2:00", "names": "x.example", "name": "<b>"}
    page = await send(client, f"{TIME}/schedules", note=note, **fields)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert note not in page


async def test_a_page_takes_the_same_queries_however_much_is_written(
    client: Client, site: Site
) -> None:
    seen: list[str] = []
    await site.store.run(lambda connection: connection.set_trace_callback(seen.append))
    await text(client, TIME)
    few = len(seen)
    many = tuple(replace(BEDTIME, id=f"s{number}") for number in range(40))
    site.home.change(replace(await stored(site), schedules=many))
    await site.store.change(
        "home", lambda house: replace(house, schedules=many), author="", what="", now=site.now
    )
    seen.clear()
    await text(client, TIME)
    assert len(seen) == few


async def test_the_names_that_presets_give_are_translated_and_a_persons_own_stay(
    client: Client, site: Site
) -> None:
    own = replace(BEDTIME, id="mia-quiet-time")
    house = replace(await stored(site), schedules=(BEDTIME, own))
    site.home.change(house)
    await site.store.change("home", lambda _: house, author="", what="", now=site.now)
    headers = {"Accept": "text/html", "Accept-Language": "fr"}
    page = await (await client.get(TIME, headers=headers)).text()
    assert "<title>coucher 21:00–07:00</title>" in page
    assert "<title>quiet time 21:00–07:00</title>" in page


async def test_a_day_without_times_is_not_off(client: Client) -> None:
    page = await text(client, TIME)
    assert '<th scope="col">When it is off</th>' in page
    rows = re.findall("<tr><th scope=.row.>.*?</tr>", page, re.DOTALL)
    assert len(rows) == 7
    assert all("never" in each for each in rows if "–" not in each)


async def test_the_bar_of_a_day_says_whose_it_is_and_its_hours(client: Client) -> None:
    for address in ("/guardian/", "/guardian/time", TIME):
        page = await text(client, address)
        assert "Mia&#39;s day" in page or "Mia's day" in page
        assert "Your day" not in page
        assert "<span>06:00</span>" in page


async def test_an_old_form_does_not_put_back_what_somebody_else_changed(
    client: Client, site: Site
) -> None:
    page = await text(client, TIME)
    # A bedtime has two forms, which ask for the same thing.
    (seen,) = set(
        re.findall(r'/schedules/mia-bedtime"><input type="hidden" name="seen" value="(\w+)"', page)
    )
    old = {"start0": "21:00", "end0": "07:00", "note": "Good night.", "scope": "mia", "seen": seen}
    early = replace(BEDTIME, slots=parse_slots("daily 20:00-07:00"))

    def put_early(house: Household) -> Household:
        kept = (each for each in house.schedules if each.id != early.id)
        return replace(house, schedules=(early, *kept))

    await site.store.change("home", put_early, author="Ben", what="x", now=site.now)
    for path in ("", "/remove"):
        page = await send(client, f"{TIME}/schedules/mia-bedtime{path}", 400, **old)
        assert "this was changed since you opened the page" in page.lower()
    assert await schedule(site, "mia-bedtime") == early


async def test_a_form_that_is_sent_twice_is_no_error(client: Client, site: Site) -> None:
    page = await text(client, TIME)
    (seen,) = set(
        re.findall(r'/schedules/mia-bedtime"><input type="hidden" name="seen" value="(\w+)"', page)
    )
    new = {"start0": "20:00", "end0": "07:00", "note": "", "scope": "mia", "seen": seen}
    for _ in range(2):
        await send(client, f"{TIME}/schedules/mia-bedtime", **new)
    assert (await schedule(site, "mia-bedtime")).slots == parse_slots("daily 20:00-07:00")
