"""Work beside the answering: it goes on whatever happens to it, and lets questions in between."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

import pytest

from copdns.app.background import free_gradually, in_slices, repeat, run_logged
from copdns.model.errors import StoreError
from copdns.server.lazy_free import LazyFreeQueue


async def test_a_bug_beside_the_answering_is_told_and_does_not_end_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = asyncio.Event()
    tries = iter([ZeroDivisionError("a bug")])

    async def work() -> None:
        for error in tries:
            raise error
        done.set()

    repeating = asyncio.create_task(repeat(work, 0))
    async with asyncio.timeout(30):
        await done.wait()
    repeating.cancel()
    assert "ZeroDivisionError: a bug" in capsys.readouterr().out


async def test_trouble_that_we_know_is_told_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def busy() -> None:
        raise StoreError("another process keeps it busy")

    await run_logged(busy)
    told = capsys.readouterr().out
    assert "another process keeps it busy" in told
    assert "Traceback" not in told


async def test_what_is_made_in_slices_lets_others_have_their_turn() -> None:
    others = asyncio.Event()

    def steps() -> Generator[None, None, str]:
        while not others.is_set():
            yield
        return "made"

    asyncio.get_running_loop().call_soon(others.set)
    async with asyncio.timeout(30):
        assert await in_slices(steps()) == "made"


async def test_all_waste_is_let_go_of() -> None:
    waste = LazyFreeQueue()
    waste.add(list(range(1000)), dict.fromkeys(range(1000)))
    await free_gradually(waste)
    assert len(waste) == 0
