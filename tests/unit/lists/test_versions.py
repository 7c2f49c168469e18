"""New versions of lists: ordinary ones are taken, others are held, with the reasons."""

from __future__ import annotations

import pytest

from copdns.lists.gate import Gate, GateRules
from copdns.lists.index import ListKind
from copdns.lists.parse import ListFormat, parse_list
from copdns.lists.small_index import Draft
from copdns.lists.versions import (
    MAX_SHOWN,
    SMALL_BULK,
    HoldReason,
    NeededEntry,
    NeededKind,
    ReadVersion,
    VersionDiff,
    compare,
    diff_json,
    find_reasons,
    looks_like,
    read_diff,
    read_version,
)
from copdns.model.matchers import Matcher, MatchKind

PROTECTED = Draft("help", ListKind.PROTECTED, "help", "", {"line.example": MatchKind.SUBTREE})
RULES = GateRules(
    whole={f"cdn{n}.example": frozenset() for n in range(9)} | {"paypal.example": frozenset()},
    below={},
    top={"tube.example": frozenset({"games"})},
)
GATE = Gate([PROTECTED], RULES)
SCHOOL = Matcher("school.example")


def version(
    text: str,
    subject: str = "games",
    form: ListFormat = ListFormat.DOMAINS,
    *,
    opens: bool = False,
) -> ReadVersion:
    parsed = parse_list(text, form, MatchKind.SUBTREE)
    draft = Draft("toys", ListKind.CATEGORY, subject, "", opens=opens)
    return read_version(len(text.encode()), parsed, draft, GATE, [SCHOOL])


def names(*counts: int) -> str:
    return "".join(f"n{n}.test\n" for n in range(*counts))


def diff_of(before: str, after: str, **fields: object) -> VersionDiff:
    return compare(version(before, **fields), version(after, **fields))  # type: ignore[arg-type]


def reasons(before: str, after: str, **fields: object) -> tuple[HoldReason, ...]:
    return find_reasons(diff_of(before, after, **fields))


@pytest.mark.parametrize(
    "after",
    [
        names(1000),
        names(1299),
        names(199, 1000),
        names(150, 1250),
        names(1000) + "cdn1.example\n" + "line.example\n" + "tube.example\n" + "school.example\n",
        names(1000) + "10.0.0.1\n" * 50 + "https://a.example/\n" * 20,  # unused, and not broken
        names(1000) + "a b c\n" * 10,
        names(1000) * 3,  # README of the history: bytes double, names do not
        names(1000) + "".join(f"h{n}.n1.test\n" for n in range(5000)),  # below a listed name
        names(1000) + "".join(f"{'x' * 10}{n}.n1.test\n" for n in range(9000)),
    ],
)
def test_an_ordinary_change_is_taken(after: str) -> None:
    assert reasons(names(1000), after) == ()


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (names(1300), HoldReason.GROWTH),
        (names(1800), HoldReason.GROWTH),
        (names(200, 1000), HoldReason.LOSS),
        (names(3), HoldReason.LOSS),
        (names(1000) + "".join(f"cdn{n}.example\n" for n in range(5)), HoldReason.NEEDED),
        (names(1000) + "a b c\n" * 11, HoldReason.BROKEN),
        (names(1000) + "x" * 5000 + "\n" * 9 + ("y" * 5000 + "\n") * 11, HoldReason.BROKEN),
        (names(1000) + "# nothing\n" * (SMALL_BULK // 8), HoldReason.BULK),
    ],
)
def test_what_differs_too_much_is_held(after: str, why: HoldReason) -> None:
    assert reasons(names(1000), after) == (why,)


def test_a_list_of_other_names_is_held_though_it_is_no_larger() -> None:
    assert reasons(names(1000), names(1000, 2000)) == (HoldReason.GROWTH, HoldReason.LOSS)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (names(10), names(14), ()),  # grew by 40 %
        (names(10), names(29), ()),
        (names(10), names(30), (HoldReason.GROWTH,)),
        (names(10), names(9, 10), ()),  # lost most
        (names(24), names(5, 24), ()),
        (names(25), names(20, 25), (HoldReason.LOSS,)),
        (names(10), names(10) + "a b c\n" * 4, ()),  # a third of its lines is broken
        (names(10), names(10) + "a b c\n" * 5, (HoldReason.BROKEN,)),
    ],
)
def test_a_small_list_may_change_more(before: str, after: str, why: tuple[HoldReason, ...]) -> None:
    assert reasons(before, after) == why


def test_a_list_that_has_long_had_broken_lines_may_have_as_many() -> None:
    before = names(1000) + "a b c\n" * 100
    assert reasons(before, names(1000) + "a b c\n" * 105) == ()
    assert reasons(before, names(1000) + "a b c\n" * 120) == (HoldReason.BROKEN,)


