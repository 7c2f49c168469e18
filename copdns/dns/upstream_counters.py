"""What each upstream did, in numbers, for metrics.  Pure."""

from __future__ import annotations

from typing import Final

LATENCY_BUCKETS: Final = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0]


class UpstreamCounters:
    """What one upstream did.  `seconds[i]` counts responses up to `LATENCY_BUCKETS[i]`."""

    __slots__ = ("asked", "failed", "over_tcp", "seconds", "total")

    def __init__(self) -> None:
        self.asked = 0
        self.failed = 0
        self.over_tcp = 0
        self.seconds = [0] * (len(LATENCY_BUCKETS) + 1)
        self.total = 0.0

    def note_answer(self, seconds: float) -> None:
        """Count a response.  seconds: how long it took."""
        place = 0  # looked for from the first: most are short
        while place < len(LATENCY_BUCKETS) and LATENCY_BUCKETS[place] < seconds:
            place += 1
        self.seconds[place] += 1
        self.total += seconds
