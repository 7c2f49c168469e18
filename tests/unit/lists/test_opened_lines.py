"""Lines of lists that reviewers opened."""

from __future__ import annotations

from copdns.lists.catalogue import Catalogue
from copdns.lists.opened_lines import OpenedLine, open_catalogue
from copdns.model.matchers import Matcher, MatchKind
from tests.household import library

GAMES = Matcher("games.example")


def lists_at(catalogue: Catalogue, name: str) -> list[str]:
    index = catalogue.index
    return [index.infos[each.list].slug for each in index.find(name)]


def test_a_line_is_out_of_its_own_list_only_and_counts_again_later() -> None:
    names = ["games.example", "film.example"]
    both = library(categories={"games": names, "gambling": names})
    opened = open_catalogue(both, [OpenedLine("games-list", GAMES)])
    assert lists_at(opened, "www.games.example") == ["gambling-list"]
    assert sorted(lists_at(opened, "film.example")) == ["gambling-list", "games-list"]
    other = open_catalogue(opened, [OpenedLine("gambling-list", GAMES)])
    assert lists_at(other, "games.example") == ["games-list"]
    assert open_catalogue(other, []).index is both.index


def test_another_line_about_the_name_and_lists_of_the_law_stay() -> None:
    found = library(
        categories={"games": ["=games.example", "example.org"]}, legal=["games.example"]
    )
    law = next(each.slug for each in found.index.infos if each.kind == "legal")
    lines = [OpenedLine("games-list", GAMES), OpenedLine(law, GAMES), OpenedLine("gone", GAMES)]
    assert sorted(lists_at(open_catalogue(found, lines), "games.example")) == ["games-list", law]
    exact = OpenedLine("games-list", Matcher("games.example", MatchKind.EXACT))
    assert lists_at(open_catalogue(found, [exact]), "games.example") == [law]
