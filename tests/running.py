"""The real program on free ports of loopback, with an upstream that makes up its answers."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import dns.message
import dns.query
import dns.rdatatype
import dns.rrset
from click.testing import CliRunner

from copdns.cli import main
from copdns.model.build import core_text
from tests.forking import Forked, can_fork, run_forked

Process = subprocess.Popen[bytes] | Forked
COPDNS = (sys.executable, "-m", "copdns")
READY = f"ready\n{core_text()}\n"  # what `/readyz` says where all is well
PATIENCE = 30.0  # seconds for a start or stop on a slow machine
SETTINGS = re.compile("COPDNS_|PYTEST_")  # variables by which no program becomes another one
_ONE_COMMAND = threading.Lock()
QUIET = 0.1  # seconds without a word after which we look whether it still runs


class Output:
    """What a program writes, read while it comes: one whose pipe is full would stand still."""

    def __init__(self, fd: int) -> None:
        """fd: of the pipe; it is closed when nobody has its other end any more."""
        self._parts: list[bytes] = []
        self._fd = fd
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while part := os.read(self._fd, 65536):
            self._parts.append(part)
        os.close(self._fd)

    def so_far(self) -> str:
        return b"".join(self._parts).decode(errors="replace")

    def whole(self) -> str:
        """Wait for the end, and return all of it."""
        self._reader.join()
        return b"".join(self._parts).decode()


@dataclass
class Program:
    """A copdns that runs.

    port: of DNS, for UDP and TCP.  options, environment: for its commands.  ear: hears what it
    tells the service manager.
    """

    port: int
    web_port: int
    options: Sequence[str | Path]
    environment: Mapping[str, str]
    process: Process
    output: Output
    ear: socket.socket

    def hear(self, line: str) -> None:
        """Wait until the program tells a line, such as READY=1; fail when it ends before."""
        for _ in range(int(PATIENCE / QUIET)):
            try:
                if line in self.ear.recv(4096).decode().splitlines():
                    return
            except TimeoutError:
                if self.process.poll() is not None:
                    break
        self.process.kill()
        raise AssertionError(f"{line} was not heard; the program said:\n{self.said()}")

    def said(self) -> str:
        """Return what the program wrote to its end."""
        return self.output.whole()

    def ask(
        self, name: str, rtype: str = "A", source: str = "127.0.0.1", over_tcp: bool = False
    ) -> dns.message.Message:
        """Ask from one of the addresses of loopback; ::1 asks at ::1."""
        query = dns.message.make_query(name, rtype, use_edns=0)
        ask = dns.query.tcp if over_tcp else dns.query.udp
        where = "::1" if ":" in source else "127.0.0.1"
        return ask(query, where, PATIENCE, port=self.port, source=source)

    def command(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run one of its commands for the same settings and data.

        In this process, since to start another one takes longer than what nearly all of them do;
        but not where the program's clock or code is another.
        """
        ours = os.environ
        more = {key for key, text in self.environment.items() if ours.get(key) != text}
        if arguments[0] == "run" or not all(map(SETTINGS.match, more)):
            return self.command_by_itself(*arguments)
        return run_here([*map(str, (*self.options, *arguments))], self.environment)

    def command_by_itself(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own, as where a damaged file could end that."""
        words = [*self.options, *arguments]
        if can_fork(self.environment):
            return run_forked(words, self.environment)
        return subprocess.run(
            [*COPDNS, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def get(self, path: str) -> str:
        """Fetch a page."""
        with urlopen(f"http://127.0.0.1:{self.web_port}{path}", timeout=PATIENCE) as reply:
            return str(reply.read().decode())

    def reload(self) -> None:
        """Let it read its settings again, and wait until it has."""
        self.send_reload()
        self.hear("READY=1")

    def send_reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> tuple[int, str]:
        """End it in good order, and return its exit code and what it wrote."""
        self.process.terminate()
        out = self.said()
        return self.process.wait(PATIENCE), out


def run_here(
    words: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command of copdns, told by its words and options, in this process.

    In a thread of its own: in this one Playwright may have its event loop.  One at a time: what a
    command prints is caught by replacing what all threads print to.  Not for `run`, which sets up
    the log and the imports of its process for good.
    """
    assert "run" not in words
    with _ONE_COMMAND, ThreadPoolExecutor(1) as thread:
        done = thread.submit(CliRunner(env=environment).invoke, main, words).result()
    said = done.stderr
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        said += "".join(traceback.format_exception(done.exception))
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, said)


