"""What copdns aims at, and a clear word on each line that is short of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.quiet import quiet_rounds
from tests.bench.table import FASTER, Style, Table, plain, ratio, values
from tests.bench.workloads import Sample

LANE, CHAIN = "copdns", "copdns-chain"  # with the fast lane, and without it
TIMED = "copdns-timed"  # with the lane, and with schedules, budgets and rules for each
DECISION = "copdns-decide"  # no server: policy.decide in the bench's own process
OVER_TLS = "copdns-tls"  # without the lane, and with an upstream by DNS over TLS
MANY = "copdns-many"  # without it, for 1,000 profiles and 10,000 devices


@dataclass(frozen=True, slots=True)
class Aim:
    """A bound for a median, or for the median ratio to peers (to the fastest of them in each
    round), or for the median less another's (`less`), or for a worst round (`worst`).

    better: a bound beyond that, which is worth trying for.  slower: only rounds with a lower rate.
    """

    about: str
    server: str
    workload: str
    key: str
    at_least: float | None = None
    at_most: float | None = None
    peers: tuple[str, ...] = ()
    less: str = ""
    better: float | None = None
    worst: bool = False
    only_names: int = 0  # for a list of this length; 0: for any
    slower: float = 0  # questions a second; 0: any rate

    def bound(self) -> str:
        of = f" of {' and '.join(self.peers)}" if self.peers else ""
        of = f" more than {self.less}" if self.less else of
        if self.at_least is not None:
            return f"at least {self.at_least:g}{of}"
        return f"at most {self.at_most:g}{of}"

    def measured(self, samples: Sequence[Sample]) -> float | None:
        if self.slower:
            samples = [each for each in samples if each.values.get("rate", 0) < self.slower]
        if self.peers:
            return ratio(samples, self.workload, self.key, self.server, *self.peers)
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

    def verdict(self, number: float) -> str:
        if not _within(number, self.at_least, self.at_most):
            return "SHORT OF THE AIM"
        if self.better is None:
            return "reached"
        least, most = (None, self.better) if self.at_least is None else (self.better, None)
        if _within(number, least, most):
            return f"reached, with the {self.better:g} that is worth trying for"
        return f"reached; {self.better:g} is worth trying for"


def _within(number: float, least: float | None, most: float | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)


MILLION = 1_000_000
AIMS = (
    Aim("hot set", LANE, "hot", "rate", at_least=1.35, better=1.5, peers=FASTER),
    Aim("hot set", LANE, "hot", "rate", at_least=0.56, better=0.65, peers=("echo",)),
    Aim("hot set", CHAIN, "hot", "rate", at_least=1.0, peers=FASTER),
    Aim("hot set", TIMED, "hot", "rate", at_least=0.97, peers=(LANE,)),
    Aim("hot set", MANY, "hot", "rate", at_least=0.95, peers=(CHAIN,)),
    Aim("RSS in MB", MANY, "memory", "rss", at_most=25, less=CHAIN),
    Aim("rows dropped", MANY, "hot", "dropped", at_most=0, worst=True, slower=100_000),
    Aim("rows dropped", LANE, "latency", "dropped", at_most=0, worst=True),
    Aim("names never seen", LANE, "cold", "rate", at_least=2.0, peers=("unbound",)),
    Aim("names never seen", LANE, "cold", "rate", at_least=0.68, better=0.75, peers=("dnsdist",)),
    Aim("names never seen", TIMED, "cold", "rate", at_least=0.9, peers=(LANE,)),
    Aim("upstream over TLS", OVER_TLS, "cold", "rate", at_least=25_000),
    Aim("upstream over TLS", OVER_TLS, "cold", "rate", at_least=0.3, peers=(CHAIN,)),
    Aim("p99 at 5,000/s", LANE, "latency", "p99", at_most=1.25, better=1.1, peers=("unbound",)),
    Aim("lost at 5,000/s", LANE, "latency", "lost", at_most=0, worst=True),
    Aim("lost in a reload", LANE, "reload", "lost", at_most=0, worst=True),
    Aim("late in a reload", LANE, "reload", "late", at_most=0, worst=True),
    Aim("slowest in a reload, us", LANE, "reload", "max", at_most=25_000, worst=True),
    Aim("reload in force, s", LANE, "reload", "in_force", at_most=5, worst=True),
    Aim("new list in force, s", LANE, "new_list", "in_force", at_most=4, only_names=MILLION),
    Aim("RSS when ready, MB", LANE, "memory", "ready", at_most=70, only_names=MILLION),
    Aim("RSS when warm, MB", LANE, "memory", "rss", at_most=90, only_names=MILLION),
    Aim("first answer, s", LANE, "start", "again_answer", at_most=0.5, only_names=MILLION),
    Aim("a decision in us", DECISION, "decide", "worst", at_most=20),
)


def verdicts(
    samples: Sequence[Sample], count: int, style: Style = plain, *, busy: bool = False
) -> str:
    """Return a line for each aim; count: of names in the list.

    Aims about latency are judged by the rounds that were quiet, if both servers have one.  busy:
    whether the machine was: then that is said of them, however they are.
    """
    rows = []
    for aim in AIMS:
        about_latency = aim.workload == "latency" and aim.key == "p99"
        number = aim.measured(_quiet(samples)) if about_latency else None
        remark = " (no round was quiet)" if about_latency and number is None else ""
        if about_latency and busy:
            remark = " (the machine was busy)"
        number = aim.measured(samples) if number is None else number
        if aim.only_names not in (0, count):
            words = ["-", f"not measured: it is about {aim.only_names:,} names"]
        elif number is None:
            words = ["-", "not measured"]
        else:
            words = [f"{number:.2f}", f"{aim.verdict(number)}{remark}"]
        rows.append([aim.about, aim.server, aim.bound(), *words])
    return style(Table("aims", ["", "server", "aim", "measured", "verdict"], rows))


def _quiet(samples: Sequence[Sample]) -> Sequence[Sample]:
    return quiet_rounds([each for each in samples if each.workload == "latency"])
