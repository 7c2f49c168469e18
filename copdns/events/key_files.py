"""What keys and certificates need: a process that makes them, and files for their owner only.

The library for them takes 10 MB and is needed once a year, so whoever needs it starts a process of
its own that has it: JSON goes in, text comes out.  All functions block.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from copdns.model.errors import KeyProcessError

MAX_SECONDS = 60  # for making a key on a busy board
_MAX_COMPLAINT = 300  # letters, the last ones, of what a process wrote about its failure


def run_process(command: Sequence[str], wanted: str) -> str:
    """Return what a process writes when it is given a text; raise KeyProcessError."""
    try:
        done = subprocess.run(
            command,
            input=wanted,
            capture_output=True,
            text=True,
            timeout=MAX_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KeyProcessError(str(error)) from error
    if done.returncode:
        raise KeyProcessError(done.stderr.strip()[-_MAX_COMPLAINT:])
    return done.stdout


def write_private(path: Path, octets: bytes) -> None:
    """Replace a file as a whole, readable for its owner only; raise OSError."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
