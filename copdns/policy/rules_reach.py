"""Which devices of a provider's subscriber are told apart, and for which a person's rules hold.

Behind most routers a family is one address.  So a device has the rules of its person where it shows
a token, or where a router that the provider lists tells its MAC address; all others have the rules
that the line gets.  Pure.
"""

from __future__ import annotations

from typing import NamedTuple

from copdns.model.household import Device, Household, Profile
from copdns.policy.chosen_filter import is_filter_on
from copdns.policy.guest import GUEST, unknown_profile


class RulesReach(NamedTuple):
    """For which devices of a subscriber a person's rules hold.

    is_on: the family filter is; else for none.  is_line: for all on the line but those that are
    told apart as somebody else's.  devices: those of the person that are told apart.  line: whose
    rules the others have.
    """

    is_on: bool
    is_line: bool
    devices: tuple[Device, ...]
    line: Profile


def devices_told_apart(household: Household, *, has_macs_told: bool) -> tuple[Device, ...]:
    """Return the devices that a provider can tell from the rest of the line.

    has_macs_told: some routers tell MAC addresses (`node.mac_networks`).
    """
    return tuple(each for each in household.devices if each.tokens or (has_macs_told and each.macs))


def find_reach(household: Household, profile: Profile, *, has_macs_told: bool) -> RulesReach:
    """Return for which devices a person's rules hold."""
    apart = devices_told_apart(household, has_macs_told=has_macs_told)
    return RulesReach(
        is_filter_on(household),
        profile.id == (household.guest or GUEST),
        tuple(each for each in apart if each.profile == profile.id),
        unknown_profile(household),
    )
