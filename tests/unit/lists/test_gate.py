"""The gate: no list takes away what many need, and all else of it stays."""

from __future__ import annotations

import pytest

from copdns.dns.records import A
from copdns.lists.gate import MAX_HELD, Gate, GateRules, KnownMistake, is_whole_school
from copdns.lists.hashes import hashed_names
from copdns.lists.index import ListKind, find_shown
from copdns.lists.parse import ListFormat, SkipReason, parse_list
from copdns.lists.small_index import Draft, HeldEntry, build_index
from copdns.model.matchers import Matcher, MatchKind, parse_matcher
from copdns.policy.list_rules import ListRules
from copdns.policy.matching import ListSet

HELP = Draft(
    "help",
    ListKind.PROTECTED,
    "help",
    "Help",
    {"help.example": MatchKind.SUBTREE},
    {"stats.help.example": MatchKind.SUBTREE},
)
NOBODY: frozenset[str] = frozenset()
RULES = GateRules(
    whole={"edge.example": NOBODY, "mail.big.example": frozenset({"webmail"})},
    below={"login.example": NOBODY},
    mistakes=(
        KnownMistake(parse_matcher("poems.example"), frozenset({"adult"})),
        KnownMistake(parse_matcher("*.pages.example"), frozenset({"social"})),
        KnownMistake(parse_matcher("lexicon.portal.example"), frozenset({"adult"})),
    ),
    unopened=(Matcher("line.charity.example"),),
    top={"tube.example": frozenset({"phishing", "adult"})},
)


def passed(category: str = "adult", kind: ListKind = ListKind.CATEGORY, *lines: str) -> Draft:
    names = {each.name: each.match for each in map(parse_matcher, lines)}
    return Gate([HELP], RULES).let_through(Draft("listed", kind, category, "Listed", names))


def stays(line: str, category: str = "adult", kind: ListKind = ListKind.CATEGORY) -> bool:
    matcher = parse_matcher(line)
    return passed(category, kind, line).blocks == {matcher.name: matcher.match}


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("edge.example", False),  # the name itself
        ("=edge.example", False),
        ("*.edge.example", False),  # all below it, so every customer
        ("big.example", False),  # above one
        ("*.big.example", False),
        ("=big.example", True),  # the name above it, and nothing below
        ("a.edge.example", True),  # one customer
        ("dredge.example", True),  # same letters, another label
        ("login.example", False),
        ("a.login.example", False),  # all of it has one owner
        ("=a.login.example", False),
    ],
)
def test_an_entry_that_many_need_is_left_out_and_others_stay(line: str, allowed: bool) -> None:
    for kind in (ListKind.CATEGORY, ListKind.SECURITY, ListKind.BYPASS, ListKind.SERVICE):
        assert stays(line, kind=kind) is allowed


def test_a_list_may_name_what_it_is_about() -> None:
    assert stays("mail.big.example", "webmail")
    assert not stays("mail.big.example", "ads")


def test_a_host_that_only_measures_visitors_of_a_help_site_may_be_listed() -> None:
    assert not stays("help.example")
    assert not stays("www.help.example")
    assert stays("stats.help.example")


def test_a_site_that_nearly_everybody_uses_is_left_out_of_lists_that_cannot_mean_it() -> None:
    for line in ("tube.example", "=tube.example", "*.tube.example"):
        assert not stays(line, "phishing")
        assert stays(line, "social")
    assert stays("a.tube.example", "phishing")
    (held,) = passed("phishing", ListKind.SECURITY, "tube.example", "bad.example").held
    assert held == HeldEntry("tube.example", SkipReason.MISTAKE, "tube.example")


def test_every_entry_that_is_left_out_is_told_to_who_compares_versions() -> None:
    gate = Gate([HELP], RULES)
    names = dict.fromkeys(("tube.example", "www.help.example", "ok.example"), MatchKind.SUBTREE)
    draft = Draft("listed", ListKind.CATEGORY, "phishing", "Listed", names)
    stopped = {name: each.reason for name, each in gate.stopped_entries(draft).items()}
    assert stopped == {
        "tube.example": SkipReason.MISTAKE,
        "www.help.example": SkipReason.PROTECTED,
    }
    assert gate.needed_names() >= {"tube.example", "help.example", "edge.example"}
    assert gate.stopped_entries(HELP) == {}


