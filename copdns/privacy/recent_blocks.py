"""The last blocks of each child on each device, in memory only, for their own page there.

This is what an appeal starts from: the child sees the name that was just blocked and asks about
it, and the code is a handle to it.  No guardian, log or file ever sees it; after a day, or a
restart, it is gone.  docs/privacy.md
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final, NamedTuple

from copdns.model.build import mypyc_attr
from copdns.model.household import Household
from copdns.model.verdict import Verdict

MAX_BLOCKS: Final = 100  # blocks a device
MAX_AGE: Final = 86_400.0  # seconds


class OwnedDevice(NamedTuple):
    """A device while it is somebody's: the ids of household, profile and device."""

    household: str
    profile: str
    device: str


Owned = tuple[str, str, str]  # an OwnedDevice, or what is equal to one


class Block(NamedTuple):
    """A blocked name.  at: when it was last looked up, seconds since the epoch.

    code: a random handle, the same each time that it is looked at.
    """

    name: str
    verdict: Verdict
    at: float
    code: str


@mypyc_attr(acyclic=True)
class BlockInRing:
    """A block under its name.  code: "" until somebody looks at it."""

    __slots__ = ("at", "code", "verdict")

    def __init__(self, verdict: Verdict, at: float) -> None:
        self.verdict = verdict
        self.at = at
        self.code = ""


class RecentBlocks:
    """Rings of blocks by (household, profile, device), a name once in each, the newest last.

    By profile as well, so that whoever gets a device next never has those of the person before.

    Plain dicts: ten thousand devices may have a ring, and an OrderedDict takes three times as much.

    new_code: gives a random code; drawn when a block is first looked at, since most never are.
    """

    def __init__(self, new_code: Callable[[], str]) -> None:
        self._new_code = new_code
        self._rings: dict[Owned, dict[str, BlockInRing]] = {}

    def add(self, owned: Owned, name: str, verdict: Verdict, now: float) -> None:
        """Note a block as the newest of somebody's device; of more than MAX_BLOCKS the oldest goes.

        owned: what an `OwnedDevice` has, as a plain tuple: this is called for most queries that are
            blocked, and a named tuple takes ten times as long to make.
        now: seconds since the epoch.
        """
        ring = self._rings.get(owned)
        if ring is None:
            ring = self._rings[owned] = {}
        block = ring.pop(name, None)
        if block is None:
            block = BlockInRing(verdict, now)
            if len(ring) >= MAX_BLOCKS:
                _drop_oldest(ring)
        else:
            block.verdict, block.at = verdict, now
        ring[name] = block

    def blocks(self, owned: OwnedDevice, now: float) -> tuple[Block, ...]:
        """Return somebody's blocks of the last day on a device, the newest first, each with its
        code."""
        ring = self._rings.get(owned, {})
        fresh = [(name, block) for name, block in ring.items() if 0 <= now - block.at < MAX_AGE]
        for _, block in fresh:
            block.code = block.code or self._new_code()
        return tuple(Block(name, each.verdict, each.at, each.code) for name, each in fresh[::-1])

    def forget(self, now: float) -> None:
        """Drop what is older than a day; called now and then, since a ring may rest unseen."""
        for key, ring in list(self._rings.items()):
            while ring and now - next(iter(ring.values())).at >= MAX_AGE:
                _drop_oldest(ring)
            if not ring:
                del self._rings[key]

    def keep_only(self, owned: Callable[[], Collection[OwnedDevice]]) -> None:
        """Drop what is of devices that are somebody else's by now, or gone.

        owned: returns whose all devices are; called only where there is anything to drop.
        """
        if not self._rings:
            return
        there = owned()
        for each in [key for key in self._rings if key not in there]:
            del self._rings[each]


def owned_devices(households: Iterable[Household]) -> frozenset[OwnedDevice]:
    """Return all devices of these households, each with whose it is."""
    return frozenset(
        OwnedDevice(home.id, each.profile, each.id) for home in households for each in home.devices
    )


def _drop_oldest(ring: dict[str, BlockInRing]) -> None:
    del ring[next(iter(ring))]
