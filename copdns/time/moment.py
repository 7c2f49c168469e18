"""What a clock says, as a value: nothing below the shell looks at one."""

from __future__ import annotations

from typing import NamedTuple


class Moment(NamedTuple):
    """One look at the clocks.  wall: seconds since the epoch; mono: monotonic seconds."""

    wall: float
    mono: float
