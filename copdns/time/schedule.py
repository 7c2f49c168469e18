"""When a schedule closes, as stretches of time, and how a parent writes its slots.

A slot says "school nights from 21:00 to 07:00"; stretches are what comes of it in a week with
holidays and changes of the clock.  Whose schedule it is, what it is about, and what goes before it
is `time/plan.py`'s to say.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from copdns.model.errors import TextError
from copdns.model.sentences import Sentence, sentence
from copdns.model.times import DAY_MINUTES, DAY_WORDS, EVERY_DAY, WEEKDAYS, Calendar, Schedule, Slot
from copdns.time.days import day_matches, ends_at, local_time, starts_at

Stretch = tuple[float, float]  # from, to: moments, the second is no longer in it


def closed_spans(
    schedule: Schedule, calendar: Calendar, zone: ZoneInfo, start: float, end: float
) -> tuple[Stretch, ...]:
    """Return when a schedule closes within [start, end): in order, apart, and cut to it."""
    slots = sorted(_slots(schedule, calendar, zone, start, end))
    merged = _merged((max(low, start), min(high, end)) for low, high in slots)
    return tuple(_between(merged, start, end) if schedule.opens else merged)


def _slots(
    schedule: Schedule, calendar: Calendar, zone: ZoneInfo, start: float, end: float
) -> Iterator[Stretch]:
    for day in _days(local_time(start, zone).date(), local_time(end, zone).date()):
        for slot in schedule.slots:
            if day_matches(slot.days, calendar, day):
                to = slot.start + slot.length
                yield starts_at(day, slot.start, zone), ends_at(day, to, zone)


def _days(first: date, last: date) -> Iterator[date]:
    """Yield the dates whose slots may matter.

    Yesterday's reach into today.  One more on each side: where the clock goes back over midnight,
    a date comes again after the next one has begun.
    """
    for ordinal in range(first.toordinal() - 2, last.toordinal() + 2):
        yield date.fromordinal(ordinal)


def _merged(ordered: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches that neither touch nor overlap; what is empty is left out."""
    merged: list[Stretch] = []
    for start, end in ordered:
        if merged and start <= merged[-1][1]:
            low, high = merged.pop()
            merged.append((low, max(high, end)))
        elif start < end:
            merged.append((start, end))
    return merged


def _between(apart: Iterable[Stretch], start: float, end: float) -> Iterator[Stretch]:
    """Yield what lies between stretches, from start to end."""
    for low, high in apart:
        if start < low:
            yield start, low
        start = high
    if start < end:
        yield start, end


def parse_slots(written: str | Iterable[str]) -> tuple[Slot, ...]:
    """Return the slots of one text or several, such as "school_night 21:00-07:00, sat 23:00-08:00".

    No days are every day; an end that is not after its start is on the next day.  Raise
    ValueError, in words for the writer, for a text that says no or says it in two ways.
    """
    texts = [written] if isinstance(written, str) else written
    return tuple(slot for text in texts for slot in _read(text))


def slot_text(slot: Slot) -> str:
    """Return a slot as it is written: days in the order of DAY_WORDS, "fri-sun" for three in a row.

    `slots` reads it as the same slot, also behind others in one text.
    """
    end = slot.start + slot.length
    end -= DAY_MINUTES * (end > DAY_MINUTES)
    return f"{_days_text(slot.days)} {_clock(slot.start)}-{_clock(end)}"


_DASH = re.compile(r"\s*[-–—]\s*")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)", re.ASCII)


def _read(text: str) -> Iterator[Slot]:
    days: frozenset[str] = frozenset()
    before: Slot | None = None
    for word in _DASH.sub("-", text.lower()).replace(",", " ").split():
        if not word[0].isdigit():
            days |= _days_of(word)
            continue
        if before and not days and before.days != {EVERY_DAY}:
            raise TextError(_whose(word, before))
        before = Slot(days or frozenset({EVERY_DAY}), *_times(word))
        days = frozenset()
        yield before
    if days:
        named = _days_text(days)
        raise TextError('"%(named)s" has no times; write %(named)s 21:00-07:00', named=named)
    if before is None:
        raise TextError('"%(written)s" has no times; write it as mon-fri 21:00-07:00', written=text)


def _whose(word: str, before: Slot) -> Sentence:
    days = _days_text(before.days)
    return sentence(
        '"%(word)s" after %(before)s has no days; write %(days)s %(word)s, or %(daily)s %(word)s',
        word=word,
        before=slot_text(before),
        days=days,
        daily=EVERY_DAY,
    )


def _times(word: str) -> tuple[int, int]:
    """Return start and length of a text such as "21:00-07:00"."""
    start_text, dash, end_text = word.partition("-")
    start, end = _minute(start_text), _minute(end_text if dash else start_text)
    if not dash:
        raise TextError(
            '"%(word)s" has no end; write one such as %(word)s-%(start)s',
            word=word,
            start=_clock((start + 60) % 1440),
        )
    if start == DAY_MINUTES:
        raise TextError('"24:00" is the end of a day; to start at midnight, write 00:00')
    return start, end - start if end > start else end - start + DAY_MINUTES


def _minute(text: str) -> int:
    """Return the minute of a time of day, 0 to 1440."""
    found = _CLOCK.fullmatch(text)
    if found:
        hour, minute = int(found[1]), int(found[2])
        if minute < 60 and 60 * hour + minute <= DAY_MINUTES:
            return 60 * hour + minute
    raise TextError('"%(written)s" is not a valid time; write one such as 21:00', written=text)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _days_of(word: str) -> frozenset[str]:
    """Return the day words of one of them, or of a range such as "mon-fri"."""
    if word in DAY_WORDS:
        return frozenset({word})
    first, dash, last = word.partition("-")
    if dash and first in WEEKDAYS and last in WEEKDAYS:
        return frozenset(_range(WEEKDAYS.index(first), WEEKDAYS.index(last)))
    if dash:
        raise TextError(
            '"%(word)s" is not a valid range of days; write one such as mon-fri', word=word
        )
    raise TextError('"%(word)s" is not a kind of day; %(near)s', word=word, near=_near(word))


def _range(first: int, last: int) -> tuple[str, ...]:
    """Return days of the week; a range may pass Sunday."""
    return (*WEEKDAYS, *WEEKDAYS)[first : last + 1 + 7 * (last < first)]


def _near(word: str) -> Sentence:
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
    written = [word for run in runs for word in ([f"{run[0]}-{run[-1]}"] if len(run) > 2 else run)]
    return " ".join((*written, *(word for word in DAY_WORDS[7:] if word in days)))
