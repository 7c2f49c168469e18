"""The lines of lists that a provider's reviewers opened, out of the lists of this copdns too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from copdns.app.node.copies import NodeCopies
from copdns.lists.opened_lines import OpenedLine
from copdns.model.errors import NameTextError, PlaneError, StoreAwayError
from copdns.model.matchers import parse_matcher
from copdns.provider.staff.desk import DeskCase, opened_lines
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.desk_rows import DeskStore

OpenLines = Callable[[frozenset[OpenedLine]], Awaitable[None]]
log = structlog.get_logger("copdns")


class OpenedLines:
    """Follows the desk; each moment is worked out, so that a line is blocked again at its second.

    folder: of the node beside this copdns, which keeps the cases for a start without PostgreSQL.
    open_lines: puts lists without these lines in force.  now: seconds since the epoch.
    """

    def __init__(
        self, pool: PostgresPool, folder: Path, open_lines: OpenLines, now: Callable[[], float]
    ) -> None:
        self._desk = DeskStore(pool)
        self._copies = NodeCopies(folder)
        self._open_lines = open_lines
        self._now = now
        self._read: tuple[int, int] | None = None
        self._cases: tuple[DeskCase, ...] | None = None  # None: not read so far
        self._in_force: frozenset[OpenedLine] = frozenset()

    async def follow(self) -> None:
        """Read what was decided, and put it in force; raise StoreError."""
        try:
            await asyncio.to_thread(self._follow_desk)
        except StoreAwayError:  # which the log has; what was read last counts
            if self._cases is None:
                self._cases = await asyncio.to_thread(self._read_copy)
        lines = self._find_lines()
        if lines != self._in_force:
            await self._open_lines(lines)
            self._in_force = lines
            log.info("the lists are without what reviewers opened", lines=len(lines))

    def _follow_desk(self) -> None:
        newest = self._desk.newest()
        if newest != self._read:
            self._cases = self._desk.load()
            self._read = newest

    def _read_copy(self) -> tuple[DeskCase, ...]:
        try:
            return tuple(self._copies.read_law()[1])
        except PlaneError:
            return ()  # no node is beside it, or none that ran so far

    def _find_lines(self) -> frozenset[OpenedLine]:
        found = set()
        for slug, lines in opened_lines(self._cases or (), int(self._now())).items():
            for text in lines:
                try:
                    found.add(OpenedLine(slug, parse_matcher(text)))
                except NameTextError:
                    continue  # a pattern or a hash, which no such line can be
        return frozenset(found)
