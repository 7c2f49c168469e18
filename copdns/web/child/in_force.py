"""Wait until what was written is in force, so that the page after a form shows what applies.

The program follows the database within a tenth of a second: long enough to show a page that is
outdated, or data that is somebody else's by now.
"""

from __future__ import annotations

import asyncio

from copdns.web.context import AppContext

MAX_SECONDS = 1.0  # then the page shows what is in force
POLL_SECONDS = 0.02  # seconds between checks


async def wait_until_in_force(context: AppContext, household: str) -> bool:
    """Wait for MAX_SECONDS at most until the snapshot has the stored household; return whether it
    has."""
    stored = await context.store.household(household)
    revision = 0 if stored is None else stored.revision
    try:
        async with asyncio.timeout(MAX_SECONDS):
            while not _is_in_force(context, household, revision):  # noqa: ASYNC110 - a snapshot tells nobody
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        return False
    return True


def _is_in_force(context: AppContext, household: str, revision: int) -> bool:
    found = context.snapshot().households.get(household)
    return found is not None and found.revision >= revision
