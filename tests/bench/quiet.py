"""Whether the machine is quiet enough for a latency to mean something.

Two ways to tell.  A look, before and after a run: this process keeps a core busy, and each gap in
its own time is somebody else's; then it naps, and wakes late if another has to stop first.  And
during each round: how long the server could have run and did not, which the kernel counts, and how
much of its cores the machine around this one took.

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
NAP = 200e-6  # seconds: as long as a server sleeps between two questions at 5,000 a second
LATE, LATE_AT_TIMES = 150e-6, 500e-6  # seconds: for one nap in a hundred, and one in a thousand
HELD_UP = 10_000  # microseconds: in a quiet machine the load generator is never so late
LOOK = 0.4  # seconds at each core, before and after a run
LONG_LOOK = 4.0  # for --quiet-check

# Reloads and starts have it, and so has the thread that writes a log while a server answers.
ORDINARY = ", where ordinary priority counts"

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Look:
    """What others took of a core.  taken: as a share of the time.  longest: at once, in seconds.

    late, late_at_times: by how much naps ended late, at most, in 99 and in 99.9 % of all.
    urgent: whether this process had real-time priority meanwhile.
    """

    core: int
    taken: float
    longest: float
    late: float = 0.0
    late_at_times: float = 0.0
    urgent: bool = False

    def told(self) -> str:
        return (
            f"{self.taken:.2%} of core {self.core} (at most {self.longest * 1e3:.1f} ms at once; "
            f"naps ended late by p99 {self.late * 1e6:.0f} and p99.9 "
            f"{self.late_at_times * 1e6:,.0f} us)"
        )


def look(machine: Machine, seconds: float) -> list[Look]:
    """Look at each of the bench's cores for so long, at each priority that its servers run at."""
    cores = dict.fromkeys((machine.server, machine.load))
    priorities = (True, False) if machine.real_time else (False,)
    found = []
    for core, urgently in itertools.product(cores, priorities):
        with only_core(core, urgently):
            found.append(_look(core, seconds, urgently))
    return found


def _look(core: int, seconds: float, urgently: bool) -> Look:
    parts, late = [], []
    for _ in range(max(1, round(seconds / SLICE))):
        parts.append(gaps(time.perf_counter, SLICE / 2))
        late += naps(time.perf_counter, time.sleep, SLICE / 2)
        time.sleep(REST)
    taken = sum(part for part, _ in parts) / (SLICE / 2 * len(parts))
    longest = max(longest for _, longest in parts)
    return Look(core, taken, longest, _within(late, 0.99), _within(late, 0.999), urgently)


def gaps(clock: Clock, seconds: float) -> tuple[float, float]:
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


def naps(clock: Clock, sleep: Callable[[float], None], seconds: float) -> list[float]:
    """Sleep again and again; return by how much each nap was too long, in seconds."""
    late = []
    before = clock()
    end = before + seconds
    while before < end:
        sleep(NAP)
        now = clock()
        late.append(max(0.0, now - before - NAP))
        before = clock()
    return late


def _within(numbers: Sequence[float], share: float) -> float:
    """Return the smallest of the numbers that so large a share does not exceed."""
    return sorted(numbers)[min(len(numbers) - 1, int(share * len(numbers)))]


@dataclass
class Watch:
    """What others took from a server in a round; empty until the round is over.

    waited: how long a thread of it could have run and did not, without what its own other threads
    ran meanwhile.  stolen: of the bench's cores, by the machine around this one.  Both as
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
            "waited": max(0.0, kept_waiting(before, turns(process))) / passed,
            "stolen": (_stolen(machine) - taken) / passed,
        }


def _stolen(machine: Machine) -> float:
    return max(stolen(core) for core in (machine.server, machine.load))


def kept_waiting(before: Mapping[int, Turns], after: Mapping[int, Turns]) -> float:
    """Return for how many seconds others kept a thread of a program waiting; by thread id.

    Of the thread that had to wait most.  It need not be the one that answers: where another has
    the lock of the interpreter, both wait for that one's turn.
    """
    new = Turns(0, 0)
    ran = {each: now.ran - before.get(each, new).ran for each, now in after.items()}
    waited = {each: now.waited - before.get(each, new).waited for each, now in after.items()}
    own = sum(ran.values())
    return max((waited[each] - (own - ran[each]) for each in ran), default=0.0)


def quiet_rounds(samples: Sequence[Sample]) -> list[Sample]:
    """Return those of a workload's samples whose p99 is the server's own.

    To wake up takes a moment on any machine, thousands of times a second; so what counts is by how
    much longer a server waited than in its own best round.
    """
    least: dict[str, float] = {}
    for each in samples:
        waited = each.values.get("waited", 0)
        least[each.server] = min(waited, least.get(each.server, waited))
    return [each for each in samples if _is_quiet(each.values, least[each.server])]


def _is_quiet(values: Mapping[str, float], least: float) -> bool:
    shares = values.get("waited", 0) - least, values.get("stolen", 0)
    return max(shares) <= QUIET and values.get("behind", 0) <= HELD_UP


def told(looks: Sequence[Look], latencies: Sequence[Sample] = ()) -> str:
    """Say whether what was measured is the servers' own, a line for each priority.

    latencies: the samples of the workload that is about them.
    """
    urgent = [each for each in looks if each.urgent]
    ordinary = [each for each in looks if not each.urgent]
    if not urgent:
        return _told("", ordinary, latencies)
    return "\n".join(
        [
            _told("rates, at real-time priority: ", urgent, ()),
            _told(f"latencies, reloads and starts{ORDINARY}: ", ordinary, latencies),
        ]
    )


def _told(about: str, looks: Sequence[Look], latencies: Sequence[Sample]) -> str:
    if not looks:
        return ""
    worst = {each.core: each for each in sorted(looks, key=lambda each: each.taken)}
    seen = "others took " + " and ".join(worst[core].told() for core in sorted(worst))
    if latencies:
        calm, all_of_them = len(quiet_rounds(latencies)), len(latencies)
        seen += f"; {calm} of {all_of_them} measurements of latency were quiet"
    if not is_quiet(looks):
        return f"{about}BUSY: {seen}. A p99 is the other work's here, and a p99.9 even more so"
    if any(each.late_at_times > LATE_AT_TIMES for each in looks):
        return f"{about}quiet, but not for a p99.9: {seen}"
    return f"{about}quiet: {seen}"


def is_quiet(looks: Sequence[Look]) -> bool:
    """Tell whether a p99 means something."""
    return all(each.taken <= QUIET and each.late <= LATE for each in looks)


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
