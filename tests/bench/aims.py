"""What copdns aims at, and a clear word on each line that is short of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.table import aligned, ratio, values
from tests.bench.workloads import Sample

LANE, CHAIN = "copdns", "copdns-chain"  # with the fast lane, and without it
TIMED = "copdns-timed"  # with the lane, and with schedules, budgets and rules for each
DECISION = "copdns-decide"  # no server: policy.decide in the bench's own process
MANY = "copdns-many"  # without it, for 1,000 profiles and 10,000 devices


@dataclass(frozen=True, slots=True)
class Aim:
    """A bound for a median, or for the median ratio to a peer, or for the median less another's
    (`less`), or for a worst round (`worst`)."""

    about: str
    server: str
    workload: str
    key: str
    at_least: float | None = None
    at_most: float | None = None
    peer: str = ""
    less: str = ""
    worst: bool = False
    only_names: int = 0  # for a list of this length; 0: for any

    def bound(self) -> str:
        of = f" of {self.peer}" if self.peer else f" more than {self.less}" if self.less else ""
        if self.at_least is not None:
            return f"at least {self.at_least:g}{of}"
        return f"at most {self.at_most:g}{of}"

    def measured(self, samples: Sequence[Sample]) -> float | None:
        if self.peer:
            return ratio(samples, self.workload, self.key, self.server, self.peer)
        found = self._of(samples, self.server)
        if self.less and found is not None:
            other = self._of(samples, self.less)
            return None if other is None else found - other
        return found

    def _of(self, samples: Sequence[Sample], server: str) -> float | None:
        found = values(samples, self.workload, server, self.key).values()
        if not found:
            return None
        return max(found) if self.worst else median(found)

    def reached(self, number: float) -> bool:
        if self.at_least is not None:
            return number >= self.at_least
        return self.at_most is not None and number <= self.at_most


MILLION = 1_000_000
AIMS = (
    Aim("hot set", LANE, "hot", "rate", at_least=0.9, peer="unbound"),
    Aim("hot set", LANE, "hot", "rate", at_least=1.3, peer="dnsmasq"),
    Aim("hot set", CHAIN, "hot", "rate", at_least=0.9, peer="dnsmasq"),
    Aim("hot set", TIMED, "hot", "rate", at_least=0.95, peer=LANE),
    Aim("a decision in us", DECISION, "decide", "worst", at_most=20),
    Aim("names never seen", LANE, "cold", "rate", at_least=1.3, peer="unbound"),
    Aim("p99 at 5,000/s", LANE, "latency", "p99", at_most=1.4, peer="unbound"),
    Aim("lost at 5,000/s", LANE, "latency", "lost", at_most=0, worst=True),
    Aim("lost in a reload", LANE, "reload", "lost", at_most=0, worst=True),
    Aim("late in a reload", LANE, "reload", "late", at_most=0, worst=True),
    Aim("RSS in MB", LANE, "memory", "rss", at_most=80, only_names=MILLION),
    Aim("hot set", MANY, "hot", "rate", at_least=0.9, peer=CHAIN),
    Aim("RSS in MB", MANY, "memory", "rss", at_most=30, less=CHAIN),
    Aim("start in seconds", LANE, "start", "again", at_most=1, only_names=MILLION),
)


def verdicts(samples: Sequence[Sample], count: int) -> str:
    """Return a line for each aim; count: of names in the list."""
    rows = [["", "server", "aim", "measured", ""]]
    for aim in AIMS:
        number = aim.measured(samples)
        if aim.only_names not in (0, count):
            words = ["-", f"not measured: it is about {aim.only_names:,} names"]
        elif number is None:
            words = ["-", "not measured"]
        else:
            words = [f"{number:.2f}", "reached" if aim.reached(number) else "SHORT OF THE AIM"]
        rows.append([aim.about, aim.server, aim.bound(), *words])
    return f"aims\n{aligned(rows)}"
