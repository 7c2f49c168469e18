"""Devices that are somebody's for a while, as devices of the household.

Pure: a household and its guests in, the household that answers are given by out.  What is stored
stays as it is, so that a guest leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from copdns.accounts.account import Guest
from copdns.model.household import Device, Household

# What the id of a guest's device begins with, and where a pairing has one, that of a device that
# asks to be let in.  No id of a named device has a colon.
GUEST, ASKS = "guest:", "asks:"


def with_guests(household: Household, guests: Iterable[Guest], now: float) -> Household:
    """Return the household with its guests as devices behind all others, which they outrank at
    their address and MAC.  Those without a person get the rules of guests in any case."""
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
