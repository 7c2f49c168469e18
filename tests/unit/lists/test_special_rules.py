"""Tests of the rules that are more than a name: in a file as in memory, and no cost where there
are none."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from ipaddress import ip_address

import pytest

from copdns.lists.compiled_index import pack, unpack
from copdns.lists.hashes import HIDDEN
from copdns.lists.index import Entry, Index, ListKind, find_shown
from copdns.lists.merge import merge
from copdns.lists.parse import ListFormat, parse_list
from copdns.lists.small_index import Draft, build_index
from copdns.lists.special_rules import EMPTY_TABLE, Networks
from copdns.model.matchers import MatchKind
from copdns.policy.list_rules import ListRules
from copdns.policy.matching import ListSet

ADBLOCK = """
||plain.example^
||typed.example^$dnstype=AAAA
||hard.example^$important
@@||a.hard.example^$client=192.0.2.8
||wide.example^$denyallow=ok.wide.example
||ads*.example^
@@/^ads[0-9]$/$ctag=user_child
"""
HASHED = f"hashed-v1 s\n{sha256(b'ssecret.example').hexdigest()}"


def drafts() -> list[Draft]:
    made = []
    for slug, form, text in (
        ("rules", ListFormat.ADBLOCK, ADBLOCK),
        ("plain", ListFormat.DOMAINS, "hard.example\nplain.example"),
        ("zone", ListFormat.RPZ, "a.example CNAME .\n24.0.2.0.192.rpz-ip CNAME ."),
        ("hidden", ListFormat.HASHED, HASHED),
    ):
        parsed = parse_list(text, form)
        made.append(
            Draft(
                *(slug, ListKind.CATEGORY, "games", slug, parsed.blocks, parsed.allows),
                special=parsed.special,
            )
        )
    return made


def compiled() -> Index:
    return unpack(memoryview(b"".join(pack(merge(drafts()), "key")))).index


def test_an_index_in_a_file_has_the_rules_of_one_in_memory() -> None:
    kept, (memory, _) = compiled(), build_index(drafts())
    assert kept.special.as_json() == {
        **memory.special.as_json(),
        "patterns": [tuple(each) for each in memory.special.as_json()["patterns"]],
    }
    assert kept.infos == memory.infos
    assert kept.open_below == memory.open_below
    for name in ("plain.example", "x.typed.example", "a.hard.example", "ads7", "ok.wide.example"):
        assert sorted(kept.find(name)) == sorted(memory.find(name)), name
        assert sorted(each.text for each in find_shown(kept, name)) == sorted(
            each.text for each in find_shown(memory, name)
        )


def test_plain_entries_of_an_index_are_what_they_would_be_without_the_others() -> None:
    found = compiled().find("plain.example")
    assert found == (
        Entry(0, "plain.example", MatchKind.SUBTREE, False),
        Entry(1, "plain.example", MatchKind.EXACT, False),
    )


def test_lists_of_names_alone_have_no_table() -> None:
    plain = [each for each in drafts() if each.slug == "plain"]
    assert unpack(memoryview(b"".join(pack(merge(plain), "k")))).index.special is EMPTY_TABLE
    assert build_index(plain)[0].special is EMPTY_TABLE


def test_names_with_an_exception_below_are_few() -> None:
    assert compiled().open_below == {"a.hard.example", "hard.example", "example"}


def test_what_is_shown_says_under_which_terms() -> None:
    index = compiled()
    assert [each.text for each in find_shown(index, "typed.example")] == [
        "typed.example$dnstype=AAAA"
    ]
    assert [each.text for each in find_shown(index, "ads1.example")] == ["||ads*.example^"]
    assert [each.info.slug for each in find_shown(index, "ads1.example")] == ["rules"]


def test_a_hidden_entry_is_shown_without_its_name() -> None:
    (found,) = find_shown(compiled(), "www.secret.example")
    assert (found.info.slug, found.text) == ("hidden", HIDDEN)
    assert "secret" not in repr(found)
    octets = b"".join(pack(merge(drafts()), "key"))
    assert b"secret" not in octets
    assert b"terces" not in octets  # keys are written from their end


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("192.0.2.9", ""),  # an exception inside
        ("192.0.2.10", "192.0.2.10/32"),
        ("198.51.100.1", ""),
        ("2001:db8::7", "2001:db8::/32"),
        ("2001:db9::7", ""),
    ],
)
def test_the_longest_network_decides(address: str, network: str) -> None:
    made = Networks(
        (
            ("192.0.2.0/24", False),
            ("192.0.2.8/30", True),
            ("192.0.2.10/32", False),
            ("2001:db8::/32", False),
        )
    )
    assert made.find(ip_address(address).packed) == network


def test_an_allow_list_opens_what_lists_of_its_category_block_and_no_other() -> None:
    made = drafts()
    text = "plain.example\n@@||hard.example^\n||typed.*^"
    parsed = parse_list(text, ListFormat.ADBLOCK)
    allows = {**parsed.blocks, **parsed.allows}
    opening = Draft(
        *("open", ListKind.CATEGORY, "games", "open", {}, allows),
        special=parsed.special.as_exceptions(),
        opens=True,
    )

    def blocking(index: Index, name: str) -> set[str]:
        rules = ListRules(index.special, ())
        found = rules.resolve(index.find(name), name, 28)
        lists = ((info.slug, ListSet([info])) for info in index.infos)
        return {slug for slug, each in lists if each.find(found)}

    for at in (0, len(made)):  # whether it comes before or after the lists that it opens

        def all_lists(at: int = at) -> list[Draft]:
            names = {"plain.example": MatchKind.EXACT}
            other = Draft("other", ListKind.CATEGORY, "ads", "other", names)
            return [*drafts()[:at], opening_copy(opening), *drafts()[at:], other]

        memory, _ = build_index(all_lists())
        kept = unpack(memoryview(b"".join(pack(merge(all_lists()), "key")))).index
        for index in (memory, kept):
            assert blocking(index, "plain.example") == {"other"}
            assert blocking(index, "typed.example") == set()
            assert blocking(index, "hard.example") == {"rules"}  # an important rule
            assert blocking(index, "wide.example") == {"rules"}
            assert blocking(index, "a.example") == {"zone"}


def opening_copy(draft: Draft) -> Draft:
    """Return a draft whose names are not used up by a merge."""
    return replace(draft, allows=dict(draft.allows))
