"""Signs of bypass as guardians may know them: what the person was told of before."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from copdns.model.household import Household, Profile
from copdns.privacy.bypass_signs import BypassNotice, notices_about
from copdns.store.log_db.bypass_signs import load_signs
from copdns.web.context import AppContext


async def bypass_notices(
    context: AppContext, household: Household, people: Collection[Profile]
) -> tuple[BypassNotice, ...]:
    """Return what guardians may know of some people's devices by now, the newest first."""
    now = context.now()
    if not any(each.notices_signs_at(now) for each in people):
        return ()
    kept = await asyncio.to_thread(load_signs, context.folder, household.id)
    return notices_about(household, people, kept.signs, now)
