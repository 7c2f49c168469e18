"""Make backups by the schedule of the settings, and say when that does not work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from copdns.list_files.own_lists import PART, OwnLists
from copdns.model.errors import CopdnsError
from copdns.settings.backup import BackupSettings
from copdns.store.backup_schedule import HOUR, BackupPlan, is_due, newest_time
from copdns.time.clock import Clock

log = structlog.get_logger("copdns")

TRY_AGAIN = 600.0  # seconds after a failure
FAILED = "the backup of the household could not be made: %s"


class BackupChores:
    """Looks each minute whether a backup is due.

    settings: those in force.  own: the lists that the household pasted.
    """

    def __init__(
        self, folder: Path, settings: Callable[[], BackupSettings], own: OwnLists, clock: Clock
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._own = own
        self._clock = clock
        self._tried = -TRY_AGAIN  # monotonic
        self._newest = 0
        self._failed_for: BackupSettings | None = None
        self.failures = 0
        self._trouble = ""

    @property
    def warning(self) -> str:
        """Return, for people, why the last backup could not be made; "" where it was."""
        return self._trouble and FAILED % self._trouble

    @property
    def age(self) -> float:
        """Return the age of the newest backup in seconds; 0 where none is made, or none yet."""
        if not self._settings().folder or not self._newest:
            return 0.0
        return max(0.0, self._clock().wall - self._newest)

    async def run_once(self) -> None:
        """Make a backup, if it is time; a wrong clock makes none and deletes none.

        Nor does a household without an account: the machine is new, and what it is to be restored
        from may lie in that folder.
        """
        chosen, now = self._settings(), self._clock()
        if not chosen.folder:
            self._trouble = ""
            return
        waits = self._trouble and self._failed_for == chosen and now.mono < self._tried + TRY_AGAIN
        if self._clock.is_wrong or waits:
            return
        try:
            await asyncio.to_thread(self._make, chosen, now.wall)
        except (CopdnsError, OSError) as error:
            self._trouble, self._tried, self._failed_for = str(error), now.mono, chosen
            self.failures += 1
            log.warning("a backup could not be made", error=str(error))
        else:
            self._trouble = ""

    def _make(self, chosen: BackupSettings, now: float) -> None:
        from copdns.store import backup, make_backup  # most make none

        folder, plan = Path(chosen.folder), plan_of(chosen)
        maker = make_backup.read_maker(self._folder)
        there = make_backup.list_scheduled(folder, maker)
        if is_due(there, plan, now) and backup.has_accounts(self._folder):
            texts = {PART: self._own.dump()} if self._own.all() else {}
            file = make_backup.make_scheduled(
                self._folder, folder, texts, plan, chosen.recipients, int(now)
            )
            log.info("a backup was made", file=str(file))
            there = make_backup.list_scheduled(folder, make_backup.read_maker(self._folder))
        self._newest = newest_time(there, now)


def plan_of(chosen: BackupSettings) -> BackupPlan:
    """Return the schedule that settings choose."""
    return BackupPlan(chosen.every_hours * HOUR, chosen.keep)
