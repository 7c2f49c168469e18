"""Send weekly summaries by email to the guardians who chose one, once it is time.

`privacy/digest.py` decides when, `web/report.py` writes it, `events/mail.py` sends it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from copdns.events.mail import send_mail
from copdns.events.ways import DEFAULT_TIMES, DeliveryTimes
from copdns.model.household import Household
from copdns.policy.snapshot import Snapshot
from copdns.privacy.digest import DigestChoice, digest_due
from copdns.settings.config import Settings
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.digests import Digests
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.querylog import QueryLog
from copdns.time.clock import Clock

ONE_TRY = DEFAULT_TIMES._replace(pauses=())


class SummaryWriter(NamedTuple):
    """Writes a summary and sends it.

    notices: of the settings, with the mail server.  desk: the address of the dashboard, which ends
    in a slash.  is_shared: at a provider, where copdns does not count all that is answered, and new
    devices are not looked for.
    """

    appeals: AppealStore
    log: QueryLog
    folder: Path
    notices: tuple[str, ...]
    desk: str
    is_shared: bool = False

    async def send(
        self, household: Household, choice: DigestChoice, now: float, times: DeliveryTimes
    ) -> str:
        """Send the summary of the week before a moment; return what went wrong, "" for nothing."""
        from copdns.web.languages import phrases_in
        from copdns.web.report import digest_mail, read_sums  # most machines send none

        folder = None if self.is_shared else self.folder
        sums = await read_sums(household, self.log, self.appeals, folder, now)
        phrases = phrases_in(choice.language)
        mail = digest_mail(sums, household, self.desk, phrases, is_shared=self.is_shared)
        return await send_mail(self.notices, choice.address, mail, times)


class DigestChores:
    """snapshot, settings: those in force.  desk: the address of the dashboard."""

    def __init__(
        self,
        store: HouseholdStore,
        thread: StoreThread,
        log: QueryLog,
        folder: Path,
        snapshot: Callable[[], Snapshot],
        settings: Callable[[], Settings],
        clock: Clock,
        desk: str,
        times: DeliveryTimes = DEFAULT_TIMES,
    ) -> None:
        self._appeals = AppealStore(store)
        self._digests = Digests(thread)
        self._log = log
        self._folder = folder
        self._snapshot = snapshot
        self._settings = settings
        self._clock = clock
        self._desk = desk
        self._times = times

    async def send_due(self) -> None:
        """Send what is due now; raise StoreError.  A wrong clock says nothing of a day."""
        if self._clock.is_wrong:
            return
        now = self._clock().wall
        for household in self._snapshot().households.values():
            for choice in await self._digests.all(household.id):
                due = digest_due(choice, now, household.timezone)
                if due is not None:
                    # Noted first: what fails, or is killed meanwhile, is not sent every minute.
                    await self._digests.note(choice, due, "")
                    trouble = await self._writer().send(household, choice, now, self._times)
                    await self._digests.note(choice, due, trouble)

    def _writer(self) -> SummaryWriter:
        notices = self._settings().events.notices
        return SummaryWriter(self._appeals, self._log, self._folder, notices, self._desk)
