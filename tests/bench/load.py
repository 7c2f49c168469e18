"""Run the load generator, and ask single questions."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.rcode
from dns.rdatatype import A

from tests.bench import machine
from tests.bench.build import BenchError
from tests.bench.machine import Machine

PATIENCE = 0.25  # seconds for one answer to a single question
BETWEEN = 0.002  # seconds between two tries at first; later half a hundredth of what has passed
ASKER = "127.1.0.1"  # the first of the load generator's sources


@dataclass(frozen=True, slots=True)
class Load:
    """What came back.  Times in microseconds; rate: answers a second.

    lost: never answered.  late: answered after more than 50 ms.  wrong: the answer is of another
    kind than it must be, or belongs to another question; first_wrong, confused: which, how many.
    strays: answers that nobody waited for (any more).  unsent: the kernel would not take them.
    max_at: seconds from the beginning to the slowest answer.
    behind: by how much sending itself was late at worst.
    closed: how many connections the server closed.
    """

    sent: int
    answered: int
    lost: int
    late: int
    wrong: int
    strays: int
    unsent: int
    seconds: float
    rate: float
    p50: float
    p99: float
    p999: float
    max: float
    max_at: float
    behind: float
    closed: int
    first_wrong: str
    confused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Generator:
    """The load generator on its core."""

    program: Path
    machine: Machine

    def run(self, port: int, *options: str | Path) -> Load:
        """Ask until the options say that it is enough."""
        return self.end(self.begin(port, *options))

    def begin(self, port: int, *options: str | Path) -> subprocess.Popen[str]:
        command = [self.program, "-p", str(port), *options]
        urgency = machine.URGENT if self.machine.real_time else 0
        return machine.start(command, self.machine.load, urgency, output=subprocess.PIPE)

    def stop(self, process: subprocess.Popen[str]) -> Load:
        process.send_signal(signal.SIGTERM)
        return self.end(process)

    def end(self, process: subprocess.Popen[str]) -> Load:
        out, _ = process.communicate()
        if process.returncode:
            raise BenchError(f"{self.program} ended with {process.returncode}")
        return Load(**json.loads(out))


def kind(port: int, name: str) -> str:
    """Return what a server says about a name's address: blocked, address or error; "" is nothing.

    The same kinds as in load.c.  A port that nobody has says so at once.
    """
    query = dns.message.make_query(name, "A", use_edns=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, suppress(OSError):
        sock.settimeout(PATIENCE)
        sock.bind((ASKER, 0))
        sock.connect(("127.0.0.1", port))
        sock.send(query.to_wire())
        return kind_of(dns.message.from_wire(sock.recv(4096)))
    return ""


def kind_of(reply: dns.message.Message) -> str:
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return "error"
    found = [record for rrset in reply.answer for record in rrset if record.rdtype == A]
    return "address" if any(str(each) != "0.0.0.0" for each in found) else "blocked"


def wait_until(
    true: Callable[[], bool], seconds: float, process: subprocess.Popen[str]
) -> float | None:
    """Return after how many seconds something is so; None when it never is, or its process ends."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        if true():
            return time.monotonic() - began
        if process.poll() is not None:
            return None
        time.sleep(max(BETWEEN, passed / 200))
    return None
