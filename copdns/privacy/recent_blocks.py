"""The last blocks of each child on each device, in memory only, for their own page there.

This is what an appeal starts from: the child sees the name that was just blocked and asks about
it, and the code is a handle to it.  No guardian, log or file ever sees it; after a day, or a
restart, it is gone.  docs/privacy.md
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable
from typing import Final, NamedTuple, cast

from copdns.model.block_ring import BlockRing
from copdns.model.household import Household
from copdns.model.verdict import Verdict

MAX_BLOCKS: Final = 100  # blocks a device
MAX_AGE: Final = 86_400.0  # seconds
MAX_RINGS: Final = 20_000  # devices with blocks of a day; the ring that was begun first goes
_PLACES: Final = 3  # of a block in `BlockRing.entries`
_FULL: Final = 2 * _PLACES * MAX_BLOCKS  # places: then each name is left once


class OwnedDevice(NamedTuple):
    """A device while it is somebody's: the ids of household, profile and device."""

    household: str
    profile: str
    device: str


Owned = tuple[str, str, str]  # an OwnedDevice, or what is equal to one


class Block(NamedTuple):
    """A blocked name.  at: when it was last looked up, whole seconds since the epoch.

    code: a random handle, the same each time that it is looked at.
    """

    name: str
    verdict: Verdict
    at: float
    code: str


class RecentBlocks:
    """Rings of blocks by (household, profile, device), a name once in each, the newest last.

    By profile as well, so that whoever gets a device next never has those of the person before.

    new_code: gives a random code; drawn when a block is first looked at, since most never are.
    """

    def __init__(self, new_code: Callable[[], str]) -> None:
        self._new_code = new_code
        self._rings: dict[Owned, BlockRing] = {}
        self._of: dict[str, set[Owned]] = {}  # whose rings there are, by household
        # The second of the last block, as a number and as an object: blocks of a second share it.
        self._second = 0
        self._at: object = 0.0

    def ring_of(self, owned: Owned) -> BlockRing:
        """Return the ring of somebody's device.  Whoever keeps it looks at `is_dropped` before
        each use.

        owned: what an `OwnedDevice` has, as a plain tuple: a named one takes ten times as long to
            make.
        """
        ring = self._rings.get(owned)
        if ring is None:
            ring = self._rings[owned] = BlockRing()
            self._of.setdefault(owned[0], set()).add(owned)
            if len(self._rings) > MAX_RINGS:
                self._drop(next(iter(self._rings)))
        return ring

    def add(self, ring: BlockRing, name: str, verdict: Verdict, now: float) -> None:
        """Note a block as the newest of a ring; of more than MAX_BLOCKS the oldest goes.

        now: seconds since the epoch.
        """
        second = int(now)
        if second != self._second:
            self._second = second
            self._at = float(second)
        entries = ring.entries
        entries.append(name)
        entries.append(verdict)
        entries.append(self._at)
        if len(entries) >= _FULL:
            _tidy(ring)

    def blocks(self, owned: OwnedDevice, now: float) -> tuple[Block, ...]:
        """Return somebody's blocks of the last day on a device, the newest first, each with its
        code."""
        ring = self._rings.get(owned)
        if ring is None:
            return ()
        found: list[Block] = []
        there = blocks_in(ring)
        codes = ring.codes
        if codes is None:
            codes = ring.codes = {}
        for name, verdict, at in there:
            if 0 <= now - at < MAX_AGE:
                code = codes.get(name)
                if code is None:
                    code = codes[name] = self._new_code()
                found.append(Block(name, verdict, at, code))
        found.reverse()
        return tuple(found)

    def forget(self, now: float) -> Generator[None, None, None]:
        """Drop what is older than a day, a ring at a time; in between, anything may happen.

        Called now and then, since a ring may rest unseen.
        """
        for key, ring in tuple(self._rings.items()):
            if not ring.is_dropped:
                entries = ring.entries
                if entries and now - cast(float, entries[2]) >= MAX_AGE:
                    _drop_old(ring, now)
                if not entries:
                    self._drop(key)
            yield

    def keep_only(self, owned: Callable[[], Collection[OwnedDevice]]) -> None:
        """Drop what is of devices that are somebody else's by now, or gone.

        owned: returns whose all devices are; called only where there is anything to drop.
        """
        if not self._rings:
            return
        there = owned()
        for each in [key for key in self._rings if key not in there]:
            self._drop(each)

    def keep_only_of(self, household: Household) -> None:
        """As `keep_only`, of one household as it is now."""
        if there := self._of.get(household.id):
            for each in there - owned_devices((household,)):
                self._drop(each)

    def _drop(self, owned: Owned) -> None:
        ring = self._rings.pop(owned)
        ring.is_dropped = True
        ring.entries.clear()
        ring.codes = None
        of_household = self._of[owned[0]]
        of_household.discard(owned)
        if not of_household:
            del self._of[owned[0]]


def blocks_in(ring: BlockRing) -> list[tuple[str, Verdict, float]]:
    """Return the blocks of a ring: name, verdict and moment, the newest last."""
    _tidy(ring)
    entries = ring.entries
    return [
        (cast(str, entries[at]), cast(Verdict, entries[at + 1]), cast(float, entries[at + 2]))
        for at in range(0, len(entries), _PLACES)
    ]


def _tidy(ring: BlockRing) -> None:
    """Leave each name of a ring once, and of more than MAX_BLOCKS the newest."""
    entries = ring.entries
    seen: set[str] = set()
    kept: list[object] = []
    at = len(entries) - _PLACES
    while at >= 0 and len(seen) < MAX_BLOCKS:
        name = cast(str, entries[at])
        if name not in seen:
            seen.add(name)
            kept.append(entries[at + 2])
            kept.append(entries[at + 1])
            kept.append(name)
        at -= _PLACES
    kept.reverse()
    entries[:] = kept
    codes = ring.codes
    if codes is not None:
        ring.codes = {name: code for name, code in codes.items() if name in seen}


def _drop_old(ring: BlockRing, now: float) -> None:
    """Drop the first blocks of a ring, up to one that is not a day old."""
    _tidy(ring)  # a name that was looked up again is not among the first
    entries, end = ring.entries, 0
    while end < len(entries) and now - cast(float, entries[end + 2]) >= MAX_AGE:
        if ring.codes is not None:
            ring.codes.pop(cast(str, entries[end]), None)
        end += _PLACES
    del entries[:end]


def owned_devices(households: Iterable[Household]) -> frozenset[OwnedDevice]:
    """Return all devices of these households, each with whose it is."""
    return frozenset(
        OwnedDevice(home.id, each.profile, each.id) for home in households for each in home.devices
    )
