"""The household that a command reads and changes.

Reading creates no file: a database that root creates by reading would belong to root.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property, partial, wraps
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from copdns.accounts.account import Guest, with_guests
from copdns.accounts.moves import Move, admit_guests, with_moves
from copdns.app.from_settings import new_rebinding_guard
from copdns.app.second_box.followed_source import open_bundle
from copdns.app.seed import HOME, seed_household
from copdns.cli.base import Options, pass_options, read_text
from copdns.cli.changes import print_changes
from copdns.cli.home_lists import HomeLists
from copdns.cli.operator_edits import check_operator_edit
from copdns.household.check import KnownIds
from copdns.household.edit_checks import require_profile
from copdns.household.file import parse
from copdns.list_files.choose import ChosenLists
from copdns.list_files.index_store import IndexStore, UncompiledLists
from copdns.list_files.load import is_known_to_filter, known_ids
from copdns.lists.catalogue import Catalogue
from copdns.model.errors import HouseholdError, StoreError
from copdns.model.hosts import child_page_url
from copdns.model.household import Household, Profile
from copdns.network.machine import clock_is_synchronised, is_copdns, listen_addresses
from copdns.network.neighbours import read_table
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.guest import GUEST, guest_profile
from copdns.policy.judge import RebindingGuard
from copdns.policy.snapshot import Snapshot
from copdns.privacy.own_numbers import own_limits, usages_for_others
from copdns.settings.config import AUTO, Settings, defaults_of
from copdns.store.db import store_error
from copdns.store.household_copy import HouseholdCopy
from copdns.store.household_db.claims import Claims
from copdns.store.household_db.condition import FILE
from copdns.store.household_db.guests import Guests
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.notes import CONSOLE, Change
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.querylog import QueryLog
from copdns.store.log_db.unknown_devices import load_unknown_devices
from copdns.store.log_db.usage import load_clock
from copdns.store.second_box_files import BUNDLE, read_following
from copdns.time.clock import Clock, continues_when_wrong
from copdns.time.days import BudgetDay, budget_day, zone_of
from copdns.time.minutes import Minutes, Usage
from copdns.time.own_timers import OwnTimer, Who
from copdns.time.plan import PolicyInputs

if TYPE_CHECKING:
    from copdns.store.household_db.provider import ProviderStore

AUTHOR = "command line"

P = ParamSpec("P")
T = TypeVar("T")
StoreT = TypeVar("StoreT", bound=HouseholdStore)
Edit = Callable[[Household], Household]
ProfileKey = tuple[str, str]  # household and profile
MinutesByProfile = Mapping[ProfileKey, Mapping[str, Minutes]]  # by budget


class Home:
    """One household, with the lists and settings that decide its queries."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = Path(settings.data)
        self.lists = HomeLists(settings)

    @cached_property
    def now(self) -> int:
        """When the command began, in seconds since the epoch, by the clock of a running copdns."""
        return int(self.clock().wall)

    @cached_property
    def clock(self) -> Clock:
        """The clock; wrong where a running copdns takes it for wrong."""
        clock = Clock(time.time, time.monotonic, clock_is_synchronised)
        try:
            last_seen = load_clock(self.folder)
        except StoreError:  # the running copdns believes it then, too
            last_seen = None
        clock.adopt(last_seen, continues=False)
        if clock.is_wrong:  # rarely; else the household need not be read
            clock.adopt(last_seen, continues_when_wrong([self.household]))
        return clock

    @cached_property
    def catalogue(self) -> Catalogue:
        """The lists that settings and household choose, read at the first use, which takes time."""
        return self.lists.build_catalogue(self.chosen_lists)

    @cached_property
    def known_ids(self) -> KnownIds:
        """What a household may name; reads the lists."""
        dns = self.settings.dns
        is_own = partial(is_copdns, own=listen_addresses(dns.listen), port=dns.port)
        marked = self.settings.upstreams.filtering
        return replace(
            known_ids(self.catalogue),
            is_copdns=is_own,
            filters=lambda each: each in marked or is_known_to_filter(each),
        )

    @cached_property
    def log(self) -> QueryLog:
        """What is recorded of look-ups."""
        if not self.is_providers:
            return QueryLog(self.folder)
        from copdns.store.log_db.provider_log import ProviderLog

        provider = self.settings.provider
        log = ProviderLog(self.folder, provider.database, has_minutes=bool(provider.kept))
        atexit.register(log.close)
        return log

    @property
    def rebinding(self) -> RebindingGuard:
        """What keeps outside names from pointing into the home, by the settings."""
        return new_rebinding_guard(self.settings.rebinding)

    @cached_property
    def chosen_lists(self) -> ChosenLists:
        """The downloaded lists that this household uses."""
        return self.lists.choose_for(self.household)

    @cached_property
    def uncompiled_lists(self) -> UncompiledLists | None:
        """The older lists that a running copdns uses until `catalogue` is compiled; None: it is."""
        return IndexStore(self.folder).find_uncompiled(self.lists.sources_of(self.chosen_lists))

    @cached_property
    def household(self) -> Household:
        """The stored household; where there is none yet, what the first start would make."""
        return self.load_household() or self._make_household()

    def forget_household(self) -> None:
        """Read the household again at its next use, since it was changed."""
        self.__dict__.pop("household", None)

    def profile(self, profile_id: str) -> Profile:
        """Return a profile, the built-in guest profile included; raise HouseholdError."""
        if profile_id == GUEST and self.household.profile(GUEST) is None:
            return guest_profile()
        return require_profile(self.household, profile_id)

    def make_snapshot(self, now: float | None = None, before: Snapshot | None = None) -> Snapshot:
        """Return the snapshot that answers queries at `now`, in seconds since the epoch.

        before: one of another moment, whose unchanged parts are used again.
        """
        defaults = defaults_of(self.settings, child_page_url(self.settings.web.port))
        at = self.now if now is None else now
        inputs = self.policy_inputs(at)
        guests = admit_guests(self.household, self.moves, self.guests, at)
        household = with_guests(with_moves(self.household, self.moves, at), guests, at)
        return build_snapshot(before, self.catalogue, defaults, [household], at, inputs)

    @cached_property
    def guests(self) -> tuple[Guest, ...]:
        """Devices assigned for a limited time: guests, and people identified by PIN."""
        household = self.load_household()
        if household is None:
            return ()
        return self.read_store(lambda store: Guests(StoreThread(store)).of(household.id, self.now))

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """Devices that are to be somebody else's."""
        household = self.load_household()
        if household is None:
            return ()
        return self.read_store(lambda store: Claims(StoreThread(store)).all_moves(household.id))

    def see(self, household: str) -> frozenset[tuple[str, str]]:
        """Return addresses of the network with the MAC addresses that were seen behind them."""
        found: set[tuple[str, str]] = set()
        with contextlib.suppress(StoreError):  # no change waits for the log
            found |= {
                (each.address, each.mac)
                for each in load_unknown_devices(self.folder)
                if each.household == household and each.mac
            }
        if self.settings.identity.neighbours == AUTO:
            with contextlib.suppress(OSError):  # where the kernel tells nobody, nothing is seen
                found |= set(read_table().items())
        return frozenset(found)

    def next_guest_end(self, after: float) -> float:
        """Return when the next guest's time ends after a moment; inf: never."""
        return min((each.until for each in self.guests if each.until > after), default=inf)

    @cached_property
    def day(self) -> BudgetDay:
        """Today, as budgets count days."""
        return self.day_of("")

    def local(self, profile_id: str) -> Household:
        """Return the household with a person's clock; "" or nobody's id: with its own."""
        person = self.household.profile(profile_id)
        return self.household if person is None else self.household.local_to(person)

    def day_of(self, profile_id: str) -> BudgetDay:
        """Return today, as a person's budgets count days, by their clock; "": the household's."""
        home = self.local(profile_id)
        return budget_day(self.now, zone_of(home.timezone), home.day_starts)

    def policy_inputs(self, at: float) -> PolicyInputs:
        """Return what policies depend on at a moment, besides the household.

        Minutes of use are those stored last, and only for a moment of today: later use is unknown.
        """
        missing = self.chosen_lists.missing_categories(self.catalogue)
        # At another moment the clock may be right again, so nobody is told that it is wrong then.
        inputs = PolicyInputs(
            missing_categories=missing,
            clock_is_wrong=self.is_clock_wrong_at(at),
            log_only=self.lists.log_only.slugs(at),
            own_timers=self.own_timers,
        )
        days = [self.day, *(self.day_of(each.id) for each in self.household.profiles)]
        if not any(each.start <= at < each.end for each in days):
            return inputs
        try:
            today, before = self.minutes
        except StoreError:  # the running copdns starts again too, and reports it
            return inputs
        return replace(inputs, used=self._of_day(today, at), used_before=self._of_day(before, at))

    @cached_property
    def own_timers(self) -> Mapping[Who, OwnTimer]:
        """The timers that people started for themselves, as far as others may know of them."""
        from copdns.app.control import own_timers  # most commands need no running copdns

        return own_timers(self.folder)

    def _of_day(self, minutes: MinutesByProfile, at: float) -> MinutesByProfile:
        """Return the minutes of those for whom a moment is today."""
        return {
            who: each
            for who, each in minutes.items()
            if (day := self.day_of(who[1])).start <= at < day.end
        }

    def is_clock_wrong_at(self, at: float) -> bool:
        """Tell whether `at` is now, and the clock is certainly wrong."""
        return self.clock.is_wrong and int(at) == self.now

    @cached_property
    def minutes(self) -> tuple[MinutesByProfile, MinutesByProfile]:
        """The minutes of use of today and of yesterday, as stored last."""
        today: dict[ProfileKey, dict[str, Minutes]] = {}
        before: dict[ProfileKey, dict[str, Minutes]] = {}
        # Of a person with another clock, today can be the household's yesterday.
        for each in self.usage(self.day.day - timedelta(days=2)):
            back = (self.day_of(each.profile).day - each.day).days
            if back in (0, 1):
                found = before if back else today
                found.setdefault((each.household, each.profile), {})[each.budget] = each.minutes
        return today, before

    def usage(self, since: date) -> tuple[Usage, ...]:
        """Return the minutes of use from a date on, by day, profile and budget.

        Without those that only the person sees: whoever calls is somebody else.
        """
        found = self._usage(since)
        return tuple(usages_for_others(self.household, found, self.now))

    def _usage(self, since: date) -> tuple[Usage, ...]:
        return self.log.usage(self.household.id, None, since)

    def hidden_limits(self, profile: Profile) -> frozenset[str]:
        """Return the ids of a person's limits whose minutes of today only that person sees."""
        return own_limits(self.household, profile, self.now) | {
            each.budget
            for each in self._usage(self.day_of(profile.id).day)
            if each.own and each.profile == profile.id
        }

    @property
    def is_providers(self) -> bool:
        """Whether the household is in a provider's PostgreSQL."""
        return bool(self.settings.provider.database)

    @property
    def has_database(self) -> bool:
        """Tell whether there is a database, or a copy; raise StoreError where that is hidden."""
        if self.is_providers:
            return True
        if read_following(self.folder) is not None:
            return (self.folder / BUNDLE).exists()
        path = self.folder / FILE
        try:
            path.stat()
        except FileNotFoundError:
            return HouseholdCopy(self.folder).exists
        except NotADirectoryError:
            return False
        except OSError as error:  # a folder that this user may not read is not an empty one
            raise store_error(path, error) from error
        return True

    @property
    def is_stored(self) -> bool:
        """Whether the household is in the database, and not only in a file."""
        return self.load_household() is not None

    def load_household(self) -> Household | None:
        """Return the stored household, read anew; None where there is none yet."""

        async def read(store: HouseholdStore) -> Household | None:
            household_id = await self.find_household(store)
            return await store.household(household_id) if household_id else None

        return self.read_store(read) if self.has_database else None

    def _make_household(self) -> Household:
        if not self.settings.household:
            return Household(HOME, "Home")
        path = Path(self.settings.household)
        # Which lists are chosen depends on the household, so its file may name those of any.
        first = known_ids(self.lists.build_catalogue(self.lists.choose_for()))
        return parse(read_text(path, "see the setting `household`"), str(path), first)

    def change(self, what: str, edit: Edit) -> None:
        """Store an edited household, and print what changed; raise HouseholdError.

        what: for the audit log, in people's words.
        """
        print_changes(*self.apply_change(what, edit))

    def apply_change(self, what: str, edit: Edit) -> tuple[Household, Household]:
        """Store an edited household; return it before and after.  Raises HouseholdError.

        All that is recorded of people who are removed is erased.
        """
        found: list[Household] = []

        def edit_found(before: Household) -> Household:
            found.append(before)
            return check_operator_edit(before, edit(before)) if self.is_providers else edit(before)

        catalogue = self.catalogue  # first: it opens the database too

        async def work(store: HouseholdStore) -> Household:
            household_id = await self.ensure_household(store, catalogue)
            return await store.change(
                household_id, edit_found, author=AUTHOR, what=what, now=self.now
            )

        after = self.with_store(work)
        for each in found[0].profiles:
            if after.profile(each.id) is None:  # whoever has this id later is not shown its records
                self.log.erase(after.id, each.id, self.now)
        return found[0], after

    async def ensure_household(self, store: HouseholdStore, catalogue: Catalogue) -> str:
        """Return the household's id; make the household first, where there is none."""
        await seed_household(store, self.settings, catalogue, self.now)
        household_id = await self.find_household(store)
        assert household_id is not None
        return household_id

    async def find_household(self, store: HouseholdStore) -> str | None:
        """Return the id of the household that commands are about; None: there is none yet.

        Raises HouseholdError or StoreError for several where nothing chooses one.
        """
        chosen = self.settings.provider.household
        if not self.is_providers:
            return await only_household(store)
        if chosen:
            return chosen if await store.household(chosen) is not None else None
        ids = await store.households()
        if len(ids) > 1:
            raise StoreError(
                f"PostgreSQL has {len(ids)} households, and these commands need one; write its id "
                "in provider.household, or give it as COPDNS_PROVIDER__HOUSEHOLD"
            )
        return ids[0] if ids else None

    def count_households(self) -> int:
        """Return how many households a provider's PostgreSQL has; raise StoreError."""
        return self.with_provider(lambda store: store.count())

    def create(self, household: Household) -> None:
        """Store the first household, and print what it contains."""
        if self.is_providers:
            check_operator_edit(Household(household.id, ""), household)
        after = self.with_store(lambda store: store.create(household, AUTHOR, self.now))
        print_changes(Household(household.id, ""), after)

    def note(self, what: str) -> None:
        """Write a line to the history of what is no part of the household."""
        household = self.load_household()
        if household is not None:
            self.with_store(lambda store: store.note(household.id, AUTHOR, what, self.now))

    def changes(self, limit: int) -> tuple[Change, ...]:
        """Return the newest entries of the audit log, newest last."""
        household = self.load_household()
        if household is None:
            return ()
        return self.read_store(lambda store: store.changes(household.id, limit))

    def read_store(self, work: Callable[[HouseholdStore], Awaitable[T]]) -> T:
        """Return the result of `work`, which only reads, also from the copy of the database."""
        return self.with_store(work, is_reading=True)

    def with_store(
        self, work: Callable[[HouseholdStore], Awaitable[T]], *, is_reading: bool = False
    ) -> T:
        """Open the household's database, return the result of `work`; raise StoreError.

        It is created or migrated where needed.  is_reading: a copy will do.
        """
        if self.is_providers:
            return self.with_provider(work)
        following = read_following(self.folder)
        if following is not None:
            return self._run(lambda: open_bundle(self.folder, following, is_reading), work)
        open_store = HouseholdStore.open_or_copy if is_reading else HouseholdStore.open
        return self._run(lambda: open_store(self.folder), work)

    def with_provider(self, work: Callable[[ProviderStore], Awaitable[T]]) -> T:
        """Connect to the provider's PostgreSQL, return the result of `work`; raise StoreError."""
        from copdns.store.household_db.provider import open_provider  # no home has psycopg

        return self._run(lambda: open_provider(self.settings.provider.database), work)

    def family_code(self, *, anew: bool = False) -> str:
        """Return the code of this household of a provider; raise StoreError at home."""
        if not self.is_providers:
            raise StoreError("only a provider's households have a code; at home there is one")
        from copdns.store.household_db.family_codes import FamilyCodes

        async def work(store: ProviderStore) -> str:
            household = await self.find_household(store)
            if household is None:
                raise StoreError("there is no such household; see provider.household")
            codes = FamilyCodes(StoreThread(store))
            if anew:
                return await codes.renew(household, CONSOLE, int(time.time()))
            return await codes.of(household)

        return self.with_provider(work)

    def _run(self, open_store: Callable[[], StoreT], work: Callable[[StoreT], Awaitable[T]]) -> T:
        async def run() -> T:
            with open_store() as store:
                store.see = self.see
                store.forget = self.log.erase
                return await work(store)

        return asyncio.run(run())


async def only_household(store: HouseholdStore) -> str | None:
    """Return the id of the household; None: there is none yet.  HouseholdError: several."""
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


def pass_home(command: Callable[Concatenate[Home, P], T]) -> Callable[P, T]:
    """Give a command the household as its first argument."""

    @pass_options
    @wraps(command)
    def with_home(options: Options, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return command(Home(options.settings()), *args, **kwargs)

    return with_home
