"""All that is kept of a person: one document of it, and how it goes for good."""

from __future__ import annotations

import asyncio
from typing import Any

from copdns.accounts import View
from copdns.discreet import discreet
from copdns.library import discreet_names
from copdns.model import Household, Profile
from copdns.own_data import exported
from copdns.roles import Actor
from copdns.web.kept import kept_of
from copdns.web.parts import AppContext


async def document_of(
    parts: AppContext, actor: Actor, household: Household, profile: Profile, now: int
) -> dict[str, Any]:
    """Return all that is kept of somebody, as plain values; the person sees that it was taken.

    That line of the look is the one thing that reading writes.
    """
    await parts.looks.note(actor, profile.id, View.EXPORT, now)
    hidden = discreet(discreet_names(), parts.live().library)
    kept = await kept_of(parts, household.id, profile.id)
    mine = actor.profile == profile.id
    return exported(household, profile, kept, now, None if mine else hidden)


async def erase_kept(
    parts: AppContext, actor: Actor, household: str, profile: str, now: int
) -> None:
    """Delete what was written down of look-ups, minutes and appeals; twice is harmless."""
    # First the line: no erasure without one, even when somebody pulls the plug.
    what = f"profile {profile}: records deleted (lookups, minutes, requests)"
    await parts.store.note(household, actor.name, what, now)
    await asyncio.to_thread(parts.log.erase, household, profile, float(now))
    await parts.appeals.erase(household, profile)
