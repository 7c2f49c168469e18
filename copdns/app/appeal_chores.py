"""Chores for appeals: remind of those that wait, and publish events about them.

`appeals/life.py` decides what is due, `appeals/news.py` which event there is.  What was published
is stored with the appeal, so that a restart neither forgets nor repeats it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from copdns.appeals.appeal import AppealKind, AppealState
from copdns.appeals.life import DAY, HOUR, AppealDeadlines
from copdns.appeals.list_errors import count_returned_names
from copdns.appeals.news import news
from copdns.events.bus import EventBus
from copdns.list_files.load import known_ids
from copdns.lists.catalogue import Catalogue
from copdns.model.events import EventKind, MistakeEvent
from copdns.settings.config import Settings
from copdns.store.household_db.appeals import AppealStore
from copdns.time.clock import Clock


class AppealChores:
    """counts, kinds: how many appeals are in each state, and of each kind.  All methods raise
    StoreError."""

    def __init__(
        self,
        store: AppealStore,
        library: Callable[[], Catalogue],
        settings: Callable[[], Settings],
        clock: Clock,
        events: EventBus,
    ) -> None:
        self.counts: Mapping[AppealState, int] = {}
        self.kinds: Mapping[AppealKind, int] = {}
        self._store = store
        self._library = library
        self._settings = settings
        self._clock = clock
        self._events = events

    async def tell(self) -> None:
        """Publish the events of appeals that changed, whichever process changed them."""
        telling = self._settings().events.appeal_names
        for untold in await self._store.find_untold():
            event = news(untold.household, untold.appeal, untold.before, telling=telling)
            if event is not None:
                self._events.publish(event)
            await self._store.mark_told(untold)
        self.counts = await self._store.counts()
        self.kinds = await self._store.kind_counts()

    async def tell_mistakes(self, before: Catalogue) -> None:
        """Publish an event for each list that has a name again that it was wrong about.

        before: the lists that were in force.
        """
        now, after = self._clock().wall, self._library().index
        for household in await self._store.households_with_errors():
            errors = await self._store.list_errors(household)
            for slug, names in count_returned_names(errors, before.index, after).items():
                event = MistakeEvent(EventKind.MISTAKE_AGAIN, household, slug, now, names)
                self._events.publish(event)

    async def raise_overdue(self) -> None:
        """Remind of appeals that wait, and open what waits too long where that does little harm."""
        if self._clock.is_wrong:
            return
        library = self._library()
        low_harm = {slug for slug, each in library.categories.items() if each.low_harm}
        services = {slug: each.matchers for slug, each in library.services.items()}
        now = int(self._clock().wall)
        await self._store.raise_overdue(low_harm, known_ids(library), services, now, self.deadlines)

    async def tidy(self) -> None:
        """Delete what is too old.  The clock must be right."""
        await self._store.tidy(int(self._clock().wall), self.deadlines)

    @property
    def deadlines(self) -> AppealDeadlines:
        """Return the deadlines of the settings in force."""
        chosen = self._settings().appeals
        return AppealDeadlines(
            chosen.reminder_hours * HOUR,
            chosen.target_hours * HOUR,
            chosen.texts_days * DAY,
            chosen.open_meanwhile,
        )
