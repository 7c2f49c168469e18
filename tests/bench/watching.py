"""python -m tests.bench.watching: what it costs the answering that twenty look at the live log.

The real program with the example family; dnsperf asks as Mia, in turns with nobody looking and with
twenty who do.  Says the rates and by how much they differ; `--rounds` and `--seconds` choose how
long.  Needs dnsperf, and a machine that does nothing else.
"""

from __future__ import annotations

import re
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click

from copdns.web.routes import ROUTES
from tests.bench.build import BenchError
from tests.conftest import find_tool
from tests.e2e.visitor import Visitor, set_up
from tests.running import Program
from tests.web.pages import example

WATCHERS, MOST_LOST = 20, 0.03  # how many look; the share of the rate that they may cost
LIVE = "/guardian/log/live"
NAMES = [f"n{number}.games.example" for number in range(50)] + [
    f"open-{number}.example" for number in range(50)
]


class Rates(NamedTuple):
    """Answers a second, of each round."""

    alone: list[float]
    watched: list[float]

    @property
    def lost(self) -> float:
        """The share of the rate that is lost: the median of the rounds, each against its own."""
        return median(
            1 - watched / alone for alone, watched in zip(self.alone, self.watched, strict=True)
        )


def measured(program: Program, guardian: Visitor, names: Path, rounds: int, seconds: int) -> Rates:
    rates = Rates([], [])
    rate(program, names, seconds)  # what is asked for is in the cache from now on
    for number in range(rounds):
        for watched in (False, True) if number % 2 else (True, False):
            with ExitStack() as stack:
                for _ in range(WATCHERS if watched else 0):
                    stack.enter_context(watching(program, guardian))
                (rates.watched if watched else rates.alone).append(rate(program, names, seconds))
    return rates


def rate(program: Program, names: Path, seconds: int) -> float:
    """Return answers a second."""
    where = ("-s", "127.0.0.1", "-p", str(program.port), "-d", str(names))
    how = ("-l", str(seconds), "-c", "8", "-q", "200", "-T", "1")
    done = subprocess.run(
        [find_tool("dnsperf"), *where, *how], capture_output=True, text=True, check=True
    )
    found = re.search(r"Queries per second:\s+([\d.]+)", done.stdout)
    if found is None:
        raise BenchError(f"dnsperf says no rate: {done.stdout}")
    return float(found[1])


@contextmanager
def watching(program: Program, guardian: Visitor) -> Iterator[None]:
    """Follow the live log, as a browser that is left open does."""
    connection: HTTPConnection = guardian.begin(program, "GET", LIVE)
    with closing(connection):
        reply = connection.getresponse()
        if reply.status != 200:
            raise BenchError(f"{LIVE}: {reply.status}")
        thread = threading.Thread(target=_read, args=[reply])
        thread.start()
        yield
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
        thread.join()


def _read(reply: object) -> None:
    read = reply.read1  # type: ignore[attr-defined]
    try:
        while read(65536):
            pass
    except (OSError, ValueError, HTTPException):
        return  # the browser is closed


@click.command()
@click.option("--rounds", type=click.IntRange(2), default=6, show_default=True)
@click.option("--seconds", type=click.IntRange(1), default=3, show_default=True)
def main(rounds: int, seconds: int) -> None:
    if LIVE not in {getattr(each, "path", "") for each in ROUTES}:
        raise SystemExit(f"There is no {LIVE} yet: nothing to measure.")
    with tempfile.TemporaryDirectory() as work, example(Path(work)) as program:
        names = Path(work) / "names"
        names.write_text("".join(f"{name} A\n" for name in NAMES))
        guardian = Visitor("127.0.0.3")
        set_up(program, guardian)
        rates = measured(program, guardian, names, rounds, seconds)
    click.echo(f"nobody looks: {median(rates.alone):,.0f} answers/s")
    click.echo(f"{WATCHERS} look:     {median(rates.watched):,.0f} answers/s")
    click.echo(f"lost: {rates.lost:.1%} (at most {MOST_LOST:.0%})")
    if rates.lost > MOST_LOST:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
