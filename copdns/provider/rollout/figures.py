"""What a node's dnsdist counted: answers, and how many failed, were blocked or came late.

No figure is of a subscriber, a household or a name.  dnsdist writes its counters into a file each
second (`plane/dnsdist.py`).  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

from copdns.model.errors import PlaneError

STATISTICS_FILE: Final = "statistics"
END: Final = "end"  # the last line: the file is whole
# The counters of dnsdist that are read, as it calls them.
QUERIES: Final = "queries"
SERVFAILS: Final = "frontend-servfail"
BLOCKS: Final = "self-answered"  # with our configuration it answers nothing else itself, but:
# Over HTTPS, what shows no right token, which has 404; ours, and only where something is encrypted.
TURNED_AWAY: Final = "turned-away"
DROPPED: Final = "rule-drop"  # the same over TLS and TCP, and by UDP from outside
LATENCIES: Final = (  # answers by milliseconds
    *("latency0-1", "latency1-10", "latency10-50", "latency50-100", "latency100-1000"),
    "latency-slow",
)
MOST_DIGITS: Final = 18  # what PostgreSQL can add up
MOST_OCTETS: Final = 16_384  # of the file
_NEEDED: Final = (QUERIES, SERVFAILS, BLOCKS, *LATENCIES)
COUNTERS: Final = (*_NEEDED, DROPPED, TURNED_AWAY)
_SLOW_FROM: Final = LATENCIES.index("latency100-1000")


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """Counts of some time, or since dnsdist was started.

    latencies: answers that took less than 1, 10, 50, 100 and 1,000 ms and more than that, each
    counted once.  dropped, turned_away: of queries, those that got nothing, and those that got 404
    and are among `blocks`; 0 where they are taken off (`count_answers`).
    """

    queries: int = 0
    servfails: int = 0
    blocks: int = 0
    latencies: tuple[int, ...] = (0,) * len(LATENCIES)
    dropped: int = 0
    turned_away: int = 0

    def __add__(self, other: NodeFigures) -> NodeFigures:
        return NodeFigures(
            self.queries + other.queries,
            self.servfails + other.servfails,
            self.blocks + other.blocks,
            tuple(a + b for a, b in zip(self.latencies, other.latencies, strict=True)),
            self.dropped + other.dropped,
            self.turned_away + other.turned_away,
        )

    def since(self, before: Self) -> NodeFigures:
        """Return what was counted after `before`; all of it where dnsdist was started meanwhile."""
        if any(getattr(self, each.name) < getattr(before, each.name) for each in fields(self)[:3]):
            return self
        return NodeFigures(
            self.queries - before.queries,
            self.servfails - before.servfails,
            self.blocks - before.blocks,
            tuple(max(0, a - b) for a, b in zip(self.latencies, before.latencies, strict=True)),
            max(0, self.dropped - before.dropped),
            max(0, self.turned_away - before.turned_away),
        )

    def count_answers(self) -> NodeFigures:
        """Return the counts without what got no answer.

        Anybody on the internet may send that where tokens count everywhere, and would decide by it
        which rollout goes back.
        """
        queries = max(0, self.queries - self.dropped - self.turned_away)
        blocks = max(0, self.blocks - self.turned_away)
        return NodeFigures(queries, self.servfails, blocks, self.latencies)

    @property
    def servfail_share(self) -> float:
        """The part of queries that got SERVFAIL, 0 to 1."""
        return self.servfails / self.queries if self.queries else 0.0

    @property
    def block_share(self) -> float:
        """The part of queries that were blocked, 0 to 1."""
        return self.blocks / self.queries if self.queries else 0.0

    @property
    def slow_share(self) -> float:
        """The part of answers that took 100 ms or longer, 0 to 1."""
        answers = sum(self.latencies)
        return sum(self.latencies[_SLOW_FROM:]) / answers if answers else 0.0


@dataclass(frozen=True, slots=True)
class FigureRow:
    """What a node counted until a second, since its row before."""

    node: str
    at: int
    figures: NodeFigures


def read_statistics(text: str) -> NodeFigures:
    """Return what dnsdist's file says; raise PlaneError for one that is not whole, or damaged."""
    return node_figures(read_counters(text))


def read_counters(text: str) -> dict[str, int]:
    """Return all numbers of dnsdist's file by their names; raise PlaneError as above."""
    *lines, last = text.splitlines() or [""]
    if last != END:
        raise PlaneError("the figures of dnsdist are not whole")
    counters: dict[str, int] = {}
    for line in lines:
        name, _, value = line.partition(" ")
        if not (value.isdecimal() and len(value) <= MOST_DIGITS):
            raise PlaneError("the figures of dnsdist cannot be read")
        counters[name] = int(value)
    return counters


def node_figures(counters: Mapping[str, int]) -> NodeFigures:
    """Return what rollouts look at; raise PlaneError where something of it is not counted."""
    if missing := [each for each in _NEEDED if each not in counters]:
        raise PlaneError(f"dnsdist does not count {', '.join(missing)}")
    return NodeFigures(
        counters[QUERIES],
        counters[SERVFAILS],
        counters[BLOCKS],
        tuple(counters[each] for each in LATENCIES),
        counters.get(DROPPED, 0),  # a configuration of before writes neither
        counters.get(TURNED_AWAY, 0),
    )
