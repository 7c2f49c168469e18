"""A home on loopback: the real program, its upstream, and whoever asks or changes something."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from select import select
from time import monotonic
from typing import Any

import dns.edns
import dns.message
import dns.rcode
from click.testing import CliRunner

from copdns.cli import main
from copdns.store.log_db.querylog import QueryLog
from tests.e2e.upstream import upstream
from tests.replies import ede_of
from tests.running import PATIENCE, Program, running
from tests.upstream_server import UpstreamServer, Way

ROOT = Path(__file__).parents[2]
PAUSE = 0.01  # seconds at least between two looks, which leave the processor to the program
MOST_PAUSE = 0.1  # seconds
LONG = 180.0  # seconds for what is done in a process that lets all others go first (os.nice)
OFTEN = 10  # looks are no further apart than this part of the time that has gone by
MIA, TOM, ADA = "127.0.0.1", "127.0.0.2", "127.0.0.3"

# The upstreams of these tests answer with addresses of loopback.
POINTS_HOME = {"COPDNS_REBINDING__ALLOW": '["127.0.0.0/8", "::1/128"]'}


@dataclass
class House:
    """data: the folder of the databases."""

    program: Program
    upstream: UpstreamServer
    data: Path

    def ask(self, name: str, rtype: str = "A", source: str = MIA, over_tcp: bool = False) -> Reply:
        return Reply(self.program.ask(name, rtype, source, over_tcp))

    def begin(self, name: str, source: str = MIA) -> Callable[[], Reply]:
        """Ask, and return what waits for the reply."""
        query = dns.message.make_query(name, "A", use_edns=0)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((source, 0))
        sock.connect(("127.0.0.1", self.program.port))
        sock.settimeout(PATIENCE)
        sock.send(query.to_wire())

        def wait() -> Reply:
            with sock:
                return Reply(dns.message.from_wire(sock.recv(4096)))

        return wait

    def command(self, *arguments: str | Path) -> str:
        """Run a command, and return what it says; it has to work."""
        done = self.program.command(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def at_once(self, *arguments: str | Path) -> str:
        """Run a command in this process, for tests that need many; return what it says."""
        options = [*self.program.options, *arguments]
        runner = CliRunner(env=self.program.environment)
        done = runner.invoke(main, [*map(str, options)], catch_exceptions=False)
        assert done.exit_code not in (1, 2, 78), done.output
        return done.stdout

    def check(self, name: str, source: str, rtype: str = "A") -> dict[str, Any]:
        """Return what `copdns check` says."""
        asked = ("--client", source, "--type", rtype)
        found: dict[str, Any] = json.loads(self.at_once("check", name, *asked, "--json"))
        return found

    @property
    def log(self) -> QueryLog:
        return QueryLog(self.data)

    def written(self) -> tuple[int, int]:
        """Return how many rows stand in the log, and how many look-ups its counts tell of.

        For waiting: it takes no lock that the program may need, as the commands do.
        """
        uri = f"{(self.data / 'log.db').as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True)) as connection:
                (rows,) = connection.execute("select count(*) from lookup").fetchone()
                (counts,) = connection.execute("select total(n) from lookup_count").fetchone()
        except sqlite3.DatabaseError:  # it is not made yet
            return 0, 0
        return int(rows), int(counts)

    def metrics(self) -> dict[str, float]:
        lines = self.program.get("/metrics").splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}


@dataclass
class Reply:
    """A reply, in the words that tests compare."""

    message: dns.message.Message

    @property
    def rcode(self) -> str:
        return str(dns.rcode.to_text(self.message.rcode()))

    @property
    def data(self) -> list[str]:
        """All rdata of the answer, as text."""
        return [str(rdata) for rrset in self.message.answer for rdata in rrset]

    @property
    def ede(self) -> tuple[int, str] | None:
        return ede_of(self.message)


@contextmanager
def house(
    folder: Path,
    settings: Mapping[str, object] | Path | None = None,
    household: Mapping[str, object] | None = None,
    says: Mapping[str, Way] | None = None,
    environment: Mapping[str, str] = POINTS_HOME,
    *,
    forked: bool = True,
) -> Iterator[House]:
    """Start a home whose data is in a folder.

    household: as in its file, for the first start.  says: how the upstream answers, by name.
    forked: as for `running`.
    """
    if household is not None:
        assert not isinstance(settings, Path)
        written = folder / "household.yaml"
        written.write_text(json.dumps(household))  # JSON is YAML
        settings = {**(settings or {}), "household": str(written)}
    with (
        upstream(says) as answering,
        running(
            folder,
            settings,
            upstreams=[answering.address.port],
            environment=environment,
            forked=forked,
        ) as program,
    ):
        yield House(program, answering, folder / "data")


def eventually(holds: Callable[[], object], within: float = PATIENCE) -> float:
    """Return after how many seconds something holds; fail when it takes too long."""
    began = monotonic()
    while not holds():
        gone = monotonic() - began
        assert gone < within, f"it did not come true within {within} s"
        select([], [], [], max(PAUSE, min(gone / OFTEN, MOST_PAUSE, within - gone)))
    return monotonic() - began


def traces(folder: Path, pattern: bytes) -> dict[str, set[bytes]]:
    """Return what matches, in any spelling, in every octet of every file of a folder."""
    regex = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    found = {each.name: set(regex.findall(_octets(each))) for each in folder.rglob("*")}
    return {name: matches for name, matches in found.items() if matches}


def _octets(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:  # SQLite took it away meanwhile
        return b""
