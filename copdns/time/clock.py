"""The clocks that the program uses, read as a value; the wall clock is the machine's own, unless
that is certainly wrong.

Pure: `app/answering_parts.py` passes the machine's clocks in, and pure code gets a Moment passed
in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from copdns.model.build import mypyc_attr
from copdns.model.household import Household
from copdns.model.times import OnFailure

EARLIEST: Final = (
    1_735_689_600.0  # 2025-01-01, before the first copdns; no clock that was set is earlier
)
MAX_BEHIND: Final = (
    300.0  # seconds that the clock may be behind the last one seen; beyond, it is wrong
)
TRUST_AGAIN_AFTER: Final = (
    86_400.0  # seconds after which a wrong clock that nothing sets is used anyway
)


@mypyc_attr(acyclic=True)
class Moment:
    """One reading of both clocks.  wall: seconds since the epoch; mono: monotonic seconds."""

    __slots__ = ("mono", "wall")

    def __init__(self, wall: float, mono: float) -> None:
        self.wall = wall
        self.mono = mono


class LastSeen(NamedTuple):
    """The last time that a running copdns saw.

    at: wall clock, seconds since the epoch.  wrong_since: monotonic seconds at which the wall
    clock was found to show an earlier time; None where it was not.
    """

    at: float
    wrong_since: float | None = None


def continues_when_wrong(households: Iterable[Household]) -> bool:
    """Tell whether time continues from the last time seen while the clock is wrong."""
    chosen = {each.failures.clock for each in households}
    return OnFailure.LAST_KNOWN in chosen or not chosen


class Clock:
    """The wall clock, corrected while it is certainly wrong.

    It is wrong when it shows a time before one that an earlier run saw, as after a power cut on a
    machine whose clock has no battery; or one before EARLIEST, as at the first start of such a
    machine.  Until something sets it, time continues from the last time seen, if there is one and
    the household chose that.  Calling it returns the Moment.
    """

    def __init__(
        self,
        wall: Callable[[], float],
        mono: Callable[[], float],
        is_synchronised: Callable[[], bool],
    ) -> None:
        """wall, mono: the machine's clocks, in seconds.  is_synchronised: a time service set it."""
        self.is_wrong = False
        self._wall, self._mono = wall, mono
        self._is_synchronised = is_synchronised
        self._last_seen_at, self._since_mono = 0.0, 0.0
        self._continues = False

    def __call__(self) -> Moment:
        mono = self._mono()
        if self.is_wrong and self._continues:
            return Moment(self._last_seen_at + mono - self._since_mono, mono)
        return Moment(self._wall(), mono)

    def begin(self, last_seen: LastSeen | None, continues: bool) -> float | None:
        """Compare the clock with the last time seen.

        Return the monotonic seconds from which it is wrong; None where it is not.
        continues: time continues from the last time seen while the clock is wrong.
        """
        mono, seen = self._mono(), last_seen.at if last_seen else 0.0
        self._last_seen_at, self._since_mono = max(seen, EARLIEST), mono
        self._continues = continues and seen >= EARLIEST
        behind = self._wall() < self._last_seen_at - MAX_BEHIND
        self.is_wrong = behind and not self._is_synchronised()
        return mono if self.is_wrong else None

    def adopt(self, last_seen: LastSeen | None, continues: bool) -> None:
        """Judge the clock as the copdns that runs here does, or would if it started now."""
        self.begin(last_seen, continues)
        since = last_seen.wrong_since if last_seen else None
        # The monotonic clock starts anew with the machine: a later value is of an earlier boot.
        if since is not None and since <= self._mono():
            self.is_wrong, self._since_mono = True, since
            self.recheck()

    def recheck(self) -> bool:
        """Check a wrong clock again; tell whether it has become right."""
        if not self.is_wrong:
            return False
        late = self._mono() - self._since_mono > TRUST_AGAIN_AFTER
        self.is_wrong = not (self._wall() >= self._last_seen_at or late or self._is_synchronised())
        return not self.is_wrong
