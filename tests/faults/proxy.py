"""A proxy before an upstream, over UDP and TCP on one port of loopback, that spoils what passes.

A way is a function from what passes to what the proxy sends back, each message with the seconds
that it waits first.  Tests set `udp_way` and `tcp_way` while questions pass.  The proxy believes
nothing and reads no message; it could stand before any resolver.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Queue
from random import Random
from threading import Thread
from typing import NamedTuple

from tests.running import free_port

PATIENCE = 10.0  # seconds for the upstream, and for the proxy to do as it is told
HOST = "127.0.0.1"


class Passing(NamedTuple):
    """A question as it came, and the upstream's reply to it."""

    question: bytes
    reply: bytes


class Sent(NamedTuple):
    """after: seconds."""

    message: bytes
    after: float = 0.0


Way = Callable[[Passing], list[Sent]]


# --- ways ---------------------------------------------------------------------------------------


def passes(passing: Passing) -> list[Sent]:
    return [Sent(passing.reply)]


def drops(_passing: Passing) -> list[Sent]:
    return []


def waits(seconds: float) -> Way:
    return lambda passing: [Sent(passing.reply, seconds)]


def loses(share: float, lot: Random) -> Way:
    """Lose that share of all messages: of the questions, and of the replies to the others."""
    return lambda passing: (
        [] if lot.random() < share or lot.random() < share else [Sent(passing.reply)]
    )


def shuffles(lot: Random) -> Way:
    """Give each reply twice, each time after up to a fifth of a second: so in any order."""
    return lambda passing: [Sent(passing.reply, lot.random() / 5) for _ in range(2)]


def fails(rcode: int) -> Way:
    """Answer with the question and an error."""

    def way(passing: Passing) -> list[Sent]:
        question = passing.question
        flags = bytes([question[2] | 0x80, 0x80 | rcode])
        return [Sent(question[:2] + flags + b"\0\1" + bytes(6) + _question_of(question))]

    return way


def spoils(lot: Random) -> Way:
    """Send octets by chance: as long as the reply, cut short, or an endless name."""

    def way(passing: Passing) -> list[Sent]:
        head = passing.reply[:12]
        spoiled = (
            head[:2] + lot.randbytes(len(passing.reply) - 2),
            passing.reply[: lot.randrange(len(passing.reply))],
            head + b"\xc0\x0c" * 20,
            b"",
        )
        return [Sent(lot.choice(spoiled))]

    return way


def forges(lot: Random, reply: Callable[[bytes], bytes], copies: int = 20) -> Way:
    """Send forged replies before the true one, as someone can who does not see the question.

    reply: makes one of the true reply.  Its ID is guessed, and the letters of its name are small.
    """

    def way(passing: Passing) -> list[Sent]:
        forged = reply(passing.reply)
        end = 12 + len(_question_of(passing.question))
        lowered = forged[12:end].lower()
        guesses = [lot.randbytes(2) + forged[2:12] + lowered + forged[end:] for _ in range(copies)]
        return [*(Sent(each) for each in guesses), Sent(passing.reply)]

    return way


def truncates(passing: Passing) -> list[Sent]:
    """Say that the answer does not fit a datagram, and give none of it."""
    reply, question = passing.reply, _question_of(passing.question)
    head = reply[:2] + bytes([reply[2] | 0x02, reply[3]]) + b"\0\1" + bytes(6)
    return [Sent(head + question)]


