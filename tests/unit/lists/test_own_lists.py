"""A list that a household pasted: what becomes of each line."""

from __future__ import annotations

import pytest

from copdns.lists.gate import Gate, GateRules, KnownMistake
from copdns.lists.index import ListKind
from copdns.lists.own_lists import (
    MAX_LETTERS,
    LineOutcome,
    OwnList,
    count_outcomes,
    guess_format,
    read_lines,
    require_usable,
    tidy_text,
)
from copdns.lists.parse import ListFormat
from copdns.lists.small_index import Draft
from copdns.model.errors import HouseholdError, ListError
from copdns.model.matchers import Matcher, MatchKind

TAKEN, IGNORED, REFUSED = LineOutcome
GATE = Gate(
    [Draft("help", ListKind.PROTECTED, "help", "Help", {"help.example": MatchKind.SUBTREE})],
    GateRules(
        whole={"edge.example": frozenset()},
        below={},
        mistakes=(KnownMistake(Matcher("poems.example"), frozenset({"games"})),),
    ),
)


def lines(text: str, form: ListFormat = ListFormat.DOMAINS) -> list[tuple[int, str, str | None]]:
    own = OwnList("boards", "Boards", "games", form, MatchKind.SUBTREE)
    return [(each.line, each.outcome, each.reason) for each in read_lines(own, text, GATE)]


def test_each_line_of_a_plain_list_is_told() -> None:
    text = "# boards\n\ngames.example\nGAMES.example.\n*.games.example\n10.0.0.1\nwhat is this\n"
    text += "edge.example\npoems.example\nsub.help.example\ncom\nlocalhost\n" + "a" * 5000
    assert lines(text) == [
        (3, "taken", None),
        (4, "ignored", "duplicate"),
        (5, "ignored", "duplicate"),
        (6, "ignored", "address"),
        (7, "ignored", "syntax"),
        (8, "refused", "infrastructure"),
        (9, "refused", "mistake"),
        (10, "refused", "protected"),
        (11, "ignored", "suffix"),
        (12, "ignored", "local"),
        (13, "ignored", "long"),
    ]


def test_a_line_of_a_hosts_file_says_what_people_have_to_know_first() -> None:
    text = "0.0.0.0 games.example localhost\n0.0.0.0 more.example edge.example\n0.0.0.0 localhost\n"
    assert lines(text, ListFormat.HOSTS) == [
        (1, "taken", None),
        (2, "refused", "infrastructure"),
        (3, "ignored", "local"),
    ]


def test_rules_of_an_ad_blocker_are_told_too() -> None:
    text = (
        "||games.example^\n@@||a.games.example^\n||games.example^$script\nx.example##.banner\n"
        "||games*.example^\n/^edg/\n@@||help.example^\n||edge.example^$dnstype=A\n"
    )
    assert lines(text, ListFormat.ADBLOCK) == [
        (1, "taken", None),
        (2, "taken", None),
        (3, "ignored", "modifier"),
        (4, "ignored", "cosmetic"),
        (5, "taken", None),
        (6, "refused", "infrastructure"),
        (7, "refused", "protected"),
        (8, "refused", "infrastructure"),
    ]


def test_what_is_no_list_is_refused_as_a_whole() -> None:
    for text in ("<!doctype html><p>", "a.example/page\nb.example/page\n", "a\0b"):
        with pytest.raises(ListError):
            lines(text)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("games.example\nplay.example\n", ListFormat.DOMAINS),
        ("# a hosts file\n127.0.0.1 localhost\n0.0.0.0 games.example\n", ListFormat.HOSTS),
        ("! Title\n||games.example^\n", ListFormat.ADBLOCK),
        ("[Adblock Plus]\n", ListFormat.ADBLOCK),
        ("10.0.0.1\n10.0.0.2\n", ListFormat.DOMAINS),
        ("", ListFormat.DOMAINS),
    ],
)
def test_the_format_is_found_out(text: str, form: ListFormat) -> None:
    assert guess_format(text) is form


def test_a_text_is_kept_with_one_kind_of_line_ending() -> None:
    assert tidy_text("\r\na.example\r\nb.example\r\n\r\n") == "a.example\nb.example\n"


@pytest.mark.parametrize("text", ["", " \r\n ", "x" * (MAX_LETTERS + 1)])
def test_an_empty_or_too_long_text_is_refused(text: str) -> None:
    with pytest.raises(HouseholdError) as caught:
        tidy_text(text)
    assert caught.value.name == "text"


def test_a_list_of_which_nothing_is_used_is_refused() -> None:
    own = OwnList("boards", "Boards", "games", ListFormat.DOMAINS, MatchKind.SUBTREE)
    found = read_lines(own, "edge.example\nwhat is this\n", GATE)
    assert count_outcomes(found) == {TAKEN: 0, IGNORED: 1, REFUSED: 1}
    with pytest.raises(HouseholdError):
        require_usable(found)
