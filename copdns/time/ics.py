"""The dates in a calendar file (ICS, RFC 5545), such as a school's holidays.

Text to dates, within bounds: what repeats is laid out for the time that was asked for, and no
further.  `time/repeats.py` knows on which dates.  The only module that knows the icalendar library,
which takes ten megabytes: commands import it, what runs for months had better not.  Pure.
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
from copdns.time.repeats import Every, Repeat
from copdns.time.whole_days import Dates

LENGTH = 1 << 20  # characters of a file
EVENTS = 5_000
DEPTH = 8  # parts of it within each other; an alarm in an event is the third
DATES = 10_000  # that a file gives, each a stretch of days
REACH = 2_000_000  # days on which all its rules are asked together
_ONE_DAY = timedelta(days=1)
_When = date | datetime  # a datetime is aware


def dates_of(text: str, zone: ZoneInfo, first: date, last: date) -> tuple[Dates, ...]:
    """Return what a calendar file has from a first to a last date, in order, and cut to it.

    zone: the household's; times elsewhere become dates here.  Raise CalendarError for a file that
    is broken, too large, or repeats in a way that cannot be read.
    """
    events = _events(text, zone)
    around = _Window(first - _ONE_DAY, last + _ONE_DAY)  # it may be another date in other zones
    if sum(len(around.days(event, rule)) for event in events for rule in event.rules) > REACH:
        raise CalendarError(
            "its events repeat over too long a time; leave out those that began long ago"
        )
    found = set()
    for start, end, name in _times(events, around):
        dates = _dates(start.astimezone(zone), end.astimezone(zone), name)
        if dates.first <= last and dates.last >= first:
            found.add(dates._replace(first=max(dates.first, first), last=min(dates.last, last)))
        if len(found) > DATES:
            raise CalendarError(
                "it has more than %(most)s dates; choose a smaller calendar", most=DATES
            )
    return tuple(sorted(found))


def _dates(start: datetime, end: datetime, name: str) -> Dates:
    """Return the dates that a stretch of local time touches."""
    last = end - timedelta(microseconds=1) if end > start else start
    # Programs that know no whole days end them at 23:59.
    whole = start.time() == time() and last.time() >= time(23, 58, 59)
    return Dates(start.date(), last.date(), name, whole)


class _Rule(NamedTuple):
    """repeat: which dates.  times: how many in all, 0 for no end.  until: nothing starts later."""

    repeat: Repeat
    times: int
    until: _When | None


@dataclass(frozen=True, slots=True)
class _Event:
    """start, end: in the event's own zone; a whole day is from midnight to midnight here.

    more: further times, from where to where.  without: when it does not begin after all.
    uid: "" for none; the same for an event and for those that stand `instead_of` one time of it.
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
    cancelled: bool

    def day(self, when: _When) -> date:
        """Return a date as its own zone has it."""
        return when.astimezone(self.start.tzinfo).date() if isinstance(when, datetime) else when


class _Window(NamedTuple):
    first: date
    last: date

    def days(self, event: _Event, rule: _Rule) -> range:
        """Return on which dates a rule is asked, as ordinals; one that counts is asked on all."""
        low = event.start.toordinal() + 1
        if not rule.times:
            low = max(low, self.first.toordinal() - (event.end - event.start).days - 1)
        return range(low, self.last.toordinal() + 1)


def _times(events: Sequence[_Event], window: _Window) -> Iterator[tuple[datetime, datetime, str]]:
    """Yield when each event is, from where to where, and its name."""
    moved: dict[str, list[_When]] = {}
    for event in events:
        if event.uid and event.instead_of is not None:
            moved.setdefault(event.uid, []).append(event.instead_of)
    for event in events:
        if event.cancelled:
            continue
        elsewhere = moved.get(event.uid, []) if event.instead_of is None else []
        gone = {event.day(when) for when in (*event.without, *elsewhere)}
        for start, end in chain(_repeated(event, window), event.more):
            if start.date() not in gone:
                yield start, end, event.name