def test_a_suffix_on_a_list_hides_no_growth_below_it() -> None:
    text = names(1000) + "co.uk\n"
    parsed = [
        parse_list(each, ListFormat.DOMAINS, MatchKind.EXACT)
        for each in (text, text + "".join(f"shop{n}.co.uk\n" for n in range(400)))
    ]
    draft = Draft("toys", ListKind.CATEGORY, "games", "")
    before, after = (read_version(len(text), each, draft, None) for each in parsed)
    assert find_reasons(compare(before, after)) == (HoldReason.GROWTH,)


def test_names_that_another_entry_covers_now_are_not_lost() -> None:
    before = "wide.example\n" + "".join(f"h{n}.wide.example\n" for n in range(1000))
    assert reasons(before, "wide.example\n") == ()


def test_exceptions_that_lift_most_of_a_list_are_a_loss() -> None:
    before = "".join(f"||a{n}.many.example^\n" for n in range(100))
    after = before + "@@||many.example^\n"
    assert reasons(before, after, form=ListFormat.ADBLOCK) == (HoldReason.LOSS,)
    assert reasons(after, before, form=ListFormat.ADBLOCK) == ()


def test_an_entry_that_covers_more_than_before_is_an_added_one() -> None:
    exact = "".join(f"{n}x.example\n" for n in range(100))
    wide = "".join(f"||{n}x.example^\n" for n in range(100))
    found = diff_of(exact, wide, form=ListFormat.ADBLOCK)
    assert (found.added, found.removed) == (100, 0)
    assert find_reasons(found) == (HoldReason.GROWTH,)
    back = diff_of(wide, exact, form=ListFormat.ADBLOCK)
    assert (back.added, back.removed) == (0, 100)


def test_what_was_on_the_list_before_is_not_newly_needed() -> None:
    bad = "".join(f"cdn{n}.example\n" for n in range(5))
    assert reasons(names(100) + bad, names(101) + bad) == ()


def needed(after: str, subject: str = "games") -> dict[str, NeededKind]:
    found = diff_of(names(100), names(100) + after, subject=subject)
    return {each.entry: each.kind for each in found.needed}


def test_what_is_needed_is_told_with_its_kind() -> None:
    assert needed("cdn1.example\n") == {"cdn1.example": NeededKind.INFRASTRUCTURE}
    assert needed("games.edu\ntube.example\n") == {
        "games.edu": NeededKind.MISTAKE,
        "tube.example": NeededKind.MISTAKE,
    }
    assert needed("www.tube.example\n") == {}
    assert needed("tube.example\n", "social") == {}
    assert needed("school.example\n") == {"school.example": NeededKind.VOUCHED}
    assert needed("a.school.example\n") == {}


def test_a_name_in_other_letters_is_a_needed_one_unless_the_list_is_about_such_names() -> None:
    lookalike = "pаypаl.example\n"  # two Cyrillic letters
    (entry,) = needed(lookalike)
    assert entry.startswith("xn--")
    assert needed(lookalike) == {entry: NeededKind.LOOKALIKE}
    assert needed(lookalike, "phishing") == {}
    # Letters that IDNA maps are those of the name itself.
    assert needed("ｃｄｎ１。example\n") == {"cdn1.example": NeededKind.INFRASTRUCTURE}


def test_five_names_in_other_letters_are_held() -> None:
    text = "".join(f"сdn{n}.example\n" for n in range(5))
    assert reasons(names(100), names(100) + text) == (HoldReason.NEEDED,)


def test_a_protected_name_is_counted_and_shown_nowhere() -> None:
    found = diff_of(names(100), names(100) + "line.example\nnew.example\n")
    assert (found.needed_count, found.needed) == (1, ())
    assert found.added_names == ("new.example",)
    back = diff_of(names(100) + "line.example\n", names(100))
    assert (back.removed, back.removed_names) == (1, ())


def test_no_more_than_some_names_are_shown() -> None:
    found = diff_of(names(100), names(50, 200))
    assert (found.added, found.removed) == (100, 50)
    assert len(found.added_names) == len(found.removed_names) == MAX_SHOWN


def test_who_looked_may_take_a_list_that_shrank_and_nothing_else() -> None:
    shrunk = diff_of(names(1000), names(100))
    assert find_reasons(shrunk, may_shrink=True) == ()
    grown = diff_of(names(1000), names(2000))
    assert find_reasons(grown, may_shrink=True) == (HoldReason.GROWTH,)


def test_after_a_rollback_every_version_waits() -> None:
    found = diff_of(names(1000), names(1001))
    assert find_reasons(found, was_rolled_back=True) == (HoldReason.ROLLED_BACK,)


def test_a_difference_is_the_same_after_it_was_written() -> None:
    found = diff_of(names(100), names(200) + "cdn1.example\nline.example\n")
    assert read_diff(diff_json(found)) == found
    assert NeededEntry("cdn1.example", NeededKind.INFRASTRUCTURE, "cdn1.example") in found.needed


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("xn--pypl-53dc.example", "paypal.example"),
        ("paypal.example", "paypal.example"),
        ("xn--bcher-kva.example", "bucher.example"),
        ("xn--80ak6aa92e.example", "apple.example"),
        ("xn--a.example", "xn--a.example"),
    ],
)
def test_letters_of_other_scripts_are_read_as_most_people_do(name: str, read: str) -> None:
    assert looks_like(name) == read


