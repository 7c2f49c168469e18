"""Plays the internet in a network namespace: echoes what it is sent, and resolves a few names.

`python internet.py ADDRESS...`: at each address it echoes over TCP (443, 853) and UDP (443, 4500),
and answers DNS.  It says "ready" when it listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from functools import partial

import dns.message
import dns.rdatatype
import dns.rrset

HELP, GAMES, SCHOOL, OTHER = "198.51.100.7", "192.0.2.10", "192.0.2.20", "192.0.2.1"
RESOLVER4, RESOLVER6 = "8.8.8.8", "2001:4860:4860::8888"
ADDRESSES = (HELP, GAMES, SCHOOL, OTHER, RESOLVER4, RESOLVER6)
BY_NAME = {"games.example.": GAMES, "school.example.": SCHOOL}


def answer(wire: bytes) -> bytes:
    """Answer a query for an IPv4 address; other types have no data."""
    query = dns.message.from_wire(wire)
    reply = dns.message.make_response(query, recursion_available=True)
    question = query.question[0]
    if question.rdtype == dns.rdatatype.A:
        address = BY_NAME.get(question.name.to_text().lower(), OTHER)
        reply.answer.append(dns.rrset.from_text(question.name, 300, "IN", "A", address))
    return reply.to_wire()


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, reply: Callable[[bytes], bytes]) -> None:
        self._reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(self._reply(data), addr)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(4096):
            writer.write(data)
    writer.close()


async def resolve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            size = int.from_bytes(await reader.readexactly(2), "big")
            reply = answer(await reader.readexactly(size))
            writer.write(len(reply).to_bytes(2, "big") + reply)
    writer.close()


async def main() -> None:
    loop = asyncio.get_running_loop()
    servers = []
    for address in sys.argv[1:]:
        for port, serve in ((443, echo), (853, echo), (53, resolve)):
            servers.append(await asyncio.start_server(serve, address, port))
        for port, reply in ((443, bytes), (4500, bytes), (53, answer)):
            where = (address, port)
            await loop.create_datagram_endpoint(partial(Datagrams, reply), local_addr=where)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
