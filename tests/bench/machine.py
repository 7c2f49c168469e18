"""The machine: on which core a program runs, how urgently, and how much memory it takes."""

from __future__ import annotations

import os
import platform
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

KIB, MB = 1 << 10, 1_000_000  # octets: in what the kernel counts memory, and in what we do
URGENT = 10  # SCHED_FIFO priority of the server and the load generator
MORE_URGENT = 11  # of the stub upstream, which shares the load generator's core


@dataclass(frozen=True, slots=True)
class Machine:
    """server, load: the cores.  real_time: whether SCHED_FIFO may be used."""

    server: int
    load: int
    real_time: bool

    def told(self) -> str:
        """Tell how far the numbers can be trusted."""
        words = [f"server on core {self.server}, load and upstream on core {self.load}"]
        if self.server == self.load:
            words.append("ONE CORE FOR BOTH: ratios mean little")
        if self.real_time:
            words.append("real-time priority (SCHED_FIFO)")
        else:
            words.append("ordinary priority, as only root may have more: other work shows")
        return "; ".join(words)


def this_machine(real_time: bool) -> Machine:
    cores = sorted(os.sched_getaffinity(0))
    return Machine(cores[0], cores[-1], real_time and _may_be_urgent())


def facts() -> dict[str, str | int]:
    """Return what a reader of the numbers wants to know of the machine."""
    info = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line]
    return {
        "cores": os.cpu_count() or 0,
        "processor": models[0] if models else platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
    }


def _may_be_urgent() -> bool:
    usual = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(URGENT))
    except PermissionError:
        return False
    os.sched_setscheduler(0, *usual)
    return True


def start(
    command: Sequence[str | Path],
    core: int,
    urgency: int = 0,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    output: IO[str] | int = subprocess.DEVNULL,
) -> subprocess.Popen[str]:
    """Start a program on a core; its children and threads stay there.

    urgency: its SCHED_FIFO priority; 0 is ordinary.  taskset and chrt become the program itself.
    """
    hurry = ["chrt", "--fifo", str(urgency)] if urgency else []
    return subprocess.Popen(
        ["taskset", "--cpu-list", str(core), *hurry, *command],
        cwd=folder,
        env=environment,
        stdout=output,
        stderr=subprocess.DEVNULL if output == subprocess.PIPE else subprocess.STDOUT,
        text=True,
    )


@contextmanager
def urgent(threads: Iterable[int], urgency: int = URGENT) -> Iterator[None]:
    """Give threads real-time priority for a while.  Those that end meanwhile are forgotten.

    What they start has ordinary priority: it would not let them in again before it is done.
    """
    mine = list(threads)
    _schedule(mine, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, urgency)
    try:
        yield
    finally:
        _schedule(mine, os.SCHED_OTHER, 0)


def _schedule(threads: Iterable[int], policy: int, priority: int) -> None:
    for thread in threads:
        with suppress(ProcessLookupError):
            os.sched_setscheduler(thread, policy, os.sched_param(priority))


@contextmanager
def only_core(core: int, real_time: bool) -> Iterator[None]:
    """Keep this thread on a core for a while, urgently if that may be."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        with urgent([threading.get_native_id()] if real_time else []):
            yield
    finally:
        os.sched_setaffinity(0, usual)


@dataclass(frozen=True, slots=True)
class Turns:
    """What a thread had of its core since it began, in seconds.

    waited: how long it could have run, and another did.
    """

    ran: float
    waited: float


def turns(process: int) -> dict[int, Turns]:
    """Return what each thread of a process and its children had, by thread."""
    found = {}
    for each in family(process):
        for thread in threads(each):
            with suppress(FileNotFoundError, ProcessLookupError):
                numbers = Path(f"/proc/{each}/task/{thread}/schedstat").read_text().split()
                found[thread] = Turns(int(numbers[0]) / 1e9, int(numbers[1]) / 1e9)
    return found


_STEAL = 8  # the column of /proc/stat


def stolen(core: int) -> float:
    """Return for how many seconds the machine around this one had a core, since it started."""
    lines = Path("/proc/stat").read_text().splitlines()
    numbers = next(line.split() for line in lines if line.startswith(f"cpu{core} "))
    return int(numbers[_STEAL]) / os.sysconf("SC_CLK_TCK")


def threads(process: int) -> list[int]:
    return [int(each.name) for each in Path(f"/proc/{process}/task").iterdir()]


def family(process: int) -> list[int]:
    """Return a process and all that it started."""
    found = [process]
    for thread in threads(process):
        with suppress(FileNotFoundError, ProcessLookupError):
            children = Path(f"/proc/{process}/task/{thread}/children").read_text().split()
            found += [each for child in children for each in family(int(child))]
    return found


@dataclass(frozen=True, slots=True)
class Memory:
    """Of a process and its children, in MB of a million octets.

    rss: resident.  pss: the same, but of a page that others have too only the share.
    """

    rss: float
    pss: float


def memory(process: int) -> Memory:
    rss = pss = 0
    for each in family(process):
        with suppress(FileNotFoundError, ProcessLookupError):
            numbers = _kibibytes(Path(f"/proc/{each}/smaps_rollup").read_text())
            rss, pss = rss + numbers["Rss"], pss + numbers["Pss"]
    return Memory(rss * KIB / MB, pss * KIB / MB)


def _kibibytes(rollup: str) -> dict[str, int]:
    lines = (line.split() for line in rollup.splitlines()[1:])
    return {words[0].rstrip(":"): int(words[1]) for words in lines}


LOOK = 0.02  # seconds between two looks at the memory, at least
SELDOM = 20  # times as long as a look takes: it walks all pages, and holds up who wants new ones


class Peak:
    """Looks at the memory of a process and its children again and again, until the block ends."""

    def __init__(self, process: int) -> None:
        self.pss = 0.0
        self._process = process
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _look(self) -> None:
        ended = False
        while not ended and Path(f"/proc/{self._process}").is_dir():
            began = time.monotonic()
            self.pss = max(self.pss, memory(self._process).pss)
            ended = self._enough.wait(max(LOOK, (time.monotonic() - began) * SELDOM))
