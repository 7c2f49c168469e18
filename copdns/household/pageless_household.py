"""What a copdns without pages leaves out, besides them: what only they could tell a person.

Nothing is kept that a child could not look up, and no answer leads to a page that is not there.
Pure.
"""

from __future__ import annotations

from dataclasses import replace

from copdns.model.household import BlockMode, Household, PrivacyMode, Profile


def without_pages(household: Household) -> Household:
    """Return a household as it is served without pages."""
    profiles = tuple(_without_pages(each) for each in household.profiles)
    return replace(household, profiles=profiles)


def _without_pages(profile: Profile) -> Profile:
    """Return a profile of which no names and no signs are kept, and whose blocks lead nowhere."""
    keeps_names = profile.privacy is PrivacyMode.BLOCKED
    return replace(
        profile,
        privacy=PrivacyMode.COUNTS if keeps_names else profile.privacy,
        full_log=None,
        bypass_signs=False,
        block_mode=(
            BlockMode.NODATA if profile.block_mode is BlockMode.PAGE else profile.block_mode
        ),
    )
