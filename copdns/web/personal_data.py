"""What the databases hold of a person: read it, export it as one document, and erase it for good.

For the person's own page, their file, and the guardians' pages.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from copdns.accounts.account import LOOK_LASTS, ViewedPart
from copdns.accounts.roles import Actor
from copdns.list_files.load import discreet_names
from copdns.model.household import Household, Profile
from copdns.policy.decide import Policy, has_help_prefix
from copdns.privacy.masked_names import build_mask
from copdns.privacy.personal_data import PersonalData, export_data
from copdns.privacy.retention import LogRow
from copdns.store.log_db.bypass_signs import load_signs
from copdns.web.context import AppContext

MAX_ROWS = 1_000_000  # rows and lines of a file
_ALWAYS = datetime.fromtimestamp(0, UTC).date()


async def read_personal_data(
    context: AppContext, household: str, profile: str, rows: int = MAX_ROWS, lines: int = MAX_ROWS
) -> PersonalData:
    """Return it; rows and views have the newest first.

    rows: of the query log, at most.  lines: of views and of changes, at most.
    """
    now, whose = context.now(), (household, profile)
    found = await asyncio.to_thread(context.log.rows, *whose, rows)
    signs = await asyncio.to_thread(load_signs, context.folder, *whose)
    return PersonalData(
        rows=tuple(each.row for each in reversed(found)),
        counts=await asyncio.to_thread(context.log.counts, *whose),
        minutes=await asyncio.to_thread(context.log.usage, *whose, _ALWAYS),
        appeals=await context.appeals.appeals(household, profile=profile, limit=MAX_ROWS),
        looks=tuple(
            each  # expired ones are deleted only now and then
            for each in await context.looks.of(household, profile, lines)
            if each.at > now - LOOK_LASTS
        ),
        changes=await context.store.changes(household, lines),
        full_logs=await context.store.full_logs(household, profile),
        bypass_signs=signs.signs,
        device_weeks=signs.habits,
    )


def is_untraced_row(policy: Policy, row: LogRow) -> bool:
    """Tell whether a logged name is a help name: lists learned of it after it was logged."""
    found = policy.index.find(row.qname)
    return any(each.list in policy.untraced_lists for each in found) or has_help_prefix(
        policy, row.qname
    )


async def export_document(
    context: AppContext, actor: Actor, household: Household, profile: Profile, now: int
) -> dict[str, Any]:
    """Return all that is recorded of a person, as plain values for JSON.

    It records this view, which the person sees; nothing else is written.
    """
    await context.looks.note(actor, profile.id, ViewedPart.EXPORT, now)
    mask = build_mask(discreet_names(), context.snapshot().library)
    data = await read_personal_data(context, household.id, profile.id)
    is_own = actor.profile == profile.id
    return export_data(household, profile, data, now, None if is_own else mask)


async def erase_records(
    context: AppContext, actor: Actor, household: str, profile: str, now: int
) -> None:
    """Delete a person's lookups, minutes and appeals; a second call is harmless."""
    # The audit line comes first, so that no erasure lacks it after a power cut.
    await context.store.note_erasure(household, profile, actor.name, now)
    await asyncio.to_thread(context.log.erase, household, profile, float(now))
    await context.appeals.erase(household, profile)
