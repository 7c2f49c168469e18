"""Take each request of a second box once, whoever sends it again.

Somebody who stands between two boxes can record what they say, and send it once more.  So each
request names the mark that the first box gave last, and is known by its nonce while that holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from copdns.model.errors import FollowingError

MOST: Final = 10_000  # requests under one mark: a megabyte, and some hours


class TakenRequests:
    """The requests of each pairing that were taken, in memory: after a start there are new marks.

    make_mark: returns a text that nobody can guess.
    """

    def __init__(self, make_mark: Callable[[], str]) -> None:
        self._make_mark = make_mark
        self._taken: dict[str, tuple[str, set[bytes]]] = {}  # by pairing: its mark, and nonces

    def take(self, pairing: str, mark: str, nonce: bytes) -> str:
        """Take a request: return "", or, where its mark does not hold, the one that does.

        Raises FollowingError for one that was taken already.
        """
        holds, nonces = self._taken.get(pairing, ("", set[bytes]()))
        if not holds or len(nonces) >= MOST:
            holds, nonces = self._taken[pairing] = self._make_mark(), set()
        if mark != holds:
            return holds
        if nonce in nonces:
            raise FollowingError("this request was taken already")
        nonces.add(nonce)
        return ""
