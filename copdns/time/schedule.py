"""Compute when a schedule closes, and read and write its slots as text.

A slot says "school nights from 21:00 to 07:00"; spans are its moments in a certain week, with
holidays and changes of the clock.  `time/plan.py` says whose schedule it is, what it is about and
what lifts it.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from copdns.model.errors import TextError
from copdns.model.sentences import Sentence, sentence
from copdns.model.times import (
    DAY_MINUTES,
    DAY_WORDS,
    EVERY_DAY,
    WEEKDAYS,
    Schedule,
    SchoolCalendar,
    Slot,
    Weeks,
)
from copdns.time.days import day_matches, ends_at, local_time, starts_at
from copdns.time.weeks import weeks_include

Span = tuple[float, float]  # start and end, seconds since the epoch; the end is exclusive


def closed_spans(
    schedule: Schedule, calendar: SchoolCalendar, zone: ZoneInfo, start: float, end: float
) -> tuple[Span, ...]:
    """Return when a schedule closes within [start, end): in order, disjoint, and cut to it."""
    slots = sorted(_slot_spans(schedule, calendar, zone, start, end))
    merged = merge_spans((max(low, start), min(high, end)) for low, high in slots)
    if not schedule.opens:
        return tuple(merged)
    if schedule.weeks is None:
        return tuple(_gaps(merged, start, end))
    return tuple(_gaps_in_weeks(merged, schedule.weeks, zone, start, end))


def _gaps_in_weeks(
    apart: list[Span], weeks: Weeks, zone: ZoneInfo, start: float, end: float
) -> Iterator[Span]:
    """Yield the gaps between spans on the days of these weeks; other days have none."""
    days = _slot_dates(local_time(start, zone).date(), local_time(end, zone).date())
    held = merge_spans(
        (max(starts_at(day, 0, zone), start), min(starts_at(day, DAY_MINUTES, zone), end))
        for day in days
        if weeks_include(weeks, day)
    )
    for low, high in held:
        within = ((max(one, low), min(other, high)) for one, other in apart)
        yield from _gaps((each for each in within if each[0] < each[1]), low, high)


def _slot_spans(
    schedule: Schedule, calendar: SchoolCalendar, zone: ZoneInfo, start: float, end: float
) -> Iterator[Span]:
    for day in _slot_dates(local_time(start, zone).date(), local_time(end, zone).date()):
        if not weeks_include(schedule.weeks, day):
            continue
        for slot in schedule.slots:
            if day_matches(slot.days, calendar, day):
                to = slot.start + slot.length
                yield starts_at(day, slot.start, zone), ends_at(day, to, zone)


def _slot_dates(first: date, last: date) -> Iterator[date]:
    """Yield the dates whose slots may reach into the dates from first to last.

    Slots of the day before reach into the next.  One more date on each side: where the clock goes
    back over midnight, a date comes again after the next one has begun.
    """
    for ordinal in range(first.toordinal() - 2, last.toordinal() + 2):
        yield date.fromordinal(ordinal)


def merge_spans(ordered: Iterable[Span]) -> list[Span]:
    """Return spans that neither touch nor overlap, without empty ones.  ordered: by start."""
    merged: list[Span] = []
    for start, end in ordered:
        if merged and start <= merged[-1][1]:
            low, high = merged.pop()
            merged.append((low, max(high, end)))
        elif start < end:
            merged.append((start, end))
    return merged


def _gaps(apart: Iterable[Span], start: float, end: float) -> Iterator[Span]:
    """Yield the gaps between disjoint spans, from start to end."""
    for low, high in apart:
        if start < low:
            yield start, low
        start = high
    if start < end:
        yield start, end


def parse_slots(written: str | Iterable[str]) -> tuple[Slot, ...]:
    """Return the slots of one text or several, such as "school_night 21:00-07:00, sat 23:00-08:00".

    Without days a slot is for every day; an end that is not after its start is on the next day.
    Raise TextError for a text without a time, or one that can be read in two ways.
    """
    texts = [written] if isinstance(written, str) else written
    return tuple(slot for text in texts for slot in _parse_text(text))


def slot_text(slot: Slot) -> str:
    """Return a slot as text: days in the order of DAY_WORDS, "fri-sun" for three or more in a row.

    `parse_slots` reads it as the same slot, also behind others in one text.
    """
    end = slot.start + slot.length
    end -= DAY_MINUTES * (end > DAY_MINUTES)
    return f"{_days_text(slot.days)} {_minute_text(slot.start)}-{_minute_text(end)}"


_DASH = re.compile(r"\s*[-–—]\s*")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)", re.ASCII)


def _parse_text(text: str) -> Iterator[Slot]:
    days: frozenset[str] = frozenset()
    before: Slot | None = None
    for word in _DASH.sub("-", text.lower()).replace(",", " ").split():
        if not word[0].isdigit():
            days |= _parse_days(word)
            continue
        if before and not days and before.days != {EVERY_DAY}:
            raise TextError(_needs_days(word, before))
        before = Slot(days or frozenset({EVERY_DAY}), *_parse_times(word))
        days = frozenset()
        yield before
    if days:
        named = _days_text(days)
        raise TextError('"%(named)s" has no times; write %(named)s 21:00-07:00', named=named)
    if before is None:
        raise TextError('"%(written)s" has no times; write it as mon-fri 21:00-07:00', written=text)


def _needs_days(word: str, before: Slot) -> Sentence:
    days = _days_text(before.days)
    return sentence(
        '"%(word)s" after %(before)s has no days; write %(days)s %(word)s, or %(daily)s %(word)s',
        word=word,
        before=slot_text(before),
        days=days,
        daily=EVERY_DAY,
    )


def _parse_times(word: str) -> tuple[int, int]:
    """Return start and length of a text such as "21:00-07:00"."""
    start_text, dash, end_text = word.partition("-")
    start, end = _parse_minute(start_text), _parse_minute(end_text if dash else start_text)
    if not dash:
        raise TextError(
            '"%(word)s" has no end; write one such as %(word)s-%(start)s',
            word=word,
            start=_minute_text((start + 60) % 1440),
        )
    if start == DAY_MINUTES:
        raise TextError('"24:00" is the end of a day; to start at midnight, write 00:00')
    return start, end - start if end > start else end - start + DAY_MINUTES


def _parse_minute(text: str) -> int:
    """Return the minute of a time of day, 0 to 1440."""
    found = _CLOCK.fullmatch(text)
    if found:
        hour, minute = int(found[1]), int(found[2])
        if minute < 60 and 60 * hour + minute <= DAY_MINUTES:
            return 60 * hour + minute
    raise TextError('"%(written)s" is not a valid time; write one such as 21:00', written=text)


def _minute_text(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _parse_days(word: str) -> frozenset[str]:
    """Return the day words of one word, or of a range such as "mon-fri"."""
    if word in DAY_WORDS:
        return frozenset({word})
    first, dash, last = word.partition("-")
    if dash and first in WEEKDAYS and last in WEEKDAYS:
        return frozenset(_day_range(WEEKDAYS.index(first), WEEKDAYS.index(last)))
    if dash:
        raise TextError(
            '"%(word)s" is not a valid range of days; write one such as mon-fri', word=word
        )
    raise TextError(
        '"%(word)s" is not a kind of day; %(near)s', word=word, near=_nearest_word(word)
    )


def _day_range(first: int, last: int) -> tuple[str, ...]:
    """Return days of the week; a range may pass Sunday."""
    return (*WEEKDAYS, *WEEKDAYS)[first : last + 1 + 7 * (last < first)]


def _nearest_word(word: str) -> Sentence:
    near = [day for day in WEEKDAYS if word.startswith(day)] or get_close_matches(word, DAY_WORDS)
    if near:
        return sentence("did you mean %(near)s?", near=near[0])
    return sentence("use one of: %(there)s", there=", ".join(DAY_WORDS))


def _days_text(days: frozenset[str]) -> str:
    runs: list[list[str]] = []
    for day in WEEKDAYS:
        if day in days:
            follows = runs and WEEKDAYS.index(runs[-1][-1]) + 1 == WEEKDAYS.index(day)
            runs[-1].append(day) if follows else runs.append([day])
    words = [word for run in runs for word in ([f"{run[0]}-{run[-1]}"] if len(run) > 2 else run)]
    return " ".join((*words, *(word for word in DAY_WORDS[7:] if word in days)))
