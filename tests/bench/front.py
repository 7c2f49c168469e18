"""Run dnsdist with a configuration, and what stands beside it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench import machine
from tests.bench.build import BenchError
from tests.bench.load import kind, wait_until
from tests.bench.machine import Machine
from tests.bench.peers import program

START = 30.0  # seconds


@contextmanager
def front(here: Machine, folder: Path, config: str, port: int) -> Iterator[int]:
    """Run dnsdist until the end, from its first answer on; give its process id."""
    folder.mkdir(exist_ok=True)
    (folder / "dnsdist.conf").write_text(config)
    command = [program("dnsdist"), "-C", folder / "dnsdist.conf"]
    command += ["--supervised", "--disable-syslog"]
    urgency = machine.URGENT if here.real_time else 0
    process = machine.start(command, here.server, urgency, folder)
    try:
        if wait_until(lambda: kind(port, "start.example") == "address", START, process) is None:
            raise BenchError(f"dnsdist does not answer; see {folder}")
        yield process.pid
    finally:
        process.kill()
        process.wait()


@contextmanager
def beside_load(here: Machine, command: Sequence[str | Path], folder: Path) -> Iterator[None]:
    """Run a program on the core of the load, which may leave it no time of its own accord."""
    urgency = machine.MORE_URGENT if here.real_time else 0
    process = machine.start(command, here.load, urgency, folder)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def processor_time(process: int) -> float:
    """Return the seconds that all threads of a process have had, by its clock."""
    return time.clock_gettime(~process << 3 | 2)  # as clock_getcpuclockid(3) makes it


@contextmanager
def in_memory(name: str) -> Iterator[Path]:
    """Give a folder in memory, as a node has its tables; it is deleted in the end."""
    folder = Path("/dev/shm") / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
