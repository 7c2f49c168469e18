"""In which minutes each profile used what its budgets are about.

The recorder notes each look-up that counts; a finished minute is folded into the day's bitmaps
(`time/minutes.py`) and its names are forgotten soon after.  Minutes are absolute, so a clock that
is set back and forth marks the same bit again.  Names are in memory only, and no look-up that
leaves no trace may be noted.  Which day a moment belongs to, and what a budget is about, the caller
says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from copdns.time.minutes import (
    MINUTE,
    NO_MARKS,
    NO_MINUTES,
    WIDE,
    Day,
    DayBitmaps,
    Minutes,
    Usage,
    UseCriteria,
    estimate,
    fieldwise_max,
    minute_bitmaps,
)

STAY = 2  # minutes, besides the one that runs, for which names are kept
NAMES = 256  # names of a profile in one minute that are kept at most
ENOUGH = WIDE.several  # names of a budget in one minute: more tell nothing more
BUDGETS = 64  # of a profile
PEOPLE = 20_000  # profiles with minutes
DAYS = 2  # of a budget: the one that runs, and the one before or (a clock was wrong) after it
INTO_THE_NEXT = 26 * 3600  # seconds after a day's start, when the next one surely runs
OLD = 2 * 86_400  # seconds after a day's start, when nothing asks for its minutes any more

Who = tuple[str, str]  # household and profile
Used = tuple[str, str, str]  # the same, and a budget
DayOf = Callable[[str, str, float], Day]  # household, profile, moment
SenseOf = Callable[[str, str, str], UseCriteria]  # household, profile, budget


class _Heard:
    """One minute of one profile.  budgets: names by budget.  folded: how many of them are marked
    already."""

    __slots__ = ("budgets", "folded", "names")

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.budgets: dict[str, set[str]] = {}
        self.folded = 0


class _Kept:
    """One day of one budget.  floor: minutes of before, whose marks may be gone."""

    __slots__ = ("floor", "marks", "start")

    def __init__(self, start: int, marks: DayBitmaps = NO_MARKS) -> None:
        self.start = start
        self.marks = marks
        self.floor = NO_MINUTES

    def seen_from(self, start: int) -> DayBitmaps:
        """Return the marks of the day when it starts then."""
        return self.marks.moved((start - self.start) // MINUTE)


class UsageLedger:
    """Minutes of use by profile, budget and day.

    day_of: which day a moment belongs to.  sense_of: `WIDE` for a budget about everything.
    dropped: look-ups of more profiles or budgets than there is room for.
    """

    def __init__(self, day_of: DayOf, sense_of: SenseOf) -> None:
        self._day_of = day_of
        self._sense_of = sense_of
        self._heard: dict[int, dict[Who, _Heard]] = {}  # by minute since the epoch
        self._kept: dict[Who, dict[str, dict[date, _Kept]]] = {}
        self._used: set[Used] = set()
        self._unsaved: set[tuple[Who, str, date]] = set()
        self.dropped = 0

    def record(
        self, household: str, profile: str, budgets: Iterable[str], qname: str, at: float
    ) -> None:
        """Note a name that was looked up, and the budgets that it counts for."""
        minute = int(at) // MINUTE
        everyone = self._heard.get(minute)
        if everyone is None:
            everyone = self._begin(minute)
        who = household, profile
        heard = everyone.get(who)
        if heard is None:
            if len(everyone) >= PEOPLE:
                self.dropped += 1
                return
            heard = everyone[who] = _Heard()
        if len(heard.names) < NAMES:
            heard.names.add(qname)
        for budget in budgets:
            names = heard.budgets.get(budget)
            if names is None:
                self._first(heard, budget, qname)
            elif len(names) < ENOUGH:
                names.add(qname)

    def _begin(self, minute: int) -> dict[Who, _Heard]:
        if len(self._heard) > STAY + 1:  # nobody folds, or the clock is moved about
            self._fold(minute, all_of_it=False)
        return self._heard.setdefault(minute, {})

    def _first(self, heard: _Heard, budget: str, qname: str) -> None:
        if len(heard.budgets) < BUDGETS:
            heard.budgets[budget] = {qname}
        else:
            self.dropped += 1

    def fold(self, now: float) -> frozenset[Used]:
        """Mark the minutes that are over; return what was used since it was called last."""
        return self._fold(int(now) // MINUTE, all_of_it=False)

    def begin_day(self, household: str, profile: str, budgets: Iterable[str], at: float) -> None:
        """Note that budgets are counted on the day of a moment: without use it is one on which
        nothing was used, and not one of which nothing is known."""
        who = household, profile
        for budget in budgets:
            day = self._day_of(*who, at)
            if day.date not in self._kept.get(who, {}).get(budget, {}):
                if self._day(who, budget, day) is None:
                    self.dropped += 1
                else:
                    self._unsaved.add((who, budget, day.date))

    def note_closed(self, household: str, profile: str, budgets: Iterable[str], at: float) -> None:
        """Note budgets that nothing of could be used in the minute of a moment.

        It matters where something was used shortly before: that silence is no use.
        """
        who = household, profile
        day = self._day_of(*who, at)
        place = int(at - day.start) // MINUTE
        for budget in budgets:
            kept = self._kept.get(who, {}).get(budget, {}).get(day.date)
            if kept is not None and place >= 0 and kept.start == day.start:
                marks = kept.marks.with_closed(place)
                if marks != kept.marks:
                    kept.marks = marks
                    self._unsaved.add((who, budget, day.date))

    def finish(self, now: float) -> frozenset[Used]:
        """Do the same before a stop: the minute that runs is marked too."""
        return self._fold(int(now) // MINUTE, all_of_it=True)

    def _fold(self, running: int, all_of_it: bool) -> frozenset[Used]:
        for minute, everyone in list(self._heard.items()):
            if minute != running or all_of_it:
                for who, heard in everyone.items():
                    self._mark(who, heard, minute)
            if not running - STAY <= minute <= running:
                del self._heard[minute]
        used, self._used = frozenset(self._used), set()
        return used

    def _mark(self, who: Who, heard: _Heard, minute: int) -> None:
        count = sum(map(len, heard.budgets.values()))
        if count == heard.folded:
            return
        heard.folded = count
        day = self._day_of(*who, minute * MINUTE)
        place = minute - day.start // MINUTE
        if place < 0:
            return
        for budget, names in heard.budgets.items():
            self._add(
                who, budget, day, minute_bitmaps(place, len(names), self._sense_of(*who, budget))
            )

    def _add(self, who: Who, budget: str, day: Day, marks: DayBitmaps) -> None:
        kept = self._day(who, budget, day)
        if kept is None:
            self.dropped += 1
        elif kept.marks | marks != kept.marks:
            kept.marks |= marks
            self._used.add((*who, budget))
            self._unsaved.add((who, budget, day.date))

    def _day(self, who: Who, budget: str, day: Day) -> _Kept | None:
        """Return the day of a budget, seen from its start; None where there is no room."""
        budgets = self._kept.get(who)
        if budgets is None:
            if len(self._kept) >= PEOPLE:
                return None
            budgets = self._kept[who] = {}
        if budget not in budgets and len(budgets) >= BUDGETS:
            return None
        days = budgets.setdefault(budget, {})
        kept = days.get(day.date)
        if kept is None:
            kept = self._new_day(who, days, day)
        elif kept.start != day.start:  # the household moved its clock, or the hour of its days
            kept.marks, kept.start = kept.seen_from(day.start), day.start
        return kept

    def _new_day(self, who: Who, days: dict[date, _Kept], day: Day) -> _Kept:
        marks = NO_MARKS
        if days:
            # Where the household moved its clock, the same minutes may be of another date now.
            end = self._day_of(*who, day.start + INTO_THE_NEXT).start
            for each in days.values():
                marks |= each.seen_from(day.start).before((end - day.start) // MINUTE)
        kept = days[day.date] = _Kept(day.start, marks)
        while len(days) > DAYS:
            del days[max(days, key=lambda other: abs((other - day.date).days))]
        return kept

    def used(self, household: str, profile: str, day: Day) -> dict[str, Minutes]:
        """Return the minutes of a day by budget; one that was not counted is not among them."""
        found = {}
        for budget, days in self._kept.get((household, profile), {}).items():
            kept = days.get(day.date)
            if kept is not None:
                found[budget] = self._minutes((household, profile), budget, kept, day.start)
        return found

    def marks(self, household: str, profile: str, budget: str, day: Day) -> DayBitmaps:
        """Return the bitmaps of a day."""
        kept = self._kept.get((household, profile), {}).get(budget, {}).get(day.date)
        return NO_MARKS if kept is None else kept.seen_from(day.start)

    def _minutes(self, who: Who, budget: str, kept: _Kept, start: int) -> Minutes:
        found = estimate(kept.seen_from(start), self._sense_of(*who, budget))
        return fieldwise_max(found, kept.floor)

    def names_in_use(
        self, household: str, profile: str, now: float, minutes: int = STAY
    ) -> frozenset[str]:
        """Return the names that were looked up in the last minutes, at most STAY of them.

        By whole minutes: up to one minute more than that.
        """
        running = int(now) // MINUTE
        found: set[str] = set()
        for minute in range(running - min(minutes, STAY), running + 1):
            heard = self._heard.get(minute, {}).get((household, profile))
            if heard is not None:
                found |= heard.names
        return frozenset(found)

    def load(self, stored: Iterable[Usage]) -> None:
        """Take in what was stored, beside what is here already."""
        for each in stored:
            day = Day(each.day, each.start)
            kept = self._day((each.household, each.profile), each.budget, day)
            if kept is not None:
                kept.marks |= each.marks
                kept.floor = fieldwise_max(kept.floor, each.minutes)

    def take_unsaved(self) -> tuple[Usage, ...]:
        """Return the days that changed since this was asked last."""
        taken, self._unsaved = self._unsaved, set()
        return tuple(found for each in sorted(taken) if (found := self._usage(*each)) is not None)

    def _usage(self, who: Who, budget: str, day: date) -> Usage | None:
        kept = self._kept.get(who, {}).get(budget, {}).get(day)
        if kept is None:
            return None
        minutes = self._minutes(who, budget, kept, kept.start)
        return Usage(*who, budget, day, kept.start, kept.marks, minutes)

    def put_back(self, usages: Iterable[Usage]) -> None:
        """Give back what could not be saved; it is among the unsaved again."""
        for each in usages:
            self._unsaved.add(((each.household, each.profile), each.budget, each.day))

    def erase(self, household: str, profile: str) -> None:
        """Forget all of a profile, the names of the last minutes too."""
        who = household, profile
        for everyone in self._heard.values():
            everyone.pop(who, None)
        self._kept.pop(who, None)
        self._used = {each for each in self._used if each[:2] != who}
        self._unsaved = {each for each in self._unsaved if each[0] != who}

    def forget(self, now: float) -> None:
        """Drop the days that nothing asks for any more; called now and then."""
        for who, budgets in list(self._kept.items()):
            for budget, days in list(budgets.items()):
                for day in [day for day, kept in days.items() if kept.start < now - OLD]:
                    del days[day]
                if not days:
                    del budgets[budget]
            if not budgets:
                del self._kept[who]
