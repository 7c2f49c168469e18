"""What one decision takes, without a server around it: `policy.decide` in this process.

For a child with 50 schedules, 10 budgets and 200 rules: names of all kinds, at moments when nothing
is closed, something, and everything.  What is asked again is mostly not decided again; here it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path

from copdns.dns.records import A
from copdns.household.file import parse
from copdns.list_files.index_store import IndexStore
from copdns.list_files.load import known_ids
from copdns.lists.source import ListSource
from copdns.model.verdict import AnswerDefaults
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.decide import Policy, decide
from tests.bench.aims import DECISION
from tests.bench.names import listed, name
from tests.bench.ours import CATEGORY, times
from tests.bench.workloads import Sample, Values

DECIDE = "decide"  # the workload
LISTED = 100_000  # names in the list: enough for it to be compiled, as full lists are
PASSES, TIMES = 20, 500  # the best pass of a round counts: others were held up by something else

NAMES = {
    "unlisted": "www.something-else.example",
    "service": "www.youtube.com",  # with a budget and with schedules
    "rule": "bad7.mia.example",
    "listed": name(7),
    "always": "a.school.example",
}
MOMENTS = ("2026-11-23T07:30Z", "2026-11-23T08:10Z", "2026-11-23T22:00Z")


def children(folder: Path) -> dict[float, Policy]:
    """Return the policy of the child at each of the moments.  folder: to work in."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "names.txt"
    path.write_text("".join(f"{each}\n" for each in listed(LISTED)))
    lists = [ListSource("bench", CATEGORY, "domains", "subtree", path=str(path))]
    library = IndexStore(folder).read(lists)
    usual = times("mia")
    schedules = dict(list(usual["schedules"].items())[:-1])
    person = {
        "preset": "7-9",
        "default": "allow",
        **usual,
        "always": ["school.example"],
        "schedules": {**schedules, "bed": "21:00-07:00"},
    }
    written = json.dumps({"household": "Bench", "id": "home", "profiles": {"mia": person}})
    house = parse(written, "bench", known_ids(library))
    defaults = AnswerDefaults((ip_network("127.0.0.0/8"),))
    moments = [datetime.fromisoformat(each).timestamp() for each in MOMENTS]
    return {
        each: build_snapshot(None, library, defaults, [house], each).policy("home", "mia")
        for each in moments
    }


def measure(rounds: int, folder: Path) -> list[Sample]:
    """Return a sample for each round, in microseconds.  folder: as for `children`."""
    policies = children(folder)
    return [Sample(DECIDE, DECISION, number, _round(policies)) for number in range(rounds)]


def _round(policies: Mapping[float, Policy]) -> Values:
    """Return what each kind of name takes at the worst of the moments, and the worst of all."""
    found = {
        kind: max(_best(policy, qname, at) for at, policy in policies.items())
        for kind, qname in NAMES.items()
    }
    return {**found, "worst": max(found.values())}


def _best(policy: Policy, qname: str, at: float) -> float:
    passes = []
    for _ in range(PASSES):
        began = time.perf_counter()
        for _ in range(TIMES):
            decide(policy, qname, A, at)
        passes.append((time.perf_counter() - began) / TIMES * 1e6)
    return min(passes)
