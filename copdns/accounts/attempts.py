"""How often somebody may type a ticket's code that nobody made, before they have to wait.

A code has 40 bits of chance, so nobody finds one by trying a few; many are not to be tried.  What
was tried the store counts, so that all ways in count together.  Pure; moments in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

WRONG = 5  # codes that are not known
WITHIN = 900  # seconds in which they count


class WrongCode(NamedTuple):
    """A code that was not known.  device: "" where none is told, as on the command line."""

    profile: str
    device: str
    at: int


def refused_until(attempts: Iterable[WrongCode], profile: str, device: str, now: int) -> int | None:
    """Return until when a profile, or its device, may try no code; None: it may.

    What a clock that was set back shows as still to come counts if it is as near as that.
    """
    recent = sorted(
        each.at
        for each in attempts
        if abs(now - each.at) < WITHIN
        and (each.profile == profile or (each.device == device != ""))
    )
    return recent[-WRONG] + WITHIN if len(recent) >= WRONG else None
