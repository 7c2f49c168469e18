"""Devices and their owners, recognised by MAC address or address."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from copdns.accounts.roles import Permission, may
from copdns.as_json.household import device_json
from copdns.as_json.times import filter_break_json
from copdns.household.edits import add_device, remove_device, set_device
from copdns.household.time_edits import (
    begin_filter_break,
    end_filter_break,
    filter_break_end_line,
    filter_break_line,
)
from copdns.model.household import Device, DeviceKind
from copdns.web.api.operation import Call, Given, Operation, Sent, sent_values
from copdns.web.api.types import Address, Id, Moment, Text
from copdns.web.problem import Refused

_Addresses = Annotated[tuple[Address, ...], Field(max_length=50)]


class DeviceShown(Given):
    """A device as it is stored."""

    id: str
    name: str
    profile: str
    addresses: list[str]
    macs: list[str]
    kind: DeviceKind
    tokens: list[str]


class DeviceWanted(Sent):
    """Known by MAC addresses, or by addresses or networks.  kind: of one without a browser, its
    person's page tells what is closed there."""

    id: Id
    profile: Id
    name: Text = ""
    addresses: _Addresses = ()
    macs: _Addresses = ()
    kind: DeviceKind = DeviceKind.OTHER


class DeviceSet(Sent):
    """What is left out stays.  A list takes the place of the old one."""

    profile: Id | None = None
    name: Text | None = None
    addresses: _Addresses | None = None
    macs: _Addresses | None = None
    kind: DeviceKind | None = None


async def devices(call: Call) -> object:
    """Return all devices of the household; unknown ones have an operation of their own."""
    return [device_json(each) for each in call.household.devices]


async def add(call: Call) -> object:
    """Add a device to a profile; raise HouseholdError for a taken id or no such profile."""
    wanted: DeviceWanted = call.body
    edit = partial(
        add_device,
        device_id=wanted.id,
        profile_id=wanted.profile,
        addresses=wanted.addresses,
        name=wanted.name,
        macs=wanted.macs,
        kind=wanted.kind,
        needs_address=not call.context.is_shared,
    )
    after = await call.change(f"device {wanted.id} added for {wanted.profile}", edit)
    return device_json(after.devices[-1])


async def change(call: Call) -> object:
    """Set what is sent, and leave the rest; raise Refused (404) or HouseholdError."""
    wanted: DeviceSet = call.body
    device = call.find("device", call.household.devices)
    values = sent_values(wanted)
    edit = partial(set_device, device_id=device.id, **values)
    after = await call.change(f"device {device.id} changed", edit)
    return device_json(call.find("device", after.devices))


async def remove(call: Call) -> object:
    """Remove a device; it counts as unknown then."""
    device = call.find("device", call.household.devices)
    await call.change(f"device {device.id} removed", partial(remove_device, device_id=device.id))
    return None


class FilterBreakShown(Given):
    """A device opens everything but what is dangerous, from `start` to `end`."""

    device: str
    profile: str
    start: Moment
    end: Moment
    author: str


async def begin_break(call: Call) -> object:
    """Open everything but what is dangerous on a device for ten minutes; raise Refused (403)."""
    device = _tried_device(call)
    edit = partial(begin_filter_break, device_id=device.id, now=call.now, author=call.actor.name)
    after = await call.change(filter_break_line(call.household, device.id, call.now), edit)
    (made,) = [each for each in after.filter_breaks if each.device == device.id]
    return filter_break_json(made)


async def end_break(call: Call) -> object:
    """End that; where it is over this changes nothing."""
    device = _tried_device(call)
    edit = partial(end_filter_break, device_id=device.id)
    await call.change(filter_break_end_line(device.id), edit)
    return None


def _tried_device(call: Call) -> Device:
    """Return the device in the path; raise Refused where it is nobody's, or not the actor's to
    try."""
    device = call.find("device", call.household.devices)
    person = call.profile_of(device.profile)
    if not may(call.actor, Permission.GIVE_TIME, person):
        raise Refused(403, "You may not do this")
    return device


_EDIT = Permission.EDIT_DEVICES
OPERATIONS = (
    Operation(
        "GET", "/devices", Permission.SEE_PROFILES, "All devices", devices, list[DeviceShown]
    ),
    Operation(
        "POST",
        "/devices",
        _EDIT,
        "Say whose a device is",
        add,
        DeviceShown,
        body=DeviceWanted,
        status=201,
    ),
    Operation(
        "PATCH",
        "/devices/{device}",
        _EDIT,
        "Change what a device is known by, or whose it is",
        change,
        DeviceShown,
        body=DeviceSet,
    ),
    Operation("DELETE", "/devices/{device}", _EDIT, "Remove a device", remove, status=204),
    Operation(
        "PUT",
        "/devices/{device}/filter-break",
        Permission.GIVE_TIME,
        "Open everything but what is dangerous on a device for ten minutes",
        begin_break,
        FilterBreakShown,
    ),
    Operation(
        "DELETE",
        "/devices/{device}/filter-break",
        Permission.GIVE_TIME,
        "End that before its time",
        end_break,
        status=204,
    ),
)
