"""Whether a provider's subscriber chose a filter, and what holds where nobody did or it is off.

At home, who installs copdns wants one, so unknown devices have rules from the beginning.  A
provider filters for nobody who did not ask for it: a household begins without a filter, and whose
rules its line gets is a choice of its guardians (`Household.guest`, or a profile of guests).  The
switch is `failures.devices`: OPEN is off, and leaves the choice as it is, to be switched on again.
Pure.
"""

from __future__ import annotations

from dataclasses import replace

from copdns.model.household import Band, Household, PrivacyMode, Profile
from copdns.model.times import USUAL_FAILURES, OnFailure
from copdns.policy.guest import GUEST, unknown_profile


def is_filter_chosen(household: Household) -> bool:
    """Tell whether guardians said whose rules the household's line gets, be it on or off now."""
    return bool(household.guest) or household.profile(GUEST) is not None


def is_filter_on(household: Household) -> bool:
    """Tell whether the household's rules are in force at a provider.

    `OnFailure.ESSENTIAL`, which at home is for devices of nobody, is no choice of a filter: there
    it would close nearly all to the whole line of a household that came by a backup.
    """
    return is_filter_chosen(household) and household.failures.devices is not OnFailure.OPEN


def set_filter(household: Household, *, is_on: bool) -> Household:
    """Return a household with its filter on or off; whose rules hold when it is on stays."""
    devices = OnFailure.LAST_KNOWN if is_on else OnFailure.OPEN
    return replace(household, failures=replace(household.failures, devices=devices))


def with_chosen_filter(household: Household) -> Household:
    """Return what is in force of a provider's household: all of it, or nothing that blocks.

    Names of its own are answered either way, since they are no filter.
    """
    if is_filter_on(household):
        return household
    line = unknown_profile(household) if is_filter_chosen(household) else None
    guest = Profile(GUEST, "", Band.ADULT, privacy=line.privacy if line else PrivacyMode.COUNTS)
    people = (_without_rules(each) for each in household.profiles if each.id != GUEST)
    return replace(
        household,
        guest=GUEST,
        profiles=(*people, guest),
        rules=(),
        services=(),
        schedules=(),
        budgets=(),
        failures=USUAL_FAILURES,
        pauses=(),
        grants=(),
        bonuses=(),
        moved_bedtimes=(),
        filter_breaks=(),
    )


def _without_rules(profile: Profile) -> Profile:
    return Profile(
        profile.id,
        profile.name,
        profile.band,
        profile.tags,
        privacy=profile.privacy,
        full_log=profile.full_log,
        timezone=profile.timezone,
    )
