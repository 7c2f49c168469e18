"""Tests of single steps, where a scenario would tell less."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.dns.records import AAAA, HTTPS, NS, SVCB, TXT, A
from copdns.lists.index import DictIndex, ListInfo, ListKind
from copdns.model.household import Contact, Default, LocalName, NameRewrite, OwnService
from copdns.model.matchers import Matcher, parse_matcher
from copdns.model.verdict import Action, Reason, Verdict
from copdns.policy.decide import Policy, decide, decide_query, has_help_prefix
from copdns.policy.matching import ListSet, RuleSet
from tests.household import MIA, NOW, TOM, allow, block, family, policy


def verdict(of: Policy, qname: str, qtype: int = A) -> Verdict:
    return decide(of, qname, qtype, NOW)


def reason(of: Policy, qname: str) -> str:
    return str(verdict(of, qname).reason)


# --- own rules ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "counts"),
    [
        ([block("a.example"), allow("www.a.example")], "allow www.a.example"),  # longer
        ([allow("=www.a.example"), block("www.a.example", "mia")], "allow =www.a.example"),
        ([allow("www.a.example"), block("www.a.example", "mia")], "block www.a.example mia"),
        (
            [allow("www.a.example"), block("www.a.example", "#children")],
            "block www.a.example #children",
        ),
        (
            [allow("www.a.example", "#children"), block("www.a.example", "mia")],
            "block www.a.example mia",
        ),
        ([block("www.a.example"), allow("www.a.example")], "allow www.a.example"),
        ([block("*.www.a.example"), allow("a.example")], "allow a.example"),  # not the name itself
        ([block("*.a.example"), allow("=a.example")], "block *.a.example"),
        ([block("aa.example"), block("wwww.a.example")], ""),
    ],
)
def test_of_the_rules_that_cover_a_name_one_counts(rules: list[object], counts: str) -> None:
    found = RuleSet(rules).find("www.a.example")  # type: ignore[arg-type]
    assert (found.id.strip() if found else "") == counts


def test_an_allow_rule_opens_the_names_above_it_for_nobody_to_deny() -> None:
    assert RuleSet([allow("=b.a.example"), block("c.example")]).open_below == {
        "b.a.example",
        "a.example",
        "example",
    }


# --- lists ----------------------------------------------------------------------------------------


def info(number: int, kind: ListKind = ListKind.CATEGORY) -> ListInfo:
    return ListInfo(number, f"list-{number}", kind, "games", "1")


@pytest.mark.parametrize(
    ("lines", "qname", "found"),
    [
        (["a.example", "www.a.example"], "www.a.example", "www.a.example"),
        (["a.example", "!www.a.example"], "www.a.example", ""),
        (["a.example", "!www.a.example"], "eu.www.a.example", ""),
        (["a.example", "!www.a.example"], "a.example", "a.example"),
        (["www.a.example", "!a.example"], "www.a.example", ""),  # its makers know their own list
        (["!a.example"], "a.example", ""),
    ],
)
def test_a_lists_exception_lifts_what_the_list_blocks(
    lines: list[str], qname: str, found: str
) -> None:
    pairs = [(parse_matcher(line.removeprefix("!")), line.startswith("!")) for line in lines]
    entries = DictIndex([(info(0), pairs)]).find(qname)
    hit = ListSet([info(0)]).find(entries)
    assert (hit[0].name if hit else "") == found


def test_lists_that_are_not_asked_for_say_nothing() -> None:
    entries = DictIndex([(info(0), [(Matcher("a.example"), False)])]).find("a.example")
    assert ListSet([info(1)]).find(entries) is None
    assert not ListSet([])


def test_security_lists_have_their_own_ttl() -> None:
    made = policy(
        replace(MIA, categories=frozenset({"games"})),
        security={"malware": ["a.example"]},
        categories={"games": ["b.example"]},
    )
    assert verdict(made, "a.example").ttl == 60
    assert verdict(made, "b.example").ttl == 10


def test_the_same_entry_makes_the_same_verdict_again() -> None:
    made = policy(replace(MIA, bypass=True), bypass=["a.example"])
    assert verdict(made, "x.a.example") is verdict(made, "y.a.example")


# --- own names ------------------------------------------------------------------------------------


def test_a_local_name_has_its_addresses_by_type_and_nothing_below() -> None:
    house = family(local_names=(LocalName("nas.example", ("192.168.1.5", "fd00::5")),))
    made = policy(house=house)
    by_type = {qtype: verdict(made, "nas.example", qtype).local for qtype in (A, AAAA, TXT)}
    data = {qtype: [r.data for r in each.records] for qtype, each in by_type.items() if each}
    assert data == {A: ["192.168.1.5"], AAAA: ["fd00::5"], TXT: []}
    below = verdict(made, "x.nas.example").local
    assert below is not None
    assert below.rcode == 3


def test_of_two_rewrites_alike_the_one_for_the_name_itself_counts() -> None:
    house = family(
        rewrites=(
            NameRewrite(parse_matcher("a.example"), "one.example"),
            NameRewrite(parse_matcher("=a.example"), "two.example"),
        )
    )
    made = policy(house=house)
    assert verdict(made, "a.example").target == "two.example"
    assert verdict(made, "www.a.example").target == "one.example"


def test_a_canary_is_answered_without_its_list_being_a_block() -> None:
    made = policy(
        replace(MIA, canaries=frozenset({"browser"})), canaries={"browser": ["a.example"]}
    )
    found = verdict(made, "a.example")
    assert (found.action, found.reason) == (Action.LOCAL, Reason.CANARY)
    assert reason(policy(canaries={"browser": ["a.example"]}), "a.example") == "default"


# --- protected names ------------------------------------------------------------------------------


def test_a_protected_name_tells_its_group() -> None:
    found = verdict(policy(protected={"child_helpline": ["a.example"]}), "www.a.example")
    assert (found.category, found.list, found.rule) == (
        "child_helpline",
        "child_helpline",
        "a.example",
    )


@pytest.mark.parametrize(
    ("group", "unwatched"), [("child_helpline", True), ("connectivity", False)]
)
def test_only_help_groups_leave_no_trace(group: str, unwatched: bool) -> None:
    found = verdict(policy(protected={group: ["a.example"]}), "a.example")
    assert found.is_untraced is unwatched


def test_help_stays_help_where_another_group_has_the_name_too() -> None:
    house = family(protected=("www.a.example",))
    made = policy(house=house, protected={"child_helpline": ["a.example"]})
    assert verdict(made, "www.a.example").is_untraced


LISTS = {"protected": {"child_helpline": ["help.example", "=line.org"]}}


@pytest.mark.parametrize(
    ("qname", "told"),
    [
        ("help.example.home.example", True),
        ("help.example.lan", True),
        ("www.help.example.corp.home.example", True),
        ("line.org.home.example", True),
        ("www.line.org.home.example", False),  # only the name itself is a help name
        ("help.example", False),  # no search domain behind it; `decide` says that it is untraced
        ("help.home.example", False),
        ("nohelp.example.home.example", False),
        ("home.example", False),
        ("example.org.home.example", False),
        ("other.org.example", False),  # a last label of help names, before one of another domain
        ("a.line.org.b.org.example", False),
        ("line.org.b.org.example", True),
        ("org", False),
        ("", False),
    ],
)
def test_a_help_name_with_a_search_domain_behind_it_is_noticed(qname: str, told: bool) -> None:
    asked = policy(**LISTS)
    assert has_help_prefix(asked, qname) is told
    untraced = told or qname == "help.example"
    assert decide_query(asked, qname, A, NOW).is_untraced is untraced
    assert decide(asked, qname, A, NOW) == replace(
        decide_query(asked, qname, A, NOW), is_untraced=qname == "help.example"
    )


def test_whose_help_it_is_stays_told_apart() -> None:
    """Two households' policies may ask the same lists, of which only one leaves some unseen."""
    unseen = policy(**LISTS)
    seen = replace(unseen, untraced_lists=frozenset())
    for asked in (seen, unseen, seen):
        found = decide_query(asked, "help.example.home.example", A, NOW)
        assert found.is_untraced is (asked is unseen)


