"""What a guardian reads about a verdict: the same reasons, told about somebody else."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from copdns.model.verdict import Action, Reason, Verdict
from copdns.web.languages import phrases_in
from copdns.words import child
from copdns.words.child import sentence
from copdns.words.child_reasons import REASONS as TO_THE_CHILD
from copdns.words.child_reasons import Key
from copdns.words.desk import CATEGORIES, REASONS, STARTER, category_name, why
from copdns.words.levels import Level
from copdns.words.phrases import placeholders
from tests.reading import longest

MONDAY = 1_764_025_200.0  # 2025-11-24 23:00 UTC
TO_A_CHILD = re.compile(r"\b(you|your|yours|yourself)\b", re.IGNORECASE)


def said(verdict: Verdict) -> str:
    """Return the sentence as a guardian reads it, without the marks for direction."""
    title = "<{} {}>".format
    told = sentence(why(verdict), phrases_in("en"), title, MONDAY, "UTC", category_name)
    return re.sub("[\u2068\u2069]", "", told)


def test_it_is_told_about_somebody_else() -> None:
    assert said(Verdict(Action.BLOCK, Reason.SCHEDULE, 8)) == (
        "The schedule turns the internet off at this time."
    )
    told = said(Verdict(Action.ALLOW, Reason.DEFAULT, 15))
    assert told == "A site that nothing blocks is allowed."
    assert said(Verdict(Action.ALLOW, Reason.RULE, 10, rule="chess.example")) == (
        "The site rule for chess.example allows it."
    )


def test_a_sentence_that_speaks_of_nobody_is_the_one_that_older_children_read() -> None:
    verdict = Verdict(Action.BLOCK, Reason.LEGAL, 3)
    assert why(verdict) == child.why(verdict, Level.FULL)


def test_a_starter_list_does_not_repeat_its_category() -> None:
    closed = Verdict(Action.BLOCK, Reason.CATEGORY, 13, category="gambling")
    assert said(replace(closed, list="bets")).endswith("The site is on this list: <list bets>.")
    assert said(replace(closed, list="starter-gambling")) == (
        "This category is blocked: Gambling. The site is on copdns's own list for it."
    )


@pytest.mark.parametrize("key", TO_THE_CHILD)
def test_every_reason_has_a_form_that_speaks_to_no_child(key: Key) -> None:
    form = REASONS.get(key) or TO_THE_CHILD[key].full
    assert not TO_A_CHILD.search(form.text)


def test_the_forms_stand_in_their_context_and_lose_nothing_of_the_childs() -> None:
    assert all(each.context == "desk" for each in (STARTER, *REASONS.values()))
    for key, form in REASONS.items():
        full = TO_THE_CHILD[key].full
        assert placeholders(form.text) == placeholders(full.text)
        assert form.text != full.text


def test_every_category_has_a_name_for_guardians() -> None:
    assert set(CATEGORIES) == set(child.CATEGORIES)


def test_english_sentences_are_short() -> None:
    assert longest(each.text for each in (STARTER, *REASONS.values())) <= 18
