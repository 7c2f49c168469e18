"""Read a million mutated lines of lists and ten thousand mutated files of settings and households.

`python -m tests.fuzz.mutated [LINES [FILES]]`: none may raise what it does not promise, none may
take more than 20 times the median processor time of inputs of its size, and memory may not grow.
"""

from __future__ import annotations

import gc
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import process_time_ns
from typing import NamedTuple

from copdns.lists.parse import ListFormat
from tests.fuzz.targets import ROOT, corpus, run

LINES, FILES = 1_000_000, 10_000
AT_ONCE = 50  # lines of one list: what a line costs is too little for a clock
TIMES = 20  # the median
LEAST = 200_000  # nanoseconds: below that a clock and the system's own work say nothing
AGAIN = 5  # how often a slow input is tried again: another program may have had the processor
MAY_GROW = 8.0  # MB
BITS = (b"||", b"^", b"$", b"@@", b"*", b"/", b"~", b"|", b",", b"=", b":", b"#", b"!", b"\\", b"[",
        b"]", b"{", b"}", b"(", b")", b"?", b"+", b"\xff", b"\xe2\x80\x8b", b"-", b"- ", b"  ",
        b"\t", b"&a ", b"*a", b"'", b'"', b"%", b"0x", b"1" * 40, b"a." * 130, b"\r")  # fmt: skip


class Result(NamedTuple):
    """inputs: how many.  slow: those that took too long.  worst: how many times the median the
    slowest took.  grown: MB."""

    inputs: int
    slow: list[bytes]
    worst: float
    grown: float


def mutate(lot: Random, octets: bytes, others: list[bytes]) -> bytes:
    """Return octets with up to six places changed, cut, doubled or mixed with others."""
    changed = bytearray(octets)
    for _ in range(lot.randint(1, 6)):
        at = lot.randrange(len(changed) + 1)
        match lot.randrange(6):
            case 0 if at < len(changed):
                changed[at] = lot.randrange(256)
            case 1:
                del changed[at : at + lot.randint(1, 8)]
            case 2:
                changed[at:at] = lot.choice(BITS)
            case 3:
                changed[at:at] = changed[at : at + lot.randint(1, 64)] * lot.randint(1, 8)
            case 4:
                other = lot.choice(others)
                changed[at:] = other[lot.randrange(len(other) + 1) :]
            case _:
                changed[at:at] = lot.randbytes(lot.randint(1, 8))
    return bytes(changed)


def read_all(target: str, inputs: Iterator[bytes]) -> Result:
    times: dict[int, list[int]] = {}
    took: list[tuple[int, int, bytes]] = []
    count, settled = 0, 0.0
    gc.collect()
    gc.disable()  # a search for garbage would count for one input
    for octets in inputs:
        spent = spent_on(target, octets)
        size = len(octets).bit_length()
        times.setdefault(size, []).append(spent)
        took = sorted([*took, (spent, size, octets)], key=lambda each: -each[0])[:200]
        count += 1
        if count % 1000 == 0:
            gc.collect()
            settled = settled or resident()
    gc.enable()
    medians = {size: max(statistics.median(each), LEAST) for size, each in times.items()}
    slow, worst = [], 0.0
    for spent, size, octets in took:
        if spent > TIMES * medians[size]:
            spent = min(spent_on(target, octets) for _ in range(AGAIN))
        worst = max(worst, spent / medians[size])
        if spent > TIMES * medians[size]:
            slow.append(octets)
    gc.collect()
    return Result(count, slow, worst, resident() - settled if settled else 0.0)


def spent_on(target: str, octets: bytes) -> int:
    """Return the nanoseconds of processor time that an input takes."""
    began = process_time_ns()
    try:
        run(target, octets)
    except Exception as error:
        error.add_note(f"{target}: {octets!r}")
        raise
    return process_time_ns() - began


def lists(lot: Random, lines: int) -> Iterator[bytes]:
    """Yield lists of mutated lines, each for one of the formats."""
    known = [line for path in starter_lists() for line in path.read_bytes().splitlines() if line]
    known += [line for octets in corpus("list") for line in octets[1:].splitlines() if line]
    for number in range(lines // AT_ONCE):
        chosen = [mutate(lot, lot.choice(known), known) for _ in range(AT_ONCE)]
        yield bytes([number % len(ListFormat)]) + b"\n".join(chosen)


def starter_lists() -> list[Path]:
    return sorted((ROOT / "blocklists" / "starter").glob("*.txt"))


def files(target: str, lot: Random, count: int) -> Iterator[bytes]:
    known = [*corpus(target)]
    for _ in range(count):
        yield mutate(lot, lot.choice(known), known)


def resident() -> float:
    """Return the memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def check(lines: int, count: int, show: Callable[[str], None]) -> bool:
    """Read all of it; tell whether all went as it should."""
    sound = True
    for target, inputs in (
        ("list", lists(Random(1), lines)),
        ("settings", files("settings", Random(2), count // 2)),
        ("household", files("household", Random(3), count - count // 2)),
    ):
        result = read_all(target, inputs)
        show(
            f"{target}: {result.inputs:,} inputs, the slowest took {result.worst:.1f} times the "
            f"median of its size, {result.grown:+.1f} MB"
        )
        for each in result.slow[:3]:
            show(f"  too slow: {each[:300]!r}")
        sound = sound and not result.slow and result.grown < MAY_GROW
    return sound


if __name__ == "__main__":
    lines, count, *_ = [*map(int, sys.argv[1:]), *(LINES, FILES)[len(sys.argv) - 1 :]]
    sys.exit(not check(lines, count, lambda line: print(line, flush=True)))