# --- services -------------------------------------------------------------------------------------


def test_the_service_with_the_longer_name_owns_a_name() -> None:
    names = {"tube": ["a.example"], "chat": ["chat.a.example"]}
    assert (
        reason(policy(replace(MIA, services=frozenset({"tube"})), services=names), "chat.a.example")
        == "default"
    )
    made = policy(replace(MIA, services=frozenset({"tube", "chat"})), services=names)
    assert verdict(made, "chat.a.example").service == "chat"


def test_two_services_with_the_same_name_are_closed_by_either() -> None:
    names = {"tube": ["a.example"], "chat": ["a.example"]}
    for slug in names:
        made = policy(replace(MIA, services=frozenset({slug})), services=names)
        assert verdict(made, "a.example").service == slug


def test_a_contact_kind_closes_own_services_too() -> None:
    house = family(
        services=(OwnService("club", "Club", (parse_matcher("a.example"),), Contact.STRANGERS),)
    )
    made = policy(replace(MIA, contacts=frozenset({Contact.STRANGERS})), house=house)
    assert verdict(made, "a.example").service == "club"
    assert reason(policy(TOM, house=house), "a.example") == "default"


# --- safe search ----------------------------------------------------------------------------------

FINDER = {"finder": (["a.example"], {"strict": "safe.example"})}
SAFE = replace(MIA, safe_search=(("finder", "strict"),))


@pytest.mark.parametrize(
    ("qtype", "rewritten"),
    [(A, True), (AAAA, True), (HTTPS, True), (SVCB, True), (TXT, False), (NS, False)],
)
def test_types_with_addresses_come_from_the_safe_host(qtype: int, rewritten: bool) -> None:
    found = verdict(policy(SAFE, engines=FINDER), "a.example", qtype)
    assert (found.action is Action.REWRITE) is rewritten


def test_only_the_very_hosts_of_an_engine_are_rewritten() -> None:
    made = policy(SAFE, engines=FINDER)
    assert reason(made, "mail.a.example") == "default"
    assert verdict(made, "a.example").target == "safe.example"


def test_the_verdict_about_a_host_is_made_once() -> None:
    made = policy(SAFE, engines=FINDER)
    assert verdict(made, "a.example") is verdict(made, "a.example")


def test_an_engine_or_mode_that_is_not_there_changes_nothing() -> None:
    for chosen in ((("other", "strict"),), (("finder", "moderate"),)):
        made = policy(replace(MIA, safe_search=chosen), engines=FINDER)
        assert reason(made, "a.example") == "default"


# --- the default ----------------------------------------------------------------------------------


def test_what_nobody_knows_is_open_or_closed_as_the_profile_says() -> None:
    assert verdict(policy(), "a.example").action is Action.ALLOW
    closed = verdict(policy(replace(MIA, default=Default.ALLOWLIST)), "a.example")
    assert (closed.action, closed.reason, closed.ttl) == (
        Action.BLOCK,
        Reason.NOT_ON_ALLOWLIST,
        10,
    )
