"""Keep until when each list only counts: `lists/log_only.json` in the data folder.

A running copdns begins the periods of new lists; a guardian sets others on the dashboard or by
`copdns lists log-only`, perhaps from another process, so the file is read again when it changes.
`lists/log_only_book.py` says what follows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from copdns.list_files.copies import Copies
from copdns.lists.index import ListInfo
from copdns.lists.log_only_book import (
    COUNTING_KINDS,
    LogOnly,
    LogOnlyBook,
    begin,
    counting,
    set_days,
)
from copdns.model.errors import FetchError, HouseholdError
from copdns.model.sentences import sentence
from copdns.settings.config import Settings

_FILE: Final = "log_only.json"


class LogOnlyLists:
    """The lists that only count, of one installation.  settings: returns those in force."""

    def __init__(self, copies: Copies, settings: Callable[[], Settings]) -> None:
        self._copies = copies
        self._settings = settings
        self._book: LogOnlyBook = {}
        self._mark: object = None
        self.read()

    @property
    def book(self) -> LogOnlyBook:
        return self._book

    def slugs(self, now: float) -> frozenset[str]:
        """Return the lists that only count at a moment, in seconds since the epoch."""
        return counting(self._book, wanted_days(self._settings()), now)

    def until(self, slug: str, now: float) -> float | None:
        """Return until when a list only counts; None where it blocks."""
        found = self._book.get(slug)
        return found.until if found is not None and found.until > now else None

    def read(self) -> None:
        """Read the file if it is another one; a damaged one counts as empty."""
        mark = _mark(self._path)
        if mark != self._mark:
            self._mark, self._book = mark, _read(self._path)

    def is_due(self, now: float) -> bool:
        """Read the file if it is another one, and tell whether `begin` has something to do."""
        self.read()
        return begin(self._book, wanted_days(self._settings()), now) != self._book

    def begin(self, now: float) -> None:
        """Begin the periods of new lists, and forget old ones.

        A list whose period cannot be noted, as on a full disk, only counts until it can.
        """
        with suppress(FetchError, OSError), self._copies.hold_lock(wait=False) as ours:
            if ours:
                self.read()
                self._write(begin(self._book, wanted_days(self._settings()), now))

    def set_days(self, slug: str, days: int, now: float) -> None:
        """Let a list only count for some days from now on, or block now (0).

        The caller holds `Copies.hold_lock`.  Raises FetchError.
        """
        self.read()
        try:
            self._write(set_days(self._book, slug, days, now))
        except OSError as error:
            raise FetchError(self._copies.write_error(error)) from error

    @property
    def _path(self) -> Path:
        return self._copies.folder / _FILE

    def _write(self, book: LogOnlyBook) -> None:
        text = json.dumps({slug: each._asdict() for slug, each in book.items()}, indent=1)
        self._copies.write_whole(self._path, f"{text}\n")
        self.read()


def wanted_days(settings: Settings) -> Mapping[str, int]:
    """Return for how many days lists of the settings only count at first, by slug."""
    days = {each.slug: each.log_only for each in settings.lists}
    days |= {each.slug: each.log_only for each in settings.sources.own}
    return {slug: each for slug, each in days.items() if each}


def require_countable(info: ListInfo | None, slug: str) -> None:
    """Raise HouseholdError where a list cannot only count, as one against harm cannot."""
    if info is None:
        raise HouseholdError(sentence("there is no list %(list)s", list=slug))
    if info.kind not in COUNTING_KINDS:
        raise HouseholdError(
            sentence("only lists of categories and bypass tools can be on trial, not this one")
        )


def trial_line(slug: str, days: int) -> str:
    """Return the line of the history."""
    return f"list {slug}: on trial for {days} days" if days else f"list {slug}: blocks now"


def _read(path: Path) -> LogOnlyBook:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(slug): LogOnly(float(each["since"]), float(each["until"]))
            for slug, each in found.items()
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _mark(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
