"""Send millions of spoiled packets through one home: `python -m tests.fuzz.flood 10000000`.

Every packet is a sound query with some octets changed, cut off or added; the upstream's response to
it, where one is asked for, is spoiled too.  Whatever comes in must be answered, refused or dropped:
an exception that is none of ours counts as a bug, and so does memory that grows.  Run it with the
compiled core too (`make flood`), where a wrong type is an exception and must never be a crash.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from random import Random
from time import perf_counter

from copdns.dns.exchange import Exchange
from copdns.dns.message import UpstreamResponse, read_response
from copdns.model.errors import WireError
from copdns.server import answer
from tests.home import Home
from tests.household import asker
from tests.unit.messages import opt, query, reply_to

SETTLED = 1_000_000  # packets, after which memory may grow no more
MAY_GROW = 8  # MB, of what the allocator keeps for itself
SHOW = 500_000

_WHO = ("ada", "mia", "tom")
_QUERIES = (
    query("a.example", 1),
    query("games.example", 28, opt=opt()),
    query("b.example", 65, opt=opt(ttl=0x8000)),
    query("why.a.example.q.home.arpa", 16),
    query("www.google.com", 1),
    query("evil.example", 255),
    query("x.y.z.local", 12),
)
_RECORDS = ("a.example. 300 IN A 192.0.2.1", "a.example. 60 IN CNAME b.example.")


class _Upstream:
    """Keeps what it is asked, until it is told what to respond."""

    def __init__(self) -> None:
        self.asked: Exchange | None = None

    def ask(self, exchange: Exchange, /) -> None:
        self.asked = exchange


def flood(packets: int, show: Callable[[str], None]) -> int:
    """Send packets, and return how many kinds of bug were met; -1 where memory grew."""
    lot, home, upstream = Random(1), Home(), _Upstream()
    gc.enable()  # compiling the home's lists leaves it off
    resolver = home.resolver
    resolver.responses._upstreams = upstream
    askers = [asker(each) for each in _WHO]
    responses = [reply_to(each, *_RECORDS) for each in _QUERIES if each[2] & 1]
    began, refused, settled = perf_counter(), 0, 0.0
    for number in range(1, packets + 1):
        message = _spoil(lot, lot.choice(_QUERIES))
        resolver.answer(message, lot.choice(askers), home.clock(), _drop_reply, None)
        try:
            response: UpstreamResponse | None = read_response(_spoil(lot, lot.choice(responses)))
        except WireError:
            response, refused = None, refused + 1
        if upstream.asked is not None:
            exchange, upstream.asked = upstream.asked, None
            exchange.take_response(response)
        if not number % 1000:
            _keep_house(home)
        if number == min(SETTLED, packets // 2):
            settled = _resident()
        if not number % SHOW or number == packets:
            rate = number / (perf_counter() - began)
            show(f"{number:,} packets, {rate:,.0f} a second, {_resident():.1f} MB")
    grown = _resident() - settled
    bugs = len(resolver._bugs._places)
    show(f"{refused:,} responses refused, {bugs} kinds of bug, {grown:+.1f} MB since it settled")
    return -1 if grown > MAY_GROW else bugs


def _spoil(lot: Random, message: bytes) -> bytes:
    """Return the message with some of its octets changed, cut off, added or as they were."""
    spoiled, how = bytearray(message), lot.random()
    if how < 0.6:
        for _ in range(lot.randrange(6)):
            spoiled[lot.randrange(len(spoiled))] = lot.randrange(256)
    elif how < 0.8:
        del spoiled[lot.randrange(len(spoiled) + 1) :]
    else:
        spoiled += lot.randbytes(lot.randrange(64))
    return bytes(spoiled)


def _drop_reply(reply: bytes, to: object) -> None:
    """Nobody waits for it."""


def _keep_house(home: Home) -> None:
    """Do what the program does each second, and take what was written as a file would."""
    home.clock.wait(1)
    home.recorder.flush(home.clock.wall)
    list(home.recent.forget(home.clock.wall))
    home.log.waiting.rows.clear()
    home.log.counts.clear()
    home.resolver.waiting.give_stale(home.clock())
    home.resolver._lazy_free.free(100_000)


def _resident() -> float:
    """Return the memory of this process in MB."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


def main() -> None:
    packets = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    print("the core is", "compiled" if not answer.__file__.endswith(".py") else "not compiled")
    sys.exit(1 if flood(packets, lambda line: print(line, flush=True)) else 0)


if __name__ == "__main__":
    main()
