"""Lists with rules: the real program with a zone and modifiers beside as many plain names.

A third of the names are plain, a third stand in a response policy zone, a third in ad blocker
rules, of which five in eight have a modifier.  Each holds for the questions of the bench, so that
the same names are blocked either way.  What a look-up takes is measured in a process of its own,
over the file that the program compiled.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from copdns.dns.records import A
from copdns.household.file import parse
from copdns.list_files.index_store import IndexStore
from copdns.list_files.load import known_ids, own_sources
from copdns.model.verdict import AnswerDefaults
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.decide import decide
from copdns.settings.config import load
from tests.bench import machine
from tests.bench.build import BenchError, Programs
from tests.bench.machine import Machine
from tests.bench.names import name
from tests.bench.ours import CATEGORY, ROOT, Build, Copdns, environment
from tests.bench.peers import Place
from tests.bench.peers import replace as write
from tests.bench.run import say
from tests.bench.stage import Stage
from tests.bench.table import aligned
from tests.bench.workloads import check

NAMES = 5_000_000
MOST = 130.0  # MB of the program with rules, once it is ready
SLOWEST = 1.5  # times what a look-up in plain names takes
PASSES = 15  # the best one counts: others were held up by something else
NOON = 1_795_867_200.0  # any moment
_FORMS = {"names": "domains", "zone": "rpz", "rules": "adblock"}
_ZONE_HEAD = ("$TTL 3600\n", "@ SOA localhost. root.localhost. 1 3600 600 86400 60\n")


def _rule(number: int, text: str) -> str:
    """Return the ad blocker's rule for a name; its number chooses the modifier."""
    modifiers = {
        0: "$important",
        1: "$dnstype=A|AAAA|HTTPS",
        2: "$dnstype=~TXT",
        3: f"$denyallow=open.{name(number % 1000)}",
        4: "$client=~192.0.2.9",
    }
    return f"||{text}^{modifiers.get(number // 3 % 8, '')}\n"


@dataclass(frozen=True, slots=True)
class Ruled(Copdns):
    """A copdns whose list comes as three: plain names, a zone, and rules with modifiers."""

    def write_list(self, place: Place, names: Iterable[str]) -> None:
        each = list(names)
        write(place.folder / "names.txt", (f"{one}\n" for one in each[0::3]))
        zone = (f"{one} CNAME .\n*.{one} CNAME .\n" for one in each[1::3])
        write(place.folder / "zone.txt", (*_ZONE_HEAD, *zone))
        rules = (_rule(3 * at + 2, one) for at, one in enumerate(each[2::3]))
        write(place.folder / "rules.txt", rules)

    def _settings(self, place: Place) -> dict[str, object]:
        lists = [
            {"slug": f"bench-{slug}", "path": f"{slug}.txt", "category": CATEGORY, "format": form}
            for slug, form in _FORMS.items()
        ]
        matched = [{**each, "match": "subtree"} for each in lists]
        return {**Copdns._settings(self, place), "lists": matched}


@dataclass(frozen=True, slots=True)
class Taken:
    """What a list took.  file, ready, warm: MB: the compiled file, and the resident memory of the
    program when it was ready and after each hot name.  found, open, decided: microseconds: to look
    up a listed name and one that is not, and to decide on a listed one."""

    file: float
    ready: float
    warm: float
    found: float
    open: float
    decided: float


def measure(
    here: Machine, programs: Programs, folder: Path, count: int, build: Build
) -> dict[str, Taken]:
    """Return what a list of `count` names took, by how it is written."""
    taken = {}
    for server in (Copdns("plain", build=build), Ruled("ruled", build=build)):
        say(f"{server.name}: {count:,} names")
        with closing(Stage(here, programs, folder / server.name, count)) as stage:
            running = stage.start(server)
            stage.start_again(running)  # with the lists compiled before, as nearly every day
            ready = machine.memory(running.process.pid).rss
            check(stage, running)
            warm = machine.memory(running.process.pid).rss
            index = (running.place.folder / "data" / "lists" / "index").iterdir()
            size = max(each.stat().st_size for each in index) / 1e6
            times = _times(server, running.place.folder, stage.hot_set.each)
            taken[server.name] = Taken(size, ready, warm, *times)
    return taken


def _times(server: Copdns, folder: Path, hot: Path) -> tuple[float, float, float]:
    """Measure look-ups in a process that has the modules of the build."""
    where = ROOT if server.build.checkout is None else server.build.checkout
    run = ["-m", "tests.bench.ruled", str(folder), str(hot)]
    python = ["env", f"PYTHONPATH={where}:{ROOT}", server.build.python]
    done = subprocess.run(
        [*python, *run], env=environment(), cwd="/", capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"look-ups could not be measured:\n{done.stderr[-500:]}")
    found, free, decided = json.loads(done.stdout)
    return found, free, decided


def time_lookups(folder: Path, hot: Path) -> list[float]:
    """Return the microseconds of `Taken`, by the file that a copdns in a folder compiled."""
    settings = load((folder / "copdns.yaml").read_text(), str(folder / "copdns.yaml"), {})
    library = IndexStore(folder / "data").read(tuple(own_sources(settings.lists)))
    person: dict[str, Any] = {"preset": "7-9", "default": "allow", "categories": [CATEGORY]}
    text = json.dumps({"household": "Bench", "id": "home", "profiles": {"mia": person}})
    house = parse(text, "bench", known_ids(library))
    defaults = AnswerDefaults((ip_network("127.0.0.0/8"),))
    policy = build_snapshot(None, library, defaults, [house], NOON).policy("home", "mia")
    kinds: dict[str, list[str]] = {"blocked": [], "address": []}
    for line in hot.read_text().splitlines():
        qname, _, kind = line.partition(" ")
        kinds[kind].append(qname)
    missing = [each for each in kinds["blocked"] if not decide(policy, each, A, NOON).blocks]
    if missing:
        raise BenchError(f"{len(missing)} listed names are not blocked, such as {missing[0]}")
    return [
        _best(lambda qname: policy.find_entries(qname, A), kinds["blocked"]),
        _best(lambda qname: policy.find_entries(qname, A), kinds["address"]),
        _best(lambda qname: decide(policy, qname, A, NOON), kinds["blocked"]),
    ]


def _best(work: Callable[[str], object], names: Sequence[str]) -> float:
    """Return the microseconds of processor time that one name takes in the best of the passes."""
    passes = []
    for _ in range(PASSES):
        began = time.process_time()
        for each in names:
            work(each)
        passes.append((time.process_time() - began) / len(names) * 1e6)
    return min(passes)


def is_short(taken: dict[str, Taken]) -> bool:
    """Tell whether rules take more than they may."""
    plain, ruled = taken["plain"], taken["ruled"]
    return ruled.warm > MOST or ruled.found > SLOWEST * plain.found


def report(count: int, taken: dict[str, Taken]) -> str:
    head = ["list", "file MB", "ready MB", "warm MB", "listed us", "open us", "decided us"]
    rows = [
        [slug, *(f"{one:.1f}" for one in (each.file, each.ready, each.warm))]
        + [f"{one:.2f}" for one in (each.found, each.open, each.decided)]
        for slug, each in taken.items()
    ]
    return f"{count:,} names, plain and with zones and modifiers\n{aligned([head, *rows])}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(time_lookups(Path(sys.argv[1]), Path(sys.argv[2]))))
