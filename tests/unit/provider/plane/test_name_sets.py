"""All lists in one table, as dnsdist reads it: from the whole name upwards, the first entry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import to_wire
from copdns.provider.plane.name_sets import (
    HELP,
    PROTECTED,
    REFERENCE,
    UNTRACED,
    compile_names,
    reduce_set,
    set_text,
    suffix_key,
)
from copdns.provider.plane.snapshot import Layer, ListedNames, NameList, SpecialNames

LAYERS = {"court": Layer.LAW, "malware": Layer.SECURITY} | dict.fromkeys("abc", Layer.FAMILY)


def look_up(table: dict[bytes, bytes], name: str) -> str:
    """Return the set of a name, found as dnsdist finds it."""
    suffix = name
    while suffix:
        if value := table.get(to_wire(suffix)):
            length, colon, both = value.decode().partition(":")
            if not colon:
                return length
            exact, _, below = both.partition("/")
            return exact if int(length) == len(to_wire(name)) else below
        suffix = suffix.partition(".")[2]
    return ""


def listed(special: SpecialNames = SpecialNames(), **names: list[Matcher]) -> dict[bytes, bytes]:  # noqa: B008
    lists = [NameList(slug, LAYERS[slug], tuple(found)) for slug, found in names.items()]
    return compile_names(ListedNames(tuple(lists), special))


@pytest.mark.parametrize(
    ("name", "on"),
    [
        ("games.example", "a"),
        ("www.games.example", "a"),
        ("chess.games.example", "a,b"),  # its own list, and that of the name above
        ("www.chess.games.example", "a,b"),
        ("mygames.example", ""),
        ("example", ""),
        ("exact.example", "c"),
        ("below.exact.example", ""),
        ("below.example", ""),
        ("www.below.example", "c"),
    ],
)
def test_an_entry_has_what_the_names_above_it_bring(name: str, on: str) -> None:
    table = listed(
        a=[Matcher("games.example")],
        b=[Matcher("chess.games.example")],
        c=[
            Matcher("exact.example", MatchKind.EXACT),
            Matcher("below.example", MatchKind.BELOW),
        ],
    )
    assert look_up(table, name) == on


SPECIAL = SpecialNames(
    help=(Matcher("help.example"),),
    protected=(Matcher("safe.example"),),
    reference=(Matcher("words.example"),),
    untraced=(Matcher("stat.help.example"),),
)


@pytest.mark.parametrize(
    ("name", "on"),
    [
        ("help.example", HELP),
        ("a.b.help.example", HELP),
        ("bad.help.example", HELP),  # on a list by mistake
        ("stat.help.example", f"{UNTRACED},a"),
        ("bad.safe.example", PROTECTED),
        ("words.example", f"{REFERENCE},malware"),
    ],
)
def test_what_is_protected_is_on_no_list_that_may_not_block_it(name: str, on: str) -> None:
    names = ["bad.help.example", "stat.help.example", "bad.safe.example", "words.example"]
    table = listed(
        SPECIAL,
        a=[*map(Matcher, names)],
        court=[Matcher("help.example"), Matcher("safe.example")],
        malware=[Matcher("words.example")],
    )
    assert look_up(table, name) == on


LABELS = st.sampled_from(["x", "y", "example"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
MATCHERS = st.lists(st.builds(Matcher, NAMES, st.sampled_from(MatchKind)), max_size=6)
SLUGS = ("a", "b", "court", "malware")


@given(st.fixed_dictionaries(dict.fromkeys(SLUGS, MATCHERS)), MATCHERS, MATCHERS, NAMES)
def test_a_name_is_on_the_lists_whose_matchers_cover_it(
    lists: dict[str, list[Matcher]], help_names: list[Matcher], words: list[Matcher], name: str
) -> None:
    special = SpecialNames(help=tuple(help_names), reference=tuple(words))
    every = {**lists, HELP: help_names, REFERENCE: words}
    on = {slug for slug, found in every.items() if any(each.covers(name) for each in found)}
    assert look_up(listed(special, **lists), name) == set_text(reduce_set(frozenset(on), LAYERS))


def test_the_root_is_no_exception() -> None:
    with pytest.raises(ValueError, match="root"):
        suffix_key("")
