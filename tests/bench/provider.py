"""A node of a provider: its tables for a million subscribers, and what policies cost dnsdist.

Two dnsdist take turns under the same load: one has the policies, the other only the cache.  A
change is in force when the first of queries that are asked without a pause is answered by it.
"""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import dns.message

from copdns.model.matchers import Matcher
from copdns.model.verdict import Reason
from copdns.provider.plane.agent import NodeAgent
from copdns.provider.plane.dnsdist import NodeSettings, Tenant, dnsdist_config
from copdns.provider.plane.files import PlaneFiles
from copdns.provider.plane.rows import PlaneTable
from copdns.provider.plane.snapshot import (
    Group,
    Layer,
    ListedNames,
    NameList,
    PlaneChange,
    PlaneSnapshot,
    PolicyClass,
    Subscriber,
)
from tests.bench import machine, through_store
from tests.bench.build import BenchError, Programs
from tests.bench.front import beside_load, front, in_memory, processor_time
from tests.bench.load import Generator, kind_of
from tests.bench.machine import Machine
from tests.bench.ours import Build
from tests.bench.run import say
from tests.running import free_port

SUBSCRIBERS, GROUPS, CHANGES = 1_000_000, 300, 300
PERSONAL = 10  # one subscriber of so many has rules of its own
EXCEPTIONS = 100_000
FIRST = 0x7F00_0000  # the first address: the sources of the load are among them
CHILD, GROWN, NIGHT = 0, 1, 2  # classes
ASKED, BLOCKED = 20_000, 20  # names that are asked for; one of so many is blocked
SOURCES, RATE = 2_000, 2_000  # addresses that ask; questions a second while changes are made
BLOCKED_NAME = "n0.block.example"


@dataclass(frozen=True, slots=True)
class Aim:
    """What one figure must be.  at_most: else at least."""

    what: str
    unit: str
    bound: float
    at_most: bool = True

    def told(self, value: float) -> str:
        is_met = value <= self.bound if self.at_most else value >= self.bound
        side = "at most" if self.at_most else "at least"
        verdict = "met" if is_met else "MISSED"
        return f"{self.what}: {value:.3g} {self.unit} ({side} {self.bound:g}): {verdict}"


AIMS: Mapping[str, Aim] = {
    "size": Aim("table of a million subscribers", "MB", 25),
    "size_later": Aim("the same after 100,000 changes", "MB", 25),
    "build": Aim("tables of a million subscribers built", "s", 10),
    "bedtime": Aim("300 groups at bedtime", "ms", 10),
    "node": Aim("a new node from nothing to its first answer", "s", 30),
    "change": Aim("a change in force through dnsdist, 99th percentile", "ms", 300),
    "ratio": Aim("answers beside dnsdist without policies", "x", 0.85, at_most=False),
    "ruled": Aim("a question that a household's own rule blocks, time of copdns", "us", 40),
    "open": Aim("one of a household with rules that is answered from the cache", "us", 40),
    "sent": Aim("one of a household with rules that is sent to the upstream", "us", 40),
    "a_second": Aim("changes a second through the store", "", 200, at_most=False),
    "page": Aim("a change of the page among them through dnsdist, 99th percentile", "ms", 300),
}


