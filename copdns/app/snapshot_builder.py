"""Build snapshots while queries are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from copdns.app.background import in_slices
from copdns.app.memory_use import keep_from_gc
from copdns.app.upstreams_in_force import UpstreamsInForce
from copdns.lists.catalogue import Catalogue
from copdns.model.household import Household
from copdns.model.verdict import AnswerDefaults
from copdns.policy.build_snapshot import build_in_steps
from copdns.policy.snapshot import Snapshot
from copdns.time.plan import PolicyInputs


class SnapshotBuilder:
    """changing: the lock to hold from reading the store until the snapshot is swapped in.

    Without it the slower of two that build at once would put the older one in force.
    """

    def __init__(
        self,
        defaults: Callable[[], AnswerDefaults],
        policy_inputs: Callable[[], PolicyInputs],
        upstreams: UpstreamsInForce,
        now: Callable[[], float],
        adapt: Callable[[Household], Household] | None = None,
    ) -> None:
        """defaults, policy_inputs, now: return what else a snapshot is built from.

        adapt: returns a household as this program can serve it; None: as it is.
        """
        self.changing = asyncio.Lock()
        self._defaults = defaults
        self._policy_inputs = policy_inputs
        self._upstreams = upstreams
        self._now = now
        self._adapt = adapt

    async def build(
        self, before: Snapshot | None, library: Catalogue, households: Sequence[Household]
    ) -> Snapshot:
        """Return the snapshot for these lists and households, and use their upstreams from now on.

        before: the one in force, whose policies are used again where nothing changed; a thousand
        new ones take half a second.
        """
        inputs = self._policy_inputs()
        if self._adapt is not None:
            households = [self._adapt(each) for each in households]
        with keep_from_gc():
            steps = build_in_steps(
                before, library, self._defaults(), households, self._now(), inputs
            )
            snapshot = await in_slices(steps)
        await self._upstreams.apply(households)
        return snapshot

    async def build_for_lists(self, before: Snapshot, library: Catalogue) -> Snapshot:
        """Return the snapshot for other lists, with the households of the one before."""
        return await self.build(before, library, list(before.households.values()))
