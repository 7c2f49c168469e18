"""The overview: what it tells of each person as far as their mode lets, and what a tap does."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Role
from copdns.model.household import Household, PrivacyMode
from copdns.model.times import Budget, Schedule, Topic, TopicKind
from copdns.network.unknown_devices import UnknownDevice
from copdns.privacy.retention import CountKey, LogRow
from copdns.store.log_db.unknown_devices import save_unknown_devices
from copdns.time.minutes import Minutes
from copdns.time.plan import NO_INPUTS
from copdns.time.schedule import parse_slots
from tests.home import Home
from tests.household import ADA, MIA, NOW, TOM, family, library
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in

HERE = "/guardian/"
AT = int(NOW)  # 16:00 in UTC, on a Sunday
GAMES = Topic(TopicKind.CATEGORY, "games")
PLAY = Budget("mia-games", "mia", (("daily", 60),), (GAMES,))
NIGHT = Schedule("mia-bedtime", "mia", parse_slots("daily 21:00-07:00"))


@pytest.fixture
def home() -> Home:
    mia = replace(MIA, privacy=PrivacyMode.BLOCKED)
    written = family(mia, TOM, ADA, schedules=(NIGHT,), budgets=(PLAY,))
    return Home(written, library(categories={"games": ["play.example"]}))


@pytest.fixture
def used(site: Site) -> Site:
    """A day on which something was used and recorded."""
    minutes = {("home", "mia"): {"mia-games": Minutes(40, 48, 50)}}
    site.readings = replace(NO_INPUTS, used=minutes)
    for who, number in (("mia", 12), ("tom", 30)):
        key = CountKey("home", who, AT // 3600 - 3, "allow", "default", "")
        site.log.count(key, number)
    row = LogRow(AT - 120, "home", "mia", "mia-phone", "x.example", 1, "allow", *[""] * 6)
    site.log.add(row)
    site.log.flush()
    return site


async def stored(site: Site) -> Household:
    house = await site.store.household("home")
    assert house is not None
    return house


def without_marks(html: str) -> str:
    """Return a page without what keeps the direction of a text apart."""
    return re.sub("[\u2066-\u2069]", "", html)


def card(page: str, who: str) -> str:
    """Return the text of somebody's card."""
    html = page.partition(f'aria-labelledby="p-{who}"')[2].partition("</section>")[0]
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", without_marks(html)).split()))


async def test_a_card_tells_what_holds_and_what_is_left(client: Client, used: Site) -> None:
    page = await text(client, HERE)
    mia = card(page, "mia")
    assert "Internet on · until" in mia
    assert "21:00" in mia
    assert "About 48 minutes of 60 used today." in mia
    assert 'aria-label="Games: about 12 minutes left"' in without_marks(page)
    assert "No daily limit today." in card(page, "tom")


async def test_what_comes_next_is_told_by_the_clock_of_each_person(
    client: Client, site: Site
) -> None:
    def coming(page: str) -> str:
        html = page.partition('aria-labelledby="soon"')[2].partition("</section>")[0]
        return unescape(" ".join(re.sub(r"<[^>]+>", " ", without_marks(html)).split()))

    assert "21:00 M Mia: Internet off" in coming(await text(client, HERE))
    fields = {"name": "Mia", "block_mode": "nodata", "timezone": "America/New_York"}
    await send(client, "/guardian/people/mia/answers", **fields)  # it is noon there
    await site.follow()
    page = coming(await text(client, HERE))
    assert "21:00 M Mia: Internet off Mia's time zone: America/New_York" in page


