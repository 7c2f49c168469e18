"""All that is kept of a person: one document of it, and how it goes for good."""

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
from copdns.web.personal_data import kept_of


async def document_of(
    parts: AppContext, actor: Actor, household: Household, profile: Profile, now: int
) -> dict[str, Any]:
    """Return all that is kept of somebody, as plain values; the person sees that it was taken.

    That line of the look is the one thing that reading writes.
    """
    await parts.looks.note(actor, profile.id, ViewedPart.EXPORT, now)
    hidden = build_mask(discreet_names(), parts.live().library)
    kept = await kept_of(parts, household.id, profile.id)
    mine = actor.profile == profile.id
    return export_data(household, profile, kept, now, None if mine else hidden)


async def erase_kept(
    parts: AppContext, actor: Actor, household: str, profile: str, now: int
) -> None:
    """Delete what was written down of look-ups, minutes and appeals; twice is harmless."""
    # First the line: no erasure without one, even when somebody pulls the plug.
    what = f"profile {profile}: records deleted (lookups, minutes, requests)"
    await parts.store.note(household, actor.name, what, now)
    await asyncio.to_thread(parts.log.erase, household, profile, float(now))
    await parts.appeals.erase(household, profile)
