"""Keeps in which minutes each profile used the names that its budgets count.

The recorder notes each look-up that counts; a finished minute is folded into the day's bitmaps
(`time/minutes.py`), and its names are forgotten soon after.  Minutes are absolute, so a clock that
is set back and forth marks the same bit again.  Names are in memory only; untraced look-ups must
not be noted.  The caller says which day a moment belongs to and what shows the use of a budget.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Final

from copdns.time.minutes import (
    MINUTE,
    NO_MARKS,
    NO_MINUTES,
    WIDE,
    DayBitmaps,
    DayStart,
    Minutes,
    Usage,
    UseCriteria,
    estimate,
    fieldwise_max,
    minute_bitmaps,
)

MINUTES_WITH_NAMES: Final = 2  # besides the current one: then its names are forgotten
MAX_NAMES: Final = 256  # of a profile in one minute
MAX_BUDGET_NAMES: Final = WIDE.several  # of a budget in one minute: more change no estimate
MAX_BUDGETS: Final = 64  # of a profile
MAX_PROFILES: Final = 20_000  # profiles with minutes
MAX_DAYS: Final = (
    2  # of a budget: the current one and one beside it (after it where a clock was wrong)
)
# Seconds after the start of a day, when the next one has certainly begun.
NEXT_DAY_AFTER: Final = 26 * 3600
# Seconds after the start of a day, when nothing asks for its minutes any more.
FORGET_AFTER: Final = 2 * 86_400

ProfileKey = tuple[str, str]  # household and profile
BudgetKey = tuple[str, str, str]  # household, profile and budget
DayOf = Callable[[str, str, float], DayStart]  # household, profile, moment
CriteriaOf = Callable[[str, str, str], UseCriteria]  # household, profile, budget


class _MinuteNames:
    """The names of one profile in one minute.

    budgets: names by budget.  folded: how many of those names the bitmaps include already.
    """

    __slots__ = ("budgets", "folded", "names")

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.budgets: dict[str, set[str]] = {}
        self.folded = 0


class _LedgerDay:
    """One day of one budget.

    start: seconds since the epoch.  floor: minutes that were loaded, whose marks may be gone.
    own: as of a Usage.  is_counted: a day without use has no minutes, rather than being unknown.
    """

    __slots__ = ("floor", "is_counted", "marks", "own", "start")

    def __init__(self, start: int, marks: DayBitmaps = NO_MARKS) -> None:
        self.start = start
        self.marks = marks
        self.floor = NO_MINUTES
        self.own = False
        self.is_counted = False

    def marks_from(self, start: int) -> DayBitmaps:
        """Return the marks for a day that starts at another moment."""
        return self.marks.with_later_start((start - self.start) // MINUTE)


class UsageLedger:
    """Minutes of use by profile, budget and day.

    day_of: returns the day that a moment belongs to.  criteria_of: returns what shows that a budget
    is in use; `WIDE` for one about everything.  most_profiles: with minutes at once.
    dropped: how many look-ups and days were not noted, because too many profiles or budgets were.
    """

    def __init__(
        self, day_of: DayOf, criteria_of: CriteriaOf, most_profiles: int = MAX_PROFILES
    ) -> None:
        self._day_of = day_of
        self._most_profiles = most_profiles
        self._criteria_of = criteria_of
        self._names_by_minute: dict[
            int, dict[ProfileKey, _MinuteNames]
        ] = {}  # by minute since the epoch
        self._days: dict[ProfileKey, dict[str, dict[date, _LedgerDay]]] = {}
        self._changed: set[BudgetKey] = set()
        self._unsaved: set[tuple[ProfileKey, str, date]] = set()
        self.dropped = 0

    def record(
        self, household: str, profile: str, budgets: Iterable[str], qname: str, at: float
    ) -> None:
        """Note a name looked up at a moment (epoch seconds), and the budgets that count it."""
        minute = int(at) // MINUTE
        by_profile = self._names_by_minute.get(minute)
        if by_profile is None:
            by_profile = self._begin_minute(minute)
        key = household, profile
        noted = by_profile.get(key)
        if noted is None:
            if len(by_profile) >= self._most_profiles:
                self.dropped += 1
                return
            noted = by_profile[key] = _MinuteNames()
        if len(noted.names) < MAX_NAMES:
            noted.names.add(qname)
        for budget in budgets:
            names = noted.budgets.get(budget)
            if names is None:
                self._add_budget(noted, budget, qname)
            elif len(names) < MAX_BUDGET_NAMES:
                names.add(qname)

    def _begin_minute(self, minute: int) -> dict[ProfileKey, _MinuteNames]:
        # More, where fold() was not called or the clock was set.
        if len(self._names_by_minute) > MINUTES_WITH_NAMES + 1:
            self._fold(minute, with_running=False)
        return self._names_by_minute.setdefault(minute, {})

    def _add_budget(self, noted: _MinuteNames, budget: str, qname: str) -> None:
        if len(noted.budgets) < MAX_BUDGETS:
            noted.budgets[budget] = {qname}
        else:
            self.dropped += 1

    def fold(self, now: float) -> frozenset[BudgetKey]:
        """Mark the finished minutes; return the budgets with new marks since the last call."""
        return self._fold(int(now) // MINUTE, with_running=False)

    def fold_in_parts(self, now: float, size: int) -> Iterator[frozenset[BudgetKey]]:
        """As `fold`, of so many people at a time; in between, anything may happen to the ledger."""
        running = int(now) // MINUTE
        for minute, by_profile in list(self._names_by_minute.items()):
            is_over = not running - MINUTES_WITH_NAMES <= minute <= running
            rest = iter(tuple(by_profile) if minute != running else ())
            while part := tuple(islice(rest, size)):
                for key in part:
                    noted = by_profile.pop(key, None) if is_over else by_profile.get(key)
                    if noted is not None:  # else that person was erased meanwhile
                        self._mark(key, noted, minute)
                yield self._take_changed()
            if is_over and not by_profile:
                self._names_by_minute.pop(minute, None)

    def begin_day(self, household: str, profile: str, budgets: Iterable[str], at: float) -> None:
        """Note that budgets are counted on the day of a moment.

        Without use, the day then has no minutes, rather than being unknown.
        """
        key = household, profile
        for budget in budgets:
            day = self._day_of(*key, at)
            entry = self._days.get(key, {}).get(budget, {}).get(day.date)
            if entry is not None and entry.is_counted:
                continue
            entry = self._find_day(key, budget, day)
            if entry is None:
                self.dropped += 1
            else:
                entry.is_counted = True
                self._unsaved.add((key, budget, day.date))

    def note_closed(self, household: str, profile: str, budgets: Iterable[str], at: float) -> None:
        """Note budgets whose names were all closed in the minute of a moment.

        If they were in use shortly before, a silence in such a minute does not count as use.
        """
        key = household, profile
        day = self._day_of(*key, at)
        place = int(at - day.start) // MINUTE
        for budget in budgets:
            entry = self._days.get(key, {}).get(budget, {}).get(day.date)
            if entry is not None and place >= 0 and entry.start == day.start:
                marks = entry.marks.with_closed(place)
                if marks != entry.marks:
                    entry.marks = marks
                    self._unsaved.add((key, budget, day.date))

    def note_own(self, household: str, profile: str, budgets: Iterable[str], at: float) -> None:
        """Note budgets whose minutes are the person's alone; they stay so for the moment's day."""
        key = household, profile
        for budget in budgets:
            day = self._day_of(*key, at)
            entry = self._find_day(key, budget, day)
            if entry is not None and not entry.own:
                entry.own = True
                if entry.marks != NO_MARKS or entry.floor != NO_MINUTES:
                    self._unsaved.add((key, budget, day.date))

    def own_budgets(self, household: str, profile: str, day: DayStart) -> frozenset[str]:
        """Return the budgets whose minutes of a day are the person's alone."""
        return frozenset(
            budget
            for budget, days in self._days.get((household, profile), {}).items()
            if day.date in days and days[day.date].own
        )

    def finish(self, now: float) -> frozenset[BudgetKey]:
        """As `fold`, but mark the current minute too; called before the program stops."""
        return self._fold(int(now) // MINUTE, with_running=True)

    def _fold(self, running: int, with_running: bool) -> frozenset[BudgetKey]:
        for minute, by_profile in list(self._names_by_minute.items()):
            if minute != running or with_running:
                for key, noted in by_profile.items():
                    self._mark(key, noted, minute)
            if not running - MINUTES_WITH_NAMES <= minute <= running:
                del self._names_by_minute[minute]
        return self._take_changed()

    def _take_changed(self) -> frozenset[BudgetKey]:
        used, self._changed = frozenset(self._changed), set()
        return used

    def _mark(self, key: ProfileKey, noted: _MinuteNames, minute: int) -> None:
        count = sum(map(len, noted.budgets.values()))
        if count == noted.folded:
            return
        noted.folded = count
        day = self._day_of(*key, minute * MINUTE)
        place = minute - day.start // MINUTE
        if place < 0:
            return
        for budget, names in noted.budgets.items():
            self._add_marks(
                key, budget, day, minute_bitmaps(place, len(names), self._criteria_of(*key, budget))
            )

    def _add_marks(self, key: ProfileKey, budget: str, day: DayStart, marks: DayBitmaps) -> None:
        entry = self._find_day(key, budget, day)
        if entry is None:
            self.dropped += 1
        elif entry.marks | marks != entry.marks:
            entry.marks |= marks
            entry.is_counted = True
            self._changed.add((*key, budget))
            self._unsaved.add((key, budget, day.date))

    def _find_day(self, key: ProfileKey, budget: str, day: DayStart) -> _LedgerDay | None:
        """Return a day of a budget, moved to its present start; None where there is no room."""
        budgets = self._days.get(key)
        if budgets is None:
            if len(self._days) >= self._most_profiles:
                return None
            budgets = self._days[key] = {}
        if budget not in budgets and len(budgets) >= MAX_BUDGETS:
            return None
        days = budgets.setdefault(budget, {})
        entry = days.get(day.date)
        if entry is None:
            entry = self._new_day(key, days, day)
        elif entry.start != day.start:
            # The zone changed, or the hour at which days start.
            entry.floor = self._floor_beyond(key, budget, entry.marks, entry.floor)
            entry.marks, entry.start = self._marks_between(key, days, day), day.start
        return entry

    def _new_day(self, key: ProfileKey, days: dict[date, _LedgerDay], day: DayStart) -> _LedgerDay:
        entry = days[day.date] = _LedgerDay(day.start, self._marks_between(key, days, day))
        while len(days) > MAX_DAYS:
            del days[max(days, key=lambda other: abs((other - day.date).days))]
        return entry

    def _marks_between(
        self, key: ProfileKey, days: dict[date, _LedgerDay], day: DayStart
    ) -> DayBitmaps:
        """Return the marks of a day: after a change of the zone, minutes that were noted for one
        date may belong to another."""
        marks = NO_MARKS
        for each in days.values():
            marks |= each.marks_from(day.start)
        if marks == NO_MARKS:
            return marks
        end = self._day_of(*key, day.start + NEXT_DAY_AFTER).start
        return marks.before((end - day.start) // MINUTE) if end > day.start else marks

    def minutes_by_budget(self, household: str, profile: str, day: DayStart) -> dict[str, Minutes]:
        """Return the minutes of a day by budget, without budgets that were not counted."""
        found, key = {}, (household, profile)
        for budget, days in self._days.get(key, {}).items():
            entry, marks = days.get(day.date), self._marks_on(key, days, day)
            if entry is not None and entry.is_counted:
                floor = entry.floor
                if entry.start != day.start:
                    floor = self._floor_beyond(key, budget, entry.marks, floor)
                found[budget] = self._minutes_of(key, budget, marks, floor)
            elif entry is None and marks != NO_MARKS:
                # In another zone it is another date already, on which nothing was used since.
                found[budget] = self._minutes_of(key, budget, marks)
        return found

    def marks(self, household: str, profile: str, budget: str, day: DayStart) -> DayBitmaps:
        """Return the bitmaps of a day; empty where the budget was not counted."""
        key = household, profile
        return self._marks_on(key, self._days.get(key, {}).get(budget, {}), day)

    def _marks_on(self, key: ProfileKey, days: dict[date, _LedgerDay], day: DayStart) -> DayBitmaps:
        """Return the marks of a day, also where it has another start than it was noted with."""
        entry = days.get(day.date)
        if entry is None or entry.start != day.start:
            return self._marks_between(key, days, day)
        marks = entry.marks
        for other in days.values():
            if other.start < day.start:  # it has more than its own while days began later
                marks |= other.marks_from(day.start)
        return marks

    def _minutes_of(
        self, key: ProfileKey, budget: str, marks: DayBitmaps, floor: Minutes = NO_MINUTES
    ) -> Minutes:
        return fieldwise_max(estimate(marks, self._criteria_of(*key, budget)), floor)

    def _floor_beyond(
        self, key: ProfileKey, budget: str, marks: DayBitmaps, floor: Minutes
    ) -> Minutes:
        """Return what stays of a floor when its day gets another start: nothing where the marks
        have all of it, since they say which of the minutes are of the day still."""
        known = self._minutes_of(key, budget, marks)
        return NO_MINUTES if fieldwise_max(known, floor) == known else floor

    def names_in_use(
        self, household: str, profile: str, now: float, minutes: int = MINUTES_WITH_NAMES
    ) -> frozenset[str]:
        """Return the names looked up in the last minutes, at most MINUTES_WITH_NAMES of them.

        Minutes are whole ones, so the span is up to one minute longer.
        """
        running = int(now) // MINUTE
        found: set[str] = set()
        for minute in range(running - min(minutes, MINUTES_WITH_NAMES), running + 1):
            noted = self._names_by_minute.get(minute, {}).get((household, profile))
            if noted is not None:
                found |= noted.names
        return frozenset(found)

    def load(self, stored: Iterable[Usage]) -> None:
        """Add stored days to what the ledger has."""
        for each in stored:
            day = DayStart(each.day, each.start)
            entry = self._find_day((each.household, each.profile), each.budget, day)
            if entry is not None:
                entry.marks |= each.marks
                entry.floor = fieldwise_max(entry.floor, each.minutes)
                entry.own = entry.own or each.own
                entry.is_counted = True

    def merge(self, others: Iterable[Usage]) -> bool:
        """Add days that another box counted; tell whether anything is new.

        A minute that both counted stays one minute.
        """
        is_new = False
        for each in others:
            key = each.household, each.profile
            there = self._days.get(key, {}).get(each.budget, {}).get(each.day)
            # A box that has not heard of a new time zone yet must not move the day back.
            start = each.start if there is None else there.start
            entry = self._find_day(key, each.budget, DayStart(each.day, start))
            if entry is None:
                self.dropped += 1
                continue
            before = entry.marks, entry.floor, entry.own, entry.is_counted
            entry.marks |= each.marks.with_later_start((start - each.start) // MINUTE)
            floor = each.minutes
            if start != each.start:
                floor = self._floor_beyond(key, each.budget, each.marks, floor)
            entry.floor = fieldwise_max(entry.floor, floor)
            entry.own, entry.is_counted = entry.own or each.own, True
            if before != (entry.marks, entry.floor, entry.own, entry.is_counted):
                is_new = True
                self._unsaved.add((key, each.budget, each.day))
        return is_new

    def usages_on(self, days: Collection[date]) -> tuple[Usage, ...]:
        """Return all that was counted on some dates, for another box."""
        found = [
            self._usage_of(key, budget, day)
            for key, budgets in self._days.items()
            for budget, those in budgets.items()
            for day, entry in those.items()
            if day in days and entry.is_counted
        ]
        return tuple(each for each in found if each is not None)

    def take_unsaved(self, most: int | None = None) -> tuple[Usage, ...]:
        """Return the days that changed since the last call, to be saved.

        most: of so many at most, so that the others are for the next call.
        """
        taken = set(islice(self._unsaved, most))
        self._unsaved -= taken
        return tuple(
            found for each in sorted(taken) if (found := self._usage_of(*each)) is not None
        )

    def _usage_of(self, key: ProfileKey, budget: str, day: date) -> Usage | None:
        entry = self._days.get(key, {}).get(budget, {}).get(day)
        if entry is None:
            return None
        minutes = self._minutes_of(key, budget, entry.marks, entry.floor)
        return Usage(*key, budget, day, entry.start, entry.marks, minutes, entry.own)

    def put_back(self, usages: Iterable[Usage]) -> None:
        """Mark days as unsaved again, because saving them failed."""
        for each in usages:
            self._unsaved.add(((each.household, each.profile), each.budget, each.day))

    def erase(self, household: str, profile: str) -> None:
        """Delete all of a profile, including the names of the last minutes."""
        key = household, profile
        for by_profile in self._names_by_minute.values():
            by_profile.pop(key, None)
        self._days.pop(key, None)
        self._changed = {each for each in self._changed if each[:2] != key}
        self._unsaved = {each for each in self._unsaved if each[0] != key}

    def forget(self, now: float) -> None:
        """Delete days older than FORGET_AFTER; called from time to time.

        What is not saved yet stays: the clock may be ahead, and then it is not old.
        """
        for _ in self.forget_in_parts(now, max(len(self._days), 1)):
            pass

    def forget_in_parts(self, now: float, size: int) -> Iterator[None]:
        """As `forget`, of so many people at a time; in between, anything may happen to the
        ledger."""
        rest = iter(tuple(self._days))
        while part := tuple(islice(rest, size)):
            for key in part:
                self._forget_days(key, now - FORGET_AFTER)
            yield

    def _forget_days(self, key: ProfileKey, before: float) -> None:
        budgets = self._days.get(key, {})
        for budget, days in list(budgets.items()):
            for day, entry in list(days.items()):
                if entry.start < before and (key, budget, day) not in self._unsaved:
                    del days[day]
            if not days:
                del budgets[budget]
        if not budgets:
            self._days.pop(key, None)
