"""Pages come over a slow network, too: all that a browser loads for a child's page is less than
60 kB, and for the overview less than 100 kB."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.appeals.appeal import AppealKind, AppealRequest, ContestedVerdict
from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets
from copdns.model.household import Band, Device, Household, PrivacyMode
from copdns.model.verdict import Action, Reason
from copdns.network.unknown_devices import UnknownDevice
from copdns.privacy.recent_blocks import MAX_BLOCKS
from copdns.privacy.retention import CountKey, LogRow
from copdns.store.log_db.unknown_devices import save_unknown_devices
from tests.e2e.house import ROOT
from tests.home import Home
from tests.household import ADA, MIA, NOW, TOM, block, family, library
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send

MOST, MOST_OF_OVERVIEW = 60_000, 100_000  # octets
DESK = "/guardian/"
PATHS = (
    "/",
    "/rules",
    "/check?name=" + "x" * 60 + ".toys.example",
    "/me",
    "/help",
    "/bad",
    "/ask",
    "/age",
    "/timer",
    "/app",
    "/device/setup",
    "/device/test",
)
LONG = ".".join(["a" * 57] * 4)  # with a number before and .toys.example behind: as long as can be


def full_house(band: Band) -> Household:
    """A family in which everything that a page lists is long."""
    profile = apply(bundled_presets()[band], replace(MIA, band=band))
    mia = replace(profile, privacy=PrivacyMode.BLOCKED, default=MIA.default)
    times = bundled_presets()[band].times("mia")
    rules = (
        block("toys.example", "mia", note="After school."),
        *(replace(block(f"{n}.example", "mia"), id=f"r{n}") for n in range(30)),
    )
    return family(mia, TOM, rules=rules, schedules=times.schedules, budgets=times.budgets)


async def live_much(site: Site) -> None:
    """Fill the ring, the log, and what was asked for."""
    odd = r"\"" * 57 + "." + r"\<" * 50  # what has to be escaped takes more room
    for number in range(MAX_BLOCKS):
        name = f"{number}.{odd}.toys.example"
        site.home.ask("mia", name)
        site.log.add(
            LogRow(int(NOW) - 60, "home", "mia", "", name, 1, "block", "rule", "", "", "", "", "")
        )
        hour = int(NOW) // 3600 - number
        site.log.count(CountKey("home", "mia", hour, "block", "category", "games"), 7)
    site.log.flush()
    to = ContestedVerdict(Action.BLOCK, Reason.RULE, rule="toys.example")
    for number in range(12):
        name = f"ask{number}.{LONG}.toys.example"[-253:]
        ask = AppealRequest("mia", "mia-phone", AppealKind.NAME, to, name=name, words="w" * 280)
        filed = await site.appeals.file("home", ask, site.now)
        await site.appeals.withdraw("home", filed.appeal.id, "mia", site.now)


async def octets(client: Client, path: str, language: str) -> int:
    headers = {"Accept": "text/html", "Accept-Language": language}
    reply = await client.get(path, headers=headers)
    assert reply.status == 200
    return len(await reply.read())


# What a page loads besides in a house whose browsers trust its certificate.  Not what comes after
# the page: the worker, and the icon that a phone fetches for its home screen.
OF_AN_APP = {
    "/": ("/static/app.js", "/app.webmanifest"),
    DESK: ("/static/app.js", "/guardian/app.webmanifest"),
}


async def beside(client: Client, path: str = "/") -> int:
    """Return how much a page loads besides itself the first time, as an app as well."""
    page = await (await client.get(path)).text()
    tags = re.findall(r"<(?:link|script|img|source|object|iframe)[^>]*>", page)
    loaded = {each for tag in tags for each in re.findall(r'(?:href|src|data)="(/[^"]*)"', tag)}
    assert {"/static/copdns.css", "/static/copdns.js", "/static/icon.svg"} <= {
        each.partition("?")[0] for each in loaded
    }
    assert "url(" not in (Path(ROOT) / "web-ui/static/copdns.css").read_text()
    assert "url(" not in (Path(ROOT) / "web-ui/static/desk.css").read_text()
    return sum([await octets(client, each, "en") for each in {*loaded, *OF_AN_APP[path]}])


@pytest.mark.parametrize("language", ["en", "ar", "ru"])  # two octets a letter in the latter
@pytest.mark.parametrize("band", [Band.TO_6, Band.TO_9, Band.TO_12, Band.TO_15])
async def test_no_page_of_a_child_is_larger(band: Band, language: str) -> None:
    site = Site(Home(full_house(band), library(categories={"games": ["games.example"]})))
    async with site.visited() as client:
        await send(client, "/device")
        await live_much(site)
        files = await beside(client)
        sizes = {path: files + await octets(client, path, language) for path in PATHS}
        assert {path: size for path, size in sizes.items() if size > MOST} == {}


def large_family() -> Household:
    """Four children and two adults, each with all that a card can tell."""
    presets = bundled_presets()
    children = [
        replace(
            apply(presets[Band.TO_12], replace(MIA, band=Band.TO_12)),
            id=f"child-{n}",
            name=f"Mia Maximiliane {n}",
            privacy=PrivacyMode.BLOCKED,
            default=MIA.default,
        )
        for n in range(4)
    ]
    times = [presets[Band.TO_12].times(each.id) for each in children]
    return Household(
        "home",
        "Example family",
        profiles=(*children, ADA, replace(ADA, id="bo", name="Bo")),
        schedules=tuple(each for one in times for each in one.schedules),
        budgets=tuple(each for one in times for each in one.budgets),
        devices=tuple(
            Device(f"{who.id}-{n}", f"The tablet of {who.name} {n}", who.id, (f"192.0.2.{40 + n}",))
            for n, who in enumerate(children * 3)
        ),
    )


async def fill_overview(site: Site, house: Household) -> None:
    """Let there be as much to tell as the overview shows."""
    hour = int(NOW) // 3600
    to = ContestedVerdict(Action.BLOCK, Reason.RULE, rule="toys.example")
    for each in house.profiles[:4]:
        for before in range(12):
            key = CountKey("home", each.id, hour - before, "allow", "default", "")
            site.log.count(key, 20 + before)
        for device in [one.id for one in house.devices if one.profile == each.id]:
            row = LogRow(int(NOW), "home", each.id, device, "x.example", 1, "allow", *[""] * 6)
            site.log.add(row)
        name = f"{LONG}.toys.example"[-253:]
        asked = AppealRequest(
            each.id, f"{each.id}-0", AppealKind.NAME, to, name=name, words="w" * 280
        )
        await site.appeals.file("home", asked, site.now)
    site.log.flush()
    save_unknown_devices(
        site.folder,
        [
            UnknownDevice(
                *("home", f"u{n}", "", f"02:00:00:00:00:{n:02}", "", "A television" * 4),
                *(int(NOW), int(NOW)),
            )
            for n in range(20)
        ],
    )
    for n in range(40):
        await site.store.note("home", "Ada", f"own list list-{n} added", site.now)


@pytest.mark.parametrize("language", ["en", "fr", "es"])
async def test_the_overview_is_not_larger_either(language: str) -> None:
    house = large_family()
    site = Site(Home(house, library(categories={"games": ["games.example"]})))
    site.damage = "it differs from what was saved last"
    site.missing = ("no DNS server answers",)
    async with site.visited() as client:
        await set_up(site)
        await log_in(client)
        await fill_overview(site, house)
        for name in ("a", "b", "c"):
            fields = {"name": f"{name}.home.arpa", "addresses": "192.0.2.7"}
            await send(client, "/guardian/names/local", **fields)
        size = await octets(client, DESK, language)
        assert size > 30_000, "it tells all of that"
        assert size + await beside(client, DESK) < MOST_OF_OVERVIEW
