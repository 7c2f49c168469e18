"""Listens for RADIUS accounting, and answers what was taken in."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, cast

import structlog

from copdns.model.errors import CopdnsError, ListenError
from copdns.provider.bindings import SessionEvent
from copdns.provider.radius_accounting import (
    Accounting,
    Attribute,
    RadiusError,
    Restart,
    read_accounting,
)

log = structlog.get_logger("copdns.provider")

UNKNOWN: Final = "unknown"  # who sends is not listed
TAKEN: Final = "taken"
FAILED: Final = "failed"  # it could not be taken in
MOST_AT_ONCE: Final = 10_000  # packets that wait for what they tell to be kept


class RadiusListener(asyncio.DatagramProtocol):
    """One port.  counts: packets by what became of them: `TAKEN`, `UNKNOWN`, `FAILED`
    or the value of a `Refusal`."""

    def __init__(
        self,
        secrets: Mapping[str, bytes],
        line: Attribute,
        clock: Callable[[], float],
        take: Callable[[SessionEvent | Restart], Awaitable[None]],
    ) -> None:
        """secrets: by the address of who may send.  line: see `read_accounting`.
        clock: seconds since 1970.  take: takes in what is told, before it is answered.  Where it
        raises OSError or CopdnsError, there is no answer, so that the packet comes again."""
        self._secrets = secrets
        self._line = line
        self._clock = clock
        self._take = take
        self._transport: asyncio.DatagramTransport | None = None
        self._taking: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()

    async def start(self, address: str, port: int) -> None:
        """Begin to listen; raise ListenError where that is not possible."""
        loop = asyncio.get_running_loop()
        try:
            await loop.create_datagram_endpoint(lambda: self, (address, port))
        except OSError as error:
            raise ListenError(f"{address} port {port}: {error.strerror}") from error

    def close(self) -> None:
        """Stop listening."""
        for each in self._taking:
            each.cancel()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what replies go through."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take in a packet and answer it; whoever is not listed, or does not know the secret, gets
        no answer."""
        secret = self._secrets.get(addr[0].partition("%")[0])
        if secret is None:
            self.counts[UNKNOWN] += 1
            return
        try:
            found = read_accounting(data, secret, addr[0], self._line, self._clock())
        except RadiusError as error:
            self.counts[error.refusal.value] += 1
            # Not what it says: names of lines are in it.
            log.warning("RADIUS packet refused", sender=addr[0], why=error.refusal.value)
            return
        if len(self._taking) >= MOST_AT_ONCE:
            self.counts[FAILED] += 1
            return
        task = asyncio.ensure_future(self._answer(found, addr))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _answer(self, found: Accounting, addr: tuple[str, int]) -> None:
        try:
            if found.told is not None:
                await self._take(found.told)
        except (OSError, CopdnsError) as error:
            self.counts[FAILED] += 1
            log.error("what RADIUS told could not be kept", sender=addr[0], error=str(error))
            return
        self.counts[TAKEN] += 1
        assert self._transport is not None
        self._transport.sendto(found.reply, addr)
