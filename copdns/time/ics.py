"""The dates in a calendar file (ICS, RFC 5545), such as a school's holidays.

Turns text into dates, within bounds: repeated events only for the dates that were asked for.
`time/repeats.py` tells on which dates a rule repeats.  No other module imports the icalendar
library, which takes ten megabytes: commands may import this one, the server does not.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from icalendar import Calendar as Ics
from icalendar import Event
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from copdns.model.errors import CalendarError, TextError
from copdns.model.sentences import sentence
from copdns.model.violations import sentence_of
from copdns.time.days import DateRange
from copdns.time.repeats import Frequency, Repeat

MAX_LENGTH = 1 << 20  # characters of a file
MAX_EVENTS = 5_000
MAX_DEPTH = 8  # components within each other; an alarm in an event is the third
MAX_DATES = 10_000  # ranges of dates that a file may give
MAX_RULE_DAYS = 2_000_000  # dates that are tested against rules, over all rules of a file
_ONE_DAY = timedelta(days=1)
_When = date | datetime  # a datetime is aware


def read_dates(text: str, zone: ZoneInfo, first: date, last: date) -> tuple[DateRange, ...]:
    """Return what a calendar file has from a first to a last date, in order, and cut to them.

    zone: the household's; times in other zones become dates in this one.
    Raise CalendarError for a file that is broken, too large, or has a rule that cannot be read.
    """
    events = _read_events(text, zone)
    around = _Window(first - _ONE_DAY, last + _ONE_DAY)  # other zones may have another date
    if (
        sum(len(around.days(event, rule)) for event in events for rule in event.rules)
        > MAX_RULE_DAYS
    ):
        raise CalendarError(
            "its events repeat over too long a time; leave out those that began long ago"
        )
    found = set()
    for start, end, name in _event_times(events, around):
        dates = _dates(start.astimezone(zone), end.astimezone(zone), name)
        if dates.first <= last and dates.last >= first:
            found.add(dates._replace(first=max(dates.first, first), last=min(dates.last, last)))
        if len(found) > MAX_DATES:
            raise CalendarError(
                "it has more than %(most)s dates; choose a smaller calendar", most=MAX_DATES
            )
    return tuple(sorted(found))


def _dates(start: datetime, end: datetime, name: str) -> DateRange:
    """Return the dates that a span of local time touches."""
    last = end - timedelta(microseconds=1) if end > start else start
    # Some programs write a whole day as one that ends at 23:59.
    whole = start.time() == time() and last.time() >= time(23, 58, 59)
    return DateRange(start.date(), last.date(), name, whole)


class _Rule(NamedTuple):
    """A rule of an event (RRULE).

    repeat: on which dates.  times: how many in all, 0 without a limit.  until: the last start; None
    without an end.
    """

    repeat: Repeat
    times: int
    until: _When | None


@dataclass(frozen=True, slots=True)
class _Event:
    """An event (VEVENT).

    line: of its BEGIN in the file.
    start, end: in the event's own zone; a whole day is from midnight to midnight.
    more: further times, start and end (RDATE).  without: starts that are dropped (EXDATE).
    uid: "" for none; shared by an event and those that replace one time of it.
    instead_of: the start of the time that this event replaces (RECURRENCE-ID); None for none.
    """

    line: int
    name: str
    start: datetime
    end: datetime
    rules: tuple[_Rule, ...]
    more: tuple[tuple[datetime, datetime], ...]
    without: tuple[_When, ...]
    uid: str
    instead_of: _When | None
    is_cancelled: bool

    def day(self, when: _When) -> date:
        """Return the date of a moment in the zone of the event."""
        return when.astimezone(self.start.tzinfo).date() if isinstance(when, datetime) else when


class _Window(NamedTuple):
    first: date
    last: date

    def days(self, event: _Event, rule: _Rule) -> range:
        """Return the dates to test against a rule, as ordinals; from its start where it counts."""
        low = event.start.toordinal() + 1
        if not rule.times:
            low = max(low, self.first.toordinal() - (event.end - event.start).days - 1)
        return range(low, self.last.toordinal() + 1)


def _event_times(
    events: Sequence[_Event], window: _Window
) -> Iterator[tuple[datetime, datetime, str]]:
    """Yield start, end and name of each time of each event."""
    replaced_by_uid: dict[str, list[_When]] = {}
    for event in events:
        if event.uid and event.instead_of is not None:
            replaced_by_uid.setdefault(event.uid, []).append(event.instead_of)
    for event in events:
        if event.is_cancelled:
            continue
        replaced = replaced_by_uid.get(event.uid, []) if event.instead_of is None else []
        dropped = {event.day(when) for when in (*event.without, *replaced)}
        for start, end in chain(_repeat_times(event, window), event.more):
            if start.date() not in dropped:
                yield start, end, event.name


def _repeat_times(event: _Event, window: _Window) -> Iterator[tuple[datetime, datetime]]:
    yield event.start, event.end
    for rule in event.rules:
        left = rule.times - 1  # the start of the event is the first
        for day in map(date.fromordinal, window.days(event, rule)):
            start = datetime.combine(day, event.start.timetz())
            if left == 0 or _is_over(rule, start):
                break
            if rule.repeat.includes(day):
                left -= 1
                yield start, start + (event.end - event.start)


def _is_over(rule: _Rule, start: datetime) -> bool:
    if isinstance(rule.until, datetime):
        return start > rule.until
    return rule.until is not None and start.date() > rule.until


def unknown_zones(text: str) -> tuple[str, ...]:
    """Return the names of zones in a calendar that are not known, sorted.

    Times in such a zone count as times of the household's zone.
    """
    unfolded = re.sub(r"\r?\n[ \t]", "", text)
    defined = set(re.findall(r"^TZID:(.+?)\s*$", unfolded, re.MULTILINE | re.IGNORECASE))
    named = set(_ZONE.findall(unfolded)) - defined
    return tuple(sorted(_printable(each) for each in named if not _is_zone(each)))


_ZONE = re.compile(r'^[A-Z-]+;(?:[^:\n]*;)?TZID="?([^":;\n]+)', re.MULTILINE | re.IGNORECASE)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(WINDOWS_TO_OLSON.get(name, name.removeprefix("/")))
    except (KeyError, ValueError, OSError):  # unknown; an absolute path; a folder of zones
        return False
    return True


def _read_events(text: str, zone: ZoneInfo) -> list[_Event]:
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    lines = _begin_lines(text)
    try:
        files = Ics.from_ical(text, multiple=True)
    except ValueError as error:
        raise CalendarError("it cannot be read: %(what)s", what=_printable(str(error))) from None
    except (AttributeError, TypeError, LookupError, OSError):
        # The library stumbles over a parameter that is a list, and over a zone that no file can be
        # called as.
        what = sentence("one of its properties has the wrong kind of value")
        raise CalendarError("it cannot be read: %(what)s", what=what) from None
    found = [each for file in files for each in file.walk("VEVENT") if isinstance(each, Event)]
    if len(found) != len(lines):
        raise CalendarError("it cannot be read: a BEGIN:VEVENT is split over two lines")
    return [_read_event(each, line, zone) for each, line in zip(found, lines, strict=True)]


def _begin_lines(text: str) -> list[int]:
    """Return the lines in which events begin; raise CalendarError for an incomplete calendar."""
    if len(text) > MAX_LENGTH:
        raise CalendarError(
            "it has more than %(most)s characters; choose a smaller calendar", most=MAX_LENGTH
        )
    begins: list[int] = []
    within: list[tuple[str, int]] = []
    for number, line in enumerate(text.split("\n"), 1):
        word, _, name = line.rstrip().upper().partition(":")
        if word == "BEGIN":
            within.append((name, number))
            if len(within) > MAX_DEPTH:
                raise CalendarError(
                    "line %(number)s: %(called)s is nested too deeply",
                    number=number,
                    called=_printable(name),
                )
            begins += [number] if name == "VEVENT" else []
        elif word == "END":
            if not within or within.pop()[0] != name:
                raise CalendarError(
                    "line %(number)s: %(line)s has no matching BEGIN",
                    number=number,
                    line=_printable(line),
                )
        elif word and not within:
            raise CalendarError(
                "line %(number)s: this is not a calendar, which starts with BEGIN:VCALENDAR",
                number=number,
            )
    if within:
        name, number = within[-1]
        raise CalendarError(
            "line %(number)s: this %(called)s has no end; the file may be incomplete",
            number=number,
            called=_printable(name),
        )
    if len(begins) > MAX_EVENTS:
        raise CalendarError(
            "it has more than %(most)s events; choose a smaller calendar", most=MAX_EVENTS
        )
    return begins


def _printable(text: str) -> str:
    return "".join(each for each in " ".join(text.split())[:100] if each.isprintable())


def _read_event(event: Event, line: int, zone: ZoneInfo) -> _Event:
    name = _printable(str(_first_property(event, "SUMMARY")))
    try:
        return _event_of(event, line, name, zone)
    except (ValueError, OverflowError) as error:
        what = sentence_of(error)
    except (AttributeError, TypeError):
        # The library accepts a value of the wrong kind, and raises these once it is used.
        what = sentence("one of its properties has the wrong kind of value")
    raise CalendarError('line %(line)s, "%(called)s": %(what)s', line=line, called=name, what=what)


def _event_of(event: Event, line: int, name: str, zone: ZoneInfo) -> _Event:
    for key, what in event.errors:
        if key in _CHECKED_PROPERTIES:
            raise TextError(
                "%(part)s cannot be read: %(what)s",
                part=key or sentence("one line"),
                what=_printable(str(what)),
            )
    start, end = _aware_moment(event.start, zone), _aware_moment(event.end, zone)
    if end < start:
        raise TextError("it ends before it starts")
    more = ((_aware_moment(low, zone), high) for low, high in event.rdates)
    instead_of = _first_property(event, "RECURRENCE-ID")
    return _Event(
        line,
        name,
        start,
        end,
        rules=tuple(_read_rule(each, event.start, zone) for each in event.rrules),
        more=tuple(
            (low, _aware_moment(high, zone) if high else low + (end - start)) for low, high in more
        ),
        without=tuple(_with_zone(each, zone) for each in event.exdates),
        uid=str(_first_property(event, "UID")),
        instead_of=_with_zone(instead_of.dt, zone) if instead_of else None,
        is_cancelled=str(_first_property(event, "STATUS")).upper() == "CANCELLED",
    )


# Properties that must be readable in an event; None stands for a line that is no property.
_CHECKED_PROPERTIES = (
    None,
    "DTSTART",
    "DTEND",
    "DURATION",
    "RRULE",
    "RDATE",
    "EXDATE",
    "RECURRENCE-ID",
)


def _first_property(event: Event, key: str) -> Any:
    """Return a property: the first of several, "" for none."""
    found = event.get(key, "")
    return found[0] if isinstance(found, list) else found


def _with_zone(value: date, zone: ZoneInfo) -> _When:
    """Return a value with the household's zone where it is a time without one."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=zone)
    return value