@contextmanager
def running(
    folder: Path,
    settings: Mapping[str, object] | Path | None = None,
    under: Sequence[str | Path] = (),
    upstreams: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    *,
    forked: bool = True,
    words: Sequence[str] = (),
    command: Sequence[str | Path] = COPDNS,
) -> Iterator[Program]:
    """Start copdns with its data in a folder, and wait until it answers.

    settings: sections, or a file; ports and upstreams are ours in any case.  under: a command to
    start it by.  upstreams: their ports on 127.0.0.1; none: one that makes up its answers.
    environment: more settings, as variables.  HTTPS is off unless they give it a port.  Upstreams
    that the settings name stand there alone, so that a reload can change them.  forked: let
    tests/forking.py begin it, where it can; else Python does, as where its memory is looked at.
    words: options of `copdns run`.  command: which copdns; `forked` is of this one alone.
    """
    with ExitStack() as stack:
        ear = stack.enter_context(closing(_ear(folder / "notify")))
        ports = upstreams or [stack.enter_context(upstream())]
        own = isinstance(settings, Mapping) and "servers" in str(settings.get("upstreams"))
        if not isinstance(settings, Path):
            settings = _written(folder / "copdns.yaml", settings or {})
        port, web_port = free_port(), free_port()
        servers = [f"127.0.0.1:{each}" for each in ports]
        environment = {
            **os.environ,
            "COPDNS_DNS__PORT": str(port),
            "COPDNS_WEB__PORT": str(web_port),
            "COPDNS_WEB__TLS_PORT": "0",
            "COPDNS_SOURCES__USE": "none",
            **({} if own else {"COPDNS_UPSTREAMS__SERVERS": json.dumps(servers)}),
            **(environment or {}),
        }
        options: Sequence[str | Path] = ["-c", settings, "--data", folder / "data"]
        heard = {**environment, "NOTIFY_SOCKET": str(folder / "notify")}
        process, output = _begin([*options, "run", *words], heard, [*under, *command], forked)
        with process:
            program = Program(port, web_port, options, environment, process, output, ear)
            try:
                program.hear("READY=1")
                yield program
            finally:
                process.kill()


def _begin(
    words: Sequence[str | Path],
    environment: Mapping[str, str],
    command: Sequence[str | Path],
    forked: bool,
) -> tuple[Process, Output]:
    reading, writing = os.pipe()
    output = Output(reading)
    try:
        if forked and tuple(command) == COPDNS and can_fork(environment):
            return Forked(words, environment, writing, writing), output
        begun = subprocess.Popen(
            [*command, *words], env=environment, stdout=writing, stderr=writing
        )
        return begun, output
    finally:
        os.close(writing)


def _written(path: Path, settings: Mapping[str, object]) -> Path:
    """Write settings that leave nobody but this machine in."""
    loopback = {"listen": ["127.0.0.1"]}
    path.write_text(json.dumps({"dns": loopback, "web": loopback, **settings}))  # JSON is YAML
    return path


def without_end(folder: Path, module: str) -> str:
    """Return a program to take for Python: a module of ours that reads a file in a process of its
    own comes to no end in it."""
    program = folder / "python"
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        f"from {module} import main\n"
        "json.dump = lambda *_, **__: any(iter(int, 1))\n"
        "main()\n"
    )
    program.chmod(0o755)
    return str(program)


def free_port() -> int:
    """Return a port that nobody has on loopback, in neither family and over neither transport.

    From below the range that the kernel takes ports for connections from: one of those could
    have it by the time that the program wants it.  No port is given twice: drawn anew each time,
    DNS and the web got the same one in the end.
    """
    for port in _PORTS:
        if all(_is_free(port, family, kind) for family in FAMILIES for kind in TRANSPORTS):
            return port
    raise AssertionError("no port is free")


def _share(ports: range) -> range:
    """Return those of the ports that are for this process, of several that share a run's tests."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return ports[int(worker) :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]


_OURS = _share(range(10_000, 32_000))
_PORTS = iter(random.sample(_OURS, len(_OURS)))
FAMILIES = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
TRANSPORTS = (socket.SOCK_DGRAM, socket.SOCK_STREAM)


def _is_free(port: int, family: socket.AddressFamily, kind: socket.SocketKind) -> bool:
    with socket.socket(family, kind) as sock:
        try:
            sock.bind((FAMILIES[family], port))
        except OSError:
            return False
    return True


def _ear(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)  # of a program that ran in this folder before
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    ear.bind(str(path))
    ear.settimeout(QUIET)
    return ear


@contextmanager
def upstream(made: socket.socket | None = None) -> Iterator[int]:
    """Answer every question for an A record with 192.0.2.1, all else with nothing.

    made: the socket to answer at, such as one of another network.
    """
    with made or socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_answer, args=[sock])
        thread.start()
        try:
            yield int(sock.getsockname()[1])
        finally:
            sock.sendto(b"", sock.getsockname())  # no message at all: the end
            thread.join()


def _answer(sock: socket.socket) -> None:
    while True:
        wire, peer = sock.recvfrom(4096)
        if not wire:
            return
        query = dns.message.from_wire(wire)
        reply = dns.message.make_response(query, recursion_available=True)
        name, rtype = query.question[0].name, query.question[0].rdtype
        if rtype == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(name, 300, "IN", "A", "192.0.2.1"))
        sock.sendto(reply.to_wire(), peer)
