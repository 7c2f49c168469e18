"""What a schedule, a budget or a permission is about, as people write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.errors import CopdnsError
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.times import Subject, Topic, TopicKind, parse_subject
from tests.unit.households import subjects


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("category:games", Topic(TopicKind.CATEGORY, "games")),
        (" service: youtube ", Topic(TopicKind.SERVICE, "youtube")),
        ("list:some-list", Topic(TopicKind.LIST, "some-list")),
        ("Games.Example", Matcher("games.example")),
        ("*.games.example", Matcher("games.example", MatchKind.BELOW)),
        ("=games.example", Matcher("games.example", MatchKind.EXACT)),
    ],
)
def test_a_subject_is_a_topic_or_a_name(text: str, about: Subject) -> None:
    assert parse_subject(text) == about


@given(subjects)
def test_a_subject_is_read_as_it_is_written(about: Subject) -> None:
    assert parse_subject(str(about)) == about


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("categorie:games", "write category:games, service:youtube"),
        ("category:", "'' is not a valid id"),
        ("service:You Tube", "'You Tube' is not a valid id"),
        ("games", "is not a website"),
        ("", "needs a domain"),
    ],
)
def test_what_is_neither_is_told_with_what_could_be(text: str, told: str) -> None:
    with pytest.raises((ValueError, CopdnsError), match=told):
        parse_subject(text)


@given(st.text(max_size=30))
def test_any_other_text_is_refused_in_words(text: str) -> None:
    try:
        about = parse_subject(text)
    except (ValueError, CopdnsError):
        return
    assert parse_subject(str(about)) == about
