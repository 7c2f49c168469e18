"""What a person's own pages tell of changes: what changed lately, and what is proposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

from copdns.household.differences import differences, preset_reason
from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets
from copdns.model.household import Profile
from copdns.privacy.changes import Changed, changes_for
from copdns.store.household_db.proposals import Proposal
from copdns.web.context import context_of
from copdns.web.person import Person

LINES = 500  # of the audit, in which a person's changes are looked for


class News(NamedTuple):
    """reasons: of the lines that would be different under what is proposed."""

    changed: tuple[Changed, ...] = ()
    proposal: Proposal | None = None
    reasons: tuple[str, ...] = ()


async def news_of(request: web.Request, person: Person) -> News:
    """Return what changed; nothing for whoever may be somebody else."""
    if not person.is_proven:
        return News()
    parts, home, mine = context_of(request), person.household.id, person.profile
    changes = await parts.store.changes(home, LINES)
    proposal = await parts.proposals.of(home, mine.id)
    devices = {each.id: each.name for each in person.household.devices if each.profile == mine.id}
    changed = (_called(each, devices) for each in changes_for(mine, changes, parts.now(), devices))
    return News(tuple(changed), proposal, _reasons(mine, proposal))


def _called(each: Changed, devices: Mapping[str, str]) -> Changed:
    """Return a change under the name of the device that made it, where it was one."""
    return each._replace(author=devices.get(each.author, each.author))


def _reasons(profile: Profile, proposal: Proposal | None) -> tuple[str, ...]:
    if proposal is None:
        return ()
    preset = bundled_presets()[proposal.band]
    changed = differences(profile, apply(preset, profile))
    return tuple(dict.fromkeys(filter(None, (preset_reason(preset, each) for each in changed))))
