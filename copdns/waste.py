"""What is of no more use, let go of a little at a time.

To free ten thousand replies, and as many answers, takes tens of milliseconds, and that at the
moment when new rules or lists come into force: every question would wait for it.
"""

from __future__ import annotations


class Waste:
    """Piles of things that nobody else needs."""

    def __init__(self) -> None:
        self._piles: list[list[object]] = []

    def __len__(self) -> int:
        return sum(map(len, self._piles))

    def add(self, *piles: list[object]) -> None:
        """Take lists over: the caller must not keep them."""
        self._piles += filter(None, piles)

    def let_go(self, count: int) -> None:
        """Free so many things at most."""
        if self._piles:
            del self._piles[-1][-count:]
            if not self._piles[-1]:
                self._piles.pop()
