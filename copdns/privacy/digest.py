"""The weekly summary by email that a guardian may ask for: when it is due, and what it adds up.

It has sums of all children together: no name of a site, and no figure of one child.  Pure; moments
are seconds since the epoch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from copdns.appeals.appeal import WAITING, Appeal
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, PrivacyMode
from copdns.time.days import DAY_SECONDS, local_time, starts_at, zone_of

WEEK = 7 * DAY_SECONDS
DAY_MINUTES = 1440
LATE = DAY_SECONDS  # seconds after which one that could not be sent is left out
USUAL_DAY, USUAL_MINUTE = 6, 18 * 60  # Sunday, 18:00
DIGEST_LANGUAGES = ("en", "fr", "es")  # that guardians read
MAX_ADDRESS = 254  # characters (RFC 5321 section 4.5.3.1.3, without the brackets)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class DigestChoice(NamedTuple):
    """What a guardian chose.

    account: the id.  address: of email.  weekday: 0 is Monday.  minute: of the day, on the
    household's clock.  language: of a page of the dashboard.  since: when the last one was due, or
    when it was chosen.  trouble: why the last one was not sent; "" where it was, or none was due.
    """

    household: str
    account: str
    address: str
    weekday: int
    minute: int
    language: str
    since: int
    trouble: str = ""


class DueDay(NamedTuple):
    """A day of which summaries may be due now: those of a weekday, from one minute on to another.

    midnight: when it began, in seconds since the epoch.  slack: by how many seconds at most a
    minute of it begins later than it would without a change of clocks.
    """

    weekday: int
    first: int
    last: int
    midnight: int
    slack: int


class DigestSums(NamedTuple):
    """The sums of a week.

    lookups, blocks: of all children together; None where nothing is counted of any of them.
    asked, answered: requests of the week; waiting: those that wait now.  devices: new ones; None
    where nothing tells of any.
    """

    since: float
    until: float
    lookups: int | None
    blocks: int | None
    asked: int
    answered: int
    waiting: int
    devices: int | None


def parse_address(typed: str) -> str:
    """Return an address of email; raise HouseholdError for what cannot be one."""
    address = typed.strip()
    if len(address) > MAX_ADDRESS or not _ADDRESS.fullmatch(address):
        raise HouseholdError(
            "this does not look like an email address; write one such as ada@mail.example",
            name="address",
        )
    return address


def digest_due(choice: DigestChoice, now: float, timezone: str) -> int | None:
    """Return the moment for which a summary is due now; None for none.

    One that is more than `LATE` over is not sent any more: the next one has the sums.
    """
    zone = zone_of(timezone)
    today = local_time(now, zone).date()
    day = today - timedelta(days=(today.weekday() - choice.weekday) % 7)
    moments = (starts_at(each, choice.minute, zone) for each in (day, day - timedelta(days=7)))
    last = next(each for each in moments if each <= now)
    return int(last) if choice.since < last and now - last <= LATE else None


def due_days(now: float, timezone: str) -> tuple[DueDay, DueDay]:
    """Return today and yesterday, as far as what is due on them is not too late (`LATE`).

    All that is due now is among it; `digest_due` says of each whether it is.
    """
    zone = zone_of(timezone)
    local = local_time(now, zone)
    minute = local.hour * 60 + local.minute
    today, yesterday = local.date(), local.date() - timedelta(days=1)
    return (
        _due_day(today, 0, minute, zone),
        _due_day(yesterday, minute, DAY_MINUTES - 1, zone),
    )


def _due_day(day: date, first: int, last: int, zone: ZoneInfo) -> DueDay:
    begins, ends = (starts_at(each, 0, zone) for each in (day, day + timedelta(days=1)))
    longer = max(0, int(ends - begins) - DAY_SECONDS)
    return DueDay(day.weekday(), first, last, int(begins), longer)


def counted_people(household: Household, now: float) -> tuple[str, ...]:
    """Return the ids of the children of whom numbers are recorded; other adults are none of a
    guardian's to see."""
    return tuple(
        each.id
        for each in household.profiles
        if each.band_at(now).is_child and each.privacy_at(now) is not PrivacyMode.OFF
    )


def digest_sums(
    people: Iterable[str],
    counts: Iterable[tuple[bool, int]],
    appeals: Iterable[Appeal],
    devices: Iterable[float] | None,
    until: float,
) -> DigestSums:
    """Return the sums of the week before a moment.

    people: of whom numbers are recorded.  counts: whether they were blocked, and how many, of these
    people.  devices: when each unknown device was first seen; None where nobody looks for any.
    """
    since, found, requests = until - WEEK, list(counts), list(appeals)
    is_counted = any(True for _ in people)
    answers = [one.at for each in requests for one in each.answers]
    return DigestSums(
        since,
        until,
        sum(n for _, n in found) if is_counted else None,
        sum(n for blocked, n in found if blocked) if is_counted else None,
        sum(since <= each.asked < until for each in requests),
        sum(since <= at < until for at in answers),
        sum(each.state in WAITING for each in requests),
        None if devices is None else sum(since <= first < until for first in devices),
    )
