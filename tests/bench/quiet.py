"""Whether the machine is quiet enough for a latency to mean something.

Two ways to tell.  A look, before and after a run: this process keeps a core busy, and each gap in
its own time is somebody else's.  And during each round: how long the server could have run and did
not, which the kernel counts, and how much of its cores the machine around this one took.

At 5,000 questions a second, work that holds a server up for a hundredth of the time is seen in its
p99, and nothing else is.  So the bound is half of that.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.bench.machine import Machine, Turns, only_core, stolen, turns
from tests.bench.workloads import Sample

QUIET = 0.005  # the largest share of the time that others may take
GAP = 100e-6  # seconds: what takes less is the kernel's own, and in every latency
SLICE, REST = 0.4, 0.1  # seconds: a core is not kept for longer, or the kernel would take it back
HELD_UP = 10_000  # microseconds: in a quiet machine the load generator is never so late
LOOK = 0.4  # seconds at each core, before and after a run
LONG_LOOK = 5.0  # for --quiet-check


@dataclass(frozen=True, slots=True)
class Look:
    """What others took of a core.  taken: as a share of the time.  longest: at once, in seconds.

    urgent: whether this process had real-time priority meanwhile.
    """

    core: int
    taken: float
    longest: float
    urgent: bool = False

    def told(self) -> str:
        return (
            f"{self.taken:.2%} of core {self.core} (at most {self.longest * 1000:.1f} ms at once)"
        )


def look(machine: Machine, seconds: float) -> list[Look]:
    """Look at each of the bench's cores for so long, at each priority that its servers run at."""
    found = []
    cores = dict.fromkeys((machine.server, machine.load))
    priorities = (True, False) if machine.real_time else (False,)
    for core, urgently in itertools.product(cores, priorities):
        with only_core(core, urgently):
            parts = []
            for _ in range(max(1, round(seconds / SLICE))):
                parts.append(gaps(time.perf_counter, SLICE))
                time.sleep(REST)
        taken = sum(part for part, _ in parts) / (SLICE * len(parts))
        found.append(Look(core, taken, max(longest for _, longest in parts), urgently))
    return found


def gaps(clock: Callable[[], float], seconds: float) -> tuple[float, float]:
    """Read a clock again and again; return all the time and the longest in which that was not
    possible, in seconds."""
    taken = longest = 0.0
    before = clock()
    end = before + seconds
    while before < end:
        now = clock()
        gap = now - before
        if gap > GAP:
            taken += gap
            longest = max(longest, gap)
        before = now
    return taken, longest


@dataclass
class Watch:
    """What others took from a server in a round; empty until the round is over.

    waited: how long its busiest thread could have run and did not, without what its own other
    threads ran meanwhile.  stolen: of the bench's cores, by the machine around this one.  Both as
    a share of the time.
    """

    values: dict[str, float]


@contextmanager
def watch(machine: Machine, process: int) -> Iterator[Watch]:
    it = Watch({})
    began, before, taken = time.monotonic(), turns(process), _stolen(machine)
    yield it
    passed = time.monotonic() - began
    with suppress(FileNotFoundError, ProcessLookupError):  # of a process that has ended
        it.values = {
            "waited": kept_waiting(before, turns(process)) / passed,
            "stolen": (_stolen(machine) - taken) / passed,
        }


def _stolen(machine: Machine) -> float:
    return max(stolen(core) for core in (machine.server, machine.load))


def kept_waiting(before: Mapping[int, Turns], after: Mapping[int, Turns]) -> float:
    """Return for how many seconds others kept a program's busiest thread waiting; by thread id."""
    new = Turns(0, 0)
    ran = {each: now.ran - before.get(each, new).ran for each, now in after.items()}
    if not ran:
        return 0.0
    busiest = max(ran, key=lambda each: ran[each])
    waited = after[busiest].waited - before.get(busiest, new).waited
    return max(0.0, waited - (sum(ran.values()) - ran[busiest]))


def was_quiet(values: Mapping[str, float]) -> bool:
    """Tell whether a round's latencies are the server's own."""
    shares = values.get("waited", 0), values.get("stolen", 0)
    return max(shares) <= QUIET and values.get("behind", 0) <= HELD_UP


def told(looks: Sequence[Look], rounds: Sequence[Mapping[str, float]] = ()) -> str:
    """Say whether latencies mean something, a line for each priority.

    rounds: of the workload in which latencies are measured.
    """
    urgent = [each for each in looks if each.urgent]
    ordinary = [each for each in looks if not each.urgent]
    if not urgent:
        return _told("", ordinary, rounds)
    return "\n".join(
        [
            _told("rates and latencies: ", urgent, rounds),
            _told("reloads and starts, at ordinary priority: ", ordinary, ()),
        ]
    )


def _told(about: str, looks: Sequence[Look], rounds: Sequence[Mapping[str, float]]) -> str:
    if not looks:
        return ""
    worst = {each.core: each for each in sorted(looks, key=lambda each: each.taken)}
    seen = "others took " + " and ".join(worst[core].told() for core in sorted(worst))
    loud = sum(not was_quiet(each) for each in rounds)
    if rounds:
        seen += f"; {len(rounds) - loud} of {len(rounds)} measurements of latency were quiet"
    if is_quiet(looks) and not loud:
        return f"{about}quiet: {seen}"
    return f"{about}BUSY: {seen}. Above {QUIET:.1%} a latency's p99 is the other work's"


def is_quiet(looks: Sequence[Look]) -> bool:
    return all(each.taken <= QUIET for each in looks)


def held_up(samples: Sequence[Sample]) -> str:
    """Say so when the load generator itself could not run in time; "" when it could."""
    late = [each for each in samples if each.values.get("behind", 0) > HELD_UP]
    if not late:
        return ""
    worst = max(each.values["behind"] for each in late) / 1000
    where = ", ".join(dict.fromkeys(each.workload for each in late))
    rounds = f"{len(late)} round{'s' * (len(late) > 1)}"
    return (
        f"in {rounds} ({where}) the load generator was held up, by {worst:.0f} ms "
        "at worst: other work runs on this machine, and late and lost may be its doing"
    )
