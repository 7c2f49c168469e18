"""Tests of the audit: how a table is read, and what is counted as blocked by whom."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.list_files.audit import LabelledName, Share, audit, blocking_lists, read_table
from copdns.lists.index import DictIndex, ListInfo, ListKind
from copdns.model.errors import ListError
from copdns.model.household import Band, Contact, Profile, Rule, RuleAction
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.verdict import AnswerDefaults
from copdns.policy.context import HouseholdContext, ServiceNames
from copdns.policy.order import build_policy

CITIZENS = "#list\tcategory_code\thost\turl\nbr\tNEWS\tnews.example\thttp://elsewhere.example/\n"


@pytest.mark.parametrize(
    "text",
    [
        "NEWS\tnews.example",
        "NEWS\thttps://News.Example:8443/today?x=1#top\r\n",
        "\ufeff# of our own\n\nNEWS\tuser@news.example/path\n",
        "label\tname\nNEWS\tnews.example",
        "URL\tnote\tLabel\nhttp://news.example\t-\tNEWS",
        CITIZENS,
    ],
)
def test_a_table_has_labels_and_names_or_urls_in_columns_that_may_be_named(text: str) -> None:
    assert read_table(text, "t.tsv").rows == (LabelledName("NEWS", "news.example"),)


def test_a_name_counts_once_for_each_of_its_labels() -> None:
    table = read_table("NEWS\ta.example\nNEWS\thttp://A.example/2\nGMB\ta.example\n", "t.tsv")
    assert table.rows == (LabelledName("NEWS", "a.example"), LabelledName("GMB", "a.example"))
    assert table.labels == {"NEWS", "GMB"}
    assert table.skipped == 0


@pytest.mark.parametrize(
    "name",
    ["192.0.2.1", "http://[2001:db8::1]/", "printer", "printer.local", "secret.onion", "a.lan"],
)
def test_a_name_that_the_world_does_not_know_is_left_out_and_counted(name: str) -> None:
    table = read_table(f"NEWS\tnews.example\nNEWS\t{name}\n", "t.tsv")
    assert [row.name for row in table.rows] == ["news.example"]
    assert table.skipped == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("NEWS,news.example", r"^t.tsv:1: has 1 column; write a label, a tab and a domain$"),
        ("#a\tlabel\tb\turl\nx\tNEWS", r"^t.tsv:2: has 2 columns"),
        ("A\ta.example\n\nNEWS\tnews example", "^t.tsv:3: 'news example' is not a valid domain"),
        ("NEWS\t", r"^t.tsv:1: has no domain; write one$"),
        ("\ta.example", r"^t.tsv:1: has no label"),
        ("", r"^t.tsv: there are no public internet domains"),
        ("NEWS\t192.0.2.1", "^t.tsv: there are no public internet domains in this file$"),
    ],
)
def test_a_bad_table_is_told_with_its_lines(text: str, words: str) -> None:
    with pytest.raises(ListError, match=words):
        read_table(text, "t.tsv")


def test_many_bad_lines_are_not_all_told() -> None:
    with pytest.raises(ListError) as told:
        read_table("x\n" * 9, "t.tsv")
    assert str(told.value).splitlines()[-2:] == [
        "t.tsv:5: has 1 column; write a label, a tab and a domain",
        "and 4 more lines",
    ]


@given(st.text(alphabet="ab.\t\n#:/[]@ é\r") | st.text())
def test_any_text_is_a_table_or_a_list_error(text: str) -> None:
    with suppress(ListError):
        assert read_table(text, "t.tsv").rows


def shared(*lists: tuple[str, ListKind, str, str]) -> HouseholdContext:
    """Return lists of (slug, kind, subject, names), where a name with `!` is an exception."""
    infos = [
        ListInfo(at, slug, kind, about, "1") for at, (slug, kind, about, _) in enumerate(lists)
    ]
    pairs = [
        [(Matcher(name.lstrip("!"), MatchKind.SUBTREE), "!" in name) for name in names.split()]
        for *_, names in lists
    ]
    services = {"chats": ServiceNames(Contact.STRANGERS), "mails": ServiceNames(Contact.KNOWN)}
    return HouseholdContext(
        "home", DictIndex(zip(infos, pairs, strict=True)), AnswerDefaults(()), services=services
    )


HOUSE = shared(
    ("one", ListKind.CATEGORY, "gambling", "bets.example !odds.bets.example"),
    ("two", ListKind.CATEGORY, "gambling", "bets.example cards.example help.example"),
    ("toys", ListKind.CATEGORY, "games", "toys.example"),
    ("theft", ListKind.SECURITY, "phishing", "bank.example"),
    ("help", ListKind.PROTECTED, "abuse_reporting", "help.example"),
    ("chats", ListKind.SERVICE, "chats", "chats.example"),
    ("mails", ListKind.SERVICE, "mails", "mails.example"),
    ("round", ListKind.BYPASS, "bypass", "vpn.example"),
    ("plain", ListKind.NO_SAFE_SEARCH, "no-safe-search", "finder.example"),
)
MIA = Profile("mia", "Mia", Band.TO_9, categories=frozenset({"gambling"}))


def audited(rows: str, profile: Profile = MIA, wanted: str = "", *rules: Rule) -> dict[str, Share]:
    table = read_table(rows.replace(" ", "\t").replace(";", "\n"), "t.tsv")
    policy = build_policy(profile, rules, HOUSE, 0)
    found = audit(table, policy, blocking_lists(profile, HOUSE), wanted.split(), 0)
    return {**found.labels, "wanted": found.wanted, "others": found.others}


def test_each_list_is_counted_by_itself_and_all_of_them_together() -> None:
    found = audited("GMB www.bets.example;GMB cards.example;GMB open.example;NEWS bank.example")
    assert found["GMB"] == Share(3, 2, {"one": 1, "two": 2})
    assert found["NEWS"] == Share(1, 1, {"theft": 1})
    assert list(found) == ["GMB", "NEWS", "wanted", "others"]


def test_an_exception_holds_for_its_own_list() -> None:
    assert audited("GMB odds.bets.example")["GMB"] == Share(1, 1, {"two": 1})


def test_what_is_protected_or_allowed_by_a_rule_is_blocked_by_no_list() -> None:
    yes = Rule("r1", RuleAction.ALLOW, Matcher("cards.example"))
    found = audited("GMB help.example;GMB cards.example", MIA, "", yes)
    assert found["GMB"] == Share(2, 0, {})


def test_what_a_rule_blocks_counts_in_total_only() -> None:
    no = Rule("r1", RuleAction.BLOCK, Matcher("open.example"))
    assert audited("NEWS open.example", MIA, "", no)["NEWS"] == Share(1, 1, {})


def test_wanted_labels_are_summed_apart_and_a_name_with_both_is_wanted() -> None:
    rows = "GMB bets.example;GMB open.example;NEWS bets.example;NEWS bank.example;REL a.example"
    found = audited(rows, MIA, "GMB")
    assert found["NEWS"] == Share(2, 2, {"one": 1, "theft": 1, "two": 1})
    assert found["wanted"] == Share(2, 1, {"one": 1, "two": 1})
    assert found["others"] == Share(2, 1, {"theft": 1})
    assert found["others"].percent() == 50.0
    assert found["wanted"].percent(0) == 0.0


@pytest.mark.parametrize(
    ("profile", "slugs"),
    [
        (MIA, {"one", "two", "theft"}),
        (Profile("a", "A", Band.ADULT, security=False), set()),
        (Profile("a", "A", Band.ADULT, services=frozenset({"mails"})), {"theft", "mails"}),
        (
            Profile("a", "A", Band.ADULT, contacts=frozenset({Contact.STRANGERS})),
            {"theft", "chats"},
        ),
        (
            Profile("a", "A", Band.ADULT, bypass=True, no_safe_search=True),
            {"theft", "round", "plain"},
        ),
    ],
)
def test_only_lists_that_a_profile_blocks_by_are_looked_at(
    profile: Profile, slugs: set[str]
) -> None:
    assert {info.slug for info in blocking_lists(profile, HOUSE)} == slugs
