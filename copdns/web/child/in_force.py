"""Wait until what was written is in force, so that the page after a form tells what holds.

The running program follows the database within a tenth of a second, which is long enough for
somebody to read what is over, or to be shown what is not theirs any more.
"""

from __future__ import annotations

import asyncio

from copdns.web.context import AppContext

PATIENCE = 1.0  # seconds; a program that is busy for longer answers with what holds until then
LOOK = 0.02  # seconds between looks


async def in_force(parts: AppContext, household: str) -> bool:
    """Return whether what is stored of a household is what answers are given by, which is waited
    for a while."""
    stored = await parts.store.household(household)
    revision = 0 if stored is None else stored.revision
    try:
        async with asyncio.timeout(PATIENCE):
            while not _follows(parts, household, revision):  # noqa: ASYNC110 - a snapshot tells nobody
                await asyncio.sleep(LOOK)
    except TimeoutError:
        return False
    return True


def _follows(parts: AppContext, household: str, revision: int) -> bool:
    found = parts.live().households.get(household)
    return found is not None and found.revision >= revision
