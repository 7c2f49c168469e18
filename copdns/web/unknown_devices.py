"""Devices for the dashboard: those seen in the network, and those that somebody types in."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

from aiohttp import web

from copdns.accounts.roles import Actor
from copdns.household.edit_checks import free_slug, parse_field
from copdns.household.edits import add_device
from copdns.model.addresses import KnownBy, known_by
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.network.unknown_devices import UnknownDevice
from copdns.store.log_db.unknown_devices import load_unknown_devices
from copdns.web.context import context_of

MAX_KNOWN_BY = 400  # characters: several MAC and IPv6 addresses


async def unknown_devices_of(request: web.Request, household: str) -> tuple[UnknownDevice, ...]:
    """Return the devices seen in the network that are nobody's, the last seen first."""
    found = await asyncio.to_thread(load_unknown_devices, context_of(request).folder)
    unknown = [each for each in found if each.household == household and not each.device]
    return tuple(sorted(unknown, key=lambda each: (-each.last, -each.first)))


async def unassigned_devices(folder: Path, household: Household) -> list[UnknownDevice]:
    """Return the devices seen in the network that none of the household's is known by."""
    found = await asyncio.to_thread(load_unknown_devices, folder)
    taken = {text for each in household.devices for text in (*each.macs, *each.addresses)}
    return [
        each
        for each in found
        if each.household == household.id and (each.mac or each.address) not in taken
    ]


def parse_known_by(typed: str) -> KnownBy:
    """Return the MAC addresses and addresses in a text; raise HouseholdError."""
    if len(typed) > MAX_KNOWN_BY:
        raise HouseholdError("Enter only a few addresses", name="known")
    try:
        found = parse_field(known_by, typed)
    except HouseholdError as error:
        raise error.for_field("known") from None
    if not found.addresses and not found.macs:
        raise HouseholdError("Enter the MAC address or an IP address of the device", name="known")
    return found


def add_typed_device(household: Household, name: str, profile: str, known: KnownBy) -> Household:
    """Return the household with a device that somebody typed in; the same one twice is added
    once."""
    for each in household.devices:
        if each.profile == profile and (each.addresses, each.macs) == known:
            return household
    called = " ".join(name.split())[:60] or (known.macs or known.addresses)[0]
    new = free_slug(called, (each.id for each in household.devices), "device")
    return add_device(household, new, profile, known.addresses, called, known.macs)


async def end_guests_of(request: web.Request, actor: Actor, visitor: UnknownDevice) -> None:
    """End the guest access of an unknown device, which has an owner now: guest rules would go
    first."""
    macs = (visitor.mac,) if visitor.mac else ()
    await end_guests_at(request, actor, (visitor.address,), macs)


async def end_guests_at(
    request: web.Request, actor: Actor, addresses: Collection[str], macs: Collection[str]
) -> None:
    """End guest access at these addresses and MAC addresses."""
    context = context_of(request)
    now = int(context.now())
    for each in await context.guests.of(actor.household, now):
        if each.address in addresses or each.mac in macs:
            await context.guests.end(actor.household, each.id, actor.name, now)
