"""Tests of the compiled index: it finds what an index in memory finds, on every machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copdns.lists import trie
from copdns.lists.compiled import pack, unpack
from copdns.lists.gate import Gate
from copdns.lists.index import DictIndex, Entry, Index, ListKind
from copdns.lists.merge import merge
from copdns.lists.small_index import Draft, build_index, names_of
from copdns.model.matchers import MatchKind, parse_matcher
from copdns.model.names import from_wire


@pytest.fixture(autouse=True, scope="module", params=["trie", "table"])
def form(request: pytest.FixtureRequest) -> Iterator[str]:
    """Have keys in a trie, and in the table of machines where marisa-trie is missing."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "table":
            patch.setattr(trie, "marisa_trie", None)
        assert trie.key_form() == request.param
        yield request.param


def draft(number: int, lines: Iterable[str], kind: ListKind = ListKind.CATEGORY) -> Draft:
    """Return a list of rules; one that begins with ! is an exception."""
    lines = list(lines)
    return Draft(
        f"list-{number}",
        kind,
        "games",
        "",
        names_of(parse_matcher(line) for line in lines if line[0] != "!"),
        names_of(parse_matcher(line[1:]) for line in lines if line[0] == "!"),
    )


def through_a_file(drafts: list[Draft]) -> Index:
    return unpack(memoryview(b"".join(pack(merge(drafts), "key")))).index


def index(*lists: list[str]) -> Index:
    return through_a_file([draft(number, lines) for number, lines in enumerate(lists)])


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
def test_a_listed_name_covers_its_subtree_and_no_more(qname: str, covered: bool) -> None:
    assert bool(index(["ads.example"]).find(qname)) is covered


@pytest.mark.parametrize(
    ("rule", "itself", "below"),
    [("a.example", True, True), ("*.a.example", False, True), ("=a.example", True, False)],
)
def test_exact_below_and_subtree_are_told_apart(rule: str, itself: bool, below: bool) -> None:
    built = index([rule])
    assert bool(built.find("a.example")) is itself
    assert bool(built.find("x.a.example")) is below
    assert bool(built.find("y.x.a.example")) is below


def test_one_name_may_stand_in_many_lists_and_in_many_ways() -> None:
    built = index(["a.example", "!=a.example"], ["=a.example"], ["*.a.example"])
    assert built.find("a.example") == (
        Entry(0, "a.example", MatchKind.SUBTREE, False),
        Entry(0, "a.example", MatchKind.EXACT, True),
        Entry(1, "a.example", MatchKind.EXACT, False),
    )


def test_a_dot_inside_a_label_neither_dodges_a_list_nor_trips_it() -> None:
    built = index(["ads.example"])
    assert not built.find(from_wire(b"\x0bads.example\x03org\0"))  # one label "ads.example"
    assert not built.find(from_wire(b"\x0bads.example\0"))
    assert not built.find(from_wire(b"\x05x.ads\x07example\0"))
    assert built.find(from_wire(b"\x05x.ads\x03ads\x07example\0"))


def test_no_names_at_all_are_an_index_too() -> None:
    assert index().find("games.example") == ()
    assert index([]).infos[0].size == 0


def test_many_different_sets_of_entries_have_room(form: str) -> None:
    lists = [[f"n{name}.example" for name in range(400) if name >> bit & 1] for bit in range(9)]
    built = index(*lists)  # as many sets as names, more than an octet can number
    assert [entry.list for entry in built.find("n341.example")] == [0, 2, 4, 6, 8]


# Among the labels are escaped octets, as `names.from_wire` writes them.
LABELS = st.sampled_from(["a", "b", "ab", "a\\046b", "\\000"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
QNAMES = st.lists(LABELS, max_size=5).map(".".join)
LISTED = st.dictionaries(NAMES, st.sampled_from(MatchKind), max_size=8)
KINDS = st.sampled_from([ListKind.CATEGORY, ListKind.SECURITY, ListKind.CANARY, ListKind.LOCAL])
DRAFTS = st.lists(st.builds(Draft, NAMES, KINDS, NAMES, NAMES, LISTED, LISTED), max_size=5)
GROUPS = st.lists(
    st.builds(Draft, NAMES, st.just(ListKind.PROTECTED), NAMES, NAMES, LISTED), max_size=1
)


@settings(deadline=None)
@given(GROUPS, DRAFTS, st.lists(QNAMES, max_size=20))
def test_what_is_compiled_is_what_was_shelved(
    groups: list[Draft], drafts: list[Draft], qnames: list[str]
) -> None:
    passed = list(map(Gate(groups).let_through, [*groups, *drafts]))
    shelved, statuses = build_index(passed)
    assert isinstance(shelved, DictIndex)
    merged = merge(passed)
    compiled = unpack(memoryview(b"".join(pack(merged, "key"))))
    assert compiled.statuses == statuses
    assert compiled.index.infos == shelved.infos
    assert compiled.index.open_below == shelved.open_below
    for qname in qnames:
        assert compiled.index.find(qname) == shelved.find(qname)
