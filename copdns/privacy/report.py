"""What a household's filter did in a month, as counts: for the family to talk about, or to show.

Never a name that was asked, nor who asked for what: look-ups by profile and category, appeals of
all together.  A number below SMALL is not told, since it could be one evening; adults are left
out, and whoever has nothing kept.  Counts come as guardians see them (`privacy/masked_names.py`).

A child reads its own numbers as they are, and sums of all only where CROWD children or more are
in them: taken off the sum of two, its own would leave the other one's.  Pure; moments are seconds
since the epoch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import NamedTuple

from copdns.appeals.appeal import Appeal, AppealState
from copdns.appeals.list_errors import WrongEntry, still_listed
from copdns.lists.index import Index, ListKind
from copdns.lists.small_index import ListStatus
from copdns.model.household import Household, PrivacyMode, Profile
from copdns.model.verdict import Action
from copdns.privacy.retention import CountKey
from copdns.time.days import local_time, starts_at, zone_of
from copdns.time.minutes import Usage

SMALL = 5  # a count below it, but for 0, is not told
CROWD = 3  # children in a sum that one of them reads
_CHOSEN = frozenset({ListKind.SECURITY, ListKind.CATEGORY, ListKind.BYPASS})


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


def counted_from(month: Month, now: float, days: int) -> float:
    """Return the moment from which counts are complete.  days: how long they are stored."""
    return max(month.start, now - days * 86_400)


@dataclass(frozen=True, slots=True)
class PersonCounts:
    """The counts of one person in a month.

    profile: id.  mode: what is logged of them now.
    asked, blocked: queries, in `asked` the blocked ones too; None for fewer than SMALL, and where
    nothing is logged.
    closed: blocks by category, or by reason where there is none, the most first.
    minutes: the likely minutes of use, by budget.
    """

    profile: str
    mode: PrivacyMode
    asked: int | None
    blocked: int | None
    closed: tuple[tuple[str, int | None], ...]
    minutes: tuple[tuple[str, int], ...]

    @property
    def opened_count(self) -> int | None:
        """How many queries were not blocked; None where one of both numbers is not told."""
        if self.asked is None or self.blocked is None:
            return None
        return self.asked - self.blocked

    @property
    def leaves_out(self) -> bool:
        """Tell whether `blocked` is without what was blocked fewer than SMALL times (`_sum_of`)."""
        known = [n for _, n in self.closed if n is not None]
        return len(known) < len(self.closed) and self.blocked == sum(known)


@dataclass(frozen=True, slots=True)
class Appeals:
    """Counts of the appeals that were filed in the month, however late they were answered.

    asked: all of them.  states: how many are in each state now.  answered: how many have an
    answer.  hours: the median until the first answer; None without any.  overdue: how many were
    overdue.  opened: how many names of little harm were open until an answer.  again: how often
    the child still disagreed.
    """

    asked: int
    states: Mapping[AppealState, int]
    answered: int
    hours: float | None
    overdue: int
    opened: int
    again: int

    @property
    def granted_count(self) -> int:
        """Return how many got all or a part of what they are about."""
        return self.states.get(AppealState.GRANTED, 0) + self.states.get(AppealState.LIMITED, 0)

    @property
    def granted_percent(self) -> int | None:
        """Return how many of 100 answered ones got all or a part; None without any."""
        return round(100 * self.granted_count / self.answered) if self.answered else None


class ListUse(NamedTuple):
    """A list in use.  errors: how many wrong entries were found in it.  still: how many of these
    are still in it.
    percent: how many of 100 names that should be open it blocks; None where nobody checked."""

    status: ListStatus
    errors: int
    still: int
    percent: float | None


class Together(NamedTuple):
    """Look-ups of all children together, rounded to the nearest ten.

    asked: the blocked ones too.
    """

    asked: int
    blocked: int

    @property
    def opened_count(self) -> int:
        """How many were not blocked; of what was rounded, so it tells no more than both do."""
        return self.asked - self.blocked


@dataclass(frozen=True, slots=True)
class MonthReport:
    """The report of a month, for guardians.

    since, until: seconds since the epoch: the first and the last moment that it covers; since is
    later than the start of the month where counts were deleted (`counted_from`).
    """

    month: Month
    since: float
    until: float
    people: tuple[PersonCounts, ...]
    appeals: Appeals
    lists: tuple[ListUse, ...]


def people_of(
    household: Household,
    counts: Iterable[tuple[CountKey, int]],
    usages: Iterable[Usage],
    month: Month,
    now: float,
    *,
    exact: bool = False,
) -> tuple[PersonCounts, ...]:
    """Return what was counted of each child in a month.

    exact: small counts are told too, as a person reads their own.
    """
    by_profile: dict[str, list[tuple[CountKey, int]]] = {}
    for key, n in counts:
        if month.start <= key.hour * 3600 < month.end:
            by_profile.setdefault(key.profile, []).append((key, n))
    used = _minutes_by_profile(usages, month)
    return tuple(
        _person(each, by_profile.get(each.id, ()), used.get(each.id, {}), now, exact)
        for each in household.profiles
        if each.band_at(now).is_child
    )


def _minutes_by_profile(usages: Iterable[Usage], month: Month) -> dict[str, dict[str, int]]:
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
    exact: bool,
) -> PersonCounts:
    mode = profile.privacy_at(now)
    if mode is PrivacyMode.OFF:  # what was counted before is not told any more, either
        return PersonCounts(profile.id, mode, None, None, (), ())
    closed: Counter[str] = Counter()
    for key, n in counts:
        if key.action == Action.BLOCK:
            closed[key.category or key.reason] += n
    asked, minutes = sum(n for _, n in counts), tuple(sorted(used.items()))
    if exact:
        return PersonCounts(
            profile.id, mode, asked, closed.total(), tuple(closed.most_common()), minutes
        )
    return PersonCounts(
        profile.id,
        mode,
        reportable(asked),
        _sum_of(closed),
        tuple((about, reportable(n)) for about, n in sorted(closed.items(), key=_most_first)),
        minutes,
    )


def _sum_of(closed: Mapping[str, int]) -> int | None:
    """Return all that was closed, as far as no count that is not told can be worked out from it."""
    total, small = sum(closed.values()), [n for n in closed.values() if reportable(n) is None]
    if len(small) == 1 or reportable(sum(small)) is None:
        total -= sum(small)
    return total or (None if small else 0)


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    return -(reportable(item[1]) or 0), item[0]  # the order of small ones tells nothing


def reportable(n: int) -> int | None:
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


def lists_of(
    statuses: Iterable[ListStatus],
    index: Index,
    errors: Sequence[WrongEntry],
    percent: Callable[[str], float | None],
) -> Iterator[ListUse]:
    """Yield the lists that people choose, and what is known to be wrong with them.

    percent: gives the over-blocking score of a list by its slug.
    """
    wrong = Counter(each.list for each in errors)
    still = Counter(each.list for each in errors if still_listed(each, index))
    for each in statuses:
        slug = each.info.slug
        if each.info.kind in _CHOSEN and not each.error:
            yield ListUse(each, wrong[slug], still[slug], percent(slug))


# --- sums that a child may read -------------------------------------------------------------------


def lookups_of_children(
    household: Household, counts: Iterable[tuple[CountKey, int]], month: Month, now: float
) -> Together | None:
    """Return the look-ups of all children; None where too few of them were counted.

    counts: of days that are over, or whoever reloads the page sees when somebody is online.  Never
    by category: in a family the category alone can say who it was.
    """
    shown = {
        each.id
        for each in household.profiles
        if each.band_at(now).is_child and each.privacy_at(now) is not PrivacyMode.OFF
    }
    asked: Counter[str] = Counter()
    blocked = 0
    for key, n in counts:
        if key.profile in shown and month.start <= key.hour * 3600 < month.end:
            asked[key.profile] += n
            blocked += n if key.action == Action.BLOCK else 0
    if sum(reportable(n) is not None and n > 0 for n in asked.values()) < CROWD:
        return None
    return Together(_round(asked.total()), _round(blocked))


def _round(n: int) -> int:
    return (n + 5) // 10 * 10


def requests_of_children(
    household: Household, appeals: Iterable[Appeal], month: Month, now: float
) -> int | None:
    """Return how many requests all children sent, to the nearest ten; None where too few of them
    sent SMALL or more.

    Neither of today nor with what came of them: whoever reloads the page would see when somebody
    asks or gets an answer.  What came from a browser that is not paired does not count: who sends
    that for others must not make their sum be told.
    """
    zone = zone_of(household.timezone)
    end = min(month.end, starts_at(local_time(now, zone).date(), 0, zone))
    children = {each.id for each in household.profiles if each.band_at(now).is_child}
    sent = Counter(
        each.ask.profile
        for each in appeals
        if each.ask.paired and each.ask.profile in children and month.start <= each.asked < end
    )
    if sum(reportable(n) is not None and n > 0 for n in sent.values()) < CROWD:
        return None
    return _round(sent.total())
