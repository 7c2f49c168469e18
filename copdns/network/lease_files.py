"""Read the lease files of the settings again whenever one of them changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from copdns.network.leases import Lease, LeaseFormat, read_leases

OCTETS = 4 << 20  # of a file; more is not read
AGAIN = 600.0  # seconds after which an unchanged file is read too: leases end by themselves

log = structlog.get_logger("copdns")


@dataclass(slots=True)
class LeaseFile:
    """One file.  stamp: what `stat` said when it was read; leases: what it said then."""

    path: Path
    form: LeaseFormat
    stamp: object = ()
    leases: tuple[Lease, ...] = ()
    trouble: str = ""
    read_at: float = 0.0


@dataclass(slots=True)
class LeaseFiles:
    """The files, in their order; what a later one says of an address counts."""

    files: list[LeaseFile] = field(default_factory=list)

    @classmethod
    def of(cls, chosen: Sequence[tuple[str, str]]) -> LeaseFiles:
        """chosen: paths and formats, as in the settings."""
        return cls([LeaseFile(Path(path), LeaseFormat(form)) for path, form in chosen])

    def read(self, now: float) -> tuple[Lease, ...] | None:
        """Return all leases when there may be others than before, else None; blocks."""
        changed = [_read(each, now) for each in self.files]
        if not any(changed):
            return None
        return tuple(lease for each in self.files for lease in each.leases)


def _read(file: LeaseFile, now: float) -> bool:
    """Read a file if it changed; tell whether its leases did.  One that cannot be read has none."""
    stamp, trouble = file.stamp, ""
    leases = file.leases
    try:
        status = file.path.stat()
        stamp = status.st_mtime_ns, status.st_size, status.st_ino
        if stamp == file.stamp and 0 <= now - file.read_at < AGAIN:
            return False
        with file.path.open("rb") as octets:
            text = octets.read(OCTETS).decode(errors="replace")
        leases, file.read_at = read_leases(text, file.form, now), now
    except OSError as error:
        stamp, leases, trouble = (), (), error.strerror or str(error)
    if trouble and trouble != file.trouble:
        todo = (
            "choose another file in identity.leases, or allow the user that runs copdns to read it"
        )
        log.warning("a lease file cannot be read", file=str(file.path), error=trouble, todo=todo)
    changed = leases != file.leases
    file.stamp, file.leases, file.trouble = stamp, leases, trouble
    return changed
