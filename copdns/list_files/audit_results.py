"""Keep what the last audit of lists found, so that the desk shows it beside each list.

`copdns lists audit --keep` writes it: `lists-audit.json` in the data folder.  Numbers only: neither
the table nor a name of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from copdns.list_files.audit import Share
from copdns.model.errors import ListError

FILE = "lists-audit.json"


class AuditResults(NamedTuple):
    """What lists block of names that should not be blocked.

    at: seconds since the epoch.  names: how many there were.  blocked: by each list, by its slug;
    one that was not asked is not in it.
    """

    at: float
    names: int
    blocked: Mapping[str, int]

    def percent(self, slug: str) -> float | None:
        """Return a list's over-blocking score; None for one that was not asked."""
        found = self.blocked.get(slug)
        return None if found is None or not self.names else 100 * found / self.names


def save_results(folder: Path, others: Share, asked: frozenset[str], now: float) -> None:
    """Keep what an audit found; raise ListError.

    others: of the names that should not be blocked.  asked: the lists that were looked at.
    """
    blocked = {slug: others.lists.get(slug, 0) for slug in sorted(asked)}
    path, new = folder / FILE, folder / f"{FILE}.new"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.write_text(json.dumps({"at": now, "names": others.names, "blocked": blocked}) + "\n")
        if os.geteuid() == 0:  # it belongs to whoever owns the folder
            owner = folder.stat()
            os.chown(new, owner.st_uid, owner.st_gid)
        new.replace(path)
    except OSError as error:
        raise ListError(
            f"{path}: {error.strerror}; free some space, or allow writing there"
        ) from error


def load_results(folder: Path) -> AuditResults | None:
    """Return what the last audit found; None where there was none, or its file is broken."""
    try:
        found = json.loads((folder / FILE).read_text())
        blocked = {str(slug): int(n) for slug, n in found["blocked"].items()}
        return AuditResults(float(found["at"]), int(found["names"]), blocked)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
