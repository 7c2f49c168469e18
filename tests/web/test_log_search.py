"""The log is searched and acted on by plain links and forms, and nothing that is shown as "other"
can be found."""

from __future__ import annotations

import asyncio
import html
import re
from dataclasses import replace

import pytest

from copdns.model.household import FullLogSpan, Household, PrivacyMode, RuleAction
from copdns.privacy.retention import LogRow
from tests.home import Home
from tests.household import ADA, MIA, NOW, TOM, family, library
from tests.reading import has_word
from tests.web.site import HTML, Client, Site, read_event, send, text

pytestmark = pytest.mark.logged_in

LOG = "/guardian/log"
DAY = 86_400


@pytest.fixture
def home() -> Home:
    mia = replace(MIA, privacy=PrivacyMode.BLOCKED, categories=frozenset({"games"}))
    lists = library(
        categories={"games": ["games.example"]},
        protected={
            "child_helpline": ["help.example"],
            "health_emergency_rights": ["health.example"],
        },
    )
    return Home(family(mia, TOM, ADA), lists)


def row(
    qname: str, profile: str = "mia", action: str = "block", reason: str = "category", ago: int = 0
) -> LogRow:
    category = "games" if (action, reason) == ("block", "category") else ""
    at = int(NOW) - ago
    return LogRow(at, "home", profile, "", qname, 1, action, reason, category, "", "", "", "")


def keep(site: Site, *rows: LogRow) -> None:
    for each in rows:
        site.log.add(each)
    site.log.flush()


def names(page: str) -> list[str]:
    """Return the sites that a page lists, in its order."""
    return re.findall(r'<bdi class="name">([^<]*)</bdi>', page)


ROWS = (
    row("chess.games.example", ago=DAY),
    row("late.example", reason="schedule"),
    row("open.example", "tom", "allow", "default"),
    row("www.health.example", action="allow", reason="protected"),
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["open.example", "late.example", "chess.games.example"]),
        ("?q=CHESS", ["chess.games.example"]),
        ("?q=https://late.example/page", ["late.example"]),
        ("?show=blocked", ["late.example", "chess.games.example"]),
        ("?show=allowed", ["open.example"]),
        ("?show=time", ["late.example"]),
        ("?cause=category:games", ["chess.games.example"]),
        ("?cause=reason:schedule", ["late.example"]),
        ("?day=2026-03-28", ["chess.games.example"]),
        ("?person=mia&show=blocked&q=late", ["late.example"]),
        ("?q=nothing", []),
    ],
)
async def test_a_search_is_an_address(
    client: Client, site: Site, query: str, found: list[str]
) -> None:
    keep(site, *ROWS)
    page = await text(client, f"{LOG}{query}")
    assert names(page) == found
    assert ("Nothing matches your search." in page) is not found or bool(found)


@pytest.mark.parametrize(
    "query", ["q=health", "q=www.health.example", "cause=reason:protected", "cause=reason:other"]
)
async def test_what_is_shown_as_other_is_found_by_no_search(
    client: Client, site: Site, query: str
) -> None:
    keep(site, *ROWS)
    assert "<em>other</em>" in await text(client, LOG)
    page = await text(client, f"{LOG}?{query}")
    assert "<em>other</em>" not in page
    assert names(page) == []
    assert "Nothing matches your search." in page


async def test_a_page_is_as_full_as_if_what_it_hides_did_not_exist(
    client: Client, site: Site
) -> None:
    """Or a short page with a link to older rows would tell that something matches."""
    rows = [row(f"n{n}.example") for n in range(60)]
    hidden = [row(f"n{n}.health.example", action="allow", reason="protected") for n in range(60)]
    keep(site, *rows, *hidden)
    page = await text(client, f"{LOG}?q=example")
    assert len(names(page)) == 40
    older = html.unescape(re.findall(r'href="(/guardian/log\?[^"]*before=\d+)"', page)[0])
    rest = await text(client, older)
    assert names(page) + names(rest) == [f"n{n}.example" for n in reversed(range(60))]
    assert "before=" not in rest


async def test_each_filter_keeps_the_others(client: Client, site: Site) -> None:
    keep(site, *ROWS)
    page = html.unescape(await text(client, f"{LOG}?q=example&show=blocked&day=2026-03-28"))
    assert 'href="/guardian/log?q=example&person=mia&show=blocked&day=2026-03-28"' in page
    assert 'href="/guardian/log?q=example&show=time&day=2026-03-28"' in page
    assert '<input type="hidden" name="show" value="blocked">' in page
    assert '<option value="2026-03-28" selected>' in page


async def test_the_newest_rows_that_are_asked_for_come_by_themselves(
    client: Client, site: Site
) -> None:
    keep(site, *ROWS)
    assert "data-live" in await text(client, LOG)
    page = await text(client, f"{LOG}?q=chess&show=blocked")
    address = html.unescape(page.partition('data-live="')[2].partition('"')[0])
    waiting = asyncio.ensure_future(read_event(client, address))
    keep(site, row("quiz.games.example"), row("chess.games.example", action="allow"))
    keep(site, row("chess.example.net"))
    rows = await asyncio.wait_for(waiting, 10)
    assert "chess.example.net" in rows
    assert "quiz" not in rows
    assert "chess.games" not in rows
    for old in ("day=2020-01-01", "before=5"):
        assert "data-live" not in await text(client, f"{LOG}?{old}")


