"""All that is recorded of a person: export it as one document, and erase it for good."""

from __future__ import annotations

import asyncio
from typing import Any

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Actor
from copdns.list_files.load import discreet_names
from copdns.model.household import Household, Profile
from copdns.privacy.masked_names import build_mask
from copdns.privacy.personal_data import export_data
from copdns.web.context import AppContext
from copdns.web.personal_data import read_personal_data


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
    what = f"profile {profile}: records deleted (lookups, minutes, requests)"
    await context.store.note(household, actor.name, what, now)
    await asyncio.to_thread(context.log.erase, household, profile, float(now))
    await context.appeals.erase(household, profile)
