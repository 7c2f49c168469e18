"""What a child reads about a verdict: a sentence for each, short, kind, in every language."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import pytest

from copdns.list_files.load import bundled_text
from copdns.lists.drafts import build_small_catalogue
from copdns.model.household import Band
from copdns.model.verdict import Action, Reason, Verdict
from copdns.web.languages import phrases_in
from copdns.words.child import (
    CATEGORIES,
    STEPS,
    about_category,
    category_name,
    every_three,
    hop,
    part_of,
    sentence,
    until,
    what_next,
    why,
)
from copdns.words.child_reasons import REASONS
from copdns.words.levels import Level, level_of
from copdns.words.phrases import LANGUAGES, PSEUDO, placeholders
from tests.reading import average, longest

BLOCK = Verdict(Action.BLOCK, Reason.CATEGORY, 13)
MONDAY = 1_764_025_200.0  # 2025-11-24 23:00 UTC
ABOUT = (
    {},
    {"category": "games"},
    {"service": "youtube"},
    {"rule": "*.games.example"},
)
FULL = {
    "category": "gambling",
    "service": "youtube",
    "list": "starter-gambling",
    "rule": "bets.example",
    "ends_text": "Tue 07:00",
}


def said(verdict: Verdict, level: Level, language: str = "en") -> str:
    """Return the sentence as a child reads it, without the marks for direction."""
    text = sentence(
        why(verdict, level),
        phrases_in(language),
        lambda kind, slug: f"<{kind} {slug}>",
        MONDAY,
        "UTC",
        lambda slug: category_name(slug, level),
    )
    return re.sub("[\u2068\u2069]", "", text)


@pytest.mark.parametrize(
    ("band", "level"),
    [
        (Band.TO_6, Level.PICTURES),
        (Band.TO_9, Level.PICTURES),
        (Band.TO_12, Level.PLAIN),
        (Band.TO_15, Level.FULL),
        (Band.TO_17, Level.FULL),
        (Band.ADULT, Level.FULL),
    ],
)
def test_each_band_is_spoken_to_at_its_level(band: Band, level: Level) -> None:
    assert level_of(band) is level


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("reason", Reason)
def test_every_verdict_has_a_sentence_at_every_level_in_every_language(
    reason: Reason, action: Action
) -> None:
    for about, level, language in product(ABOUT, Level, (*LANGUAGES, PSEUDO)):
        for verdict in (
            Verdict(action, reason, 1, **about),
            replace(Verdict(action, reason, 1, **about), target="x.example", ends_text="Tue 07:00"),
            Verdict(action, reason, 1, **FULL),
        ):
            text = said(verdict, level, language)
            assert len(text) > 5
            assert "%(" not in text


def test_a_list_is_named_to_those_who_read_everything() -> None:
    verdict = Verdict(Action.BLOCK, Reason.CATEGORY, 13, **FULL)
    assert said(verdict, Level.PICTURES) == "This kind of site is blocked: Betting money."
    assert (
        said(verdict, Level.FULL) == "Blocked: Gambling. It's on a list that comes with the filter."
    )
    assert said(replace(verdict, list="bets"), Level.FULL) == (
        "Blocked: Gambling. It's on this list: <list bets>."
    )


def test_a_block_by_contact_tells_who_can_write_there() -> None:
    closed = Verdict(Action.BLOCK, Reason.CONTACT, 12, service="tube", contact="strangers")
    assert said(closed, Level.PICTURES) == (
        "Blocked: <service tube>. Strangers can message you there."
    )
    assert "do not know" in said(closed, Level.PLAIN)
    assert "strangers can contact you" in said(closed, Level.FULL)
    for level in Level:
        known = said(replace(closed, contact="known"), level)
        assert known != said(closed, level) != said(replace(closed, contact=""), level)
        assert "Strangers" not in known


def test_a_limit_of_no_minutes_is_not_said_to_be_used_up() -> None:
    closed = Verdict(Action.BLOCK, Reason.BUDGET, 9, service="tube", no_minutes=True)
    for level in Level:
        assert "used" not in said(closed, level)
        assert re.search("no (time|minutes)", said(closed, level))
    assert "used" in said(replace(closed, no_minutes=False), Level.FULL)


def test_a_schedule_says_what_it_closes() -> None:
    closed = Verdict(Action.BLOCK, Reason.SCHEDULE, 8)
    assert said(closed, Level.PICTURES) == "The internet is off right now."
    assert (
        said(replace(closed, category="games"), Level.PICTURES) == "This is off right now: Games."
    )
    assert "<service youtube>" in said(replace(closed, service="youtube"), Level.PLAIN)
    assert "games.example" in said(replace(closed, rule="games.example"), Level.FULL)


def test_a_rule_that_opens_is_told_as_one() -> None:
    allowed = Verdict(Action.ALLOW, Reason.RULE, 10, rule="chess.example")
    assert said(allowed, Level.PLAIN) == "A grown-up at home allowed this site: chess.example."
    assert "blocked" in said(replace(allowed, action=Action.BLOCK), Level.PLAIN)


def test_a_category_of_the_household_goes_by_the_households_title() -> None:
    verdict = replace(BLOCK, category="my-own")
    assert said(verdict, Level.PICTURES).endswith("blocked: <category my-own>.")


def test_the_end_is_told_where_it_is_known() -> None:
    paused = Verdict(Action.BLOCK, Reason.PAUSED, 7)
    assert until(paused, Level.PLAIN) is None
    told = until(replace(paused, ends_text="Tue 07:00"), Level.PLAIN)
    assert told is not None
    text = sentence(told, phrases_in("en"), lambda kind, slug: slug, MONDAY, "UTC")
    assert text == "It comes back on: \u2068Tuesday 07:00\u2069."
    assert (
        until(Verdict(Action.ALLOW, Reason.GRANTED, 6, ends_text="Tue 07:00"), Level.PLAIN) is None
    )


def test_where_a_name_leads_is_told_when_that_decided() -> None:
    assert hop(BLOCK, Level.FULL) is None
    told = hop(replace(BLOCK, via="ads.example"), Level.FULL)
    assert told is not None
    assert told.values == {"name": "ads.example"}


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (BLOCK, "You can ask a grown-up to unblock it."),
        (replace(BLOCK, reason=Reason.BUDGET), "You can wait. You can ask for more time."),
        (
            replace(BLOCK, reason=Reason.SECURITY),
            "Close the page. Tell a grown-up. You did nothing wrong.",
        ),
        (replace(BLOCK, reason=Reason.LEGAL), "Tell a grown-up. They can find out more."),
        (
            Verdict(Action.REFUSE, Reason.NOT_A_CLIENT, 1),
            "Ask a grown-up to add this device.",
        ),
        (
            Verdict(Action.ALLOW, Reason.UPSTREAM_FILTERED, 16),
            "Tell a grown-up. They can find out more.",
        ),
    ],
)
def test_a_child_is_told_what_it_can_do(verdict: Verdict, text: str) -> None:
    told = what_next(verdict, Level.PICTURES)
    assert told is not None
    assert told.phrase.text == text


@pytest.mark.parametrize("action", [Action.ALLOW, Action.LOCAL, Action.REWRITE])
def test_what_is_open_asks_nothing_of_a_child(action: Action) -> None:
    assert what_next(Verdict(action, Reason.DEFAULT, 15), Level.PLAIN) is None


def test_every_category_has_a_name_and_a_sentence() -> None:
    assert set(CATEGORIES) == {*build_small_catalogue(bundled_text).categories, "bypass"}
    assert all(category_name(slug) and about_category(slug) for slug in CATEGORIES)
    assert category_name("my-own") is None


def test_the_three_levels_stand_in_their_contexts_and_take_what_a_verdict_has() -> None:
    known = {f"%({kind})s" for kind in ("category", "service", "list", "name", "time")}
    for three in every_three():
        assert [each.context for each in three] == ["pictures", "plain", "full"]
        assert all(set(placeholders(each.text)) <= known for each in three)
    assert {reason for reason, _ in REASONS} == set(Reason)


# Words in a sentence, and letters in a word on average; the longer ones are for older children.
BOUNDS = {Level.PICTURES: (10, 4.0), Level.PLAIN: (14, 4.0), Level.FULL: (18, 4.2)}


@pytest.mark.parametrize("level", Level)
def test_english_sentences_are_as_short_as_their_readers_need(level: Level) -> None:
    most, letters = BOUNDS[level]
    texts = [three.at(level).text for three in every_three()]
    assert longest(texts) <= most
    assert average(texts) <= letters


@pytest.mark.parametrize(
    "wrong", ["parent-only", "forbidden", "naughty", "your fault", "bad child"]
)
def test_nothing_blames(wrong: str) -> None:
    texts = [each.text.lower() for three in every_three() for each in three]
    assert not [text for text in texts if wrong in text]


def test_teenagers_read_of_no_grown_ups() -> None:
    texts = [three.at(Level.FULL).text for three in every_three()]
    texts += [phrase.text for both in CATEGORIES.values() for phrase in both]
    texts += [phrase.text for phrase in STEPS.values()]
    assert not [text for text in texts if "grown" in text]


def test_a_child_reads_the_name_of_a_rule_without_its_signs() -> None:
    for rule in ("games.example", "=games.example", "*.games.example"):
        verdict = Verdict(Action.BLOCK, Reason.RULE, 10, rule=rule)
        assert why(verdict, Level.PICTURES).values == {"name": "games.example"}
        assert why(verdict, Level.FULL).values == {"name": rule}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("games.example", "blocked %(name)s."),
        ("=games.example", "blocked this site: %(name)s."),
        ("*.games.example", "blocked parts of %(name)s."),
    ],
)
def test_a_small_child_reads_of_what_a_rule_is_and_of_no_more(rule: str, told: str) -> None:
    verdict = Verdict(Action.BLOCK, Reason.RULE, 10, rule=rule)
    assert why(verdict, Level.PICTURES).phrase.text == f"A grown-up {told}"
    assert why(verdict, Level.PLAIN).phrase.text == f"A grown-up at home {told}"


@pytest.mark.parametrize(
    ("name", "rule", "via", "told"),
    [
        ("chess.games.example", "games.example", "", True),
        ("chess.games.example", "*.games.example", "", True),
        ("games.example", "games.example", "", False),
        ("mygames.example", "games.example", "", False),
        ("games.example", "=games.example", "", False),
        ("chess.games.example", "games.example", "cdn.games.example", False),
    ],
)
def test_a_small_child_is_told_to_which_blocked_site_a_name_belongs(
    name: str, rule: str, via: str, told: bool
) -> None:
    verdict = Verdict(Action.BLOCK, Reason.RULE, 10, rule=rule, via=via)
    for level in (Level.PICTURES, Level.PLAIN):
        found = part_of(name, verdict, level)
        assert (found and found.values) == ({"name": "games.example"} if told else None)
    assert part_of(name, verdict, Level.FULL) is None
