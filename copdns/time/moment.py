"""The reading of both clocks as a value: pure code gets it passed in and reads no clock."""

from __future__ import annotations

from typing import NamedTuple


class Moment(NamedTuple):
    """One reading of both clocks.  wall: seconds since the epoch; mono: monotonic seconds."""

    wall: float
    mono: float
