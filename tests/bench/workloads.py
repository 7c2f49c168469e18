"""What is measured: each is done with every server in every round, and gives numbers by name.

A workload is a value: its name, how its questions are made, and what it needs of a server.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench import machine, names
from tests.bench.build import BenchError
from tests.bench.load import Load, kind, wait_until
from tests.bench.machine import Peak
from tests.bench.ours import SINGLE_TURNS
from tests.bench.peers import BLOCKS, TCP
from tests.bench.stage import Running, Stage

OUTSTANDING = "100"  # questions that wait at any time, as dnsperf has it
RATE = "5000"  # questions a second, where times are measured
CONNECTIONS = "20"  # over TCP; each has a share of what is outstanding
BEFORE, AFTER = 1.0, 1.0  # seconds of load before a reload and after it took effect
IN_FORCE = 120.0  # seconds for a reload
TURN = names.QUESTIONS * 1_000  # between the numbers of the first questions of two rounds: the
# names are the same ones, and mixed capitals are not
SHORTEST = 0.5  # seconds of a round that measures something
FEW = 3  # rounds, where numbers are steady and a round is long

Values = Mapping[str, float]
Options = list[str | Path]
Measure = Callable[[Stage, Running, float], Values]


@dataclass(frozen=True, slots=True)
class Sample:
    """What one round of one workload gave for one server."""

    workload: str
    server: str
    round: int
    values: Values


@dataclass(frozen=True, slots=True)
class Workload:
    """What is done with each server.

    key: the number that servers are compared by; it says too which others are shown (table.py).
    needs: what a server must offer to take part.  most: rounds.  warms: whether a round that is
    not counted comes first, so that whatever a server keeps of such questions is there.
    loads: whether it asks so much that rows of the log may be dropped.  To find that out takes a
    look at the metrics, which loads the pages: 20 MB that a server without visitors does not have.
    """

    name: str
    title: str
    key: str
    measure: Measure
    needs: frozenset[str] = frozenset({BLOCKS})
    most: int = 1_000
    warms: bool = False
    loads: bool = True


SHOWN = (
    *("rate", "p50", "p99", "p999", "max", "max_at"),
    *("lost", "late", "wrong", "strays", "behind", "closed", "sent"),
)


def _counts(load: Load) -> dict[str, float]:
    return {key: getattr(load, key) for key in SHOWN}


def asked(
    name: str,
    title: str,
    *how: str,
    needs: frozenset[str] = frozenset({BLOCKS}),
    only_blocked: bool = False,
    warms: bool = True,
) -> Workload:
    """Return a workload that asks the hot set over and over, as fast as it is answered.

    how: options of load.c.  only_blocked: its listed names alone.
    """

    def measure(stage: Stage, running: Running, seconds: float) -> Values:
        file = stage.hot_set.hot_blocked if only_blocked else stage.hot_set.hot
        at = random.Random(stage.count).randrange(names.QUESTIONS) + running.turns * TURN
        running.turns += 1
        options: Options = ["-f", file, "-o", str(at), "-w", OUTSTANDING, "-l", str(seconds)]
        return _counts(stage.ask(running, *options, *how))

    return Workload(name, f"{title}, 100 outstanding", "rate", measure, needs, warms=warms)


def cold(stage: Stage, running: Running, seconds: float) -> Values:
    """Names that were never asked before, each once: the upstream must be asked for each."""
    options: Options = ["-u", str(running.unseen), "-w", OUTSTANDING, "-l", str(seconds)]
    load = stage.ask(running, *options)
    running.unseen += load.sent
    return _counts(load)


def latency(stage: Stage, running: Running, seconds: float) -> Values:
    """The hot set at 5,000 questions a second, whatever comes back."""
    options: Options = ["-f", stage.hot_set.hot, "-q", RATE, "-l", str(seconds)]
    return _counts(stage.ask(running, *options))


def reload(stage: Stage, running: Running, seconds: float) -> Values:
    """A changed list is taken over while 5,000 questions a second go on.

    At ordinary priority for the server, so that what it does beside answering competes with that
    as it would anywhere.  in_force: seconds from the signal to the first block by the new list.
    """
    marker = _change_list(stage, running)
    part = min(1.0, seconds / SHORTEST)  # where rounds are too short to measure anything
    length = str(BEFORE + IN_FORCE + AFTER)
    options: Options = ["-f", stage.hot_set.hot, "-q", RATE, "-l", length]
    load = stage.generator.begin(running.place.port, *stage.options(running), *options)
    try:
        time.sleep(BEFORE * part)
        in_force = _take_over(running, marker)
        time.sleep(AFTER * part)
    finally:
        counted = stage.generator.stop(load)
    return {**_counts(counted), "in_force": in_force}


def new_list(stage: Stage, running: Running, seconds: float) -> Values:
    """The same while nobody asks anything.

    peak: proportional memory of the server and all that it starts, in MB, at the worst moment.
    """
    marker = _change_list(stage, running)
    with Peak(running.process.pid) as peak:
        in_force = _take_over(running, marker)
    return {"in_force": in_force, "peak": peak.pss}


def _change_list(stage: Stage, running: Running) -> str:
    """Write a changed list for a server, and return a name that only this one has."""
    marker = f"marker-{time.monotonic_ns()}.com.example"
    running.server.write_list(running.place, names.changed(stage.count, marker))
    return marker


def _take_over(running: Running, marker: str) -> float:
    """Let a server read its list again; return the seconds until it blocks by that."""
    server, place = running.server, running.place
    server.reload(place, running.process.pid)
    in_force = wait_until(_blocks(place.port, marker), IN_FORCE, running.process)
    if in_force is None:
        raise BenchError(f"{server.name} did not take over a changed list in {IN_FORCE:.0f} s")
    return in_force


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
    """From exec to the first block, and to the first answer of any kind.

    first: with nothing but the list on disk.  again: with what the first start left there.
    """
    first = running.start
    again = stage.start_again(running)
    return {
        "first": first.blocks,
        "first_answer": first.answers,
        "again": again.blocks,
        "again_answer": again.answers,
    }


ANYBODY: frozenset[str] = frozenset()
_HOT = "10,000 names, Zipf, 30 % blocked"
_ALL = (
    Workload(
        "memory", "memory in MB, list loaded, caches warm", "rss", memory, most=1, loads=False
    ),
    asked("hot", f"hot set: {_HOT}", needs=ANYBODY, warms=False),
    asked("blocked", "hot set, its blocked names only", only_blocked=True),
    asked("types", "hot set, A, AAAA and HTTPS of each name", "-y", "A,AAAA,HTTPS"),
    asked("edns", "hot set, EDNS with DO", "-e", "do"),
    asked("cookies", "hot set, EDNS with a cookie of each device", "-e", "cookie"),
    asked("case", "hot set, letters large and small at random", "-e", "case"),
    asked("devices", "hot set, from 200 devices", "-s", "200", "-b", str(SINGLE_TURNS[0])),
    asked("ipv6", "hot set over IPv6, from ::1 alone", "-6", needs=ANYBODY),
    asked(
        "tcp",
        f"hot set over TCP, {CONNECTIONS} connections that stay open",
        *("-T", "-c", CONNECTIONS),
        needs=frozenset({BLOCKS, TCP}),
    ),
    Workload("latency", "hot set at 5,000 questions a second", "p99", latency, ANYBODY),
    Workload("cold", "names never seen: each once, 100 outstanding", "rate", cold),
    Workload("reload", "a changed list at 5,000 questions a second", "in_force", reload, most=FEW),
    Workload("new_list", "a changed list while nobody asks", "in_force", new_list, most=FEW),
    Workload(
        "memory_after", "memory in MB after all of the above", "rss", memory, most=1, loads=False
    ),
    Workload("start", "start in seconds, from exec", "again", start, most=FEW),
)
WORKLOADS: Mapping[str, Workload] = {each.name: each for each in _ALL}


def check(stage: Stage, running: Running) -> None:
    """Ask for every hot name twice; raise BenchError when an answer is wrong or missing.

    The first pass fills the cache, and may lose an answer to a server that is not warm yet.
    """
    everything: Options = ["-f", stage.hot_set.each, "-n", str(stage.hot_set.size), "-w", "32"]
    for _ in range(2):
        load = stage.ask(running, *everything)
        _must_be_right(load)
    if load.lost:
        raise BenchError(f"{load.lost} of {load.sent} questions were not answered")


def warm(stage: Stage, running: Running, seconds: float) -> None:
    """Ask the hot set as it will be asked, so that whatever a server keeps is there.

    seconds: of a round; where rounds are too short to measure anything, this is short too.
    """
    many = int(names.QUESTIONS * min(1.0, seconds / SHORTEST))
    options: Options = ["-f", stage.hot_set.hot, "-n", str(many), "-w", OUTSTANDING]
    _must_be_right(stage.ask(running, *options))


def _must_be_right(load: Load) -> None:
    if load.wrong:
        raise BenchError(
            f"{load.wrong} of {load.answered} answers are wrong, such as {load.first_wrong}"
        )
