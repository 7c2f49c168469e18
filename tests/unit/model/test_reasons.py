"""Tests of what a reason is called outside, and that the documentation says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.reasons import MAX_TEXT, Ede, ede_of, forwarded_ede, text_of, truncate_text
from copdns.model.verdict import Action, Reason, Verdict

REASONS = Path(__file__).parents[3] / "docs" / "reasons.md"


def verdict(reason: Reason, **fields: str) -> Verdict:
    return Verdict(Action.BLOCK, reason, 1, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "code", "text"),
    [
        (verdict(Reason.NOT_A_CLIENT), 18, "not_a_client: not served here"),
        (
            verdict(Reason.LEGAL, category="legal", list="orders"),
            16,
            "legal: legal (list orders)",
        ),
        (
            verdict(Reason.SECURITY, category="malware", list="starter-malware"),
            15,
            "security: malware (list starter-malware)",
        ),
        (verdict(Reason.PAUSED), 17, "paused"),
        (verdict(Reason.PAUSED, ends_text="Tue 18:30"), 17, "paused until Tue 18:30"),
        (
            verdict(Reason.SCHEDULE, category="games", list="starter-games", period="mia-evenings"),
            17,
            "schedule: category games",  # not whose
        ),
        (verdict(Reason.SCHEDULE, ends_text="Mon 07:00"), 17, "schedule until Mon 07:00"),
        (
            verdict(Reason.BUDGET, service="tube", ends_text="Mon 00:00"),
            17,
            "budget: service tube used up until Mon 00:00",
        ),
        (
            verdict(Reason.BUDGET, ends_text="Mon 00:00", no_minutes=True),
            17,
            "budget no minutes until Mon 00:00",
        ),
        (verdict(Reason.RULE, rule="*.games.example"), 17, "rule: *.games.example"),
        (verdict(Reason.BYPASS, list="bypass"), 17, "bypass: list bypass"),
        (verdict(Reason.SERVICE, service="tube", list="tube"), 17, "service: tube"),
        (
            verdict(Reason.CONTACT, service="chatroom", list="chatroom", contact="strangers"),
            17,
            "contact: service chatroom (strangers)",
        ),
        (verdict(Reason.CONTACT, service="chatroom"), 17, "contact: service chatroom"),
        (
            verdict(Reason.CATEGORY, category="games", list="starter-games"),
            17,
            "category: games (list starter-games)",
        ),
        (verdict(Reason.SAFE_SEARCH), 4, "safe_search: the engine's safe mode"),
        (
            verdict(Reason.NO_SAFE_SEARCH, list="no-safe-search"),
            17,
            "no_safe_search: list no-safe-search",
        ),
        (verdict(Reason.NOT_ON_ALLOWLIST), 17, "not_on_allowlist"),
        (verdict(Reason.ADDRESS, rule="198.51.100.0/24"), 17, "address: 198.51.100.0/24"),
        (verdict(Reason.REBINDING), 15, "rebinding: private address"),
        (
            verdict(Reason.UPSTREAM_FILTERED),
            35,
            "upstream_filtered: blocked by the upstream resolver",
        ),
        (verdict(Reason.LOCAL, target="b.example"), 4, "local: rewritten by this household"),
        (verdict(Reason.LOCAL), 4, "local: a local or special name"),
    ],
)
def test_a_reason_has_its_error_and_its_words(found: Verdict, code: int, text: str) -> None:
    assert ede_of(found) == Ede(code, text)


@pytest.mark.parametrize("reason", Reason)
def test_every_text_begins_with_the_reason_itself(reason: Reason) -> None:
    assert re.match(rf"{reason}\b", text_of(verdict(reason)))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_is_cut_to_80_octets_and_never_inside_a_character(text: str) -> None:
    cut = truncate_text(text)
    assert len(cut.encode()) <= MAX_TEXT
    assert text.startswith(cut)
    assert len(text.encode()) <= MAX_TEXT or len(cut.encode()) > MAX_TEXT - 4


def test_a_long_rule_does_not_make_a_long_error() -> None:
    assert len(ede_of(verdict(Reason.RULE, rule="a." * 100 + "example")).text) == MAX_TEXT


def rows() -> dict[str, list[str]]:
    """Return the table of docs/reasons.md: the other columns by reason."""
    lines = re.findall(r"^\| `(\w+)` \|(.*)\|$", REASONS.read_text(), re.MULTILINE)
    return {reason: [cell.strip() for cell in rest.split("|")] for reason, rest in lines}


def test_the_documentation_has_a_row_for_every_reason_and_no_other() -> None:
    assert list(rows()) == [str(reason) for reason in Reason]


@pytest.mark.parametrize("reason", Reason)
def test_the_documentation_gives_the_error_that_is_sent(reason: Reason) -> None:
    documented = rows()[str(reason)][-1]
    never_blocks = {Reason.CANARY, Reason.PROTECTED, Reason.GRANTED, Reason.DEFAULT}
    if reason in never_blocks:
        assert documented == "none"
    else:
        assert re.findall(r"\d+", documented) == [str(ede_of(verdict(reason)).code)]


@pytest.mark.parametrize("code", [0, 6, 9, 22, 25, 27, 33])
def test_what_an_upstream_says_of_an_error_is_passed_on_as_its_own(code: int) -> None:
    assert forwarded_ede(code, b"signature expired") == Ede(code, "upstream: signature expired")
    assert forwarded_ede(code, b"") == Ede(code, "said by the upstream")


@pytest.mark.parametrize("code", [15, 16, 17, 26, 31, 35, 999])
def test_what_only_a_server_says_to_its_own_clients_is_not_passed_on(code: int) -> None:
    assert forwarded_ede(code, b"text") is None


@pytest.mark.parametrize("text", [b"a\nb", b"\x1b[2J", b"\xe2\x80\xaex", b'{"j":"x","l":"en"}'])
def test_an_upstreams_text_with_anything_hidden_in_it_is_left_out(text: bytes) -> None:
    assert forwarded_ede(6, text) == Ede(6, "said by the upstream")


def test_an_upstreams_text_is_cut() -> None:
    found = forwarded_ede(6, "é".encode() * 500)
    assert found is not None
    assert len(found.text.encode()) <= MAX_TEXT
