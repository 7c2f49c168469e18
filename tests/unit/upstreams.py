"""Upstreams under a clock that is moved by hand, and what is told to who asks them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

from copdns.app.encrypted_upstreams import connect
from copdns.dns.exchange import Exchange
from copdns.dns.message import UpstreamResponse
from copdns.dns.query import CacheKey
from copdns.dns.records import A
from copdns.dns.upstream import UpstreamClient
from tests.upstream_server import PATIENCE, UpstreamServer

ATTEMPT, DEADLINE = 0.8, 2.0
WWW = CacheKey("www.example", A, do=False, cd=False)
FOUND = b"\x7f\0\0\x50"  # the address that the server gives to every name


class HandLoop:
    """The running loop, but for its clock, which stands still until it is moved."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time()
        self._due: list[tuple[float, int, Timer]] = []
        self._numbers = count()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def time(self) -> float:
        return self._now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        heappush(self._due, (self._now + delay, next(self._numbers), timer))
        return timer

    def wait(self, seconds: float) -> None:
        """Let time pass, and call what is due in its order."""
        end = self._now + seconds
        while self._due and self._due[0][0] <= end:
            self._now, _, timer = heappop(self._due)
            if not timer.cancelled:
                timer.callback()
        self._now = end


class Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Answers(Exchange):
    """One question, and what came of it."""

    def __init__(self, key: CacheKey = WWW, **fields: bool) -> None:
        super().__init__(key, **fields)
        self.all: list[UpstreamResponse | None] = []
        self._came = asyncio.Event()

    def take_response(self, answer: UpstreamResponse | None) -> None:
        self.all.append(answer)
        self._came.set()

    async def one(self) -> UpstreamResponse | None:
        async with asyncio.timeout(PATIENCE):
            await self._came.wait()
        assert len(self.all) == 1
        return self.all[0]

    async def found(self) -> tuple[bytes, ...]:
        answer = await self.one()
        assert answer is not None
        return answer.facts.addresses


class Asker:
    """Upstreams under a clock that is moved by hand."""

    def __init__(self, *servers: UpstreamServer, **fields: float) -> None:
        self.clock = HandLoop()
        times = {"deadline": DEADLINE, "attempt": ATTEMPT} | fields
        self.upstreams = UpstreamClient(self.clock, **times)  # type: ignore[arg-type]
        self.upstreams.connect = connect
        self.upstreams.configure({"": [each.address for each in servers]})

    def ask(self, key: CacheKey | str = WWW, **fields: bool) -> Answers:
        key = key if isinstance(key, CacheKey) else WWW._replace(qname=key)
        answers = Answers(key, **fields)
        self.upstreams.ask(answers)
        return answers

    async def until(self, holds: Callable[[], object], step: float = 0.0) -> None:
        """Let the loop turn until something holds.  step: seconds that pass with each turn."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self.clock.wait(step)
                turned = asyncio.get_running_loop().create_future()
                turned.get_loop().call_soon(turned.set_result, None)
                await turned

    def numbers(self, place: int = 1) -> tuple[int, int, int]:
        """Return how often an upstream was asked, failed, and was asked over TCP."""
        _, counters = self.upstreams.numbers()[place - 1]
        return counters.asked, counters.failed, counters.over_tcp


Make = Callable[..., Asker]
