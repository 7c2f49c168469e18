"""Tests of single lines: above all, what a rule for a browser must not do to a whole site."""

import pytest

from copdns.lists.line import ListedName, ListFormat, SkipReason, read_line
from copdns.model.matchers import MatchKind


def read(line: str, form: ListFormat = ListFormat.ADBLOCK) -> list[ListedName | SkipReason]:
    return list(read_line(line, form, MatchKind.EXACT))


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("||a.example^", ListedName("a.example", MatchKind.SUBTREE)),
        ("||A.Example.^", ListedName("a.example", MatchKind.SUBTREE)),
        ("  ||a.example^  ", ListedName("a.example", MatchKind.SUBTREE)),
        ("||a.example^|", ListedName("a.example", MatchKind.SUBTREE)),
        ("||a.example^ # tracks people", ListedName("a.example", MatchKind.SUBTREE)),
        ("||a_b.example^", ListedName("a_b.example", MatchKind.SUBTREE)),
        ("||bücher.example^", ListedName("xn--bcher-kva.example", MatchKind.SUBTREE)),
        ("@@||a.example^", ListedName("a.example", MatchKind.SUBTREE, allow=True)),
        ("@@||a.example^|", ListedName("a.example", MatchKind.SUBTREE, allow=True)),
        ("a.example", ListedName("a.example", MatchKind.EXACT)),
        ("a.example # tracks people", ListedName("a.example", MatchKind.EXACT)),
        ("a.example#tracks", ListedName("a.example", MatchKind.EXACT)),
        ("127.0.0.1 a.example", ListedName("a.example", MatchKind.EXACT)),
        ("::1 a.example", ListedName("a.example", MatchKind.EXACT)),
    ],
)
def test_a_rule_for_a_whole_name_is_used(line: str, named: ListedName) -> None:
    assert read(line) == [named]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "  ",
        "! a.example",
        "# a.example",
        "## Ads ##",
        "#####",
        "#",
        "[Adblock Plus 2.0]",
        "!##x",
    ],
)
def test_comments_and_headers_say_nothing(line: str) -> None:
    assert read(line) == []


@pytest.mark.parametrize(
    "modifier",
    [
        "third-party",
        "script",
        "all",
        "important",
        "badfilter",
        "badfilter  # not a tracker",
        "removeparam=x",
        "domain=b.example",
        "denyallow=b.a.example",
        "client=192.0.2.1",
        "ctag=user_child",
        "dnstype=AAAA",
        "dnsrewrite=NOERROR;CNAME;b.example",
        "",
    ],
)
def test_a_rule_with_any_modifier_is_left_out_whole(modifier: str) -> None:
    assert read(f"||a.example^${modifier}") == [SkipReason.MODIFIER]
    assert read(f"@@||a.example^${modifier}") == [SkipReason.MODIFIER]
    assert read(f"127.0.0.1 a.example${modifier.split()[0] if modifier else ''}") == [
        SkipReason.MODIFIER
    ]


@pytest.mark.parametrize(
    "line",
    [
        "a.example##.ad",
        "##.ad",
        "###banner",
        "a.example,b.example##div #banner",
        "a.example#@#.ad",
        "a.example#?#div:has(> .ad)",
        "a.example#@?#div",
        "a.example#$#body { overflow: auto }",
        "a.example#$?#body",
        "a.example#%#window.ad = 1",
        "#%#//scriptlet('x')",
        "a.example$$script[data-ad]",
        "a.example$@$script",
    ],
)
def test_a_rule_for_what_a_browser_shows_blocks_nothing(line: str) -> None:
    assert read(line) == [SkipReason.COSMETIC]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("||a.example/path^", SkipReason.PAGE),
        ("||a.example/path$script", SkipReason.PAGE),
        ("||a.example^*/path", SkipReason.PAGE),
        ("@@||a.example/path", SkipReason.PAGE),
        ("|https://a.example/path", SkipReason.PAGE),
        ("a.example/path^", SkipReason.PAGE),
        ("||a.example/", SkipReason.URL),
        ("|https://a.example/", SkipReason.URL),
    ],
)
def test_a_page_never_takes_its_site_with_it(line: str, reason: SkipReason) -> None:
    assert read(line) == [reason]


@pytest.mark.parametrize(
    "line",
    [
        "||a.example",
        "||a.example|",
        "||*.a.example^",
        "||ads.*^",
        "@@||ads-*.a.*^",
        "*.a.example",
        "*",
        "|a.example",
        "|a.example^",
        "a.example|",
        "a.example^",
        ".a.example",
        "-ad-300x250.",
        "@@a.example",
        "@@",
        "/^ads[0-9]+\\.example$/",
        "/(/",
        "/banner/*$script",
        "&ad_id=",
    ],
)
def test_a_rule_for_a_part_of_a_name_is_left_out(line: str) -> None:
    assert read(line) == [SkipReason.PATTERN]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("||com^", SkipReason.SUFFIX),
        ("||co.uk^", SkipReason.SUFFIX),
        ("@@||com^", SkipReason.SUFFIX),
        ("||localhost^", SkipReason.LOCAL),
        ("||192.0.2.1^", SkipReason.ADDRESS),
        ("||2001:db8::1^", SkipReason.ADDRESS),
        ("||a..example^", SkipReason.NAME),
        ("||a.example:443^", SkipReason.NAME),
        ("||^", SkipReason.PATTERN),
        ("a.example b.example", SkipReason.SYNTAX),
        ("||a.example^" + "x" * 5000, SkipReason.LONG),
    ],
)
def test_what_is_too_wide_or_no_name_is_left_out_in_this_form_too(
    line: str, reason: SkipReason
) -> None:
    assert read(line) == [reason]


def test_a_hosts_line_gives_each_of_its_names() -> None:
    assert read("0.0.0.0 a.example localhost *.b.example", ListFormat.HOSTS) == [
        ListedName("a.example", MatchKind.EXACT),
        SkipReason.LOCAL,
        SkipReason.PATTERN,
    ]
