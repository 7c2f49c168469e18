"""Tell on which dates an event repeats: the rules of calendars (RFC 5545, RRULE) for whole dates.

A rule is tested against a date and generates none: a rule that never applies, such as every
30 February, then costs no more than any other.  `time/ics.py` reads rules.  Pure.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Frequency(StrEnum):
    """The period of a rule, by its name in RFC 5545 (FREQ)."""

    DAY = "DAILY"
    WEEK = "WEEKLY"
    MONTH = "MONTHLY"
    YEAR = "YEARLY"


@dataclass(frozen=True, slots=True)
class Repeat:
    """A rule for dates.  An empty field takes its value from the start date.

    interval: 1 for every period, 2 for every other, and so on.  months: 1 to 12.
    month_days: 1 to 31, or -1 to -31 from the end of the month; never with WEEK.
    weekdays: pairs of which one of its period (0 for every, 1 for the first, -1 for the last; with
        DAY and WEEK always 0) and the day of the week, 0 (Monday) to 6.
    week_starts: the first day of a week, which matters where interval is 2 or more.
    """

    start: date
    frequency: Frequency
    interval: int = 1
    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    weekdays: frozenset[tuple[int, int]] = frozenset()
    week_starts: int = 0

    def includes(self, day: date) -> bool:
        """Tell whether the rule includes a date, which must not be before its start."""
        return (
            self._period_number(day) % self.interval == 0
            and self._fits_month(day)
            and self._fits_day(day)
        )

    def _period_number(self, day: date) -> int:
        """Return the number of the period of a date, counted from that of the start."""
        match self.frequency:
            case Frequency.DAY:
                return (day - self.start).days
            case Frequency.WEEK:
                return self._week_number(day) - self._week_number(self.start)
            case Frequency.MONTH:
                return 12 * (day.year - self.start.year) + day.month - self.start.month
            case Frequency.YEAR:
                return day.year - self.start.year

    def _week_number(self, day: date) -> int:
        return (day.toordinal() - 1 - self.week_starts) // 7  # day 1 of toordinal() is a Monday

    def _fits_month(self, day: date) -> bool:
        if self.months:
            return day.month in self.months
        as_at_the_start = self.frequency is Frequency.YEAR and not (
            self.month_days or self.weekdays
        )
        return day.month == self.start.month or not as_at_the_start

    def _fits_day(self, day: date) -> bool:
        if self.month_days or self.weekdays:
            return self._fits_month_days(day) and self._fits_weekdays(day)
        match self.frequency:
            case Frequency.DAY:
                return True
            case Frequency.WEEK:
                return day.weekday() == self.start.weekday()
        return day.day == self.start.day

    def _fits_month_days(self, day: date) -> bool:
        if not self.month_days:
            return True
        from_end = day.day - monthrange(day.year, day.month)[1] - 1
        return day.day in self.month_days or from_end in self.month_days

    def _fits_weekdays(self, day: date) -> bool:
        if not self.weekdays:
            return True
        which = {which for which, weekday in self.weekdays if weekday == day.weekday()}
        return bool(which) and (0 in which or not which.isdisjoint(self._places_of_weekday(day)))

    def _places_of_weekday(self, day: date) -> tuple[int, int]:
        """Return which of its weekday a date is in its period, from the start and from the end."""
        if self.frequency is Frequency.YEAR and not self.months:
            number, days = day.timetuple().tm_yday, 365 + isleap(day.year)
        else:
            number, days = day.day, monthrange(day.year, day.month)[1]
        return (number - 1) // 7 + 1, -((days - number) // 7 + 1)
