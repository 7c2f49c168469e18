"""Which lists a machine fetches: what its household needs, and what its memory can carry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from copdns.list_files.choose import (
    AvailableLists,
    ChosenLists,
    available_lists,
    choose,
    choose_for,
    missing_message,
    needed_subjects,
)
from copdns.list_files.load import bundled_text
from copdns.lists.catalogue import read_files
from copdns.lists.parse import ListFormat
from copdns.lists.source import Source
from copdns.model.household import Contact, Household
from copdns.model.matchers import MatchKind
from copdns.settings.config import OwnSource, SourceSettings
from tests.household import ADA, MIA, family, library

PLAIN = Source(
    slug="",
    title="",
    category="games",
    url="https://lists.example/",
    format=ListFormat.DOMAINS,
    match=MatchKind.SUBTREE,
    licence="CC0-1.0",
    maintainer="Bo",
    homepage="",
    report="",
    names=100,
    default=True,
    about="A list.",
)


def source(slug: str, category: str = "games", **fields: Any) -> Source:
    return replace(PLAIN, slug=slug, category=category, **fields)


TOYS, FILMS = source("toys"), source("films", "piracy")
WIDE = source("wide", default=False)
CATALOGUE = (TOYS, FILMS, WIDE)


def slugs(chosen: ChosenLists) -> list[str]:
    return [each.slug for each in chosen.sources]


def chosen(*wanted: str, needed: set[str] | None = None, **more: Any) -> ChosenLists:
    fields = {"own": (), "max_names": 1000, "known": {}, **more}
    return choose(CATALOGUE, wanted=wanted, needed=needed or set(), **fields)


def test_a_category_lacks_a_list_until_that_is_in_force() -> None:
    both = chosen("auto", needed={"games", "piracy"})
    assert both.missing_categories(library()) == {"games", "piracy"}
    assert both.missing_categories(library(more={"toys": ("games", ["a.example"])})) == {"piracy"}


# --- what is wanted ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "needed", "used"),
    [
        (["auto"], {"games"}, ["toys"]),
        (["auto"], {"games", "piracy", "chat"}, ["toys", "films"]),
        (["auto"], set(), []),
        ([], {"games", "piracy"}, []),
        (["films"], {"games"}, ["films"]),  # by name, whoever needs it
        (["wide"], {"games"}, ["wide"]),  # not used by itself, but when it is named
        (["auto", "wide"], {"games"}, ["toys", "wide"]),
    ],
)
def test_what_is_needed_or_named_is_used(
    wanted: list[str], needed: set[str], used: list[str]
) -> None:
    assert slugs(chosen(*wanted, needed=needed)) == used


def test_a_name_that_no_list_has_is_known() -> None:
    assert chosen("auto", "toyz", "films").unknown == ("toyz",)


def test_own_lists_are_used_in_any_case_and_may_take_a_place_of_the_catalogue() -> None:
    mine, mirror = source("mine"), source("toys", url="https://mirror.example/")
    found = chosen("auto", needed={"games"}, own=(mine, mirror))
    assert {each.slug: each.url for each in found.sources} == {
        "toys": "https://mirror.example/",
        "mine": "https://lists.example/",
    }
    assert found.own == {"mine", "toys"}
    assert slugs(chosen(own=(mine,))) == ["mine"]


# --- what fits -----------------------------------------------------------------------------------


def test_the_largest_stay_out_where_memory_is_short() -> None:
    huge = source("huge", names=901)
    found = chosen("auto", needed={"games", "piracy"}, own=(huge,))
    assert slugs(found) == ["toys", "films"]
    assert [each.slug for each in found.too_large] == ["huge"]
    assert found.max_names == 1000


def test_what_a_copy_holds_counts_and_not_what_was_said_of_it() -> None:
    found = chosen("auto", needed={"games", "piracy"}, known={"toys": 1001, "films": 0})
    assert slugs(found) == ["films"]


# --- what is needed ------------------------------------------------------------------------------

OFFER = AvailableLists(
    sources=CATALOGUE,
    security=frozenset({"malware"}),
    contacts={"clubchat": Contact.STRANGERS, "paint": Contact.NONE},
)


def needed(*households: Household) -> frozenset[str]:
    return needed_subjects(households, OFFER)


def house(**fields: Any) -> Household:
    """Return a household of Mia, guests being Ada's, with what Mia has."""
    mia = replace(MIA, **{"security": False, **fields})
    return family(mia, replace(ADA, security=False), guest="ada")


@pytest.mark.parametrize(
    ("fields", "subjects"),
    [
        ({}, set()),
        ({"categories": frozenset({"games"})}, {"games"}),
        ({"services": frozenset({"paint"})}, {"paint"}),
        ({"contacts": frozenset({Contact.STRANGERS})}, {"clubchat"}),
        ({"security": True}, {"malware"}),
        ({"bypass": True}, {"bypass"}),
    ],
)
def test_what_some_profile_blocks_is_needed(fields: dict[str, Any], subjects: set[str]) -> None:
    assert needed(house(**fields)) == subjects


def test_the_built_in_guest_counts_where_nobody_else_stands_for_guests() -> None:
    assert needed(replace(house(), guest="")) == {"adult", "gambling", "malware"}


def test_all_households_count() -> None:
    one, two = house(categories=frozenset({"games"})), house(bypass=True)
    assert needed(one, two) == {"games", "bypass"}


def test_what_ships_can_be_chosen_from() -> None:
    shipped = available_lists(read_files(bundled_text))
    assert {"malware", "phishing"} <= shipped.security
    assert "games" not in shipped.security
    assert shipped.contacts["roblox"] is Contact.STRANGERS
    assert all(each.url.startswith("https://") for each in shipped.sources)


def test_settings_household_and_memory_decide_together() -> None:
    own = OwnSource(
        slug="mine",
        url="https://lists.example/mine",
        category="games",
        format="hosts",
        match="exact",
        names=5000,
    )
    house_of_games = [house(categories=frozenset({"games"}))]
    by_memory = choose_for(SourceSettings(own=(own,)), OFFER, house_of_games, 2 << 20, {})
    assert (slugs(by_memory), by_memory.max_names) == (["toys"], 4000)
    settings = SourceSettings(own=(own,), max_names=10_000)
    as_set = choose_for(settings, OFFER, house_of_games, 2 << 20, {})
    assert slugs(as_set) == ["toys", "mine"]
    mine = as_set.sources[1]
    assert (mine.format, mine.match, mine.title) == (ListFormat.HOSTS, MatchKind.EXACT, "mine")


# --- what is told --------------------------------------------------------------------------------


def test_what_is_missing_is_said_plainly() -> None:
    assert missing_message([], 3) == ""
    assert (
        missing_message(["a"], 3)
        == "not fully protected yet: 1 of 3 lists is not downloaded yet (a)"
    )
    many = missing_message(list("abcdefg"), 9)
    assert many == (
        "not fully protected yet: 7 of 9 lists are not downloaded yet (a, b, c, d, e ...)"
    )
