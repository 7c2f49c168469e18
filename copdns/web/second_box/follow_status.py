"""What a second box tells of itself."""

from __future__ import annotations

from typing import NamedTuple


class FollowStatus(NamedTuple):
    """url: of the first box.  fetched: when that answered last, in epoch seconds; None for never.
    is_away: it does not answer now."""

    url: str
    fetched: int | None
    is_away: bool