async def test_hours_and_devices_are_told_as_far_as_the_mode_lets(
    client: Client, used: Site
) -> None:
    page = await text(client, HERE)
    said = "12 visits to sites today (allowed and blocked), most of them around 13:00."
    assert said in card(page, "mia")
    said = "You cannot see which of Mia's devices were used today."
    assert said in card(page, "mia")
    assert "last used" not in card(page, "mia")
    html = await (await client.get(HERE)).text()
    low = html.partition('class="bars low"')[2].partition("</svg>")[0]
    assert re.findall(r'<rect class="g-ok" x="(\S+)"', low) == ["131.5"], "in the 14th of 24 hours"
    await send(client, "/guardian/people/mia/full-log", days="2")
    assert re.search("Mia's phone · last used at 15:58", card(await text(client, HERE), "mia"))


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (PrivacyMode.COUNTS, "For Mia, you only see totals"),
        (PrivacyMode.OFF, "Nothing is recorded for Mia"),
    ],
)
async def test_of_others_the_page_says_what_is_not_shown(
    client: Client, used: Site, mode: PrivacyMode, said: str
) -> None:
    house = used.home.house
    others = (each for each in house.profiles if each.id != "mia")
    people = (replace(MIA, privacy=mode), *others)
    await used.store.change(
        "home", lambda home: replace(home, profiles=people), author="", what="", now=AT
    )
    await used.follow()
    mia = card(await text(client, HERE), "mia")
    assert said in mia
    assert "opened or blocked" not in mia
    assert "About 48 minutes" in mia, "a limit's minutes are kept in every mode"


async def test_the_person_sees_that_somebody_looked(client: Client, used: Site) -> None:
    for _ in range(2):
        page = await text(client, HERE)
    assert "can see that you looked" in page
    looks = await used.context.looks.of("home")
    assert sorted((each.profile, each.view) for each in looks) == [
        ("mia", ViewedPart.COUNTS),
        ("mia", ViewedPart.USAGE),
    ], "of Tom nothing is shown"
    await send(client, "/guardian/people/mia/full-log", days="2")
    await text(client, HERE)
    looks = await used.context.looks.of("home")
    assert ("mia", ViewedPart.LOG) in {(each.profile, each.view) for each in looks}


async def test_an_auditor_sees_people_and_nothing_of_their_day(client: Client, used: Site) -> None:
    await set_up(used, "Eve", Role.AUDITOR)
    await log_in(client, "Eve")
    page = await text(client, HERE)
    assert "Internet on" in card(page, "mia")
    for never in (
        "opened or blocked",
        "minutes left",
        "No daily limit",
        "last used",
        "15 more minutes",
        "Only counts",
    ):
        assert never not in page
    looks = await used.context.looks.of("home")
    assert Role.AUDITOR not in {each.role for each in looks}


async def test_everyone_is_paused_and_goes_on_with_a_tap_each(client: Client, site: Site) -> None:
    page = await send(client, "/guardian/pause-everyone")
    told = re.findall(r"This now applies to \w+: Paused", page)
    assert len(told) == 2, "it says what holds, for each child"
    assert "/guardian/undo/" in page
    await site.follow()
    assert {e.profile: e.end for e in (await stored(site)).pauses} == {
        "mia": AT + 1800,
        "tom": AT + 1800,
    }
    assert site.home.ask("mia", "open.example").verdict.reason == "paused"
    assert not site.home.ask("ada", "open.example").verdict.blocks
    page = await text(client, HERE)
    assert "/guardian/pause-everyone" not in page, "all are paused"
    assert "“15 more minutes” turns the internet on until" in card(page, "mia"), "it is off"
    await send(client, "/guardian/unpause-everyone")
    assert (await stored(site)).pauses == ()
    page = await send(client, "/guardian/unpause-everyone")
    assert "Nothing was changed" in page


async def test_what_is_off_is_not_offered_to_be_paused(client: Client, site: Site) -> None:
    night = Schedule("night", "mia", parse_slots("daily 15:00-23:00"))
    await site.store.change(
        "home",
        lambda house: replace(house, schedules=(night,)),
        author="Ada",
        what="bedtime",
        now=site.now,
    )
    await site.follow()
    for page in (HERE, "/guardian/time/mia"):
        shown = await text(client, page)
        mia = card(shown, "mia") if page == HERE else shown
        assert "Internet off" in mia
        assert "15 more minutes" in mia
        assert "Pause for 30 minutes" not in mia
        assert "Only homework sites, 1 hour" not in mia
    assert "Pause for 30 minutes" in card(await text(client, HERE), "tom")


