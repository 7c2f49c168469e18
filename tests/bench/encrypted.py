"""Encrypted DNS beside unbound and beside the most that the library h2 gives, in one run.

Ratios only: each figure is taken in turn with those that it is compared with, and `rounds` times;
the middle one counts.  Servers and clients have real-time priority where that may be, so that other
work on the machine holds up none of them.  What the settings would refuse (handshakes, queries) is
allowed here, except where that is what is measured.
"""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import statistics
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from urllib.request import urlopen

import dns.message

from tests.bench.build import BenchError, compiled
from tests.bench.load import Generator
from tests.bench.machine import KIB, URGENT, Machine, family, start, threads, urgent
from tests.bench.peers import program
from tests.bench.run import say
from tests.e2e.test_unbound import FAMILY, authority, unbound
from tests.encrypted_server import NAME, make_certificate
from tests.running import free_port, running

HERE, FLOODING = "127.0.0.1", "127.0.0.9"
IDLE = 300  # connections without a query
STEADY, UDP_RATE, FLOOD = 500, 5_000, 500  # queries, queries and handshakes a second
NAMES = "games.example A\nschool.example A\n"  # blocked, and in the cache


@dataclass(frozen=True, slots=True)
class Aim:
    """What one figure must be.  at_most: else at least."""

    what: str
    unit: str
    bound: float
    at_most: bool

    def told(self, value: float) -> str:
        is_met = value <= self.bound if self.at_most else value >= self.bound
        side = "at most" if self.at_most else "at least"
        verdict = "met" if is_met else "MISSED"
        return f"{self.what}: {value:.2f} {self.unit} ({side} {self.bound:g}): {verdict}"


AIMS: Mapping[str, Aim] = {
    "tls": Aim("DNS over TLS beside unbound", "x", 0.5, False),
    "https": Aim("DNS over HTTPS, GET, beside the ceiling of h2", "x", 0.7, False),
    "https-post": Aim("DNS over HTTPS, POST, beside the ceiling of h2", "x", 0.7, False),
    "idle": Aim("a silent connection over TLS", "KiB", 50, True),
    "tls-p99": Aim(f"99 of 100 at {STEADY}/s over TLS within", "ms", 5, True),
    "https-p99": Aim(f"99 of 100 at {STEADY}/s over HTTPS within", "ms", 5, True),
    "flood-p99": Aim(f"99 of 100 at {UDP_RATE}/s over UDP under a flood within", "ms", 1.5, True),
    "flood-lost": Aim("questions over UDP that were lost under it", "", 0, True),
    "flood-refused": Aim(f"of {FLOOD} handshakes a second refused before TLS", "x", 0.5, False),
}


Ports = dict[str, int]  # where each thing is answered, by its name; "pid": the process of copdns


def measure(here: Machine, folder: Path, rounds: int, seconds: float) -> dict[str, float]:
    """Return each figure of AIMS by its name, and what else it was made of."""
    folder.mkdir(parents=True)
    names = folder / "names"
    names.write_text(NAMES * 500)
    with ExitStack() as stack:
        servers = stack.enter_context(_servers(here, folder))
        stack.enter_context(_hurried_programs(here))
        found: dict[str, list[float]] = {}
        for number in range(rounds):
            say(f"encrypted DNS: round {number + 1} of {rounds}")
            for name, rate in _rates(here, servers, names, seconds):
                found.setdefault(name, []).append(rate)
        middle = {name: statistics.median(each) for name, each in found.items()}
        middle["tls"] = middle["copdns over TLS"] / middle["unbound over TLS"]
        for method, key in (("GET", "https"), ("POST", "https-post")):
            middle[key] = middle[f"copdns over HTTPS, {method}"] / middle[f"h2 alone, {method}"]
        for over in ("tls", "https"):
            answers = _steady_answers(here, over, servers[over], seconds)
            middle[f"{over}-p99"] = percentile(answers, 0.99) * 1000
        middle["idle"] = _silent(servers)
        middle |= _flooded(here, servers, folder, seconds)
    return middle


def report(found: Mapping[str, float]) -> str:
    rates = [f"{name}: {value:,.0f} a second" for name, value in found.items() if " " in name]
    return "\n".join([*rates, *(aim.told(found[key]) for key, aim in AIMS.items())])


def percentile(values: Sequence[float], share: float) -> float:
    """Return what so large a share of values is not above; raises BenchError for none."""
    if not values:
        raise BenchError("nothing was answered")
    return sorted(values)[ceil(len(values) * share) - 1]


# --- what is measured --------------------------------------------------------------------------


