"""Tests of the compiled index: it finds what an index in memory finds, on every machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copdns.lists import trie
from copdns.lists.compiled_index import pack, unpack
from copdns.lists.gate import Gate
from copdns.lists.index import DictIndex, ListKind
from copdns.lists.merge import merge
from copdns.lists.small_index import Draft, build_index
from copdns.model.matchers import MatchKind
from tests.unit.lists.indexes import compiled


@pytest.fixture(autouse=True, scope="module", params=["trie", "table"])
def form(request: pytest.FixtureRequest) -> Iterator[str]:
    """Have keys in a trie, and in the table of machines where marisa-trie is missing."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "table":
            patch.setattr(trie, "marisa_trie", None)
        assert trie.key_form() == request.param
        yield request.param


def test_no_names_at_all_are_an_index_too() -> None:
    assert compiled().find("games.example") == ()
    assert compiled([]).infos[0].size == 0


def test_many_different_sets_of_entries_have_room(form: str) -> None:
    lists = [[f"n{name}.example" for name in range(400) if name >> bit & 1] for bit in range(9)]
    built = compiled(*lists)  # as many sets as names, more than an octet can number
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
    unpacked = unpack(memoryview(b"".join(pack(merged, "key"))))
    assert unpacked.statuses == statuses
    assert unpacked.index.infos == shelved.infos
    assert unpacked.index.open_below == shelved.open_below
    for qname in qnames:
        assert unpacked.index.find(qname) == shelved.find(qname)
