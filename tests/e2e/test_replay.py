"""The real program under thousands of real packets: it neither falls, nor hangs, nor grows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import Program, running

pytestmark = pytest.mark.shared_data

# Seconds for a reply: what comes later is not looked at, and to what gets none this is waited for.
PATIENT, HASTY = 0.1, 0.02
GROWTH = 4096  # KiB that a second run may add: pages of the allocator


def replayed(shared_data: Path, program: Program, wait: float) -> tuple[int, str]:
    """Send all packets; return its status, 1 for a reply to a response, a malformed reply, or
    silence after, and what it said of them."""
    folder = shared_data / "packets"
    command = [folder / "replay.py", folder / "packets.tsv.gz", "127.0.0.1", str(program.port)]
    done = subprocess.run(
        [sys.executable, *command, "--timeout", str(wait)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "packets; hard failures" in done.stdout, done.stderr
    return done.returncode, done.stdout


def resident(program: Program) -> int:
    """Return the memory it takes, in KiB."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_real_packets_end_in_no_crash_no_hang_and_no_growth(
    tmp_path: Path, shared_data: Path
) -> None:
    with running(tmp_path, forked=False) as program:
        code, said = replayed(shared_data, program, PATIENT)
        assert (code, "hard failures none" in said) == (0, True), said
        before = resident(program)
        # A reply that is late may come to the port of the next packet: that is no fault of ours.
        _, said = replayed(shared_data, program, HASTY)
        assert "H3" not in said
        assert resident(program) - before < GROWTH
        code, said = program.stop()
    assert code == 0
    assert "Traceback" not in said
