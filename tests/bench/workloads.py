"""What is measured: each is done with every server in every round, and gives numbers by name."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench import machine, names
from tests.bench.build import BenchError
from tests.bench.load import Load, kind, wait_until
from tests.bench.stage import Running, Stage

OUTSTANDING = "100"  # questions that wait at any time, as dnsperf has it
RATE = "5000"  # questions a second, where times are measured
BEFORE, AFTER = 1.0, 1.0  # seconds of load before a reload and after it took effect
IN_FORCE = 120.0  # seconds for a reload
MOST_ROUNDS = {"reload": 3, "start": 3, "memory": 1, "memory_after": 1}  # their numbers are steady
FOR_ALL = frozenset({"hot", "latency"})  # the others say nothing of one that only echoes

Values = Mapping[str, float]
Options = list[str | Path]


@dataclass(frozen=True, slots=True)
class Sample:
    """What one round of one workload gave for one server."""

    workload: str
    server: str
    round: int
    values: Values


SHOWN = (
    "rate",
    "p50",
    "p99",
    "p999",
    "max",
    "max_at",
    "lost",
    "late",
    "wrong",
    "strays",
    "behind",
    "sent",
)


def _counts(load: Load) -> dict[str, float]:
    return {key: getattr(load, key) for key in SHOWN}


def hot(stage: Stage, running: Running, seconds: float) -> Values:
    """10,000 names over and over, as fast as they are answered."""
    at = str(random.Random(stage.count).randrange(names.QUESTIONS))
    options: Options = ["-f", stage.workload.hot, "-o", at, "-w", OUTSTANDING, "-l", str(seconds)]
    return _counts(stage.ask(running, *options))


def cold(stage: Stage, running: Running, seconds: float) -> Values:
    """Names that were never asked before, each once: the upstream must be asked for each."""
    options: Options = ["-u", str(running.unseen), "-w", OUTSTANDING, "-l", str(seconds)]
    load = stage.ask(running, *options)
    running.unseen += load.sent
    return _counts(load)


def latency(stage: Stage, running: Running, seconds: float) -> Values:
    """The hot set at 5,000 questions a second, whatever comes back."""
    options: Options = ["-f", stage.workload.hot, "-q", RATE, "-l", str(seconds)]
    return _counts(stage.ask(running, *options))


def reload(stage: Stage, running: Running, seconds: float) -> Values:
    """A changed list is taken over while 5,000 questions a second go on.

    At ordinary priority for the server, so that what it does beside answering competes with that
    as it would anywhere.  in_force: seconds from the signal to the first block by the new list.
    """
    server, place = running.server, running.place
    marker = f"marker-{time.monotonic_ns()}.com.example"
    server.write_list(place, names.changed(stage.count, marker))
    options: Options = ["-f", stage.workload.hot, "-q", RATE, "-l", str(BEFORE + IN_FORCE + AFTER)]
    load = stage.generator.begin(place.port, *stage.options(running), *options)
    try:
        time.sleep(BEFORE)
        server.reload(place, running.process.pid)
        in_force = wait_until(_blocks(place.port, marker), IN_FORCE, running.process)
        time.sleep(AFTER)
    finally:
        counted = stage.generator.stop(load)
    if in_force is None:
        raise BenchError(f"{server.name} did not take over a changed list in {IN_FORCE:.0f} s")
    return {**_counts(counted), "in_force": in_force}


def _blocks(port: int, marker: str) -> Callable[[], bool]:
    """Ask for another name below the marker each time: none was kept from before the change."""
    numbers = iter(range(1 << 30))
    return lambda: kind(port, f"n{next(numbers)}.{marker}") == "blocked"


def memory(stage: Stage, running: Running, seconds: float) -> Values:
    """Resident and proportional memory, of a server and all its processes.

    ready: resident, at the first block after the first start.
    """
    taken = machine.memory(running.process.pid)
    return {"ready": running.ready.rss, "rss": taken.rss, "pss": taken.pss}


def start(stage: Stage, running: Running, seconds: float) -> Values:
    """From exec to the first block; again: with what the first start left on disk."""
    return {"first": running.first_start, "again": stage.start_again(running)}


WORKLOADS: Mapping[str, Callable[[Stage, Running, float], Values]] = {
    "memory": memory,
    "hot": hot,
    "latency": latency,
    "cold": cold,
    "reload": reload,
    "memory_after": memory,
    "start": start,
}


def check(stage: Stage, running: Running) -> None:
    """Ask for every hot name twice; raise BenchError when an answer is wrong or missing.

    The first pass fills the cache, and may lose an answer to a server that is not warm yet.
    """
    everything: Options = ["-f", stage.workload.each, "-n", str(stage.workload.size), "-w", "32"]
    for _ in range(2):
        load = stage.ask(running, *everything)
        _must_be_right(load)
    if load.lost:
        raise BenchError(f"{load.lost} of {load.sent} questions were not answered")


def warm(stage: Stage, running: Running) -> None:
    """Ask the hot set as it will be asked, so that whatever a server keeps is there."""
    options: Options = ["-f", stage.workload.hot, "-n", str(names.QUESTIONS), "-w", OUTSTANDING]
    _must_be_right(stage.ask(running, *options))


def _must_be_right(load: Load) -> None:
    if load.wrong:
        raise BenchError(
            f"{load.wrong} of {load.answered} answers are wrong, such as {load.first_wrong}"
        )
