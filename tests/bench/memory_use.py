"""python -m tests.bench.memory_use: where the memory of a running copdns goes, and its start.

Three tables: what the process has (as the kernel counts it) when it is ready and after the first
page; what is imported, by our rooms and by libraries; and the largest modules.  Times are of the
processor, medians, whatever else the machine does.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import click

from tests.bench.machine import KIB, MB
from tests.bench.table import aligned
from tests.web.pages import example

METER = (sys.executable, "-m", "tests.bench.import_meter")
PYTHON = "Python's own"
SMALL = 1.0  # MB: files of libraries below this are told together
_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)")


@click.command()
@click.option("--times", default=5, show_default=True, help="Runs of which the median is taken.")
@click.option("--largest", default=15, show_default=True, help="Modules that are named.")
def main(times: int, largest: int) -> None:
    """Print where memory and start go."""
    for title, table in (*_of_process(), *_of_imports(times, largest)):
        click.echo(f"{title}\n{aligned(table)}\n")


# --- the process ------------------------------------------------------------------------------


def _of_process() -> Iterator[tuple[str, list[Sequence[str]]]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        example(Path(folder), forked=False) as program,
    ):
        program.ask("games.example")
        ready = by_kind(Path(f"/proc/{program.process.pid}/smaps").read_text())
        program.get("/healthz")
        visited = by_kind(Path(f"/proc/{program.process.pid}/smaps").read_text())
    small = [kind for kind, octets in visited.items() if octets < SMALL * MB]
    for found in (ready, visited):
        found["files of less than a megabyte"] = sum(found.pop(kind, 0) for kind in small)
    rows = [(kind, _mb(ready[kind]), _mb(octets)) for kind, octets in visited.most_common()]
    whole = ("all", _mb(sum(ready.values())), _mb(sum(visited.values())))
    head = ("resident, in MB", "ready", "after the first page")
    yield "The process, with the example family and the bundled lists", [head, *rows, whole]


def by_kind(smaps: str) -> Counter[str]:
    """Return the resident octets of each kind of memory.  smaps: of /proc/PID (proc(5))."""
    found: Counter[str] = Counter()
    kind = ""
    for line in smaps.splitlines():
        if mapping := _MAPPING.fullmatch(line):
            kind = _kind_of(mapping[1])
        elif line.startswith("Rss:"):
            found[kind] += int(line.split()[1]) * KIB
    return found


def _kind_of(mapped: str) -> str:
    """Return what a mapping is for.  mapped: the file, a name in [ ], or nothing."""
    name = mapped.rpartition("/")[2]
    if not mapped or name.startswith("["):
        return "objects, heap and stacks"
    if name.startswith("python"):
        return "Python"
    return f"the file {name.partition('.')[0]}" if ".so" in name else "other files"


# --- the imports ------------------------------------------------------------------------------


def _of_imports(times: int, largest: int) -> Iterator[tuple[str, list[Sequence[str]]]]:
    octets = _run_meter("--octets")
    runs = [_run_meter() for _ in range(times)]
    spent = {name: median(each.get(name, 0.0) for each in runs) for name in runs[0]}
    head = ("", "modules", "MB", "ms")
    rooms = [
        (room, str(len(names)), _mb(_sum(octets, names)), f"{_sum(spent, names):.0f}")
        for room, names in by_room(octets).items()
    ]
    whole = ("all", str(len(octets)), _mb(sum(octets.values())), f"{sum(spent.values()):.0f}")
    yield "What is imported before the first browser", [head, *rooms, whole]
    most = sorted(octets, key=octets.__getitem__, reverse=True)[:largest]
    rows = [(name, _mb(octets[name]), f"{spent.get(name, 0):.1f}") for name in most]
    yield "The largest modules", [("", "MB", "ms"), *rows]


def _run_meter(*options: str) -> dict[str, float]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # else all would be compiled anew
    done = subprocess.run(
        [*METER, *options], env=environment, capture_output=True, text=True, check=True
    )
    return {str(name): float(value) for name, value in json.loads(done.stdout).items()}


def by_room(octets: Mapping[str, float]) -> dict[str, list[str]]:
    """Return the modules of each room of ours and of each library, the largest first."""
    found: dict[str, list[str]] = {}
    for name in octets:
        found.setdefault(_room_of(name), []).append(name)
    return dict(sorted(found.items(), key=lambda each: -_sum(octets, each[1])))


def _room_of(name: str) -> str:
    top, _, below = name.partition(".")
    if top == "copdns":
        return f"copdns/{below.partition('.')[0]}"
    return PYTHON if top in sys.stdlib_module_names else top


def _sum(values: Mapping[str, float], names: Iterable[str]) -> float:
    return sum(values.get(name, 0.0) for name in names)


def _mb(octets: float) -> str:
    return f"{octets / MB:.1f}"


if __name__ == "__main__":
    main()
