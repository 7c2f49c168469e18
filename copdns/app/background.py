"""Work beside the answering: repeated, in slices that no question waits for, its bugs only told."""

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
LET_GO_OF = 50  # replies or answers between looks at the clock

T = TypeVar("T")
Work = Callable[[], Awaitable[None]]


async def repeat(work: Work, seconds: float) -> None:
    """Do something again and again, first after so many seconds."""
    while True:
        await asyncio.sleep(seconds)
        await run_logged(work)


async def run_logged(work: Work) -> None:
    """Do something once; trouble is told, and answering goes on."""
    try:
        await work()
    except CopdnsError as error:
        log.warning("a change could not be applied", error=str(error))
    except Exception:  # noqa: BLE001 - a bug in here must not end the answering
        log.error("a bug in a background job", traceback=traceback.format_exc())


async def in_slices(steps: Generator[None, None, T]) -> T:
    """Return what comes of all steps, with questions answered between them.

    Not in a thread: each packet that is answered would hand it the interpreter, and wait.
    """
    while True:
        until = time.monotonic() + SLICE
        try:
            while time.monotonic() < until:
                next(steps)
        except StopIteration as done:
            made: T = done.value
            return made
        await asyncio.sleep(0)


async def free_gradually(waste: LazyFreeQueue) -> None:
    """Free what is of no more use, as slowly as nobody notices."""
    while waste:
        until = time.monotonic() + SLICE
        while waste and time.monotonic() < until:
            waste.free(LET_GO_OF)
        await asyncio.sleep(0)
