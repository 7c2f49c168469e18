"""How much a run of the tests tries: the telling part that `make test` has time for, or the whole.

`make test-whole`, and `.ci/run` with its first Python, set COPDNS_WHOLE: then each page is looked
at in every look and language, chance has as many examples as a test asks for, and what is marked
`whole` is run too.
"""

from __future__ import annotations

import os
from typing import TypeVar

VARIABLE = "COPDNS_WHOLE"
WHOLE = bool(os.environ.get(VARIABLE))

T = TypeVar("T")


def choose(whole: T, part: T) -> T:
    """Return what a run of all, or one of a part, takes."""
    return whole if WHOLE else part


def examples(most: int) -> int:
    """Return how many examples chance has in this run, where a run of all has `most`."""
    return choose(most, max(most // 4, 10))
