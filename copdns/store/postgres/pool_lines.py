"""What psycopg's pools say while PostgreSQL is away: one line, another every five minutes with how
many were left out, and one when it is back.

Each pool says several times a second or two that it cannot connect, and that would be most of what
stands in the log of an outage.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import Final

import structlog

EVERY: Final = 300.0  # seconds between two lines of one outage
# How the lines of an outage begin; others, such as of a transaction that was left open, stay.
_OF_AN_OUTAGE: Final = (
    "error connecting",
    "reconnection attempt",
    "discarding broken connection",
    "discarding closed connection",
)

log = structlog.get_logger("copdns")


class PoolLines:
    """Which lines of all pools of a program are told.  Moments: seconds of one clock.

    Any thread may call it: each pool connects in threads of its own.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._left_out = 0
        self._told_at: float | None = None  # None: no outage

    def take_trouble(self, now: float) -> int | None:
        """Return how many lines were left out since the one before, if this one is to be told."""
        with self._lock:
            if self._told_at is not None and now - self._told_at < EVERY:
                self._left_out += 1
                return None
            self._told_at = now
            return self._take_count()

    def take_connection(self) -> int | None:
        """Return how many lines were left out, if this connection ends an outage."""
        with self._lock:
            if self._told_at is None:
                return None
            self._told_at = None
            return self._take_count()

    def _take_count(self) -> int:
        left_out, self._left_out = self._left_out, 0
        return left_out


class PoolFilter(logging.Filter):
    """Lets the lines of psycopg's pools through that are to be told.  clock: seconds."""

    def __init__(self, lines: PoolLines, clock: Callable[[], float]) -> None:
        super().__init__()
        self._lines, self._clock = lines, clock

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line goes on; it gets the number of those that did not."""
        if not str(record.msg).startswith(_OF_AN_OUTAGE):
            return True
        left_out = self._lines.take_trouble(self._clock())
        if left_out:
            record.msg = f"{record.getMessage()} ({left_out} more such lines were left out)"
            record.args = ()
        return left_out is not None


_LINES: Final = PoolLines()
logging.getLogger("psycopg.pool").addFilter(PoolFilter(_LINES, time.monotonic))


def note_connection() -> None:
    """Say that PostgreSQL is back, where a line had said that it was away."""
    left_out = _LINES.take_connection()
    if left_out is not None:
        log.info("connections to PostgreSQL can be made again", lines_left_out=left_out)
