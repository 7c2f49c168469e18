"""What the ITU's guideline for industry asks of access providers, and what of it is here.

The guideline (2020) has a table for who gives connectivity, "Feature A"; a clause is one thing that
it asks there.  Whether this installation has it is worked out from the register, the desk and the
settings each time, so nobody ticks a box.  What copdns has no way to know, such as what the terms
for customers say, is named as such.  Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from copdns.provider.law.register import OrderState, Register
from copdns.provider.staff.desk import HOUR, REVIEWERS, TARGETS, CaseOrigin, DeskCase
from copdns.provider.staff.duties import Duty, StaffMember, has_duty

KEEPERS: Final = 2  # people who enter and confirm what reaches more than one household


class ClauseName(StrEnum):
    """What is asked."""

    HOTLINES = "hotlines"  # work with hotlines and the police by a clear procedure
    MATERIAL_LISTS = "material_lists"  # recognised lists of child sexual abuse material
    NOTICE = "notice"  # to customers, in the terms
    REPORTING = "reporting"  # by users, with times of response
    CONTROLS = "controls"  # for parents, with guidance


# Below which of the guideline's five key areas each stands in the table of Feature A.
KEY_AREAS: Final = {
    ClauseName.HOTLINES: 2,
    ClauseName.MATERIAL_LISTS: 2,
    ClauseName.NOTICE: 2,
    ClauseName.REPORTING: 3,
    ClauseName.CONTROLS: 3,
}


class PointState(StrEnum):
    """Whether it is here."""

    THERE = "there"
    MISSING = "missing"
    ELSEWHERE = "elsewhere"  # nothing in copdns tells; the provider knows


class ChecklistPoint(NamedTuple):
    """One thing that is looked at.

    number: how many there are, where they are counted.  page: where it is seen or changed; ""
    where that is a command or a setting (`means`), or a page of the documentation (`docs`).
    """

    name: str
    state: PointState
    number: int = 0
    page: str = ""
    means: str = ""
    docs: str = ""


class ChecklistClause(NamedTuple):
    """A clause, with what was found of it."""

    name: ClauseName
    points: tuple[ChecklistPoint, ...]

    @property
    def state(self) -> PointState:
        """What is missing decides, then what is not known here."""
        found = {each.state for each in self.points}
        return next(
            (each for each in (PointState.MISSING, PointState.ELSEWHERE) if each in found),
            PointState.THERE,
        )


@dataclass(frozen=True, slots=True)
class Installation:
    """What the settings say of an installation, beside its register.

    has_families: families' pages are reached from portals through this program.  has_archive:
    there are earlier statements, which the public is shown.  tells_staff: there is an address for
    messages to the staff in the settings of this machine.  languages: in how many the pages for
    families are.
    """

    has_families: bool = False
    has_archive: bool = False
    tells_staff: bool = False
    languages: int = 0


def checklist(
    register: Register,
    cases: Collection[DeskCase],
    installation: Installation,
    hotlines: int,
    lists: int,
    now: int,
) -> tuple[ChecklistClause, ...]:
    """Return what is here.  hotlines: of the country.  lists: that a family can choose."""
    found = (
        (ClauseName.HOTLINES, _hotlines(register, hotlines, now)),
        (ClauseName.MATERIAL_LISTS, _material_lists(register, now)),
        (ClauseName.NOTICE, _notice(register, installation)),
        (ClauseName.REPORTING, _reporting(register, cases, installation, now)),
        (ClauseName.CONTROLS, _controls(register, installation, lists)),
    )
    return tuple(ChecklistClause(name, tuple(points)) for name, points in found)


def _hotlines(register: Register, hotlines: int, now: int) -> Iterator[ChecklistPoint]:
    yield _point_of_many("hotline", hotlines, page="/staff/statement")
    yield ChecklistPoint(
        "contact", _there(register.operator is not None), means="copdns provider operator set"
    )
    keepers = _with_login(register, Duty.KEEP_REGISTER)
    yield _point_of_many("two_keepers", keepers, KEEPERS, page="/staff/people")
    late = sum(
        hold.is_overdue(now)
        for order in register.orders.values()
        if order.state(now) in (OrderState.IN_FORCE, OrderState.COMING)
        for hold in order.holds
    )
    yield ChecklistPoint("decided_in_time", _there(not late), late, page="/staff/orders")
    yield ChecklistPoint("procedure", PointState.ELSEWHERE, docs="docs/authorities.md")


def _material_lists(register: Register, now: int) -> Iterator[ChecklistPoint]:
    in_force = [each for each in register.orders.values() if each.state(now) is OrderState.IN_FORCE]
    confidential = [each for each in in_force if each.entered.is_confidential]
    # One without names has a list of hashes, and whether that is there only its nodes know.
    is_elsewhere = confidential and not any(each.entered.names for each in confidential)
    state = PointState.ELSEWHERE if is_elsewhere else _there(bool(confidential))
    yield ChecklistPoint("confidential", state, len(confidential), page="/staff/orders")
    yield ChecklistPoint("licence", PointState.ELSEWHERE, docs="docs/contract.md")


def _notice(register: Register, installation: Installation) -> Iterator[ChecklistPoint]:
    # Without an operator there is no statement: it names who publishes it.
    yield ChecklistPoint(
        "statement", _there(register.operator is not None), page="/blocked/statement"
    )
    yield ChecklistPoint(
        *("archive", _there(installation.has_archive)), means="copdns provider serve --published"
    )
    yield ChecklistPoint("terms", PointState.ELSEWHERE, docs="docs/contract.md")


def _reporting(
    register: Register, cases: Collection[DeskCase], installation: Installation, now: int
) -> Iterator[ChecklistPoint]:
    days = TARGETS[CaseOrigin.SITE_OWNER] // (24 * HOUR)
    yield ChecklistPoint("public_form", PointState.THERE, days, page="/blocked")
    reviewers = _with_login(register, Duty.DECIDE_DESK)
    yield _point_of_many("two_reviewers", reviewers, REVIEWERS, page="/staff/people")
    late = sum(each.is_overdue(now) for each in cases)
    yield ChecklistPoint("answered_in_time", _there(not late), late, page="/staff/desk")
    # Nodes send them, and their settings may have what those of this machine lack.
    told = PointState.THERE if installation.tells_staff else PointState.ELSEWHERE
    yield ChecklistPoint("staff_told", told, means="provider.rollouts.notices")


def _controls(
    register: Register, installation: Installation, lists: int
) -> Iterator[ChecklistPoint]:
    # Another program may let subscribers in; without a portal's key none does.
    here = PointState.THERE if installation.has_families else PointState.ELSEWHERE
    state = here if register.portal_keys else PointState.MISSING
    yield ChecklistPoint("families", state, means="copdns provider welcome")
    yield _point_of_many(
        "portals", len(register.portal_keys), means="copdns provider tenant set --portal-key"
    )
    yield _point_of_many("lists", lists, page="/staff/statement")
    yield _point_of_many("guidance", installation.languages, docs="docs/for-parents.md")


def _point_of_many(
    name: str, number: int, least: int = 1, *, page: str = "", means: str = "", docs: str = ""
) -> ChecklistPoint:
    return ChecklistPoint(name, _there(number >= least), number, page, means, docs)


def _there(is_there: bool) -> PointState:
    return PointState.THERE if is_there else PointState.MISSING


def _with_login(register: Register, duty: Duty) -> int:
    """Count who of the staff has a duty about all tenants, and can log in to do it."""

    def can(who: StaffMember) -> bool:
        return has_duty(who, duty) and bool(who.subject)

    return sum(map(can, register.staff.values()))
