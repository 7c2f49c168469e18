"""Count replies for a moment, before `Recorder.flush` adds them to the metrics and the log.

Every query is counted, so it costs one addition; `flush` visits only tallies that counted.  Pure.
"""

from __future__ import annotations

from copdns.model.verdict import Verdict
from copdns.policy.decide import Policy


class Tally:
    """How often one policy gave verdicts of one kind, with one rcode and over one transport.

    verdict: one of them; action, reason and category are the same in all.
    own: all were decided by something that the household wrote itself.
    """

    __slots__ = ("_running", "count", "own", "policy", "rcode", "transport", "verdict")

    def __init__(
        self,
        running: list[Tally],
        policy: Policy,
        verdict: Verdict,
        rcode: int,
        transport: str,
        *,
        own: bool = False,
    ) -> None:
        """running: it adds itself there when it begins to count."""
        self._running = running
        self.policy = policy
        self.verdict = verdict
        self.rcode = rcode
        self.transport = transport
        self.own = own
        self.count = 0

    def add(self) -> None:
        """Count one more; from the first one on it is in `running`."""
        if not self.count:
            self._running.append(self)
        self.count += 1

    def take(self) -> int:
        """Return the count, and reset it."""
        count, self.count = self.count, 0
        return count
