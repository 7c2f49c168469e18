"""Add the guests of a moment to a household, as devices.

Pure.  Only the household that queries are answered by has them: the stored one does not change, so
nothing has to be removed when a guest's time ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from copdns.accounts.account import Guest
from copdns.model.household import Device, Household

# Prefixes of device ids: of a guest, and (in pairings only) of an address that asks to be let in.
# The id of a named device has no colon.
GUEST, ASKS = "guest:", "asks:"


def with_guests(household: Household, guests: Iterable[Guest], now: float) -> Household:
    """Return the household with its guests as devices after all others.

    They come last because the last device with an address or MAC wins.  A guest without a person
    is left out, and so gets the rules of guests.
    """
    devices = tuple(
        Device(
            f"{GUEST}{each.id}",
            "Guest",
            each.profile,
            (each.address,),
            (each.mac,) if each.mac else (),
        )
        for each in guests
        if now < each.until and household.profile(each.profile) is not None
    )
    return replace(household, devices=household.devices + devices) if devices else household
