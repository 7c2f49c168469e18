"""What a household says about time: when something is closed or open, for how long, and until when.

Frozen and valid by construction, like all of `model/household.py`, which holds them.
`time/days.py` and `time/schedule.py` turn schedules into stretches of UTC, `time/budget.py` counts
minutes, `time/plan.py` makes of all of it what a policy is asked.  Moments are seconds since the
epoch; a minute of the day is 0 to 1439, on the household's wall clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from copdns.model.addresses import slug
from copdns.model.errors import TextError
from copdns.model.matchers import Matcher, parse_matcher

DAY_MINUTES = 1440


class TopicKind(StrEnum):
    """What a topic names."""

    CATEGORY = "category"
    SERVICE = "service"
    LIST = "list"


class Topic(NamedTuple):
    """All names of a category, of a service, or of one list; written "category:games"."""

    kind: TopicKind
    slug: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.slug}"


MOST_NOTE = 300  # characters of a note, which a child is to read

# What a schedule, a budget or a permission is about.
Subject = Topic | Matcher


def parse_subject(text: str) -> Subject:
    """Read `category:games`, `service:youtube`, `list:some-list`, or a name as in a rule.

    Raises ValueError, or NameTextError for what was meant as a name.
    """
    kind, colon, rest = text.strip().partition(":")
    if not colon:
        return parse_matcher(text)
    if kind not in set(TopicKind):
        raise TextError(
            "'%(written)s' is not a known category, service, list or domain; write "
            "category:games, service:youtube, list:some-list, or a domain such as games.example",
            written=text,
        )
    return Topic(TopicKind(kind), slug(rest.strip()))


class DayType(StrEnum):
    """What kind of day a date is, by the household's calendar."""

    SCHOOL = "school"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # in the order of date.weekday()
# Besides these, a slot names day types, and "school_night": an evening before a school day, or
# "free_night": one before any other day.
SCHOOL_NIGHT = "school_night"
FREE_NIGHT = "free_night"
EVERY_DAY = "daily"
DAY_WORDS = (*WEEKDAYS, *map(str, DayType), SCHOOL_NIGHT, FREE_NIGHT, EVERY_DAY)


@dataclass(frozen=True, slots=True)
class SchoolCalendar:
    """Which dates are days of school.

    weekend: days of the week, 0 is Monday; all others are school days.
    days: the dates that are of another type than their day of the week, in order, each once.
    """

    weekend: frozenset[int] = frozenset({5, 6})
    days: tuple[tuple[date, DayType], ...] = ()


USUAL_WEEK = SchoolCalendar()


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of local time that recurs.

    days: words of DAY_WORDS; a date fits when one of them does.  start: minute of the day.
    length: 1 to 1440 minutes of the wall clock; past midnight it still belongs to the date on
        which it began.
    """

    days: frozenset[str]
    start: int
    length: int


class WeekParity(StrEnum):
    """Weeks of the calendar by their number (ISO 8601: from Monday; week 1 has 4 January)."""

    EVEN = "even"
    ODD = "odd"


# In which weeks a schedule holds: even or odd ones, or every second week from a date, which is
# seven days on and seven days off.
Weeks = WeekParity | date
EVERY_WEEK = "every"  # how people write that a schedule holds in each of them


def parse_weeks(text: str) -> Weeks | None:
    """Read `even`, `odd`, or a date such as `2026-11-30`; None for "" and `every`.

    Raises TextError.
    """
    if text in ("", EVERY_WEEK):
        return None
    if text in set(WeekParity):
        return WeekParity(text)
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text or not 1970 < found.year < 9000:
        raise TextError(
            "'%(written)s' names no weeks; write every, even, odd, or the date from which every "
            "second week counts, such as 2026-11-30",
            written=text,
        )
    return found


def weeks_text(weeks: Weeks | None) -> str:
    """Return weeks as a file has them: "even", "odd", a date, "" for every week."""
    return "" if weeks is None else str(weeks)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When names are closed.

    id: unique in its household.  scope: as of a rule: a profile's id, "#tag", "" for everyone.
    about: what is closed; empty: every name.
    opens: the slots are when it is open, and all other time is closed.
    grace: 0 to 60 minutes for which names that were in use when a slot began still resolve.
    note: the reason in the writer's words, shown to the child.
    weeks: in which weeks it holds, None for every one; in the others it closes nothing.
    learning: what homework mode opens stays open too; only of one that closes every name.
    """

    id: str
    scope: str
    slots: tuple[Slot, ...]
    about: tuple[Subject, ...] = ()
    opens: bool = False
    grace: int = 0
    note: str = ""
    weeks: Weeks | None = None
    learning: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """How many minutes a day something may be used, by all devices of a profile together.

    id, scope, about, grace, note: as of a schedule.
    minutes: pairs of a word of DAY_WORDS and 0 to 1440 minutes; the first that fits the date
        counts, and a date that none fits has no limit.
    carry_over: what was left yesterday is added, at most a day's minutes.
    """

    id: str
    scope: str
    minutes: tuple[tuple[str, int], ...]
    about: tuple[Subject, ...] = ()
    carry_over: bool = False
    grace: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class PauseSpan:
    """A time in which nothing resolves for a profile but what is always open.

    A profile has one pause at most.  start, end: seconds since the epoch; end is None until
        somebody ends the pause.
    homework: names for learning stay open too (the protected group `education_reference`, and the
        profile's own `homework` subjects).  author: who paused it, in people's words.
    """

    profile: str
    start: int
    end: int | None = None
    homework: bool = False
    author: str = ""