def measure(
    here: Machine,
    programs: Programs,
    folder: Path,
    amounts: tuple[int, int, float],
    stored: through_store.Amount,
    build: Build,
) -> dict[str, float]:
    """Measure all; return the figures by the keys of AIMS.

    amounts: names, rounds and seconds.  stored: households in PostgreSQL.  build: the copdns.
    """
    names, rounds, seconds = amounts
    folder.mkdir(parents=True, exist_ok=True)
    store = through_store.measure(here, programs, folder / "store", stored, build)
    found = {
        "ruled": store.ruled,
        "open": store.open,
        "sent": store.sent,
        "a_second": store.a_second,
        "page": through_store.percentile(store.from_start, 0.99),
    }
    with ExitStack() as stack:
        tables = stack.enter_context(in_memory("copdns-plane-bench"))
        upstream = free_port()
        stack.enter_context(beside_load(here, [programs.upstream, str(upstream)], folder))
        say(f"{names:,} names on lists, {SUBSCRIBERS:,} subscribers")
        with machine.only_core(here.server, here.real_time):
            found["build"] = _build(_Source(0, exceptions=0), tables / "subscribers")
        source = _Source(names)
        began = time.monotonic()
        files = PlaneFiles(tables)
        stack.callback(files.close)
        agent = NodeAgent(files, source)
        with machine.only_core(here.server, here.real_time):
            agent.catch_up()
        node = settings(tables, upstream)
        first = stack.enter_context(
            front(here, folder / "node", dnsdist_config(node), port_of(node))
        )
        found["node"] = time.monotonic() - began
        found["size"] = files.octets()[PlaneTable.SUBSCRIBERS] / 1e6
        say("bedtimes")
        found["bedtime"] = statistics.median(_bedtimes(agent, source))
        say("a dnsdist without policies beside it, in turns")
        plain = replace_port(node)
        other = stack.enter_context(
            front(here, folder / "plain", without_policy(plain), port_of(plain))
        )
        load = Generator(programs.load, here)
        asked = write_names(folder / "asked", names)
        both = ((port_of(node), first), (port_of(plain), other))
        found["ratio"] = _ratio(load, asked, both, rounds, seconds)
        say("changes under load")
        options = ["-f", asked, "-a", "-q", str(RATE), "-s", str(SOURCES), "-l", "600"]
        process = load.begin(port_of(node), *options)
        try:
            took = sorted(_changes(agent, source, port_of(node)))
        finally:
            load.stop(process)
        found["change"] = took[int(len(took) * 0.99) - 1]
        _shuffle(agent, source)
        found["size_later"] = files.octets()[PlaneTable.SUBSCRIBERS] / 1e6
    return found


def report(found: Mapping[str, float]) -> str:
    return "\n".join(aim.told(found[key]) for key, aim in AIMS.items())


class _Source:
    """A million subscribers that are made up as they are read."""

    def __init__(self, names: int, exceptions: int = EXCEPTIONS) -> None:
        self._names = names
        self._exceptions = exceptions
        self._changes: list[PlaneChange] = []
        self.revision = 1

    def snapshot(self) -> PlaneSnapshot:
        blocked = tuple(Matcher(f"n{each}.block.example") for each in range(self._names))
        return PlaneSnapshot(
            1,
            _subscribers(),
            {each: Group(GROWN if each % 2 else CHILD) for each in range(GROUPS)},
            {
                CHILD: PolicyClass(frozenset({"games"})),
                GROWN: PolicyClass(frozenset({"games"})),
                NIGHT: PolicyClass(closed=Reason.SCHEDULE),
            },
            ListedNames((NameList("games", Layer.FAMILY, blocked),)),
            (f"blog{each}.example" for each in range(self._exceptions)),
        )

    def change(self, **what: object) -> None:
        self.revision += 1
        self._changes = [PlaneChange(self.revision, **what)]  # type: ignore[arg-type]

    def changes_after(self, revision: int) -> Sequence[PlaneChange]:
        return [each for each in self._changes if each.revision > revision]

    async def wait(self) -> None:
        raise NotImplementedError


def _build(source: _Source, folder: Path) -> float:
    """Return how many seconds all tables take, without lists."""
    began = time.monotonic()
    files = PlaneFiles(folder)
    NodeAgent(files, source).catch_up()
    files.close()
    return time.monotonic() - began


def _subscribers() -> Iterator[Subscriber]:
    for each in range(SUBSCRIBERS):
        household = "" if each % PERSONAL else f"h{each}"
        yield Subscriber((FIRST + each).to_bytes(4, "big"), each % GROUPS, household)


def _bedtimes(agent: NodeAgent, source: _Source) -> Iterator[float]:
    """Yield how many milliseconds it takes to close all groups, and to open them again."""
    for turn in range(10):
        groups = {
            each: Group(NIGHT if turn % 2 == 0 else (GROWN if each % 2 else CHILD))
            for each in range(GROUPS)
        }
        source.change(groups=groups)
        began = time.perf_counter()
        agent.catch_up()
        yield (time.perf_counter() - began) * 1e3


