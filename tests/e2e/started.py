"""Programs of others, which say themselves when they are ready."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

DNSDIST_UP = "as 'up'", 'health_check.status="up"'  # as dnsdist 1.9 and 2.1 say it
PATIENCE = 120.0  # seconds for a start on a busy machine


@contextmanager
def started(
    command: Sequence[str | Path],
    ready: str | tuple[str, ...],
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run a program that says when it is ready.

    ready: what it says then, or several things of which versions of it say one.  folder: where it
    runs; None: here.  environment: its variables; None: ours.
    """
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=environment,
    ) as process:
        assert process.stdout is not None
        signs = (ready,) if isinstance(ready, str) else ready
        too_long = Timer(PATIENCE, process.kill)
        too_long.start()
        try:
            said = ""
            while not any(each in said for each in signs):
                line = process.stdout.readline()
                assert line, f"it did not start: {said}"
                said += line
            too_long.cancel()
            yield process
        finally:
            too_long.cancel()
            process.kill()
