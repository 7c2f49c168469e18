"""Log an error that nobody foresaw, where it must harm no query but the one that it is about."""

from __future__ import annotations

from traceback import format_tb

import structlog

log = structlog.get_logger("copdns")

MAX_PLACES = 100  # that are remembered: a bound, whatever is wrong


class BugLog:
    """Logs each place where something failed once, or a bug that every query meets fills the disk.

    Never the error's own text, in which the name of a query can stand.
    """

    def __init__(self) -> None:
        self._places: set[tuple[str, ...]] = set()

    def note(self, what: str, error: Exception) -> None:
        """Log an error with where it came from.  what: what was being done."""
        place = (type(error).__name__, *format_tb(error.__traceback__))
        if place in self._places or len(self._places) >= MAX_PLACES:
            return
        self._places.add(place)
        log.error(f"a bug in {what}", error=place[0], traceback="".join(place[1:]))
