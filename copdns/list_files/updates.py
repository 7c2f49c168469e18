"""Keep the chosen lists fresh: fetch what is due, and put in force what came, whoever fetched it.

`look` and `fetch` are called again and again beside the answering (`app`); each does what is to
be done now, and returns at once when that is nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import structlog

from copdns.config import Settings
from copdns.list_files.choose import AvailableLists, Chosen, choose_for, missing_message
from copdns.list_files.copies import Copies, on_disk
from copdns.list_files.fetch import Clock, Fetcher, FetchOutcome, FetchResult, fetching
from copdns.list_files.memory import memory
from copdns.lists.catalogue import Catalogue
from copdns.lists.download import HOUR, CopyState, Limits, ListMetrics, after_failure, next_fetch_at
from copdns.lists.source import ListSource, Source
from copdns.model.errors import FetchError
from copdns.model.household import Household

log = structlog.get_logger("copdns")

AT_ONCE = 2  # downloads: the line is the family's, and a server may be small
AGAIN = 60.0  # seconds after a look before anybody can ask for another one
PATIENCE = 15  # looks after which what came is put in force though more is coming

Swap = Callable[[Sequence[ListSource]], Awaitable[None]]


class ListUpdater:
    """The lists of other people, as one running copdns uses them.

    settings, households, library: give what is in force now.  offered: what ships.
    swap: compiles lists and puts them in force.
    """

    def __init__(
        self,
        copies: Copies,
        offered: AvailableLists,
        settings: Callable[[], Settings],
        households: Callable[[], Iterable[Household]],
        library: Callable[[], Catalogue],
        clock: Clock,
        swap: Swap,
        limits: Limits | None = None,
    ) -> None:
        self._copies = copies
        self._offered = offered
        self._settings = settings
        self._households = households
        self._library = library
        self._clock = clock
        self._swap = swap
        self._limits = limits
        self._chosen = Chosen()
        self._states: dict[str, CopyState] = {}
        self._tried: object = None  # what was compiled last, with or without success
        self._unstored: dict[str, CopyState] = {}  # of tries here, in case the disk took no note
        self._seen: object = None
        self._looks = 0  # since what is here began to differ from what was compiled
        self._asked = False
        self._came = False  # all that was due was fetched, so nothing more is to be waited for
        self._told: tuple[str, str] = ("", "")
        self._heavy = asyncio.Lock()  # reading a list and compiling all: one takes memory enough

    async def begin(self, households: Iterable[Household]) -> tuple[ListSource, ...]:
        """Return what is here at the start, for whoever puts that in force."""
        here, self._tried = await self._here(households)
        return here

    def request_fetch(self) -> None:
        """Let the next `fetch` look at all lists, but for those it looked at a moment ago."""
        self._asked = True

    # --- what is known ------------------------------------------------------------------------

    @property
    def chosen(self) -> Chosen:
        """Which lists are used, as the last look saw it."""
        return self._chosen

    @property
    def is_asked(self) -> bool:
        """Whether somebody asked for a look that has not begun yet."""
        return self._asked

    def state(self, slug: str) -> CopyState:
        """Return what is known of the copy of a list."""
        return self._states.get(slug, CopyState())

    @property
    def missing(self) -> str:
        """Say which chosen lists are not in force yet, for people; "" when all are."""
        in_force = self._library().in_force
        slugs = [each.slug for each in self._chosen.sources if each.slug not in in_force]
        here = [slug for slug in slugs if self._states.get(slug, CopyState()).has_copy]
        absent = [slug for slug in slugs if slug not in here]
        return missing_message(absent, len(self._chosen.sources), here)

    @property
    def missing_categories(self) -> frozenset[str]:
        """Return the categories of which a chosen list is not in force yet."""
        return self._chosen.missing_categories(self._library())

    def metrics(self) -> list[ListMetrics]:
        """Return what monitoring is told of each chosen list."""
        now, states = self._clock(), self._states
        return [
            ListMetrics(each.slug, state.age(now), state.octets, bool(state.error))
            for each in self._chosen.sources
            for state in (states.get(each.slug, CopyState()),)
        ]

    async def _here(self, households: Iterable[Household]) -> tuple[tuple[ListSource, ...], object]:
        """Choose, and return those of the chosen that are here, with what tells a change."""
        settings = self._settings().sources
        slugs = {each.slug for each in self._offered.sources} | {each.slug for each in settings.own}
        stored = await asyncio.to_thread(self._copies.states, slugs)
        self._states = {slug: self._tried_last(slug, state) for slug, state in stored.items()}
        known = {slug: state.names for slug, state in self._states.items()}
        self._chosen = choose_for(settings, self._offered, households, memory(), known)
        here = on_disk(self._chosen, self._copies, self._states)
        return here, (here, await asyncio.to_thread(self._copies.marks, [e.slug for e in here]))

    def _tried_last(self, slug: str, stored: CopyState) -> CopyState:
        """Add a try that is newer than what is stored: a disk that is full takes no note of it."""
        noted = self._unstored.get(slug)
        if noted is None or (noted.tried_at or 0.0) <= (stored.tried_at or 0.0):
            return stored
        tries = noted.tried_at, noted.error, noted.failures
        return replace(stored, tried_at=tries[0], error=tries[1], failures=tries[2])

    # --- putting in force ---------------------------------------------------------------------

    async def apply_available(self) -> None:
        """Note what is here, and put it in force when it is not, and nothing more seems to come."""
        here, what = await self._here(self._households())
        await self._put_in_force(here, what)
        self._tell()

    async def _put_in_force(self, here: Sequence[ListSource], what: object) -> None:
        if what == self._tried:
            self._looks, self._came = 0, False
            return
        self._looks += 1
        quiet, self._seen, self._came = self._came or what == self._seen, what, False
        if quiet or self._looks >= PATIENCE:
            self._looks = 0
            self._tried = what  # and not again before something is different
            async with self._heavy:
                await self._swap(here)

    def _tell(self) -> None:
        chosen = self._chosen
        slugs = ", ".join(each.slug for each in chosen.too_large)
        told = self.missing, slugs
        if told == self._told:
            return
        before, self._told = self._told, told
        if told[0]:
            log.warning(told[0])
        elif before[0]:
            log.info("all lists are downloaded", lists=len(chosen.sources))
        if slugs and slugs != before[1]:
            log.warning(
                "some lists are too large for this machine and were left out; see "
                "sources.max_names",
                lists=slugs,
                max_names=chosen.max_names,
            )

    # --- fetching -----------------------------------------------------------------------------

    async def fetch(self) -> None:
        """Fetch what is due; another process that fetches now has the right of way.

        What is chosen, and how old it is, is what the last look saw.
        """
        every, now = self._settings().sources.every * HOUR, self._clock()
        asked, self._asked = self._asked, False
        due = [
            each
            for each in self._chosen.sources
            for state in (self.state(each.slug),)
            if next_fetch_at(each.slug, state, every, now) <= now
            or (asked and now - (state.tried_at or 0.0) >= AGAIN)
        ]
        if not due:
            return
        try:
            with self._copies.changing(wait=False) as ours:
                if ours:
                    fetcher = fetching(self._copies, self._clock, self._limits, reading=self._heavy)
                    await fetch_all(due, fetcher, self._note)
                    self._came = True
        except FetchError as error:  # no copies can be kept, so nothing was asked for
            for each in due:
                before = self._states.get(each.slug, CopyState())
                self._note(
                    FetchOutcome(
                        each.slug, FetchResult.KEPT, after_failure(before, str(error), now)
                    )
                )

    def _note(self, outcome: FetchOutcome) -> None:
        before, state = self._states.get(outcome.slug, CopyState()), outcome.state
        if state.error:
            state = replace(state, failures=before.failures + 1)
        self._states[outcome.slug] = self._unstored[outcome.slug] = state
        if outcome.news is FetchResult.NEW:
            log.info("a list was downloaded", list=outcome.slug, names=state.names)
        elif state.error and state.error != before.error:
            log.warning("a list could not be downloaded", list=outcome.slug, error=state.error)


async def fetch_all(
    sources: Iterable[Source],
    fetcher: AbstractAsyncContextManager[Fetcher],
    note: Callable[[FetchOutcome], None],
    *,
    smaller: bool = False,
) -> None:
    """Fetch lists, a few at once, and note each outcome; whoever calls holds `copies.changing`."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with fetcher as fetches, asyncio.TaskGroup() as tasks:

        async def one(source: Source) -> None:
            async with gate:
                note(await fetches.fetch(source, smaller=smaller))

        for source in sources:
            tasks.create_task(one(source))
