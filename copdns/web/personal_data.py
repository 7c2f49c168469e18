"""Read what the databases hold of a person, for the own page, the own file and a guardian's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from copdns.accounts.account import LOOKS_KEPT
from copdns.privacy.personal_data import PersonalData
from copdns.store.log_db.usage import history
from copdns.web.context import AppContext

MOST = 1_000_000  # rows and lines of a file
_ALWAYS = datetime.fromtimestamp(0, UTC).date()


async def kept_of(
    parts: AppContext, household: str, profile: str, rows: int = MOST, lines: int = MOST
) -> PersonalData:
    """Return it, rows and looks the newest first.

    rows: of look-ups at most.  lines: of looks, and of changes, at most.
    """
    now, whose = parts.now(), (household, profile)
    found = await asyncio.to_thread(parts.log.rows, *whose, rows)
    return PersonalData(
        rows=tuple(each.row for each in reversed(found)),
        counts=await asyncio.to_thread(parts.log.counts, *whose),
        minutes=await asyncio.to_thread(history, parts.log.path.parent, *whose, _ALWAYS),
        appeals=await parts.appeals.appeals(household, profile=profile, limit=MOST),
        looks=tuple(
            each  # those that are over are deleted now and then only
            for each in await parts.looks.of(household, profile, lines)
            if each.at > now - LOOKS_KEPT
        ),
        changes=await parts.store.changes(household, lines),
        full_logs=await parts.store.full_logs(household, profile),
    )
