"""An appeal against the age group itself: what is asked for, and what a yes changes.

The age group decides which rules somebody gets, and how they are written to; so it can be
contested as a block can, and needs no site.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from copdns.appeals.appeal import NO_VERDICT, AppealKind, AppealRequest, WantedLength
from copdns.household.check import KnownIds
from copdns.household.differences import Difference
from copdns.household.edit_checks import require_profile
from copdns.household.edits import set_profile
from copdns.household.presets import Preset, rules_now
from copdns.household.suggestions import plan_settings
from copdns.model.errors import AppealError
from copdns.model.household import Band, Household, Profile


def age_request(
    profile: Profile,
    device: str,
    wanted: Band | None,
    words: str,
    now: float,
    *,
    paired: bool = True,
) -> AppealRequest:
    """Return what a person sends who is not in the right age group.

    device: its id.  wanted: the age group that is right; None, which filing refuses, for no choice.
    paired: as of an AppealRequest.
    """
    return AppealRequest(
        profile=profile.id,
        device=device,
        kind=AppealKind.AGE,
        to=NO_VERDICT,
        words=words,
        wanted=WantedLength.ALWAYS,
        band=profile.band_at(now),
        wanted_band=wanted,
        paired=paired,
    )


def changes_with(
    profile: Profile, band: Band, presets: Mapping[Band, Preset]
) -> tuple[Difference, ...]:
    """Return which settings the usual ones of an age group change, but for the age group itself.

    What a guardian set stays (`household/suggestions.py`).
    """
    changed = plan_settings(profile, presets[band], presets).changed
    return tuple(each for each in changed if each.setting != "band")


def change_age(
    household: Household,
    ask: AppealRequest,
    band: Band | None,
    known: KnownIds,
    now: int,
    *,
    only_age: bool,
) -> Household:
    """Return the household in which somebody has another age group; raise AppealError.

    band: None for the one that was asked for.  only_age: the settings stay.  A lower one from 13 on
    is announced first (`safeguards.adopt`); then its settings do not come yet either.
    """
    profile = require_profile(household, ask.profile)
    wanted = band or ask.wanted_band
    if wanted is None:
        raise AppealError("choose the age group that is right", name="band")
    if wanted is profile.band_at(now):
        raise AppealError(
            "%(who)s has this age group already; choose another one, or say no",
            name="band",
            who=profile.name,
        )
    preset = None if only_age else rules_now(profile, known.presets.get(wanted), now)
    return set_profile(household, profile.id, known, preset, band=wanted, band_change=None)