def _repeated(event: _Event, window: _Window) -> Iterator[tuple[datetime, datetime]]:
    yield event.start, event.end
    for rule in event.rules:
        left = rule.times - 1  # its start is the first
        for day in map(date.fromordinal, window.days(event, rule)):
            start = datetime.combine(day, event.start.timetz())
            if left == 0 or _is_over(rule, start):
                break
            if rule.repeat.has(day):
                left -= 1
                yield start, start + (event.end - event.start)


def _is_over(rule: _Rule, start: datetime) -> bool:
    if isinstance(rule.until, datetime):
        return start > rule.until
    return rule.until is not None and start.date() > rule.until


def unknown_zones(text: str) -> tuple[str, ...]:
    """Return the zones that times of a calendar name and nobody knows, by name.

    Such a time counts as one of the household's zone.
    """
    unfolded = re.sub(r"\r?\n[ \t]", "", text)
    defined = set(re.findall(r"^TZID:(.+?)\s*$", unfolded, re.MULTILINE | re.IGNORECASE))
    named = set(_ZONE.findall(unfolded)) - defined
    return tuple(sorted(_printable(each) for each in named if not _is_zone(each)))


_ZONE = re.compile(r'^[A-Z-]+;(?:[^:\n]*;)?TZID="?([^":;\n]+)', re.MULTILINE | re.IGNORECASE)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(WINDOWS_TO_OLSON.get(name, name.removeprefix("/")))
    except (KeyError, ValueError, OSError):  # unknown; no relative path; a folder of zones
        return False
    return True


def _events(text: str, zone: ZoneInfo) -> list[_Event]:
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    lines = _begins(text)
    try:
        files = Ics.from_ical(text, multiple=True)
    except ValueError as error:
        raise CalendarError("it cannot be read: %(what)s", what=_printable(str(error))) from None
    found = [each for file in files for each in file.walk("VEVENT") if isinstance(each, Event)]
    if len(found) != len(lines):
        raise CalendarError("it cannot be read: a BEGIN:VEVENT is split over two lines")
    return [_event(each, line, zone) for each, line in zip(found, lines, strict=True)]


def _begins(text: str) -> list[int]:
    """Return in which lines events begin; raise CalendarError for what is no whole calendar."""
    if len(text) > LENGTH:
        raise CalendarError(
            "it has more than %(most)s characters; choose a smaller calendar", most=LENGTH
        )
    begins: list[int] = []
    within: list[tuple[str, int]] = []
    for number, line in enumerate(text.split("\n"), 1):
        word, _, name = line.rstrip().upper().partition(":")
        if word == "BEGIN":
            within.append((name, number))
            if len(within) > DEPTH:
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
    if len(begins) > EVENTS:
        raise CalendarError(
            "it has more than %(most)s events; choose a smaller calendar", most=EVENTS
        )
    return begins


def _printable(text: str) -> str:
    return "".join(each for each in " ".join(text.split())[:100] if each.isprintable())


def _event(event: Event, line: int, zone: ZoneInfo) -> _Event:
    name = _printable(str(_first(event, "SUMMARY")))
    try:
        return _read(event, line, name, zone)
    except (ValueError, OverflowError) as error:
        what = sentence_of(error)
    except (AttributeError, TypeError):
        # The library takes a date where a duration belongs, say, and falls over it when asked.
        what = sentence("one of its properties has the wrong kind of value")
    raise CalendarError('line %(line)s, "%(called)s": %(what)s', line=line, called=name, what=what)


def _read(event: Event, line: int, name: str, zone: ZoneInfo) -> _Event:
    for key, what in event.errors:
        if key in _READ:
            raise TextError(
                "%(part)s cannot be read: %(what)s",
                part=key or sentence("one line"),
                what=_printable(str(what)),
            )
    start, end = _moment(event.start, zone), _moment(event.end, zone)
    if end < start:
        raise TextError("it ends before it starts")
    more = ((_moment(low, zone), high) for low, high in event.rdates)
    instead_of = _first(event, "RECURRENCE-ID")
    return _Event(
        line,
        name,
        start,
        end,
        rules=tuple(_rule(each, event.start, zone) for each in event.rrules),
        more=tuple(
            (low, _moment(high, zone) if high else low + (end - start)) for low, high in more
        ),
        without=tuple(_when(each, zone) for each in event.exdates),
        uid=str(_first(event, "UID")),
        instead_of=_when(instead_of.dt, zone) if instead_of else None,
        cancelled=str(_first(event, "STATUS")).upper() == "CANCELLED",
    )


