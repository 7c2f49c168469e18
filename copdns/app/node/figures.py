"""What a node hands in for the quarterly report: blocks by layer and category, minutes that it ran.

Of dnsdist's file, which has no subscriber and no name.  While PostgreSQL is away, both wait here.
Used by one thread at a time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom
from typing import Final

import structlog

from copdns.model.errors import PlaneError, StoreError
from copdns.provider.law.measurements import DAY, MINUTES, NodeDay
from copdns.provider.plane.block_counts import UPTIME, BlockCount, blocks_since, read_blocks
from copdns.provider.rollout.figures import (
    MOST_OCTETS,
    STATISTICS_FILE,
    NodeFigures,
    node_figures,
    read_counters,
)
from copdns.settings.config import Settings
from copdns.store.provider_db.figure_rows import FigureRows

LOOK_EVERY: Final = 10.0  # seconds
HAND_IN_EVERY: Final = 60.0
FRESH: Final = 10.0  # seconds: dnsdist writes its figures each second
MOST_WAITING: Final = 40  # days of minutes, where PostgreSQL never comes back
MOST_MISSED: Final = 60  # minutes that dnsdist's own time can show, while nobody looked
FEWEST_QUERIES: Final = 20  # of a minute, to say that it failed
FAILING_SHARE: Final = 0.1  # of its answers that are SERVFAIL, from which on it did

log = structlog.get_logger("copdns.node")


class MinuteBook:
    """In which minutes dnsdist answered, and in which of them too much was SERVFAIL.

    A minute counts when it is over.  What one look finds silent makes a minute silent.
    """

    def __init__(self) -> None:
        self.days: dict[int, tuple[int, int]] = {}  # answered and failing, as `NodeDay` has them
        self._minute = -1
        self._is_silent = False
        self._counted = NodeFigures()

    def look(self, now: float, counted: NodeFigures | None, uptime: int) -> None:
        """Take in one look.

        counted: since the look before; None where dnsdist is silent.  uptime: seconds for which it
        runs; they show that it did in the minutes in which nobody looked.
        """
        minute = int(now) // 60
        if minute != self._minute:
            self._close(minute, uptime if counted is not None else 0)
            self._minute, self._is_silent, self._counted = minute, False, NodeFigures()
        if counted is None:
            self._is_silent = True
        else:
            self._counted += counted

    def _close(self, minute: int, uptime: int) -> None:
        last = self._minute
        if last >= 0 and not self._is_silent:
            found = self._counted
            is_failing = found.queries >= FEWEST_QUERIES and found.servfail_share >= FAILING_SHARE
            self._mark(last, is_failing=is_failing)
        ran = minute - min(uptime // 60, MOST_MISSED)
        for missed in range(max(last + 1, ran), minute):
            self._mark(missed, is_failing=False)

    def _mark(self, minute: int, *, is_failing: bool) -> None:
        day, place = divmod(minute, MINUTES)
        answered, failing = self.days.get(day, (0, 0))
        self.days[day] = answered | 1 << place, failing | int(is_failing) << place
        while len(self.days) > MOST_WAITING:
            del self.days[min(self.days)]


class NodeReport:
    """now: seconds since 1970.  monotonic: seconds of a clock that nobody sets."""

    def __init__(
        self,
        rows: FigureRows,
        settings: Settings,
        now: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rows = rows
        self._node = settings.node
        self._statistics = Path(settings.node.folder) / STATISTICS_FILE
        self._now = now
        self._monotonic = monotonic
        self._book = MinuteBook()
        self._blocks: Counter[tuple[int, BlockCount]] = Counter()
        self._before: dict[str, int] | None = None
        self._written, self._written_at = -1, 0.0  # dnsdist's file, and when it was another one
        self._look_at = self._hand_in_at = 0.0  # by the monotonic clock
        self._is_odd = False

    def follow(self) -> None:
        """Do what is due; what cannot be handed in waits."""
        mono = self._monotonic()
        if mono < self._look_at:
            return
        self._look_at = mono + LOOK_EVERY
        self._look(mono)
        if mono < self._hand_in_at:
            return
        self._hand_in_at = mono + HAND_IN_EVERY
        try:
            self._hand_in()
        except StoreError as error:
            if not self._is_odd:
                log.warning("figures of the quarterly report wait", error=str(error))
            self._is_odd = True
        else:
            self._is_odd = False

    def _look(self, mono: float) -> None:
        now = self._now()
        counters = self._read(mono)
        if counters is None:
            self._book.look(now, None, 0)
            return
        uptime, before = counters.get(UPTIME, 0), self._before
        self._before = counters
        if before is None:  # what was counted before nobody handed in, and nobody knows of when
            self._book.look(now, NodeFigures(), uptime)
            return
        if uptime < before.get(UPTIME, 0):  # started meanwhile
            before = dict.fromkeys(before, 0)
        for each, number in blocks_since(read_blocks(counters), read_blocks(before)).items():
            self._blocks[int(now) // DAY, each] += number
        self._book.look(now, node_figures(counters).since(node_figures(before)), uptime)

    def _read(self, mono: float) -> dict[str, int] | None:
        """Return dnsdist's counters, the last ones while the file is just written; None where it
        is silent."""
        try:
            state = self._statistics.stat()
            if state.st_mtime_ns != self._written:
                self._written, self._written_at = state.st_mtime_ns, mono
            if not state.st_size or mono - self._written_at > FRESH:
                return None
            with self._statistics.open(errors="replace") as file:
                found = read_counters(file.read(MOST_OCTETS))
            node_figures(found)
        except OSError:
            return None
        except PlaneError:
            return self._before
        return found

    def _hand_in(self) -> None:
        name, site = self._node.name, self._node.site
        minutes = [NodeDay(name, site, day, *each) for day, each in self._book.days.items()]
        self._rows.add(self._blocks, minutes, int(self._now()))
        self._blocks.clear()
        today = int(self._now()) // DAY
        self._book.days = {day: each for day, each in self._book.days.items() if day >= today}
        if self._rows.count_households(int(self._now()), SystemRandom().randrange):
            log.info("households with a filter were counted for the quarterly report")
