"""Under load nothing is lost, and what fails leaves nothing behind."""

from __future__ import annotations

import gzip
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.asking import How, ask_over_udp, message
from tests.e2e.oracle_upstream import started
from tests.running import Program, running

LOOPBACK = "127.0.0.1"
POINTS_HOME = {"rebinding": {"allow": ["127.0.0.0/8", "::1/128"]}}


@pytest.mark.tools
@pytest.mark.shared_data
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_dnsperf_loses_no_query_and_sees_no_failure(
    tmp_path: Path, shared_data: Path, tool: Callable[[str], str], transport: str
) -> None:
    queries = tmp_path / "queries"
    source = shared_data / "queries" / "blocked15-50k.dnsperf.gz"
    queries.write_bytes(gzip.decompress(source.read_bytes()))
    with (
        started("plain") as port,
        running(tmp_path, POINTS_HOME, upstreams=[port], forked=False) as program,
    ):
        where = ["-s", LOOPBACK, "-p", str(program.port), "-d", str(queries), "-m", transport]
        load = ["-l", "3", "-c", "4", "-q", "100", "-t", "10"]
        done = subprocess.run(
            [tool("dnsperf"), *where, *load], capture_output=True, text=True, check=True
        )
    assert "Queries lost:         0 " in done.stdout, done.stdout
    assert "SERVFAIL" not in done.stdout
    assert "NOERROR" in done.stdout


# --- an upstream that fails -----------------------------------------------------------------------

NAMES = 4000
ROUNDS = 5
WINDOW = 250
NOERROR = 0
FAILURES = {1, 2, 4, 5}  # SERVFAIL, and what the upstream said where it said so


def test_an_upstream_that_fails_half_of_the_time_leaves_nothing_behind(tmp_path: Path) -> None:
    """20,000 questions, half of them about names for which the upstream is silent or talks
    nonsense: each gets a reply, and neither sockets nor memory add up."""
    short = {"deadline": 0.5, "attempt": 0.2}
    settings = {**POINTS_HOME, "upstreams": short, "cache": {"entries": 0}}
    messages = [message(_name(number), 1, How(size=1232)) for number in range(NAMES)]
    with (
        started("failing") as port,
        running(tmp_path, settings, upstreams=[port], forked=False) as program,
    ):
        used, rcodes = [], Counter[int]()
        for _ in range(ROUNDS):
            replies = ask_over_udp((LOOPBACK, program.port), LOOPBACK, messages, WINDOW)
            rcodes.update(reply[3] & 0xF for reply in replies)
            used.append((_descriptors(program), _resident(program)))
        assert program.process.poll() is None
    assert rcodes.total() == ROUNDS * NAMES
    assert NAMES * ROUNDS / 4 < rcodes[NOERROR] < NAMES * ROUNDS * 0.6
    assert set(rcodes) <= {NOERROR, *FAILURES}
    assert max(descriptors for descriptors, _ in used) < 200
    assert used[-1][1] - used[0][1] < 15 << 10


def _name(number: int) -> bytes:
    label = b"n%d" % number
    return bytes([len(label)]) + label + b"\x07example\0"


def _descriptors(program: Program) -> int:
    return len(list(Path(f"/proc/{program.process.pid}/fd").iterdir()))


def _resident(program: Program) -> int:
    """Return the memory it takes, in KiB."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
