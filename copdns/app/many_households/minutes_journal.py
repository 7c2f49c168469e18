"""Minutes of use that PostgreSQL has not yet: a file of this machine, so that a restart keeps them.

It is written when PostgreSQL is away, once a minute and at the end, whole each time, and deleted
when PostgreSQL has what is in it.  It tells what the table `usage` does: who used up which limit in
which minutes, and no names.  Its owner alone can read it.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date
from itertools import chain, islice
from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog

from copdns.time.days import DAY_SECONDS
from copdns.time.minutes import NARROW, WIDE, DayBitmaps, Minutes, Usage, UseCriteria

log = structlog.get_logger("copdns")

FILE: Final = "minutes.journal"
MAX_ID: Final = 500  # octets
LINES: Final = 100  # that are written at once, so that no query waits for long
MINUTES_OF_DAY: Final = 1500  # one of 25 hours has as many
_BY_NAME: Final = {"narrow": NARROW, "wide": WIDE}


class KeptUsage(NamedTuple):
    """criteria: what showed that the limit was in use, for who does not know the household."""

    usage: Usage
    criteria: UseCriteria


class KeptMinutes(NamedTuple):
    """since: seconds since 1970; who was erased after that is not to be stored again."""

    since: float
    kept: tuple[KeptUsage, ...]


class MinutesJournal:
    """The file, for the one program of this machine that writes it.  Methods block."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._new = folder / f"{FILE}.new"
        self._has_failed = False
        self._writing = threading.Lock()  # a write goes on in its thread when the program ends

    def read(self) -> KeptMinutes | None:
        """Return what is there; None for nothing.  A line that is damaged is left out."""
        try:
            first, *lines = self.path.read_bytes().splitlines() or [b""]
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("minutes of use that were kept here are lost", error=str(error.strerror))
            return None
        found = (_read_usage(line) for line in lines)
        return KeptMinutes(_read_since(first), tuple(each for each in found if each is not None))

    def write(self, since: float, kept: Iterable[KeptUsage]) -> None:
        """Replace the file; where that fails, the log says so once, and counting goes on."""
        with self._writing:
            try:
                self._replace(chain(({"since": since},), map(_as_json, kept)))
                self._has_failed = False
            except OSError as error:
                self._tell_failing(error)
                with suppress(OSError):  # what a full disk took of it is of no use
                    self._new.unlink(missing_ok=True)

    def _replace(self, values: Iterator[dict[str, Any]]) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "wb") as file:
            while some := tuple(islice(values, LINES)):
                file.write(b"".join(json.dumps(each).encode() + b"\n" for each in some))
            file.flush()
            os.fsync(handle)
        self._new.replace(self.path)

    def clear(self) -> bool:
        """Delete it: PostgreSQL has all that is in it.  Tell whether that went well."""
        with self._writing:
            try:
                self.path.unlink(missing_ok=True)
            except OSError as error:
                self._tell_failing(error)
                return False
        return True

    def _tell_failing(self, error: OSError) -> None:
        if not self._has_failed:
            said = error.strerror or type(error).__name__
            log.warning("the file of minutes of use cannot be changed", error=said)
        self._has_failed = True


def _as_json(kept: KeptUsage) -> dict[str, Any]:
    usage = kept.usage
    return {
        "of": [usage.household, usage.profile, usage.budget],
        "day": usage.day.isoformat(),
        "start": usage.start,
        "marks": [format(each, "x") for each in usage.marks],
        "minutes": usage.minutes,
        "own": usage.own,
        "criteria": "narrow" if kept.criteria == NARROW else "wide",
    }


def _read_usage(line: bytes) -> KeptUsage | None:
    try:
        value = json.loads(line)
        household, profile, budget = map(str, value["of"])
        marks = [int(each, 16) for each in value["marks"]]
        minutes = Minutes(*map(int, value["minutes"]))
        if not all(0 <= each < 1 << MINUTES_OF_DAY for each in marks):
            return None
        if not all(0 <= each <= MINUTES_OF_DAY for each in minutes):
            return None
        if not all(_is_id(each) for each in (household, profile, budget)):
            return None
        day, start = date.fromisoformat(value["day"]), int(value["start"])
        # What PostgreSQL would refuse must not hold up the other lines, each second anew.
        if abs(start // DAY_SECONDS - (day - date(1970, 1, 1)).days) > 1:
            return None
        who = household, profile, budget
        usage = Usage(*who, day, start, DayBitmaps(*marks), minutes, bool(value["own"]))
        return KeptUsage(usage, _BY_NAME[value["criteria"]])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None


def _is_id(text: str) -> bool:
    """Tell whether PostgreSQL takes a text as an id; raise ValueError for half a letter."""
    return "\0" not in text and 0 < len(text.encode()) <= MAX_ID


def _read_since(line: bytes) -> float:
    """Return the moment of the first line; 0 where it has none, so that each erasure counts."""
    try:
        found = float(json.loads(line)["since"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return 0.0
    return found if isfinite(found) else 0.0
