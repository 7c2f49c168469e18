"""On which dates something comes again: rules of calendars (RFC 5545, RRULE), as far as dates go.

A date is asked, rather than dates made one after the other: a rule that names none, such as every
30 February, then costs no more than one that does.  How rules are written is `time/ics.py`'s to
read. Pure.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Every(StrEnum):
    """The period of a rule, by the name that calendars give it."""

    DAY = "DAILY"
    WEEK = "WEEKLY"
    MONTH = "MONTHLY"
    YEAR = "YEARLY"


@dataclass(frozen=True, slots=True)
class Repeat:
    """A rule for dates.  What is left empty is as of the date on which it starts.

    interval: 1 is every period, 2 every other ...  months: 1 to 12.
    month_days: 1 to 31, and from a month's end -1 to -31; never with WEEK.
    weekdays: which one of its period, 0 for every, 1 for the first, -1 for the last; and 0 to 6,
        Monday is 0.  With DAY and WEEK every one.
    week_starts: the day of the week with which a week begins; it matters for every other week.
    """

    start: date
    every: Every
    interval: int = 1
    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    weekdays: frozenset[tuple[int, int]] = frozenset()
    week_starts: int = 0

    def has(self, day: date) -> bool:
        """Tell whether the rule names a date, which must not lie before its start."""
        return self._periods(day) % self.interval == 0 and self._month(day) and self._day(day)

    def _periods(self, day: date) -> int:
        """Return in which period since the start a date lies."""
        match self.every:
            case Every.DAY:
                return (day - self.start).days
            case Every.WEEK:
                return self._week(day) - self._week(self.start)
            case Every.MONTH:
                return 12 * (day.year - self.start.year) + day.month - self.start.month
            case Every.YEAR:
                return day.year - self.start.year

    def _week(self, day: date) -> int:
        return (day.toordinal() - 1 - self.week_starts) // 7  # the first day of all was a Monday

    def _month(self, day: date) -> bool:
        if self.months:
            return day.month in self.months
        as_at_the_start = self.every is Every.YEAR and not (self.month_days or self.weekdays)
        return day.month == self.start.month or not as_at_the_start

    def _day(self, day: date) -> bool:
        if self.month_days or self.weekdays:
            return self._of_month(day) and self._of_week(day)
        match self.every:
            case Every.DAY:
                return True
            case Every.WEEK:
                return day.weekday() == self.start.weekday()
        return day.day == self.start.day

    def _of_month(self, day: date) -> bool:
        if not self.month_days:
            return True
        from_end = day.day - monthrange(day.year, day.month)[1] - 1
        return day.day in self.month_days or from_end in self.month_days

    def _of_week(self, day: date) -> bool:
        if not self.weekdays:
            return True
        which = {which for which, weekday in self.weekdays if weekday == day.weekday()}
        return bool(which) and (0 in which or not which.isdisjoint(self._which(day)))

    def _which(self, day: date) -> tuple[int, int]:
        """Return which of its weekday a date is in its period, from the start and from the end."""
        if self.every is Every.YEAR and not self.months:
            number, days = day.timetuple().tm_yday, 365 + isleap(day.year)
        else:
            number, days = day.day, monthrange(day.year, day.month)[1]
        return (number - 1) // 7 + 1, -((days - number) // 7 + 1)
