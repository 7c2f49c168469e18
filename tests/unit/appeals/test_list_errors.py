"""A name that is vouched for is a list's mistake; whatever else closed it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.appeals.appeal import contest
from copdns.appeals.list_errors import (
    NOTE,
    WrongEntry,
    check_entries,
    count_returned_names,
    is_list_error,
    open_for_everyone,
    still_listed,
    vouched_names,
    what_closes,
)
from copdns.household.check import KnownIds
from copdns.list_files.load import bundled_presets, bundled_text
from copdns.lists.catalogue import read_files
from copdns.lists.index import Index
from copdns.model.verdict import Action, Reason, Verdict
from tests.household import MIA, NOW, allow, family, library, live, policy
from tests.unit.appealing import AT

LEARN = "learn.example"


def vouches(name: str) -> bool:
    lists = library(
        protected={
            "child_helpline": ["help.example"],
            "education_reference": [LEARN],
            "os_time": ["clock.example"],
        }
    )
    return vouched_names(lists, bundled_presets().values())(name)


def test_help_learning_and_what_presets_allow_are_vouched_for_and_nothing_else() -> None:
    assert all(map(vouches, ["help.example", f"www.{LEARN}", "pbskids.org"]))
    assert not any(map(vouches, ["clock.example", "games.example", "notpbskids.org"]))


@pytest.mark.parametrize(
    ("verdict", "error"),
    [
        (Verdict(Action.BLOCK, Reason.CATEGORY, 13, "games", list="games"), True),
        (Verdict(Action.BLOCK, Reason.BYPASS, 11, "bypass", list="bypass"), True),
        (Verdict(Action.BLOCK, Reason.SECURITY, 5, "malware", list="trap"), False),
        (Verdict(Action.BLOCK, Reason.RULE, 10), False),
        (Verdict(Action.BLOCK, Reason.SERVICE, 12, service="tube"), False),
        (Verdict(Action.BLOCK, Reason.SCHEDULE, 8, "games"), False),
        (Verdict(Action.BLOCK, Reason.CATEGORY, 13, "games", via="other.example"), False),
    ],
)
def test_only_a_list_can_be_wrong_about_it(verdict: Verdict, error: bool) -> None:
    assert is_list_error(LEARN, contest(verdict), vouches) is error
    assert not is_list_error("games.example", contest(verdict), vouches)


def test_it_opens_for_everyone_once_and_the_rule_says_why() -> None:
    house, rule = open_for_everyone(family(), LEARN, KnownIds(), AT)
    assert (rule.scope, rule.note) == ("", NOTE)
    assert open_for_everyone(house, LEARN, KnownIds(), AT) == (house, rule)
    lists = library(categories={"games": [LEARN]})
    for person in house.profiles:
        asked = live(house, lists=lists).policy(house.id, person.id)
        assert what_closes(asked, LEARN, NOW) is None


def test_what_closes_a_name_is_what_an_appeal_objects_to() -> None:
    mia = replace(MIA, categories=frozenset({"games"}))
    asked = policy(mia, categories={"games": ["games.example"]}, protected={"x": ["help.example"]})
    found = what_closes(asked, "chess.games.example", NOW, 3)
    assert found is not None
    assert (found.reason, found.category, found.rule, found.revision) == (
        *(Reason.CATEGORY, "games", "games.example", 3),
    )
    assert what_closes(asked, "help.example", NOW) is None


def test_a_list_that_was_wrong_is_checked_again_by_name() -> None:
    error = WrongEntry("learn.example", "games-list", "games")

    def listed(*lines: str) -> bool:
        return still_listed(error, library(categories={"games": lines}).index)

    assert listed("learn.example")
    assert listed("*.example.org", "learn.example")
    assert not listed("games.example")
    assert not listed("learn.example", "!learn.example")
    assert not still_listed(error, library(categories={"other": ["learn.example"]}).index)


def test_only_categories_that_were_thought_harmless_open_by_themselves() -> None:
    low = {
        slug
        for slug, each in read_files(bundled_text).catalogue.categories.items()
        if each.low_harm
    }
    assert low == {"games", "ads"}


# --- the tests of the next version of a list ---

WRONG = WrongEntry("chess.example", "games-list", "games")


def lists_with(*names: str) -> Index:
    return library(categories={"games": names}).index


def test_a_name_that_comes_back_is_told_once_and_of_its_own_list_alone() -> None:
    other = WrongEntry("chess.example", "boards", "games")
    without, again = lists_with("go.example"), lists_with("go.example", "chess.example")
    assert count_returned_names([WRONG, other], without, again) == {"games-list": 1}
    assert count_returned_names([WRONG], again, again) == {}
    assert count_returned_names([WRONG], again, without) == {}
    assert count_returned_names([WRONG], library().index, again) == {"games-list": 1}


@pytest.mark.parametrize(("scope", "closed"), [("", False), ("tom", True), (None, True)])
def test_what_a_rule_opens_stays_open_whatever_the_list_says(
    scope: str | None, closed: bool
) -> None:
    rules = () if scope is None else (allow("chess.example", scope),)
    mia = replace(MIA, categories=frozenset({"games"}))
    lists = {"games": ["chess.example"]}
    at = policy(mia, *rules, categories=lists)
    (found,) = check_entries([WRONG], library(categories=lists).index, [at], NOW)
    assert (found.still, found.closed) == (True, closed)


def test_a_name_that_is_listed_no_more_is_settled() -> None:
    (found,) = check_entries([WRONG], lists_with("go.example"), [], NOW)
    assert (found.still, found.closed) == (False, False)