@contextmanager
def _servers(here: Machine, folder: Path) -> Iterator[Ports]:
    """Run copdns, unbound and h2 alone on the core of servers."""
    made = str(make_certificate(folder).path)
    (folder / "family.yaml").write_text(json.dumps(FAMILY))
    ports: Ports = {each: free_port() for each in ("tls", "https", "unbound", "ceiling")}
    encrypted = {
        "tls_port": ports["tls"],
        "https_port": ports["https"],
        "name": NAME,
        "certificate": made,
        "key": made,
        "connections": 2 * IDLE,
        "client_connections": 2 * IDLE,
        "idle": 600,
    }
    settings = {
        "household": "family.yaml",
        "rebinding": {"enabled": False},
        "limits": {"client": 0, "subnet": 0},
        "encrypted": encrypted,
    }
    own, clause = authority(folder)
    own += [f'tls-service-key: "{made}"', f'tls-service-pem: "{made}"']
    own += [f"tls-port: {ports['unbound']}", f"interface: {HERE}@{ports['unbound']}"]
    with ExitStack() as stack:
        with _on(here.server):
            upstream = stack.enter_context(unbound(folder / "unbound", own, clause))
            began = running(folder, settings, upstreams=[upstream], forked=False)
            copdns = stack.enter_context(began)
            words = ["-m", "tests.bench.h2_ceiling", str(ports["ceiling"]), made]
            stack.enter_context(_ended(subprocess.Popen([sys.executable, *words])))
        ports["udp"], ports["web"], ports["pid"] = copdns.port, copdns.web_port, copdns.process.pid
        wait_for(ports["ceiling"])
        yield ports


def _rates(
    here: Machine, servers: Ports, names: Path, seconds: float
) -> Iterator[tuple[str, float]]:
    """Yield queries a second by what answered them."""
    for who, key in (("copdns", "tls"), ("unbound", "unbound")):
        yield f"{who} over TLS", _rate(_load(here, "dot", servers[key], names, seconds))
    for who, key in (("copdns over HTTPS", "https"), ("h2 alone", "ceiling")):
        for method in ("GET", "POST"):
            yield f"{who}, {method}", _requests(here, servers[key], method, names, seconds)


def _load(here: Machine, mode: str, port: int, names: Path, seconds: float) -> str:
    words: list[str | Path] = [
        "-s",
        HERE,
        "-p",
        str(port),
        "-m",
        mode,
        "-d",
        names,
        "-l",
        f"{seconds:g}",
    ]
    words += ["-c", "4", "-q", "100", "-O", f"doh-uri=https://{HERE}/dns-query"]
    return _said(here, program("dnsperf"), *words)


def _rate(said: str) -> float:
    found = re.search(r"Queries per second:\s+([\d.]+)", said)
    if found is None:
        raise BenchError(f"dnsperf told no rate: {said[-500:]}")
    return float(found[1])


def _steady_answers(here: Machine, over: str, port: int, seconds: float) -> list[float]:
    """Return the seconds of each answer at STEADY queries a second."""
    words = ["-m", "tests.bench.encrypted_pace", over, str(port), str(STEADY), f"{seconds:g}"]
    urgency = URGENT if here.real_time else 0
    asking = start([sys.executable, *words], here.load, urgency, output=subprocess.PIPE)
    said, _ = asking.communicate(timeout=600)
    if asking.returncode:
        raise BenchError(f"not every query over {over} was answered at {STEADY} a second")
    return [each / 1e6 for each in json.loads(said)["answers"]]


def _asked() -> str:
    """Return a query as it stands in a path."""
    query = dns.message.make_query("games.example", "A", id=0).to_wire()
    return urlsafe_b64encode(query).rstrip(b"=").decode()


def _requests(here: Machine, port: int, method: str, names: Path, seconds: float) -> float:
    """Return how many requests a second h2load makes, which keeps 25 of each connection going."""
    query = dns.message.make_query("games.example", "A", id=0).to_wire()
    url = f"https://{HERE}:{port}/dns-query"
    words: list[str | Path] = ["-D", f"{max(seconds, 1):.0f}", "-c", "4", "-m", "25"]
    if method == "POST":
        body = names.with_name("query")
        body.write_bytes(query)
        words += ["-d", body, "-H", "content-type: application/dns-message"]
    else:
        url += f"?dns={_asked()}"
    said = _said(here, program("h2load"), *words, url)
    found = re.search(r"finished in \S+, ([\d.]+) req/s", said)
    if found is None or not re.search(r"\b0 failed, 0 errored", said):
        raise BenchError(f"h2load was not answered: {said[-500:]}")
    return float(found[1])


