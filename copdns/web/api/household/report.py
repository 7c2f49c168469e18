"""The monthly report, in counts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Permission
from copdns.appeals.appeal import AppealState
from copdns.as_json.report import report_json
from copdns.model.household import PrivacyMode
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import Moment
from copdns.web.report import build_report, children_of, parse_month


class ClosedShown(Given):
    """about: a category, or a reason where there is none.  n: null for a number that is too small
    to be told."""

    about: str
    n: int | None


class PersonShown(Given):
    """A child.  asked, blocked: look-ups, null for few and where nothing is kept.  minutes: likely
    ones, by budget."""

    profile: str
    mode: PrivacyMode
    asked: int | None
    blocked: int | None
    closed: list[ClosedShown]
    minutes: dict[str, int]


class AppealsShown(Given):
    """Of all together.  granted_percent, median_hours: null without any answer."""

    asked: int
    states: dict[AppealState, int]
    answered: int
    granted_percent: int | None
    median_hours: float | None
    overdue: int
    opened_meanwhile: int
    disagreed: int


class MonthListShown(Given):
    """errors: names that it was decided to name wrongly; still: that it names yet.
    overblocking_percent: null where nobody measured it."""

    list: str
    version: str
    licence: str
    names: int
    errors: int
    still: int
    overblocking_percent: float | None


class ReportShown(Given):
    """counted_from: since when look-ups are counted here; those before were deleted."""

    format: int
    month: str
    from_: Annotated[Moment, Field(alias="from")]
    until: Moment
    counted_from: Moment
    people: list[PersonShown]
    appeals: AppealsShown
    lists: list[MonthListShown]


class MonthAsked(Sent):
    """month: this one, as far as it is, without, and for one to come."""

    month: Annotated[str, Field(pattern=r"^(20[0-9]{2}-(0[1-9]|1[0-2]))?$")] = ""


async def month(call: Call) -> object:
    """Return the report; every child sees that its counts and minutes were viewed."""
    query: MonthAsked = call.query
    children, views = children_of(call.household, call.now), (ViewedPart.COUNTS, ViewedPart.USAGE)
    await call.context.looks.note_all(call.actor, children, views, call.now)
    wanted = parse_month(query.month, call.household, call.now)
    return report_json(await build_report(call.context, call.household, wanted))


OPERATIONS = (
    Operation(
        "GET",
        "/report",
        Permission.SEE_LOG,
        "What the filter did in a month, in counts",
        month,
        ReportShown,
        query=MonthAsked,
    ),
)
