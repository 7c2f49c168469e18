"""Numbers of people, made safe to publish: small ones are left out.

A number below K tells of so few that somebody might know whom.  Where one cell of a table is left
out and the sum is given, the sum tells the cell; so then another one is left out, too.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

K: Final = 20


def suppress(number: int) -> int | None:
    """Return a number that may be told; None for one below K, zero included."""
    return number if number >= K else None


def suppress_table(cells: Mapping[str, int]) -> dict[str, int | None]:
    """Return the cells of a table whose sum is published, too.

    What is left out is at least two cells that together are K or more, or the sum would tell them.
    """
    told: dict[str, int | None] = {key: suppress(number) for key, number in cells.items()}
    gone = [key for key, number in told.items() if number is None]
    while gone and (len(gone) < 2 or sum(cells[key] for key in gone) < K):
        left = [key for key, number in told.items() if number is not None]
        if not left:
            break
        smallest = min(left, key=lambda key: (cells[key], key))
        told[smallest] = None
        gone.append(smallest)
    return told
