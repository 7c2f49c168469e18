"""One run: every server started and checked, then every workload in interleaved rounds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import click

from tests.bench.build import BenchError
from tests.bench.ours import Copdns, metric
from tests.bench.peers import Server
from tests.bench.stage import Stage
from tests.bench.workloads import FOR_ALL, MOST_ROUNDS, WORKLOADS, Sample, check, warm


@dataclass
class Run:
    """What was measured.

    wrong: what went wrong, a line each.  missing: servers that are not here, and why.
    dropped: rows of the log that each copdns had to drop.
    """

    stage: Stage
    rounds: int
    seconds: float
    samples: list[Sample] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, float] = field(default_factory=dict)

    def measure(self, servers: Sequence[Server], workloads: Sequence[str]) -> None:
        for server in servers:
            if why := server.missing():
                self.missing[server.name] = why
            else:
                self._start(server)
        for workload in workloads:
            for number in range(min(self.rounds, MOST_ROUNDS.get(workload, self.rounds))):
                self._round(workload, number)
            if workload != "start":  # after that they are other processes, and count anew
                self._count_dropped()

    def _start(self, server: Server) -> None:
        say(f"{server.name}: starting with {self.stage.count:,} names")
        try:
            running = self.stage.start(server)
            check(self.stage, running)
            warm(self.stage, running)
        except BenchError as error:
            self._leave_out(server.name, "check", error)

    def _round(self, workload: str, number: int) -> None:
        order = [
            name
            for name, each in self.stage.running.items()
            if each.server.filters or workload in FOR_ALL
        ]
        random.Random(f"{workload} {number}").shuffle(order)
        say(f"{workload}, round {number + 1}: {', '.join(order)}")
        for name in order:
            try:
                found = WORKLOADS[workload](self.stage, self.stage.running[name], self.seconds)
                self.samples.append(Sample(workload, name, number, found))
                if found.get("wrong"):
                    self.wrong.append(
                        f"{name}, {workload}: {found['wrong']:.0f} answers were wrong"
                    )
            except BenchError as error:
                self._leave_out(name, workload, error)

    def _leave_out(self, name: str, workload: str, error: BenchError) -> None:
        """A server that does something wrong takes no further part, and it is told."""
        self.wrong.append(f"{name}, {workload}: {error}")
        self.stage.running.pop(name, None)

    def _count_dropped(self) -> None:
        for each in self.stage.running.values():
            if isinstance(each.server, Copdns):
                count = metric(each.place, "copdns_log_dropped_total")
                self.dropped[each.server.name] = count


def say(words: str) -> None:
    """Tell how far it is, beside the results."""
    click.echo(words, err=True)