# --- rules that are more than a name --------------------------------------------------------------


def written(*lines: str) -> str:
    return "\n".join(("||n0.test^", *lines))


ADBLOCK = {"form": ListFormat.ADBLOCK}
MANY = [f"||n{n}.test^" for n in range(100)]
HASHES = [f"{n:064x}" for n in range(60)]


@pytest.mark.parametrize(
    "added",
    [
        [f"||x{n}.test^$important" for n in range(100)],
        [f"||x{n}.test^$dnstype=A" for n in range(100)],
        [f"||x{n}.test^$client=Mia" for n in range(100)],
        [f"||x{n}.test^$denyallow=a.x{n}.test" for n in range(100)],
        [f"/^banks?{n}\\./" for n in range(100)],
    ],
)
def test_rules_with_terms_and_patterns_are_growth_as_names_are(added: list[str]) -> None:
    assert reasons(written(*MANY), written(*MANY, *added), **ADBLOCK) == (HoldReason.GROWTH,)
    assert reasons(written(*MANY), written(*MANY, *added[:25]), **ADBLOCK) == ()


def test_hashes_that_nobody_can_read_are_counted_as_names_are() -> None:
    few, many = ("\n".join(("hashed-v1 salt", *some)) for some in (HASHES[:30], HASHES))
    form = ListFormat.HASHED
    assert reasons(few, many, form=form) == (HoldReason.GROWTH,)
    assert reasons(many, few, form=form) == (HoldReason.LOSS,)
    assert reasons(few, few, form=form) == ()


def test_names_that_hold_for_some_only_now_are_lost() -> None:
    after = written(*(f"{each}$dnstype=TXT" for each in MANY))
    assert HoldReason.LOSS in reasons(written(*MANY), after, **ADBLOCK)
    stronger = written(*(f"{each}$important" for each in MANY))
    assert reasons(written(*MANY), stronger, **ADBLOCK) == ()


@pytest.mark.parametrize(
    "line", ["@@/^n[0-9]+\\.test$/", "@@||n*.test^", "@@||n*.test^$client=Mia"]
)
def test_one_exception_that_lifts_most_of_a_list_is_a_loss(line: str) -> None:
    assert reasons(written(*MANY), written(*MANY, line), **ADBLOCK) == (HoldReason.LOSS,)


def test_what_rules_and_patterns_take_away_of_the_needed_is_told() -> None:
    lines = [
        *(f"||cdn{n}.example^$important" for n in range(3)),
        "/^scho[a-z]+\\.example$/",
        "/^pay[a-z]+\\.example$/",
        "||line.example^$dnstype=A",
        "/^lin[a-z]\\.exam/",
    ]
    found = diff_of(written(*MANY), written(*MANY, *lines), **ADBLOCK)
    assert HoldReason.NEEDED in find_reasons(found)
    assert {(each.kind, each.name) for each in found.needed} == {
        *((NeededKind.INFRASTRUCTURE, f"cdn{n}.example") for n in range(3)),
        (NeededKind.INFRASTRUCTURE, "paypal.example"),
        (NeededKind.VOUCHED, "school.example"),
    }
    assert not any("||line.example" in each for each in found.added_names)


@pytest.mark.parametrize(
    ("network", "why"),
    [
        ("104.0.0.0/12", (HoldReason.GROWTH,)),
        ("2606::/24", (HoldReason.GROWTH,)),
        ("104.0.0.0/16", ()),
        ("10.0.0.0/8", ()),  # of nobody on the internet
    ],
)
def test_one_network_may_be_too_much(network: str, why: tuple[HoldReason, ...]) -> None:
    before = "".join(f"198.51.{n}.0/24\n" for n in range(100))
    assert reasons(before, before + network, form=ListFormat.ADDRESSES) == why


@pytest.mark.parametrize(
    ("added", "why"),
    [
        ([f"@@||x{n}.test^" for n in range(100)], (HoldReason.GROWTH,)),
        ([f"||x{n}.test^$important" for n in range(100)], (HoldReason.GROWTH,)),
        (["@@/./"], (HoldReason.GROWTH,)),  # one line that opens everything
        (["/^[a-z]/"], (HoldReason.GROWTH,)),
        (["@@||*^$client=Mia"], (HoldReason.GROWTH,)),
        (["@@||x.test^", "||cdn1.example^"], ()),
        ([f"||cdn{n}.example^" for n in range(9)], ()),  # what is needed may be opened
    ],
)
def test_an_allow_list_that_opens_much_more_is_held(
    added: list[str], why: tuple[HoldReason, ...]
) -> None:
    opening = {**ADBLOCK, "opens": True}
    assert reasons(written(*MANY), written(*MANY, *added), **opening) == why
