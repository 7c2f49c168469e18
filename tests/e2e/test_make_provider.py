"""What `make provider` runs answers its made-up subscribers, and ends as a whole."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import dns.message
import dns.query
import pytest

from tests.conftest import find_tool
from tests.e2e.house import POINTS_HOME, eventually
from tests.e2e.plane import told
from tests.e2e.started import started
from tests.e2e.upstream import upstream
from tests.running import PATIENCE

pytestmark = pytest.mark.tools
ROOT = Path(__file__).parents[2]


def test_a_provider_on_loopback_answers_and_says_what_to_try(tmp_path: Path) -> None:
    for tool in ("dnsdist", "unbound"):
        find_tool(tool)
    folder = tmp_path / "provider"
    environment = {**os.environ, **POINTS_HOME, "PYTHONPATH": str(ROOT)}
    with upstream() as answering:
        resolver = f"127.0.0.1@{answering.address.port}"
        command: list[str | Path] = [
            sys.executable,
            ROOT / "scripts/provider",
            folder,
            "8",
            resolver,
        ]
        with started(command, "@127.0.0.1", None, environment) as process:
            look(folder, process)
    left = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True, check=False)
    assert left.stdout == ""


def look(folder: Path, process: subprocess.Popen[str]) -> None:
    """Ask for two of the subscribers, and end all of it."""
    (port,) = re.findall(r"addLocal\(\"127.0.0.1:(\d+)", (folder / "dnsdist.conf").read_text())
    query = dns.message.make_query("parship.de", "A", use_edns=0)

    def ask(source: str) -> str:
        return told(dns.query.udp(query, "127.0.0.1", PATIENCE, int(port), source=source))

    # Whatever time it is here: the clocks of these homes are such that one child sleeps.
    eventually(lambda: ask("127.1.0.1") == "NOERROR 17 category: dating (list starter-dating)")
    assert ask("127.1.0.2") == "NOERROR 17 schedule"
    assert ask("127.1.0.4") == "127.0.0.80"  # of adults
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
