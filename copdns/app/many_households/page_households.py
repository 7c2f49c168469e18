"""The households of a provider whose pages are open, each read when a request is about it.

A page sees one snapshot that holds its household alone, so that nothing of another one can get on
it.  What moved is read again at once, since whoever changed something waits for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from typing import Final

from copdns.app.account_chores import AccountChores
from copdns.app.background import run_logged
from copdns.app.many_households.subscriber_minutes import SubscriberMinutes
from copdns.model.household import Household
from copdns.model.verdict import Requestor
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.decide import Policy
from copdns.policy.guest import guest_key
from copdns.policy.snapshot import Client, Snapshot
from copdns.policy.subscribers import NOBODYS
from copdns.store.connection import SqlConnection
from copdns.store.db import read_transaction
from copdns.store.household_db.family_codes import FamilyCodes
from copdns.store.household_db.tables import load
from copdns.store.household_db.thread import StoreThread
from copdns.store.postgres.outbox import Moved
from copdns.time.plan import PolicyInputs
from copdns.web.many_households.family_door import CHOSEN, DEVICE
from copdns.web.person import LINE

MOST: Final = 500  # households that are kept; of those that no request is about, the oldest go


class PageHouseholds:
    """base: the snapshot that all share, without households.  now: seconds since the epoch."""

    def __init__(
        self,
        thread: StoreThread,
        account_chores: AccountChores,
        base: Callable[[], Snapshot],
        policy_inputs: Callable[[], PolicyInputs],
        now: Callable[[], float],
        minutes: SubscriberMinutes | None = None,
    ) -> None:
        """minutes: of the limits of those whose pages are open; None: nobody counts them."""
        self._thread = thread
        self._codes = FamilyCodes(thread)
        self._account_chores = account_chores
        self._base = base
        self._policy_inputs = policy_inputs
        self._now = now
        self._minutes = minutes
        self._inputs: dict[str, PolicyInputs] = {}  # what those that are here depend on
        self._here: dict[str, Snapshot] = {}  # in the order of their last use
        self._held: Counter[str] = Counter()  # requests that run about one
        self._until: dict[str, float] = {}  # when one has to be read again
        self._reading: set[asyncio.Task[None]] = set()
        self._reads = 0  # that were begun
        self._numbers: dict[str, int] = {}  # of the reads that those that are here come from
        # Reads that run, by number, without those whose household moved meanwhile.
        self._under_way: dict[int, str] = {}

    async def find(self, code: str) -> str:
        """Return whose code it is; "" for nobody's.  Raises StoreError."""
        return await self._codes.find(code)

    async def find_device(self, digest: str) -> str:
        """Return whose device has a token; "" for nobody's.  Raises StoreError."""
        return await self._codes.find_device(digest)

    async def code_of(self, household: str) -> str:
        """Return the code of a household, made at the first call.  Raises StoreError."""
        return await self._codes.of(household)

    async def renew_code(self, household: str, author: str, now: int) -> str:
        """Return another code of a household, and let the former one go.  Raises StoreError."""
        return await self._codes.renew(household, author, now)

    @asynccontextmanager
    async def hold(self, household: str) -> AsyncIterator[bool]:
        """Have a household ready for as long as a request runs, however many others are asked for;
        give False where there is none.  Raises StoreError."""
        self._held[household] += 1
        try:
            yield await self._load(household)
        finally:
            self._held[household] -= 1
            if not self._held[household]:
                del self._held[household]
            self._drop_oldest()

    async def _load(self, household: str) -> bool:
        there, now, base = self._here.get(household), self._now(), self._base()
        is_good = there is not None and there.library is base.library and not there.is_due(now)
        if not is_good or self._until.get(household, 0.0) <= now:
            await self._read(household)
        if household in self._here:
            self._here[household] = self._here.pop(household)
        return household in self._here

    def forget_after(
        self, other: Callable[[Sequence[Moved]], None]
    ) -> Callable[[Sequence[Moved]], None]:
        """Return what calls another function with what moved, and then `forget`."""

        def forget(moved: Sequence[Moved]) -> None:
            other(moved)
            self.forget(moved)

        return forget

    def forget(self, moved: Iterable[Moved]) -> None:
        """Read households again that moved, of those that are here or are being read now."""
        for each in moved:
            for number in [one for one, of in self._under_way.items() if of == each.household]:
                del self._under_way[number]
            if each.household in self._here:
                self._until[each.household] = 0.0
                task = asyncio.ensure_future(run_logged(partial(self._read, each.household)))
                self._reading.add(task)
                task.add_done_callback(self._reading.discard)

    def forget_all(self) -> None:
        """Read each household again at the next request about it: the database is another one."""
        self._under_way.clear()
        for each in self._here:
            self._until[each] = 0.0

    def has(self, household: str) -> bool:
        """Tell whether a household is here."""
        return household in self._here

    def policies_of(self, _household: str) -> tuple[Policy, ...]:
        """Return none: what is asked for has its policies elsewhere."""
        return ()

    def compile_again(self, household: str) -> None:
        """Have a household read at the next request: its minutes of use are others."""
        if household in self._here:
            self._until[household] = 0.0

    def policy_inputs(self) -> PolicyInputs:
        """Return what the policies depend on that `snapshot` has."""
        return self._inputs.get(CHOSEN.get()) or self._policy_inputs()

    def snapshot(self) -> Snapshot:
        """Return what the request that runs now may see: its household, or none."""
        return self._here.get(CHOSEN.get()) or self._base()

    def identify(self, requestor: Requestor) -> Client:
        """Return the client that the request that runs now comes from: its device, by the token
        that it showed, or that of its household's unknown devices, whoever of the family it is.
        """
        base = self._base()
        address = ip_address(requestor.address)
        if not any(address in network for network in base.defaults.allow):
            return base.identify(requestor)
        household = CHOSEN.get()
        snapshot = self._here.get(household)
        if snapshot is None:
            return replace(base.identify(requestor), household=NOBODYS)
        digest = DEVICE.get()
        if digest and snapshot.has_token(digest):
            return snapshot.identify(replace(requestor, token=digest))
        policy = snapshot.policies[household, guest_key(snapshot.households[household])][1]
        return Client(household, LINE, policy)

    async def _read(self, household: str) -> None:
        self._reads += 1
        number = self._reads
        self._under_way[number] = household
        try:
            await self._read_as(number, household)
        finally:
            self._under_way.pop(number, None)

    async def _read_as(self, number: int, household: str) -> None:
        """Read a household; one that moves meanwhile is read again at the next request."""
        found = await self._thread.read(partial(_load, household))
        if found is None:
            self._drop(household)
            return
        admitted, until = await self._account_chores.with_own_guests(found)
        inputs = self._policy_inputs()
        if self._minutes is not None:
            await self._minutes.take(admitted)
            inputs = self._minutes.inputs_of(admitted, inputs)
        base = self._base()
        if self._numbers.get(household, number) > number:
            return  # what was begun to be read later was here sooner
        self._numbers[household] = number
        self._here[household] = build_snapshot(
            base, base.library, base.defaults, [admitted], self._now(), inputs
        )
        self._inputs[household] = inputs
        self._until[household] = until if number in self._under_way else 0.0
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        idle = [each for each in self._here if each not in self._held]
        for each in idle[: max(len(self._here) - MOST, 0)]:
            self._drop(each)

    def _drop(self, household: str) -> None:
        for there in (self._here, self._until, self._inputs, self._numbers):
            there.pop(household, None)


def _load(household: str, connection: SqlConnection) -> Household | None:
    with read_transaction(connection):
        return load(connection, household)
