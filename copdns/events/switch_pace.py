"""How often home automation may switch one person: each time is a line of the history, and whoever
can write to the broker could fill it.  Pure; moments are monotonic seconds.
"""

from __future__ import annotations

from typing import Final

AT_ONCE: Final = 6  # switches in a row, as of somebody who pauses and thinks again
EVERY: Final = 60.0  # seconds until one more is allowed


class SwitchPace:
    """Counts the switches of each person; the longer nobody switched, the more are allowed."""

    def __init__(self) -> None:
        self._free_at: dict[str, float] = {}  # by person: when AT_ONCE of them are allowed again

    def take(self, person: str, mono: float) -> bool:
        """Tell whether a person may be switched now; if so, it counts."""
        free_at = max(self._free_at.get(person, mono), mono)
        if free_at - mono > (AT_ONCE - 1) * EVERY:
            return False
        self._free_at[person] = free_at + EVERY
        return True

    def keep_only(self, people: frozenset[str]) -> None:
        """Forget people that are not among these."""
        self._free_at = {each: at for each, at in self._free_at.items() if each in people}
