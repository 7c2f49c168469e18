"""Thousands of real packets, from captures and from other servers' tests, in one process."""

from __future__ import annotations

import gc
import gzip
import tracemalloc
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import pytest

from copdns.dns.message import read_response
from copdns.dns.query import read_query
from copdns.dns.records import CH
from copdns.model.errors import WireError
from tests.home import Home
from tests.household import asker

pytestmark = pytest.mark.shared_data


class Packet(NamedTuple):
    """verdicts: what three reference servers said: an rcode, with "t" if truncated; "-" nothing."""

    id: str
    is_response: bool
    opcode: int
    verdicts: tuple[str, str, str]
    wire: bytes

    @property
    def is_firm(self) -> bool:
        """The references agree, and it is a question for a resolver."""
        asks = not self.is_response and self.opcode == 0 and bool(self.wire[2] & 1)
        return asks and len(set(self.verdicts)) == 1


@pytest.fixture(scope="module")
def packets(shared_data: Path) -> list[Packet]:
    with gzip.open(shared_data / "packets" / "packets.tsv.gz", "rt") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
    return [
        Packet(row[0], row[4] == "r", int(row[5]), (row[6], row[7], row[8]), bytes.fromhex(row[11]))
        for row in rows
    ]


def send_all(home: Home, packets: list[Packet]) -> dict[str, bytes | None]:
    return {each.id: home.send(each.wire, asker("ada")) for each in packets}


def verdict(reply: bytes | None) -> str:
    if reply is None:
        return "-"
    return f"{reply[3] & 15}{'t' if reply[2] & 2 else ''}"


def test_there_is_enough_to_try(packets: list[Packet]) -> None:
    assert len(packets) > 3000
    assert sum(each.is_response for each in packets) > 1500
    assert sum(each.is_firm for each in packets) > 500


def test_no_response_is_answered_and_every_reply_belongs_to_its_question(
    packets: list[Packet],
) -> None:
    replies = send_all(Home(), packets)
    for each in packets:
        reply = replies[each.id]
        assert (reply is None) is each.is_response, each.id
        if reply is not None:
            assert reply[:2] == each.wire[:2]
            assert reply[2] & 0x80
            assert 12 <= len(reply) <= 1232


def test_where_three_servers_agree_we_say_the_same(packets: list[Packet]) -> None:
    replies = send_all(Home(), packets)
    other = [
        each
        for each in packets
        if each.is_firm and verdict(replies[each.id]) != each.verdicts[0] and not _on_purpose(each)
    ]
    assert [(each.id, each.verdicts[0], verdict(replies[each.id])) for each in other] == []


def _on_purpose(packet: Packet) -> bool:
    """Tell whether we differ by decision: version.bind is not told, and .lan never leaves."""
    query = read_query(packet.wire)
    return query.qclass == CH or query.qname.endswith(".lan")


def test_every_packet_as_an_answer_is_read_or_a_wire_error(packets: list[Packet]) -> None:
    read = 0
    for each in packets:
        try:
            read_response(each.wire)
        except WireError:
            continue
        read += 1
    assert read > 2000


def test_no_packet_takes_long_to_read(packets: list[Packet]) -> None:
    slowest = 0.0
    for each in packets:
        fastest = min(_seconds(each.wire) for _ in range(3))
        slowest = max(slowest, fastest)
    assert slowest < 0.005


def _seconds(wire: bytes) -> float:
    begin = perf_counter()
    for read in (read_query, read_response):
        try:
            read(wire)
        except WireError:
            continue
    return perf_counter() - begin


def test_the_same_packets_again_take_no_more_memory(packets: list[Packet]) -> None:
    home = Home()
    for _ in range(2):
        send_all(home, packets)
    tracemalloc.start()
    try:
        send_all(home, packets)
        held = [_octets_in_use()]
        for _ in range(3):
            send_all(home, packets)
            held.append(_octets_in_use())
    finally:
        tracemalloc.stop()
    # The least growth of three rounds.  In one of them Python may make its table of interned
    # strings anew, 3.8 MB in a process that did much before, and what the old one took was not
    # traced.  What the packets leave behind, each round does.
    assert min(after - before for before, after in pairwise(held)) < 250_000


def _octets_in_use() -> int:
    gc.collect()  # a test before may have switched it off
    return tracemalloc.get_traced_memory()[0]
