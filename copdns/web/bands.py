"""The rules of another age: taken over at once, or proposed for when a lower age holds.

A lower age from 13 on is announced, and its rules with it: rules that came at once would make the
announcement an empty word.
"""

from __future__ import annotations

from copdns.model import Band, Profile
from copdns.presets import Preset
from copdns.privacy import NOTICE, is_announced
from copdns.roles import Actor
from copdns.store.proposals import Proposal
from copdns.web.parts import Parts


def rules_now(profile: Profile, preset: Preset | None, now: int) -> Preset | None:
    """Return a preset if it can be taken over now; None where its age is announced first."""
    if preset is None or is_announced(profile, preset.band, now):
        return None
    return preset


async def follow_band(
    parts: Parts, actor: Actor, profile: Profile, band: Band, now: int, *, rules: bool
) -> None:
    """Propose the rules of an age that was just announced, or be done with proposals.

    profile: as it was before.  rules: they are wanted, and not the age alone.
    """
    if rules and is_announced(profile, band, now):
        later = Proposal(actor.household, profile.id, band, now + NOTICE, actor.name, now)
        await parts.proposals.propose(later)
    else:
        await parts.proposals.drop(actor.household, profile.id)
