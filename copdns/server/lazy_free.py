"""Free big containers a slice at a time (Redis calls it lazy free).

To drop 10,000 replies at once stops the loop for some 20 ms, and that at the moment when new rules
or lists take effect: every query would wait for it.  Pure.
"""

from __future__ import annotations

from typing import Any

Container = list[Any] | dict[Any, Any]


class LazyFreeQueue:
    """Containers that nobody else holds, to be emptied a slice at a time."""

    def __init__(self) -> None:
        self._containers: list[Container] = []

    def __len__(self) -> int:
        return sum(map(len, self._containers))

    def add(self, *containers: Container) -> None:
        """Take containers over: the caller must not keep them."""
        self._containers += filter(None, containers)

    def free(self, count: int) -> None:
        """Free so many items at most."""
        if not self._containers:
            return
        last = self._containers[-1]
        if isinstance(last, list):
            del last[-count:]
        else:
            for _ in range(min(count, len(last))):
                last.popitem()
        if not last:
            self._containers.pop()
