"""Keep the facts up to date: fetch a bundle when it is due, and say what is not as it should be.

`app` calls `follow` again and again while the server runs.  What is taken stands on disk
(`facts_store.py`); `updates.py` sees that, and puts it in force with the lists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from copdns.list_files.copies import Copies
from copdns.list_files.facts import Facts, facts_mark, load_facts, load_facts_state, shipped_facts
from copdns.list_files.facts_bundle import MAX_BUNDLE
from copdns.list_files.facts_store import FactsStore
from copdns.list_files.fetch import Clock, open_fetcher
from copdns.lists.download import HOUR, CopyState, FetchLimits, next_fetch_at
from copdns.lists.facts import FactsState
from copdns.model.errors import ConfigError, CopdnsError, FactsError
from copdns.settings.config import FactsSettings

log = structlog.get_logger("copdns")

DAY = 86_400.0  # seconds
MIN_PAUSE = 60.0  # seconds after a try before a request causes another one
SLUG = "facts"  # what the facts are called among lists


class FactsUpdater:
    """The facts of one running copdns.

    settings: returns those in force.  tell_held: called once whenever something new waits.
    """

    def __init__(
        self,
        data: Path,
        settings: Callable[[], FactsSettings],
        clock: Clock,
        tell_held: Callable[[], None] = lambda: None,
        limits: FetchLimits | None = None,
    ) -> None:
        self._data = data
        self._settings = settings
        self._clock = clock
        self._tell_held = tell_held
        self._limits = limits
        self._mark: object = None
        self._untold = 0.0  # when a try failed that could not be written, as on a full disk
        self._fetch_requested = False
        self.store = FactsStore(data)
        self.state = FactsState()
        self.is_damaged = False

    async def begin(self) -> None:
        """Restore what is damaged; before lists are compiled."""
        try:
            await asyncio.to_thread(self.store.begin, self._clock())
        except CopdnsError as error:  # those that ship are in force then, or those of before
            log.warning("the newer facts were not looked at", error=str(error))
        await self.refresh()

    async def mend(self) -> None:
        """Write anew what is damaged; each minute, and at a reload."""
        with suppress(CopdnsError):  # a full disk, or a command at work: mended later
            await asyncio.to_thread(self.store.mend)

    def request_fetch(self) -> None:
        """Make the next `follow` ask the server, unless it was asked within MIN_PAUSE."""
        self._fetch_requested = True

    @property
    def is_fetch_requested(self) -> bool:
        """Tell whether a fetch was requested that has not begun yet."""
        return self._fetch_requested

    async def follow(self) -> None:
        """Read what other processes did, fetch what is due, and tell what waits."""
        await self.refresh()
        if self._is_due():
            self._fetch_requested = False
            await self.fetch()
        state = self.state
        if state.waiting and state.told != state.version:
            try:
                await asyncio.to_thread(self.store.mark_told, state.version)
            except CopdnsError:
                return  # a full disk, or a command at work: told later
            await self.refresh()
            log.warning("changes of the facts wait for a guardian", number=state.number)
            self._tell_held()

    def _is_due(self) -> bool:
        chosen, state, now = self._settings(), self.state, self._clock()
        if not chosen.url or now - self._untold < MIN_PAUSE:
            return False
        if self._fetch_requested and now - (state.tried_at or 0.0) >= MIN_PAUSE:
            return True
        tries = CopyState(tried_at=state.tried_at, failures=state.failures)
        return next_fetch_at(SLUG, tries, chosen.every * HOUR, now) <= now

    async def fetch(self) -> None:
        """Fetch a bundle; what goes wrong stands in the state."""
        chosen = self._settings()
        refused, why = False, ""
        try:
            async with open_fetcher(Copies(self._data), self._clock, self._limits) as fetcher:
                octets = await fetcher.fetch_octets(chosen.url, MAX_BUNDLE)
            await self.take(octets)
        except FactsError as error:
            refused, why = True, str(error)
        except CopdnsError as error:
            why = str(error)
        if why:
            await self._note_failure(why, refused=refused)

    async def take(self, octets: bytes) -> bool:
        """Take a bundle; tell whether it is new.  Raises CopdnsError."""
        keys, now = self._settings().keys, self._clock()
        is_new = await asyncio.to_thread(self.store.receive, octets, keys, now)
        await self.refresh()
        if is_new:
            log.info("newer facts were taken", number=self.state.number)
        return is_new

    async def _note_failure(self, why: str, *, refused: bool) -> None:
        now = self._clock()
        if why != self.state.error:
            log.warning("no newer facts were taken", error=why)
        try:
            await asyncio.to_thread(self.store.note_failure, why, now, is_refused=refused)
        except CopdnsError:
            self._untold = now
        await self.refresh()

    async def refresh(self) -> None:
        """Read the state, if another process or a person changed it."""
        mark = await asyncio.to_thread(facts_mark, self._data)
        if mark != self._mark:
            self._mark = mark
            self.state = await asyncio.to_thread(load_facts_state, self._data)
            self.is_damaged = (await asyncio.to_thread(load_facts, self._data)).is_damaged

    # --- what monitoring reads ------------------------------------------------------------------

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what is not as it should be, for people."""
        found = Facts(is_damaged=self.is_damaged)
        return tuple(facts_troubles(self.state, found, self._settings(), self._clock()))

    @property
    def number(self) -> int:
        """Return the number of the newest facts here."""
        return max(self.state.number, shipped_facts().number)

    @property
    def age(self) -> float:
        """Return the seconds since the newest facts here were made."""
        return max(0.0, self._clock() - newest_made_at(self.state))


def newest_made_at(state: FactsState) -> float:
    """Return when the newest facts here were made, in seconds since the epoch."""
    return float(max(state.made_at, shipped_facts().made_at))


def facts_troubles(
    state: FactsState, facts: Facts, settings: FactsSettings, now: float
) -> Iterator[str]:
    """Yield what is not as it should be with the facts, for people (`words/warnings.py`)."""
    if facts.is_damaged:
        yield (
            "the newer facts about protected sites and helplines are damaged on disk, so those "
            "that come with copdns are used"
        )
    if settings.url and state.is_refused:
        yield f"newer facts about protected sites and helplines were refused: {state.error}"
    age = now - newest_made_at(state)
    if settings.url and age > settings.max_age * DAY:
        yield (
            f"the facts about protected sites and helplines were not renewed for {age // DAY:.0f} "
            "days"
        )


def require_address(settings: FactsSettings) -> str:
    """Return where newer facts come from; raise ConfigError where the settings name nothing."""
    if not settings.url:
        raise ConfigError("no address is set for newer facts; see the setting facts.url")
    return settings.url
