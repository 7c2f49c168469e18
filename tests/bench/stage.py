"""Servers that run side by side for one bench, and the stub upstream behind them."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import names
from tests.bench.build import BenchError, Programs, compile_tls_upstream
from tests.bench.load import Generator, Load, kind, wait_until
from tests.bench.machine import MORE_URGENT, Machine, Memory, memory, start, threads, urgent
from tests.bench.names import HotSet
from tests.bench.ours import environment
from tests.bench.peers import BLOCKS, Place, Server
from tests.encrypted_server import make_certificate
from tests.running import free_port

LOADED = 300.0  # seconds for a server to read its list
ENDED = 20.0  # seconds for a server to stop
SAID = "said.txt"  # what a server wrote, in its folder


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds from a server's exec to its first answer of any kind, and to its first block."""

    answers: float
    blocks: float


@dataclass
class Running:
    """A server that answers.

    start: its first.  ready: its memory at the first block.
    """

    server: Server
    place: Place
    process: subprocess.Popen[str]
    start: Started
    ready: Memory
    unseen: int = 0  # how many never-seen names it was asked
    turns: int = 0  # how many times it was asked the hot set


class Stage:
    """Starts servers on one core, questions on the other; all of it ends with `close`."""

    def __init__(self, machine: Machine, programs: Programs, folder: Path, count: int) -> None:
        """count: of names in every server's list."""
        self.machine = machine
        self.generator = Generator(programs.load, machine)
        self.count = count
        self.sources = 60  # addresses that questions come from
        self.folder = folder
        folder.mkdir(parents=True)
        self._programs = programs
        self._stack = ExitStack()
        self.hot_set: HotSet = names.write_hot_set(folder, count)
        self.upstream = free_port()
        command: list[str | Path] = [programs.upstream, str(self.upstream)]
        self._upstreams = [self._own(start(command, machine.load)).pid]
        self._encrypted = ""
        self.running: dict[str, Running] = {}
        self._listed: list[str] = []

    def close(self) -> None:
        self._stack.close()

    def listed(self) -> list[str]:
        """Return the names of the list; they are made once."""
        if not self._listed:
            self._listed = list(names.listed(self.count))
        return self._listed

    def encrypt_upstream(self) -> None:
        """Start a stub on the core of the load that speaks DNS over TLS.

        Once; raise BenchError when it does not start.
        """
        if self._encrypted:
            return
        folder = self.folder / "tls"
        folder.mkdir()
        port = free_port()
        certificate = make_certificate(folder)
        command = [compile_tls_upstream(folder), str(port), certificate.path]
        with (folder / SAID).open("a") as output:
            process = self._own(start(command, self.machine.load, 0, folder, output=output))
        if wait_until(lambda: _listens(port), ENDED, process) is None:
            raise BenchError(f"the upstream over TLS did not start; it said:\n{said(folder)}")
        self._encrypted = f"tls://127.0.0.1:{port}#sha256/{certificate.pin}"
        self._upstreams.append(process.pid)

    def start(self, server: Server) -> Running:
        """Start a server for the first time, with a folder of its own."""
        place = self.settle(server)
        process, started = self._begin(server, place)
        self.running[server.name] = Running(server, place, process, started, memory(process.pid))
        return self.running[server.name]

    def start_again(self, running: Running) -> Started:
        """Stop a server and start it; return how long that took."""
        end(running.process)
        running.process, started = self._begin(running.server, running.place)
        running.unseen = 0
        return started

    def settle(self, server: Server) -> Place:
        """Give a server a folder with its settings and its list."""
        folder = self.folder / server.name
        folder.mkdir(parents=True)
        place = Place(folder, free_port(), free_port(), self.upstream, self._encrypted)
        server.write_list(place, self.listed())
        server.write_settings(place)
        return place

    def launch(self, server: Server, place: Place) -> subprocess.Popen[str]:
        """Start a server, and wait for nothing."""
        command = server.command(place)
        with (place.folder / SAID).open("a") as said:
            return self._own(
                start(command, self.machine.server, 0, place.folder, environment(), said)
            )

    def _begin(self, server: Server, place: Place) -> tuple[subprocess.Popen[str], Started]:
        began = time.monotonic()
        process = self.launch(server, place)
        answers: list[float] = []

        def blocks() -> bool:
            answer = kind(place.port, self.hot_set.blocked)
            if answer and not answers:
                answers.append(time.monotonic() - began)
            return answer == "blocked"

        if wait_until(blocks, LOADED, process) is None:
            raise BenchError(f"{server.name} did not start; it said:\n{said(place.folder)}")
        return process, Started(answers[0], time.monotonic() - began)

    def _own(self, process: subprocess.Popen[str]) -> subprocess.Popen[str]:
        self._stack.callback(end, process)
        return process

    def ask(self, running: Running, *options: str | Path) -> Load:
        """Put load on a server, with real-time priority for all who take part."""
        with self._urgent(running):
            return self.generator.run(running.place.port, *self.options(running), *options)

    def options(self, running: Running) -> list[str]:
        any_answer = [] if BLOCKS in running.server.offers else ["-a"]
        return [*any_answer, "-s", str(self.sources)]

    @contextmanager
    def _urgent(self, running: Running) -> Iterator[None]:
        if not self.machine.real_time:
            yield
            return
        process = running.process.pid
        chosen: Iterable[int] = [process]
        if not running.server.main_only:
            chosen = threads(process)
        with (
            urgent([each for pid in self._upstreams for each in threads(pid)], MORE_URGENT),
            urgent(chosen),
        ):
            yield


def said(folder: Path) -> str:
    """Return the last words of a server that has this folder."""
    return (folder / SAID).read_text(errors="replace")[-500:]


def _listens(port: int) -> bool:
    """Tell whether somebody takes TCP connections there."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex(("127.0.0.1", port)) == 0


def end(process: subprocess.Popen[str]) -> None:
    """Stop a process in good order, or else without."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(ENDED)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
