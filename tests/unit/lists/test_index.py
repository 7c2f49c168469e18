"""Tests of finding the list entries that cover a name: in memory, and in the compiled index."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.lists import trie
from copdns.lists.index import DictIndex, Entry, Index, ListInfo, ListKind
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import from_wire
from tests.unit.lists.indexes import compiled, in_memory

Build = Callable[..., Index]  # of lists of rules, and their kind


@pytest.fixture(params=["memory", "trie", "table"])
def index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Build:
    """An index in memory; and compiled, with its keys in a trie, and in the table of machines where
    marisa-trie is missing."""
    if request.param == "memory":
        return in_memory
    if request.param == "table":
        monkeypatch.setattr(trie, "marisa_trie", None)
    assert trie.key_form() == request.param
    return compiled


def found(built: Index, qname: str) -> list[tuple[int, str]]:
    return [
        (entry.list, str(Matcher(entry.name, entry.match)))
        for entry in built.find(qname)
        if not entry.allow
    ]


@pytest.mark.parametrize(
    ("qname", "covered"),
    [
        ("ads.example", True),  # the listed name
        ("eu.ads.example", True),  # a name under it
        ("a.b.c.ads.example", True),
        ("loads.example", False),  # same letters, another label
        ("s.example", False),
        ("example", False),
        ("ads.example.org", False),
        ("", False),
    ],
)
def test_a_listed_name_covers_its_subtree_and_no_more(
    index: Build, qname: str, covered: bool
) -> None:
    assert bool(index(["ads.example"]).find(qname)) is covered


@pytest.mark.parametrize(
    ("rule", "itself", "below"),
    [("a.example", True, True), ("*.a.example", False, True), ("=a.example", True, False)],
)
def test_exact_below_and_subtree_are_told_apart(
    index: Build, rule: str, itself: bool, below: bool
) -> None:
    built = index([rule])
    assert bool(built.find("a.example")) is itself
    assert bool(built.find("x.a.example")) is below
    assert bool(built.find("y.x.a.example")) is below


def test_entries_come_with_the_longest_name_first_whatever_list_they_are_from(index: Build) -> None:
    built = index(["example.org", "=www.a.example.org"], ["a.example.org"])
    assert found(built, "www.a.example.org") == [
        (0, "=www.a.example.org"),
        (1, "a.example.org"),
        (0, "example.org"),
    ]


def test_one_name_may_stand_in_many_lists_and_in_many_ways(index: Build) -> None:
    built = index(["a.example", "!=a.example"], ["=a.example"], ["*.a.example"])
    assert built.find("a.example") == (
        Entry(0, "a.example", MatchKind.SUBTREE, False),
        Entry(0, "a.example", MatchKind.EXACT, True),
        Entry(1, "a.example", MatchKind.EXACT, False),
    )
    assert found(built, "x.a.example") == [(0, "a.example"), (2, "*.a.example")]


def test_a_dot_inside_a_label_neither_dodges_a_list_nor_trips_it(index: Build) -> None:
    built = index(["ads.example"])
    assert not built.find(from_wire(b"\x0bads.example\x03org\0"))  # one label "ads.example"
    assert not built.find(from_wire(b"\x0bads.example\0"))
    assert not built.find(from_wire(b"\x05x.ads\x07example\0"))
    assert built.find(from_wire(b"\x05x.ads\x03ads\x07example\0"))


@pytest.mark.parametrize("kind", [ListKind.PROTECTED, ListKind.LOCAL])
def test_openings_are_the_names_at_and_above_what_stays_reachable(
    index: Build, kind: ListKind
) -> None:
    assert index(["help.a.example"], kind=kind).open_below == {
        "help.a.example",
        "a.example",
        "example",
    }


def test_an_exception_is_an_opening_and_a_block_is_none(index: Build) -> None:
    assert index(["a.example", "!ok.a.example"]).open_below == {
        "ok.a.example",
        "a.example",
        "example",
    }
    assert index(["a.example"]).open_below == frozenset()


def test_the_numbers_of_entries_lead_to_their_lists(index: Build) -> None:
    built = index(["a.example"], ["b.example"])
    (entry,) = built.find("b.example")
    assert built.infos[entry.list].slug == "list-1"


RULES = st.lists(
    st.builds(
        Matcher,
        st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join),
        st.sampled_from(MatchKind),
    )
)
NAMES = st.lists(st.sampled_from("abc"), max_size=5).map(".".join)


@given(RULES, NAMES)
def test_the_index_finds_what_a_look_through_all_rules_finds(
    rules: list[Matcher], qname: str
) -> None:
    info = ListInfo(0, "list-0", ListKind.CATEGORY, "games", "1")
    built = DictIndex([(info, [(rule, False) for rule in rules])])
    entries = [Matcher(entry.name, entry.match) for entry in built.find(qname)]
    assert sorted(map(str, entries)) == sorted(str(rule) for rule in rules if rule.covers(qname))
    assert [len(each.name) for each in entries] == sorted(
        (len(each.name) for each in entries), reverse=True
    )
