"""Complaints in the quarterly report: from the desk's cases, and no number of few of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from copdns.appeals.review import DecisionReason
from copdns.provider.law.edits import DAY
from copdns.provider.law.events import StaffAdded
from copdns.provider.law.figures import K
from copdns.provider.law.keys import ProviderKeys
from copdns.provider.law.measurements import Measured
from copdns.provider.law.statement_shapes import OperatorFigures
from copdns.provider.staff.desk import CaseOrigin, CaseReason, DeskCase, DeskDecision
from copdns.provider.staff.duties import StaffRole
from copdns.provider.staff.publisher import Publisher
from tests.provider_staff import NOW, Written
from tests.unit.provider.law.test_statement import HEAD, UNTIL, written

UPHELD = (
    DeskDecision("ada", NOW + 3600, DecisionReason.LIST_ERROR),
    DeskDecision("bo", NOW + 7200, DecisionReason.LIST_ERROR),
)


def cases(many: int, origin: CaseOrigin, reason: CaseReason, tenant: str = "") -> list[DeskCase]:
    return [
        DeskCase(
            *(number, tenant, origin, "club.example", "l", "club.example", reason),
            *(NOW, NOW + DAY, ("ada", "bo"), UPHELD),
        )
        for number in range(many)
    ]


def report(folder: Path, found: list[DeskCase], register: Written | None = None) -> dict[str, Any]:
    keys = ProviderKeys(folder)
    keys.make()
    publisher = Publisher((), (), keys.public_key, keys.sign)
    signed = publisher.report(
        *((register or written()).register, HEAD, found, "2026-Q4"),
        *(OperatorFigures(), Measured(), UNTIL),
    )
    return dict(signed["document"])


def test_complaints_are_what_families_passed_on_and_owners_asked(tmp_path: Path) -> None:
    found = report(
        tmp_path,
        [
            *cases(40, CaseOrigin.GUARDIAN, CaseReason.HARMLESS, "north"),
            *cases(25, CaseOrigin.SITE_OWNER, CaseReason.CHANGED),
            *cases(3, CaseOrigin.STAFF, CaseReason.HELP),
        ],
    )
    assert (found["complaints"], found["disputes"]["received"]) == (65, 68)
    assert found["complaints_by_origin"] == {"guardian": 40, "site_owner": 25}
    # Two reasons are nobody's; the smallest told one goes with them, or the sum would tell.
    assert found["complaints_by_reason"] == {
        "harmless": 40,
        "other_category": None,
        "changed": None,
        "help": None,
    }
    assert found["disputes"]["median_hours"] == 2
    assert found["sources"]["complaints"] == "desk"


def test_few_complaints_are_no_figure(tmp_path: Path) -> None:
    found = report(tmp_path, cases(K - 1, CaseOrigin.GUARDIAN, CaseReason.HELP))
    assert found["complaints"] is None
    assert set(found["complaints_by_origin"].values()) == {None}
    assert set(found["complaints_by_reason"].values()) == {None}


def test_staff_of_a_tenant_learn_no_small_rest_from_complaints(tmp_path: Path) -> None:
    """They count the cases of their own; the others had three."""
    register = written()
    register.add("console", StaffAdded("nia", "Nia", StaffRole.REVIEWER, "north"))
    own = cases(60, CaseOrigin.GUARDIAN, CaseReason.HARMLESS, "north")
    assert report(tmp_path / "a", own, register)["complaints"] == 60
    others = cases(3, CaseOrigin.GUARDIAN, CaseReason.HARMLESS, "south")
    found = report(tmp_path / "b", [*own, *others], register)
    assert found["complaints"] is None
    assert set(found["complaints_by_origin"].values()) == {None}
    assert set(found["complaints_by_reason"].values()) == {None}
