"""Recent changes of a person's rules and a proposal for them, for their own pages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from aiohttp import web

from copdns.household.differences import differences, preset_reason
from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets
from copdns.model.household import Profile
from copdns.privacy.changes import Changed, HasLine, changes_for
from copdns.store.household_db.proposals import Proposal
from copdns.web.context import context_of
from copdns.web.person import Person

MAX_LINES = 500  # of the audit log that are searched


class RecentChanges(NamedTuple):
    """What changed and what is proposed.

    reasons: of what the proposal would change.  devices: names of the person's devices by their
    ids; one is the author of a change that linked a browser to it.
    """

    changed: tuple[Changed, ...] = ()
    proposal: Proposal | None = None
    reasons: tuple[str, ...] = ()
    devices: Mapping[str, str] = MappingProxyType({})


async def recent_changes_of(request: web.Request, person: Person) -> RecentChanges:
    """Return recent changes; none for a person who is not proven.

    Of their devices it leaves out what the page tells as a claim (`claims.html`), and that this
    very browser was linked: whoever reads it did that.
    """
    if not person.is_proven:
        return RecentChanges()
    context, home, mine = context_of(request), person.household.id, person.profile
    lines = await context.store.changes(home, MAX_LINES)
    # Left out before what was repeated is merged, so that another browser's link stays.
    changes = [each for each in lines if not _is_own_link(each, person)]
    proposal = await context.proposals.of(home, mine.id)
    devices = {each.id: each.name for each in person.household.devices if each.profile == mine.id}
    told = {each.at for each in person.claims}
    changed = tuple(
        each
        for each in changes_for(mine, changes, context.now(), devices)
        if not (each.is_of_devices and each.at in told)
    )
    return RecentChanges(changed, proposal, _reasons(mine, proposal), devices)


def _is_own_link(line: HasLine, person: Person) -> bool:
    return (line.author, line.at) == (person.device, person.linked_at)


def _reasons(profile: Profile, proposal: Proposal | None) -> tuple[str, ...]:
    if proposal is None:
        return ()
    preset = bundled_presets()[proposal.band]
    changed = differences(profile, apply(preset, profile))
    return tuple(dict.fromkeys(filter(None, (preset_reason(preset, each) for each in changed))))
