"""Tests of reading lists: what is used, what is left out, and what is refused whole."""

import sys
import time
import tracemalloc
from contextlib import suppress

import pytest

from copdns.lists.parse import (
    MAX_LINE,
    MAX_PROBLEMS,
    ListFormat,
    ParsedList,
    SkippedLine,
    SkipReason,
    parse_list,
)
from copdns.model.errors import ListError
from copdns.model.matchers import Matcher, MatchKind


def names(parsed: ParsedList) -> list[str]:
    return sorted(str(matcher) for matcher, allow in parsed.entries if not allow)


@pytest.mark.parametrize(
    ("form", "match", "line", "entry"),
    [
        (ListFormat.DOMAINS, None, "a.example", "=a.example"),
        (ListFormat.DOMAINS, MatchKind.EXACT, "*.a.example", "*.a.example"),
        (ListFormat.DOMAINS, MatchKind.SUBTREE, "a.example", "a.example"),
        (ListFormat.DOMAINS, MatchKind.SUBTREE, "*.a.example", "a.example"),
        (ListFormat.DOMAINS, None, ".a.example", "a.example"),
        (ListFormat.WILDCARD, None, "*.a.example", "a.example"),
        (ListFormat.WILDCARD, None, "a.example", "a.example"),
        (ListFormat.WILDCARD, MatchKind.EXACT, "*.a.example", "*.a.example"),
        (ListFormat.WILDCARD, MatchKind.EXACT, "a.example", "=a.example"),
        (ListFormat.WILDCARD, MatchKind.EXACT, ".a.example", "a.example"),
        (ListFormat.HOSTS, None, "0.0.0.0 a.example", "=a.example"),
        (ListFormat.HOSTS, MatchKind.SUBTREE, "0.0.0.0 a.example", "a.example"),
    ],
)
def test_what_a_line_stands_for_is_said_by_the_form_and_the_lists_match(
    form: ListFormat, match: MatchKind | None, line: str, entry: str
) -> None:
    assert names(parse_list(line, form, match)) == [entry]


@pytest.mark.parametrize(
    "line",
    [
        "Games.Example",
        "games.example.",
        "  games.example\t",
        "games.example # loud",
        "games.example#loud",
        "games.example\r",
        "\ufeffgames.example",
        "# games\n\n! more\n; and more\ngames.example\n\n",
    ],
)
def test_spelling_comments_and_line_ends_do_not_matter(line: str) -> None:
    parsed = parse_list(line, ListFormat.DOMAINS)
    assert names(parsed) == ["=games.example"]
    assert parsed.unused == {}


def test_names_of_other_scripts_become_a_labels_and_underscores_stay() -> None:
    assert names(parse_list("bücher.example\n_a.b_c.example", ListFormat.DOMAINS)) == [
        "=_a.b_c.example",
        "=xn--bcher-kva.example",
    ]


def test_a_hosts_line_has_an_address_and_any_number_of_names() -> None:
    text = "127.0.0.1 a.example  b.example # c.example\n::1\tc.example\nfe80::1%lo0 d.example\n"
    assert names(parse_list(text, ListFormat.HOSTS)) == [
        "=a.example",
        "=b.example",
        "=c.example",
        "=d.example",
    ]


def test_the_head_of_a_hosts_file_does_not_block_the_machine_itself() -> None:
    text = (
        "127.0.0.1 localhost localhost.localdomain local\n255.255.255.255 broadcasthost\n"
        "ff02::1 ip6-allnodes\nfe80::1%lo0 localhost\n0.0.0.0 0.0.0.0\n0.0.0.0 ads.example\n"
    )
    parsed = parse_list(text, ListFormat.HOSTS)
    assert names(parsed) == ["=ads.example"]
    assert parsed.unused == {SkipReason.LOCAL: 6, SkipReason.ADDRESS: 1}


