"""Tests of what people write in a rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.errors import NameTextError
from copdns.model.matchers import Matcher, MatchKind, parse_matcher, parse_target


@pytest.mark.parametrize(
    ("text", "name", "match"),
    [
        ("games.example", "games.example", MatchKind.SUBTREE),
        ("*.games.example", "games.example", MatchKind.BELOW),
        ("=games.example", "games.example", MatchKind.EXACT),
        (" Games.Example. ", "games.example", MatchKind.SUBTREE),
        ("*.bücher.example", "xn--bcher-kva.example", MatchKind.BELOW),
        ("=nas", "nas", MatchKind.EXACT),
    ],
)
def test_a_prefix_says_which_names_a_rule_covers(text: str, name: str, match: MatchKind) -> None:
    assert parse_matcher(text) == Matcher(name, match)


@pytest.mark.parametrize(
    ("text", "itself", "below"),
    [
        ("games.example", True, True),
        ("*.games.example", False, True),
        ("=games.example", True, False),
    ],
)
def test_a_rule_covers_the_name_those_below_it_or_both(
    text: str, itself: bool, below: bool
) -> None:
    written = parse_matcher(text)
    assert written.covers("games.example") is itself
    assert written.covers("chess.games.example") is below
    assert not written.covers("boardgames.example")  # same letters, another label
    assert not written.covers("example")


@pytest.mark.parametrize("text", ["com", "*.com", "Example.", "*.xn--p1ai"])
def test_a_rule_for_a_whole_top_level_domain_is_refused(text: str) -> None:
    with pytest.raises(NameTextError, match="is not a website; type one such"):
        parse_matcher(text)


@pytest.mark.parametrize("text", ["", " ", ".", "=", "*.", "=."])
def test_a_rule_without_a_name_asks_for_one(text: str) -> None:
    with pytest.raises(NameTextError, match="needs a domain"):
        parse_matcher(text)


@pytest.mark.parametrize("text", ["ads*.example", "*", "**.example", "==a.example", "||a.example^"])
def test_other_signs_are_refused(text: str) -> None:
    with pytest.raises(NameTextError, match="not a valid domain"):
        parse_matcher(text)


@given(st.text(alphabet="ab.*=-_é ", max_size=20))
def test_a_rule_reads_the_same_when_it_is_written_back(text: str) -> None:
    try:
        read = parse_matcher(text)
    except NameTextError:
        return
    assert parse_matcher(str(read)) == read


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("198.51.100.7/24", "198.51.100.0/24"),  # bits of a host are cut
        (" 198.51.100.7 ", "198.51.100.7/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
    ],
)
def test_a_target_can_be_a_network(text: str, network: str) -> None:
    assert parse_target(text) == network


def test_a_target_that_is_no_network_is_a_name() -> None:
    assert parse_target("=games.example") == Matcher("games.example", MatchKind.EXACT)
    with pytest.raises(NameTextError):
        parse_target("198.51.100.0/33")
