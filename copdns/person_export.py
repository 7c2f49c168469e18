"""All that is kept of a person, as plain values for one JSON document.

For the person it is whole.  A guardian gets what a guardian may see: names that tell too much are
"other" (`discreet.py`), and another person's part is not in it.  Help names are in nobody's, since
nothing keeps them.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from copdns.accounts import Look
from copdns.appeal import Appeal
from copdns.changed import HasLine, changes_for
from copdns.discreet import Discreet
from copdns.keep import CountKey, Row
from copdns.matchers import Matcher
from copdns.minutes import Usage, at_least, estimate
from copdns.model import FullLog, Household, Profile
from copdns.policy import scoped
from copdns.times import Topic
from copdns.timing import in_scope


@dataclass(frozen=True, slots=True)
class Kept:
    """What the stores hold of one person.  rows, counts: of look-ups, as the log gives them."""

    rows: tuple[Row, ...] = ()
    counts: tuple[tuple[CountKey, int], ...] = ()
    usage: tuple[Usage, ...] = ()
    appeals: tuple[Appeal, ...] = ()
    looks: tuple[Look, ...] = ()
    changes: tuple[HasLine, ...] = ()
    full_logs: tuple[FullLog, ...] = ()


def export_of(
    household: Household, profile: Profile, kept: Kept, now: int, hidden: Discreet | None
) -> dict[str, Any]:
    """Return the document.  hidden: what a guardian does not see; None for the person itself."""
    rows = [hidden.row(each) if hidden else each for each in kept.rows]
    counts = hidden.counts(kept.counts) if hidden else kept.counts
    return {
        "written": _moment(now),
        "moments": "UTC; whole numbers are seconds since 1970-01-01",
        "profile": plain(profile),
        "devices": [plain(each) for each in household.devices if each.profile == profile.id],
        "rules": [plain(each) for each in scoped(profile, household.rules)],
        "schedules": [plain(each) for each in in_scope(household.schedules, profile)],
        "budgets": [plain(each) for each in in_scope(household.budgets, profile)],
        "pauses": _own(household.pauses, profile),
        "permissions": _own(household.grants, profile),
        "bonuses": _own(household.bonuses, profile),
        "tickets": [
            {name: value for name, value in plain(each).items() if name != "digest"}
            for each in household.tickets
            if profile.id in (each.profile, each.redeemed_by)
        ],
        "look_ups": [_row(each) for each in rows],
        "counts": [{**_named(key), "n": n} for key, n in counts],
        "minutes": [_minutes(each) for each in kept.usage],
        "appeals": [plain(each) for each in kept.appeals],
        "who_looked": [_look(each) for each in kept.looks],
        "changes": plain(changes_for(profile, kept.changes, now)),
        "full_logs": plain(kept.full_logs),
    }


def plain(value: Any) -> Any:
    """Return a value in the terms of JSON; of a set the texts in order."""
    if isinstance(value, Matcher | Topic):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def _own(parts: Iterable[Any], profile: Profile) -> list[Any]:
    return [plain(each) for each in parts if each.profile == profile.id]


def _named(key: CountKey) -> dict[str, Any]:
    hour = _moment(key.hour * 3_600)
    return {"hour": hour, "action": key.action, "reason": key.reason, "category": key.category}


def _row(row: Row) -> dict[str, Any]:
    found = row._asdict()
    return {"at": _moment(row.at), **{k: v for k, v in found.items() if k not in _ELSEWHERE}}


_ELSEWHERE = frozenset({"at", "household", "profile"})


def _minutes(usage: Usage) -> dict[str, Any]:
    minutes = at_least(estimate(usage.marks), usage.minutes)
    return {
        "day": str(usage.day),
        "budget": usage.budget,
        "low": minutes.low,
        "likely": minutes.likely,
        "high": minutes.high,
    }


def _look(look: Look) -> dict[str, Any]:
    """Without the account: the person is told in which role somebody looked."""
    return {"at": _moment(look.at), "role": look.role.value, "view": look.view.value}


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