@dataclass(frozen=True, slots=True)
class FilterBreak:
    """A span in which one device opens everything but what is dangerous: "is it the filter?".

    A device has one at most.  start, end: seconds since the epoch.  profile: whose device it was
        when a guardian began it; it ends where the device is somebody else's.  author: who did, in
        people's words.
    """

    device: str
    profile: str
    start: int
    end: int
    author: str = ""


@dataclass(frozen=True, slots=True)
class MovedBedtime:
    """A bedtime that begins earlier or later in one night, for one person (docs/time.md).

    A profile has one at most.  start: when the schedules say; moved: when it begins instead; end:
        when it is over, as always.  Seconds since the epoch.  author: who moved it, in people's
        words.
    """

    profile: str
    start: int
    moved: int
    end: int
    author: str = ""


class Origin(StrEnum):
    """Where a permission comes from."""

    GUARDIAN = "guardian"
    APPEAL = "appeal"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission that ends by itself.

    about: what it opens; None for every name.  start, end, given: seconds since the epoch; end is
        exclusive.  given: when a person decided it, which for a ticket is when the ticket was
        made: a pause that began later still holds.
    content: lifts rules, lists, services and the allow-list default.  time: lifts schedules and
        budgets, and a pause that began before the grant was given.
    id: unique in its household.  profile: the id of whose it is.
    """

    about: Subject | None
    start: float
    end: float
    given: float
    content: bool = True
    time: bool = False
    id: str = ""
    profile: str = ""
    origin: Origin = Origin.GUARDIAN
    author: str = ""
    note: str = ""


class Extra(StrEnum):
    """Why a day has more minutes than its budget says."""

    BONUS = "bonus"
    CREDIT = "credit"  # minutes that were counted though nobody used them


@dataclass(frozen=True, slots=True)
class Bonus:
    """More minutes for one day of one budget.  minutes: 1 to 1440.  day: as the budget counts."""

    id: str
    profile: str
    budget: str
    day: date
    minutes: int
    kind: Extra = Extra.BONUS
    author: str = ""
    at: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """A code worth minutes, which can be redeemed once; only a digest of the code is stored.

    profile: who may redeem it, "" for whoever has the code.  about: None for every name.
    made, expires, redeemed: seconds since the epoch; redeemed is None until it is used.
    redeemed_by: the id of the profile that used it, "" until then.
    """

    id: str
    digest: str
    minutes: int
    made: int
    expires: int
    profile: str = ""
    about: Subject | None = None
    label: str = ""
    author: str = ""
    redeemed: int | None = None
    redeemed_by: str = ""


class OnFailure(StrEnum):
    """What holds while copdns cannot know better (docs/time.md)."""

    OPEN = "open"  # as if there were no such rule
    LAST_KNOWN = "last_known"
    ESSENTIAL = "essential"  # only what is protected, always open, or allowed by a rule


@dataclass(frozen=True, slots=True)
class FailureChoices:
    """What a household wants to hold in each kind of failure.

    clock: the clock of this machine is certainly wrong.  lists: a list that a profile blocks was
        never downloaded.  devices: an unknown device sends a query; LAST_KNOWN is the household's
        guest policy.
    """

    clock: OnFailure = OnFailure.LAST_KNOWN
    lists: OnFailure = OnFailure.LAST_KNOWN
    devices: OnFailure = OnFailure.LAST_KNOWN


USUAL_FAILURES = FailureChoices()


def is_timezone(name: str) -> bool:
    """Tell whether the machine knows a zone by this name, such as Europe/Berlin."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; no relative path; a folder of zones
        return False
    return True
