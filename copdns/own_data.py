"""What is kept of a person, for that person: to read on a page, and as a file to keep.

The page shows what a guardian could see, and nothing else; the file has all of it.  Pure: what was
read is given, moments are seconds since the epoch.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from copdns.accounts import Look, Pairing
from copdns.appeal import Appeal
from copdns.days import local, zone_of
from copdns.keep import CountKey, Row
from copdns.minutes import Usage
from copdns.model import Action, FullLog, Household, Profile, Reason
from copdns.policy import scoped
from copdns.timing import in_scope

Counts = Iterable[tuple[CountKey, int]]


class Day(NamedTuple):
    """How many look-ups a day had, on the household's calendar."""

    date: date
    asked: int
    blocked: int


def by_day(counts: Counts, zone: str) -> tuple[Day, ...]:
    """Return the days of some counts, the newest first."""
    asked: Counter[date] = Counter()
    blocked: Counter[date] = Counter()
    where = zone_of(zone)
    days: dict[int, date] = {}  # an hour has many counts
    for key, n in counts:
        if key.hour not in days:
            days[key.hour] = local(key.hour * 3600, where).date()
        day = days[key.hour]
        asked[day] += n
        blocked[day] += n if key.action == Action.BLOCK else 0
    return tuple(Day(day, asked[day], blocked[day]) for day in sorted(asked, reverse=True))


def by_category(counts: Counts) -> tuple[tuple[str, int], ...]:
    """Return what was blocked by category, the most first; "" is not here."""
    found: Counter[str] = Counter()
    for key, n in counts:
        if key.action == Action.BLOCK and key.category:
            found[key.category] += n
    return tuple(found.most_common())


class Blocked(NamedTuple):
    """A name of the last blocks, which are in memory only."""

    name: str
    at: float
    reason: Reason


class Kept(NamedTuple):
    """All that the databases hold of a person.

    blocks: the last ones of the device in hand.  pin: whether there is one.
    """

    rows: Sequence[Row]
    counts: Sequence[tuple[CountKey, int]]
    minutes: Sequence[Usage]
    looks: Sequence[Look]
    appeals: Sequence[Appeal]
    browsers: Sequence[Pairing]
    full_logs: Sequence[FullLog]
    blocks: Sequence[Blocked] = ()
    pin: bool = False


def exported(household: Household, profile: Profile, kept: Kept, now: float) -> dict[str, Any]:
    """Return all that is kept of a person, as JSON has it; moments as text, in UTC."""

    def of_theirs(values: Iterable[Any]) -> list[Any]:
        return [plain(each) for each in values if each.profile == profile.id]

    return {
        "made": plain_moment(now),
        "profile": plain(profile),
        "devices": of_theirs(household.devices),
        "rules": [plain(each) for each in scoped(profile, household.rules)],
        "schedules": [plain(each) for each in in_scope(household.schedules, profile)],
        "budgets": [plain(each) for each in in_scope(household.budgets, profile)],
        "pauses": of_theirs(household.pauses),
        "grants": of_theirs(household.grants),
        "bonuses": of_theirs(household.bonuses),
        "tickets": [
            {key: value for key, value in plain(each).items() if key != "digest"}
            for each in household.tickets
            if profile.id in (each.profile, each.redeemed_by)
        ],
        "names": [plain(each) for each in kept.rows],
        "counts": [{**plain(key), "n": n} for key, n in kept.counts],
        "minutes": [
            {"budget": each.budget, "day": str(each.day), **plain(each.minutes)}
            for each in kept.minutes
        ],
        "looks": [plain(each) for each in kept.looks],
        "appeals": [plain(each) for each in kept.appeals],
        "browsers": [plain(each) for each in kept.browsers],
        "full_logs": [plain(each) for each in kept.full_logs],
        "last_blocks": [plain(each) for each in kept.blocks],
        "pin": kept.pin,
    }


_MOMENTS = re.compile(
    r"at|start|end|given|made|used|expires|redeemed|asked|since|seen|until|closed"
)


def plain(value: Any) -> Any:
    """Return a value of ours as JSON has it; sets in order."""
    if is_dataclass(value) and not isinstance(value, type):
        named: Mapping[str, Any] = {each.name: getattr(value, each.name) for each in fields(value)}
    elif hasattr(value, "_asdict"):
        named = value._asdict()
    elif isinstance(value, frozenset):
        return sorted(map(plain, value))
    elif isinstance(value, tuple | list):
        return [plain(each) for each in value]
    elif value is None or isinstance(value, bool | int | float):
        return value
    else:
        return str(value)
    return {
        key: plain_moment(each) if _is_moment(key, each) else plain(each)
        for key, each in named.items()
    }


def _is_moment(key: str, value: Any) -> bool:
    """Tell a moment from a minute of the day, which is never as large."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and _MOMENTS.fullmatch(key) is not None and value > 1_000_000


def plain_moment(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z")
