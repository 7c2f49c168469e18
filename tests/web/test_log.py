"""The log: rows as far as they are kept, for those who may see them, and every look is kept."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Role
from copdns.model.household import Contact, OwnService
from copdns.model.matchers import Matcher
from copdns.privacy.retention import LogRow
from copdns.web.desk.activity.live_log import MAX_PAGES
from copdns.web.desk.activity.log import FOLLOWERS
from tests.home import Home
from tests.household import ADA, MIA, TOM, family, library
from tests.web.filled import next_rows
from tests.web.guardians import log_in, set_up
from tests.web.site import HTML, Client, Site, read_event, send, text

pytestmark = pytest.mark.logged_in

HOSTILE = r"\"\>\<script\>alert\(1\)\<.example"


@pytest.fixture
def home() -> Home:
    lists = library(
        categories={"games": ["games.example"]},
        protected={
            "child_helpline": ["help.example"],
            "health_emergency_rights": ["health.example"],
        },
    )
    return Home(family(MIA, TOM, ADA), lists)


def row(
    qname: str, profile: str = "mia", action: str = "block", reason: str = "category"
) -> LogRow:
    about = ("games", "games-list", "games.example") if action == "block" else ("", "", "")
    category, slug, rule = about
    at = 1_774_800_000
    return LogRow(at, "home", profile, "", qname, 1, action, reason, category, "", slug, rule, "")


def keep(site: Site, *rows: LogRow) -> None:
    for each in rows:
        site.log.add(each)
    site.log.flush()


async def test_it_shows_what_is_kept_with_its_reason(client: Client, site: Site) -> None:
    keep(site, row("chess.games.example"))
    page = await text(client, "/guardian/log")
    assert "chess.games.example" in page
    assert "Games" in page
    assert "games-list" in page
    assert "Mia" in page


async def test_rows_and_numbers_are_no_proof_and_the_pages_say_so(
    client: Client, site: Site
) -> None:
    keep(site, row("chess.games.example"))
    for path in ("/guardian/log", "/guardian/numbers"):
        assert "prove what a person did" in await text(client, path)


async def test_blocked_sites_alone_are_not_called_the_latest_sites(
    client: Client, site: Site
) -> None:
    keep(site, row("chess.games.example"))
    assert ">Latest blocked sites</h2>" in await text(client, "/guardian/log?person=mia")
    keep(site, row("open.example", action="allow", reason="default"))
    assert ">Latest sites</h2>" in await text(client, "/guardian/log?person=mia")


async def test_a_starter_list_does_not_repeat_what_it_is_about(client: Client, site: Site) -> None:
    keep(site, row("games.example")._replace(list="starter-games"))
    page = await text(client, "/guardian/log")
    assert "Blocked for Mia" in page
    assert "starter list" not in page


async def test_one_person_alone_can_be_shown(client: Client, site: Site) -> None:
    keep(site, row("one.games.example"), row("two.games.example", "tom"))
    page = await text(client, "/guardian/log?person=tom")
    assert "two.games.example" in page
    assert "one.games.example" not in page
    await text(client, "/guardian/log?person=bo", 404)


async def test_nobody_sees_another_adult(client: Client, site: Site) -> None:
    keep(site, row("adas.games.example", "ada"))
    assert "adas.games.example" not in await text(client, "/guardian/log")
    await text(client, "/guardian/log?person=ada", 403)
    await text(client, "/guardian/log/live?person=ada", 403)


async def test_every_look_is_kept_once_in_five_minutes(client: Client, site: Site) -> None:
    await text(client, "/guardian/log")
    await text(client, "/guardian/log")
    looks = await site.context.looks.of("home")
    assert sorted(each.profile for each in looks) == ["mia", "tom"]
    assert {each.view for each in looks} == {ViewedPart.LOG}
    await text(client, "/guardian/log?person=mia")
    assert len(await site.context.looks.of("home")) == 2


async def test_a_help_name_is_never_there(client: Client, site: Site) -> None:
    """Not even a row from before a list knew of it."""
    keep(site, row("help.example", action="allow"), row("www.help.example.lan", action="allow"))
    assert "help.example" not in await text(client, "/guardian/log")


async def test_a_sensitive_name_is_shown_as_other(client: Client, site: Site) -> None:
    keep(site, row("www.health.example", action="allow", reason="protected"))
    page = await text(client, "/guardian/log")
    assert "health.example" not in page
    assert ">protected" not in page
    assert "<em>other</em>" in page


async def test_a_hostile_name_is_shown_as_text(client: Client, site: Site) -> None:
    keep(site, row(HOSTILE), row("{{7*7}}.example"), row("xn--h1aagokeh.example"))
    page = await text(client, "/guardian/log")
    assert "<script>alert" not in page
    assert ">49" not in page
    assert "(xn--h1aagokeh.example)" in page, "a name in another script is shown both ways"


async def test_pages_go_back_row_by_row(client: Client, site: Site) -> None:
    keep(site, *(row(f"n{n}.games.example") for n in range(150)))
    page = await text(client, "/guardian/log")
    assert "n149.games.example" in page
    assert "n109.games.example" not in page
    before = page.partition("before=")[2].partition('"')[0]
    older = await text(client, f"/guardian/log?before={before}")
    assert "n109.games.example" in older
    assert "n110.games.example" not in older


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.AUDITOR])
async def test_who_may_not_see_logs_gets_none(client: Client, site: Site, role: Role) -> None:
    keep(site, row("chess.games.example"))
    await set_up(site, "Bo", role)
    await send(client, "/guardian/logout")
    await log_in(client, "Bo")
    for path in ("/guardian/log", "/guardian/log/live", "/guardian/numbers"):
        assert "chess" not in await text(client, path, 403)
    assert await site.context.looks.of("home") == ()


async def test_without_a_session_there_is_nothing(client: Client, site: Site) -> None:
    keep(site, row("chess.games.example"))
    await send(client, "/guardian/logout")
    assert "Log in" in await text(client, "/guardian/log")
    reply = await client.get("/guardian/log/live", headers={"Accept": "text/event-stream"})
    assert reply.status == 401


async def test_rows_come_as_they_are_written(client: Client, site: Site) -> None:
    keep(site, row("old.games.example"))
    page = await text(client, "/guardian/log")
    address = page.partition('data-live="')[2].partition('"')[0]
    waiting = asyncio.ensure_future(read_event(client, address))
    keep(site, row("new.games.example"), row("adas.games.example", "ada"))
    told = await asyncio.wait_for(waiting, 10)
    assert "new.games.example" in told
    assert "old.games.example" not in told
    assert "adas.games.example" not in told


async def test_a_browser_that_comes_again_misses_nothing(client: Client, site: Site) -> None:
    keep(site, row("one.games.example"), row("two.games.example"))
    last = {"Last-Event-ID": "1"}
    told = await asyncio.wait_for(read_event(client, "/guardian/log/live", **last), 10)
    assert "two.games.example" in told
    assert "one.games.example" not in told


async def test_what_is_no_day_fills_no_memory(client: Client, site: Site) -> None:
    keep(site, row("one.games.example"))
    days = ["", "?day=x", "?day=2026-02-30", "?day=0001-01-01"]
    async with AsyncExitStack() as stack:
        for day in days:
            reply = await stack.enter_async_context(client.get(f"/guardian/log/live{day}"))
            assert "one.games.example" in await asyncio.wait_for(next_rows(reply), 10)
        (reader,) = site.app[FOLLOWERS]._readers.values()
        assert len(reader._page_by_key) == 1
        pages = [reader.render_once(key, lambda: b"rows") for key in range(2 * MAX_PAGES)]
        assert set(pages) == {b"rows"}
        assert len(reader._page_by_key) == MAX_PAGES


async def test_a_browser_that_leaves_is_no_trouble(
    client: Client, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = await client.get("/guardian/log/live", headers=HTML)
    stays = await client.get("/guardian/log/live", headers=HTML)
    stream.close()
    for name in ("one", "two"):
        keep(site, row(f"{name}.games.example"))
        told = ""
        while f"{name}.games.example" not in told:
            told += (await asyncio.wait_for(stays.content.readline(), 10)).decode()
    stays.close()
    assert "Traceback" not in capsys.readouterr().out


async def test_reading_it_changes_nothing_else(client: Client, site: Site) -> None:
    before = await site.store.household("home")
    await text(client, "/guardian/log")
    assert await site.store.household("home") == before
    assert len(await site.store.changes("home")) == 3  # made, account, password


async def test_an_app_of_the_households_own_is_told_as_any_other(
    client: Client, site: Site
) -> None:
    club = OwnService("club", "Club", (Matcher("club.example"),), Contact.STRANGERS)
    site.home.change(family(MIA, TOM, ADA, services=(club,)))
    keep(site, row("club.example", reason="contact")._replace(category="", service="club"))
    assert "Club · an app where strangers can send messages" in await text(client, "/guardian/log")
