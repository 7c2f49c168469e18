"""Which rows of the log somebody asks for.  Pure."""

from __future__ import annotations

from typing import NamedTuple


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


EVERY_ROW = RowFilter()
