"""Under load nothing is lost."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.oracle_upstream import started
from tests.running import running

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
