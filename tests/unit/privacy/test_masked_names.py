"""No log outs a child: such names are "other" for guardians, whatever the privacy mode."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.list_files.load import discreet_names
from copdns.privacy.masked_names import OTHER, build_mask
from copdns.privacy.retention import CountKey, LogRow
from tests.household import library

LISTS = library(
    protected={
        "health_emergency_rights": ["clinic.example"],
        "child_helpline": ["help.example"],
        "education_reference": ["school.example"],
    }
)
HIDDEN = build_mask({"faith.example"}, LISTS)


def row(qname: str, reason: str = "default", via: str = "") -> LogRow:
    parts = ("home", "mia", "mia-phone", qname, 1, "allow", reason, "a", "b", "c", "d", via)
    return LogRow(0, *parts)


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("faith.example", True),
        ("www.faith.example", True),
        ("otherfaith.example", False),
        ("clinic.example", True),  # protected names for health
        ("help.example", True),
        ("school.example", False),
        ("games.example", False),
    ],
)
def test_which_names_are_other(name: str, hidden: bool) -> None:
    assert (HIDDEN.row(row(name)).qname == OTHER) is hidden


def test_a_help_site_that_nobody_has_opened_is_other_too() -> None:
    mask = build_mask((), replace(LISTS, unopened=frozenset({"line.example"})))
    assert mask.row(row("chat.line.example")).qname == OTHER


def test_nothing_beside_the_name_gives_it_away() -> None:
    seen = HIDDEN.row(row("clinic.example", "protected"))
    assert (seen.reason, seen.category, seen.service, seen.list, seen.rule, seen.via) == (
        OTHER,
        *[""] * 5,
    )


def test_a_name_that_leads_to_one_is_hidden_too() -> None:
    assert HIDDEN.row(row("short.example", via="faith.example")).qname == OTHER


def test_a_block_against_harm_stays_readable() -> None:
    assert HIDDEN.row(row("faith.example", "security")).qname == "faith.example"


def test_counts_of_such_groups_are_among_the_rest() -> None:
    def key(reason: str, category: str) -> CountKey:
        return CountKey("home", "mia", 1, "allow", reason, category)

    counts = (
        (key("default", ""), 2),
        (key("protected", "health_emergency_rights"), 3),
        (key("protected", "education_reference"), 4),
    )
    assert dict(HIDDEN.counts(counts)) == {
        key("default", ""): 5,
        key("protected", "education_reference"): 4,
    }


def test_the_names_that_ship_can_be_read() -> None:
    assert "bible.com" in discreet_names()
