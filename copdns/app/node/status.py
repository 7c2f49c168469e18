"""What the program that keeps the tables of a node says of itself, for the `copdns run` beside it.

It answers nobody itself.  So it writes a small file in the folder of the tables, and `copdns run`
has that in `/readyz` and in its metrics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError

from copdns.model.errors import PlaneError

FILE: Final = "status.json"
WRITE_EVERY: Final = 5.0  # seconds, also where nothing changed
SILENT: Final = 60.0  # seconds after which the program is not there any more

log = structlog.get_logger("copdns.node")


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """at: seconds since the epoch.  away, law, tables: what is not as it should be with PostgreSQL,
    the law and the tables, for people; "" for nothing.  restored: that the database is from a
    backup, since this program runs.
    law_missing: lines of the register that this machine saw before, and has not.
    """

    at: float = 0.0
    away: str = ""
    law: str = ""
    law_missing: int = 0
    tables: str = ""
    restored: str = ""

    @property
    def warning(self) -> str:
        """What is not as it should be, for people."""
        return "; ".join(filter(None, (self.away, self.law, self.tables, self.restored)))


_STATUS: Final = TypeAdapter(NodeStatus)


class StatusFile:
    """Where the status stands, in the folder of the tables.  now: seconds since the epoch."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self._path = folder / FILE
        self._now = now
        self._written = NodeStatus()

    def write(self, status: NodeStatus) -> None:
        """Write a status where it is another, or old; where that cannot be, it grows old."""
        now = self._now()
        is_same = replace(status, at=self._written.at) == self._written
        if is_same and 0 <= now - self._written.at < WRITE_EVERY:
            return
        self._written = status = replace(status, at=now)
        new = self._path.with_suffix(".new")
        try:
            new.write_bytes(_STATUS.dump_json(status))
            new.replace(self._path)
        except OSError as error:
            log.debug("the status of the node cannot be written", error=str(error))

    def read(self) -> NodeStatus | None:
        """Return what was written last; None for nothing."""
        try:
            return _STATUS.validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return None

    @property
    def warning(self) -> str:
        """What is not as it should be with a node, for people; "" where there is no node."""
        status = self.read()
        if status is None:
            return ""
        if not abs(self._now() - status.at) <= SILENT:  # also by a clock that was set back, or NaN
            silent = "nothing keeps the tables of this node; start copdns node run"
            return "; ".join(filter(None, (silent, status.warning)))
        return status.warning

    def gauges(self) -> dict[str, Callable[[], float]]:
        """Return the function that reads each metric of the node, by name."""
        return {
            "copdns_node_away": lambda: bool((self.read() or NodeStatus()).away),
            "copdns_node_law_missing": lambda: (self.read() or NodeStatus()).law_missing,
            "copdns_node_age_seconds": self._age,
        }

    def _age(self) -> float:
        status = self.read()
        return -1.0 if status is None else abs(self._now() - status.at)


def law_trouble(missing: int, error: PlaneError | Exception | None) -> str:
    """Return what is wrong with the law that a node began with, for people; "" for nothing."""
    if error is not None:
        return (
            "the law is as the tables have it, and no order begins or ends until PostgreSQL is "
            f"back ({error})"
        )
    if missing:
        return (
            f"{missing} newer lines of the register are not here: the law is as the tables and the "
            "older lines have it until PostgreSQL is back"
        )
    return ""
