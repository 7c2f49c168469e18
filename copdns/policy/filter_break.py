"""The policy of a device that opens everything but what is dangerous, to see whether the filter is
at fault.  Pure; moments are seconds since the epoch.

It is beside that of its person, whose other devices keep theirs.  What is recorded stays as their
privacy mode has it, and their minutes are not counted meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from copdns.model.household import Default, Device, Household, Profile
from copdns.model.times import FilterBreak

MAX_TTL: Final = 10  # seconds, so that what is blocked again is so soon after the end
_MARK: Final = "!"  # which no id has


def break_key(profile_id: str) -> str:
    """Return the key of the policy of a person's devices that have a break."""
    return f"{profile_id}{_MARK}"


def running_breaks(household: Household, now: float) -> Iterator[tuple[Profile, FilterBreak]]:
    """Yield the breaks that run now, with whose they are."""
    for one in household.filter_breaks:
        device = next((each for each in household.devices if each.id == one.device), None)
        profile = household.profile(one.profile)
        if device is not None and profile is not None and has_break(household, device, now):
            yield profile, one


def has_break(household: Household, device: Device, now: float) -> bool:
    """Tell whether a device has a break now; not where it is somebody else's since."""
    return any(
        each.device == device.id and each.profile == device.profile and each.start <= now < each.end
        for each in household.filter_breaks
    )


def without_filter(profile: Profile) -> Profile:
    """Return a profile with everything open that is not dangerous.

    Signals to browsers stay: without them a browser would turn to another DNS server, and remain
    there when the break is over.
    """
    return replace(
        profile,
        categories=frozenset(),
        services=frozenset(),
        contacts=frozenset(),
        safe_search=(),
        no_safe_search=False,
        bypass=False,
        default=Default.ALLOW,
        max_ttl=MAX_TTL,
        always=(),
        homework=(),
    )
