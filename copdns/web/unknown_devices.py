"""Devices that get a name: those seen in the network that are nobody's, and those that somebody
types in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from aiohttp import web

from copdns.accounts.roles import Actor
from copdns.household.check import printable
from copdns.household.edit_checks import free_slug, parse_field, require_profile
from copdns.household.edits import add_device, set_device
from copdns.model.addresses import KnownBy, known_by
from copdns.model.errors import HouseholdError
from copdns.model.household import DeviceKind, Household, Profile
from copdns.model.violations import no_such
from copdns.network.makers import maker_of
from copdns.network.unknown_devices import UnknownDevice
from copdns.store.log_db.unknown_devices import load_unknown_devices
from copdns.web.context import context_of
from copdns.web.person import requestor_of

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


def device_in_hand(request: web.Request, devices: Iterable[UnknownDevice]) -> str:
    """Return the id of the unknown device that a request comes from, "" where it comes from none:
    a guardian gives the phone that they hold to no child.

    The MAC address counts where one is known: a phone may speak IPv6 here, and be seen by IPv4.
    """
    address = requestor_of(request).address
    mac = context_of(request).snapshot().sightings.mac_at(address)
    found = (e.id for e in devices if (mac == e.mac if mac and e.mac else address == e.address))
    return next(found, "")


async def makers_of(devices: Iterable[UnknownDevice]) -> dict[str, str]:
    """Return who made each device, by its id; "" where nobody knows."""
    macs = {each.id: each.mac for each in devices}
    if not macs:
        return {}
    return await asyncio.to_thread(lambda: {key: maker_of(mac) for key, mac in macs.items()})


def parse_known_by(typed: str, *, may_be_blank: bool = False) -> KnownBy:
    """Return the MAC addresses and addresses in a text; raise HouseholdError."""
    if len(typed) > MAX_KNOWN_BY:
        raise HouseholdError("Enter only a few addresses", name="known")
    try:
        found = parse_field(known_by, typed)
    except HouseholdError as error:
        raise error.for_field("known") from None
    if not (found.addresses or found.macs or may_be_blank):
        raise HouseholdError("Enter the MAC address or an IP address of the device", name="known")
    return found


async def known_by_mac(request: web.Request, household: str, known: KnownBy) -> KnownBy:
    """Return what a device is known by for good, where its address is all that somebody could find:
    the MAC address that the network shows there now, or that was seen there last.

    A router gives the address to another device some day.  What names several, a prefix, or a MAC
    address stays as it was typed.
    """
    if known.macs or len(known.addresses) != 1:
        return known
    address = known.addresses[0]
    mac = context_of(request).snapshot().sightings.mac_at(address)
    if not mac:
        seen = await unknown_devices_of(request, household)
        mac = next((each.mac for each in seen if each.address == address), "")
    return KnownBy((), (mac,)) if mac else known


def parse_kind(typed: str) -> DeviceKind:
    """Return what a form says that a device is; OTHER where it does not; raise HouseholdError."""
    if not typed:
        return DeviceKind.OTHER
    found = next((each for each in DeviceKind if each == typed), None)
    if found is None:
        raise HouseholdError("choose one of the answers on the page", name="kind")
    return found


def suggest_owner(device_name: str, people: Iterable[Profile]) -> str:
    """Return the id of the child whose name a device's own name has in it, such as "Mia-iPad"; ""
    for nobody, where several fit, and for an adult: whoever has the device names it."""
    words = set(re.findall(r"\w+", device_name.casefold().replace("_", " ")))
    words |= {each.removesuffix("s") for each in words}  # "Mias-iPad"
    found = [each for each in people if each.name.casefold() in words]
    return found[0].id if len(found) == 1 and found[0].band.is_child else ""


def add_typed_device(
    household: Household,
    name: str,
    profile: str,
    known: KnownBy,
    kind: DeviceKind = DeviceKind.OTHER,
    *,
    needs_address: bool = True,
) -> Household:
    """Return the household with a device that somebody typed in; the same one twice is added
    once.  needs_address: not at a provider, where it may have a name alone."""
    called = " ".join(name.split())[:60]
    for each in household.devices:
        is_same = any(known) or each.name == called
        if is_same and each.profile == profile and (each.addresses, each.macs) == known:
            return household
    called = called or next(iter((*known.macs, *known.addresses)), "")
    if not called:
        raise HouseholdError("give the device a name", name="name")
    new = free_slug(called, (each.id for each in household.devices), "device")
    return add_device(
        household,
        new,
        profile,
        known.addresses,
        called,
        known.macs,
        kind,
        needs_address=needs_address,
    )


def add_unknown_device(
    household: Household,
    visitor: UnknownDevice,
    profile_id: str,
    called: str,
    kind: DeviceKind = DeviceKind.OTHER,
) -> Household:
    """Return the household with an unknown device as a person's; it is the last of `devices`.

    It is known by its MAC address, or by its address where no MAC address was seen.
    """
    require_profile(household, profile_id)
    called = printable(called)  # it may be the name that the device gave itself
    new = free_slug(called, (each.id for each in household.devices), "device")
    addresses, macs = _identifiers(visitor)
    return add_device(household, new, profile_id, addresses, called, macs, kind)


def add_to_device(household: Household, visitor: UnknownDevice, device_id: str) -> Household:
    """Return the household with a device known by one more MAC address, or address where none was
    seen."""
    device = next((each for each in household.devices if each.id == device_id), None)
    if device is None:
        ids = [each.id for each in household.devices]
        raise HouseholdError(no_such("device", device_id, ids))
    addresses, macs = _identifiers(visitor)
    return set_device(
        household,
        device_id,
        addresses=(*device.addresses, *addresses),
        macs=(*device.macs, *macs),
    )


def _identifiers(visitor: UnknownDevice) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return addresses and MAC addresses."""
    return ((), (visitor.mac,)) if visitor.mac else ((visitor.address,), ())


async def end_guests_of(request: web.Request, actor: Actor, visitor: UnknownDevice) -> None:
    """End guest access and request of an unknown device, which has an owner now: guest rules
    would go first."""
    macs = (visitor.mac,) if visitor.mac else ()
    await end_guests_at(request, actor, (visitor.address,), macs)


async def end_guests_at(
    request: web.Request, actor: Actor, addresses: Collection[str], macs: Collection[str]
) -> None:
    """End guest access, and requests for it, at these addresses and MAC addresses."""
    context = context_of(request)
    now = int(context.now())
    asked = await context.guests.requests(actor.household, now)
    answered = [e.address for e in asked if e.address in addresses or e.mac in macs]
    if answered:
        await context.guests.forget_requests(actor.household, answered)
    for each in await context.guests.of(actor.household, now):
        if each.address in addresses or each.mac in macs:
            await context.guests.end(actor.household, each.id, actor.name, now)
