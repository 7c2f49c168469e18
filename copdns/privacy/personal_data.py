"""What is kept of a person: to read on the own page, and all of it as a file.

For the person the file is whole.  A guardian gets what a guardian may see: names that tell too much
are "other" (`privacy/masked_names.py`), minutes and hours that are the person's alone
(`own_numbers.py`) and what only the device in hand shows are not in it.
Nobody else's part is in either, and help names are in nobody's, since nothing keeps them.  Pure:
what was read is given, moments are seconds since the epoch.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from copdns.accounts.account import AccessRecord, Account, Guest, Pairing
from copdns.appeals.appeal import Appeal
from copdns.model.bypass_signs import Habit, Sign
from copdns.model.household import FullLogSpan, Household, Profile
from copdns.model.matchers import Matcher
from copdns.model.times import Topic
from copdns.model.verdict import Action, Reason
from copdns.privacy.bypass_signs import notices_for_guardians
from copdns.privacy.changes import HasLine, all_changes_for
from copdns.privacy.consent import Question
from copdns.privacy.masked_names import NameMask
from copdns.privacy.own_numbers import counts_for_others, usages_for_others
from copdns.privacy.retention import CountKey, LogRow
from copdns.time.days import local_time, zone_of
from copdns.time.minutes import Minutes, Usage, estimate, fieldwise_max
from copdns.time.plan import in_scope

_EPOCH = date(1970, 1, 1).toordinal()

Counts = Iterable[tuple[CountKey, int]]


class Day(NamedTuple):
    """How many look-ups a day had, on the household's calendar.  asked: the blocked ones too."""

    date: date
    asked: int
    blocked: int

    @property
    def opened_count(self) -> int:
        """How many were not blocked: a child who reads "opened" would count no others."""
        return self.asked - self.blocked


def counts_by_day(counts: Counts, zone: str) -> tuple[Day, ...]:
    """Return the days of some counts, the newest first."""
    asked: Counter[date] = Counter()
    blocked: Counter[date] = Counter()
    where = zone_of(zone)
    days: dict[int, date] = {}  # an hour has many counts
    for key, n in counts:
        if key.hour not in days:
            days[key.hour] = local_time(key.hour * 3600, where).date()
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
    """A name of the last blocks, which are in memory only.  at: seconds since the epoch."""

    name: str
    at: float
    reason: Reason


