"""A child's page comes over a slow network, too: all of it is less than 60 kB."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.appeals.appeal import AppealKind, AppealRequest, ContestedVerdict
from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets
from copdns.model.household import Band, Household, PrivacyMode
from copdns.model.verdict import Action, Reason
from copdns.privacy.recent_blocks import MAX_BLOCKS
from copdns.privacy.retention import CountKey, LogRow
from tests.home import Home
from tests.household import MIA, NOW, TOM, block, family, library
from tests.web.site import Client, Site, send

MOST = 60_000  # octets
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


async def beside(client: Client) -> int:
    """Return how much a page loads besides itself the first time."""
    pages = (await (await client.get("/")).text()).split('"')
    files = {each for each in pages if each.startswith("/static/")}
    assert len(files) == 4
    return sum([await octets(client, each, "en") for each in files])


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
