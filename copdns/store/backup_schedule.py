"""When a backup is due, what it is called, and which ones are deleted.  Pure.

A backup is known by its name, so that copies which somebody made by hand, or that belong to others,
stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

HOUR: Final = 3_600
SEALED: Final = ".age"  # the end of an encrypted one's name
_FORM: Final = "copdns-%Y%m%dT%H%M%SZ.backup"
_NAME: Final = re.compile(r"(copdns-\d{8}T\d{6}Z\.backup)(?:\.age)?")
_EARLY: Final = 60  # seconds: a chore that comes a little early must not skip a whole round


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """every: seconds between two backups.  keep: how many are kept, at least 1."""

    every: int
    keep: int


@dataclass(frozen=True, slots=True, order=True)
class ScheduledBackup:
    """A backup that was made by the schedule.  made: seconds since the epoch."""

    made: int
    name: str


def backup_name(made: int, *, is_sealed: bool) -> str:
    """Return the name of a backup."""
    return f"{datetime.fromtimestamp(made, UTC):{_FORM}}{SEALED * is_sealed}"


def read_names(names: Iterable[str]) -> list[ScheduledBackup]:
    """Return the backups among the names of files, the oldest first."""
    found = []
    for name in names:
        if match := _NAME.fullmatch(name):
            try:
                made = datetime.strptime(match[1], _FORM).replace(tzinfo=UTC)
            except ValueError:
                continue  # such as month 13
            found.append(ScheduledBackup(int(made.timestamp()), name))
    return sorted(found)


def is_due(there: Sequence[ScheduledBackup], plan: BackupPlan, now: float) -> bool:
    """Tell whether a backup is to be made; one from the future, by a wrong clock, is none."""
    past = [each.made for each in there if each.made <= now + _EARLY]
    return not past or now >= max(past) + plan.every - _EARLY


def too_many(
    there: Sequence[ScheduledBackup], plan: BackupPlan, now: float
) -> list[ScheduledBackup]:
    """Return which ones are deleted, once a new one was made: what is beyond those that are kept,
    and what is older than their time.  The newest stays whatever happens."""
    newest_first = sorted(there, reverse=True)
    oldest = now - plan.every * plan.keep
    return [e for n, e in enumerate(newest_first) if n and (n >= plan.keep or e.made < oldest)]