def _aware_moment(value: date, zone: ZoneInfo) -> datetime:
    """Return a moment; of a date its midnight.  Raise TextError for a year out of range."""
    if not 1000 < value.year < 9000:  # leaves room for sums within the years of `date`
        raise TextError("%(date)s is out of range for a calendar", date=str(value))
    when = _with_zone(value, zone)
    return when if isinstance(when, datetime) else datetime.combine(when, time(), zone)


_RULE_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYMONTHDAY", "BYDAY", "WKST"}
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BYDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)


def _read_rule(parts: Mapping[str, list[Any]], start: date, zone: ZoneInfo) -> _Rule:
    """Return an RRULE; raise ValueError for one that is wrong or of an unsupported kind."""
    unread = parts.keys() - _RULE_PARTS
    every = str(parts.get("FREQ", [""])[0]).upper()
    if unread or every not in list(Frequency):
        what = ", ".join(sorted(unread)) or every or "no FREQ"
        raise TextError(
            "how it repeats cannot be read (%(what)s); list its dates one by one", what=what
        )
    repeat = Repeat(
        start.date() if isinstance(start, datetime) else start,
        Frequency(every),
        _read_number(parts.get("INTERVAL", [1])[0], 1, 10_000),
        frozenset(_read_number(each, 1, 12) for each in parts.get("BYMONTH", [])),
        frozenset(_read_month_day(each) for each in parts.get("BYMONTHDAY", [])),
        frozenset(_read_weekday(str(each)) for each in parts.get("BYDAY", [])),
        _read_weekday(str(parts.get("WKST", ["MO"])[0]))[1],
    )
    _require_sensible(repeat)
    times = _read_number(parts.get("COUNT", [0])[0], 1 if "COUNT" in parts else 0, 1_000_000)
    return _Rule(repeat, times, _read_until(parts, start, zone))


