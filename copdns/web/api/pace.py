"""A rate limit for each account, so that a program in a loop does not slow others down.  Pure.

Moments are monotonic seconds.
"""

from __future__ import annotations

MAX_AT_ONCE = 1000  # calls
CALLS_A_SECOND = 100  # refilled each second


class Pace:
    """A token bucket for each account."""

    def __init__(self, at_once: int = MAX_AT_ONCE, a_second: float = CALLS_A_SECOND) -> None:
        self._at_once = at_once
        self._a_second = a_second
        self._left: dict[str, tuple[float, float]] = {}  # calls left, and when that was computed

    def wait(self, account: str, now: float) -> float:
        """Count a call; return 0, or the seconds to wait if the call must not be made now."""
        left, at = self._left.get(account, (float(self._at_once), now))
        left = min(float(self._at_once), left + (now - at) * self._a_second)
        if left < 1:
            return (1 - left) / self._a_second
        self._left[account] = (left - 1, now)
        return 0
