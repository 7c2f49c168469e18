"""Build the snapshot that questions are answered by, while questions are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from copdns.app.background import in_slices
from copdns.app.collector import frozen_from_gc
from copdns.app.upstreams_in_force import UpstreamsInForce
from copdns.lists.catalogue import Catalogue
from copdns.model.household import Household
from copdns.model.verdict import AnswerDefaults
from copdns.policy.snapshot import Snapshot, build_in_steps
from copdns.time.plan import PolicyInputs


class SnapshotBuilder:
    """changing: held by whoever builds one, from reading what is stored until it is swapped in.

    Without that, of two who build at once the slower would put in force what is older.
    """

    def __init__(
        self,
        defaults: Callable[[], AnswerDefaults],
        readings: Callable[[], PolicyInputs],
        upstreams: UpstreamsInForce,
        now: Callable[[], float],
    ) -> None:
        """All but upstreams: what a snapshot is built from besides lists and households."""
        self.changing = asyncio.Lock()
        self._defaults = defaults
        self._readings = readings
        self._upstreams = upstreams
        self._now = now

    async def build(
        self, before: Snapshot | None, library: Catalogue, households: Sequence[Household]
    ) -> Snapshot:
        """Return the snapshot for these lists and households, and ask their upstreams from now on.

        before: the one in force, of which stays what did not change; a thousand profiles anew take
        half a second.
        """
        readings = self._readings()
        with frozen_from_gc(serving=before is not None):
            steps = build_in_steps(
                before, library, self._defaults(), households, self._now(), readings
            )
            live = await in_slices(steps)
        await self._upstreams.use(households)
        return live

    async def build_for_lists(self, before: Snapshot, library: Catalogue) -> Snapshot:
        """Return a snapshot for other lists; whoever follows the household sees to the rest."""
        return await self.build(before, library, list(before.households.values()))
