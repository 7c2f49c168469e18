"""Beside the answering: bring up appeals that wait, and tell what happens to them.

What is due and what there is to tell others decide (`appeals/life.py`, `appeals/news.py`); what was
told is stored with the appeal, so that a restart neither forgets nor repeats it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from copdns.appeals.appeal import AppealState
from copdns.appeals.life import DAY, HOUR, AppealDeadlines
from copdns.appeals.list_errors import named_again
from copdns.appeals.news import news
from copdns.config import Settings
from copdns.events.bus import EventBus
from copdns.list_files.load import known_ids
from copdns.lists.catalogue import Catalogue
from copdns.model.events import EventKind, MistakeEvent
from copdns.store.household_db.appeals import AppealStore
from copdns.time.clock import Clock


class AppealChores:
    """The appeals of one running copdns.  counts: how many are in each state."""

    def __init__(
        self,
        store: AppealStore,
        library: Callable[[], Catalogue],
        settings: Callable[[], Settings],
        clock: Clock,
        events: EventBus,
    ) -> None:
        self.counts: Mapping[AppealState, int] = {}
        self._store = store
        self._library = library
        self._settings = settings
        self._clock = clock
        self._events = events

    async def tell(self) -> None:
        """Tell what is new, whichever process made it so."""
        telling = self._settings().events.appeal_names
        for untold in await self._store.untold():
            event = news(untold.household, untold.appeal, untold.before, telling=telling)
            if event is not None:
                self._events.publish(event)
            await self._store.told(untold)
        self.counts = await self._store.counts()

    async def tell_mistakes(self, before: Catalogue) -> None:
        """Tell which lists name again what they were wrong about.  before: what was in force."""
        now, after = self._clock().wall, self._library().index
        for household in await self._store.households():
            errors = await self._store.list_errors(household)
            for slug, names in named_again(errors, before.index, after).items():
                event = MistakeEvent(EventKind.MISTAKE_AGAIN, household, slug, now, names)
                self._events.publish(event)

    async def raise_overdue(self) -> None:
        """Remind of what waits, and open what waits too long where that does little harm."""
        if self._clock.is_wrong:
            return
        library = self._library()
        low_harm = {slug for slug, each in library.categories.items() if each.low_harm}
        services = {slug: each.matchers for slug, each in library.services.items()}
        now = int(self._clock().wall)
        await self._store.due(low_harm, known_ids(library), services, now, self.patience)

    async def tidy(self) -> None:
        """Delete what is too old; only by a clock that is right."""
        await self._store.tidy(int(self._clock().wall), self.patience)

    @property
    def patience(self) -> AppealDeadlines:
        """Return how long appeals may wait, as the settings in force have it."""
        chosen = self._settings().appeals
        return AppealDeadlines(
            chosen.reminder_hours * HOUR,
            chosen.target_hours * HOUR,
            chosen.texts_days * DAY,
            chosen.open_meanwhile,
        )
