"""An hour of everything at once: `python -m tests.soak [MINUTES]` (`make soak`).

Three people, each a process, ask without a pause for what is blocked, cached and new, over UDP and
now and then over TCP; a list is another one each minute, and a rule changes each second.  Nothing
may be lost or wrong, no answer may take more than 50 ms that neither an upstream nor the machine
caused, each change has to be answered by within a second, and memory has to be flat after the first
tenth.  It prints figures while it runs and at the end; the exit code says whether all held.

What the machine caused is what the kernel says: for how long copdns and who asked were ready to
run, and had to wait for a processor (schedstat, proc(5)).
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic
from typing import NamedTuple

import dns.exception
import dns.message
import dns.query

from tests.e2e.house import ADA, MIA, POINTS_HOME, TOM, Reply
from tests.e2e.oracle_upstream import started
from tests.list_server import ListServer, list_server
from tests.running import Program, running

MINUTES = 60.0
SLOWEST = 0.050  # seconds
IN_FORCE = 1.0  # seconds from the end of a command to the changed answer
MAY_GROW = 8.0  # MB after the first tenth
PAUSE = 0.003  # seconds between two questions of one person
ENTRIES = 1000  # of the cache: soon full, so that it grows no more
TOYS = 5000  # names of the list
NEVER = Event()
KNOWN = [f"site-{number}.example" for number in range(200)]
FAMILY = {
    "id": "home",
    "profiles": {
        "mia": {"band": "7-9", "devices": {"mia-tablet": [MIA]}, "categories": ["games"]},
        "tom": {"band": "13-15", "devices": {"tom-phone": [TOM]}, "categories": ["games"]},
        "ada": {"band": "adult", "devices": {"ada-laptop": [ADA]}},
    },
    "block": ["games.example"],
}


class Asked(NamedTuple):
    """What one person saw.  own: seconds of each answer that needed no upstream, less what the
    machine caused; slow: those of them that took too long; lost, wrong: what happened instead."""

    own: list[float]
    fetched: int
    slow: list[str]
    lost: list[str]
    wrong: list[str]


def ask_until(told: Connection, port: int, pid: int, address: str, seed: int) -> None:
    """Ask until something comes, and send what was seen."""
    lot, seen, number = Random(seed), Asked([], 0, [], [], []), 0
    fetched = 0
    while not told.poll(PAUSE):
        number += 1
        drawn = lot.random()
        if drawn < 0.3:
            name = f"n{number % 5000}.games.example"
        elif drawn < 0.95:
            name = KNOWN[min(int(lot.expovariate(0.03)), len(KNOWN) - 1)]
        else:
            name = f"new-{seed}-{number}.example"
        fetched += ask(seen, (port, pid, address), name, over_tcp=drawn > 0.99)
    told.send(seen._replace(fetched=fetched))


def ask(seen: Asked, where: tuple[int, int, str], name: str, *, over_tcp: bool) -> bool:
    """Ask for a name, and note what comes; tell whether an upstream may have been asked."""
    port, pid, address = where
    query = dns.message.make_query(name, "A", use_edns=0)
    send = dns.query.tcp if over_tcp else dns.query.udp
    waited, began = waited_for_processor(pid), monotonic()
    try:
        reply = Reply(send(query, MIA, 5, port=port, source=address))
    except (OSError, dns.exception.DNSException) as error:
        seen.lost.append(f"{name}: {error!r}")
        return True
    took = monotonic() - began
    is_blocked = name.endswith("games.example")
    if (reply.ede is None) if is_blocked else (reply.rcode == "SERVFAIL"):
        seen.wrong.append(f"{name}: {reply.rcode} {reply.data} {reply.ede}")
    if not is_blocked:
        return True
    if took > SLOWEST:
        took = max(took - (waited_for_processor(pid) - waited), 0.0)
    seen.own.append(took)
    if took > SLOWEST:
        seen.slow.append(f"{name}: {took * 1000:.0f} ms")
    return False


def waited_for_processor(pid: int) -> float:
    """Return for how many seconds this process, and the first thread of another, had to wait."""
    paths = (f"/proc/{pid}/task/{pid}/schedstat", "/proc/thread-self/schedstat")
    return sum(int(Path(each).read_text().split()[1]) for each in paths) / 1e9


class Figures(NamedTuple):
    """memory: MB, each few seconds.  changes: seconds until each was answered by."""

    memory: list[float]
    changes: list[float]
    updates: int


def change_things(program: Program, server: ListServer, seconds: float) -> Figures:
    """Change a rule each second and the list each minute."""
    found, began, number = Figures([], [], 0), monotonic(), 0
    updates = 0
    while (gone := monotonic() - began) < seconds:
        number += 1
        verb, name = ("add", "remove")[number % 2 == 0], f"film-{(number + 1) // 2}.example"
        words = ("add", "block", name) if verb == "add" else ("remove", name)
        done = program.command("rule", *words)
        assert done.returncode == 0, done.stderr
        since = monotonic()
        while (Reply(program.ask(name)).ede is None) is (verb == "add"):
            assert monotonic() - since < 10, f"{verb} {name} has no effect"
        found.changes.append(monotonic() - since)
        if gone >= 60 * updates:
            updates += 1
            put_list(server, updates)
            done = program.command("lists", "update")
            assert done.returncode == 0, done.stdout
            print(f"{gone / 60:.0f} min: {found.memory[-1:]} MB", flush=True)
        found.memory.append(resident(program.process.pid))
        NEVER.wait(max(0.0, began + number - monotonic()))
    return found._replace(updates=updates)


def put_list(server: ListServer, version: int) -> None:
    """Let the list have a tenth of other names: so few that no guardian has to look at it."""
    first = version * TOYS // 10
    names = "".join(f"toys-{number}.example\n" for number in range(first, first + TOYS))
    server.put("/toys", names)


def resident(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


def soak(minutes: float, show: Callable[[str], None]) -> bool:
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as name,
        list_server() as server,
        started("plain") as upstream,
        _home(Path(name), server, upstream) as program,
    ):
        people = []
        for seed, address in enumerate((MIA, TOM, ADA)):
            ours, theirs = context.Pipe()
            # A daemon ends with us, whatever happens.
            where = (theirs, program.port, program.process.pid, address, seed)
            context.Process(target=ask_until, args=where, daemon=True).start()
            people.append(ours)
        figures = change_things(program, server, minutes * 60)
        seen: list[Asked] = []
        for each in people:
            each.send("enough")
            seen.append(each.recv())
        metrics = program.get("/metrics")
        code, said = program.stop()
    dropped = "copdns_log_dropped_total 0.0" not in metrics
    return report(seen, figures, show) and not dropped and code == 0 and "bug" not in said


def _home(folder: Path, server: ListServer, upstream: int) -> AbstractContextManager[Program]:
    put_list(server, 0)
    form = {"category": "games", "format": "domains", "match": "subtree"}
    household = folder / "household.yaml"
    household.write_text(json.dumps(FAMILY))  # JSON is YAML
    settings = {
        "household": str(household),
        "sources": {"own": [{"slug": "toys", "url": server.url("/toys"), **form}]},
        "cache": {"entries": ENTRIES},
    }
    return running(folder, settings, upstreams=[upstream], environment=POINTS_HOME, forked=False)


def report(seen: list[Asked], figures: Figures, show: Callable[[str], None]) -> bool:
    """Show all figures, and tell whether they are as they have to be."""
    own = sorted(each for person in seen for each in person.own)
    lost, wrong, slow = (
        [each for person in seen for each in getattr(person, what)]
        for what in ("lost", "wrong", "slow")
    )
    memory = figures.memory
    tenth = max(len(memory) // 10, 1)
    grown = statistics.median(memory[-tenth:]) - statistics.median(memory[tenth : 2 * tenth])
    show(
        f"{len(own) + sum(person.fetched for person in seen):,} answers, {len(lost)} lost, "
        f"{len(wrong)} wrong; those without an upstream: median {statistics.median(own) * 1e3:.2f} "
        f"ms, 99.9 % within {own[int(len(own) * 0.999)] * 1e3:.1f} ms, slowest "
        f"{own[-1] * 1e3:.1f} ms"
    )
    show(
        f"{len(figures.changes):,} changes of rules, the slowest in force after "
        f"{max(figures.changes):.2f} s; {figures.updates} updates of the list"
    )
    show(f"memory: {memory[tenth]:.1f} to {memory[-1]:.1f} MB, {grown:+.1f} MB after a tenth")
    for each in [*lost, *wrong, *slow][:10]:
        show(f"  {each}")
    return (
        not lost and not wrong and not slow and max(figures.changes) < IN_FORCE and grown < MAY_GROW
    )


if __name__ == "__main__":
    asked = float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    sys.exit(not soak(asked, lambda line: print(line, flush=True)))
