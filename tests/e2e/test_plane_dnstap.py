"""What a provider's own programs are told of blocks: those by security, and of no family's."""

from __future__ import annotations

import signal
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import dns.message
import dns.query
import pytest

from copdns.model.names import to_wire
from copdns.provider.plane.agent import NodeAgent
from copdns.provider.plane.files import PlaneFiles
from tests.conftest import find_tool
from tests.e2e.house import eventually
from tests.e2e.plane import KeptSource, check_config, node_settings, told
from tests.e2e.started import DNSDIST_UP, started
from tests.e2e.test_plane import CHILD, FIRST, OPEN
from tests.e2e.upstream import has, upstream
from tests.running import PATIENCE, free_port

pytestmark = pytest.mark.tools

LEADS = {
    "market.example": has("CNAME casino.example.", f"A {OPEN}"),
    "cdn.example": has("CNAME evil.games.example.", f"A {OPEN}"),
}


def test_only_what_security_blocks_is_told(tmp_path: Path) -> None:
    files = PlaneFiles(tmp_path / "tables")
    NodeAgent(files, KeptSource(FIRST)).catch_up()
    port, socket, frames = free_port(), tmp_path / "taken", tmp_path / "frames"
    capture = [find_tool("fstrm_capture"), "-t", "protobuf:dnstap.Dnstap", "-u", socket]
    with (
        subprocess.Popen([*map(str, capture), "-w", str(frames)]) as taking,
        upstream(LEADS) as resolver,
        ExitStack() as stack,
    ):
        eventually(socket.exists)
        settings = node_settings(tmp_path / "tables", port, resolver.address.port, free_port())
        stack.callback(taking.terminate)
        path = check_config(tmp_path, replace(settings, dnstap=str(socket)))
        dnsdist: list[str | Path] = [find_tool("dnsdist"), "--supervised", "-C", path]
        with started(dnsdist, DNSDIST_UP, tmp_path):
            for name, code in (
                ("casino.example", 17),
                ("forbidden.example", 16),
                ("market.example", 17),
                ("cdn.example", 15),  # a response leads to what is listed
                ("evil.games.example", 15),
            ):
                query = dns.message.make_query(name, "A", use_edns=0)
                reply = dns.query.udp(query, "127.0.0.1", PATIENCE, port, source=CHILD)
                assert f" {code} " in told(reply)
            written = to_wire("evil.games.example"), to_wire("cdn.example")

            def is_written() -> bool:
                taking.send_signal(signal.SIGHUP)  # it writes what it has
                octets = b"".join(each.read_bytes() for each in tmp_path.glob("frames*"))
                return all(each in octets for each in written)

            eventually(is_written)
    octets = b"".join(each.read_bytes() for each in tmp_path.glob("frames*"))
    for other in (b"casino", b"forbidden", b"market"):
        assert other not in octets
    files.close()
