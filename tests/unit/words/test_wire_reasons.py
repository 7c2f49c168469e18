"""The reason of a block as it travels with an answer: short, in every language, about nobody."""

from __future__ import annotations

from typing import Any

import pytest

from copdns.model.verdict import Action, Reason, Verdict
from copdns.web.languages import phrases_in
from copdns.words.levels import Level
from copdns.words.phrases import LANGUAGES
from copdns.words.wire_reasons import WireReader, wire_reason
from tests.household import NOW
from tests.reading import has_word

NAME = "chess.games.example"
TITLES = {"youtube": "YouTube", "starter-gambling": "Gambling", "big-list": "Big list"}
PRIVATE = ("Example family", "mia", "Mia", "tom", "Tom", "Mia's tablet")


def verdict(reason: Reason, **fields: Any) -> Verdict:
    return Verdict(Action.BLOCK, reason, 13, **fields)


def told(found: Verdict, level: Level = Level.FULL, language: str = "en") -> str:
    reader = WireReader(
        phrases_in(language),
        level,
        lambda kind, slug: TITLES.get(slug, ""),
        PRIVATE,
        NOW,
        "UTC",
        "why.home.arpa",
    )
    return wire_reason(found, NAME, reader)


def test_it_says_why_until_when_and_where_more_is_told() -> None:
    bedtime = verdict(Reason.SCHEDULE, ends_text="Mon 07:00")
    assert told(bedtime, Level.PLAIN) == (
        "The internet is off for you at this time of day. It comes back on: Monday 07:00. "
        "Find out more: why.home.arpa"
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("level", Level)
def test_it_is_short_in_every_language(language: str, level: Level) -> None:
    for reason in Reason:
        text = told(
            verdict(
                reason,
                category="gambling",
                service="youtube",
                list="big-list",
                rule="*.games.example",
                ends_text="Mon 07:00",
            ),
            level,
            language,
        )
        assert len(text.encode()) < 450
        assert "why.home.arpa" in text
        assert "http" not in text


def test_only_a_language_that_runs_from_right_to_left_has_marks_for_it() -> None:
    found = verdict(Reason.RULE, rule="games.example")
    assert "\u2068" in told(found, language="ar")
    assert not {"\u2068", "\u2069"} & set(told(found))


def test_a_list_with_a_name_of_the_households_own_is_not_named() -> None:
    found = verdict(Reason.CATEGORY, category="gambling", list="what-mia-may-not")
    assert told(found).startswith("This kind of site is blocked: Gambling.")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            verdict(Reason.SERVICE, service="mias-games"),
            "Someone at home set a rule that blocks it: chess.games.example.",
        ),
        (
            verdict(Reason.CONTACT, service="mias-games", contact="strangers"),
            "Someone at home set a rule that blocks it: chess.games.example.",
        ),
        (
            verdict(Reason.CATEGORY, category="mias-own", list="big-list"),
            "Someone at home set a rule that blocks it: chess.games.example.",
        ),
        (
            verdict(Reason.BUDGET, service="mias-games", ends_text="Mon 00:00"),
            "You've used today's limit: chess.games.example.",
        ),
        (
            verdict(Reason.RULE, rule="*.mia.games.example"),
            "Someone at home set a rule that blocks it: chess.games.example.",
        ),
    ],
)
def test_what_the_household_named_itself_is_told_without_its_name(
    found: Verdict, said: str
) -> None:
    text = told(found)
    assert text.startswith(said)
    assert not has_word(text.lower(), "mia")
