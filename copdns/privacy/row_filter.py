"""Which rows of the log somebody asks for.  Pure."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from copdns.privacy.retention import LogRow


class RowFilter(NamedTuple):
    """Which rows of the log are wanted; empty fields stand for all.

    text: a part of the name, or of the one that it points to; lower case, as names are stored.
    device: an id.  actions, reasons: one of these.  category, service: a slug.
    since, until: seconds since the epoch; until: exclusive; 0 for no bound.
    """

    text: str = ""
    device: str = ""
    actions: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    category: str = ""
    service: str = ""
    since: float = 0
    until: float = 0

    def wants(self, row: LogRow) -> bool:
        """Tell whether a row is wanted, as the statement does that looks for some
        (`store/log_db/rows.py`)."""
        return (
            self.since <= row.at < (self.until or inf)
            and row.action in (self.actions or (row.action,))
            and row.reason in (self.reasons or (row.reason,))
            and row.device == (self.device or row.device)
            and row.category == (self.category or row.category)
            and row.service == (self.service or row.service)
            and (self.text in row.qname or self.text in row.via)
        )


EVERY_ROW = RowFilter()
