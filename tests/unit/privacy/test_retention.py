"""What is kept of one look-up, mode by mode (docs/privacy.md)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.model.household import PrivacyMode
from copdns.model.verdict import Action, LocalAnswer, Reason, Verdict
from copdns.privacy.retention import CountKey, LogRow, count_key, log_row

AT = 1_800_000_123.75  # 3 seconds past a whole two minutes, 123 past five

ALLOWED = Verdict(Action.ALLOW, Reason.DEFAULT, 15)
BLOCKED = Verdict(
    Action.BLOCK,
    Reason.CATEGORY,
    13,
    category="games",
    service="chess",
    list="starter-games",
    rule="*.games.example",
    via="cdn.games.example",
)
SAFE = Verdict(Action.REWRITE, Reason.SAFE_SEARCH, 14)
CANARY = Verdict(Action.LOCAL, Reason.CANARY, 2)
WITHHELD = Verdict(Action.BLOCK, Reason.ADDRESS, 16, rule="198.51.100.0/24")
LISTED = replace(BLOCKED, list="nets", rule="198.51.100.0/24", via="")
LISTED_V6 = replace(LISTED, rule="2001:db8::/32")
OF_A_TYPE = replace(BLOCKED, rule="||chess.games.example^$dnstype=AAAA", via="")
BY_PATTERN = replace(BLOCKED, rule="/^ch?ess/", via="")
REFUSED = Verdict(Action.REFUSE, Reason.NOT_A_CLIENT, 1)
HELP = Verdict(Action.ALLOW, Reason.PROTECTED, 4, is_untraced=True)
HELP_FILTERED = Verdict(Action.BLOCK, Reason.UPSTREAM_FILTERED, 16, is_untraced=True)

EVERY_VERDICT = [ALLOWED, BLOCKED, SAFE, CANARY, WITHHELD, REFUSED]


def row(mode: PrivacyMode, verdict: Verdict, now: float = AT) -> LogRow | None:
    found = log_row(mode, "home", "mia", "mias-tablet", "chess.games.example", 28, verdict, now)
    return found and found.row()


def count(mode: PrivacyMode, verdict: Verdict, now: float = AT) -> CountKey | None:
    return count_key(mode, "home", "mia", verdict, now)


@pytest.mark.parametrize("verdict", EVERY_VERDICT)
def test_off_keeps_nothing_at_all(verdict: Verdict) -> None:
    assert row(PrivacyMode.OFF, verdict) is None
    assert count(PrivacyMode.OFF, verdict) is None


@pytest.mark.parametrize("verdict", EVERY_VERDICT)
def test_counts_keeps_how_many_and_no_name(verdict: Verdict) -> None:
    assert row(PrivacyMode.COUNTS, verdict) is None
    assert count(PrivacyMode.COUNTS, verdict) == CountKey(
        "home", "mia", 500_000, verdict.action, verdict.reason, verdict.category
    )


@pytest.mark.parametrize(
    ("verdict", "has_row"),
    [
        (BLOCKED, True),
        (REFUSED, True),
        (BY_PATTERN, True),
        (LISTED, False),  # a list of addresses
        (LISTED_V6, False),
        (OF_A_TYPE, False),
        (ALLOWED, False),
        (SAFE, False),  # counted; the name of a search engine helps nobody
        (CANARY, False),
        (WITHHELD, False),  # the site was allowed, and goes on by its other addresses
    ],
)
def test_blocked_keeps_the_names_that_were_blocked(verdict: Verdict, has_row: bool) -> None:
    assert (row(PrivacyMode.BLOCKED, verdict) is not None) is has_row
    assert count(PrivacyMode.BLOCKED, verdict) is not None


@pytest.mark.parametrize(
    ("now", "at"),
    [
        (1_800_000_000.0, 1_800_000_000),
        (1_800_000_299.999, 1_800_000_000),
        (1_800_000_300.0, 1_800_000_300),
    ],
)
def test_a_blocked_name_is_kept_with_its_five_minutes_only(now: float, at: int) -> None:
    found = row(PrivacyMode.BLOCKED, BLOCKED, now)
    assert found is not None
    assert found.at == at


def test_a_blocked_name_is_kept_with_what_a_child_needs_to_object() -> None:
    assert row(PrivacyMode.BLOCKED, BLOCKED) == LogRow(
        at=1_800_000_000,
        household="home",
        profile="mia",
        device="",
        qname="chess.games.example",
        qtype=28,
        action="block",
        reason="category",
        category="games",
        service="chess",
        list="starter-games",
        rule="*.games.example",
        via="cdn.games.example",
    )


@pytest.mark.parametrize("verdict", EVERY_VERDICT)
def test_full_keeps_every_name_with_its_second_and_device(verdict: Verdict) -> None:
    found = row(PrivacyMode.FULL, verdict)
    assert found is not None
    assert (found.at, found.device) == (1_800_000_123, "mias-tablet")
    assert count(PrivacyMode.FULL, verdict) is not None


@pytest.mark.parametrize("mode", PrivacyMode)
@pytest.mark.parametrize("verdict", [HELP, HELP_FILTERED])
def test_a_name_of_the_help_groups_leaves_nothing_in_any_mode(
    mode: PrivacyMode, verdict: Verdict
) -> None:
    assert row(mode, verdict) is None
    assert count(mode, verdict) is None


def test_counts_fall_into_hours() -> None:
    first = count(PrivacyMode.COUNTS, ALLOWED, 7_199.9)
    second = count(PrivacyMode.COUNTS, ALLOWED, 7_200.0)
    assert first is not None
    assert second is not None
    assert (first.hour, second.hour) == (1, 2)


def test_no_column_is_there_for_an_address() -> None:
    assert not {"address", "client", "peer", "ip", "mac"} & {*LogRow._fields, *CountKey._fields}


@pytest.mark.parametrize(
    ("local", "rule", "is_counted"),
    [
        (LocalAnswer(is_own_address=True), "", False),  # a page of copdns
        (LocalAnswer(is_own_address=True, is_probe=True), "", False),  # a check of the device
        (LocalAnswer(is_status=True), "", False),
        (LocalAnswer(is_own_address=True), "toys.example", True),  # led there by the household
        (LocalAnswer(), "", True),
    ],
)
def test_pages_and_checks_of_copdns_are_no_visits(
    local: LocalAnswer, rule: str, is_counted: bool
) -> None:
    verdict = Verdict(Action.LOCAL, Reason.LOCAL, 2, rule=rule, local=local)
    for mode in (PrivacyMode.COUNTS, PrivacyMode.BLOCKED, PrivacyMode.FULL):
        assert (count(mode, verdict) is not None) is is_counted
