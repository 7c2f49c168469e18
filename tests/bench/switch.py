"""1,000 profiles close at the same minute while 5,000 questions a second go on.

Lost: questions of the load that nobody answered.  Late to close: profiles, each asked once right
after that minute began, that still got an address; and how long asking all of them took.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dns.message

from tests.bench.build import Programs
from tests.bench.load import kind_of
from tests.bench.machine import Machine
from tests.bench.names import OPEN, name
from tests.bench.ours import MANY_PROFILES, Copdns, town
from tests.bench.run import say
from tests.bench.stage import Stage
from tests.bench.workloads import RATE

SOURCES = 2_000
BEFORE, AFTER = 5.0, 3.0  # seconds of load before and after the switch
NAMES = 1_000


@dataclass(frozen=True, slots=True)
class Switch:
    """What came of it.  took: seconds for one question to each profile after the minute began."""

    sent: int
    lost: int
    late: int
    slowest: float
    profiles: int
    still_open: int
    took: float


def measure(here: Machine, programs: Programs, folder: Path) -> Switch:
    with closing(Stage(here, programs, folder, NAMES)) as stage:
        stage.sources = SOURCES
        at = _next_minute(time.time() + 45)
        server = Copdns("copdns-switch", extra_household=_closing(at))
        running = stage.start(server)
        say(f"copdns-switch: {MANY_PROFILES:,} profiles close at {_clock(at)} UTC")
        _wait_for(at - BEFORE)
        options = ["-f", stage.hot_set.hot, "-a", "-q", RATE, "-l", str(BEFORE + AFTER)]
        load = stage.generator.begin(running.place.port, "-s", str(SOURCES), *options)
        _wait_for(at)
        began = time.monotonic()
        kinds = list(_ask_everyone(running.place.port))
        took = time.monotonic() - began
        counted = stage.generator.end(load)
    still_open = sum(kind != "blocked" for kind in kinds)
    return Switch(
        counted.sent, counted.lost, counted.late, counted.max, len(kinds), still_open, took
    )


def report(found: Switch) -> str:
    return (
        f"{found.profiles:,} profiles at once: {found.still_open} still open when asked within "
        f"{found.took:.2f} s\nload: {found.sent:,} questions, {found.lost} lost, "
        f"{found.late} late, slowest {found.slowest:,.0f} us"
    )


def _closing(at: float) -> dict[str, object]:
    """Return a town in which everything closes at a minute, for an hour."""
    slot = f"{_clock(at)}-{_clock(at + 3600)}"
    return {**town(), "timezone": "UTC", "schedules": {"all": slot}}


def _next_minute(moment: float) -> float:
    return (moment // 60 + 1) * 60


def _clock(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%H:%M}"


def _wait_for(moment: float) -> None:
    while (left := moment - time.time()) > 0:
        time.sleep(min(left, 0.5))


def _ask_everyone(port: int) -> Iterator[str]:
    """Ask once from a device of each profile, for a name that is open otherwise."""
    query = dns.message.make_query(name(OPEN), "A", use_edns=False).to_wire()
    for number in range(MANY_PROFILES):
        address = f"127.{number % 10 + 1}.{number // 10 % 200}.1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1.0)
            sock.bind((address, 0))
            sock.connect(("127.0.0.1", port))
            sock.send(query)
            yield kind_of(dns.message.from_wire(sock.recv(4096)))
