"""Signs that a device may not use the filter, as values.  docs/bypass.md says what they can tell.

They hold no name and no address.  `privacy/bypass_signs.py` decides.  Pure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from copdns.model.build import mypyc_attr


class SignKind(StrEnum):
    """What was noticed before a device went silent."""

    SILENCE = "silence"  # nothing
    RESOLVER = "resolver"  # it, or somebody in its name, asked for another resolver
    VPN = "vpn"  # the same of a VPN, a proxy, or what gets people round censorship


class Sign(NamedTuple):
    """One silence of a device that was at home all the while.

    at: the hour in which it was noticed, in seconds since the epoch.
    proven: the name was asked over TCP in clear text, which shows who asks and no page
        can choose.
    tells: from when guardians are told, in seconds since the epoch; None: this sign tells nobody.
    told: the event was published.
    """

    household: str
    profile: str
    device: str
    at: int
    kind: SignKind
    proven: bool = False
    tells: int | None = None
    told: bool = False


class Habit(NamedTuple):
    """What is known of a device from one week: no name, no moment.

    week: seven days since the epoch, of the days on its person's calendar.
    first, day: the first and the last of its days that are counted, in days since the epoch.
    days: on how many of these days it asked anything.
    hours: a digit for each hour of the day: on how many days it asked something then.
    longest: minutes, of its longest silence in waking hours.
    today: the hours of `day` that are counted already, as bits.
    """

    household: str
    profile: str
    device: str
    week: int
    first: int
    day: int
    days: int
    hours: str
    longest: int
    today: int


@mypyc_attr(acyclic=True)
class Heard:
    """Whether a device asked anything lately: the way of a query sets it, a chore clears it.

    No moment and no name is here.  way: a known way around the filter that was asked for, and
    blocked; proven: as of a `Sign`.
    """

    __slots__ = ("lately", "proven", "way")

    def __init__(self) -> None:
        self.lately = False
        self.way: SignKind | None = None
        self.proven = False

    def note_way(self, way: SignKind, *, proven: bool) -> None:
        """Note that a way around the filter was asked for; a proven one stays."""
        if proven or not self.proven:
            self.way, self.proven = way, proven


# Of all devices at home that nobody looks for signs of, together: only whether one asked is read.
OTHERS_HEARD: Final = Heard()
# Of whom nothing follows for the home: this machine itself, and strangers.  It is never read.
UNHEARD: Final = Heard()
