"""Devices for the desk: those that were seen in the network, and those that somebody writes in."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from aiohttp import web

from copdns.accounts.roles import Actor
from copdns.household.edit_checks import free_slug, parse_field
from copdns.household.edits import add_device
from copdns.model.addresses import KnownBy, known_by
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.network.unknown_devices import UnknownDevice
from copdns.store.log_db.unknown_devices import load_visitors
from copdns.web.context import context_of

LONGEST_KNOWN = 400  # letters: some MAC addresses and some of IPv6


async def visitors_of(request: web.Request, household: str) -> tuple[UnknownDevice, ...]:
    """Return those that nobody named, what was seen last first."""
    found = await asyncio.to_thread(load_visitors, context_of(request).folder)
    unknown = [each for each in found if each.household == household and not each.device]
    return tuple(sorted(unknown, key=lambda each: (-each.last, -each.first)))


def known_in(typed: str) -> KnownBy:
    """Return by what a device is known, as somebody wrote it; raise HouseholdError."""
    if len(typed) > LONGEST_KNOWN:
        raise HouseholdError("Enter only a few addresses", name="known")
    try:
        found = parse_field(known_by, typed)
    except HouseholdError as error:
        raise error.for_field("known") from None
    if not found.addresses and not found.macs:
        raise HouseholdError("Enter the MAC address or an IP address of the device", name="known")
    return found


def written_in(household: Household, name: str, profile: str, known: KnownBy) -> Household:
    """Return the household with a device that somebody wrote in; the same twice is one."""
    for each in household.devices:
        if each.profile == profile and (each.addresses, each.macs) == known:
            return household
    called = " ".join(name.split())[:60] or (known.macs or known.addresses)[0]
    new = free_slug(called, (each.id for each in household.devices), "device")
    return add_device(household, new, profile, known.addresses, called, known.macs)


async def end_guests(request: web.Request, actor: Actor, visitor: UnknownDevice) -> None:
    """End what an unknown device was for a while: it has an owner now, whom a guest outranks."""
    macs = (visitor.mac,) if visitor.mac else ()
    await end_guests_at(request, actor, (visitor.address,), macs)


async def end_guests_at(
    request: web.Request, actor: Actor, addresses: Collection[str], macs: Collection[str]
) -> None:
    """End what was let in for a while at any of these."""
    parts = context_of(request)
    now = int(parts.now())
    for each in await parts.guests.of(actor.household, now):
        if each.address in addresses or each.mac in macs:
            await parts.guests.end(actor.household, each.id, actor.name, now)