def _changes(agent: NodeAgent, source: _Source, port: int) -> Iterator[float]:
    """Yield how many milliseconds it takes until a subscriber's change is in force."""
    address = "127.0.9.9"
    query = dns.message.make_query("open.example", "A", use_edns=False).to_wire()
    key = bytes(map(int, address.split(".")))
    source.change(groups={GROUPS: Group(NIGHT)})
    agent.catch_up()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1.0)
        sock.bind((address, 0))
        sock.connect(("127.0.0.1", port))
        for turn in range(CHANGES):
            group, wanted = (GROUPS, "blocked") if turn % 2 == 0 else (1, "address")
            source.change(subscribers=[Subscriber(key, group)])
            began = time.perf_counter()
            agent.catch_up()
            while True:
                sock.send(query)
                if kind_of(dns.message.from_wire(sock.recv(4096))) == wanted:
                    break
            yield (time.perf_counter() - began) * 1e3


def _shuffle(agent: NodeAgent, source: _Source) -> None:
    """Move 100,000 subscribers all over the table into other groups."""
    for start in range(100):
        moved = [
            Subscriber((FIRST + each).to_bytes(4, "big"), each % (GROUPS - 1))
            for each in range(start * 7, SUBSCRIBERS, 1_000)
        ]
        source.change(subscribers=moved)
        agent.catch_up()


def _ratio(
    load: Generator, asked: Path, both: Sequence[tuple[int, int]], rounds: int, seconds: float
) -> float:
    """Return how many answers come from one for each of the other.

    both: their ports and process ids.  Processor time for an answer is told as well: what else runs
    on the machine changes it less.
    """
    ratios = []
    options = ["-f", asked, "-a", "-s", str(SOURCES)]
    for port, _ in both:
        load.run(port, *options, "-n", str(ASKED))  # fills the cache
    if load.machine.server != load.machine.load:
        options.append("-r")  # or the slower one would be charged for waking who asks
    for _ in range(rounds):
        rates, costs = [], []
        for port, process in both:
            before = processor_time(process)
            came = load.run(port, *options, "-l", str(seconds))
            if came.lost:
                raise BenchError(f"{came.lost} questions were lost")
            rates.append(came.rate)
            costs.append((processor_time(process) - before) / came.answered * 1e6)
        say(
            f"with policies {rates[0]:,.0f}, without {rates[1]:,.0f} answers a second; "
            f"{costs[0]:.2f} and {costs[1]:.2f} us of processor time for each"
        )
        ratios.append(rates[0] / rates[1])
    return statistics.median(ratios)


def write_names(path: Path, names: int) -> Path:
    """Write what is asked for: names in the cache, and some that are blocked."""
    lines = [
        f"n{each * 7919 % names}.block.example blocked"
        if each % BLOCKED == 0
        else f"www.site{each}.example address"
        for each in range(ASKED)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


# --- programs -------------------------------------------------------------------------------------


def settings(tables: Path, upstream: int) -> NodeSettings:
    """Return the settings of a node.  Nothing listens where copdns would."""
    resolver = f"127.0.0.1:{upstream}"
    return NodeSettings(
        site="bench",
        folder=str(tables),
        listen=(f"127.0.0.1:{free_port()}",),
        resolvers=(resolver,),
        safe_source="127.0.0.2",
        copdns=(f"127.0.0.1:{free_port()}",),
        tenants=(Tenant((ip_network("127.0.0.0/8"),), 0),),
        cache_size=100_000,
    )


def replace_port(node: NodeSettings) -> NodeSettings:
    """Return the same on another port."""
    return NodeSettings(
        node.site,
        node.folder,
        (f"127.0.0.1:{free_port()}",),
        node.resolvers,
        node.safe_source,
        node.copdns,
        node.tenants,
        cache_size=node.cache_size,
    )


def without_policy(node: NodeSettings) -> str:
    """Return the configuration up to where policies begin."""
    return dnsdist_config(node).partition("-- The tables")[0]


def port_of(node: NodeSettings) -> int:
    return int(node.listen[0].rpartition(":")[2])
