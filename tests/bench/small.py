"""Small boxes: the real program with 256 and 512 MiB, and lists of any length.

How a box is made: by systemd where it manages the machine, else in a cgroup (version 2) that the
caller may write to, else by the limit of each process on what it allocates (RLIMIT_DATA), which is
stricter in one way (it counts stacks that no thread uses) and looser in another (each process has
it for itself); so what all processes had together at the worst stands in the table as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench import machine
from tests.bench.build import BenchError, Programs
from tests.bench.load import kind, wait_until
from tests.bench.machine import Machine, Peak
from tests.bench.names import RULED
from tests.bench.ours import Copdns
from tests.bench.peers import Place, program
from tests.bench.run import say
from tests.bench.stage import Running, Stage, Started, end, said
from tests.bench.table import aligned
from tests.bench.workloads import Values, check, reload

LIMITS = (256, 512)  # MiB
LENGTHS = (0, 100_000, 1_000_000, 5_000_000)
READY, COMPILED = 60.0, 300.0  # seconds
UPDATE = (512, 1_000_000)  # the box and the list for an update under load


@dataclass(frozen=True, slots=True)
class Box:
    """A limit of memory in MiB, and the command that lets another run within it."""

    limit: int
    way: str
    under: Sequence[str]


def box(limit: int, cgroup: Path | None) -> Box:
    if cgroup is not None:
        return Box(limit, f"cgroup {cgroup}", _in_cgroup(cgroup, limit))
    if Path("/run/systemd/system").is_dir() and program("systemd-run"):
        user = [] if os.geteuid() == 0 else ["--user"]
        most = ["-p", f"MemoryMax={limit}M", "-p", "MemorySwapMax=0"]
        return Box(limit, "systemd", ["systemd-run", "--quiet", "--scope", *user, *most])
    return Box(limit, "RLIMIT_DATA of each process", ["prlimit", f"--data={limit << 20}"])


def _in_cgroup(parent: Path, limit: int) -> Sequence[str]:
    """Make a group below one that is ours to write to, and return what moves a command there."""
    group = parent / f"copdns-{limit}"
    group.mkdir(exist_ok=True)
    (group / "memory.max").write_text(str(limit << 20))
    (group / "memory.swap.max").write_text("0")
    return ["sh", "-c", f'echo $$ >"{group}/cgroup.procs" && exec "$@"', "sh"]


@dataclass(frozen=True, slots=True)
class Trial:
    """How it went in one box.  Times in seconds from exec, memory in MB (see machine.Memory).

    answers: until it answered anything at all; None: it never did.
    compiled: until the first start blocked by the list; None: the list did not compile in the box,
    and was compiled outside of it for what follows.
    again: until a later start blocked by the list; None: it does not run in the box.
    peak: proportional memory of all processes at the worst of the first start.
    """

    limit: int
    names: int
    answers: float | None
    compiled: float | None
    again: float | None
    rss: float
    pss: float
    peak: float


def trial(stage: Stage, chosen: Box) -> tuple[Trial, Running | None]:
    """Start copdns in a box twice; return how it went, and what runs there now."""
    server = Copdns(f"copdns-{chosen.limit}", under=chosen.under)
    place = stage.settle(server)
    process = stage.launch(server, place)
    with Peak(process.pid) as peak:
        answers = wait_until(lambda: kind(place.port, RULED) == "blocked", READY, process)
        after = wait_until(_settled(stage, place), COMPILED, process)
        compiles = kind(place.port, stage.hot_set.blocked) == "blocked"
    end(process)
    compiled = (answers or 0) + (after or 0) if compiles else None
    if not compiles:
        _compile_outside(stage, server, place)
    running, again = _again(stage, server, place)
    taken = machine.memory(running.process.pid) if running else machine.Memory(0, 0)
    times = answers, compiled, again
    return Trial(chosen.limit, stage.count, *times, taken.rss, taken.pss, peak.pss), running


def _settled(stage: Stage, place: Place) -> Callable[[], bool]:
    """Tell whether the list is in force, or the log says that something went wrong."""

    def settled() -> bool:
        blocks = kind(place.port, stage.hot_set.blocked) == "blocked"
        return blocks or '"error":' in said(place.folder)

    return settled


def _compile_outside(stage: Stage, server: Copdns, place: Place) -> None:
    free = replace(server, under=())
    process = stage.launch(free, place)
    blocked = stage.hot_set.blocked
    if wait_until(lambda: kind(place.port, blocked) == "blocked", COMPILED, process) is None:
        raise BenchError(f"{stage.count:,} names do not compile at all:\n{said(place.folder)}")
    end(process)


def _again(stage: Stage, server: Copdns, place: Place) -> tuple[Running | None, float | None]:
    process = stage.launch(server, place)
    blocked = stage.hot_set.blocked
    again = wait_until(lambda: kind(place.port, blocked) == "blocked", READY, process)
    if again is None:
        end(process)
        return None, None
    running = Running(server, place, process, Started(again, again), machine.memory(process.pid))
    check(stage, running)  # every hot name, twice: memory is that of a warm cache
    return running, again


def measure(
    here: Machine, programs: Programs, folder: Path, lengths: Sequence[int], cgroup: Path | None
) -> tuple[list[Trial], Values]:
    """Return all trials, and what an update under load in the box of `UPDATE` gave."""
    trials: list[Trial] = []
    update: Values = {}
    for limit in LIMITS:
        chosen = box(limit, cgroup)
        for length in lengths:
            say(f"{limit} MiB by {chosen.way}, {length:,} names")
            with closing(Stage(here, programs, folder / f"{limit}-{length}", length)) as stage:
                done, running = trial(stage, chosen)
                trials.append(done)
                if running and (limit, length) == UPDATE:
                    update = reload(stage, running, 0)
    return trials, update


def report(trials: Sequence[Trial], update: Values, way: str) -> str:
    head = ["box", "names", "answers s", "compiled s", "again s", "RSS", "PSS", "worst"]
    rows = [
        [
            f"{each.limit} MiB",
            f"{each.names:,}",
            _seconds(each.answers, "no"),
            _seconds(each.compiled, "not in the box"),
            _seconds(each.again, "does not run"),
            *(f"{number:.1f}" for number in (each.rss, each.pss, each.peak)),
        ]
        for each in trials
    ]
    parts = [f"small boxes, by {way}; memory in MB\n{aligned([head, *rows])}"]
    if update:
        limit, names = UPDATE
        counts = ", ".join(f"{key} {update[key]:.0f}" for key in ("sent", "lost", "late", "wrong"))
        parts.append(
            f"an update of {names:,} names in {limit} MiB at 5,000 questions a second:\n"
            f"in force after {update['in_force']:.1f} s; {counts}; worst {update['max']:,.0f} us"
        )
    return "\n\n".join(parts)


def _seconds(number: float | None, otherwise: str) -> str:
    return otherwise if number is None else f"{number:.2f}"
