"""Numbers of people, made safe to publish: small ones are left out.

A number below K tells of so few that somebody might know whom.  Where one cell of a table is left
out and the sum is given, the sum tells the cell; so then another one is left out, too.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def suppress_with_rests(
    cells: Mapping[str, int], rests: Iterable[Mapping[str, int]]
) -> dict[str, int | None]:
    """Return the cells of a table as `suppress_table` does, and without those from which somebody
    who knows a part of them would learn a small rest.

    rests: what is left of the table without each such part; an empty rest is nobody's.
    """
    told = suppress_table(cells)
    for rest in rests:
        if any(rest.values()):
            safe = suppress_table({key: rest.get(key, 0) for key in cells})
            told = {key: None if safe[key] is None else number for key, number in told.items()}
    return told


def step_down(number: int, lot: int) -> int:
    """Return a number of households that may be told: "at least", in steps of K; 0 for too few.

    lot: drawn anew for each number, 0 to K - 1.  Which household's leaving brings the number to the
    next step is by lot, so that two reports, before and after one family's change, tell nothing of
    it: the more likely, the more others left.  What is below K is 0, whatever was drawn.
    """
    return max(number - lot, 0) // K * K


def round_down(number: int) -> int | None:
    """Return a number of look-ups that may be told: its two leading figures; None below K."""
    step = 10 ** max(len(str(number)) - 2, 0)
    return None if number < K else number // step * step
