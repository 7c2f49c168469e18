"""Own rules and their reasons, and why a name is open or closed for somebody."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from copdns.dns.records import A
from copdns.model.household import Household, Rule
from copdns.model.times import Schedule
from copdns.policy.decide import explain
from copdns.time.schedule import parse_slots
from copdns.words.desk import STEPS
from tests.home import Home
from tests.household import MIA, TOM, block, family, library
from tests.web.guardians import guardian_client
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in

RULES = "/guardian/people/mia/rules"
HOSTILE = (
    "<script>alert(1)</script>",
    "xn--80ak6aa92e.example",
    "a" * 300,
    "..",
    "\u202egames",
    "",
)


@pytest.fixture
def site() -> Site:
    rules = (
        replace(block("toys.example", "mia", note="After school."), id="r1"),
        replace(block("secret.example", "tom"), id="r2"),
    )
    lists = library(
        categories={"games": ["games.example"]},
        services={"video_site": ["video.example", "cdn.example"]},
        protected={"child_helpline": ["help.example"]},
    )
    mia = replace(MIA, categories=frozenset({"games"}), services=frozenset({"video_site"}))
    return Site(Home(family(mia, TOM, rules=rules), lists))


def marks_off(page: str) -> str:
    """Return a page without the marks for direction, and without the tags that do the same."""
    return re.sub("[\u2068\u2069]|</?bdi[^>]*>", "", page)


async def rules_of(site: Site) -> dict[str, Rule]:
    house = await site.store.household("home")
    assert house is not None
    return {each.id: each for each in house.rules}


async def test_only_what_holds_for_the_person_is_shown(client: Client) -> None:
    page = await text(client, RULES)
    assert "toys.example" in page
    assert "After school." in page
    assert "secret.example" not in page


async def test_own_rules_come_first_and_say_for_whom_others_are(client: Client, site: Site) -> None:
    rules = (
        replace(block("all.example"), id="r1"),
        replace(block("tagged.example", "#children"), id="r2"),
        replace(block("own.example", "mia"), id="r3"),
    )
    mia = replace(MIA, tags=frozenset({"children"}))
    await site.store.change(
        "home",
        lambda _: family(mia, TOM, rules=rules),
        author="Ada",
        what="rules",
        now=site.now,
    )
    await site.follow()
    page = await text(client, RULES)
    names = ("own.example", "tagged.example", "for Mia and Tom", "all.example")
    places = [page.index(each) for each in names]
    assert places == sorted(places)


async def test_a_rule_is_in_force_and_tells_the_child_why(client: Client, site: Site) -> None:
    fields = {"action": "allow", "target": "chess.games.example", "note": "For the club."}
    await send(client, RULES, **fields, **{"for": "mia"})
    await send(client, RULES, **fields, **{"for": "mia"})  # twice is once
    await site.follow()
    assert not site.home.ask("mia", "chess.games.example").verdict.blocks
    assert site.home.ask("mia", "games.example").verdict.blocks
    new = (await rules_of(site))["r3"]
    assert (new.scope, new.note, new.created) == ("mia", "For the club.", site.now)
    assert len(await rules_of(site)) == 3
    (*_, line) = await site.store.changes("home")
    assert line.what == "rule added: allow chess.games.example for mia"


async def test_a_rule_against_what_many_sites_need_says_so(client: Client) -> None:
    for target in ("typekit.net", "own.example"):
        await send(client, RULES, action="block", target=target, **{"for": "mia"})
    shown = await text(client, RULES)
    assert shown.count("Many sites need ") == 1
    assert "Many sites need typekit.net." in shown.replace("<bdi>", "").replace("</bdi>", "")


async def test_a_rule_about_most_of_the_internet_is_refused(client: Client, site: Site) -> None:
    before = await rules_of(site)
    page = await send(client, RULES, 400, action="block", target="::/0", **{"for": "mia"})
    assert "covers too much of the internet" in page
    assert await rules_of(site) == before


async def test_an_older_one_is_shown_as_without_effect(site: Site) -> None:
    older = replace(site.home.house, rules=(block("2000::/3", "mia"), block("192.0.2.0/24", "mia")))
    site.home.change(older)
    async with guardian_client(site) as client:
        page = await text(client, RULES)
    told = re.findall("This has no effect: (.*?) covers too much", marks_off(page))
    assert told == ["2000::/3"]


async def test_the_address_of_a_page_can_be_pasted(client: Client, site: Site) -> None:
    pasted = "https://play.games.example/start?x=1"
    await send(client, RULES, action="allow", target=pasted, **{"for": "mia"})
    assert str((await rules_of(site))["r3"].target) == "play.games.example"


async def test_a_site_that_more_than_the_time_blocks_is_not_told_to_open_then(site: Site) -> None:
    night = Schedule("night", "mia", parse_slots("daily 16:00-23:00"))
    site.home.change(replace(site.home.house, schedules=(night,)))
    async with guardian_client(site) as client:
        ruled, by_category, other = [
            marks_off(await text(client, f"{RULES}?name={each}.example"))
            for each in ("toys", "games", "other")
        ]
    assert "Still blocked after 23:00 (a site rule for toys.example)." in ruled
    assert "Still blocked after 23:00 (the category Games)." in by_category
    assert "Back on: 23:00." not in ruled + by_category
    assert "Back on: 23:00." in other
    assert "Still blocked" not in other


async def test_what_is_wrong_with_a_rule_is_said_of_what_is_wrong(client: Client) -> None:
    named = await send(client, RULES, 400, target="not a name!", **{"for": "mia"})
    assert "Choose “Allow” or “Block”" not in named
    chosen = await send(client, RULES, 400, target="a.example", **{"for": "mia"})
    assert "Choose “Allow” or “Block”." in chosen


async def test_a_rule_can_be_for_everyone(client: Client, site: Site) -> None:
    await send(client, RULES, action="block", target="ads.example", **{"for": "everyone"})
    await site.follow()
    assert site.home.ask("tom", "ads.example").verdict.blocks


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "allow", "target": ""},
        {"action": "open", "target": "a.example"},
        {"target": "a.example"},
        {"action": "block", "target": "help.example"},  # protected
        {"action": "block", "target": "a.example", "over_security": "on"},
        {"action": "block", "target": "a.example", "note": "x" * 301},
        {"action": "block", "target": "a b.example"},
    ],
)
async def test_what_can_be_no_rule_is_refused(
    client: Client, site: Site, fields: dict[str, str]
) -> None:
    before = await rules_of(site)
    await send(client, RULES, 400, **fields)
    assert await rules_of(site) == before


async def test_a_reason_can_be_changed_and_a_rule_taken_away(client: Client, site: Site) -> None:
    page = await send(client, f"{RULES}/r1/note", note="Until your homework is done.")
    assert "Until your homework is done." in page
    await send(client, f"{RULES}/r1/remove")
    await send(client, f"{RULES}/r1/remove")
    assert list(await rules_of(site)) == ["r2"]


async def test_somebody_elses_rule_is_not_touched_by_this_way(client: Client, site: Site) -> None:
    await send(client, f"{RULES}/r2/remove")
    await send(client, f"{RULES}/r2/note", 404, note="Changed.")
    assert (await rules_of(site))["r2"].note == ""


async def test_why_a_name_is_closed_is_told_step_by_step(client: Client, site: Site) -> None:
    before = site.home.traces()
    page = await text(client, f"{RULES}?name=https://www.games.example/play")
    assert "www.games.example" in page
    said, silent = page.split("Steps that did not apply")
    assert "Blocked categories: This category is blocked: " in marks_off(said)
    assert re.search(r"This decided it\.</strong>\s*<span class=\"reason\">Step 13 of 15<", said)
    assert "Temporary access" not in said
    assert "Temporary access" in silent
    assert "closed" in page
    assert "open" in await text(client, f"{RULES}?name=other.example")
    assert site.home.traces() == before  # nothing was looked up


async def test_an_app_is_allowed_with_all_its_sites_and_taken_back_at_once(
    client: Client, site: Site
) -> None:
    page = await text(client, f"{RULES}?name=video%20site")
    assert "Allow video_site (all its sites)" in page
    assert 'name="what" value="service:video_site"' in page  # for an hour
    await send(client, RULES, action="allow", app="video_site", **{"for": "mia"})
    await site.follow()
    assert not any(site.home.ask("mia", e).verdict.blocks for e in ("video.example", "cdn.example"))
    page = marks_off(await text(client, f"{RULES}?name=cdn.example"))
    assert "video_site is allowed for Mia, with all its sites" in page
    assert "Allow video_site" not in page
    undo = re.search(r'action="(/guardian/undo/[^"]+)"', page)
    assert undo
    page = marks_off(await send(client, undo[1]))
    assert "video_site has no site rule any more" in page
    await site.follow()
    assert site.home.ask("mia", "cdn.example").verdict.blocks
    undo = re.search(r'action="(/guardian/undo/[^"]+)"', page)
    assert undo
    page = marks_off(await send(client, undo[1]))
    done = page.partition('role="status"')[2].partition("</section>")[0]
    assert "video_site is allowed for Mia, with all its sites" in done
    assert "cdn.example" not in done, "nobody allowed its sites one by one"


async def test_the_rules_of_an_app_are_read_and_removed_as_one(client: Client, site: Site) -> None:
    before = set(await rules_of(site))
    await send(client, RULES, action="allow", app="video_site", **{"for": "mia"})
    mine = set(await rules_of(site)) - before
    assert len(mine) > 1
    page = marks_off(await text(client, RULES))
    assert page.count("video_site: allowed") == 1
    assert "cdn.example" not in page, "a site of the app has no row of its own"
    (form,) = re.findall(r'action="(/guardian/[^"]+/remove)"><input type="hidden" name="app"', page)
    await send(client, form, app="video_site")
    assert set(await rules_of(site)) == before
    await send(client, form, app="video_site")  # a second time is harmless


async def test_a_rule_is_added_by_the_name_of_an_app_and_by_no_other_word(
    client: Client, site: Site
) -> None:
    await send(client, RULES, action="block", target="Video Site", **{"for": "everyone"})
    await site.follow()
    assert site.home.ask("tom", "www.cdn.example").verdict.blocks
    count = len(await rules_of(site))
    await send(client, RULES, 400, action="block", target="tube", **{"for": "mia"})
    assert "Type the whole name, such as youtube.com." in await text(client, f"{RULES}?name=tube")
    assert len(await rules_of(site)) == count


async def test_it_is_told_about_the_child_and_not_to_it(client: Client) -> None:
    page = marks_off(await text(client, f"{RULES}?name=toys.example"))
    assert "A parent or carer made a rule that blocks toys.example." in page
    assert "nothing blocks" not in page  # something does
    page = await text(client, f"{RULES}?name=other.example")
    assert "A site that nothing blocks is allowed." in page


async def test_every_step_has_a_title_for_the_desk(client: Client, site: Site) -> None:
    policy = site.context.snapshot().policy("home", "mia")
    steps = explain(policy, "games.example", A, 0)
    assert [each.number for each in steps] == list(STEPS)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_shows_harmlessly(client: Client, name: str) -> None:
    page = await text(client, f"{RULES}?name={name}")
    assert "<script>alert" not in page


async def test_a_rule_for_a_name_in_markup_is_none(client: Client, site: Site) -> None:
    await send(client, RULES, 400, action="block", target="<script>alert(1)</script>")
    assert list(await rules_of(site)) == ["r1", "r2"]


async def test_neither_allow_nor_block_is_chosen_before(client: Client) -> None:
    page = await text(client, f"{RULES}?name=games.example")
    form = page[page.index("Add a rule") :]
    choices = re.findall('<input type="radio" name="action"[^>]*>', form)
    assert len(choices) == 2
    assert all("required" in each and "checked" not in each for each in choices)
    await send(client, RULES, 400, target="games.example", **{"for": "mia"})


async def test_an_old_page_removes_no_other_rule_that_took_the_id(
    client: Client, site: Site
) -> None:
    page = await text(client, RULES)
    (seen,) = re.findall(r'/rules/r1/remove"><input type="hidden" name="seen" value="(\w+)"', page)

    def put_another(house: Household) -> Household:
        return replace(house, rules=(replace(block("danger.example", "mia"), id="r1"),))

    await site.store.change("home", put_another, author="Ben", what="x", now=site.now)
    for path in ("remove", "note"):
        page = await send(client, f"{RULES}/r1/{path}", 400, seen=seen, note="Other.")
        assert "this was changed since you opened the page" in page.lower()
    assert str((await rules_of(site))["r1"].target) == "danger.example"


async def test_a_rule_that_is_as_it_was_shown_is_removed(client: Client, site: Site) -> None:
    page = await text(client, RULES)
    (seen,) = re.findall(r'/rules/r1/remove"><input type="hidden" name="seen" value="(\w+)"', page)
    await send(client, f"{RULES}/r1/remove", seen=seen)
    assert "r1" not in await rules_of(site)
    await send(client, f"{RULES}/r1/remove", seen=seen)  # twice is harmless


async def test_a_block_by_a_rule_looks_other_than_a_pause(client: Client, site: Site) -> None:
    assert 'class="card now blocked"' in await text(client, f"{RULES}?name=toys.example")
    assert 'class="card now open"' in await text(client, f"{RULES}?name=else.example")
    await send(client, "/guardian/time/mia/pause", lasts="30")
    await site.follow()
    assert 'class="card now closed"' in await text(client, f"{RULES}?name=else.example")
