"""Programs of others, which say themselves when they are ready."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def started(
    command: Sequence[str | Path],
    ready: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run a program that says when it is ready.

    folder: where it runs; None: here.  environment: its variables; None: ours.
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
        try:
            said = ""
            while ready not in said:
                line = process.stdout.readline()
                assert line, f"it did not start: {said}"
                said += line
            yield process
        finally:
            process.kill()