def _silent(servers: Ports) -> float:
    """Return the KiB that a connection over TLS takes which asked one thing and waits."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    query = dns.message.make_query("games.example", "A").to_wire()
    before = _resident(servers["pid"])
    with ExitStack() as stack:
        for _ in range(IDLE):
            connection = stack.enter_context(_patient(context, servers["tls"]))
            connection.sendall(len(query).to_bytes(2, "big") + query)
            connection.recv(4096)
        return (_resident(servers["pid"]) - before) / IDLE / KIB


@contextmanager
def _patient(context: ssl.SSLContext, port: int) -> Iterator[ssl.SSLSocket]:
    """Connect, as often as it takes: no more than some handshakes a second are allowed."""
    while True:
        try:
            sock = socket.create_connection((HERE, port), 10)
            connection = context.wrap_socket(sock)
        except (ConnectionError, ssl.SSLError):
            time.sleep(0.1)
        else:
            break
    with connection:
        yield connection


def _resident(pid: int) -> int:
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _flooded(here: Machine, servers: Ports, folder: Path, seconds: float) -> dict[str, float]:
    """Ask over UDP while another address begins handshakes; return what came of both."""
    asked = folder / "asked"
    asked.write_text("games.example blocked\nschool.example address\n")
    asker = Generator(compiled(folder / "programs").load, here)
    options = ("-f", asked, "-q", str(UDP_RATE), "-l", f"{seconds:g}", "-a")
    asker.run(servers["udp"], "-f", asked, "-n", "100", "-a")
    before = _handshakes(servers["web"])
    words = [*_pinned(here), sys.executable, "-m", "tests.bench.encrypted", str(servers["tls"])]
    flooding = subprocess.Popen(words, stdout=subprocess.PIPE)
    with _ended(flooding):
        assert flooding.stdout is not None
        flooding.stdout.readline()  # it begins
        seen = asker.run(servers["udp"], *options)
    began, refused = (
        after - first for after, first in zip(_handshakes(servers["web"]), before, strict=True)
    )
    if not began:
        raise BenchError("there was no flood")
    return {
        "flood-p99": seen.p99 / 1000,
        "flood-lost": float(seen.lost),
        "flood-refused": refused / began,
        "handshakes begun in the flood": began / seen.seconds,
    }


def _handshakes(web: int) -> tuple[float, float]:
    """Return how many connections began, and how many of them were refused."""
    with urlopen(f"http://{HERE}:{web}/metrics", timeout=10) as reply:
        text = reply.read().decode()
    told = r'^copdns_handshakes_total\{result="(\w+)"\} (\S+)$'
    counts = dict(re.findall(told, text, re.MULTILINE))
    return sum(map(float, counts.values())), float(counts["refused"])


def flood(port: int) -> None:
    """Begin handshakes from one address without end, and wait for the end of none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing)
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    hello, began, sent = outgoing.read(), time.monotonic(), 0
    open_now: list[socket.socket] = []
    sys.stdout.write("now\n")
    sys.stdout.flush()
    while True:
        if sent > (time.monotonic() - began) * FLOOD:
            time.sleep(0.001)
            continue
        sent += 1
        with suppress(OSError):
            open_now.append(socket.create_connection((HERE, port), 1, (FLOODING, 0)))
            open_now[-1].sendall(hello)
        if len(open_now) > 100:
            open_now.pop(0).close()


# --- programs ----------------------------------------------------------------------------------


@contextmanager
def _on(core: int) -> Iterator[None]:
    """Have programs that are started meanwhile stay on a core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _hurried_programs(here: Machine) -> Iterator[None]:
    """Have other work on the machine hold up no program that was started here."""
    mine = os.getpid()
    programs = [each for each in family(mine) if each != mine] if here.real_time else []
    with urgent([thread for each in programs for thread in threads(each)]):
        yield


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    with process:
        try:
            yield
        finally:
            process.kill()


def _pinned(here: Machine) -> list[str]:
    return ["taskset", "-c", str(here.load)]


def _hurried(here: Machine, generator: str | Path) -> list[str]:
    """Return what starts a load generator, so that other work makes its answers less late.

    dnsperf not at real-time priority: its threads would wait for each other without end.
    """
    if not here.real_time:
        return _pinned(here)
    is_threaded = Path(generator).name == "dnsperf"
    how = ["nice", "-n", "-19"] if is_threaded else ["chrt", "--fifo", str(URGENT)]
    return [*_pinned(here), *how]


def _said(here: Machine, *words: str | Path) -> str:
    done = subprocess.run(
        [*_hurried(here, words[0]), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode:
        raise BenchError(f"{words[0]}: {done.stderr or done.stdout[-500:]}")
    return done.stdout


def wait_for(port: int) -> None:
    """Wait until something listens at a port of this machine; raise BenchError for nothing."""
    for _ in range(100):
        with closing(socket.socket()) as sock:
            if sock.connect_ex((HERE, port)) == 0:
                return
        time.sleep(0.1)
    raise BenchError(f"nothing listens at port {port}")


if __name__ == "__main__":
    flood(int(sys.argv[1]))
