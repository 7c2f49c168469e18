"""The page that weighs the presets says what they do: its table is compared with each of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from copdns.household.presets import apply
from copdns.model.household import Band, Contact, Profile
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
