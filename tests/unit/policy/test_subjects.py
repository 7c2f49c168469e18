"""Which names a category, a service, a list or a name means."""

from __future__ import annotations

import pytest

from copdns.model.times import Topic, TopicKind, parse_subject
from copdns.policy.subjects import SubjectMatcher, list_numbers
from tests.household import library

LISTS = library(
    categories={"games": ["games.example", "!fair.games.example"]},
    more={"second-games": ("games", ["dice.example", "fair.games.example"])},
    services={"tube": ["tube.example"], "games": ["play.example"]},
).index


def covers(about: str, name: str) -> bool:
    return SubjectMatcher((parse_subject(about),), LISTS.infos).covers(name, LISTS.find(name))


@pytest.mark.parametrize(
    ("about", "name", "covered"),
    [
        ("category:games", "games.example", True),
        ("category:games", "chess.games.example", True),
        ("category:games", "dice.example", True),  # by another list of the category
        ("category:games", "play.example", False),  # a service of the same name
        ("service:games", "play.example", True),
        ("service:tube", "www.tube.example", True),
        ("list:second-games", "dice.example", True),
        ("list:second-games", "games.example", False),
        ("list:games-list", "fair.games.example", False),  # the list's own exception
        ("category:games", "fair.games.example", True),  # which lifts no other list
        ("tube.example", "www.tube.example", True),
        ("=tube.example", "www.tube.example", False),
        ("*.tube.example", "tube.example", False),
        ("category:nothing", "games.example", False),
    ],
)
def test_a_subject_means_these_names_and_no_others(about: str, name: str, covered: bool) -> None:
    assert covers(about, name) is covered


def test_a_category_is_all_of_its_lists() -> None:
    found = list_numbers(Topic(TopicKind.CATEGORY, "games"), LISTS.infos)
    slugs = {info.slug for info in LISTS.infos if info.number in found}
    assert slugs == {"games-list", "second-games"}


def test_nothing_reaches_no_name_and_says_so() -> None:
    assert not SubjectMatcher((), LISTS.infos)
    assert not SubjectMatcher((), LISTS.infos).covers("games.example", LISTS.find("games.example"))


def test_more_lists_can_be_named_by_their_numbers() -> None:
    found = list_numbers(Topic(TopicKind.SERVICE, "tube"), LISTS.infos)
    assert SubjectMatcher((), LISTS.infos, found).covers("tube.example", LISTS.find("tube.example"))
