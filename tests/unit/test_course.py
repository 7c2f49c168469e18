"""Which closure holds at a moment, and until when."""

from __future__ import annotations

from math import inf

from copdns.course import course
from copdns.model import Reason
from copdns.timing import Closure


def test_what_lasts_until_somebody_ends_it_has_no_edge_ahead() -> None:
    pause = Closure(Reason.PAUSED, 100.0, inf)
    found = course([pause])
    assert (found.at(99.0), found.edge(99.0)) == (None, 100.0)
    assert (found.at(100.0), found.edge(100.0)) == (pause, None)
