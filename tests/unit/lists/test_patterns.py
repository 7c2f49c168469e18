"""Tests of patterns: which names they match, that none takes long, and that one finds as many as
each by itself."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.lists.pattern_parts import UNBOUNDED, PatternError, pattern_size, read_pattern
from copdns.lists.patterns import MAX_REMEMBERED, MAX_WORK, PatternSet


def finds(pattern: str, name: str) -> bool:
    return PatternSet([pattern]).find(name) == [0]


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("||ads.*^", ["ads.example", "eu.ads.example.net"], ["loads.example", "ads"]),
        ("||ads", ["ads.example", "adserver.example", "x.adsl.example"], ["loads.example"]),
        ("|ads.", ["ads.example"], ["x.ads.example"]),
        ("ple.net|", ["example.net", "ple.net"], ["example.net.example"]),
        ("||a*b^", ["ab", "axb", "x.a.y.b"], ["abc", "bab"]),
        ("||aax-*.amazon.*^", ["aax-eu.amazon.example"], ["aax.amazon.example", "aax-eu.amazon"]),
        ("-ad.", ["x-ad.example"], ["x-ad"]),
        ("*", ["a", "a.example"], []),
        (
            "/^ads[0-9]+\\.example$/",
            ["ads1.example", "ads12.example"],
            ["ads.example", "xads1.example"],
        ),
        ("/example.*/", ["www.example.org"], ["exam.ple"]),
        (
            "/(^|\\.)ad(s|v)?[0-9]*\\./",
            ["ad.example", "x.ads7.example"],
            ["bad.example", "adx.example"],
        ),
        ("/^[^.]{3}\\.example$/", ["abc.example"], ["ab.example", "abcd.example"]),
        ("/^a{2,3}$/", ["aa", "aaa"], ["a", "aaaa"]),
        ("/^(?:ab)+$/", ["ab", "abab"], ["", "aba"]),
        ("/[[:digit:]]{2}/", ["a10.example"], ["a1.example"]),
        ("/ADS\\d/", ["ads1"], ["ads"]),
        ("/^a.*z$/", ["az", "a.b.z"], ["azb"]),
        ("/a|^b/", ["xa", "b"], ["xb"]),
    ],
)
def test_a_pattern_matches_what_it_says(
    pattern: str, matching: list[str], others: list[str]
) -> None:
    assert [name for name in matching if not finds(pattern, name)] == []
    assert [name for name in others if finds(pattern, name)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "/(?<!a)b/",
            "/(?i)a/",
            "/\\bads/",
            "/(a/",
            "/a)/",
            "/[a/",
            "/*a/",
            "/a{9,2}/",
            "/a{999}/",
        ),
        *("/[\\x00]/", "/ü/", "||bü^", "||a/b", "/((a{99}){99}){99}/", f"||{'a' * 600}^"),
        f"/{'(' * 30}a{')' * 30}/",
    ],
)
def test_what_has_no_bound_or_no_meaning_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        read_pattern(pattern)


# What Python's own expressions and ours have in common.
EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\.", "^", "$", "\\d"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=2).map(lambda each: f"(?:{'|'.join(each)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{1,2}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)


@given(st.lists(EXPRESSIONS, min_size=1, max_size=4), st.text("ab.1", max_size=8))
def test_an_expression_finds_what_pythons_own_finds(expressions: list[str], name: str) -> None:
    # An anchor that is repeated reads nothing there, and a mark that stands once here.
    sound = [
        each for each in expressions if re.fullmatch(r"\^?[^\^$]*\$?", each.replace("[^a]", "[.]"))
    ]
    expected = [at for at, each in enumerate(sound) if re.search(each, name)]
    assert PatternSet([f"/{each}/" for each in sound]).find(name) == expected


def test_no_expression_takes_longer_than_its_size_allows() -> None:
    """Python's own took 53 seconds for the first of these and 28 letters."""
    hostile = ["/(a+)+$/", "/(a|a)*b/", "/(.*)*x/", "/(a?){60}a{60}$/", "/a.*b.*c.*d.*e/"]
    patterns = PatternSet(hostile)
    began = time.process_time()
    for letter in "abcx":
        patterns.find("a" * 200 + letter)
    assert time.process_time() - began < 2.0


def test_a_list_written_to_be_slow_ends_a_look_up_and_not_the_server() -> None:
    """Expressions that are all open at each letter; a hundred would take a second for this name."""
    slow = [f"/[a-m][a-z0-9.-]{{1,250}}[n-z]zz{n}q/" for n in range(8)]
    name = ".".join("az" * 30 for _ in range(4))
    bounded, unbounded = PatternSet(slow), PatternSet(slow)
    bounded.find(name)
    unbounded.find(name, UNBOUNDED)
    assert bounded._remembered < MAX_WORK + 10_000
    assert unbounded._remembered > 2 * MAX_WORK
    assert bounded.find("aznzz0q.example") == [0], "and none of them is left out"


def test_what_is_remembered_has_a_limit_and_forgetting_changes_no_answer() -> None:
    patterns = PatternSet(["/a.{40}b/", "/b.{40}a/"])
    before = PatternSet(["/a.{40}b/"])
    for number in range(400):
        name = f"{number:b}".replace("0", "a").replace("1", "b") * 12
        assert (0 in patterns.find(name[:200])) is bool(before.find(name[:200]))
    assert patterns._remembered < MAX_REMEMBERED + 1_000


def test_a_thousand_rules_share_the_beginning_of_a_label() -> None:
    patterns = PatternSet([f"||ads{number}.*^" for number in range(1_000)])
    assert patterns.find("eu.ads77.example") == [77]
    assert patterns.find("example.com") == []
    assert len(max(patterns._places, key=len)) < 1_100
    assert sum(len(each) > 100 for each in patterns._places) < 10


def test_the_size_of_a_pattern_counts_what_is_repeated() -> None:
    assert pattern_size("/a{50}/") >= 50
    assert pattern_size("||a^") < 10
