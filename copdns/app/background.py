"""Run chores: repeatedly, in short slices so that no query waits, and with errors only logged."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

import structlog

from copdns.model.errors import CopdnsError
from copdns.server.lazy_free import LazyFreeQueue

log = structlog.get_logger("copdns")

SLICE = 0.001  # seconds of work at a time
FREE_AT_ONCE = 50  # objects freed between two looks at the clock

T = TypeVar("T")
Work = Callable[[], Awaitable[None]]


async def repeat(work: Work, seconds: float | Callable[[], float]) -> None:
    """Run work for ever, with a pause before each run.

    seconds: how long the pause is, or what tells it each time.
    """
    while True:
        await asyncio.sleep(seconds() if callable(seconds) else seconds)
        await run_logged(work)


async def run_logged(work: Work) -> None:
    """Run work once; log what it raises."""
    try:
        await work()
    except CopdnsError as error:
        log.warning("a change could not be applied", error=str(error))
    except Exception:  # noqa: BLE001 - a bug in here must not end the answering
        log.error("a bug in a background job", traceback=traceback.format_exc())


async def in_slices(steps: Generator[None, None, T]) -> T:
    """Run all steps and return their result; queries are answered in between.

    Not in a thread: with each packet the event loop would wait for it to release Python's lock.
    """
    while True:
        until = time.monotonic() + SLICE
        try:
            while time.monotonic() < until:
                next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
        await asyncio.sleep(0)


async def free_gradually(lazy_free: LazyFreeQueue) -> None:
    """Free what is queued, in slices so short that no query waits."""
    while lazy_free:
        until = time.monotonic() + SLICE
        while lazy_free and time.monotonic() < until:
            lazy_free.free(FREE_AT_ONCE)
        await asyncio.sleep(0)
