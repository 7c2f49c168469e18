"""Keep the tables of a node at the newest revision, from a source that knows all of them.

While the source is away, the tables stay as they are, and dnsdist goes on with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, Protocol

import structlog

from copdns.model.errors import CopdnsError, PlaneError
from copdns.provider.plane.files import PlaneFiles
from copdns.provider.plane.rows import PlaneState, change_rows, snapshot_rows
from copdns.provider.plane.snapshot import PlaneChange, PlaneSnapshot

RETRY: Final = 1.0  # seconds until a source that failed is asked again
LAST_RETRY: Final = 60.0  # the same at most, where it fails each time: all is compared then

log = structlog.get_logger()


class PlaneSource(Protocol):
    """Where a node's policies come from.  All raise CopdnsError while it is away."""

    def snapshot(self) -> PlaneSnapshot:
        """Return everything, at the newest revision."""

    def changes_after(self, revision: int) -> Iterable[PlaneChange] | None:
        """Return what changed since, in order; None where that is no longer known."""

    async def wait(self) -> None:
        """Return when there may be a newer revision, or after a while."""


class NodeAgent:
    """The writer of a node's tables."""

    def __init__(self, files: PlaneFiles, source: PlaneSource) -> None:
        self._files = files
        self._source = source
        self._state: PlaneState | None = None
        self.trouble = ""  # why the tables are behind, for people; "" where they are not

    @property
    def revision(self) -> int | None:
        """The revision of the tables, since this process wrote them; None before that."""
        return self._state.revision if self._state else None

    def catch_up(self) -> int:
        """Bring the tables to the newest revision; return it.  Raise CopdnsError.

        A process that begins compares the tables with the whole, and writes what differs.  What was
        cut off within a change is written again: to do it twice is harmless.
        """
        state, self._state = self._state, None  # until all is written
        changes = self._source.changes_after(state.revision) if state else None
        if state is None or changes is None:
            rows, state = snapshot_rows(self._source.snapshot())
            self._files.write(rows)
        else:
            for change in changes:
                rows, after = change_rows(change, state)
                self._files.write(rows)
                state = after
        self._state = state
        return state.revision

    async def run(self) -> None:
        """Follow the source until cancelled; then the tables are no longer written."""
        pause = RETRY
        while True:
            try:
                await self._catch_up_whole()
                if self.trouble:
                    log.info("plane.caught_up")
                self.trouble, pause = "", RETRY
                await self._source.wait()
            except CopdnsError as error:
                log.warning("plane.behind", error=str(error), again_in=f"{pause:g} s")
                self.trouble = f"the tables are behind: {error}"
                # A full disk fails each time, and each time all households are gone through.
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_RETRY) if isinstance(error, PlaneError) else RETRY

    async def _catch_up_whole(self) -> None:
        """Catch up in a thread; return after its end also where cancelled: a thread goes on, and
        would write between what the next agent writes."""
        writing = asyncio.ensure_future(asyncio.to_thread(self.catch_up))
        try:
            await asyncio.shield(writing)
        finally:
            await asyncio.wait({writing})
