"""A clock of the program that a test sets on: libfaketime reads from a file how far it is ahead.

Only the wall clock; the other one, by which the program and its commands wait, goes on as it is.
Nothing here imports copdns.
"""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from tests.conftest import find_tool


def set_ahead(clock: Path, seconds: int) -> None:
    """Say how far the clock of a program is ahead of ours.

    Written as a whole: the program may read the file at any moment.
    """
    new = clock.with_suffix(".new")
    new.write_text(f"{seconds:+d}s\n")
    new.replace(clock)


def clock_environment(clock: Path) -> dict[str, str]:
    """Return the environment of a program whose clock follows a file."""
    return {
        "LD_PRELOAD": libfaketime(),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",  # or the file is read every ten seconds only
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # or a thread that waits for another spins
        "NO_FAKE_STAT": "1",
    }


@cache
def libfaketime() -> str:
    """Return the library that the program faketime puts before others."""
    command = [find_tool("faketime"), "-f", "+0s", "printenv", "LD_PRELOAD"]
    for _ in range(20):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.returncode:
            break
        # A process of its number was killed and left its memory in /dev/shm: the next has another.
    done.check_returncode()
    return done.stdout.strip()
