"""Processes of copdns that are begun without imports: forks of one that has imported all of it.

`tests/fork_server.py` is that one; it says what differs from a process that Python begins.  Another
one forks programs whose clock a test sets on (`tests/fake_clock.py`).
"""

from __future__ import annotations

import atexit
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

# Variables that copdns reads when it runs, and what pytest tells of a test.
OWN = re.compile("COPDNS_|PYTEST_|NOTIFY_SOCKET$|WATCHDOG_")
SERVERS = {**os.environ}  # the server's, before any test sets one
# What libfaketime is told when a process begins; where its file is, it looks up at each reading.
CLOCK = re.compile("LD_PRELOAD$|FAKETIME_|DONT_FAKE_MONOTONIC$|NO_FAKE_STAT$")
CLOCKS_FILE = "FAKETIME_TIMESTAMP_FILE"


def can_fork(environment: Mapping[str, str]) -> bool:
    """Tell whether a process with this environment can be a fork: it differs from the server's in
    no variable by which Python itself, or what it loads, would be another.

    A clock that is set on is libfaketime's, with a file.
    """
    servers = SERVERS | dict(_clock_of(environment))
    differ = {
        each
        for each in {*servers, *environment}
        if servers.get(each) != environment.get(each) and not OWN.match(each)
    }
    return differ <= {CLOCKS_FILE} and hasattr(os, "pidfd_open")


def _clock_of(environment: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """Return what tells libfaketime how to begin; nothing where the clock is the machine's."""
    if CLOCKS_FILE not in environment:
        return frozenset()
    return frozenset(
        (name, text)
        for name, text in environment.items()
        if CLOCK.match(name) and name != CLOCKS_FILE
    )


def run_forked(
    words: Sequence[str | Path], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command of copdns in a process of its own, and return what it wrote."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as error:
        with Forked(words, environment, out.fileno(), error.fileno()) as process:
            code = process.wait()
        said = [each.read() for each in (out, error) if each.seek(0) == 0]
    return subprocess.CompletedProcess(process.args, code, *said)


class Forked:
    """A process of copdns; its methods do what those of subprocess.Popen do.

    words: of its command line.  out, error: descriptors for what it writes.  folder: where it runs;
    None: here.
    """

    def __init__(
        self,
        words: Sequence[str | Path],
        environment: Mapping[str, str],
        out: int,
        error: int,
        folder: Path | None = None,
    ) -> None:
        self.args = [*map(str, words)]
        self.returncode: int | None = None
        wanted = {
            "words": self.args,
            "environment": {**environment},
            "folder": str(folder or Path.cwd()),
        }
        told, tells = os.pipe()
        self._told = os.fdopen(told, "r", encoding="ascii", buffering=1)
        try:
            server = _server(_clock_of(environment))
            socket.send_fds(server, [json.dumps(wanted).encode()], [out, error, tells])
        finally:
            os.close(tells)
        self.pid = int(self._told.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        self._told.close()

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._look(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        return code

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            self.returncode = int(self._told.readline())
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@cache
def _server(clock: frozenset[tuple[str, str]]) -> socket.socket:
    """Start the server of a clock; it ends with this process, whatever ends that."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())],
            env=SERVERS | dict(clock),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
