"""The ITU's checklist: what an installation has is worked out, and nothing is ticked by hand."""

from __future__ import annotations

from dataclasses import replace

from copdns.provider.law.edits import DAY
from copdns.provider.law.events import OperatorDescribed, OrderConfirmed, PortalKeySet
from copdns.provider.staff.checklist import (
    ChecklistPoint,
    ClauseName,
    Installation,
    PointState,
    checklist,
)
from copdns.provider.staff.desk import CaseOrigin, CaseReason, DeskCase, with_target
from copdns.web.staff.checklist_words import CHECKLIST_WORDS
from tests.provider_staff import ADA, BO, NOW, REVIEWER, Written, order, staff_added

WHOLE = Installation(has_families=True, has_archive=True, tells_staff=True, languages=6)
CASE = with_target(
    DeskCase(0, "", CaseOrigin.GUARDIAN, "club.example", "l", "e", CaseReason.HELP, NOW, 0, ())
)


def points_of(
    written: Written,
    installation: Installation = WHOLE,
    cases: tuple[DeskCase, ...] = (CASE,),
    now: int = NOW,
    hotlines: int = 1,
) -> dict[str, ChecklistPoint]:
    found = checklist(written.register, cases, installation, hotlines, 3, now)
    return {point.name: point for each in found for point in each.points}


def missing(points: dict[str, ChecklistPoint]) -> set[str]:
    return {each.name for each in points.values() if each.state is PointState.MISSING}


def whole() -> Written:
    written = Written()
    written.add("console", OperatorDescribed("A provider", "FR", "contact@provider.example"))
    for each in (ADA, BO, REVIEWER, replace(REVIEWER, id="rev2")):
        written.add("console", staff_added(replace(each, subject=f"subject of {each.id}")))
    written.add("console", PortalKeySet("north", "a key"))
    number = written.add("ada", order("bad.example", "help.example", is_confidential=True))
    written.add("bo", OrderConfirmed(number, ("help.example",)))
    return written


def test_nothing_is_missing_where_all_is_set_up_and_a_bare_installation_misses_it() -> None:
    assert missing(points_of(whole())) == set()
    bare = points_of(Written(), Installation(), (), hotlines=0)
    found = points_of(whole())
    ones_own = {"public_form", "decided_in_time", "answered_in_time", "lists", "staff_told"}
    known = {name for name, each in found.items() if each.state is not PointState.ELSEWHERE}
    assert missing(bare) == known - ones_own


def test_what_is_late_or_over_is_missing_from_that_second_on() -> None:
    written = whole()
    held = points_of(written, now=NOW + DAY - 1)
    assert held["confidential"].state is PointState.THERE
    assert missing(points_of(written, now=NOW + DAY)) == {"confidential"}, "its end"
    late = points_of(written, now=CASE.due + 1)["answered_in_time"]
    assert (late.state, late.number) == (PointState.MISSING, 1)
    number = written.add("ada", order("x.example", ends=NOW + 9 * DAY, decide_within=60))
    written.add("bo", OrderConfirmed(number, ("x.example",)))
    assert "decided_in_time" in missing(points_of(written, now=NOW + 61))


def test_what_another_machine_may_have_is_not_called_missing() -> None:
    found = points_of(whole(), Installation(has_archive=True, languages=6))
    assert missing(found) == set()
    assert found["families"].state is found["staff_told"].state is PointState.ELSEWHERE


def test_pages_that_no_portal_leads_to_are_not_called_here() -> None:
    written = Written()
    assert points_of(written)["families"].state is PointState.MISSING
    written.add("console", PortalKeySet("north", "a key"))
    assert points_of(written)["families"].state is PointState.THERE


def test_an_order_whose_list_lies_at_nodes_is_not_called_here() -> None:
    written = Written()
    number = written.add("ada", order(is_confidential=True))
    written.add("bo", OrderConfirmed(number))
    found = points_of(written)["confidential"]
    assert (found.state, found.number) == (PointState.ELSEWHERE, 1)
    number = written.add("ada", order("bad.example", is_confidential=True))
    written.add("bo", OrderConfirmed(number))
    assert points_of(written)["confidential"].state is PointState.THERE


def test_somebody_without_a_login_does_not_count() -> None:
    written = whole()
    written.add("console", staff_added(BO))
    assert missing(points_of(written)) == {"two_keepers"}


def test_a_clause_is_as_its_weakest_point_and_everything_has_its_words() -> None:
    found = {each.name: each for each in checklist(whole().register, (), WHOLE, 1, 3, NOW)}
    assert found[ClauseName.CONTROLS].state is PointState.THERE
    assert found[ClauseName.NOTICE].state is PointState.ELSEWHERE, "nobody here reads the terms"
    bare = checklist(Written().register, (), Installation(), 0, 0, NOW)
    assert {each.state for each in bare} == {PointState.MISSING}
    points = {point.name for each in found.values() for point in each.points}
    assert points == CHECKLIST_WORDS["point"].keys()
    assert set(map(str, ClauseName)) == CHECKLIST_WORDS["clause"].keys()
    assert CHECKLIST_WORDS["clause"].keys() == CHECKLIST_WORDS["does"].keys()
