"""Packets from the wild are answered as other servers answer them.

The rows of the packet file that count: queries for which unbound, BIND and Knot, each with an
address for every name, gave one and the same rcode.  `test_replay` sends all the others too.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdataclass
import pytest
from dns.rcode import Rcode

from tests.e2e.asking import ask_over_udp
from tests.e2e.oracle_upstream import started
from tests.running import running

pytestmark = pytest.mark.shared_data

LOOPBACK = "127.0.0.1"
RD = 0x01  # in the third octet; without it we tell nothing that we do not know


def agreed(packets: Path) -> Iterator[tuple[bytes, Rcode]]:
    """Yield queries with the rcode that all three servers gave."""
    for line in gzip.decompress(packets.read_bytes()).decode().splitlines():
        if line.startswith("#"):
            continue
        _, _, _, _, kind, opcode, unbound, bind, knot, *_, octets = line.split("\t")
        packet = bytes.fromhex(octets)
        if kind == "q" and opcode == "0" and packet[2] & RD and unbound == bind == knot != "-":
            yield packet, Rcode(int(unbound.rstrip("t")))


def on_purpose(packet: bytes) -> Rcode | None:
    """Return what we say where we differ from all three: these, and no more."""
    question = dns.message.from_wire(packet, ignore_trailing=True).question[0]
    if question.rdclass == dns.rdataclass.CH:
        return Rcode.REFUSED  # who we are, and which version, is nobody's business
    if question.name.labels[-2].lower() == b"lan":
        return Rcode.NXDOMAIN  # a name of some house, which no upstream is told of
    return None


def test_real_queries_get_the_rcode_that_three_servers_agree_on(
    tmp_path: Path, shared_data: Path
) -> None:
    queries = list(agreed(shared_data / "packets" / "packets.tsv.gz"))
    settings = {"rebinding": {"allow": ["127.0.0.0/8"]}}
    with started("plain") as port, running(tmp_path, settings, upstreams=[port]) as program:
        messages = [packet[2:] for packet, _ in queries]
        replies = ask_over_udp((LOOPBACK, program.port), LOOPBACK, messages)
    differing = [
        (packet, Rcode(reply[3] & 0xF))
        for (packet, rcode), reply in zip(queries, replies, strict=True)
        if reply[3] & 0xF != rcode
    ]
    assert len(queries) > 500
    assert [rcode for _, rcode in differing] == [on_purpose(packet) for packet, _ in differing]
    assert len(differing) == 8
