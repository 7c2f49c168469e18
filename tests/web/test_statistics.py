"""Statistics: charts that say what they show, and no figure narrower than the mode keeps."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from copdns.accounts.account import ViewedPart
from copdns.model.household import FullLogSpan, OwnService, PrivacyMode
from copdns.model.matchers import Matcher
from copdns.model.times import Budget, Topic, TopicKind
from copdns.privacy.retention import CountKey, LogRow
from copdns.store.log_db.usage import UsageStore
from copdns.time.minutes import NO_MARKS, Minutes, Usage
from tests.home import Home
from tests.household import ADA, MIA, NOW, TOM, family, library
from tests.web.site import Client, Site, text

pytestmark = pytest.mark.logged_in

NUMBERS = "/guardian/numbers"
HOUR = int(NOW) // 3600
GAMES = Topic(TopicKind.CATEGORY, "games")
BLOCKED = replace(MIA, privacy=PrivacyMode.BLOCKED)
CLUB = OwnService("club", "Club", (Matcher("club.example"),))
CLINIC = OwnService("clinic", "Clinic", (Matcher("health.example"),))


@pytest.fixture
def home() -> Home:
    lists = library(
        categories={"games": ["games.example"]},
        protected={"health_emergency_rights": ["health.example"]},
    )
    limits = (Budget("b1", "mia", (("weekend", 60), ("daily", 30)), (GAMES,)),)
    return Home(family(BLOCKED, TOM, ADA, budgets=limits, services=(CLUB, CLINIC)), lists)


def count(site: Site, who: str, n: int, cause: str = "", ago: int = 0) -> None:
    """Count look-ups.  cause: a category, or a reason after a colon; "" for allowed ones."""
    category, _, reason = cause.partition(":")
    action = "block" if cause else "allow"
    key = CountKey("home", who, HOUR - ago, action, reason or "category", category)
    site.log.count(key, n)
    site.log.flush()


def row(qname: str, who: str = "mia", action: str = "block", **fields: str) -> LogRow:
    empty = LogRow(int(NOW), "home", who, "", qname, 1, action, "service", "", "", "", "", "")
    return empty._replace(**fields)  # type: ignore[arg-type]


def keep(site: Site, *rows: LogRow) -> None:
    for each in rows:
        site.log.add(each)
    site.log.flush()


def part(page: str, name: str) -> str:
    """Return one section of the page."""
    return page.partition(f'aria-labelledby="{name}"')[2].partition("</section>")[0]


async def test_what_blocked_is_told_by_its_cause_with_values(client: Client, site: Site) -> None:
    count(site, "mia", 30, "games")
    count(site, "mia", 10, ":schedule", ago=30)
    count(site, "mia", 160)
    page = await text(client, NUMBERS)
    over_time = part(page, "closed")
    assert "Games: 30" in over_time
    assert "A schedule: 10" in over_time
    assert re.findall(r"<span>(\d+)</span>", over_time.partition("</p>")[0]) == ["40", "20", "0"]
    assert "<title " in over_time
    assert "<desc " in over_time
    assert over_time.count('<th scope="row">') == 7, "a day each, as a table"
    assert "<dd>40<span" in page
    assert "20%" in page
    causes = re.findall(r'<span class="grow">([^<]+)</span>', part(page, "causes"))
    assert causes == ["Games", "A schedule"]


async def test_every_picture_has_a_name_and_a_sentence(client: Client, site: Site) -> None:
    count(site, "mia", 3, "games")
    UsageStore(site.folder).save(
        [Usage("home", "mia", "b1", date(2026, 3, 28), 0, NO_MARKS, Minutes(30, 42, 55))]
    )
    page = await text(client, NUMBERS)
    pictures = re.findall(r'<svg class="(?:bars|stackbar)"[^>]*role="img"[^>]*>', page)
    assert len(pictures) == 5
    for each in pictures:
        for name in re.findall('aria-labelledby="([^"]+)"', each)[0].split():
            assert re.findall(rf'<(?:title|desc) id="{name}">[^<]+<', page), name
    assert "style=" not in page


async def test_hours_are_of_people_whose_sites_are_recorded(client: Client, site: Site) -> None:
    count(site, "mia", 5)
    count(site, "tom", 700)
    page = await text(client, f"{NUMBERS}?days=1")
    assert "705" in page.partition("<dl")[2].partition("</dl>")[0], "a sum of a day"
    for name in ("lookups", "closed", "hours"):
        assert "700" not in part(page, name)
        assert "705" not in part(page, name)
    assert "allowed: 5" in part(page, "lookups")
    assert "Hours are not shown for Tom" in re.sub("[\u2068\u2069]", "", part(page, "hours"))
    only_tom = await text(client, f"{NUMBERS}?days=1&person=tom")
    assert "Nothing was counted." in part(only_tom, "lookups")
    assert "allowed: 705" in part(await text(client, NUMBERS), "lookups"), "by day of everybody"


async def test_sites_are_named_as_far_as_the_mode_records_them(client: Client, site: Site) -> None:
    keep(
        site,
        *[row("often.example")] * 3,
        row("once.example"),
        row("www.health.example", reason="category"),
        row("toms.example", "tom"),  # of a time when his mode was another one
    )
    page = await text(client, NUMBERS)
    sites = part(page, "sites")
    assert re.findall("<bdi>([^<]+)</bdi>", sites) == ["often.example", "once.example"]
    assert "not listed for" in sites, "what is not recorded of Tom stands where it would be"
    assert "health.example" not in page
    assert "toms.example" not in page
    looks = {(each.profile, each.view) for each in await site.context.looks.of("home")}
    assert ("mia", ViewedPart.LOG) in looks
    assert ("tom", ViewedPart.LOG) not in looks


async def test_apps_are_those_of_rows_but_for_what_is_shown_as_other(
    client: Client, site: Site
) -> None:
    keep(site, row("club.example", service="club"), row("health.example", service="clinic"))
    apps = part(await text(client, NUMBERS), "apps")
    assert "Club" in apps
    assert "Clinic" not in apps


async def test_devices_are_those_of_a_full_log(client: Client, site: Site) -> None:
    assert "only while a full log runs" in part(await text(client, NUMBERS), "devices")
    span = FullLogSpan(int(NOW) - 3600, int(NOW) + 3600)
    site.home.change(family(BLOCKED, replace(TOM, full_log=span), ADA))
    keep(site, *[row("a.example", "tom", "allow", device="tom-phone")] * 2)
    page = await text(client, NUMBERS)
    assert "Tom&#39;s phone" in part(page, "devices")
    assert "/guardian/log?device=tom-phone&amp;day=2026-03-29" in part(page, "devices")
    assert "a.example" in part(page, "opened")


async def test_minutes_stand_against_their_limits_by_day_and_week(
    client: Client, site: Site
) -> None:
    UsageStore(site.folder).save(
        Usage("home", "mia", "b1", date(2026, 3, day), 0, NO_MARKS, Minutes(n, n, n))
        for day, n in ((27, 35), (28, 70))
    )
    minutes = part(await text(client, NUMBERS), "used-1")
    assert "On an average day: about 15 minutes" in minutes
    assert "In 7 days: about 105 minutes" in minutes
    assert minutes.count('class="g-most"') == 7
    assert "<td>70</td><td>70 – 70</td><td>60</td>" in minutes, "a Saturday"
    assert "<td>35</td><td>35 – 35</td><td>30</td>" in minutes, "a Friday"
    assert "<td>7</td><td>105</td><td>270</td>" in minutes, "a week from Monday"
