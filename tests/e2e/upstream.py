"""The scripted upstream (tests/upstream_server.py) for tests that have no event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from queue import Queue
from threading import Thread

import dns.message
import dns.name
import dns.rrset

from tests.upstream_server import PATIENCE, TTL, Asked, UpstreamServer, Way, reply_to


def has(*texts: str) -> Way:
    """Give a name these records: "A 127.0.0.7"; after "CNAME b.example." the rest is that's."""

    def way(asked: Asked) -> list[bytes]:
        reply = dns.message.make_response(asked.message, recursion_available=True)
        owner = dns.name.from_text(asked.name)
        for text in texts:
            rtype, _, rdata = text.partition(" ")
            if rtype in ("CNAME", asked.rtype):
                reply.answer.append(dns.rrset.from_text(owner, TTL, "IN", rtype, rdata))
            if rtype == "CNAME":
                owner = dns.name.from_text(rdata)
        if not any(rrset.rdtype == asked.message.question[0].rdtype for rrset in reply.answer):
            reply.authority = reply_to(asked, records=False).authority
        return [reply.to_wire()]

    return way


@contextmanager
def upstream(says: Mapping[str, Way] | None = None) -> Iterator[UpstreamServer]:
    """Run an upstream in a thread of its own.  says: the way to answer, by name."""
    started: Queue[tuple[UpstreamServer, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    async def serve() -> None:
        async with UpstreamServer() as server:
            server.says |= says or {}
            stop = asyncio.Event()
            started.put((server, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    server, loop, stop = started.get(timeout=PATIENCE)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