async def test_no_line_begins_with_a_dot_between_two_things(client: Client) -> None:
    page = await (await client.get(HERE)).text()
    assert "Internet on\u00a0· " in page
    assert " · " not in page


async def test_only_the_first_card_says_what_its_chart_shows(client: Client) -> None:
    page = await text(client, HERE)
    assert "The line shows the time now." in card(page, "mia")
    assert "internet off" in card(page, "mia")
    assert "The line shows the time now." not in card(page, "tom")


async def test_who_may_give_nobody_time_pauses_nobody(client: Client, site: Site) -> None:
    await set_up(site, "Eve", Role.AUDITOR)
    await log_in(client, "Eve")
    before = await stored(site)
    for path in ("pause-everyone", "unpause-everyone", "time/mia/bedtime"):
        await send(client, f"/guardian/{path}", 403, at="21:30")
    assert await stored(site) == before


async def test_bedtime_is_moved_for_tonight_says_so_and_is_undone(
    client: Client, site: Site
) -> None:
    assert "21:30" in card(await text(client, HERE), "mia")
    plain = re.sub("<[^>]*>|[\u2068\u2069]", "", await text(client, "/guardian/"))
    assert "21:30 instead of 21:00" in plain
    page = await send(client, "/guardian/time/mia/bedtime", at="21:30", back="overview")
    assert "This now applies to Mia: tonight's bedtime at" in unescape(page)
    assert "(usually 21:00)" in card(page, "mia")
    (moved,) = (await stored(site)).moved_bedtimes
    assert (moved.moved - moved.start, moved.author) == (1800, "Ada")
    await site.follow()
    line = (await site.store.changes("home"))[-1].what
    assert line == "tonight's bedtime of mia at 21:30"
    undo = re.search(r'action="(/guardian/undo/\w+)"', page)
    assert undo is not None
    await send(client, undo[1])
    assert (await stored(site)).moved_bedtimes == ()


@pytest.mark.parametrize(
    ("at", "says"),
    [("21:00", ""), ("20:00", ""), ("06:00", "4 hours at most"), ("x", "is not a valid time")],
)
async def test_a_bedtime_is_taken_or_it_is_said_why_not(
    client: Client, site: Site, at: str, says: str
) -> None:
    page = await send(client, "/guardian/time/mia/bedtime", 400 if says else 200, at=at)
    assert says in without_marks(page)
    assert bool((await stored(site)).moved_bedtimes) is (at == "20:00")


async def test_a_page_that_was_left_open_overnight_moves_no_other_bedtime(
    client: Client, site: Site
) -> None:
    page = await text(client, "/guardian/")
    night = re.search(r'name="night" value="(\d+)"', page)
    assert night
    site.home.wait(24 * 3600)
    where, fields = "/guardian/time/mia/bedtime", {"at": "21:30", "back": "overview"}
    page = await send(client, where, 400, **fields, night=night[1])
    assert "This page showed the bedtime of another evening, so nothing was changed" in page
    assert night[1] not in page, "what is chosen there is of tonight"
    assert (await stored(site)).moved_bedtimes == ()
    assert "This now applies to Mia" in await send(client, where, **fields)


async def test_extra_time_past_a_bedtime_stands_beside_it(client: Client, site: Site) -> None:
    site.home.wait(4 * 3600)  # an hour before it
    assert "with extra time" not in card(await text(client, HERE), "mia")
    for _ in range(2):
        site.home.wait(120)
        seen = re.search(r'name="seen" value="([^"]*)"', await text(client, "/guardian/time/mia"))
        assert seen
        await send(client, "/guardian/time/mia/more", minutes="15", seen=seen[1])
        await site.follow()
    shown = card(await text(client, HERE), "mia")
    assert "Internet on · until 21:30" in shown
    assert "Tonight's bedtime: 21:00 (with extra time: 21:30)" in shown
    page = unescape(without_marks(await text(client, "/guardian/time/mia")))
    assert "(with extra time: 21:30)" in page


