"""The clock that everybody is told the time by: the machine's own, unless that is surely wrong.

Pure: the machine's clocks are handed to it (`app/app.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from copdns.model.household import Household
from copdns.model.times import OnFailure
from copdns.time.moment import Moment

MAX_BEHIND = 300.0  # seconds that a clock may be behind what was seen, before it is surely wrong
TRUST_AGAIN_AFTER = (
    86_400.0  # seconds after which a clock that nothing corrects is believed all the same
)


class LastSeen(NamedTuple):
    """What a copdns saw last.  at: of the wall clock, seconds since the epoch.  wrong_since: of the
    other clock, when one found that the wall clock shows an earlier time; None: it does not."""

    at: float
    wrong_since: float | None = None


def continues_when_wrong(households: Iterable[Household]) -> bool:
    """Tell whether time goes on from what was seen last where the clock is wrong."""
    chosen = {each.failures.clock for each in households}
    return OnFailure.LAST_KNOWN in chosen or not chosen


class Clock:
    """The wall clock, put right where it is surely wrong: it shows a time before one that a run of
    copdns saw already, as after a power cut on a machine whose clock has no battery.

    Until something sets it, time goes on from what was seen last, where the household wants that.
    """

    def __init__(
        self,
        wall: Callable[[], float],
        mono: Callable[[], float],
        is_synchronised: Callable[[], bool],
    ) -> None:
        """wall, mono: the machine's clocks.  is_synchronised: somebody who knows has set it."""
        self.is_wrong = False
        self._wall, self._mono = wall, mono
        self._is_synchronised = is_synchronised
        self._seen, self._since = 0.0, 0.0
        self._goes_on = False

    def __call__(self) -> Moment:
        mono = self._mono()
        if self.is_wrong and self._goes_on:
            return Moment(self._seen + mono - self._since, mono)
        return Moment(self._wall(), mono)

    def begin(self, seen: LastSeen | None, goes_on: bool) -> float | None:
        """Compare with the moment that was seen last; return since when the clock is wrong.

        goes_on: time goes on from what was seen.
        """
        mono = self._mono()
        self._seen, self._since, self._goes_on = seen.at if seen else 0.0, mono, goes_on
        behind = self._wall() < self._seen - MAX_BEHIND
        self.is_wrong = behind and not self._is_synchronised()
        return mono if self.is_wrong else None

    def adopt(self, seen: LastSeen | None, goes_on: bool) -> None:
        """Think as a copdns does that runs on this machine, or as it would if it were started."""
        self.begin(seen, goes_on)
        since = seen.wrong_since if seen else None
        # Of an earlier run of the machine, whose other clock began anew, nothing is known.
        if since is not None and since <= self._mono():
            self.is_wrong, self._since = True, since
            self.recheck()

    def recheck(self) -> bool:
        """Look whether something set a wrong clock meanwhile; tell whether that is so."""
        if not self.is_wrong:
            return False
        late = self._mono() - self._since > TRUST_AGAIN_AFTER
        self.is_wrong = not (self._wall() >= self._seen or late or self._is_synchronised())
        return not self.is_wrong
