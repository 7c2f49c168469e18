"""Read the lease files of the settings, and again whenever one changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from copdns.network.leases import Lease, LeaseFormat, read_leases

MAX_OCTETS = 4 << 20  # of a file; the rest is not read
REREAD_AFTER = 600.0  # seconds after which an unchanged file is read again: its leases expire

log = structlog.get_logger("copdns")


@dataclass(slots=True)
class WatchedLeaseFile:
    """A lease file, with its leases when it was read last.

    stamp: changes when the file does.  error: why it could not be read; "" where it could.
    read_at: seconds since the epoch.
    """

    path: Path
    form: LeaseFormat
    stamp: object = ()
    leases: tuple[Lease, ...] = ()
    error: str = ""
    read_at: float = 0.0


@dataclass(slots=True)
class LeaseFiles:
    """The lease files, in their order; of two that have an address, the later one counts."""

    files: list[WatchedLeaseFile] = field(default_factory=list)

    @classmethod
    def from_settings(cls, chosen: Sequence[tuple[str, str]]) -> LeaseFiles:
        """Return the files of the settings.  chosen: pairs of path and format."""
        return cls([WatchedLeaseFile(Path(path), LeaseFormat(form)) for path, form in chosen])

    def read(self, now: float) -> tuple[Lease, ...] | None:
        """Return all leases; None where none changed since the last call.  Blocks."""
        changed = [_read(each, now) for each in self.files]
        if not any(changed):
            return None
        return tuple(lease for each in self.files for lease in each.leases)


def _read(file: WatchedLeaseFile, now: float) -> bool:
    """Read a file if it changed; tell whether its leases did.

    A file that cannot be read has no leases.
    """
    stamp, error = file.stamp, ""
    leases = file.leases
    try:
        status = file.path.stat()
        stamp = status.st_mtime_ns, status.st_size, status.st_ino
        if stamp == file.stamp and 0 <= now - file.read_at < REREAD_AFTER:
            return False
        with file.path.open("rb") as octets:
            text = octets.read(MAX_OCTETS).decode(errors="replace")
        leases, file.read_at = read_leases(text, file.form, now), now
    except OSError as failure:
        stamp, leases, error = (), (), failure.strerror or str(failure)
    if error and error != file.error:
        todo = (
            "choose another file in identity.leases, or allow the user that runs copdns to read it"
        )
        log.warning("a lease file cannot be read", file=str(file.path), error=error, todo=todo)
    changed = leases != file.leases
    file.stamp, file.leases, file.error = stamp, leases, error
    return changed
