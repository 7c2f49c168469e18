"""Numbers, changes, settings and the agreement: what they show, and to whom."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Role
from copdns.model.household import PrivacyMode
from copdns.model.times import Budget, Schedule, Topic, TopicKind
from copdns.privacy.retention import CountKey
from copdns.settings.config import EventSettings, LogSettings, Settings, Webhook
from copdns.store.log_db.usage import UsageStore
from copdns.time.minutes import NO_MARKS, Minutes, Usage
from copdns.time.schedule import parse_slots
from tests.home import Home
from tests.household import ADA, MIA, NOW, TOM, allow, block, family, library
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in

HOUR = int(NOW) // 3600
GAMES = Topic(TopicKind.CATEGORY, "games")
PAGES = (
    "/guardian/house",
    "/guardian/numbers",
    "/guardian/changes",
    "/guardian/settings",
    "/guardian/agreement/mia",
)


@pytest.fixture
def site() -> Site:
    mia = replace(
        MIA, categories=frozenset({"gambling", "games"}), privacy=PrivacyMode.BLOCKED, bypass=True
    )
    house = family(
        mia,
        TOM,
        ADA,
        rules=(block("toys.example", "mia", note="<b>Not</b> at school."),),
        schedules=(
            Schedule("s1", "mia", parse_slots("school_night 20:00-07:00"), note="Sleep well."),
        ),
        budgets=(Budget("b1", "mia", (("school", 60), ("daily", 120)), (GAMES,)),),
    )
    return Site(Home(house, library(categories={"games": ["games.example"], "gambling": []})))


def count(site: Site, profile: str, action: str, category: str, n: int, hour: int = HOUR) -> None:
    site.log.count(CountKey("home", profile, hour, action, "category", category), n)


async def test_numbers_are_drawn_and_stand_in_a_table(client: Client, site: Site) -> None:
    count(site, "mia", "block", "games", 7)
    count(site, "mia", "allow", "", 1200, HOUR - 3)
    count(site, "ada", "allow", "", 99_999)
    site.log.flush()
    page = await text(client, "/guardian/numbers")
    assert page.count('class="bars"') == 3
    assert "allowed: 1,200" in page
    assert "blocked: 7" in page
    assert "Games: 7" in page
    assert "99,999" not in page, "another adult's"
    assert "style=" not in page
    looks = {(each.profile, each.view) for each in await site.context.looks.of("home")}
    assert looks == {
        *((who, view) for who in ("mia", "tom") for view in (ViewedPart.COUNTS, ViewedPart.USAGE)),
        ("mia", ViewedPart.LOG),  # her blocked sites are named there
    }


async def test_numbers_go_back_by_days_and_by_person(client: Client, site: Site) -> None:
    count(site, "mia", "block", "games", 5, HOUR - 48)
    count(site, "tom", "block", "gambling", 3, HOUR - 48)
    site.log.flush()
    assert "Games" not in await text(client, "/guardian/numbers?days=1")
    page = await text(client, "/guardian/numbers?days=7&person=tom")
    assert "blocked: 3" in page
    assert "Games" not in page
    await text(client, "/guardian/numbers?person=ada", 403)
    await text(client, "/guardian/numbers?person=bo", 404)


async def test_minutes_of_a_budget_are_shown_day_by_day(client: Client, site: Site) -> None:
    used = Usage("home", "mia", "b1", date(2026, 3, 28), 0, NO_MARKS, Minutes(30, 42, 55))
    UsageStore(site.folder).save([used])
    page = await text(client, "/guardian/numbers")
    assert "<td>42</td><td>30 – 55</td>" in page


async def test_every_change_and_every_look_is_listed(client: Client, site: Site) -> None:
    await text(client, "/guardian/log?person=mia")
    page = await text(client, "/guardian/changes")
    assert "Looked at Mia's activity log" in page
    assert "Household created." in page
    assert "Ada" in page


async def test_changes_go_back_without_losing_a_line(client: Client, site: Site) -> None:
    for n in range(250):
        await site.pairings.let_another_in("home", "mia-phone", f"by-{n}-", site.now + n // 2)
    seen: set[str] = set()
    path = "/guardian/changes"
    for _ in range(20):
        page = await text(client, path)
        seen |= set(re.findall(r"by-\d+-", page))
        before = re.search(r'href="(/guardian/changes\?before=\d+)"', page)
        if before is None:
            break
        path = before[1]
    assert len(seen) == 250


async def test_settings_say_what_they_mean_for_a_child(client: Client, site: Site) -> None:
    site.settings = Settings(log=LogSettings(rows_days=14, reason="For a <study>."))
    page = await text(client, "/guardian/settings")
    assert "log.rows_days: 14" in page
    assert "guardians can see the site names recorded for a child" in page
    assert "Changed from default." in page
    assert "For a &lt;study&gt;." in page


async def test_no_secret_of_the_settings_is_shown(client: Client, site: Site) -> None:
    hook = Webhook(url="https://hooks.example/secret-path", token="secret-token")
    site.settings = Settings(
        events=EventSettings(webhooks=(hook,), command=("tell", "secret-word"))
    )
    page = await text(client, "/guardian/settings")
    assert "secret" not in page.replace("a secret", "")
    assert "(set, hidden)" in page


async def test_the_agreement_has_the_live_rules_in_the_childs_words(client: Client) -> None:
    page = await text(client, "/guardian/agreement/mia")
    for words in (
        "on school nights",
        "20:00–07:00",
        "Sleep well.",
        "60 minutes on school days",
        "120 minutes every day",
        "Betting money. Most people who bet lose their money.",
        "toys.example",
        "&lt;b&gt;Not&lt;/b&gt; at school.",
        "This is kept for 7 days.",
        "within 3 days",
        "http://why.home.arpa/",
    ):
        assert words in page
    assert 'class="qr-dark" d="M4 4h7v1h-7z' in page
    assert "style=" not in page


async def test_an_agreement_says_rules_in_words(client: Client, site: Site) -> None:
    rules = (
        allow("*.library.example", "mia", note="For school."),
        allow("atlas.example", "mia", note="For school."),
        block("=ads.example", "mia"),
        block("198.51.100.0/24", "mia"),
    )
    await site.store.change(
        "home",
        lambda house: replace(house, rules=rules),
        author="Ada",
        what="rules",
        now=site.now,
    )
    await site.follow()
    page = plain(await text(client, "/guardian/agreement/mia"))
    closed, _, opened = page.partition("Sites that are allowed for me whenever the internet is on")
    assert "ads.example (this exact address only)" in closed
    assert "all addresses that end in .library.example and atlas.example. For school." in opened
    # Where it is bedtime, they open nothing: they are no part of what is always open.
    assert opened.index("atlas.example") < opened.index("What always works")
    assert not [each for each in ("*.", "=ads", "198.51.100") if each in page]


def plain(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", "", page).split())


async def test_an_agreement_names_all_that_is_closed(client: Client) -> None:
    page = await text(client, "/guardian/agreement/mia")
    assert "Sites that put viruses and other bad programs on a device. Sites that pretend" in page
    assert "Sites and programs that help people get around the rules at home." in page
    order = [
        page.index(each) for each in ("Betting money", "Most people who bet", "Ways to get around")
    ]
    assert order == sorted(order)


async def test_only_children_have_an_agreement(client: Client) -> None:
    await text(client, "/guardian/agreement/ada", 404)
    await text(client, "/guardian/agreement/bo", 404)


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_session_they_stay_closed(client: Client, path: str) -> None:
    await send(client, "/guardian/logout")
    assert "Log in" in await text(client, path)


@pytest.mark.parametrize(
    ("role", "open_to"),
    [
        (Role.REVIEWER, {"/guardian/house"}),
        (Role.AUDITOR, set(PAGES) - {"/guardian/numbers"}),
        (Role.GUARDIAN, set(PAGES)),
    ],
)
async def test_each_role_sees_its_own(
    client: Client, site: Site, role: Role, open_to: set[str]
) -> None:
    await send(client, "/guardian/logout")
    await set_up(site, "Bo", role)
    await log_in(client, "Bo")
    for path in PAGES:
        await text(client, path, 200 if path in open_to else 403)


@pytest.mark.parametrize("path", PAGES)
async def test_they_are_for_reading_only(client: Client, path: str) -> None:
    origin = {"Origin": f"http://{client.host}:{client.port}"}
    assert (await client.post(path, headers=origin)).status == 405
