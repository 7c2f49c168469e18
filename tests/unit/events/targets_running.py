"""Targets at work, for the length of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from copdns.events.targets import Targets
from tests.running import PATIENCE


@asynccontextmanager
async def run_targets(targets: Targets) -> AsyncIterator[Targets]:
    """Let targets deliver until the block ends; fail where they do not stop then."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(targets.run())
        yield targets
        await targets.close()
        async with asyncio.timeout(PATIENCE):
            await running
