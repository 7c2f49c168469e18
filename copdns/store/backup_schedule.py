"""When a backup is due, what it is called, and which ones are deleted.  Pure.

A backup is known by its name, with the id of the data folder that made it: copies which somebody
made by hand, and those of another machine, which may be all that it left, stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

HOUR: Final = 3_600
SEALED: Final = ".age"  # the end of an encrypted one's name
MAKER: Final = re.compile(r"[0-9a-f]{8}")  # the id of a data folder
_FORM: Final = "copdns-%Y%m%dT%H%M%SZ"
_NAME: Final = re.compile(r"(copdns-\d{8}T\d{6}Z)-([0-9a-f]{8})\.backup(?:\.age)?")
_EARLY: Final = 60  # seconds: a chore that comes a little early must not skip a whole round


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """every: seconds between two backups.  keep: how many are kept, at least 1."""

    every: int
    keep: int


@dataclass(frozen=True, slots=True, order=True)
class ScheduledBackup:
    """A backup that the schedule of one data folder made.  made: seconds since the epoch."""

    made: int
    name: str


def backup_name(made: int, maker: str, *, is_sealed: bool) -> str:
    """Return the name of a backup.  maker: the id of the data folder."""
    return f"{datetime.fromtimestamp(made, UTC):{_FORM}}-{maker}.backup{SEALED * is_sealed}"


def read_names(names: Iterable[str], maker: str) -> list[ScheduledBackup]:
    """Return the backups of one data folder among the names of files, the oldest first."""
    found = []
    for name in names:
        match = _NAME.fullmatch(name)
        if match is not None and match[2] == maker:
            try:
                made = datetime.strptime(match[1], _FORM).replace(tzinfo=UTC)
            except ValueError:
                continue  # such as month 13
            found.append(ScheduledBackup(int(made.timestamp()), name))
    return sorted(found)


def made_until(there: Iterable[ScheduledBackup], now: float) -> list[ScheduledBackup]:
    """Return which ones were made until now, the oldest first.

    A name may say a later time by a clock that was wrong, or by somebody's hand; no real one may be
    held for old because of that.
    """
    return sorted(each for each in there if each.made <= now + _EARLY)


def newest_time(there: Iterable[ScheduledBackup], now: float) -> int:
    """Return when the newest one was made, in seconds since the epoch; 0 where there is none."""
    return max((each.made for each in made_until(there, now)), default=0)


def is_due(there: Sequence[ScheduledBackup], plan: BackupPlan, now: float) -> bool:
    """Tell whether a backup is to be made."""
    newest = newest_time(there, now)
    return not newest or now >= newest + plan.every - _EARLY


def too_many(
    there: Sequence[ScheduledBackup], plan: BackupPlan, now: float
) -> list[ScheduledBackup]:
    """Return which ones are deleted, once a new one was made: what is beyond those that are kept,
    and what is older than their time.  The newest stays whatever happens, and so does what has a
    later time than now in its name."""
    newest_first = made_until(there, now)[::-1]
    oldest = now - plan.every * plan.keep
    return [e for n, e in enumerate(newest_first) if n and (n >= plan.keep or e.made < oldest)]
