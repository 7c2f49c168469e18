"""The month's report: on the desk for guardians, and what a child may read of it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Role
from copdns.appeals.appeal import AppealKind, AppealRequest, ContestedVerdict
from copdns.list_files import audit_results
from copdns.list_files.audit import Share
from copdns.model.household import Band, Contact, PrivacyMode, Profile
from copdns.model.times import Budget, Topic, TopicKind
from copdns.model.verdict import Action, Reason
from copdns.privacy.retention import CountKey
from copdns.settings.config import AppealSettings, LogSettings, Settings
from copdns.store.log_db.usage import UsageStore
from copdns.time.minutes import NO_MARKS, Minutes, Usage
from copdns.words.phrases import END_ISOLATE, ISOLATE
from tests.home import Home
from tests.household import ADA, MIA, NOW, TOM, family, library
from tests.reading import has_word
from tests.web.guardians import log_in, set_up
from tests.web.programs import caller
from tests.web.site import Client, Site, send, text

HOUR, DAY = int(NOW) // 3600, 24 * 3600
YESTERDAY = HOUR - 24
THIRD = Profile("third", "Third child", Band.TO_12)
DESK, CHILD = "/guardian/month", "/month"
GAMES = Topic(TopicKind.CATEGORY, "games")


@pytest.fixture
def site() -> Site:
    mia = replace(MIA, privacy=PrivacyMode.BLOCKED)
    house = family(mia, TOM, ADA, budgets=(Budget("b1", "mia", (("daily", 60),), (GAMES,)),))
    house = replace(house, profiles=(*house.profiles, THIRD))
    lists = library(categories={"games": ["games.example"], "gambling": ["bets.example"]})
    return Site(Home(house, lists))


@pytest.mark.parametrize("path", [DESK, CHILD])
async def test_a_month_that_is_gone_says_how_long_numbers_are_kept(site: Site, path: str) -> None:
    site.settings = Settings(log=LogSettings(counts_days=2))
    async with site.visited() as client:
        await as_ada(client, site)
        page = await text(client, f"{path}?month=2021-01")
    assert "What we counted in this month has been deleted." in page
    assert "Numbers are deleted after 2 days." in page


def plain(page: str) -> str:
    return page.replace(ISOLATE, "").replace(END_ISOLATE, "")


async def as_ada(client: Client, site: Site) -> None:
    await set_up(site)
    await log_in(client)


def count(site: Site, who: str, n: int, category: str = "", hour: int = YESTERDAY) -> None:
    action, reason = ("block", "category") if category else ("allow", "default")
    site.log.count(CountKey("home", who, hour, action, reason, category), n)
    site.log.flush()


async def ask(site: Site, who: str, name: str = "games.example", ago: int = 0) -> str:
    """Return the id of the question."""
    to = ContestedVerdict(Action.BLOCK, Reason.CATEGORY, list="games-list", category="games")
    asked = AppealRequest(who, "", AppealKind.NAME, to, name=name)
    return (await site.appeals.file("home", asked, site.now - ago)).appeal.id


async def test_the_desk_tells_of_each_child_by_category(client: Client, site: Site) -> None:
    count(site, "mia", 1234)
    count(site, "mia", 17, "games")
    count(site, "tom", 3, "gambling")
    count(site, "ada", 77_777, "games")
    await ask(site, "mia")
    UsageStore(site.folder).save(
        [Usage("home", "mia", "b1", date(2026, 3, 2), 0, NO_MARKS, Minutes(1, 42, 99))]
    )
    await as_ada(client, site)
    page = await text(client, DESK)
    assert "March 2026" in page
    assert '<th scope="row">Mia</th><td>1,251</td><td>17</td>' in page
    assert '<th scope="row">Mia</th><td>Games</td><td>17</td>' in page
    assert '<th scope="row">Tom</th><td>Gambling</td><td>under 5</td>' in page
    assert "Mia: Games, about 42 minutes" in page
    assert "<dt>Asked</dt><dd>1</dd>" in page
    for word in ("77,777", "games.example", "style="):
        assert word not in page, word


async def test_a_total_without_small_numbers_says_so(client: Client, site: Site) -> None:
    count(site, "mia", 8, "games")
    count(site, "mia", 4, "gambling")
    count(site, "tom", 8, "games")
    await as_ada(client, site)
    page = await text(client, DESK)
    assert '<th scope="row">Mia</th><td>12</td><td>at least 8</td>' in page
    assert '<th scope="row">Tom</th><td>8</td><td>8</td>' in page
    assert "what was blocked fewer than 5 times is not in the total" in page
    assert page.count("Others: under 5 each") == 1


async def test_a_childs_month_has_as_many_as_its_days(client: Client, site: Site) -> None:
    for hour, n in ((HOUR, 6), (YESTERDAY, 12), (YESTERDAY - 1, 4)):
        count(site, "tom", n, hour=hour)
        count(site, "tom", n, "gambling", hour=hour)
    site.who = "tom"
    await send(client, "/device")
    rows = re.findall(r"<td>(\d+)</td><td>(\d+)</td>", await text(client, "/me"))
    page = await text(client, CHILD)
    own = page.partition('id="mine"')[2].partition("</section>")[0]
    opened, blocked, *_ = map(int, re.findall(r"<dd>(\d+)</dd>", own))
    assert (opened, blocked) == (22, 22)
    assert [sum(map(int, each)) for each in zip(*rows, strict=True)] == [opened, blocked]


async def test_who_has_nothing_kept_has_no_number(client: Client, site: Site) -> None:
    count(site, "tom", 99, "games")
    house = replace(site.home.house, profiles=(replace(TOM, privacy=PrivacyMode.OFF),), devices=())
    await site.store.change("home", lambda _: house, author="test", what="x", now=site.now)
    await site.follow()
    await as_ada(client, site)
    page = await text(client, DESK)
    assert '<th scope="row">Tom</th><td>not recorded</td><td>not recorded</td>' in page
    assert "99" not in page.partition("<main")[2].partition("</main>")[0]


async def test_a_look_at_it_is_kept_and_each_child_sees_it(client: Client, site: Site) -> None:
    await as_ada(client, site)
    await text(client, DESK)
    looks = {(each.profile, each.view) for each in await site.looks.of("home")}
    children = ("mia", "tom", "third")
    assert looks == {
        (who, view) for who in children for view in (ViewedPart.COUNTS, ViewedPart.USAGE)
    }
    await send(client, "/device")
    assert "<bdi>Ada</bdi> looked at how often sites were opened." in await text(client, "/me")


async def test_lists_tell_what_they_close_wrongly(client: Client, site: Site) -> None:
    share = Share(200, 3, {"games-list": 3})
    audit_results.save_results(site.folder, share, frozenset({"games-list"}), NOW)
    await as_ada(client, site)
    assert "1.5 of 100 sites that should be allowed" in plain(await text(client, DESK))
    site.who = "tom"  # who reads everything
    assert "games-list</bdi>: 1.5" in await text(client, CHILD)
    site.who = "mia"
    assert "games-list" not in await text(client, CHILD)


@pytest.mark.parametrize("path", [DESK, CHILD])
@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("2026-02", "February 2026"),
        ("2026-03", "March 2026"),
        ("2026-04", "March 2026"),  # it has not begun
        ("2026-13", "March 2026"),
        ("9999-12", "March 2026"),
        ("<b>", "March 2026"),
        ("2000-01", "January 2000"),
    ],
)
async def test_other_months_are_shown_as_far_as_there_are_any(
    client: Client, site: Site, path: str, asked: str, shown: str
) -> None:
    await as_ada(client, site)
    page = await text(client, f"{path}?month={asked}")
    assert f"{shown}</h1>" in page
    assert "<b>" not in page


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.REVIEWER])
async def test_only_guardians_read_it_on_the_desk(client: Client, site: Site, role: Role) -> None:
    assert "Log in" in await text(client, DESK)
    await set_up(site, "Bo", role)
    await log_in(client, "Bo")
    await text(client, DESK, 403)
    assert f'href="{DESK}"' not in await text(client, "/guardian/house")
    assert await site.looks.of("home") == ()


# --- the child's page -----------------------------------------------------------------------------


async def test_a_child_reads_its_own_numbers_and_nobody_elses(client: Client, site: Site) -> None:
    count(site, "mia", 17, "games")
    count(site, "tom", 4321, "gambling")
    await ask(site, "tom")
    await send(client, "/device")
    page = await text(client, CHILD)
    assert '<dt class="part">Of these: Games</dt><dd>17</dd>' in page
    assert "Gambling" not in page
    assert "4,3" not in page
    assert not has_word(page, "Tom")
    assert "What you asked for" not in page, "the request is Tom's"
    assert await site.looks.of("home") == ()


async def test_a_child_reads_small_numbers_of_its_own_as_they_are(
    client: Client, site: Site
) -> None:
    count(site, "mia", 3, "games")
    count(site, "mia", 9, "gambling")
    await send(client, "/device")
    page = await text(client, CHILD)
    assert '<dt class="part">Of these: Games</dt><dd>3</dd>' in page
    assert "<dt>How many times a site was blocked</dt><dd>12</dd>" in page
    opened = "<dt>How many times your tablet or phone opened a site</dt><dd>0</dd>"
    assert opened in page, "what was blocked did not open"


async def test_a_child_is_led_to_no_month_without_numbers(client: Client, site: Site) -> None:
    site.settings = Settings(log=LogSettings(counts_days=2))
    await send(client, "/device")
    assert "February 2026" not in await text(client, CHILD)
    site.settings = Settings(log=LogSettings(counts_days=30))
    assert re.search(
        r"See the last (day|\d+ days) of February 2026<", plain(await text(client, CHILD))
    )


async def test_a_child_reads_of_no_waiting_that_did_not_happen(client: Client, site: Site) -> None:
    await ask(site, "mia")
    await send(client, "/device")
    page = await text(client, CHILD)
    assert "<dt>You asked</dt><dd>1</dd>" in page
    assert "You had to wait too long" not in page


async def test_a_child_reads_what_was_closed_by_the_clock_too(client: Client, site: Site) -> None:
    site.log.count(CountKey("home", "mia", YESTERDAY, "block", "schedule", ""), 12)
    site.log.flush()
    await send(client, "/device")
    assert '<dt class="part">Of these: a schedule</dt><dd>12</dd>' in await text(client, CHILD)


@pytest.mark.parametrize(
    ("waited", "told"), [(1, "10 minutes"), (59, "10 minutes"), (2 * 3600, "2 hours")]
)
async def test_how_fast_answers_came_is_told_as_people_say_it(
    client: Client, site: Site, waited: int, told: str
) -> None:
    await as_ada(client, site)
    for name, state, reason in (
        ("games.example", "granted", "trial"),
        ("bets.example", "refused", "costs_money"),
    ):
        where = f"/guardian/appeals/{await ask(site, 'mia', name, waited)}/decide"
        await send(client, where, state=state, reason=reason, lasts="1h")
    await send(client, "/device")
    for path in (DESK, CHILD):
        page = await text(client, path)
        assert "<dt>Allowed, in full or in part</dt><dd>1 of 2</dd>" in plain(page)
        assert f"<dt>Half of the answers came within</dt><dd>{told}</dd>" in page


async def test_its_own_numbers_need_the_browser_that_is_known(client: Client, site: Site) -> None:
    count(site, "mia", 4321, "games")
    page = await text(client, CHILD)
    assert "Games" not in page
    assert "4,3" not in page.partition("<main")[2].partition("</main>")[0]
    assert "What you asked for" not in page


async def test_a_sum_of_two_is_told_to_neither(client: Client, site: Site) -> None:
    count(site, "mia", 500)
    count(site, "tom", 700)
    count(site, "third", 2)  # too few to hide anybody
    await ask(site, "mia")
    await ask(site, "tom")
    page = await text(client, CHILD)
    assert "1,20" not in page
    assert 'id="all"' not in page


async def test_a_sum_of_three_is_told_in_tens_and_without_today(client: Client, site: Site) -> None:
    for who, n in (("mia", 501), ("tom", 700), ("third", 42)):
        count(site, who, n)
        count(site, who, 9_000, hour=HOUR)
    count(site, "tom", 33, "gambling")
    page = await text(client, CHILD)
    assert "about 1,250" in page
    assert "about 30" in page
    assert "Gambling" not in page


async def test_requests_of_all_show_neither_who_asked_nor_what_came_of_it(
    client: Client, site: Site
) -> None:
    """Reloading the page tells nothing of a request that is sent or answered today."""
    await as_ada(client, site)
    for number in range(5):
        for who in ("mia", "tom", "third"):
            await ask(site, who, f"n{number}.games.example", DAY)
    before = await text(client, CHILD)
    assert "<dt>Asked</dt><dd>about 20</dd>" in before
    assert "<dt>Asked</dt><dd>15</dd>" not in before
    (newest, *_) = await site.appeals.appeals("home", profile="tom")
    where = f"/guardian/appeals/{newest.id}/decide"
    await send(client, where, state="refused", reason="costs_money")
    await ask(site, "tom", "new.games.example")
    assert await text(client, CHILD) == before
    await send(client, "/device")
    page = await text(client, CHILD)
    assert "<dt>You asked</dt><dd>5</dd>" in page, "one's own"
    assert "<dt>Asked</dt><dd>about 20</dd>" in page


async def test_a_few_requests_of_all_are_not_told(client: Client, site: Site) -> None:
    for who in ("mia", "tom", "third"):
        await ask(site, who, ago=DAY)
    assert "Asked" not in await text(client, CHILD)


async def test_whoever_has_nothing_kept_is_in_no_sum(client: Client, site: Site) -> None:
    for who in ("mia", "tom", "third"):
        count(site, who, 500)
    people = tuple(
        replace(each, privacy=PrivacyMode.OFF) if each.id == "tom" else each
        for each in site.home.house.profiles
    )
    house = replace(site.home.house, profiles=people)
    await site.store.change("home", lambda _: house, author="test", what="x", now=site.now)
    await site.follow()
    assert "about 1,0" not in await text(client, CHILD)


async def test_an_adult_has_no_numbers_of_their_own_here(client: Client, site: Site) -> None:
    count(site, "ada", 4321)
    site.who = "ada"
    await send(client, "/device")
    assert "4,3" not in (await text(client, CHILD)).partition("<main")[2].partition("</main>")[0]


async def test_a_device_that_nobody_knows_reads_nothing(client: Client, site: Site) -> None:
    site.who = "192.0.2.200"
    await text(client, CHILD, 403)
    assert f'href="{CHILD}"' not in await text(client, "/rules")


async def test_a_child_finds_it_from_its_rules(client: Client) -> None:
    assert f'href="{CHILD}"' in await text(client, "/rules")


# --- programs -------------------------------------------------------------------------------------


async def test_a_program_reads_it_and_is_noted_too(client: Client, site: Site) -> None:
    count(site, "mia", 17, "games")
    ada = await caller(client, site)
    found = await ada("GET", "/report", params={"month": "2026-03"})
    mia = next(each for each in found["people"] if each["profile"] == "mia")
    assert mia["closed"] == [{"about": "games", "n": 17}]
    assert (found["month"], found["from"]) == ("2026-03", "2026-03-01T00:00:00Z")
    assert {each["list"] for each in found["lists"]} >= {"games-list"}
    assert {each.profile for each in await site.looks.of("home")} == {"mia", "tom", "third"}
    await ada("GET", "/report", 400, params={"month": "March"})


async def test_a_child_reads_of_strangers_where_strangers_alone_are_blocked(
    client: Client, site: Site
) -> None:
    mia = replace(MIA, privacy=PrivacyMode.BLOCKED, contacts=frozenset({Contact.STRANGERS}))
    site.home.change(family(mia, TOM, ADA))
    site.log.count(CountKey("home", "mia", YESTERDAY, "block", "contact", ""), 1)
    site.log.flush()
    await send(client, "/device")
    of_these = "Of these, because strangers can message you there"
    assert of_these in plain(await text(client, CHILD))


@pytest.mark.logged_in
@pytest.mark.parametrize("open_meanwhile", [True, False])
async def test_what_is_allowed_without_an_answer_is_explained(
    client: Client, site: Site, open_meanwhile: bool
) -> None:
    site.settings = Settings(appeals=AppealSettings(open_meanwhile=open_meanwhile))
    lists = site.home.resolver.snapshot.library
    harmless = {"games": replace(lists.categories["games"], low_harm=True)}
    site.home.resolver.snapshot.library.categories.update(harmless)
    asked = await ask(site, "mia")
    told = "If nobody answers within 3 days, the site is allowed until someone does"
    for path in ("/guardian/inbox", DESK):
        assert (told in await text(client, path)) is open_meanwhile
    assert ("Allowed because nobody" in await text(client, DESK)) is open_meanwhile
    page = await text(client, f"/guardian/appeals/{asked}")
    assert ("If nobody answers" in page) is open_meanwhile
