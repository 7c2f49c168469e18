"""What a program last saw of the one that writes addresses, kept over a restart of its own: by that
it notices a database that was set back while it was stopped.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError

from copdns.store.postgres.lines import UNKNOWN, Writer

WRITTEN_FILE: Final = "addresses-written.json"  # of a program that takes addresses in
SEEN_FILE: Final = "addresses-seen.json"  # of a node
NOTE_EVERY: Final = 5.0  # seconds of the clock of who writes

_KEPT: Final = TypeAdapter(Writer)

log = structlog.get_logger("copdns.node")


class LastWrite:
    """A small file.  Where it cannot be kept, this is said, and a restart knows less.

    writer: what was kept last; `UNKNOWN` for nothing.
    """

    def __init__(self, path: Path, *, waits: bool = True) -> None:
        """waits: until it is on the disk; else a machine that loses its power may have none."""
        self._path = path
        self._waits = waits
        try:
            self.writer = _KEPT.validate_json(path.read_bytes())
        except FileNotFoundError:
            self.writer = UNKNOWN
        except (OSError, ValidationError) as error:
            log.warning("when addresses were written last cannot be read", error=str(error))
            self.writer = UNKNOWN

    def note(self, writer: Writer, *, at_once: bool = False) -> None:
        """Keep what was seen, unless that is there; or nearly that, but for `at_once`."""
        is_same = writer._replace(at=self.writer.at) == self.writer
        most = 0.0 if at_once else NOTE_EVERY
        if writer == self.writer or (is_same and 0 <= writer.at - self.writer.at < most):
            return
        self.writer = writer
        new = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(_KEPT.dump_json(writer))
                file.flush()
                if self._waits:
                    os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            log.warning("when addresses were written last cannot be kept", error=str(error))