# What must be whole in an event, None is a line that is no property; the rest is for others.
_READ = (None, "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")


def _first(event: Event, key: str) -> Any:
    """Return a property, the first where there are several, "" where there is none."""
    found = event.get(key, "")
    return found[0] if isinstance(found, list) else found


def _when(value: date, zone: ZoneInfo) -> _When:
    """Return a date, or a moment; one that names no zone is the household's."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=zone)
    return value


def _moment(value: date, zone: ZoneInfo) -> datetime:
    """Return a moment, of a date its first; raise ValueError for one of another age."""
    if not 1000 < value.year < 9000:  # beside which there is room to reckon
        raise TextError("%(date)s is out of range for a calendar", date=str(value))
    when = _when(value, zone)
    return when if isinstance(when, datetime) else datetime.combine(when, time(), zone)


_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYMONTHDAY", "BYDAY", "WKST"}
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BYDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)


def _rule(parts: Mapping[str, list[Any]], start: date, zone: ZoneInfo) -> _Rule:
    """Return an RRULE; raise ValueError for one that is wrong, or of a kind that is not read."""
    unread = parts.keys() - _PARTS
    every = str(parts.get("FREQ", [""])[0]).upper()
    if unread or every not in list(Every):
        what = ", ".join(sorted(unread)) or every or "no FREQ"
        raise TextError(
            "how it repeats cannot be read (%(what)s); list its dates one by one", what=what
        )
    repeat = Repeat(
        start.date() if isinstance(start, datetime) else start,
        Every(every),
        _number(parts.get("INTERVAL", [1])[0], 1, 10_000),
        frozenset(_number(each, 1, 12) for each in parts.get("BYMONTH", [])),
        frozenset(_month_day(each) for each in parts.get("BYMONTHDAY", [])),
        frozenset(_weekday(str(each)) for each in parts.get("BYDAY", [])),
        _weekday(str(parts.get("WKST", ["MO"])[0]))[1],
    )
    _makes_sense(repeat)
    times = _number(parts.get("COUNT", [0])[0], 1 if "COUNT" in parts else 0, 1_000_000)
    return _Rule(repeat, times, _until(parts, start, zone))


def _makes_sense(repeat: Repeat) -> None:
    """Refuse what the RFC forbids, and what no two programs take for the same."""
    in_short = repeat.every in (Every.DAY, Every.WEEK)
    if in_short and any(which for which, _ in repeat.weekdays):
        raise TextError(
            "%(every)s does not allow days such as the first Monday", every=repeat.every
        )
    if repeat.every is Every.WEEK and repeat.month_days:
        raise TextError("WEEKLY does not allow days of the month")


def _until(parts: Mapping[str, list[Any]], start: date, zone: ZoneInfo) -> _When | None:
    """Return the last moment at which something may start, a date for what takes whole days."""
    until = parts.get("UNTIL", [None])[0]
    if isinstance(until, datetime) and not isinstance(start, datetime):
        return until.date()
    return _when(until, zone) if until else None


def _number(value: Any, low: int, high: int) -> int:
    number = int(value)
    if not low <= number <= high:
        raise TextError(
            "%(number)s in its rule is not between %(low)s and %(high)s",
            number=number,
            low=low,
            high=high,
        )
    return number


def _month_day(value: Any) -> int:
    number = int(value)
    return -_number(-number, 1, 31) if number < 0 else _number(number, 1, 31)


def _weekday(text: str) -> tuple[int, int]:
    """Return which one, 0 for every, and the day of the week."""
    found = _BYDAY.fullmatch(text.upper())
    if not found:
        raise TextError("%(written)s in its rule is not a day of the week", written=text)
    return int(found[1] or 0), _WEEKDAYS.index(found[2])
