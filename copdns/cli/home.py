"""The household that a command is about: read it, change it.

Reading creates no file: otherwise root, reading first, would own the databases.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property, wraps
from math import inf
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import click

from copdns.accounts.account import Guest, ViewedPart
from copdns.accounts.guests import with_guests
from copdns.accounts.roles import Actor, Role
from copdns.app.seed import HOME, seed_household
from copdns.cli.base import Options, pass_options, read_text
from copdns.cli.changes import differences
from copdns.cli.output import safe
from copdns.config import Settings, defaults_of
from copdns.household.check import KnownIds, no_such
from copdns.household.file import parse
from copdns.list_files.choose import AvailableLists, ChosenLists, available_lists, choose_for
from copdns.list_files.copies import Copies, sources_on_disk
from copdns.list_files.index_store import IndexStore, UncompiledLists
from copdns.list_files.load import bundled_text, known_ids, own_sources
from copdns.list_files.memory import available_memory
from copdns.lists.catalogue import Catalogue, read_files
from copdns.lists.source import ListSource
from copdns.model.errors import HouseholdError, StoreError
from copdns.model.hosts import child_page_url
from copdns.model.household import Band, FullLogSpan, Household, Profile
from copdns.network.machine import clock_is_synchronised
from copdns.policy.snapshot import GUEST, Snapshot, build_snapshot, guest_profile
from copdns.store.db import store_error
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.household import FILE, HouseholdStore
from copdns.store.household_db.looks import Looks
from copdns.store.household_db.notes import Change
from copdns.store.household_db.pairings import Guests
from copdns.store.household_db.proposals import Proposal, Proposals
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.querylog import QueryLog
from copdns.store.log_db.usage import load_clock, load_history
from copdns.time.clock import Clock, continues_when_wrong
from copdns.time.days import BudgetDay, budget_day, zone_of
from copdns.time.minutes import Minutes, Usage
from copdns.time.plan import PolicyInputs

AUTHOR = "command line"

P = ParamSpec("P")
T = TypeVar("T")
Edit = Callable[[Household], Household]
Who = tuple[str, str]  # household and profile
Used = Mapping[Who, Mapping[str, Minutes]]  # by budget


class Home:
    """One household with the data that it is judged by."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = Path(settings.data)

    @cached_property
    def now(self) -> int:
        """The moment that the command began, seconds since the epoch, as a running copdns tells
        the time."""
        return int(self.clock().wall)

    @cached_property
    def clock(self) -> Clock:
        """The clock, taken for wrong where a running copdns takes it so."""
        made = Clock(time.time, time.monotonic, clock_is_synchronised)
        try:
            seen = load_clock(self.folder)
        except StoreError:  # the running copdns believes it then, too
            seen = None
        made.adopt(seen, continues=False)
        if made.is_wrong:  # rarely; else the household need not be read
            made.adopt(seen, continues_when_wrong([self.household]))
        return made

    @cached_property
    def library(self) -> Catalogue:
        return self._library_of(self.chosen)

    @cached_property
    def known(self) -> KnownIds:
        return known_ids(self.library)

    @cached_property
    def copies(self) -> Copies:
        return Copies(self.folder)

    @cached_property
    def offered(self) -> AvailableLists:
        """What ships that lists can be chosen from."""
        return available_lists(read_files(bundled_text))

    @cached_property
    def chosen(self) -> ChosenLists:
        """The lists of other people that this household uses."""
        return self._chosen_for(self.household)

    def _chosen_for(self, *households: Household) -> ChosenLists:
        slugs = {each.slug for each in self.offered.sources}
        slugs |= {each.slug for each in self.settings.sources.own}
        known = {slug: each.names for slug, each in self.copies.states(slugs).items()}
        return choose_for(
            self.settings.sources, self.offered, households, available_memory(), known
        )

    def _library_of(self, chosen: ChosenLists) -> Catalogue:
        return IndexStore(self.folder).read(self._sources_of(chosen))

    def _sources_of(self, chosen: ChosenLists) -> tuple[ListSource, ...]:
        states = self.copies.states(each.slug for each in chosen.sources)
        return *own_sources(self.settings.lists), *sources_on_disk(chosen, self.copies, states)

    @cached_property
    def waiting(self) -> UncompiledLists | None:
        """What a copdns that runs answers by until it has compiled `library`; None when it has."""
        return IndexStore(self.folder).find_uncompiled(self._sources_of(self.chosen))

    @cached_property
    def household(self) -> Household:
        """The household as stored; where none is yet, as the first start would make it."""
        return self._stored() or self._first()

    def profile(self, profile_id: str) -> Profile:
        """Return a profile, also the built-in one of guests; raise HouseholdError."""
        found = self.household.profile(profile_id)
        if found is None and profile_id == GUEST:
            return guest_profile()
        if found is None:
            people = [each.id for each in self.household.profiles]
            raise HouseholdError(no_such("profile", profile_id, people))
        return found

    def live(self, now: float | None = None, before: Snapshot | None = None) -> Snapshot:
        """Return the snapshot that answers queries at a moment.

        before: one of another moment, of which what is the same is taken over.
        """
        defaults = defaults_of(self.settings.dns, child_page_url(self.settings.web.port))
        at = self.now if now is None else now
        readings = self.readings(at)
        household = with_guests(self.household, self.guests, at)
        return build_snapshot(before, self.library, defaults, [household], at, readings)

    @cached_property
    def guests(self) -> tuple[Guest, ...]:
        """Devices assigned for a limited time: guests, and people identified by PIN."""
        household = self._stored()
        if household is None:
            return ()
        return self._read(lambda store: Guests(StoreThread(store)).of(household.id, self.now))

    def guest_leaves(self, after: float) -> float:
        """Return when the next of them has to go; infinite for never."""
        return min((each.until for each in self.guests if each.until > after), default=inf)

    @cached_property
    def day(self) -> BudgetDay:
        """Today, as budgets count it."""
        home = self.household
        return budget_day(self.now, zone_of(home.timezone), home.day_starts)

    def readings(self, at: float) -> PolicyInputs:
        """Return what is known of the world at a moment.

        Minutes of use are those that were stored last, and only for a moment of today: what will
        be used nobody knows.
        """
        missing = self.chosen.missing_categories(self.library)
        # At another moment the clock may be right again, so nobody is told that it is wrong then.
        known = PolicyInputs(missing_categories=missing, clock_is_wrong=self.is_wrong_at(at))
        if not self.day.start <= at < self.day.end:
            return known
        try:
            today, before = self.minutes
        except StoreError:  # the running copdns starts again too, and reports it
            return known
        return replace(known, used=today, used_before=before)

    def is_wrong_at(self, at: float) -> bool:
        """Tell whether a moment is this one, and the clock is surely wrong."""
        return self.clock.is_wrong and int(at) == self.now

    @cached_property
    def minutes(self) -> tuple[Used, Used]:
        """The minutes of today and of yesterday, as they were stored last."""
        yesterday = self.day.day - timedelta(days=1)
        found: dict[date, dict[Who, dict[str, Minutes]]] = {}
        for each in self.usage(yesterday):
            who = each.household, each.profile
            found.setdefault(each.day, {}).setdefault(who, {})[each.budget] = each.minutes
        return found.get(self.day.day, {}), found.get(yesterday, {})

    def usage(self, since: date) -> tuple[Usage, ...]:
        """Return the minutes of use from a date on, by day, profile and budget."""
        return load_history(self.folder, self.household.id, None, since)

    @property
    def has_database(self) -> bool:
        """Tell whether a household may be stored; raise StoreError where that cannot be seen."""
        path = self.folder / FILE
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:  # a folder that is closed to this user is not an empty one
            raise store_error(path, error) from error
        return True

    @property
    def is_stored(self) -> bool:
        return self._stored() is not None

    def _stored(self) -> Household | None:
        async def read(store: HouseholdStore) -> Household | None:
            household_id = await only(store)
            return await store.household(household_id) if household_id else None

        return self._read(read) if self.has_database else None

    def _first(self) -> Household:
        if not self.settings.household:
            return Household(HOME, "Home")
        path = Path(self.settings.household)
        # What is chosen depends on the household, so it is read by what is there in any case.
        first = known_ids(self._library_of(self._chosen_for()))
        return parse(read_text(path, "see the setting `household`"), str(path), first)

    def change(self, what: str, edit: Edit) -> None:
        """Store an edited household, and say what is different now; raise HouseholdError.

        what: for the list of changes, in people's words.
        """
        tell(*self.changed(what, edit))

    def changed(self, what: str, edit: Edit) -> tuple[Household, Household]:
        """Store an edited household; return it as it was and as it is.  Else as `change`."""
        seen: list[Household] = []

        def noting(before: Household) -> Household:
            seen.append(before)
            return edit(before)

        library = self.library  # before: it opens the database too

        async def work(store: HouseholdStore) -> Household:
            household_id = await self.made_in(store, library)
            return await store.change(household_id, noting, author=AUTHOR, what=what, now=self.now)

        after = self.with_store(work)
        return seen[0], after

    def redeemed(self, digest: str, profile_id: str) -> tuple[Household, Household]:
        """Redeem a ticket; return the household as it was and as it is.  Raises HouseholdError."""
        before, library = self.household, self.library

        async def work(store: HouseholdStore) -> Household:
            household_id = await self.made_in(store, library)
            return await store.redeem(household_id, digest, profile_id, author=AUTHOR, now=self.now)

        return before, self.with_store(work)

    async def made_in(self, store: HouseholdStore, library: Catalogue) -> str:
        """Return the id of the household, which is made first if need be."""
        await seed_household(store, self.settings, library, self.now)
        household_id = await only(store)
        assert household_id is not None
        return household_id

    def create(self, household: Household) -> None:
        """Store the first household, and say what it holds."""
        after = self.with_store(lambda store: store.create(household, AUTHOR, self.now))
        tell(Household(household.id, ""), after)

    def changes(self, limit: int) -> tuple[Change, ...]:
        """Return the newest lines of the list of changes, the newest last."""
        household = self._stored()
        if household is None:
            return ()
        return self._read(lambda store: store.changes(household.id, limit))

    def full_logs(self, profile_id: str) -> tuple[FullLogSpan, ...]:
        """Return every full log that was ever granted to a profile."""
        household = self._stored()
        if household is None:
            return ()
        return self._read(lambda store: store.full_logs(household.id, profile_id))

    def look(self, profile: str, *views: ViewedPart) -> None:
        """Record a view of a person, or of everyone with "", before anything is shown.

        They see it on their page, as a view on the dashboard.  If it cannot be recorded, StoreError
        is raised, and nothing may be shown.
        """
        household = self._stored()
        if household is None:
            return  # nobody is known yet
        people = [each.id for each in household.profiles if profile in ("", each.id)]
        # Anyone who can run this on the machine can do everything there.
        who = Actor(household.id, "", AUTHOR, Role.OWNER)
        if people:
            self.with_store(
                lambda store: Looks(StoreThread(store)).note_all(who, people, views, self.now)
            )

    def follow_band(self, before: Profile, band: Band, *, rules: bool) -> Proposal | None:
        """Propose the rules of an age that was just announced, or be done with proposals.

        before: the profile as it was.  rules: they are wanted, and not the age alone.
        """
        who = Actor(self.household.id, "", AUTHOR, Role.OWNER)
        return self.with_store(
            lambda store: Proposals(StoreThread(store)).propose_or_drop(
                who, before, band, self.now, rules=rules
            )
        )

    def erase(self, profile: str) -> None:
        """Delete what is kept of a person; first comes the line in the list of changes."""
        household = self._stored()
        if household is not None:
            what = f"profile {profile}: records deleted (lookups, minutes, requests)"
            self.with_store(lambda store: store.note(household.id, AUTHOR, what, self.now))
        QueryLog(self.folder).erase(self.household.id, profile, self.now)
        if household is not None:
            self.with_store(lambda store: AppealStore(store).erase(household.id, profile))

    def _read(self, work: Callable[[HouseholdStore], Awaitable[T]]) -> T:
        return self.with_store(work, HouseholdStore.open_or_copy)

    def with_store(
        self,
        work: Callable[[HouseholdStore], Awaitable[T]],
        opened: Callable[[Path], HouseholdStore] = HouseholdStore.open,
    ) -> T:
        """Return what some work on the household's database gives; raise StoreError.

        opened: opens it for just so long; the usual one makes or migrates it where needed.
        """

        async def run() -> T:
            with opened(self.folder) as store:
                return await work(store)

        return asyncio.run(run())


async def only(store: HouseholdStore) -> str | None:
    """Return the id of the one household, or None; raise HouseholdError where there are more."""
    ids = await store.households()
    if len(ids) > 1:
        raise HouseholdError(
            "%(path)s contains %(number)s households (%(some)s ...), and these commands need one;"
            " choose its data folder with --data DIR",
            path=str(store.path),
            number=len(ids),
            some=", ".join(ids[:5]),
        )
    return ids[0] if ids else None


def tell(before: Household, after: Household) -> None:
    """Print what a change made different, line by line."""
    lines = differences(before, after)
    for line in lines or ["no change: already set"]:
        click.echo(safe(line))


def pass_home(command: Callable[Concatenate[Home, P], T]) -> Callable[P, T]:
    """Give a command the household as its first argument."""

    @pass_options
    @wraps(command)
    def with_home(options: Options, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return command(Home(options.settings()), *args, **kwargs)

    return with_home
