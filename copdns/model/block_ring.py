"""The last blocks of one device, as they are in memory; `privacy/recent_blocks.py` has them all."""

from __future__ import annotations

from copdns.model.build import mypyc_attr


@mypyc_attr(acyclic=True)
class BlockRing:
    """The last blocks of one device while it is somebody's.

    entries: name, verdict and moment (whole epoch seconds) of each in turn, the newest last.  A
        name may stand here several times, of which the last counts: to look for it with each block
        costs more than all else that is done for one, as the processor's cache has little of a
        thousand rings.
    codes: a random handle for each name that somebody looked at.
    is_dropped: the blocks are gone; what comes next is in another ring.
    """

    __slots__ = ("codes", "entries", "is_dropped")

    def __init__(self) -> None:
        self.entries: list[object] = []
        self.codes: dict[str, str] | None = None
        self.is_dropped = False
