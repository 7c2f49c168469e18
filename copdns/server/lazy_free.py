"""What is of no more use, let go of a little at a time.

To free ten thousand replies, and as many answers, takes tens of milliseconds, and that at the
moment when new rules or lists come into force: every question would wait for it.  Pure.
"""

from __future__ import annotations

from typing import Any

Garbage = list[Any] | dict[Any, Any]


class LazyFreeQueue:
    """Piles of things that nobody else needs."""

    def __init__(self) -> None:
        self._piles: list[Garbage] = []

    def __len__(self) -> int:
        return sum(map(len, self._piles))

    def add(self, *piles: Garbage) -> None:
        """Take piles over: the caller must not keep them."""
        self._piles += filter(None, piles)

    def free(self, count: int) -> None:
        """Free so many things at most."""
        if not self._piles:
            return
        pile = self._piles[-1]
        if isinstance(pile, list):
            del pile[-count:]
        else:
            for _ in range(min(count, len(pile))):
                pile.popitem()
        if not pile:
            self._piles.pop()
