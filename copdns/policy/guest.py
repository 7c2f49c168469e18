"""Which profile unknown devices have, and under which key their policy is.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from copdns.model.household import Band, Household, PrivacyMode, Profile
from copdns.model.times import OnFailure

GUEST: Final = "guest"
UNKNOWN: Final = ""  # in place of a profile's id: unknown devices whose policy is no profile's


def guest_key(household: Household) -> str:
    """Return the key of the policy that unknown devices get."""
    return UNKNOWN if own_guest(household) else household.guest or GUEST


def own_guest(household: Household) -> Profile | None:
    """Return the guest profile where unknown devices get a policy of their own, made from it.

    They do where a failure setting is about them, or where the guest's names are recorded: the
    guest may be a person with known devices, whose policy stays as it is, and an unknown device
    may be anybody's.  None: they get the guest's policy.
    """
    guest = household.profile(household.guest or GUEST)
    if guest is None:
        return None
    mode = PrivacyMode.COUNTS if guest.privacy is PrivacyMode.BLOCKED else guest.privacy
    bare = replace(guest, privacy=mode, full_log=None)
    return None if bare == guest and household.failures.devices is OnFailure.LAST_KNOWN else bare


def unknown_profile(household: Household) -> Profile:
    """Return the profile that unknown devices have, the built-in one where there is no other."""
    found = own_guest(household) or household.profile(household.guest or GUEST)
    return found or guest_profile()


def guest_profile() -> Profile:
    """Return the profile of unknown devices, where the household chose no other.

    A new MAC address must not free a child: what the law keeps from children is blocked as in the
    preset for 10 to 12 years, and so are the ways in which a browser leaves this DNS by itself.
    """
    return Profile(
        id=GUEST,
        name="Guest",
        band=Band.ADULT,
        categories=frozenset({"adult", "gambling"}),
        canaries=frozenset({"firefox_doh", "private_relay", "chrome_prefetch"}),
        privacy=PrivacyMode.COUNTS,
    )
