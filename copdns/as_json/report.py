"""The report of a month as a JSON object."""

from __future__ import annotations

from copdns.as_json.plain import utc
from copdns.privacy.report import Appeals, ListUse, MonthReport, PersonCounts

FORMAT = 1


def report_json(report: MonthReport) -> dict[str, object]:
    """Return the report.  until: the last moment that it covers; counted_from: the first, later
    than `from` where counts were deleted."""
    return {
        "format": FORMAT,
        "month": str(report.month),
        "from": utc(report.month.start),
        "until": utc(report.until),
        "counted_from": utc(report.since),
        "people": [_person(each) for each in report.people],
        "appeals": _appeals(report.appeals),
        "lists": [_list(each) for each in report.lists],
    }


def _person(each: PersonCounts) -> dict[str, object]:
    return {
        "profile": each.profile,
        "mode": each.mode,
        "asked": each.asked,
        "blocked": each.blocked,
        "closed": [{"about": about, "n": n} for about, n in each.closed],
        "minutes": dict(each.minutes),
    }


def _appeals(appeals: Appeals) -> dict[str, object]:
    return {
        "asked": appeals.asked,
        "states": {str(state): n for state, n in appeals.states.items()},
        "answered": appeals.answered,
        "granted_percent": appeals.granted_percent,
        "median_hours": appeals.hours,
        "overdue": appeals.overdue,
        "opened_meanwhile": appeals.opened,
        "disagreed": appeals.again,
    }


def _list(each: ListUse) -> dict[str, object]:
    return {
        "list": each.status.info.slug,
        "version": each.status.info.version,
        "licence": each.status.info.licence,
        "names": each.status.used_count,
        "errors": each.errors,
        "still": each.still,
        "overblocking_percent": each.percent,
    }
