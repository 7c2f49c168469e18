"""Queries to upstreams over TCP (RFC 7766): a connection and a task for each, as few are needed.

All that waits in a coroutine is here; what follows from a response is decided in `dns/upstream.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from copdns.model.addresses import UpstreamAddress


class TcpQueries:
    """The queries that are under way over TCP."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.tasks: set[asyncio.Task[None]] = set()

    def send(
        self,
        address: UpstreamAddress,
        message: bytes,
        deadline: float,
        on_response: Callable[[bytes], None],
    ) -> None:
        """Send a message; `on_response` gets the response to it, b"" where none came.

        deadline: monotonic seconds.  After `close` nobody is called any more.
        """
        task = self._loop.create_task(_query(address, message, deadline, on_response))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def close(self) -> None:
        """End all that is under way; nobody is told."""
        for task in self.tasks:
            task.cancel()


async def _query(
    address: UpstreamAddress, message: bytes, deadline: float, on_response: Callable[[bytes], None]
) -> None:
    try:
        async with asyncio.timeout_at(deadline):
            response = await _send_and_read(address, message)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        response = b""
    on_response(response)


async def _send_and_read(address: UpstreamAddress, message: bytes) -> bytes:
    """Return what comes back over one connection; b"" where it has another ID."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(len(message).to_bytes(2, "big") + message)
        await writer.drain()
        size = int.from_bytes(await reader.readexactly(2), "big")
        response = await reader.readexactly(size)
        return response if response[:2] == message[:2] else b""
    finally:
        writer.close()
