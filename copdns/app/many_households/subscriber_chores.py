"""Read the households of a provider that are asked for, and forget those that moved.

What waits for one is answered as soon as it is here.  While PostgreSQL is away, households that are
here answer as they did, also those that moved just before, and nobody else's rules are used for the
others.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

import structlog

from copdns.app.account_chores import AccountChores, ignore_read
from copdns.app.background import run_logged
from copdns.app.many_households.subscriber_minutes import SubscriberMinutes
from copdns.model.errors import OddRowError, StoreAwayError, StoreError
from copdns.model.household import Household
from copdns.policy.chosen_filter import with_chosen_filter
from copdns.policy.snapshot import HeardDevices
from copdns.policy.subscribers import CompiledHousehold, SharedPolicies, Subscribers
from copdns.server.answer import Resolver
from copdns.server.household_wait import AwaitedHouseholds
from copdns.store.household_db.household import HouseholdStore
from copdns.store.postgres.outbox import Moved
from copdns.store.provider_db.known_households import KnownHousehold
from copdns.time.clock import Clock
from copdns.time.plan import PolicyInputs

log = structlog.get_logger("copdns")

AT_ONCE = 8  # households that are read beside each other
KNOWN_AT_ONCE = 200  # households that are taken from what this machine knew last
TRY_AGAIN = 0.5  # seconds after PostgreSQL did not answer
DEADLINE = 5.0  # seconds in which a household is read; later PostgreSQL counts as away


async def find_nothing(_households: Sequence[str]) -> Sequence[KnownHousehold]:
    """Return that nothing was kept."""
    return ()


class SubscriberChores:
    """subscribers: the households that are here.  heard_of: returns the marks of a household's
    devices; at first none."""

    def __init__(
        self,
        most: int,
        resolver: Resolver,
        store: HouseholdStore,
        account_chores: AccountChores,
        clock: Clock,
        policy_inputs: Callable[[], PolicyInputs],
        is_away: Callable[[], bool],
        note_read: Callable[[Household, float], None] = ignore_read,
        find_known: Callable[[Sequence[str]], Awaitable[Sequence[KnownHousehold]]] = find_nothing,
        minutes: SubscriberMinutes | None = None,
    ) -> None:
        """is_away: tells whether PostgreSQL cannot be reached.  note_read: takes a household that
        was read, and until when it is so.  find_known: returns what was taken so of some.
        minutes: of their limits; None: nobody counts them.
        """
        self.heard_of: Callable[[Household], HeardDevices] = lambda _: {}
        self.subscribers = Subscribers(most, self._compile)
        self._resolver = resolver
        self._store = store
        self._account_chores = account_chores
        self._clock = clock
        self._policy_inputs = policy_inputs
        self._is_away = is_away
        self._note_read = note_read
        self._find_known = find_known
        self._minutes = minutes
        self._awaited = AwaitedHouseholds(resolver, clock)
        self._failures: object = None  # what was not as it should be when it was compiled last
        self._moved: dict[str, int] = {}  # since what is being read now was begun to be read
        self._databases = 0  # that took the place of another one
        snapshot = resolver.snapshot
        self._shared = SharedPolicies(snapshot.library, snapshot.defaults)
        self.subscribers.nobody = self._shared.nobody
        self._is_failing = False  # reading did not work last
        self._is_wanted = asyncio.Event()
        self.subscribers.on_wanted = self._is_wanted.set
        self.subscribers.follow(clock().wall, can_read=True)
        snapshot.subscribers = self.subscribers

    def forget(self, moved: Iterable[Moved]) -> None:
        """Have households that moved read again, also what is being read now."""
        for each in moved:
            self.subscribers.drop(*each)
            self._moved[each.household] = each.revision

    def forget_all(self) -> None:
        """Have each household read again, whatever its revision, also what is being read now: the
        database is another one, where the same number can be of another change."""
        self._databases += 1
        self.subscribers.drop_all()

    async def follow(self) -> None:
        """Decide by the newest lists, forget what is over, give up on what waited too long."""
        self._follow_lists()
        is_away = self._is_away()
        self.subscribers.follow(self._clock().wall, can_read=not is_away)
        if is_away:
            for each in self._awaited.households:
                if self.subscribers.has(each):
                    self._awaited.answer(each)
        self._awaited.give_up()

    def _follow_lists(self) -> None:
        snapshot, inputs = self._resolver.snapshot, self._policy_inputs()
        is_same = self._shared.library is snapshot.library
        if not (is_same and self._shared.defaults == snapshot.defaults):
            self._shared = SharedPolicies(snapshot.library, snapshot.defaults)
            self.subscribers.nobody = self._shared.nobody
            self.subscribers.compile_anew()
        # Minutes of use are of one household each (`SubscriberMinutes`): they change no other here.
        now = inputs.clock_is_wrong, inputs.missing_categories, inputs.log_only
        if now != self._failures:
            self._failures = now
            self.subscribers.compile_anew()

    def _compile(self, household: Household) -> CompiledHousehold:
        now = self._clock().wall
        try:
            in_force, inputs = with_chosen_filter(household), self._policy_inputs()
            if self._minutes is not None:
                inputs = self._minutes.inputs_of(in_force, inputs)
            return self._shared.compile(in_force, now, inputs, self.heard_of(in_force))
        except Exception:  # noqa: BLE001 - a bug met by one household must harm no other
            log.error("a bug in compiling a household", traceback=traceback.format_exc())
            return self._shared.refuse(now)

    async def run(self) -> None:
        """Read what is asked for, for as long as the program runs."""
        while True:
            await self._is_wanted.wait()
            self._is_wanted.clear()
            while wanted := self.subscribers.take_wanted(self._at_once):
                if self._is_away():
                    if not await self._take_known(wanted):
                        await asyncio.sleep(TRY_AGAIN)
                    continue
                self._moved.clear()
                await asyncio.gather(*(run_logged(partial(self._read, each)) for each in wanted))
                # Who waits is told by `follow`, and asks again.
                if self._is_failing or self._is_away():
                    await asyncio.sleep(TRY_AGAIN)

    @property
    def _at_once(self) -> int:
        return KNOWN_AT_ONCE if self._is_away() else AT_ONCE

    async def _take_known(self, wanted: Sequence[str]) -> bool:
        """Answer by what this machine knew last; tell whether that was anything."""
        try:
            found = await self._find_known(wanted)
        except StoreError as error:
            log.error("what was known last cannot be read", error=str(error))
            return False
        for household in set(wanted) - {each.household.id for each in found}:
            if not self.subscribers.has(household):
                self._awaited.give_up_on(household)  # so that dnsdist answers by its class
        for each in found:
            if not self.subscribers.has(each.household.id):  # what is here is as new, or newer
                self.subscribers.put(each.household, each.until)
            self._awaited.answer(each.household.id)
        return bool(found)

    async def _read(self, household: str) -> None:
        database = self._databases
        try:
            async with asyncio.timeout(DEADLINE):
                found = await self._store.household(household)
                if found is not None:
                    await self._put(found, database)
                elif database == self._databases and household not in self._moved:
                    self.subscribers.put_missing(household, self._clock().wall)
        except OddRowError as error:
            log.error("a household cannot be read, so it is refused", error=str(error))
            self.subscribers.put_missing(household, self._clock().wall)
        except (StoreError, TimeoutError) as error:
            self._postpone(household, error)
            return
        self._is_failing = False
        self._awaited.answer(household)  # where it moved meanwhile, that asks for it again

    def _postpone(self, household: str, error: StoreError | TimeoutError) -> None:
        """Answer as before who is here; the others are told by `follow`, and ask again."""
        if not (self._is_failing or isinstance(error, StoreAwayError)):  # of that one all is told
            said = str(error) or "PostgreSQL does not answer"
            log.error("households cannot be read now; those that are here stay", error=said)
        self._is_failing = True
        if self.subscribers.postpone(household, self._clock().wall + TRY_AGAIN):
            self._awaited.answer(household)

    async def _put(self, found: Household, database: int) -> None:
        """Keep a household that was read, unless it moved since, or came from another database."""
        admitted, until = await self._account_chores.with_own_guests(found)
        if self._minutes is not None:
            await self._minutes.take(admitted)
        is_same = database == self._databases
        if is_same and self._moved.get(found.id, found.revision) == found.revision:
            self.subscribers.put(admitted, until)
            self._note_read(admitted, until)
