"""Programs that say themselves when they are ready: those of others, and commands of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread, Timer
from typing import TextIO

from tests.forking import Forked, can_fork
from tests.running import COPDNS

Process = subprocess.Popen[str] | Forked

DNSDIST_UP = "as 'up'", 'health_check.status="up"'  # as dnsdist 1.9 and 2.1 say it
PATIENCE = 120.0  # seconds for a start on a busy machine
LINES = 200  # of what a program says, for who reads of a failure


@contextmanager
def started(
    command: Sequence[str | Path],
    ready: str | tuple[str, ...],
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    forked: bool = True,
) -> Iterator[Process]:
    """Run a program that says when it is ready.

    ready: what it says then, or several things of which versions of it say one.  folder: where it
    runs; None: here.  environment: its variables; None: ours.  forked: as for `running`.

    What it says is read for as long as it runs: it would stop at a full pipe, without a word.  The
    last of it is printed where the test fails.
    """
    process, output = _begin(command, folder, {**(environment or os.environ)}, forked)
    with output, process:
        signs = (ready,) if isinstance(ready, str) else ready
        too_long = Timer(PATIENCE, process.kill)
        too_long.start()
        try:
            said = ""
            while not any(each in said for each in signs):
                line = output.readline()
                assert line, f"it did not start: {said}"
                said += line
            too_long.cancel()
            last = deque([said], LINES)
            reading = Thread(target=last.extend, args=(output,), daemon=True)
            reading.start()
            try:
                yield process
            except BaseException:
                sys.stdout.write(f"{' '.join(map(str, command[-2:]))} said:\n{''.join(last)}\n")
                raise
            finally:
                process.kill()
                reading.join(PATIENCE)
                process.wait()
        finally:
            too_long.cancel()
            process.kill()


def _begin(
    command: Sequence[str | Path],
    folder: Path | None,
    environment: Mapping[str, str],
    forked: bool,
) -> tuple[Process, TextIO]:
    """Begin a program; return it with what it says."""
    reading, writing = os.pipe()
    output = os.fdopen(reading, "r")
    try:
        if forked and tuple(command[: len(COPDNS)]) == COPDNS and can_fork(environment):
            words = command[len(COPDNS) :]
            return Forked(words, environment, writing, writing, folder), output
        begun = subprocess.Popen(
            command,
            stdout=writing,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=environment,
        )
        return begun, output
    finally:
        os.close(writing)
