"""Promises of reading lists that hold for any text."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.lists.parse import ListFormat, ParsedList, parse_list
from copdns.model.errors import ListError
from copdns.model.matchers import MatchKind

PIECES = (
    ["", "*.", "||", "@@||", "||*.", "0.0.0.0 ", "@@", "|", "."],
    [
        "a.example",
        "B.example.",
        "bücher.example",
        "192.0.2.1",
        "co.uk",
        "localhost.localdomain",
        "a.example/path",
    ],
)
LINES = st.lists(
    st.one_of(
        st.text(),
        st.text(alphabet="ab.*/:#0 \t%-_é\r!@|^$["),
        st.tuples(
            *map(st.sampled_from, PIECES), st.sampled_from(["", "^", "^$all", " # x", "##x", "\r"])
        ).map("".join),
    )
).map("\n".join)
MATCHES = st.sampled_from([None, MatchKind.EXACT, MatchKind.SUBTREE])


@given(LINES, st.sampled_from(ListFormat), MATCHES)
def test_any_text_gives_names_that_can_be_looked_up_or_a_list_error(
    text: str, form: ListFormat, match: MatchKind | None
) -> None:
    try:
        parsed = parse_list(text, form, match)
    except ListError:
        return
    assert_names_can_be_looked_up(parsed, text)


def assert_names_can_be_looked_up(parsed: ParsedList, text: str) -> None:
    for found in (parsed.blocks, parsed.allows):
        assert (
            parse_list("\n".join(found), ListFormat.DOMAINS, MatchKind.EXACT).blocks.keys()
            == found.keys()
        )
    assert parsed.used_count <= text.count(".") + text.count("\u3002")
    assert all("." in each.name for each, _ in parsed.entries)


@given(LINES, st.sampled_from([ListFormat.DOMAINS, ListFormat.WILDCARD]), MATCHES)
def test_every_line_is_used_or_counted_as_unused_or_says_nothing(
    text: str, form: ListFormat, match: MatchKind | None
) -> None:
    try:
        parsed = parse_list(text, form, match)
    except ListError:
        return
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    telling = [line for line in lines if line.strip() and line.strip()[0] not in "#!;"]
    assert parsed.used_count + sum(parsed.unused.values()) == len(telling)


@given(LINES, st.sampled_from(ListFormat), MATCHES)
def test_the_quick_way_and_the_way_line_by_line_agree(
    text: str, form: ListFormat, match: MatchKind | None
) -> None:
    # A blank before each line keeps it from the quick way, and means nothing; in a zone, where it
    # means the name of the line before, a remark does.
    lines = text.replace("\r", "\n").split("\n")
    if form is ListFormat.RPZ:
        slowly = "\n".join(f"{line} ;" for line in lines)
    else:
        slowly = "\n ".join(["", *lines])
    try:
        quick = parse_list(text, form, match)
    except ListError:
        with pytest.raises(ListError):
            parse_list(slowly, form, match)
        return
    slow = parse_list(slowly, form, match)
    assert (quick.blocks, quick.allows) == (slow.blocks, slow.allows)
    assert quick.unused == slow.unused


NAMES = st.sets(st.from_regex(r"(w[a-z0-9_-]{0,8}\.){1,3}[a-z]{4,9}", fullmatch=True))


@given(NAMES, NAMES)
def test_what_is_written_as_rules_of_an_ad_blocker_is_read_as_it_was_meant(
    blocked: set[str], allowed: set[str]
) -> None:
    rules = [f"||{name}^" for name in blocked] + [f"@@||{name}^" for name in allowed]
    parsed = parse_list("\n".join(rules), ListFormat.ADBLOCK)
    assert parsed.blocks == dict.fromkeys(blocked, MatchKind.SUBTREE)
    assert parsed.allows == dict.fromkeys(allowed, MatchKind.SUBTREE)


@given(st.binary(), st.sampled_from(ListFormat))
def test_any_bytes_read_as_text_do_no_harm(raw: bytes, form: ListFormat) -> None:
    text = raw.decode("utf-8", "replace")
    with suppress(ListError):
        assert_names_can_be_looked_up(parse_list(text, form), text)
