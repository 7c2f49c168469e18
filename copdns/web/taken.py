"""All that is kept of a person: one document of it, and how it goes for good."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from copdns.accounts import View
from copdns.discreet import discreet
from copdns.keep import CountKey
from copdns.library import discreet_names
from copdns.minutes import Usage
from copdns.model import Household, Profile
from copdns.person_export import Kept, export_of
from copdns.roles import Actor
from copdns.store.logdb import Logged
from copdns.store.querylog import QueryLog
from copdns.store.usage import history
from copdns.web.parts import Parts

MOST = 1_000_000  # rows of a document


async def document_of(
    parts: Parts, actor: Actor, household: Household, profile: Profile, now: int
) -> dict[str, Any]:
    """Return all that is kept of somebody, as plain values; the person sees that it was taken.

    That line of the look is the one thing that reading writes.
    """
    await parts.looks.note(actor, profile.id, View.EXPORT, now)
    hidden = discreet(discreet_names(), parts.live().library)
    kept = await _kept_of(parts, household.id, profile.id)
    mine = actor.profile == profile.id
    return export_of(household, profile, kept, now, None if mine else hidden)


async def erase_kept(parts: Parts, actor: Actor, household: str, profile: str, now: int) -> None:
    """Delete what was written down of look-ups, minutes and appeals; twice is harmless."""
    # First the line: no erasure without one, even when somebody pulls the plug.
    what = f"profile {profile} erased: look-ups, minutes, appeals"
    await parts.store.note(household, actor.name, what, now)
    await asyncio.to_thread(parts.log.erase, household, profile, float(now))
    await parts.appeals.erase(household, profile)


async def _kept_of(parts: Parts, household: str, profile: str) -> Kept:
    rows, counts, usage = await asyncio.to_thread(_logged, parts.log, household, profile)
    return Kept(
        rows=tuple(each.row for each in rows),
        counts=counts,
        usage=usage,
        appeals=await parts.appeals.appeals(household, profile=profile, limit=MOST),
        looks=await parts.looks.of(household, profile, MOST),
        changes=await parts.store.changes(household, MOST),
        full_logs=await parts.store.full_logs(household, profile),
    )


def _logged(
    log: QueryLog, household: str, profile: str
) -> tuple[tuple[Logged, ...], tuple[tuple[CountKey, int], ...], tuple[Usage, ...]]:
    since = datetime.fromtimestamp(0, UTC).date()
    return (
        log.rows(household, profile, MOST),
        log.counts(household, profile),
        history(log.path.parent, household, profile, since),
    )