def _require_sensible(repeat: Repeat) -> None:
    """Raise TextError for a rule that the RFC forbids or that programs read differently."""
    in_short = repeat.frequency in (Frequency.DAY, Frequency.WEEK)
    if in_short and any(which for which, _ in repeat.weekdays):
        raise TextError(
            "%(every)s does not allow days such as the first Monday", every=repeat.frequency
        )
    if repeat.frequency is Frequency.WEEK and repeat.month_days:
        raise TextError("WEEKLY does not allow days of the month")


def _read_until(parts: Mapping[str, list[Any]], start: date, zone: ZoneInfo) -> _When | None:
    """Return the last moment at which an event may start; a date for an event of whole days."""
    until = parts.get("UNTIL", [None])[0]
    if isinstance(until, datetime) and not isinstance(start, datetime):
        return until.date()
    return _with_zone(until, zone) if until else None


def _read_number(value: Any, low: int, high: int) -> int:
    number = int(value)
    if not low <= number <= high:
        raise TextError(
            "%(number)s in its rule is not between %(low)s and %(high)s",
            number=number,
            low=low,
            high=high,
        )
    return number


def _read_month_day(value: Any) -> int:
    number = int(value)
    return -_read_number(-number, 1, 31) if number < 0 else _read_number(number, 1, 31)


def _read_weekday(text: str) -> tuple[int, int]:
    """Return which one of its period (0: every), and the day of the week (0: Monday)."""
    found = _BYDAY.fullmatch(text.upper())
    if not found:
        raise TextError("%(written)s in its rule is not a day of the week", written=text)
    return int(found[1] or 0), _WEEKDAYS.index(found[2])
