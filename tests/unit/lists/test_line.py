"""Tests of single lines: above all, what a rule for a browser must not do to a whole site."""

import pytest

from copdns.lists.line import ListedName, ListedRule, ListFormat, SkipReason, read_line
from copdns.lists.terms import Terms
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
        "removeparam=x",
        "domain=b.example",
        "respgeo=US",
        "important,third-party",
        "important,important",
        "important=yes",
        "dnstype=nosuch",
        "dnstype=A|~AAAA",
        "dnstype=",
        "denyallow=~b.a.example",
        "denyallow=*.a.example",
        "denyallow=/b/",
        "client=",
        "ctag=os_windows",
        "ctag=user_admin",
        "ctag=device_camera",
        "",
    ],
)
def test_a_rule_with_a_modifier_that_is_not_known_is_left_out_whole(modifier: str) -> None:
    assert read(f"||a.example^${modifier}") == [SkipReason.MODIFIER]
    assert read(f"@@||a.example^${modifier}") == [SkipReason.MODIFIER]
    assert read(f"127.0.0.1 a.example${modifier.split()[0] if modifier else ''}") == [
        SkipReason.MODIFIER
    ]


@pytest.mark.parametrize(
    ("modifiers", "terms"),
    [
        ("important", Terms(important=True)),
        ("dnstype=AAAA|https", Terms(types=(28, 65))),
        ("dnstype=~A|~CNAME", Terms(not_types=(1, 5))),
        ("denyallow=B.a.example|c.a.example", Terms(but_not=("b.a.example", "c.a.example"))),
        ("client=192.0.2.1|192.0.2.7/24", Terms(clients=("192.0.2.0/24", "192.0.2.1"))),
        ("client='Frank\\'s laptop'", Terms(clients=("frank's laptop",))),
        ('client="Tom, the older"|~Mia', Terms(clients=("tom, the older",), not_clients=("mia",))),
        ("client=~Mom|~Dad|Kids", Terms(clients=("kids",), not_clients=("dad", "mom"))),
        ("ctag=user_child|~device_tv", Terms(tags=("user_child",), not_tags=("device_tv",))),
        ("dnstype=A,important", Terms(important=True, types=(1,))),
    ],
)
def test_the_terms_of_a_rule_are_read(modifiers: str, terms: Terms) -> None:
    assert read(f"||a.example^${modifiers}") == [ListedRule("a.example", MatchKind.SUBTREE, terms)]
    assert read(f"||a.example^${modifiers},badfilter  # not a tracker") == [
        ListedRule("a.example", MatchKind.SUBTREE, terms, is_switch=True)
    ]


@pytest.mark.parametrize("value", ["NXDOMAIN", "nxdomain;;", "REFUSED", "NOERROR;;", "0.0.0.0"])
def test_a_rewrite_to_nothing_is_a_block(value: str) -> None:
    assert read(f"||a.example^$dnsrewrite={value}") == [ListedName("a.example", MatchKind.SUBTREE)]


@pytest.mark.parametrize(
    "line",
    [
        "||a.example^$dnsrewrite=192.0.2.1",
        "||a.example^$dnsrewrite=NOERROR;CNAME;b.example",
        "||a.example^$dnsrewrite",
        "@@||a.example^$dnsrewrite",
    ],
)
def test_a_list_answers_with_no_data_of_its_own(line: str) -> None:
    assert read(line) == [SkipReason.ANSWER]


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
    ("line", "named"),
    [
        ("||a.example|", ListedName("a.example", MatchKind.SUBTREE)),
        ("||*.a.example^", ListedName("a.example", MatchKind.BELOW)),
        ("*.a.example", ListedName("a.example", MatchKind.BELOW)),
        ("://*.a.example^", ListedName("a.example", MatchKind.BELOW)),
        ("@@://a.example^", ListedName("a.example", MatchKind.EXACT, allow=True)),
        ("|a.example^", ListedName("a.example", MatchKind.EXACT)),
        ("@@|a.example|", ListedName("a.example", MatchKind.EXACT, allow=True)),
    ],
)
def test_a_rule_with_both_ends_is_about_a_name(line: str, named: ListedName) -> None:
    assert read(line) == [named]


@pytest.mark.parametrize(
    "line",
    [
        "||a.example",
        "||ads.*^",
        "|a.example",
        "a.example|",
        "a.example^",
        ".a.example",
        "-ad-300x250.",
        "/^ads[0-9]+\\.example$/",
    ],
)
def test_a_rule_for_a_part_of_a_name_is_a_pattern(line: str) -> None:
    assert read(line) == [ListedRule(line, None, Terms())]
    assert read(f"@@{line}") == [ListedRule(line, None, Terms(allow=True))]


@pytest.mark.parametrize(
    "line",
    ["/(/", "/(a/", "/a(?=b)/", "/(a)\\1/", "/[z-a]/", "/a**/", "&page_id=", "||a^b.example^"],
)
def test_a_pattern_that_cannot_be_read_is_left_out(line: str) -> None:
    assert read(line) == [SkipReason.PATTERN]


@pytest.mark.parametrize("line", ["*", "||*^", "||^", "@@", "||a^", "||a*^$important", "&ad_id="])
def test_a_rule_for_nearly_every_name_is_left_out(line: str) -> None:
    assert read(line) == [SkipReason.SUFFIX]


def test_a_rule_for_every_name_needs_somebody_or_something_that_it_leaves_out() -> None:
    assert read("*$denyallow=com|net") == [ListedRule("*", None, Terms(but_not=("com", "net")))]
    assert read("@@||*^$client=127.0.0.1") == [
        ListedRule("*", None, Terms(allow=True, clients=("127.0.0.1",)))
    ]


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
        ("||^", SkipReason.SUFFIX),
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
