"""How many wrong ticket codes somebody may type before they have to wait.

A code has 40 random bits, so a few guesses find none; this prevents many guesses.  The store keeps
the attempts, so those of the page, the API and the command line count together.  Pure; moments are
in seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MAX_WRONG_CODES = 5  # within ATTEMPT_WINDOW
ATTEMPT_WINDOW = 900  # seconds for which an attempt counts


class WrongCode(NamedTuple):
    """An attempt with a code that does not exist.  device: "" for none, as on the command line."""

    profile: str
    device: str
    at: int


def refused_until(attempts: Iterable[WrongCode], profile: str, device: str, now: int) -> int | None:
    """Return until when a profile, or its device, may try no code; None where it may.

    After the clock was set back an attempt may lie in the future: it counts within the same window.
    """
    recent = sorted(
        each.at
        for each in attempts
        if abs(now - each.at) < ATTEMPT_WINDOW
        and (each.profile == profile or (each.device == device != ""))
    )
    return recent[-MAX_WRONG_CODES] + ATTEMPT_WINDOW if len(recent) >= MAX_WRONG_CODES else None
