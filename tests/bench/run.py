"""One run: every server started and checked, then every workload in interleaved rounds."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import click

from tests.bench.build import BenchError
from tests.bench.ours import Copdns, metric
from tests.bench.peers import BLOCKS, Server
from tests.bench.quiet import watch
from tests.bench.stage import Running, Stage
from tests.bench.workloads import WORKLOADS, Sample, Values, Workload, check, warm
from tests.running import PATIENCE

DROPPED = "copdns_log_dropped_total"


@dataclass
class Run:
    """What was measured.

    wrong: what went wrong, a line each.  missing: servers that are not here, and why.
    """

    stage: Stage
    rounds: int
    seconds: float
    samples: list[Sample] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def measure(self, servers: Sequence[Server], workloads: Sequence[str]) -> None:
        for server in servers:
            if why := server.missing():
                self.missing[server.name] = why
            else:
                self._start(server)
        for workload in (WORKLOADS[each] for each in workloads):
            if workload.warms:
                self._warm(workload)
            for number in range(min(self.rounds, workload.most)):
                self._round(workload, number)

    def _start(self, server: Server) -> None:
        say(f"{server.name}: starting with {self.stage.count:,} names")
        try:
            if isinstance(server, Copdns) and server.over_tls:
                self.stage.encrypt_upstream()
            running = self.stage.start(server)
            if BLOCKS in server.offers:  # one that only echoes keeps nothing
                check(self.stage, running)
                warm(self.stage, running, self.seconds)
        except BenchError as error:
            self._leave_out(server.name, "check", error)

    def _taking_part(self, workload: Workload) -> list[str]:
        running = self.stage.running.items()
        return [name for name, each in running if workload.needs <= each.server.offers]

    def _warm(self, workload: Workload) -> None:
        for name in self._taking_part(workload):
            try:
                workload.measure(self.stage, self.stage.running[name], self.seconds)
            except BenchError as error:
                self._leave_out(name, workload.name, error)

    def _round(self, workload: Workload, number: int) -> None:
        order = self._taking_part(workload)
        random.Random(f"{workload.name} {number}").shuffle(order)
        say(f"{workload.name}, round {number + 1}: {', '.join(order)}")
        for name in order:
            try:
                found = self._measured(workload, self.stage.running[name])
                self.samples.append(Sample(workload.name, name, number, found))
                if found.get("wrong"):
                    self.wrong.append(
                        f"{name}, {workload.name}: {found['wrong']:.0f} answers were wrong"
                    )
            except BenchError as error:
                self._leave_out(name, workload.name, error)

    def _measured(self, workload: Workload, running: Running) -> Values:
        """Return a round's numbers; with load also what others took, and log rows dropped."""
        before = _dropped(running) if workload.loads else {}
        with watch(self.stage.machine, running.process.pid) as others:
            found = workload.measure(self.stage, running, self.seconds)
        if "sent" not in found:
            return found
        dropped = {key: number - before[key] for key, number in _dropped(running).items()}
        return {**found, **others.values, **dropped}

    def _leave_out(self, name: str, workload: str, error: BenchError) -> None:
        """A server that does something wrong takes no further part, and it is told."""
        self.wrong.append(f"{name}, {workload}: {error}")
        self.stage.running.pop(name, None)


def _dropped(running: Running) -> dict[str, float]:
    """Return how many rows of the log a copdns had to drop so far; others have no such log."""
    if not isinstance(running.server, Copdns):
        return {}
    patience = time.monotonic() + PATIENCE
    while True:
        try:
            return {"dropped": metric(running.place, DROPPED)}
        except OSError as error:  # pages come a little later than the first answer
            if time.monotonic() > patience:
                raise BenchError(f"its metrics do not answer: {error}") from error
            time.sleep(0.05)


def say(words: str) -> None:
    """Tell how far it is, beside the results."""
    click.echo(words, err=True)
