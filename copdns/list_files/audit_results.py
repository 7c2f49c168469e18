"""Save and load the results of the last audit of lists, which the desk shows beside each list.

`copdns lists audit --keep` writes `lists-audit.json` in the data folder: numbers only, neither the
table nor a name of it.
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
    """How many names lists block that should not be blocked.

    at: seconds since the epoch.  names: how many there were.  blocked: by the slug of each audited
    list.
    """

    at: float
    names: int
    blocked: Mapping[str, int]

    def percent(self, slug: str) -> float | None:
        """Return the percentage of names that a list blocks; None where it was not audited."""
        found = self.blocked.get(slug)
        return None if found is None or not self.names else 100 * found / self.names


def save_results(folder: Path, others: Share, audited: frozenset[str], now: float) -> None:
    """Write the results of an audit; raise ListError where they cannot be written.

    others: of the names that should not be blocked.  audited: slugs of the lists that were counted.
    """
    blocked = {slug: others.lists.get(slug, 0) for slug in sorted(audited)}
    path, new = folder / FILE, folder / f"{FILE}.new"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.write_text(json.dumps({"at": now, "names": others.names, "blocked": blocked}) + "\n")
        if os.geteuid() == 0:  # the file must belong to the owner of the folder
            owner = folder.stat()
            os.chown(new, owner.st_uid, owner.st_gid)
        new.replace(path)
    except OSError as error:
        raise ListError(
            f"{path}: {error.strerror}; free some space, or allow writing there"
        ) from error


def load_results(folder: Path) -> AuditResults | None:
    """Return the results of the last audit; None where there are none, or the file is broken."""
    try:
        found = json.loads((folder / FILE).read_text())
        blocked = {str(slug): int(n) for slug, n in found["blocked"].items()}
        return AuditResults(float(found["at"]), int(found["names"]), blocked)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