def cuts(passing: Passing) -> list[Sent]:
    """Over TCP: promise all of the reply, and end the connection after half of it."""
    return [Sent(passing.reply[: len(passing.reply) // 2])]


def _question_of(message: bytes) -> bytes:
    """Return the question section of a query."""
    at = 12
    while message[at]:
        at += 1 + message[at]
    return message[12 : at + 5]


# --- the proxy ----------------------------------------------------------------------------------


class FaultProxy:
    """udp_way, tcp_way: what happens to what passes.  passed: questions that came, of each."""

    def __init__(self, upstream: int) -> None:
        self.port = free_port()
        self.udp_way: Way = passes
        self.tcp_way: Way = passes
        self.passed = 0
        self._upstream = upstream
        self._ends: list[asyncio.BaseTransport] = []
        self._waiting: set[asyncio.Task[None]] = set()

    def heal(self) -> None:
        self.udp_way = self.tcp_way = passes
        if not self._ends:
            self._call(self.open)

    def ail(self, way: Way) -> None:
        """Do the same over UDP and TCP."""
        self.udp_way = self.tcp_way = way

    def leave(self) -> None:
        """Close the port until it is healed: the kernel refuses what comes (ICMP, RST)."""
        self._call(self.close)

    def move(self) -> None:
        """Listen at another port."""
        self._call(self.close)
        self.port = free_port()
        self._call(self.open)

    # --- in its thread ---

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        udp, _ = await self._loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(HOST, self.port)
        )
        self._tcp = await asyncio.start_server(self._serve, HOST, self.port)
        self._ends.append(udp)

    async def close(self) -> None:
        for each in self._ends:
            each.close()
        self._ends.clear()
        self._tcp.close()
        for task in self._waiting:
            task.cancel()
        await self._after(0)  # the ends are closed with the loop's next turn

    def _call(self, work: Callable[[], object]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(PATIENCE)  # type: ignore[arg-type]

    async def _after(self, seconds: float) -> None:
        over = self._loop.create_future()
        self._loop.call_later(seconds, lambda: over.done() or over.set_result(None))
        await over

    def begin(self, work: object) -> None:
        task = self._loop.create_task(work)  # type: ignore[arg-type]
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def pass_datagram(
        self, question: bytes, peer: tuple[str, int], back: asyncio.DatagramTransport
    ) -> None:
        reply: asyncio.Future[bytes] = self._loop.create_future()
        end, _ = await self._loop.create_datagram_endpoint(
            lambda: _Reply(reply), remote_addr=(HOST, self._upstream)
        )
        try:
            end.sendto(question)
            async with asyncio.timeout(PATIENCE):
                passing = Passing(question, await reply)
        except (TimeoutError, OSError):
            return
        finally:
            end.close()
        for message, after in self.udp_way(passing):
            self._loop.call_later(after, _send_to, back, message, peer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection(HOST, self._upstream)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.passed += 1
                question = await _read_message(reader)
                onward.write(len(question).to_bytes(2, "big") + question)
                passing = Passing(question, await _read_message(there))
                for message, after in self.tcp_way(passing):
                    await self._after(after)
                    size = len(passing.reply if message in passing.reply else message)
                    writer.write(size.to_bytes(2, "big") + message)
                    await writer.drain()
                    if size != len(message):
                        raise ConnectionResetError
        writer.close()
        onward.close()


def _send_to(end: asyncio.DatagramTransport, message: bytes, peer: tuple[str, int]) -> None:
    if not end.is_closing():
        end.sendto(message, peer)


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]

    def datagram_received(self, wire: bytes, peer: tuple[str, int]) -> None:
        self._proxy.passed += 1
        if self._proxy.udp_way is not drops:
            self._proxy.begin(self._proxy.pass_datagram(wire, peer, self._transport))


class _Reply(asyncio.DatagramProtocol):
    def __init__(self, reply: asyncio.Future[bytes]) -> None:
        self._reply = reply

    def datagram_received(self, wire: bytes, _peer: tuple[str, int]) -> None:
        if not self._reply.done():
            self._reply.set_result(wire)


@contextmanager
def fault_proxy(upstream: int) -> Iterator[FaultProxy]:
    """Run a proxy before the upstream of a port, in a thread of its own."""
    started: Queue[tuple[FaultProxy, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    async def serve() -> None:
        proxy, stop = FaultProxy(upstream), asyncio.Event()
        await proxy.open()
        started.put((proxy, asyncio.get_running_loop(), stop))
        await stop.wait()
        await proxy.close()

    thread = Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    proxy, loop, stop = started.get(timeout=PATIENCE)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
