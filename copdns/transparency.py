"""What a household's filter did in a month, as counts: for the family to talk about, or to show.

Never a name that was asked, nor who asked for what: look-ups by profile and category, appeals of
all together.  A number below SMALL is not told, since it could be one evening; adults are left
out, and whoever has nothing kept.  Counts come as guardians see them (`discreet.py`).  Pure;
moments are seconds since the epoch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from copdns.appeal import Appeal, State
from copdns.days import starts_at, zone_of
from copdns.keep import CountKey
from copdns.minutes import Usage
from copdns.model import Action, Household, PrivacyMode, Profile

SMALL = 5  # a count below it, but for 0, is not told


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the household's calendar.  end: exclusive."""

    first: date
    start: float
    end: float

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


def month_of(first: date, timezone: str) -> Month:
    """Return the month of a date."""
    first = first.replace(day=1)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    zone = zone_of(timezone)
    return Month(first, starts_at(first, 0, zone), starts_at(following, 0, zone))


@dataclass(frozen=True, slots=True)
class Person:
    """What was counted of one.  asked, blocked: None for few, and where nothing is kept.

    closed: blocks by category, or by reason where there is none, the most first.
    minutes: what is likely to have been used, by budget.
    """

    profile: str
    mode: PrivacyMode
    asked: int | None
    blocked: int | None
    closed: tuple[tuple[str, int | None], ...]
    minutes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Appeals:
    """Of those that were asked in the month, however late they were answered.

    states: how they stand now.  answered: how many have an answer; hours: the median until the
    first one, None without any.  overdue: told as too late.  opened: low-harm ones that were open
    until they were answered.  again: where the child still disagreed.
    """

    asked: int
    states: Mapping[State, int]
    answered: int
    hours: float | None
    overdue: int
    opened: int
    again: int

    @property
    def granted_percent(self) -> int | None:
        """Return how many of the answered ones got all or a part; None without any."""
        yes = self.states.get(State.GRANTED, 0) + self.states.get(State.LIMITED, 0)
        return round(100 * yes / self.answered) if self.answered else None


def people_of(
    household: Household,
    counts: Iterable[tuple[CountKey, int]],
    usages: Iterable[Usage],
    month: Month,
    now: float,
) -> tuple[Person, ...]:
    """Return what was counted of each child in a month."""
    by_profile: dict[str, list[tuple[CountKey, int]]] = {}
    for key, n in counts:
        if month.start <= key.hour * 3600 < month.end:
            by_profile.setdefault(key.profile, []).append((key, n))
    used = _used(usages, month)
    return tuple(
        _person(each, by_profile.get(each.id, ()), used.get(each.id, {}), now)
        for each in household.profiles
        if each.band_at(now).is_child
    )


def _used(usages: Iterable[Usage], month: Month) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for each in usages:
        if (each.day.year, each.day.month) == (month.first.year, month.first.month):
            found.setdefault(each.profile, Counter())[each.budget] += each.minutes.likely
    return {who: dict(budgets) for who, budgets in found.items()}


def _person(
    profile: Profile,
    counts: Sequence[tuple[CountKey, int]],
    used: Mapping[str, int],
    now: float,
) -> Person:
    mode = profile.privacy_at(now)
    if mode is PrivacyMode.OFF:  # what was counted before is not told any more, either
        return Person(profile.id, mode, None, None, (), ())
    closed: Counter[str] = Counter()
    for key, n in counts:
        if key.action == Action.BLOCK:
            closed[key.category or key.reason] += n
    return Person(
        profile.id,
        mode,
        told(sum(n for _, n in counts)),
        told(closed.total()),
        tuple((about, told(n)) for about, n in sorted(closed.items(), key=_most_first)),
        tuple(sorted(used.items())),
    )


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    return -(told(item[1]) or 0), item[0]  # the order of small ones tells nothing


def told(n: int) -> int | None:
    """Return a count, or None where it is too small to be told."""
    return None if 0 < n < SMALL else n


def appeals_of(appeals: Iterable[Appeal], month: Month) -> Appeals:
    """Return how it went with what was asked in a month."""
    asked = [each for each in appeals if month.start <= each.asked < month.end]
    waits = [(each.answers[0].at - each.asked) / 3600 for each in asked if each.answers]
    return Appeals(
        len(asked),
        dict(sorted(Counter(each.state for each in asked).items())),
        len(waits),
        round(median(waits), 1) if waits else None,
        sum(each.overdue is not None for each in asked),
        sum(bool(each.provisional) for each in asked),
        sum(each.disagreed for each in asked),
    )