class SaidOfOtherHome(NamedTuple):
    """What is stored of a person's other home, without its secret.  brought: the other home's file
    came here; else this one made it.  Moments are epoch seconds."""

    since: int
    author: str
    brought: bool
    agreed: int | None


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What the databases hold about a person.  changes: all audit lines of the household.

    The fields after `bypass_signs` are only for the person themselves: how their devices ask,
    browsers paired with these, devices that are theirs for a while, accounts, the last blocks of
    the device that they use, whether they have a PIN, the question and the proposal that wait
    for them, and what is stored of another home.
    """

    rows: tuple[LogRow, ...] = ()
    counts: tuple[tuple[CountKey, int], ...] = ()
    minutes: tuple[Usage, ...] = ()
    appeals: tuple[Appeal, ...] = ()
    looks: tuple[AccessRecord, ...] = ()
    changes: tuple[HasLine, ...] = ()
    full_logs: tuple[FullLogSpan, ...] = ()
    bypass_signs: tuple[Sign, ...] = ()
    device_weeks: tuple[Habit, ...] = ()
    browsers: tuple[Pairing, ...] = ()
    guests: tuple[Guest, ...] = ()
    accounts: tuple[Account, ...] = ()
    blocks: tuple[Blocked, ...] = ()
    pin: bool = False
    question: Question | None = None
    proposal: NamedTuple | None = None
    other_home: SaidOfOtherHome | None = None


def export_data(
    household: Household, profile: Profile, kept: PersonalData, now: float, hidden: NameMask | None
) -> dict[str, Any]:
    """Return all that is kept of a person, as JSON has it; moments as text, in UTC.

    hidden: what a guardian does not see; None for the person itself.
    """

    return {
        "made": plain_moment(now),
        "profile": plain(profile),
        **_rules_and_times(household, profile),
        **_records(household, profile, kept, now, hidden),
        **({} if hidden else _own_records(kept)),
    }


def _rules_and_times(household: Household, profile: Profile) -> dict[str, Any]:
    """Return what the household has for a person: devices, rules, times, permissions."""

    def of_theirs(values: Iterable[Any]) -> list[Any]:
        return [plain(each) for each in values if each.profile == profile.id]

    return {
        "devices": of_theirs(household.devices),
        "rules": [plain(each) for each in in_scope(household.rules, profile)],
        "schedules": [plain(each) for each in in_scope(household.schedules, profile)],
        "budgets": [plain(each) for each in in_scope(household.budgets, profile)],
        "pauses": of_theirs(household.pauses),
        "moved_bedtimes": of_theirs(household.moved_bedtimes),
        "filter_breaks": of_theirs(household.filter_breaks),
        "permissions": of_theirs(household.grants),
        "bonuses": of_theirs(household.bonuses),
        "tickets": [
            _without(plain(each), "digest")
            for each in household.tickets
            if profile.id in (each.profile, each.redeemed_by)
        ],
    }


def _records(
    household: Household, profile: Profile, kept: PersonalData, now: float, hidden: NameMask | None
) -> dict[str, Any]:
    """Return what was recorded of a person.  hidden: as in `export_data`."""
    rows = map(hidden.row, kept.rows) if hidden else kept.rows
    counts = (
        counts_for_others(household, hidden.counts(kept.counts), now) if hidden else kept.counts
    )
    minutes = usages_for_others(household, kept.minutes, now) if hidden else kept.minutes
    signs = notices_for_guardians(kept.bypass_signs, now) if hidden else kept.bypass_signs
    devices = [each.id for each in household.devices if each.profile == profile.id]
    return {
        "look_ups": [_without(plain(each), "household", "profile") for each in rows],
        "counts": [_count(key, n) for key, n in counts],
        "minutes": [
            {"budget": each.budget, "day": str(each.day), **plain(_minutes_of(each))}
            for each in minutes
        ],
        "appeals": [plain(each) for each in kept.appeals],
        # Without the account: it is told in which role somebody looked.
        "who_looked": [
            {"at": plain_moment(each.at), "role": str(each.role), "view": str(each.view)}
            for each in kept.looks
        ],
        "changes": plain(all_changes_for(profile, kept.changes, devices)),
        "full_logs": [plain(each) for each in kept.full_logs],
        "bypass_signs": [_sign(each) for each in signs],
    }


def _own_records(kept: PersonalData) -> dict[str, Any]:
    """Return what only the person itself gets."""
    parts: dict[str, tuple[Any, ...]] = {
        "browsers": kept.browsers,
        "devices_for_a_while": kept.guests,
        "accounts": kept.accounts,
    }
    return {
        **{
            name: [_without(plain(each), "household") for each in values]
            for name, values in parts.items()
        },
        "device_weeks": [_week(each) for each in kept.device_weeks],
        "last_blocks": [plain(each) for each in kept.blocks],
        "pin": kept.pin,
        "question": plain(kept.question),
        "proposal": plain(kept.proposal),
        "other_home": plain(kept.other_home),
    }


def _without(value: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: each for key, each in value.items() if key not in keys}


def _count(key: CountKey, n: int) -> dict[str, Any]:
    about = _without(plain(key), "household", "profile", "hour")
    return {"hour": plain_moment(key.hour * 3600), **about, "n": n}


def _sign(sign: Sign) -> dict[str, Any]:
    tells = None if sign.tells is None else plain_moment(sign.tells)
    return {**_without(plain(sign), "household", "profile", "told"), "tells": tells}


def _week(habit: Habit) -> dict[str, Any]:
    """Return a week with its first day as a date; hours stay digits, as docs/bypass.md has them."""
    day = str(date.fromordinal(_EPOCH + 7 * habit.week))
    about = _without(habit._asdict(), "household", "profile", "week", "first", "day", "today")
    return {"week": day, **about}


def _minutes_of(usage: Usage) -> Minutes:
    """Return the minutes of a day, of one that runs as its marks say so far."""
    return fieldwise_max(estimate(usage.marks), usage.minutes)


_MOMENTS = re.compile(
    r"at|start|end|given|agreed|made|used|expires|redeemed|asked|since|seen|until|closed|refused"
)


def plain(value: Any) -> Any:
    """Return a value of ours as JSON has it; sets in order."""
    if isinstance(value, Matcher | Topic):
        return str(value)  # as it is written everywhere
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
    """Return seconds since the epoch as in RFC 3339, in UTC, without fractions."""
    return datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z")
