"""What this copdns blocked of households with rules of their own, for the quarterly report.

dnsdist counts what it blocks itself (`provider/plane/block_counts.py`).  Of both there are numbers
of all households together alone; help names are in neither.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from copdns.model.errors import StoreError
from copdns.model.reasons import BLOCKED, CENSORED, FILTERED, code_of
from copdns.model.verdict import Action
from copdns.provider.plane.block_counts import BlockCount, blocks_since
from copdns.provider.plane.snapshot import Layer
from copdns.server.metrics import Counters
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.figure_rows import FigureRows
from copdns.time.days import DAY_SECONDS

_LAYERS: Final = {CENSORED: Layer.LAW, BLOCKED: Layer.SECURITY, FILTERED: Layer.FAMILY}
_OF_SECURITY: Final = frozenset({"malware", "phishing"})  # categories of that layer's lists


class BlockReport:
    """pool: lent.  now: seconds since 1970.  is_away: tells whether PostgreSQL is."""

    def __init__(
        self,
        pool: PostgresPool,
        counters: Counters,
        now: Callable[[], float],
        is_away: Callable[[], bool],
    ) -> None:
        self._rows = FigureRows(pool)
        self._counters = counters
        self._now = now
        self._is_away = is_away
        self._before: Mapping[BlockCount, int] = {}
        self._waiting: Counter[tuple[int, BlockCount]] = Counter()  # by day

    async def hand_in(self) -> None:
        """Add what was blocked since to its day; raise StoreError, and then it waits."""
        now, blocks = int(self._now()), count_blocks(self._counters)
        for each, number in blocks_since(blocks, self._before).items():
            self._waiting[now // DAY_SECONDS, each] += number
        self._before = blocks
        if self._waiting and not self._is_away():
            handed, self._waiting = self._waiting, Counter()
            try:
                await asyncio.to_thread(self._rows.add, handed, (), now)
            except (StoreError, asyncio.CancelledError):
                self._waiting += handed
                raise


def count_blocks(counters: Counters) -> dict[BlockCount, int]:
    """Return what was blocked so far, by layer, and by category of lists of families."""
    found: Counter[BlockCount] = Counter()
    for (action, reason), number in counters.verdicts.items():
        layer = _LAYERS.get(code_of(reason))
        if action is Action.BLOCK and layer is not None:
            found[BlockCount(True, str(layer))] += number
    for category, number in counters.categories.items():
        if category not in _OF_SECURITY:
            found[BlockCount(False, category)] += number
    return dict(found)