def test_what_lists_hold_by_mistake_is_left_out_of_lists_of_that_category() -> None:
    assert not stays("poems.example")
    assert not stays("www.poems.example")
    assert stays("poems.example", "ads")


def test_what_people_have_below_a_site_stays_open_and_the_site_itself_may_be_listed() -> None:
    assert passed("social", ListKind.CATEGORY, "pages.example").blocks == {
        "pages.example": MatchKind.EXACT,
        "www.pages.example": MatchKind.SUBTREE,
    }
    assert not stays("ada.pages.example", "social")
    assert not stays("*.pages.example", "social")
    assert stays("www.pages.example", "social")
    assert stays("ada.pages.example", "adult")


@pytest.mark.parametrize(
    ("above", "name"),
    [
        ("portal.example", "lexicon.portal.example"),
        ("*.charity.example", "line.charity.example"),
    ],
)
def test_an_entry_above_a_mistake_gets_an_exception(above: str, name: str) -> None:
    found = passed("adult", ListKind.CATEGORY, above)
    assert found.blocks == {parse_matcher(above).name: parse_matcher(above).match}
    assert found.allows == {name: MatchKind.SUBTREE}
    assert passed("adult", ListKind.CATEGORY, f"={parse_matcher(above).name}").allows == {}


@pytest.mark.parametrize("kind", [ListKind.CATEGORY, ListKind.SECURITY, ListKind.BYPASS])
def test_help_that_nobody_has_opened_yet_is_safe_from_every_list(kind: ListKind) -> None:
    assert not stays("line.charity.example", "drugs", kind)
    assert not stays("chat.line.charity.example", "drugs", kind)


@pytest.mark.parametrize(
    ("name", "school"),
    [
        ("games.edu", True),
        ("www.games.edu", True),
        ("games.ac.uk", True),
        ("www.games.edu.au", True),
        ("cs.games.edu", False),  # a host may have been hacked
        ("games.edu.kg", False),  # anyone may have such a name
        ("edu.example", False),
        ("games.ac.example", False),
    ],
)
def test_no_list_but_of_malware_takes_a_whole_school(name: str, school: bool) -> None:
    assert is_whole_school(name) is school
    assert stays(name, "phishing", ListKind.SECURITY) is not school
    assert stays(name, "malware", ListKind.SECURITY)


def test_what_is_left_out_is_counted_and_shown_but_not_the_names_of_help() -> None:
    found = passed(
        "adult", ListKind.CATEGORY, "a.login.example", "=edge.example", "help.example", "x.example"
    )
    assert found.unused == {SkipReason.INFRASTRUCTURE: 2, SkipReason.PROTECTED: 1}
    assert found.held == (
        HeldEntry("=edge.example", SkipReason.INFRASTRUCTURE, "edge.example"),
        HeldEntry("a.login.example", SkipReason.INFRASTRUCTURE, "login.example"),
    )


def test_only_the_first_are_shown_and_all_are_counted() -> None:
    found = passed("adult", ListKind.CATEGORY, *(f"n{n}.login.example" for n in range(99)))
    assert len(found.held) == MAX_HELD
    assert found.unused == {SkipReason.INFRASTRUCTURE: 99}


def test_lists_that_block_nothing_do_not_pass_here() -> None:
    for kind in (ListKind.PROTECTED, ListKind.CANARY, ListKind.BEACON, ListKind.LOCAL):
        assert stays("edge.example", kind=kind)


def test_an_exception_of_a_list_stays() -> None:
    draft = Draft("a", ListKind.CATEGORY, "ads", "A", {}, {"edge.example": MatchKind.SUBTREE})
    assert Gate([HELP], RULES).let_through(draft) == draft


def written(*lines: str, form: ListFormat = ListFormat.ADBLOCK, category: str = "adult") -> Draft:
    parsed = parse_list("\n".join(lines), form)
    draft = Draft(
        *("listed", ListKind.CATEGORY, category, "Listed", parsed.blocks, parsed.allows),
        special=parsed.special,
    )
    return Gate([HELP], RULES).let_through(draft)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("||edge.example^$important", SkipReason.INFRASTRUCTURE),
        ("||a.login.example^$dnstype=A", SkipReason.INFRASTRUCTURE),
        ("||chat.help.example^$important", SkipReason.PROTECTED),
        ("||a.poems.example^$important", SkipReason.MISTAKE),
        ("||games.edu^$important", SkipReason.MISTAKE),
        ("||edge.*^", SkipReason.INFRASTRUCTURE),
        ("/^[a-z]{4}\\.example$/", SkipReason.INFRASTRUCTURE),
        ("||poem*.example^", SkipReason.MISTAKE),
        ("*$denyallow=com", SkipReason.INFRASTRUCTURE),
        ("||line.char*.example^", SkipReason.PROTECTED),
    ],
)
def test_a_rule_with_terms_or_a_pattern_takes_no_more_than_a_name(
    line: str, reason: SkipReason
) -> None:
    found = written(line, "||bad.example^$important", "||ads*.example^")
    assert found.unused == {reason: 1}
    assert found.special.count == 2
    assert len(found.held) == (reason is not SkipReason.PROTECTED)