async def test_one_card_never_has_two_minutes_for_one_end(client: Client, site: Site) -> None:
    await send(client, "/guardian/time/mia/pause", lasts="30")
    site.home.wait(20)  # within a minute: what is on ends early rather than late, and a pause late
    await send(client, "/guardian/time/mia/more", minutes="15")
    await site.follow()
    page = await text(client, HERE)
    until = re.search(r"Everything online: until (\S+)", card(page, "mia"))
    assert until
    assert f"Internet on · until {until[1]}" in card(page, "mia")
    coming = without_marks(page).partition("Coming up")[2]
    assert f'<span class="number soft small">{until[1]}</span>' in coming


async def test_a_child_reads_of_extra_time_as_that_with_its_end(client: Client, site: Site) -> None:
    site.home.wait(4 * 3600)
    await send(client, "/guardian/time/mia/more", minutes="15")
    await site.follow()
    await send(client, "/device")
    assert "You got extra time on" in await text(client, "/")
    page = without_marks(await text(client, "/rules"))
    assert "Extra time: the internet stays on until 21:15." in page
    assert re.search("<bdi>Ada</bdi> gave you extra time", page)
    assert "changed your times" not in page
    for name in ("open.example", "play.example"):
        page = without_marks(await text(client, f"/check?name={name}"))
        assert "You can use it until 21:15." in page
    site.home.wait(5000)
    assert "Extra time:" not in await text(client, "/rules")


async def test_new_devices_are_told_with_when_they_were_seen(client: Client, site: Site) -> None:
    assert "None. We know whose device each one is." in await text(client, HERE)
    seen: dict[str, Any] = {"first": AT - 86_400, "last": AT - 40_000}
    save_unknown_devices(
        site.folder,
        [
            UnknownDevice("home", "u1", "", "02:00:00:00:00:09", "192.0.2.77", "box", **seen),
            UnknownDevice("home", "u2", "", "28:6f:b9:00:00:01", "192.0.2.78", "", **seen),
        ],
    )
    page = await text(client, HERE)
    assert "changes its address, so we cannot tell who made it" in page
    assert "28:6f:b9:00:00:01" in page
    assert "last seen" in page
    await send(client, "/guardian/unknown/u1/ignore")
    assert ">box<" not in await text(client, HERE)


async def test_what_was_changed_last_is_told(client: Client, site: Site) -> None:
    await send(client, "/guardian/time/mia/pause", lasts="30")
    page = unescape(await text(client, HERE))
    assert "Latest changes" in page
    assert "Mia paused until" in without_marks(page)


async def test_who_went_through_the_setup_is_not_told_of_it(client: Client, site: Site) -> None:
    for author, shown in (("Ada", False), ("Bo", True)):
        await site.store.note("home", author, "setup: Lu added, 7-9", AT)
        await site.store.note("home", "mia-phone", "browser linked to this device for mia", AT)
        page = without_marks(await text(client, HERE))
        assert ("Lu added" in page) is shown
        assert "linked to" not in page


async def test_it_says_whether_the_house_is_protected(client: Client, site: Site) -> None:
    site.missing = ("no DNS server answers",)
    page = await text(client, HERE)
    assert "Something needs attention" in page
    assert "copdns is working" not in page
    assert "restart it if not" in page, "and what can be done"
    assert 'href="/guardian/names#servers"' in page
    site.missing = ()
    assert "copdns is working" in await text(client, HERE)


async def test_all_of_it_is_less_than_a_hundred_kilobytes(client: Client, used: Site) -> None:
    page = await text(client, HERE)
    files = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
    sizes = [len(await (await client.get(each)).read()) for each in files]
    assert len(page.encode()) + sum(sizes) < 100_000
