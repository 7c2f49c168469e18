"""The last blocks of each child's device, in memory only, for that device's own page.

This is what an appeal starts from: the child sees the name that was just blocked and asks about
it, and the code is a handle to it.  No guardian, log or file ever sees it; after a day, or a
restart, it is gone.  docs/privacy.md
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from copdns.model.verdict import Verdict

MAX_BLOCKS = 100  # blocks a device
MAX_AGE = 86_400.0  # seconds


@dataclass(slots=True)
class Block:
    """A blocked name.  at: when it was last looked up, seconds since the epoch.

    code: the random handle that `RecentBlocks.blocks` gives it; "" before.
    """

    name: str
    verdict: Verdict
    at: float
    code: str = ""


class RecentBlocks:
    """Rings of blocks by (household, device), a name once in each, the newest last.

    Plain dicts: ten thousand devices may have a ring, and an OrderedDict takes three times as much.

    new_code: gives a random code; drawn when a block is first looked at, since most never are.
    """

    def __init__(self, new_code: Callable[[], str]) -> None:
        self._new_code = new_code
        self._rings: dict[tuple[str, str], dict[str, Block]] = {}

    def add(self, household: str, device: str, name: str, verdict: Verdict, now: float) -> None:
        """Note a block as the newest of its device; of more than MAX_BLOCKS the oldest goes.

        now: seconds since the epoch.
        """
        ring = self._rings.get((household, device))
        if ring is None:
            ring = self._rings[household, device] = {}
        block = ring.pop(name, None)
        if block is None:
            block = Block(name, verdict, now)
            if len(ring) >= MAX_BLOCKS:
                _drop_oldest(ring)
        else:
            block.verdict, block.at = verdict, now
        ring[name] = block

    def blocks(self, household: str, device: str, now: float) -> tuple[Block, ...]:
        """Return a device's blocks of the last day, the newest first, each with its code."""
        ring = self._rings.get((household, device), {})
        fresh = [block for block in ring.values() if 0 <= now - block.at < MAX_AGE]
        for block in fresh:
            block.code = block.code or self._new_code()
        return tuple(reversed(fresh))

    def forget(self, now: float) -> None:
        """Drop what is older than a day; called now and then, since a ring may rest unseen."""
        for key, ring in list(self._rings.items()):
            while ring and now - next(iter(ring.values())).at >= MAX_AGE:
                _drop_oldest(ring)
            if not ring:
                del self._rings[key]

    def erase(self, household: str, devices: frozenset[str]) -> None:
        """Forget all blocks of these devices."""
        for device in devices:
            self._rings.pop((household, device), None)


def _drop_oldest(ring: dict[str, Block]) -> None:
    del ring[next(iter(ring))]
