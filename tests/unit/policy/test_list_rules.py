"""Rules of lists that are more than a name: for whom, for which type, and what they beat."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from copdns.dns.records import AAAA, HTTPS, TXT, A
from copdns.dns.response_facts import ResponseFacts
from copdns.lists.index import ListKind
from copdns.lists.parse import ListFormat
from copdns.model.household import BlockMode, Device, DeviceKind, PrivacyMode, Profile
from copdns.model.verdict import Action, Reason, Verdict
from copdns.policy.decide import Policy, decide
from copdns.policy.judge import RebindingGuard, judge_response
from copdns.privacy.retention import log_row
from tests.household import ADA, MIA, NOW, TOM, allow, family, library, live, policy

GAMES = frozenset({"games"})


def made(
    text: str,
    profile: Profile = MIA,
    *,
    form: ListFormat = ListFormat.ADBLOCK,
    kind: ListKind = ListKind.CATEGORY,
    **fields: object,
) -> Policy:
    subject = "malware" if kind is ListKind.SECURITY else "games"
    return policy(
        replace(profile, categories=GAMES),
        written={"rules": (kind, subject, form, text)},
        **fields,
    )


def blocks(made: Policy, name: str, qtype: int = A) -> bool:
    return decide(made, name, qtype, NOW).blocks


def test_a_rule_for_a_type_blocks_that_type_alone() -> None:
    typed = made("||a.example^$dnstype=AAAA|HTTPS\n||b.example^$dnstype=~A")
    assert [blocks(typed, "x.a.example", each) for each in (A, AAAA, HTTPS)] == [False, True, True]
    assert [blocks(typed, "b.example", each) for each in (A, AAAA, TXT)] == [False, True, True]


def test_what_a_rule_leaves_out_is_open() -> None:
    partly = made("||a.example^$denyallow=ok.a.example")
    assert blocks(partly, "a.example")
    assert blocks(partly, "nook.a.example")
    assert not blocks(partly, "ok.a.example")
    assert not blocks(partly, "x.ok.a.example")


@pytest.mark.parametrize(
    ("lines", "blocked"),
    [
        (["||a.example^", "@@||a.example^"], False),
        (["||a.example^$important", "@@||a.example^"], True),
        (["||a.example^$important", "@@||a.example^$important"], False),
        (["||a.example^", "@@||a.exam*$important"], False),
        (["||a.exam*$important", "@@||a.example^"], True),
        (["||a.example^$important,dnstype=AAAA", "||a.example^", "@@||a.example^"], False),
    ],
)
def test_which_of_two_rules_of_a_list_wins(lines: list[str], blocked: bool) -> None:
    assert blocks(made("\n".join(lines)), "a.example") is blocked


def test_an_important_rule_beats_exceptions_of_its_own_list_alone() -> None:
    other = policy(
        replace(MIA, categories=GAMES),
        written={
            "rules": (ListKind.CATEGORY, "games", ListFormat.ADBLOCK, "||a.example^$important"),
            "other": (
                ListKind.CATEGORY,
                "games",
                ListFormat.ADBLOCK,
                "||b.example^\n@@||x.b.example^",
            ),
        },
    )
    assert blocks(other, "a.example")
    assert not blocks(other, "x.b.example")


@pytest.mark.parametrize(
    ("terms", "blocked"),
    [
        ("client=192.0.2.8", {"mia"}),
        ("client=192.0.2.0/28", {"mia", "tom"}),
        ("client=~192.0.2.8", {"tom", "ada"}),
        ("client=Mia", {"mia"}),
        ("client='Tom\\'s phone'", {"tom"}),
        ("client=~mia|~tom", {"ada"}),
        ("client=203.0.113.1", set()),
        ("ctag=user_child", {"mia", "tom"}),
        ("ctag=user_regular", {"ada"}),
        ("ctag=~user_child", {"ada"}),
        ("ctag=children", {"mia", "tom"}),
        ("ctag=device_other", {"mia", "tom", "ada"}),
        ("ctag=device_tv", set()),
    ],
)
def test_a_rule_holds_for_those_whom_it_names(terms: str, blocked: set[str]) -> None:
    text = f"||a.example^${terms}\n||ads*.example^${terms}"
    for profile in (MIA, TOM, ADA):
        is_meant = profile.id in blocked
        assert blocks(made(text, profile), "a.example") is is_meant, profile.id
        assert blocks(made(text, profile), "ads1.example") is is_meant, profile.id


def test_a_block_needs_one_device_and_an_exception_all_of_them() -> None:
    phone = Device("m1", "Phone", "mia", ("192.0.2.8",), kind=DeviceKind.PHONE)
    tablet = Device("m2", "Tablet", "mia", ("192.0.2.9",), kind=DeviceKind.TABLET)
    house = family(devices=(phone, tablet))
    assert blocks(made("||a.example^$ctag=device_phone", house=house), "a.example")
    lifted = "||a.example^\n@@||a.example^$client=192.0.2.8"
    assert blocks(made(lifted, house=house), "a.example")
    both = f"{lifted}|192.0.2.9"
    assert not blocks(made(both, house=house), "a.example")


def test_the_snapshot_knows_whom_a_rule_means_and_learns_of_another_address() -> None:
    text = "||a.example^$client=192.0.2.8"
    lists = library(written={"r": (ListKind.CATEGORY, "games", ListFormat.ADBLOCK, text)})
    people = [replace(each, categories=GAMES) for each in (MIA, TOM)]
    before = live(family(*people), lists=lists)
    assert blocks(before.policy("home", "mia"), "a.example")
    assert not blocks(before.policy("home", "tom"), "a.example")
    moved = family(*people, devices=(Device("t", "T", "tom", ("192.0.2.8",)),))
    after = live(moved, lists=lists, before=before)
    assert not blocks(after.policy("home", "mia"), "a.example")
    assert blocks(after.policy("home", "tom"), "a.example")


def test_a_rule_for_everybody_holds_in_a_snapshot_too() -> None:
    text = "||a.example^$important\n||ads*.example^"
    lists = library(written={"r": (ListKind.CATEGORY, "games", ListFormat.ADBLOCK, text)})
    snapshot = live(family(replace(MIA, categories=GAMES)), lists=lists)
    assert blocks(snapshot.policy("home", "mia"), "a.example")
    assert blocks(snapshot.policy("home", "mia"), "ads1.example")


def test_a_verdict_shows_the_pattern_as_it_is_written() -> None:
    found = decide(made("||ads*.example^\n/^x[0-9]$/"), "eu.ads1.example", A, NOW)
    assert (found.reason, found.list, found.rule) == (Reason.CATEGORY, "rules", "||ads*.example^")
    assert decide(made("/^x[0-9]\\./"), "x1.example", A, NOW).rule == "/^x[0-9]\\./"


def test_a_verdict_shows_the_terms_that_leave_something_open() -> None:
    typed = decide(made("||t.example^$dnstype=A,important"), "x.t.example", A, NOW)
    assert typed.rule == "||t.example^$important,dnstype=A"
    assert decide(made("||p.example^$client=mia"), "x.p.example", A, NOW).rule == "p.example"


@pytest.mark.parametrize(
    "line", ["||a.example^$dnstype=AAAA", "/^a\\.ex/$dnstype=~A", "a.exam*^$dnstype=AAAA"]
)
def test_what_is_blocked_for_a_type_alone_is_recorded_by_name_in_a_full_log_only(line: str) -> None:
    typed, plain = (decide(made(each), "a.example", AAAA, NOW) for each in (line, "/^a\\.ex/"))
    assert typed.blocks
    assert typed.rule == line
    assert plain.blocks

    def recorded(mode: PrivacyMode, verdict: Verdict) -> bool:
        return log_row(mode, "home", "mia", "", "a.example", AAAA, verdict, NOW) is not None

    assert not recorded(PrivacyMode.BLOCKED, typed)
    assert recorded(PrivacyMode.BLOCKED, plain)
    assert recorded(PrivacyMode.FULL, typed)


def test_in_mode_nxdomain_a_name_with_something_open_is_not_denied() -> None:
    def denies(text: str, name: str) -> bool:
        profile = replace(MIA, block_mode=BlockMode.NXDOMAIN)
        return decide(made(text, profile), name, AAAA, NOW).nothing_open_below

    assert denies("||a.example^", "a.example")
    assert denies("||a.example^\n||ads*.example^", "a.example")
    assert not denies("||a.example^$dnstype=AAAA", "a.example")
    assert not denies("||a.example^$denyallow=x.a.example", "a.example")
    assert not denies("||a.example^\n@@||ok*.example^", "a.example")
    assert not denies("||ads*.example^", "ads1.example")


def test_a_hashed_list_blocks_and_its_verdict_tells_no_name() -> None:
    text = f"hashed-v1 s\n{sha256(b'ssecret.example').hexdigest()}"
    found = decide(made(text, form=ListFormat.HASHED), "www.secret.example", A, NOW)
    assert (found.action, found.list) == (Action.BLOCK, "rules")
    assert "secret" not in repr(found)


def test_a_target_is_judged_by_the_type_of_the_question() -> None:
    typed = made("||t.example^$dnstype=AAAA")
    opened = Verdict(Action.ALLOW, Reason.DEFAULT, 15)
    facts = ResponseFacts(targets=("t.example",))

    def judged(qtype: int) -> Verdict | None:
        return judge_response(typed, RebindingGuard(), "a.example", opened, facts, NOW, qtype)

    assert judged(A) is None
    found = judged(AAAA)
    assert found is not None
    assert (found.reason, found.via) == (Reason.CATEGORY, "t.example")


@pytest.mark.parametrize(
    ("kind", "reason", "by_rule"),
    [
        (ListKind.CATEGORY, Reason.CATEGORY, None),
        (ListKind.SECURITY, Reason.SECURITY, Reason.SECURITY),
    ],
)
def test_an_answer_with_a_listed_address_is_blocked(
    kind: ListKind, reason: Reason, by_rule: Reason | None
) -> None:
    listed = made("198.51.100.0/24\n2001:db8:bad::/48", form=ListFormat.ADDRESSES, kind=kind)

    def judged(packed: bytes, verdict: Reason = Reason.DEFAULT) -> Verdict | None:
        opened = Verdict(Action.ALLOW, verdict, 15)
        facts = ResponseFacts(addresses=(bytes([203, 0, 113, 1]), packed))
        return judge_response(listed, RebindingGuard(), "a.example", opened, facts, NOW)

    found = judged(bytes([198, 51, 100, 7]))
    assert found is not None
    assert (found.reason, found.list, found.rule) == (reason, "rules", "198.51.100.0/24")
    assert judged(bytes([198, 51, 101, 7])) is None
    mapped = judged(bytes([0] * 10 + [255, 255, 198, 51, 100, 7]))
    assert mapped is not None
    ruled = judged(bytes([198, 51, 100, 7]), Reason.RULE)
    assert (None if ruled is None else ruled.reason) == by_rule
    assert judged(bytes([198, 51, 100, 7]), Reason.PROTECTED) is None
    assert judged(bytes([198, 51, 100, 7]), Reason.SAFE_SEARCH) is None, "no list breaks the search"


def test_a_list_of_addresses_blocks_only_those_who_block_its_category() -> None:
    free = policy(
        MIA,
        written={"r": (ListKind.CATEGORY, "games", ListFormat.ADDRESSES, "198.51.100.0/24")},
    )
    assert free.address_lists == ()


def test_an_allow_rule_beats_a_pattern_of_a_list() -> None:
    ruled = policy(
        replace(MIA, categories=GAMES),
        allow("ads1.example"),
        written={"r": (ListKind.CATEGORY, "games", ListFormat.ADBLOCK, "||ads*.example^")},
    )
    assert not blocks(ruled, "ads1.example")
    assert blocks(ruled, "ads2.example")
