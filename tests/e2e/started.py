"""Programs of others, which say themselves when they are ready."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# What dnsdist says of each server that answers it: 1.9, and 2.1, which Debian has since.
DNSDIST_UP: Final = ("as 'up'", 'health_check.status="up"')


@contextmanager
def started(
    command: Sequence[str | Path],
    ready: str | tuple[str, ...],
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run a program that says when it is ready.

    ready: what it says then; of several, any.  folder: where it runs; None: here.  environment: its
    variables; None: ours.
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
        awaited = (ready,) if isinstance(ready, str) else ready
        try:
            said = ""
            while not any(each in said for each in awaited):
                line = process.stdout.readline()
                assert line, f"it did not start: {said}"
                said += line
            yield process
        finally:
            process.kill()
