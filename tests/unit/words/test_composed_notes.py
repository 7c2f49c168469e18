"""The notes that a yes for good writes beside its rules are known again, whatever is in them."""

from __future__ import annotations

import pytest

from copdns.appeals.appeal import Appeal, AppealKind, WantedLength, contest
from copdns.appeals.opening import ApprovalTerms, carry_out
from copdns.dns.records import A
from copdns.model.sentences import Sentence
from copdns.policy.decide import decide
from copdns.words.composed_notes import read_stored_note
from tests.household import NOW, live
from tests.unit.appealing import ADA, AT, KNOWN, SERVICES, ask, home, lists


def written(name: str, kind: AppealKind = AppealKind.NAME) -> str:
    """Return the note of the rule that a yes for good writes about a name."""
    house = home()
    verdict = decide(live(house, now=NOW, lists=lists()).policy(house.id, "mia"), name, A, NOW)
    about = ask(name, kind=kind, to=contest(verdict))
    terms = ApprovalTerms(lasts=WantedLength.ALWAYS)
    done = carry_out(house, Appeal("a1", about, AT, AT), terms, KNOWN, SERVICES, ADA, AT)
    return done.household.rules[-1].note


def values(note: str) -> Sentence | None:
    return read_stored_note(note, lambda kind, slug: f"{kind} {slug}")


def test_the_service_that_a_site_is_part_of_is_told_by_its_title() -> None:
    found = values(written("www.tube.example"))
    assert found == Sentence(
        "Allowed after a request. Part of %(service)s.", {"service": "service tube"}
    )


def test_the_category_that_a_site_is_not_in_is_told_by_its_name() -> None:
    found = values(written("games.example", AppealKind.CATEGORY))
    assert found == Sentence(
        "This is not %(category)s: decided after a request.", {"category": "category games"}
    )


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (
            "Opened after a question. Part of tube.",
            "Allowed after a request. Part of tube.",
        ),
        (
            "This is not games: decided after a question.",
            "This is not games: decided after a request.",
        ),
    ],
)
def test_a_note_that_the_version_before_wrote_reads_as_one_of_today(before: str, now: str) -> None:
    assert values(before) == values(now) is not None


@pytest.mark.parametrize("note", ["", "Allowed after a request.", "Because Ada said so."])
def test_a_note_that_was_not_composed_stays_as_it_is(note: str) -> None:
    assert values(note) is None