@pytest.mark.parametrize(
    ("form", "line", "reason"),
    [
        (ListFormat.DOMAINS, "com", SkipReason.SUFFIX),
        (ListFormat.WILDCARD, "*.com", SkipReason.SUFFIX),
        (ListFormat.WILDCARD, "*.co.uk", SkipReason.SUFFIX),
        (ListFormat.DOMAINS, ".gouv.fr", SkipReason.SUFFIX),
        (ListFormat.HOSTS, "0.0.0.0 nas", SkipReason.SUFFIX),
        (ListFormat.DOMAINS, "192.0.2.1", SkipReason.ADDRESS),
        (ListFormat.DOMAINS, "198.51.100.0/24", SkipReason.ADDRESS),
        (ListFormat.DOMAINS, "2001:db8::1", SkipReason.ADDRESS),
        (ListFormat.WILDCARD, "*.192.0.2.1", SkipReason.ADDRESS),
        (ListFormat.DOMAINS, "http://a.example", SkipReason.URL),
        (ListFormat.DOMAINS, "HTTPS://a.example/", SkipReason.URL),
        (ListFormat.DOMAINS, "ads*.example", SkipReason.PATTERN),
        (ListFormat.WILDCARD, "*", SkipReason.PATTERN),
        (ListFormat.WILDCARD, "*.*.a.example", SkipReason.PATTERN),
        (ListFormat.HOSTS, "0.0.0.0 *.a.example", SkipReason.PATTERN),
        (ListFormat.DOMAINS, "a..example", SkipReason.NAME),
        (ListFormat.DOMAINS, "||a.example^", SkipReason.NAME),
        (ListFormat.DOMAINS, "address=/a.example/#", SkipReason.NAME),
        (ListFormat.DOMAINS, "a.example.123", SkipReason.NAME),
        (ListFormat.DOMAINS, "a" * 64 + ".example", SkipReason.NAME),
        (ListFormat.DOMAINS, "\ufffd.example", SkipReason.NAME),
        (ListFormat.DOMAINS, ".", SkipReason.NAME),
        (ListFormat.DOMAINS, "localhost", SkipReason.LOCAL),
        (ListFormat.DOMAINS, "0.0.0.0 a.example", SkipReason.SYNTAX),
        (ListFormat.HOSTS, "a.example", SkipReason.SYNTAX),
        (ListFormat.HOSTS, "0.0.0.0", SkipReason.SYNTAX),
        (ListFormat.HOSTS, "a.example b.example", SkipReason.SYNTAX),
        (ListFormat.DOMAINS, "a" * MAX_LINE + ".example", SkipReason.LONG),
    ],
)
def test_what_cannot_be_used_is_counted_with_its_reason(
    form: ListFormat, line: str, reason: SkipReason
) -> None:
    parsed = parse_list(line, form)
    assert parsed.used_count == 0
    assert parsed.unused == {reason: 1}


def test_an_exact_name_may_be_one_below_which_others_register() -> None:
    assert names(parse_list("co.uk", ListFormat.DOMAINS, MatchKind.EXACT)) == ["=co.uk"]


def test_a_name_counts_once() -> None:
    parsed = parse_list("a.example\nA.example.\n*.a.example\n", ListFormat.WILDCARD)
    assert names(parsed) == ["a.example"]
    assert parsed.used_count == 1
    assert parsed.unused == {SkipReason.DUPLICATE: 2}
    assert parsed.problems == ()  # nothing that needs mending


def test_a_name_and_all_below_it_in_two_lines_are_its_subtree() -> None:
    parsed = parse_list(
        "a.example\n*.a.example\n*.b.example\nb.example\nb.example\n", ListFormat.DOMAINS
    )
    assert names(parsed) == ["a.example", "b.example"]
    assert parsed.unused == {SkipReason.DUPLICATE: 3}


def test_the_first_few_problems_come_with_their_lines() -> None:
    parsed = parse_list("# head\na.example\nb.\x07example\n" + "com\n" * 9, ListFormat.DOMAINS)
    assert parsed.problems[:2] == (
        SkippedLine(3, SkipReason.NAME, r"b.\x07example"),
        SkippedLine(4, SkipReason.SUFFIX, "com"),
    )
    assert len(parsed.problems) == MAX_PROBLEMS
    assert parsed.unused[SkipReason.SUFFIX] == 9


@pytest.mark.parametrize("pages", ["http://p.example/path", "p.example/path", "p.example/?q=1"])
def test_a_list_of_pages_is_refused_and_never_widened_to_their_sites(pages: str) -> None:
    text = "".join(f"{number}.example\n" for number in range(8)) + f"{pages}\n"
    with pytest.raises(ListError, match=r"list of pages \(1 of 9 lines"):
        parse_list(text, ListFormat.DOMAINS)


def test_a_page_among_ten_names_is_only_left_out() -> None:
    text = "".join(f"{number}.example\n" for number in range(9)) + "p.example/path\n"
    parsed = parse_list(text, ListFormat.DOMAINS)
    assert parsed.used_count == 9
    assert parsed.unused == {SkipReason.PAGE: 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<!DOCTYPE html>\n<html>a.example", "web page"),
        ("\n  <HTML>\n<body>", "web page"),
        ("\x1f\x8b\x08\0\0a.example", "not text"),
    ],
)
def test_what_a_failed_download_leaves_is_refused(text: str, words: str) -> None:
    with pytest.raises(ListError, match=words):
        parse_list(text, ListFormat.DOMAINS)


