"""The child's own page: what it shows, and to whom."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from copdns.list_files.load import bundled_presets
from copdns.list_files.resources import find_folder
from copdns.model.household import Band, FullLogSpan, PrivacyMode
from copdns.model.times import Budget, PauseSpan, Schedule, Slot, Topic, TopicKind
from copdns.model.verdict import Action, Reason, Verdict
from copdns.privacy.recent_blocks import OwnedDevice
from copdns.settings.config import Settings
from copdns.web.languages import phrases_in
from tests.home import Home
from tests.household import MIA, NOW, TOM, block, family, library
from tests.reading import has_word
from tests.web.guardians import set_up
from tests.web.site import Client, Site, send, text

BY_RULE = "A grown-up blocked \u2068toys.example\u2069."


@pytest.fixture
def home() -> Home:
    rules = (block("toys.example", "mia", note="After school."),)
    lists = library(
        categories={"games": ["games.example"]}, protected={"child_helpline": ["help.example"]}
    )

    return Home(family(MIA, TOM, rules=rules), lists)


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await send(made, "/device")
        yield made


async def test_a_child_reads_what_was_blocked_and_why(client: Client, home: Home) -> None:
    home.ask("mia", "toys.example")
    page = await text(client, "/")
    assert "toys.example" in page
    assert BY_RULE in page


async def test_what_was_opened_meanwhile_is_not_called_closed(client: Client, home: Home) -> None:
    home.ask("mia", "toys.example")
    home.change(family(MIA, TOM))
    page = await text(client, "/")
    assert "toys.example" in page
    assert "Not blocked now" in page
    assert BY_RULE not in page
    blocks = page.partition('id="blocks"')[2].partition("</section>")[0]
    lock = (find_folder("web-ui") / "pictures" / "lock.svg").read_text(encoding="utf-8").strip()
    assert lock not in blocks, "a lock would say the opposite"
    assert "/ask?code=" not in page


async def test_a_day_without_hours_is_told_and_not_drawn_as_off(client: Client, home: Home) -> None:
    """An empty box under "The internet is on" reads as a day on which all is off."""
    page = await text(client, "/")
    assert "On all day today." in page
    assert 'class="ribbon"' not in page
    limit = Budget("all-day", "mia", (("school", 60), ("weekend", 60), ("holiday", 60)))
    home.change(family(MIA, TOM, budgets=(limit,)))
    assert "On all day" not in await text(client, "/"), "minutes can end before the day does"
    bed = Schedule("bed", "mia", (Slot(frozenset({"daily"}), 1200, 1320),))
    home.change(family(MIA, TOM, schedules=(bed,)))
    page = await text(client, "/")
    assert "On all day" not in page
    assert 'class="ribbon"' in page


@pytest.mark.parametrize("band", [Band.TO_6, Band.TO_15])
async def test_what_a_child_can_do_stands_before_the_notices(
    client: Client, home: Home, site: Site, band: Band
) -> None:
    """On a phone the tiles were two screens down, below what changed on devices."""
    home.change(family(replace(MIA, band=band), TOM))
    await set_up(site)
    await site.pairings.let_another_in("home", "mia-phone", "Ada", site.now)
    page = await text(client, "/")
    assert page.index('class="tiles"') < page.index('id="known-by"')


async def test_one_block_has_a_page_of_its_own(client: Client, home: Home) -> None:
    home.ask("mia", "toys.example")
    page = await text(client, "/")
    address = page.partition('href="/why/')[2].partition('"')[0]
    assert "toys.example" in await text(client, f"/why/{address}")


async def test_a_block_tells_no_end_of_what_is_not_all_that_blocks_it(
    client: Client, home: Home
) -> None:
    night = Schedule("night", "mia", (Slot(frozenset({"daily"}), 15 * 60, 8 * 60),))
    ends = {}
    for rules in ((), home.house.rules):
        home.change(replace(home.house, rules=rules, schedules=(night,)))
        home.ask("mia", "toys.example")
        page = await text(client, "/")
        code = page.partition('href="/why/')[2].partition('"')[0]
        ends[bool(rules)] = "23:00" in (await text(client, f"/why/{code}")).partition("<main")[2]
    assert ends == {False: True, True: False}


async def test_the_sites_of_an_app_that_one_reason_blocks_are_one_row() -> None:
    """One app asks for many names, which say nothing to a child; what else blocks one of them is a
    row of its own, and so is the only one of another app."""
    films = ["films.example", "pictures.example", "sound.example"]
    noted = block("sound.example", "mia", note="It is late.")
    rules = (*(block(each, "mia") for each in (*films[:2], "toys.example")), noted)
    apps = library(services={"filmbox": films, "toybox": ["toys.example"]})
    home = Home(family(MIA, TOM, rules=rules), apps)
    async with Site(home).visited() as client:
        await send(client, "/device")
        for name in ("www.films.example", "i.pictures.example", "sound.example", "toys.example"):
            home.ask("mia", name)
        page = await text(client, "/")
        rows = re.findall(r'href="/why/([^"]+)"><bdi class="name">([^<]+)<', page)
        assert [name for _, name in rows] == ["toys.example", "sound.example", "filmbox"]
        asked = re.findall(r'href="/ask\?code=([^"]+)"', page)
        assert asked == [code for code, _ in rows]
        # Of an app it leads to the site that people mean by it.
        assert "www.films.example" in await text(client, f"/why/{rows[2][0]}")


async def test_nobody_elses_blocks_are_shown(client: Client, home: Home, site: Site) -> None:
    home.ask("mia", "toys.example")
    code = (await text(client, "/")).partition('href="/why/')[2].partition('"')[0]
    for who in ("tom", "192.0.2.200"):
        site.who = who
        assert "toys.example" not in await text(client, "/")
        assert "toys.example" not in await text(client, f"/why/{code}", 404)


async def test_another_house_gets_nothing(client: Client, site: Site) -> None:
    site.who = "203.0.113.66"
    for path in ("/", "/rules", "/why/0000-0000"):
        page = await text(client, path, 403)
        assert not has_word(page, "Mia")


async def test_a_help_name_is_in_no_page(client: Client, home: Home) -> None:
    before = await text(client, "/")
    home.ask("mia", "help.example")
    assert await text(client, "/") == before


async def test_a_pause_is_told_with_its_end(client: Client, home: Home) -> None:
    pause = PauseSpan("mia", int(NOW) - 60, int(NOW) + 3600)
    home.change(family(MIA, TOM, pauses=(pause,)))
    page = await text(client, "/")
    assert "The internet is paused" in page
    assert "It is back: \u206817:00\u2069." in page
    assert home.ask("mia", "www.example").verdict.reason is Reason.PAUSED


async def test_the_rules_come_with_their_reasons(client: Client) -> None:
    page = await text(client, "/rules")
    assert "toys.example" in page
    assert "After school." in page


@pytest.mark.parametrize("path", ["/", "/rules", "/why/0000-0000"])
async def test_looking_changes_nothing_and_sending_is_refused(client: Client, path: str) -> None:
    origin = {"Origin": f"http://{client.host}:{client.port}"}
    assert (await client.post(path, headers=origin)).status == 405


@pytest.mark.parametrize(
    "label",
    [
        "xn--h1aagokeh",
        "a" * 60,
        r"\"\>\<script\>alert\(1\)\<",
        r"\226\128\174gpj",  # turns the direction of what follows, in UTF-8
        "{{7*7}}",
    ],
)
async def test_hostile_names_are_shown_as_text(client: Client, home: Home, label: str) -> None:
    assert home.ask("mia", f"{label}.toys.example").verdict.blocks
    page = await text(client, "/")
    assert "toys.example" in page
    assert "<script>" not in page
    assert ">49" not in page
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page


PATHS = ("/", "/rules", "/check", "/ask", "/me", "/help", "/bad", "/whose", "/ticket")
SIGNS = {
    PrivacyMode.OFF: "We do not write down your sites.",
    PrivacyMode.COUNTS: "can see how many sites you open, but not which ones.",
    PrivacyMode.BLOCKED: "The grown-ups at home can see which sites were blocked.",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("mode", SIGNS)
async def test_every_page_says_what_is_kept(
    client: Client, home: Home, path: str, mode: PrivacyMode
) -> None:
    home.change(family(replace(MIA, privacy=mode), TOM))
    page = await text(client, path)
    assert [sign for sign in SIGNS.values() if sign in page] == [SIGNS[mode]]


@pytest.mark.parametrize("path", PATHS)
async def test_a_full_log_is_announced_and_then_told_on_every_page(
    client: Client, home: Home, path: str
) -> None:
    log = FullLogSpan(int(NOW) + 86_400, int(NOW) + 2 * 86_400)
    home.change(family(replace(MIA, full_log=log), TOM))
    page = await text(client, path)
    assert "We will write down all your sites from" in page
    assert "Mon 30 Mar" in page
    home.wait(86_400)
    assert "We write down all your sites." in await text(client, path)


async def test_what_closes_soon_is_told_a_quarter_of_an_hour_before(
    client: Client, home: Home
) -> None:
    night = Schedule("bedtime", "mia", (Slot(frozenset({"daily"}), 16 * 60 + 20, 600),))
    home.change(family(MIA, TOM, schedules=(night,)))
    assert "Off in" not in await text(client, "/")
    for wait, told in ((300, "15 minutes"), (600, "5 minutes"), (240, "1 minute")):
        home.wait(wait)
        assert f"Off in {told}: Everything online" in await text(client, "/")
    home.wait(60)
    page = await text(client, "/")
    assert "Off in" not in page
    assert "The internet is off" in page


async def test_counted_minutes_can_be_contested_from_the_door(
    client: Client, home: Home, site: Site
) -> None:
    budget = Budget("games", "mia", (("daily", 60),), about=())
    home.change(family(MIA, TOM, budgets=(budget,)))
    for _ in range(10):
        for number in range(6):
            home.ask("mia", f"a{number}.example")
        home.wait(60)
    site.readings = home.readings
    page = await text(client, "/")
    assert "Time left today" in page
    assert "/ask?about=minutes&amp;budget=games" in page
    assert "I wasn't using it" in page


async def test_the_youngest_have_pictures_and_the_eldest_all_words(
    client: Client, home: Home
) -> None:
    home.ask("mia", "toys.example")
    assert page_pictures(await text(client, "/")) >= 4
    older = replace(MIA, band=Band.TO_15)
    home.change(family(older, TOM, rules=(block("toys.example", "mia"),)))
    assert page_pictures(await text(client, "/")) == 0


def page_pictures(page: str) -> int:
    return page.count('class="picture"')


async def test_rules_have_the_reasons_of_their_age(client: Client, home: Home) -> None:
    home.change(family(replace(MIA, categories=frozenset({"gambling"})), TOM))
    page = await text(client, "/rules")
    assert "Betting is only for grown-ups." in page
    assert "You can go online." in page


async def test_a_reason_of_a_preset_is_in_the_readers_language(client: Client, home: Home) -> None:
    home.change(family(replace(MIA, categories=frozenset({"gambling"})), TOM))
    reply = await client.get("/rules", headers={"Accept": "text/html", "Accept-Language": "fr"})
    page = await reply.text()
    assert "Parier, c’est seulement pour les adultes." in page


async def test_what_a_person_wrote_is_no_format(client: Client, home: Home) -> None:
    note = "100% <b>no</b> %(name)s"
    night = Schedule("night", "mia", (Slot(frozenset({"daily"}), 1200, 600),), note=note)
    home.change(family(MIA, TOM, schedules=(night,)))
    assert "100% &lt;b&gt;no&lt;/b&gt; %(name)s" in await text(client, "/rules")


async def test_rules_tell_who_decides_but_not_to_strangers(client: Client, site: Site) -> None:
    await set_up(site)
    assert "<p>Ada</p>" in await text(client, "/rules")
    site.who = "192.0.2.200"
    assert not has_word(await text(client, "/rules"), "Ada")


async def test_a_change_of_rules_is_told_for_a_week_to_whom_it_concerns(
    client: Client, site: Site
) -> None:
    def named(name: str) -> None:
        house = site.home.house
        site.home.house = replace(house, rules=(*house.rules, block(name, "mia")))

    for what, name in (
        ("rule added: block a.example for mia", "a.example"),
        ("rule added: block b.example for tom", "b.example"),
    ):
        named(name)
        await site.store.change(
            "home", lambda _: site.home.house, author="Ada", what=what, now=site.now
        )
    await site.follow()
    assert "One of your rules changed on 29 March 2026." in await text(client, "/")
    page = await text(client, "/rules")
    assert page.count("a rule for a site") == 1
    site.home.wait(7 * 86_400)
    assert "Your rules changed" not in await text(client, "/")


# --- the way to the desk --------------------------------------------------------------------------


LINK = re.compile(r'<p class="aside[^>]*><a href="([^"]*)"')


async def test_a_parent_finds_the_desk_and_the_way_back(client: Client, site: Site) -> None:
    for path in PATHS:
        assert LINK.findall(await text(client, path)) == ["/guardian/"]
    assert LINK.findall(await text(client, "/guardian/login")) == ["/"]


@pytest.mark.parametrize(
    ("host", "port", "desk"),
    [
        ("copdns.home.arpa", 443, ["https://copdns.home.arpa/guardian/"]),
        ("copdns.home.arpa:8053", 8443, ["https://copdns.home.arpa:8443/guardian/"]),
        ("[::1]:8053", 8443, ["https://[::1]:8443/guardian/"]),
        ("192.0.2.53", 443, ["https://192.0.2.53/guardian/"]),
        ("copdns.home.arpa", 0, []),  # no HTTPS: the desk opens on the machine itself only
    ],
)
async def test_over_the_network_the_way_to_the_desk_is_safe(
    client: Client,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    port: int,
    desk: list[str],
) -> None:
    monkeypatch.setattr("copdns.web.child.page.requestor_of", lambda _: site.asker)
    site.settings = Settings.model_validate({"web": {"tls_port": port}})
    reply = await client.get("/rules", headers={"Host": host})
    assert LINK.findall(await reply.text()) == desk


async def test_what_is_closed_in_part_says_until_when(client: Client, home: Home) -> None:
    games = (Topic(TopicKind.CATEGORY, "games"),)
    evening = Schedule("evening", "mia", (Slot(frozenset({"daily"}), 15 * 60, 180),), games)
    home.change(family(MIA, TOM, schedules=(evening,)))
    page = html.unescape(await text(client, "/"))
    assert re.search("Off until .?18:00.?: .?Games", page)


# --- the reason that somebody wrote ---------------------------------------------------------------


async def code_of(client: Client) -> str:
    return (await text(client, "/")).partition('href="/why/')[2].partition('"')[0]


async def where_it_is_told(client: Client, name: str) -> list[str]:
    """Return the pages that say why a name is closed."""
    code = await code_of(client)
    paths = ("/", f"/why/{code}", f"/ask?code={code}", f"/ask?name={name}", f"/check?name={name}")
    return [await text(client, each) for each in paths]


async def test_a_rules_own_reason_stands_wherever_it_closes(client: Client, home: Home) -> None:
    home.ask("mia", "toys.example")
    for page in await where_it_is_told(client, "toys.example"):
        assert BY_RULE in page
        assert "<bdi>After school.</bdi>" in page


@pytest.mark.parametrize("kind", ["schedule", "budget"])
async def test_the_reason_of_a_time_stands_wherever_it_closes(
    client: Client, home: Home, kind: str
) -> None:
    note = "We <b>eat</b> together. %(name)s"
    dinner = Schedule("dinner", "mia", (Slot(frozenset({"daily"}), 15 * 60, 180),), note=note)
    spent = Budget("day", "mia", (("daily", 0),), note=note)
    times = {"schedules": (dinner,)} if kind == "schedule" else {"budgets": (spent,)}
    home.change(family(MIA, TOM, **times))
    home.ask("mia", "www.example")
    for page in await where_it_is_told(client, "www.example"):
        assert "<bdi>We &lt;b&gt;eat&lt;/b&gt; together. %(name)s</bdi>" in page
    assert (await text(client, "/")).count("together.") == 2, "also beside what holds now"


async def test_what_is_closed_in_part_has_its_reason(client: Client, home: Home) -> None:
    games = (Topic(TopicKind.CATEGORY, "games"),)
    slot = Slot(frozenset({"daily"}), 15 * 60, 180)
    evening = Schedule("evening", "mia", (slot,), games, note="Fresh air.")
    home.change(family(MIA, TOM, schedules=(evening,)))
    assert "<bdi>Fresh air.</bdi>" in await text(client, "/")


async def test_a_reason_of_a_preset_is_translated_where_it_closes(
    client: Client, home: Home
) -> None:
    bedtime = bundled_presets()[Band.TO_9].times("mia").schedules[0]
    now = replace(bedtime, slots=(Slot(frozenset({"daily"}), 15 * 60, 180),))
    home.change(family(MIA, TOM, schedules=(now,)))
    reply = await client.get("/", headers={"Accept": "text/html", "Accept-Language": "fr"})
    page = html.unescape(await reply.text())
    assert bedtime.note not in page
    assert phrases_in("fr").gettext(bedtime.note) in page


# --- what holds by now ----------------------------------------------------------------------------


async def test_what_was_closed_then_has_the_reason_that_holds_now(
    client: Client, home: Home, site: Site
) -> None:
    night = Schedule("night", "mia", (Slot(frozenset({"daily"}), 15 * 60, 180),))
    mia = replace(MIA, categories=frozenset({"games"}))
    home.change(family(mia, TOM, schedules=(night,)))
    assert home.ask("mia", "games.example").verdict.reason is Reason.SCHEDULE
    home.change(family(mia, TOM))
    code = await code_of(client)
    for path in ("/", f"/why/{code}", f"/ask?code={code}"):
        page = await text(client, path)
        assert "off right now" not in page
        assert "This kind of site is blocked:" in page
    await send(client, "/ask", code=code)
    (asked,) = await site.appeals.appeals("home")
    assert (asked.ask.to.reason, asked.ask.to.period) == (Reason.CATEGORY, "")


async def test_what_is_open_by_now_is_nothing_to_ask_for(
    client: Client, home: Home, site: Site
) -> None:
    home.ask("mia", "toys.example")
    code = await code_of(client)
    home.change(family(MIA, TOM))
    page = await text(client, f"/why/{code}")
    assert "Not blocked now" in page
    assert "/ask?code=" not in page
    assert "is not blocked." in await text(client, f"/ask?code={code}")
    await send(client, "/ask", 400, code=code)
    assert await site.appeals.appeals("home") == ()


async def test_what_a_name_leads_to_stays_the_reason(client: Client, home: Home) -> None:
    """Only the answer told it; there is none to look at now."""
    hop = Verdict(Action.BLOCK, Reason.RULE, 10, rule="toys.example", via="toys.example")
    ring = home.recent.ring_of(OwnedDevice("home", "mia", "mia-phone"))
    home.recent.add(ring, "shop.example", hop, home.clock.wall)
    assert BY_RULE in await text(client, "/")
    assert "sends you to another site" in await text(client, f"/why/{await code_of(client)}")


@pytest.mark.parametrize("band", [Band.TO_9, Band.TO_12, Band.TO_15])
async def test_in_homework_time_nobody_reads_of_a_pause(
    client: Client, home: Home, band: Band
) -> None:
    homework = PauseSpan("mia", int(NOW) - 60, int(NOW) + 3600, homework=True)
    home.change(family(replace(MIA, band=band), TOM, pauses=(homework,)))
    home.ask("mia", "www.example")
    assert "Homework time" in await text(client, "/")
    for page in await where_it_is_told(client, "www.example"):
        assert "It's homework time." in page
        assert "Homework sites still work." in page
        for word in ("paused the internet", "stopped the internet"):
            assert word not in page


async def test_of_many_blocks_the_newest_are_seen_and_the_others_on_demand(
    client: Client, home: Home
) -> None:
    for number in range(5):
        home.ask("mia", f"a{number}.toys.example")
    assert "<details" not in await text(client, "/")
    for number in range(5, 12):
        home.ask("mia", f"a{number}.toys.example")
    seen, more, rest = (await text(client, "/")).partition("<details")
    assert more
    assert "7 more" in rest
    names = re.compile(r'"name">(a\d+)\.toys')
    assert names.findall(seen) == ["a11", "a10", "a9", "a8", "a7"]
    assert names.findall(rest) == [f"a{number}" for number in range(6, -1, -1)]


async def test_a_page_that_is_not_there_has_no_words_for_those_who_know_filters(
    client: Client,
) -> None:
    page = await text(client, "/nowhere", 404)
    assert "Maybe it isn't there any more." in page
    assert "filter" not in page
