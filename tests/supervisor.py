"""A service manager, as far as sockets go: it holds those of DNS, and passes them to one program
after another (sd_listen_fds(3)).  A client tells how long a query had to wait."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import dns.message

from tests.running import free_port

PATIENCE = 60.0
SILENCE = 1.0  # seconds without an answer in a restart, at most, as docs/install.md has it
EVERY = 0.05  # seconds between two queries: what a busy home asks
# Puts the sockets where a program looks for them, and becomes it: a process has one number only.
_BECOME = """
import os, sys
passed = [int(each) for each in sys.argv[1].split(",")]
high = [os.dup(os.dup2(each, 100 + n)) for n, each in enumerate(passed)]
for n in range(len(high)):
    os.dup2(100 + n, 3 + n)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(high))}
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Supervisor:
    """Holds a socket for UDP and one for TCP of 127.0.0.1; to be closed by `with`.

    ear: a path for NOTIFY_SOCKET.
    """

    started = 0.0  # seconds that the first start took

    def __init__(self, port: int, ear: Path) -> None:
        self.port = port
        self._stack = ExitStack()
        self.sockets = [self._socket(kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
        self.sockets[1].listen(128)
        self._ear = self._stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._ear.bind(str(ear))
        self._ear.settimeout(PATIENCE)

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _socket(self, kind: socket.SocketKind) -> socket.socket:
        sock = self._stack.enter_context(socket.socket(socket.AF_INET, kind))
        if kind is socket.SOCK_DGRAM:  # as copdns.socket has it
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind(("127.0.0.1", self.port))
        return sock

    def start(
        self, words: Sequence[str | Path], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a program with the sockets, and wait until it says that it is ready."""
        numbers = [each.fileno() for each in self.sockets]
        launcher = [sys.executable, "-I", "-S", "-c", _BECOME, ",".join(map(str, numbers))]
        began = time.monotonic()
        process = subprocess.Popen([*launcher, *words], env=dict(environment), pass_fds=numbers)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        while b"READY=1" not in self._ear.recv(4096):
            assert process.poll() is None, "it ended before it was ready"
        self.started = self.started or time.monotonic() - began
        return process

    @property
    def patience(self) -> float:
        """How long a query may wait in a restart, in seconds: SILENCE, and where this machine takes
        more than half of that for a start alone, being slow or busy, as long as two starts."""
        return max(SILENCE, 2 * self.started)


class Client(threading.Thread):
    """Asks by UDP twenty times a second, and notes how long each query waited."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__()
        self._port = port
        self._name = name
        self._done = threading.Event()
        self._sent: dict[int, float] = {}
        self.waits: list[float] = []

    def run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", self._port))
            number = 0
            while not self._done.is_set():
                query = dns.message.make_query(self._name, "A", use_edns=0)
                query.id = number
                due = time.monotonic() + EVERY
                self._sent[number] = time.monotonic()
                sock.send(query.to_wire())
                number += 1
                while (left := due - time.monotonic()) > 0:
                    sock.settimeout(left)
                    self._hear(sock)
            sock.settimeout(PATIENCE)
            while self._sent:
                self._hear(sock)

    def _hear(self, sock: socket.socket) -> None:
        try:
            reply = sock.recv(4096)
        except TimeoutError:
            return
        sent = self._sent.pop(int.from_bytes(reply[:2], "big"))
        self.waits.append(time.monotonic() - sent)

    def stop(self) -> float:
        """Hear the last answers; return the longest wait, in seconds.  None may be missing."""
        self._done.set()
        self.join(PATIENCE)
        assert not self._sent, f"{len(self._sent)} queries were not answered"
        return max(self.waits)


def environment_of(port: int, ear: str) -> dict[str, str]:
    """Return settings of a program that is on loopback alone, and has no upstream that answers."""
    return {
        **{
            key: text for key, text in os.environ.items() if key in ("PATH", "LC_ALL", "PYTHONPATH")
        },
        "NOTIFY_SOCKET": ear,
        "COPDNS_DNS__PORT": str(port),
        "COPDNS_DNS__LISTEN": '["127.0.0.1"]',
        "COPDNS_WEB__PORT": str(free_port()),
        "COPDNS_WEB__LISTEN": '["127.0.0.1"]',
        "COPDNS_WEB__TLS_PORT": "0",
        "COPDNS_SOURCES__USE": "none",
        "COPDNS_UPSTREAMS__SERVERS": '["127.0.0.9"]',
    }
