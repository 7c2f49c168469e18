"""The page that weighs the presets says what they do: its table is compared with each of them."""

from __future__ import annotations

import gzip
import random
import re
from pathlib import Path

import pytest

from copdns.household.presets import apply
from copdns.model.household import Band, Contact, Profile
from copdns.privacy.recent_blocks import MAX_BLOCKS
from tests.unit.households import shipped

PAGE = "docs/child-rights-impact.md"
TEXT = (Path(__file__).parents[1] / PAGE).read_text()
CATEGORIES = frozenset[str]().union(
    *(apply(shipped(band), Profile("mia", "Mia", band)).categories for band in Band)
)


def rows() -> dict[str, list[str]]:
    """Return the cells of the table's lines by what they are about, the bands in the first."""
    table = TEXT.partition("## What each preset does")[2].partition("\n\n")[2].partition("\n\n")[0]
    cells = [
        [cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.split("\n")
    ]
    return {line[0]: line[1:] for line in cells if not line[0].startswith("---")}


def effects(band: Band) -> dict[str, str]:
    """Return what a preset does, in the words of the page."""
    found = apply(shipped(band), Profile("mia", "Mia", band))
    times = shipped(band).times("mia")
    safe = dict(found.safe_search)
    blocked = {
        "security": found.security,
        **{each: each in found.categories for each in CATEGORIES},
        "strangers": Contact.STRANGERS in found.contacts,
        "bypass": found.bypass,
        "no_safe_search": found.no_safe_search,
    }
    return {
        "default": str(found.default),
        **{each: "blocked" if is_blocked else "allowed" for each, is_blocked in blocked.items()},
        "bypass_signs": "noticed" if found.bypass_signs else "not noticed",
        **{engine: safe.get(engine, "off") for engine in ("google", "youtube")},
        "privacy": str(found.privacy),
        "suggested bedtime": "yes" if times.schedules else "no",
        "suggested daily limit": "yes" if times.budgets else "no",
    }


@pytest.mark.parametrize("band", Band)
def test_the_table_says_what_the_preset_does(band: Band) -> None:
    table = rows()
    at = table.pop("setting").index(str(band))
    assert {setting: cells[at] for setting, cells in table.items()} == effects(band), PAGE


def test_every_age_is_weighed() -> None:
    assert re.findall(r"^### (\S+)$", TEXT, re.MULTILINE) == [str(band) for band in Band]


@pytest.mark.parametrize("band", [band for band in Band if band.is_child])
def test_what_a_preset_costs_is_said_as_well_as_what_it_is_for(band: Band) -> None:
    part = TEXT.partition(f"\n### {band}\n")[2].partition("\n##")[0]
    assert [word in part for word in ("*For:*", "*Against:*", "*Mitigation:*")] == [True] * 3


@pytest.mark.shared_data
def test_no_preset_blocks_advertising_while_it_would_fill_the_last_blocks(
    shared_data: Path,
) -> None:
    """The reason that the page gives, measured: a list's share of names, and how soon 100 are met.

    A page: what a browser looked up for it.  Pages that are advertising themselves are left out.
    """
    assert "ads" not in CATEGORIES
    listed = _whole_sites(shared_data / "block/adguard-sdns-2019/filter.txt.gz")
    trackers = listed | _whole_sites(shared_data / "block/large/tracking.adguard.txt.gz")
    pages: dict[str, set[str]] = {}
    for line in (shared_data / "queries/web-browsing.tsv").read_text().splitlines():
        page, host, *_ = line.split("\t")
        if not line.startswith("#") and not _covers(trackers, page):
            pages.setdefault(page, set()).add(host)
    blocked = [{host for host in hosts if _covers(listed, host)} for hosts in pages.values()]
    share = sum(map(len, blocked)) / sum(map(len, pages.values()))
    chance = random.Random(25)
    until_full = sorted(_pages_until_full(blocked, chance) for _ in range(200))[100]
    text = " ".join(TEXT.split())
    assert f"In {len(pages)} pages" in text
    assert f"holds {round(100 * share)} % of all names" in text
    assert f"after {until_full} pages" in text
    assert round(5 * sum(map(bool, blocked)) / len(pages)) == 3
    assert "three pages in five" in text


def _pages_until_full(blocked: list[set[str]], chance: random.Random) -> int:
    """Return after how many pages, in a random order, a device's last blocks are full."""
    seen: set[str] = set()
    for opened, names in enumerate(chance.sample(blocked, len(blocked)), start=1):
        seen |= names
        if len(seen) >= MAX_BLOCKS:
            return opened
    return len(blocked)


def _whole_sites(path: Path) -> set[str]:
    """Return the names of an ad blocker's list that it blocks with all below them."""
    with gzip.open(path, "rt", errors="replace") as file:
        return set(re.findall(r"^\|\|([a-z0-9.-]+)\^$", file.read(), re.MULTILINE))


def _covers(listed: set[str], name: str) -> bool:
    labels = name.split(".")
    return any(".".join(labels[at:]) in listed for at in range(len(labels)))
