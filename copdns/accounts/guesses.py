"""How many wrong secrets an address may show: cookies of sessions, families and devices, tokens.

What a browser stored comes with each request, also long after it stopped being good.  So the same
wrong one counts once, and one that was right lately is not held up, however many wrong ones others
behind the same address show.  Secrets are here as keyed digests alone.  Moments are monotonic
seconds: all of it ends with the program.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import Final, NamedTuple

from copdns.accounts.lockout import client_network

MAX_WRONG: Final = 100  # different ones from an address, within WINDOW
WINDOW: Final = 900.0  # seconds
MAX_ADDRESSES: Final = 10_000  # with wrong ones; the one that began longest ago is dropped
MAX_SHOWN: Final = 200_000  # wrong ones of all addresses: 30 MB; then addresses are dropped, too
MAX_RIGHT: Final = 50_000  # that are remembered; the one that was used longest ago is dropped


class _Wrong(NamedTuple):
    """since: when the window began.  shown: digests of what was shown."""

    since: float
    shown: set[bytes]


class SecretGuesses:
    """Each secret is looked up between `begin` and `end`, or not at all.  key: of digests."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._wrong: OrderedDict[str, _Wrong] = OrderedDict()  # by address or network
        self._shown = 0  # wrong ones of all
        self._right: OrderedDict[bytes, None] = OrderedDict()

    def begin(self, address: str, secret: str, now: float) -> bool:
        """Tell whether a secret may be looked up; it counts as wrong from now on, so that a hundred
        at once count as a hundred.  address: "" for one that has no limit."""
        digest = self._digest(secret)
        if not address or digest in self._right:
            return True
        network = client_network(address)
        found = self._wrong.get(network)
        if found is None or now - found.since >= WINDOW:
            if found is not None:
                self._shown -= len(self._wrong.pop(network).shown)
            found = self._wrong[network] = _Wrong(now, set())
        if digest in found.shown:
            return True
        if len(found.shown) >= MAX_WRONG:
            return False
        found.shown.add(digest)
        self._shown += 1
        while len(self._wrong) > MAX_ADDRESSES or self._shown > MAX_SHOWN:
            self._shown -= len(self._wrong.popitem(last=False)[1].shown)
        return True

    def end(self, address: str, secret: str, *, is_right: bool) -> None:
        """Note what a look-up found; also that none was possible, which is no guess."""
        digest = self._digest(secret)
        if not is_right:
            self._right.pop(digest, None)
            return
        self.take_back(address, secret)
        self._right[digest] = None
        self._right.move_to_end(digest)
        if len(self._right) > MAX_RIGHT:
            self._right.popitem(last=False)

    def take_back(self, address: str, secret: str) -> None:
        """Let a secret count for nothing: it could not be looked up."""
        found = self._wrong.get(client_network(address)) if address else None
        digest = self._digest(secret)
        if found is not None and digest in found.shown:
            found.shown.remove(digest)
            self._shown -= 1

    def _digest(self, secret: str) -> bytes:
        return blake2b(
            secret.encode("utf-8", "surrogateescape"), key=self._key, digest_size=12
        ).digest()