def test_an_important_rule_above_a_mistake_gets_an_exception_that_beats_it() -> None:
    found = written("||portal.example^$important", category="adult")
    terms = {str(terms): names for terms, names in found.special.ruled.items() if terms.allow}
    assert terms == {"important": {"lexicon.portal.example": MatchKind.SUBTREE}}


def test_an_exception_and_a_pattern_that_fits_a_protected_name_stay() -> None:
    found = written("@@||edge.*^", "||help.exam*^")
    assert (found.unused, found.special.count) == ({}, 2)


def test_a_hash_of_what_many_need_is_left_out() -> None:
    names = hashed_names(["edge.example", "big.example", "poems.example", "bad.example"], "salt")
    octets = names.octets
    lines = [octets[at : at + 32].hex() for at in range(0, len(octets), 32)]
    found = written("hashed-v1 salt", *lines, form=ListFormat.HASHED)
    assert found.special.hashes.covers("a.bad.example")
    assert not found.special.hashes.covers("edge.example")
    assert found.unused == {SkipReason.INFRASTRUCTURE: 3}


def test_a_list_blocks_no_large_part_of_all_addresses() -> None:
    wide = [f"{n}.0.0.0/8" for n in range(1, 100)]
    found = written("198.51.100.0/24", *wide, "2001:db8::/32", form=ListFormat.ADDRESSES)
    kept = [text for text, _ in found.special.networks]
    assert {"198.51.100.0/24", "2001:db8::/32", "10.0.0.0/8"} <= set(kept)
    assert len(kept) < 40
    assert found.unused == {SkipReason.SUFFIX: len(wide) + 2 - len(kept)}
    few = written(*wide[:20], form=ListFormat.ADDRESSES)
    assert (few.unused, few.special.count) == ({}, 20)


def blocked_by(draft: Draft, *names: str) -> list[str]:
    """Return the names that a list about adult sites blocks for somebody."""
    index, _ = build_index([draft])
    rules = ListRules(index.special, ())
    lists = ListSet(index.infos)
    return [each for each in names if lists.find(rules.resolve(index.find(each), each, A))]


HOSTS = ("www.bad.example", "www.line.charity.example", "a.poems.example", "a.login.example")
SCHOOLS = ("tu.edu", "www.tu.ac.uk", "tu.edu.au", "tu.edu.pl", "tu.edu.kg", "a.tu.edu")


@pytest.mark.parametrize("terms", ["", "$important"])
def test_patterns_take_nothing_below_what_no_list_may_take(terms: str) -> None:
    found = written(f"/^(www|a)\\..*\\.example$/{terms}", f"/^.*tu\\.(edu|ac)/{terms}")
    assert blocked_by(found, *HOSTS) == ["www.bad.example"]
    assert blocked_by(found, *SCHOOLS) == ["tu.edu.pl", "tu.edu.kg", "a.tu.edu"]
    assert found.special.count == 2, "the gate's own are no rules of the list"
    index, _ = build_index([found])
    assert not any(each.entry.allow for name in SCHOOLS for each in find_shown(index, name))


def test_nor_do_hashes() -> None:
    octets = hashed_names([*HOSTS, *SCHOOLS], "salt").octets
    lines = [octets[at : at + 32].hex() for at in range(0, len(octets), 32)]
    found = written("hashed-v1 salt", *lines, form=ListFormat.HASHED)
    assert blocked_by(found, *HOSTS, *SCHOOLS) == [
        "www.bad.example",
        "tu.edu.pl",
        "tu.edu.kg",
        "a.tu.edu",
    ]


def test_a_list_of_malware_may_mean_a_school_by_a_pattern() -> None:
    found = written("/^tu\\.edu$/", category="malware")
    assert blocked_by(found, "tu.edu") == ["tu.edu"]
