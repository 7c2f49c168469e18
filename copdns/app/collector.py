"""Python's collector of garbage, kept from holding up answers.

Answers and questions hold no cycles, so looking through them for some finds nothing, and with
thousands of questions on their way it took half of all time.  What is new is looked through once;
the rest when the housekeeping asks.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (10_000, 1_000_000, 1_000_000)


def configure_gc() -> None:
    """Look through what is new, and by itself never through the rest."""
    gc.set_threshold(*THRESHOLDS)


def collect_young() -> None:
    """Look through what has lived on for a while: the housekeeping asks."""
    gc.collect(1)


@contextmanager
def frozen_from_gc(*, serving: bool) -> Iterator[None]:
    """Let the collector never look through what is made meanwhile: lists and policies stay.

    To look through them would hold up questions for as long as it takes, and so would a look
    through all answers that are kept, some 40 ms: while serving, only at what is youngest.
    """
    # What is dead by now should not stay for good.  What has lived on for a while before it died,
    # and in a circle, does: a few objects a change, since answers and questions have no circles.
    gc.collect(0 if serving else 2)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
