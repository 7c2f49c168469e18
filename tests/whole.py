"""How much a run of the tests tries: the telling part that `make test` has time for, or the whole.

COPDNS_WHOLE is "yes" in `make test-whole`: then each page is looked at in every look and language,
chance has as many examples as a test asks for, and what is marked `whole` is run too.  It is
"marked" in `.ci/run` with its first Python, which has forty minutes: then what is marked is run,
and of looks and examples the part.
"""

from __future__ import annotations

import os
from typing import TypeVar

VARIABLE = "COPDNS_WHOLE"
MARKED = "marked"
_said = os.environ.get(VARIABLE, "")
WITH_MARKED = bool(_said)  # what is marked is run
WHOLE = _said not in ("", MARKED)

T = TypeVar("T")


def choose(whole: T, part: T) -> T:
    """Return what a run of all, or one of a part, takes."""
    return whole if WHOLE else part


def examples(most: int) -> int:
    """Return how many examples chance has in this run, where a run of all has `most`."""
    return choose(most, max(most // 4, 10))