async def test_a_live_search_tells_nothing_of_what_is_shown_as_other(
    client: Client, site: Site
) -> None:
    """Not even by an event without rows: whoever searches for a name learnt when it was asked."""
    async with client.get(f"{LOG}/live?q=health&after=0", headers=HTML) as stream:
        assert (await stream.content.readuntil(b"\n\n")).startswith(b"retry")
        keep(site, row("www.health.example", action="allow", reason="protected"))
        keep(
            site, row("health-quiz.example"), row("www.health.example", "mia", "allow", "protected")
        )
        event = (await asyncio.wait_for(stream.content.readuntil(b"\n\n"), 10)).decode()
    assert "health-quiz.example" in event
    assert event.startswith("id: 2\n")  # of the row that is shown, the last of those before it is 1


async def test_it_says_of_whom_no_site_is_recorded(client: Client, site: Site) -> None:
    page = await text(client, LOG)
    nameless = page.partition("People whose sites are not listed")[2]
    assert "Tom" in nameless
    assert "never which ones" in nameless
    assert not has_word(nameless.partition("</section>")[0], "Mia")


async def test_devices_can_be_chosen_where_a_full_log_records_them(
    client: Client, site: Site
) -> None:
    keep(site, row("a.example", "tom")._replace(device="tom-phone"), row("b.example", "tom"))
    assert 'name="device"' not in await text(client, LOG)
    span = FullLogSpan(int(NOW) - DAY, int(NOW) + DAY)
    site.home.change(family(MIA, replace(TOM, full_log=span), ADA))
    page = await text(client, f"{LOG}?device=tom-phone")
    assert names(page) == ["a.example"]
    assert "Tom&#39;s phone" in page


def form(page: str, site_name: str, words: str) -> tuple[str, dict[str, str]]:
    """Return where the form of a site's button goes, and its fields."""
    for action, inside in re.findall(r'<form method="post" action="([^"]+)">(.*?)</form>', page):
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', inside))
        if words in inside and site_name in fields.values():
            return action, {key: html.unescape(each) for key, each in fields.items()}
    raise AssertionError(f"no {words} for {site_name}")


async def test_a_blocked_site_is_allowed_where_it_stands_and_that_can_be_undone(
    client: Client, site: Site
) -> None:
    keep(site, row("chess.games.example"))
    page = await text(client, f"{LOG}?q=chess")
    action, fields = form(page, "chess.games.example", "Allow")
    after = await send(client, action, **fields)
    assert "This now applies to Mia" in after
    assert "Allowed now" in after
    assert 'value="chess"' in after, "the search is kept"
    rules = (await stored(site)).rules
    assert [(str(e.target), e.action, e.scope) for e in rules] == [
        ("chess.games.example", RuleAction.ALLOW, "mia")
    ]
    undo = re.findall(r'action="(/guardian/undo/\w+)"', after)[0]
    await send(client, undo)
    assert (await stored(site)).rules == ()


async def test_an_allowed_site_is_blocked_or_has_to_be_asked_for(
    client: Client, site: Site
) -> None:
    span = FullLogSpan(int(NOW) - DAY, int(NOW) + DAY)
    site.home.change(family(MIA, replace(TOM, full_log=span), ADA))
    await site.store.change(
        "home", lambda _: site.home.house, author="test", what="x", now=site.now
    )
    keep(site, row("a.example", "tom", "allow", "default"))
    page = await text(client, LOG)
    action, fields = form(page, "a.example", "Ask first")
    assert "Blocked now" in await send(client, action, **fields)
    (rule,) = (await stored(site)).rules
    assert (rule.action, rule.note) == (RuleAction.BLOCK, "Please ask first.")


async def test_a_site_is_allowed_for_an_hour(client: Client, site: Site) -> None:
    keep(site, row("chess.games.example"))
    action, fields = form(await text(client, LOG), "chess.games.example", "Allow for an hour")
    after = await send(client, action, **fields)
    assert "Temporary access: chess.games.example" in re.sub("<[^>]+>|[\u2068\u2069]", "", after)
    assert "<h1>Activity log</h1>" in after
    (grant,) = (await stored(site)).grants
    assert (grant.end - grant.start, grant.content, grant.time) == (3600, True, False)


async def test_what_the_time_blocks_leads_to_more_time(client: Client, site: Site) -> None:
    keep(site, row("late.example", reason="schedule"))
    page = await text(client, LOG)
    assert 'href="/guardian/time/mia">More time' in page
    assert 'name="action" value="allow"' not in page


@pytest.mark.parametrize("reason", ["security", "legal"])
async def test_what_a_plain_rule_does_not_lift_has_only_its_reason(
    client: Client, site: Site, reason: str
) -> None:
    keep(site, row("bad.example", reason=reason))
    page = await text(client, LOG)
    assert 'href="/guardian/people/mia/rules?name=bad.example">Why?' in page
    assert 'name="action" value="allow"' not in page


async def test_nothing_can_be_done_about_an_other(client: Client, site: Site) -> None:
    keep(site, ROWS[-1])
    page = await text(client, LOG)
    assert "<em>other</em>" in page
    assert 'class="acts"' not in page


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example", "/me"])
async def test_an_action_leads_to_no_page_but_one_of_the_dashboard(
    client: Client, site: Site, back: str
) -> None:
    fields = {"action": "allow", "target": "a.example", "for": "mia", "back": back}
    origin = {**HTML, "Origin": f"http://{client.host}:{client.port}"}
    reply = await client.post(
        "/guardian/people/mia/rules", data=fields, headers=origin, allow_redirects=False
    )
    assert reply.headers["Location"] == "/guardian/people/mia/rules"


async def stored(site: Site) -> Household:
    found = await site.store.household("home")
    assert found is not None
    return found