def test_a_list_without_names_is_empty() -> None:
    assert parse_list("", ListFormat.DOMAINS) == ParsedList({}, {}, {})
    assert parse_list("# nothing yet\n", ListFormat.HOSTS) == ParsedList({}, {}, {})


def test_the_exceptions_of_a_list_are_kept_apart_from_what_it_blocks() -> None:
    parsed = parse_list(
        "||a.example^\n@@||b.a.example^\n@@||a.example^\nc.example\n", ListFormat.ADBLOCK
    )
    assert parsed.blocks == {"a.example": MatchKind.SUBTREE, "c.example": MatchKind.EXACT}
    assert parsed.allows == {"b.a.example": MatchKind.SUBTREE, "a.example": MatchKind.SUBTREE}
    assert parsed.used_count == 4
    assert (Matcher("b.a.example"), True) in set(parsed.entries)


def test_rules_of_an_ad_blocker_say_themselves_what_they_stand_for() -> None:
    for match in (None, MatchKind.EXACT, MatchKind.SUBTREE):
        parsed = parse_list(
            "||a.example^\nb.example\n0.0.0.0 c.example\n", ListFormat.ADBLOCK, match
        )
        assert names(parsed) == ["=b.example", "=c.example", "a.example"]


def test_pages_of_an_ad_blockers_list_are_not_widened_to_their_sites_either() -> None:
    text = "".join(f"||{number}.example^\n" for number in range(8)) + "||p.example/path^\n"
    with pytest.raises(ListError, match=r"list of pages \(1 of 9 lines"):
        parse_list(text, ListFormat.ADBLOCK)


def test_lines_have_the_same_numbers_however_long_the_list_is() -> None:
    many = "".join(f"{number}.example\r\n" for number in range(100_000))
    parsed = parse_list(f"{many}com\n{many}*\n", ListFormat.DOMAINS)
    assert parsed.used_count == 100_000
    assert parsed.unused == {
        SkipReason.DUPLICATE: 100_000,
        SkipReason.SUFFIX: 1,
        SkipReason.PATTERN: 1,
    }
    assert [each.line for each in parsed.problems] == [100_001, 200_002]


@pytest.mark.parametrize(
    ("form", "line"),
    [
        (ListFormat.DOMAINS, "{}"),
        (ListFormat.WILDCARD, "*.{}"),
        (ListFormat.HOSTS, "0.0.0.0 {} # as written by many"),
        (ListFormat.ADBLOCK, "||{}^"),
    ],
)
def test_a_long_list_is_read_in_a_moment(form: ListFormat, line: str) -> None:
    text = "\n".join(line.format(f"host{each}.site{each % 97}.example") for each in range(100_000))
    start = time.process_time()
    assert parse_list(text, form).used_count == 100_000
    assert time.process_time() - start < 0.5  # a million in some 0.7 seconds


def test_reading_a_list_takes_the_memory_of_its_names_and_little_more() -> None:
    text = "\n".join(f"||host{each}.site{each % 97}.example^" for each in range(100_000))
    tracemalloc.start()
    try:
        parsed = parse_list(text, ListFormat.ADBLOCK)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    names = sys.getsizeof(parsed.blocks) + sum(map(sys.getsizeof, parsed.blocks))
    assert most < names + 4_000_000  # one part of the text, and a dict that just grew


HOSTILE = (
    "a.example\n" * 20_000,  # no blank, so no line seems to end
    "/" * 4_000 + "\n",
    f"||a.example^$client={chr(39) * 4_000}\n",
    f"||a.example^$denyallow={'a|' * 2_000}a\n",
    f"{'|' * 2_000}{'^' * 2_000}\n",
    "local-zone:" + " " * 4_000 + "\n",
    "address=" + "/" * 4_000 + "\n",
    f"{'*.' * 2_000}example CNAME .\n",
)


@pytest.mark.parametrize("form", [form for form in ListFormat if form is not ListFormat.HASHED])
def test_no_text_takes_longer_than_its_length_allows(form: ListFormat) -> None:
    start = time.process_time()
    for text in HOSTILE:
        with suppress(ListError):
            parse_list(text, form)
    assert time.process_time() - start < 2.0
