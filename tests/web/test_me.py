"""What is kept about a child: that child reads, takes along and erases it, and nobody else."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape

import pytest

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Actor, Permission, Role, may
from copdns.model.household import (
    Band,
    FullLogSpan,
    LocalName,
    NameRewrite,
    PrivacyMode,
    Profile,
    SplitUpstream,
)
from copdns.model.matchers import Matcher
from copdns.model.times import Budget
from copdns.privacy.retention import CountKey, LogRow
from copdns.settings.config import LogSettings, MqttSettings, Settings, UpstreamSettings
from tests.home import Home
from tests.household import MIA, NOW, TOM, block, family
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text


def row(name: str, profile: str = "mia") -> LogRow:
    at = int(NOW) - 600
    return LogRow(
        at, "home", profile, "", name, 1, "block", "category", "games", "", "games", name, ""
    )


def count(n: int, profile: str = "mia", action: str = "block") -> tuple[CountKey, int]:
    return CountKey("home", profile, int(NOW) // 3600, action, "category", "games"), n


@pytest.fixture
def site() -> Site:
    return Site(Home(family(replace(MIA, privacy=PrivacyMode.BLOCKED), TOM)))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        for each in (row("toys.example"), row("<b>.example"), row("toms.example", "tom")):
            site.log.add(each)
        for key, n in (count(7), count(35, action="allow"), count(1234, "tom")):
            site.log.count(key, n)
        site.log.flush()
        await send(made, "/device")
        yield made


async def test_a_child_reads_what_a_guardian_could_and_no_more(client: Client) -> None:
    page = await text(client, "/me")
    assert "We write down blocked sites" in page
    assert "toys.example" in page
    assert "Was a site blocked more than once in five minutes?" in page, (
        "rows are fewer than blocks"
    )
    assert "<td>35</td><td>7</td>" in page, "of 42 look-ups 7 were blocked: 35 opened"
    assert "toms.example" not in page
    assert "1,234" not in page
    assert "<b>" not in page


@pytest.mark.parametrize("path", ["/me", "/month"])
async def test_a_child_reads_that_rows_and_minutes_prove_nothing(client: Client, path: str) -> None:
    assert "So maybe it was not you." in await text(client, path)


async def test_a_child_reads_that_the_smart_home_is_told(client: Client, site: Site) -> None:
    told = "The smart home here also knows when the internet is off for you"
    assert told not in await text(client, "/me")
    site.settings = Settings(mqtt=MqttSettings(host="192.0.2.9", tls=True))
    assert told in await text(client, "/me")


async def test_a_child_reads_why_something_was_closed(client: Client, site: Site) -> None:
    at = int(NOW) - 300
    rest = (1, "block", "schedule", "", "", "", "", "")
    site.log.add(LogRow(at, "home", "mia", "", "night.example", *rest))
    site.log.flush()
    page = " ".join((await text(client, "/me")).split())
    assert 'night.example</bdi><span class="reason">blocked: a schedule</span>' in page


async def test_reading_ones_own_is_no_look_and_changes_nothing(client: Client, site: Site) -> None:
    for path in ("/me", "/me/data.json"):
        await client.get(path)
    assert await site.looks.of("home") == ()
    assert len(site.log.rows("home", "mia")) == 2


async def test_a_child_sees_who_looked_and_at_what(client: Client, site: Site) -> None:
    assert "As far as we know, no grown-up has looked at this yet." in await text(client, "/me")
    ada = await set_up(site)
    await site.looks.note(Actor("home", ada.id, "Ada", Role.OWNER), "mia", ViewedPart.LOG, site.now)
    page = await text(client, "/me")
    assert "<bdi>Ada</bdi> looked at the list of recorded sites." in page
    assert "no grown-up has looked" not in page


async def test_all_that_is_kept_comes_as_a_file(client: Client) -> None:
    reply = await client.get("/me/data.json")
    assert reply.headers["Content-Disposition"].startswith("attachment")
    found = json.loads(await reply.text())
    assert [each["qname"] for each in found["look_ups"]] == ["<b>.example", "toys.example"]
    assert sum(each["n"] for each in found["counts"]) == 42
    assert found["profile"]["name"] == "Mia"
    assert found["devices"][0]["id"] == "mia-phone"
    assert "toms.example" not in json.dumps(found)
    assert "digest" not in json.dumps(found)


async def test_names_and_numbers_can_be_erased_and_the_house_reads_that(
    client: Client, site: Site
) -> None:
    for _ in range(2):
        assert "No site names yet." in await send(client, "/me/erase", sure="on")
    assert site.log.rows("home", "mia") == ()
    assert site.log.counts("home", "mia") == ()
    assert len(site.log.rows("home", "tom")) == 1
    changes = await site.store.changes("home")
    assert ("Mia", "own log deleted") in {(each.author, each.what) for each in changes}


async def test_one_tap_erases_nothing(client: Client, site: Site) -> None:
    form = (await text(client, "/me")).partition('action="/me/erase"')[2].partition("</form>")[0]
    assert 'name="sure" required' in form
    page = await send(client, "/me/erase", 400)
    assert "Tick the box to confirm" in page
    assert len(site.log.rows("home", "mia")) == 2


async def test_a_full_log_stays_while_it_runs(client: Client, site: Site) -> None:
    log = FullLogSpan(int(NOW) - 60, int(NOW) + 3600)
    site.home.change(family(replace(MIA, full_log=log), TOM))
    assert "/me/erase" not in await text(client, "/me")
    await send(client, "/me/erase", 403)
    assert len(site.log.rows("home", "mia")) == 2


FULL = FullLogSpan(int(NOW) - 60, int(NOW) + 3600)


@pytest.mark.parametrize(
    ("mia", "names", "numbers"),
    [
        (replace(MIA, band=Band.TO_12, privacy=PrivacyMode.OFF), False, False),
        (replace(MIA, band=Band.TO_12, privacy=PrivacyMode.COUNTS), False, True),
        (replace(MIA, band=Band.TO_12, privacy=PrivacyMode.BLOCKED), True, True),
        (replace(MIA, band=Band.TO_12, full_log=FULL), True, True),
    ],
    ids=["off", "counts", "blocked", "full"],
)
async def test_the_days_are_those_of_the_settings_in_force(
    client: Client, site: Site, mia: Profile, names: bool, numbers: bool
) -> None:
    site.home.change(family(mia, TOM))
    kept = LogSettings(rows_days=1, counts_days=90, reason="Mia <asked> for it.")
    site.settings = Settings(log=kept)
    page = await text(client, "/me")
    assert (
        re.search("(?:Site names|The names of blocked sites) are deleted after 1 day", page)
        is not None
    ) is names
    assert ("Numbers are deleted after 90 days." in page) is numbers
    assert ("<bdi>Mia &lt;asked&gt; for it.</bdi>" in page) is numbers
    assert not [each for each in ("7 days", "30 days") if each in page]


@pytest.mark.parametrize("band", Band)
async def test_who_may_see_it_is_told_as_it_is_permitted(
    client: Client, site: Site, band: Band
) -> None:
    """Guardians see what is recorded of children alone (`roles.may`)."""
    mia = replace(MIA, band=band, privacy=PrivacyMode.BLOCKED)
    site.home.change(family(mia, TOM))
    page = await text(client, "/me")
    ada = Actor("home", "a1", "Ada", Role.GUARDIAN, "ada")
    seen = ("What your parents or carers can see", "grown-ups at home can see")
    assert any(each in page for each in seen) is may(ada, Permission.SEE_LOG, mia)
    assert ("You are an adult, so nobody else can see" in page) is (band is Band.ADULT)
    assert ('id="only"' in page) is (band is not Band.ADULT), "no adult has that list"
    read = (
        "can see these sites on their own pages",
        "The grown-ups at home can see these sites too",
    )
    assert any(each in page for each in read) is (band is not Band.ADULT)
    deleted = "Your parents or carers will see that you deleted"
    assert (deleted in page) is (13 <= band.age < 18)


@pytest.mark.parametrize("limited", [True, False])
@pytest.mark.parametrize("mode", [PrivacyMode.COUNTS, PrivacyMode.BLOCKED])
async def test_what_can_be_deleted_is_what_is_there(
    client: Client, site: Site, mode: PrivacyMode, limited: bool
) -> None:
    site.who = "tom"
    limits = (Budget("play", "tom", (("daily", 30),), ()),) if limited else ()
    site.home.change(family(MIA, replace(TOM, privacy=mode), budgets=limits))
    client.session.cookie_jar.clear()
    await send(client, "/device")
    if mode is PrivacyMode.COUNTS:
        await asyncio.to_thread(site.log.forget, "home", "tom")
        assert "/me/erase" not in await text(client, "/me"), "nothing is there"
        site.log.count(*count(3, "tom"))
        site.log.flush()
    page = await text(client, "/me")
    assert ("You can delete your stats." in page) is (mode is PrivacyMode.COUNTS)
    assert ("You can delete the site names and stats." in page) is (mode is PrivacyMode.BLOCKED)
    assert ("Your screen-time minutes cannot be deleted" in page) is limited


@pytest.mark.parametrize("limited", [True, False])
async def test_minutes_that_are_counted_in_spite_of_all_are_told(
    client: Client, site: Site, limited: bool
) -> None:
    limits = (Budget("play", "mia", (("daily", 30),), ()),) if limited else ()
    off = replace(MIA, privacy=PrivacyMode.OFF)
    site.home.change(family(off, TOM, budgets=limits))
    page = await text(client, "/me")
    assert ("Only the minutes of your daily limit are counted" in page) is limited


async def test_another_browser_reads_the_mode_and_nothing_that_is_kept(
    client: Client, site: Site
) -> None:
    client.session.cookie_jar.clear()
    page = await text(client, "/me")
    assert "We write down blocked sites" in page
    assert "toys.example" not in page
    await text(client, "/me/data.json", 403)
    await send(client, "/me/erase", 403)
    assert len(site.log.rows("home", "mia")) == 2


@pytest.mark.parametrize("who", ["tom", "192.0.2.200", "203.0.113.66"])
async def test_nobody_else_reads_or_erases_it(client: Client, site: Site, who: str) -> None:
    site.who = who
    reply = await client.get("/me", headers={"Accept": "text/html"})
    assert "toys.example" not in await reply.text()
    await text(client, "/me/data.json", 403)
    await send(client, "/me/erase", 403)
    assert len(site.log.rows("home", "mia")) == 2


async def test_erasing_is_no_page(client: Client) -> None:
    await text(client, "/me/erase", 405)


async def test_everybody_reads_where_the_names_of_sites_go(client: Client, site: Site) -> None:
    office = SplitUpstream("office.example", ("192.0.2.53:53",))
    everybody = SplitUpstream("com", ("192.0.2.66:53",))
    site.home.change(replace(site.home.house, split_upstreams=(office, everybody)))
    page = await text(client, "/me")
    words = re.sub("<[^>]+>|[\u2068\u2069]", "", page)
    assert "Names that end in office.example are sent to 192.0.2.53:53." in words
    assert "192.0.2.66" not in page  # it has no effect


async def test_whoever_has_upstreams_of_their_own_reads_which(client: Client, site: Site) -> None:
    servers = "https://dns.example@100.64.0.9/af34c1", "tls://other.example@100.64.0.8"
    splits = (
        SplitUpstream("", servers[:1], "mia"),
        SplitUpstream("", servers[1:], "#children"),
        SplitUpstream("office.example", servers[1:], "tom"),
    )
    site.home.change(replace(family(replace(MIA, band=Band.TO_12), TOM), split_upstreams=splits))
    page = await text(client, "/me")
    words = " ".join(re.sub("<[^>]+>|[\u2068\u2069]", "", page).split())
    assert "The names of all sites that you open are sent to dns.example." in words
    assert "What the filter does not know, it asks dns.example." in words
    assert "af34c1" not in page  # it may be somebody's number there
    assert "other.example" not in page  # another's


@pytest.mark.parametrize("path", ["/me", "/rules"])
async def test_everybody_reads_which_sites_somebody_at_home_leads_elsewhere(
    client: Client, site: Site, path: str
) -> None:
    local = (
        LocalName("www.example.com", ("192.0.2.66",), scope="mia"),
        LocalName("www.example.net", ("192.0.2.66",), scope="tom"),
        LocalName("nas.lan", ("192.0.2.7",)),
    )
    rewrites = (NameRewrite(Matcher("bank.example.org"), "start.example"),)
    office = SplitUpstream("office.example", ("192.0.2.53:53",))
    asked = replace(
        site.home.house, local_names=local, rewrites=rewrites, split_upstreams=(office,)
    )
    before = await text(client, path)
    site.home.change(asked)
    page = await text(client, path)
    words = re.sub("<[^>]+>|[\u2068\u2069]", "", page)
    assert "www.example.com leads to 192.0.2.66. Someone at home set this." in words
    assert "bank.example.org leads to start.example. Someone at home set this." in words
    assert "Names that end in office.example are sent to 192.0.2.53:53." in words
    assert "nas.lan" not in words  # in a private zone: nobody's site
    assert "www.example.net" not in words  # another's
    assert "Someone at home set this." not in before


@pytest.mark.parametrize(
    ("servers", "told"),
    [
        (["127.0.0.1:5353"], ""),
        (["system"], "the DNS servers of the network"),
        (["100.64.0.53", "100.64.0.54:5353"], "100.64.0.53 and 100.64.0.54:5353"),
        (["127.0.0.1", "100.64.0.53"], "100.64.0.53"),
        (["https://dns.example@100.64.0.53/af34c1"], "dns.example"),
    ],
)
async def test_a_server_at_home_has_no_address_to_read(
    client: Client, site: Site, servers: list[str], told: str
) -> None:
    site.settings = Settings(upstreams=UpstreamSettings.model_validate({"servers": servers}))
    site.home.change(family(replace(MIA, band=Band.TO_12), TOM))
    words = re.sub("<[^>]+>|[\u2068\u2069]", "", await text(client, "/me"))
    words = " ".join(unescape(words).split())
    assert "has to find it first. For that it asks the filter at home (copdns)." in words
    assert ("What the filter does not know" in words) is bool(told)
    assert not told or f"What the filter does not know, it asks {told}." in words
    assert "127.0.0.1" not in words


async def test_a_page_says_that_what_is_blocked_by_name_counts_as_opened(
    client: Client, site: Site
) -> None:
    told = "If a grown-up blocked a single site, or an app that they added, it is not counted"
    assert told not in await text(client, "/me")
    site.home.change(family(replace(MIA, privacy=PrivacyMode.COUNTS), TOM))
    for path in ("/me", "/month"):
        assert told in await text(client, path)


async def test_requests_are_no_recorded_names_and_are_told_apart(
    client: Client, site: Site
) -> None:
    await send(client, "/me/erase", sure="on")
    assert "No site names yet." in await text(client, "/me")
    rules = (block("toys.example", "mia"),)
    site.home.change(family(replace(MIA, privacy=PrivacyMode.BLOCKED), TOM, rules=rules))
    await send(client, "/ask", name="toys.example")
    assert "No site names, only those you asked for." in await text(client, "/me")


@pytest.mark.parametrize(
    ("mode", "by_hour"), [(PrivacyMode.COUNTS, False), (PrivacyMode.BLOCKED, True)]
)
async def test_both_sides_read_the_same_of_hours(
    client: Client, site: Site, mode: PrivacyMode, by_hour: bool
) -> None:
    house = site.home.house
    people = (replace(MIA, privacy=mode), *(e for e in house.profiles if e.id != "mia"))
    await site.store.change(
        "home", lambda _: replace(house, profiles=people), author="t", what="x", now=site.now
    )
    await site.follow()
    promise = "The grown-ups can see these numbers for each hour too." in await text(client, "/me")
    await set_up(site)
    await log_in(client)
    page = await text(client, "/guardian/numbers?person=mia")
    assert promise is by_hour
    assert ("Hours are not shown for" in page) is not by_hour
