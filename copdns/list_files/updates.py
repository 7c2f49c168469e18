"""Keep the chosen lists up to date: fetch those that are due, and put new copies in force.

`app` calls `apply_available` and `fetch` again and again while the server runs; each does what is
due now, and returns at once where nothing is.  New copies may come from another process too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from typing import TypeVar

import structlog

from copdns.list_files.choose import AvailableLists, ChosenLists, choose_for, missing_message
from copdns.list_files.copies import Copies, sources_on_disk
from copdns.list_files.facts import facts_mark
from copdns.list_files.fetch import Clock, Fetcher, FetchOutcome, FetchResult, open_fetcher
from copdns.list_files.load import bundled_presets
from copdns.list_files.log_only_lists import LogOnlyLists
from copdns.list_files.memory import available_memory
from copdns.list_files.own_lists import OwnLists
from copdns.list_files.versions import Versions, vouched_names
from copdns.lists.catalogue import Catalogue
from copdns.lists.download import (
    HOUR,
    CopyState,
    FetchLimits,
    ListMetrics,
    after_failure,
    next_fetch_at,
)
from copdns.lists.source import ListSource, Source
from copdns.lists.version_book import HeldVersion
from copdns.model.errors import FetchError, HouseholdError, ListError
from copdns.model.household import Household
from copdns.model.sentences import sentence
from copdns.settings.config import Settings

log = structlog.get_logger("copdns")

MAX_DOWNLOADS = 2  # at once: the line is the family's, and a server may be small
MIN_PAUSE = 60.0  # seconds after a try before `request_fetch` causes another one
MAX_UNSETTLED_LOOKS = 15  # calls after which new copies are put in force though more are coming

OWN_LISTS_DAMAGED = (
    "the file of your own lists is damaged: those that were active stay active until copdns "
    "restarts, and then block nothing; restore a backup"
)
LEFT_OUT = (
    "an app cannot be blocked by its name, because you have a list of that name (%s): remove the "
    "list if you want the app instead"
)
_BUSY = sentence("lists are being downloaded now; try again in a minute")

Swap = Callable[[Sequence[ListSource]], Awaitable[None]]
ADone = TypeVar("ADone")  # what came of a decision


class ListUpdater:
    """The lists of other people, as one running copdns uses them.

    settings, households, catalogue: return what is in force now.  offered: the bundled lists to
    choose from.  swap: compiles lists and puts them in force.  tell_held: called with the slug of
    a list of which a version is held, once for each.
    """

    def __init__(
        self,
        copies: Copies,
        offered: AvailableLists,
        settings: Callable[[], Settings],
        households: Callable[[], Iterable[Household]],
        catalogue: Callable[[], Catalogue],
        clock: Clock,
        swap: Swap,
        limits: FetchLimits | None = None,
        tell_held: Callable[[str], None] = lambda _slug: None,
    ) -> None:
        self._copies = copies
        self._available = offered
        self._settings = settings
        self._households = households
        self._catalogue = catalogue
        self._clock = clock
        self._swap = swap
        self._limits = limits
        self._tell_held = tell_held
        self._versions = Versions(copies)
        self.own = OwnLists(copies.folder.parent)
        self._own_sources: tuple[ListSource, ...] = ()
        self._own_problem = ""
        self._own_mark: object = None
        self.log_only = LogOnlyLists(copies, settings)
        self._held: Mapping[str, HeldVersion] = {}
        self._choice = ChosenLists()
        self._states: dict[str, CopyState] = {}
        self._last_compiled: object = None  # what `swap` got last, with or without success
        self._unstored: dict[str, CopyState] = {}  # of tries here, in case the disk is full
        self._last_checked: object = None
        self._unsettled_looks = 0  # calls since the copies differ from what was compiled
        self._fetch_requested = False
        self._fetched_all = False  # all that was due was fetched: wait for nothing more
        self._logged: tuple[str, str] = ("", "")
        self._deciding = asyncio.Lock()  # a second tap waits for the first one
        # Held to read a list and to compile all: only one at a time fits memory.
        self._memory_lock = asyncio.Lock()

    async def begin(self, households: Iterable[Household]) -> tuple[ListSource, ...]:
        """Return the lists that are here at the start, for the caller to put in force."""
        here, self._last_compiled = await self._find_available(households)
        return here

    def request_fetch(self) -> None:
        """Make the next `fetch` try all lists, but those that were tried within MIN_PAUSE."""
        self._fetch_requested = True

    # --- state --------------------------------------------------------------------------------

    @property
    def available(self) -> AvailableLists:
        """Return the bundled data that lists are chosen by."""
        return self._available

    @property
    def chosen_lists(self) -> ChosenLists:
        """Return the lists that are used, as chosen at the last check."""
        return self._choice

    @property
    def is_fetch_requested(self) -> bool:
        """Tell whether a fetch was requested that has not begun yet."""
        return self._fetch_requested

    def copy_state(self, slug: str) -> CopyState:
        """Return the state of the copy of a list."""
        return self._states.get(slug, CopyState())

    @property
    def versions(self) -> Versions:
        """Return the versions that are kept on disk."""
        return self._versions

    @property
    def held_versions(self) -> Mapping[str, HeldVersion]:
        """Return the versions of lists in use that wait for a person, by slug."""
        return self._held

    @property
    def own_slugs(self) -> frozenset[str]:
        """Return the slugs of the lists that the household pasted, as of the last check."""
        return frozenset(each.slug for each in self._own_sources)

    @property
    def own_warning(self) -> str:
        """Return, for people, that the pasted lists cannot be read; "" where they can."""
        return self._own_problem and OWN_LISTS_DAMAGED

    @property
    def left_out_warning(self) -> str:
        """Return, for people, which apps are left out for a list of one's own; "" for none."""
        titles = ", ".join(self._catalogue().left_out)
        return titles and LEFT_OUT % titles

    @property
    def missing_text(self) -> str:
        """Return, for people, which chosen lists are not in force yet; "" where all are."""
        in_force = self._catalogue().in_force
        slugs = [each.slug for each in self._choice.sources if each.slug not in in_force]
        here = [slug for slug in slugs if self._states.get(slug, CopyState()).has_copy]
        absent = [slug for slug in slugs if slug not in here]
        return missing_message(absent, len(self._choice.sources), here)

    @property
    def missing_categories(self) -> frozenset[str]:
        """Return the categories of which a chosen list is not in force yet."""
        return self._choice.missing_categories(self._catalogue())

    def metrics(self) -> list[ListMetrics]:
        """Return the metrics of each chosen list."""
        now, states = self._clock(), self._states
        return [
            ListMetrics(
                each.slug,
                state.age(now),
                state.octets,
                bool(state.error),
                each.slug in self._held,
            )
            for each in self._choice.sources
            for state in (states.get(each.slug, CopyState()),)
        ]

    async def _find_available(
        self, households: Iterable[Household]
    ) -> tuple[tuple[ListSource, ...], object]:
        """Choose lists; return them as sources on disk, and a value that changes with them."""
        settings = self._settings().sources
        slugs = {each.slug for each in self._available.sources} | {
            each.slug for each in settings.own
        }
        stored = await asyncio.to_thread(self._copies.states, slugs)
        self._states = {slug: self._with_later_try(slug, state) for slug, state in stored.items()}
        known = {slug: state.names for slug, state in self._states.items()}
        self._choice = choose_for(settings, self._available, households, available_memory(), known)
        used = [each.slug for each in self._choice.sources]
        await self._restore_damaged(used)
        self._held = await asyncio.to_thread(self._versions.held_versions, used)
        self._own_sources = await asyncio.to_thread(self._read_own_lists)
        fetched = sources_on_disk(self._choice, self._copies, self._states)
        here = (*self._own_sources, *fetched)
        marks = await asyncio.to_thread(self._copies.marks, [e.slug for e in here])
        facts = await asyncio.to_thread(facts_mark, self._copies.folder.parent)
        return here, (here, marks, facts)

    async def mend(self) -> None:
        """Write anew what is damaged of the household's own lists; each minute, and at a reload."""
        with suppress(ListError, HouseholdError):  # the first is told by what reads them
            await asyncio.to_thread(self.own.mend)
        self._own_mark = None  # so that damage to a text is seen

    def _read_own_lists(self) -> tuple[ListSource, ...]:
        """Return the lists that the household pasted; those of before where they cannot be read."""
        mark = self.own.mark()
        if mark == self._own_mark:
            return self._own_sources
        try:
            found, problem = self.own.sources(), self.own.damage()
        except ListError as error:
            found, problem = self._own_sources, str(error)
        if problem and problem != self._own_problem:
            log.error(problem)
        self._own_problem, self._own_mark = problem, mark
        return found

    async def _restore_damaged(self, slugs: Sequence[str]) -> None:
        """Restore copies that are gone or cut off, from the versions that are kept."""
        for slug in slugs:
            if not self._states[slug].has_copy:
                noted = await asyncio.to_thread(self._copies.read_noted_state, slug)
                if noted.has_copy and await asyncio.to_thread(self._heal, slug):
                    self._states[slug] = await asyncio.to_thread(self._copies.state, slug)

    def _heal(self, slug: str) -> bool:
        """Restore a copy, and tell whether it was tried: not while another process fetches."""
        with suppress(FetchError, OSError), self._copies.hold_lock(wait=False) as ours:
            if ours:
                self._versions.heal(slug)
            return ours
        return False

    def _with_later_try(self, slug: str, stored: CopyState) -> CopyState:
        """Return a stored state with a later try that could not be stored, as on a full disk."""
        noted = self._unstored.get(slug)
        if noted is None or (noted.tried_at or 0.0) <= (stored.tried_at or 0.0):
            return stored
        tries = noted.tried_at, noted.error, noted.failures
        return replace(stored, tried_at=tries[0], error=tries[1], failures=tries[2])

    # --- putting in force ---------------------------------------------------------------------

    async def apply_available(self) -> None:
        """Put the copies that are here in force, unless they are, or more seem to be coming."""
        here, what = await self._find_available(self._households())
        await self._put_in_force(here, what)
        self._log_changes()
        await self._tell_what_is_held()

    async def _tell_what_is_held(self) -> None:
        for slug, held in self._held.items():
            if not held.is_told and await asyncio.to_thread(self._note_told, slug, held):
                log.warning(
                    "a new version of a list is held", list=slug, why=", ".join(held.reasons)
                )
                self._tell_held(slug)

    def _note_told(self, slug: str, held: HeldVersion) -> bool:
        """Note that a version is told of; False where that must wait."""
        with suppress(FetchError, OSError), self._copies.hold_lock(wait=False) as ours:
            if ours:
                self._versions.mark_told(slug, held.version)
            return ours
        return False

    async def _put_in_force(self, here: Sequence[ListSource], what: object) -> None:
        if what == self._last_compiled:
            self._unsettled_looks, self._fetched_all = 0, False
            return
        self._unsettled_looks += 1
        quiet = self._fetched_all or what == self._last_checked
        self._last_checked, self._fetched_all = what, False
        if quiet or self._unsettled_looks >= MAX_UNSETTLED_LOOKS:
            self._unsettled_looks = 0
            self._last_compiled = what  # not again until something changes
            async with self._memory_lock:
                await self._swap(here)

    def _log_changes(self) -> None:
        chosen = self._choice
        slugs = ", ".join(each.slug for each in chosen.too_large)
        current = self.missing_text, slugs
        if current == self._logged:
            return
        before, self._logged = self._logged, current
        if current[0]:
            log.warning(current[0])
        elif before[0]:
            log.info("all lists are downloaded", lists=len(chosen.sources))
        if slugs and slugs != before[1]:
            log.warning(
                "some lists are too large for this machine and were left out; see "
                "sources.max_names",
                lists=slugs,
                max_names=chosen.max_names,
            )

    # --- what a person decides ------------------------------------------------------------------

    async def set_days(self, slug: str, days: int, now: float) -> None:
        """Let a list only count for some days from now on, or block now (0).

        Raises HouseholdError, and FetchError where that cannot be written.
        """

        def set_alone() -> None:
            with self._copies.hold_lock(wait=False) as ours:
                if not ours:
                    raise HouseholdError(_BUSY)
                self.log_only.set_days(slug, days, now)

        await asyncio.to_thread(set_alone)

    async def decide(self, act: Callable[[Versions], ADone]) -> ADone:
        """Do with the versions of a list what a person decided, and return what `act` returns.

        One decision at a time.  Raises HouseholdError, and FetchError where copies cannot be
        written.
        """

        def act_alone() -> ADone:
            with self._copies.hold_lock(wait=False) as ours:
                if not ours:
                    raise HouseholdError(_BUSY)
                return act(self._versions)

        async with self._deciding:
            done = await asyncio.to_thread(act_alone)
            used = [each.slug for each in self._choice.sources]
            self._held = await asyncio.to_thread(self._versions.held_versions, used)
        return done

    # --- fetching -----------------------------------------------------------------------------

    async def fetch(self) -> None:
        """Fetch the lists that are due, unless another process is fetching now.

        Uses the choice and the states of the last check.
        """
        every, now = self._settings().sources.every * HOUR, self._clock()
        requested, self._fetch_requested = self._fetch_requested, False
        due = [
            each
            for each in self._choice.sources
            for state in (self.copy_state(each.slug),)
            if next_fetch_at(each.slug, state, every, now) <= now
            or (requested and now - (state.tried_at or 0.0) >= MIN_PAUSE)
        ]
        if not due:
            return
        try:
            with self._copies.hold_lock(wait=False) as ours:
                if ours:
                    fetcher = open_fetcher(
                        self._copies,
                        self._clock,
                        self._limits,
                        reading=self._memory_lock,
                        vouched=vouched_names(self._households(), bundled_presets().values()),
                    )
                    await fetch_all(due, fetcher, self._note)
                    self._fetched_all = True
        except FetchError as error:  # copies cannot be written, so nothing was requested
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
        if outcome.result is FetchResult.NEW:
            log.info("a list was downloaded", list=outcome.slug, names=state.names)
        elif state.error and state.error != before.error:
            log.warning("a list could not be downloaded", list=outcome.slug, error=state.error)


async def fetch_all(
    sources: Iterable[Source],
    fetcher: AbstractAsyncContextManager[Fetcher],
    note: Callable[[FetchOutcome], None],
    *,
    may_shrink: bool = False,
) -> None:
    """Fetch lists, a few at once, and note each outcome; the caller holds `Copies.hold_lock`."""
    gate = asyncio.Semaphore(MAX_DOWNLOADS)
    async with fetcher as fetches, asyncio.TaskGroup() as tasks:

        async def one(source: Source) -> None:
            async with gate:
                note(await fetches.fetch(source, may_shrink=may_shrink))

        for source in sources:
            tasks.create_task(one(source))
