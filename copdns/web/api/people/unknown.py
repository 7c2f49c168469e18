"""Unknown devices: name one, or ignore it."""

from __future__ import annotations

from functools import partial

from copdns.accounts.roles import Permission
from copdns.as_json.household import device_json, visitor_json
from copdns.model.errors import HouseholdError
from copdns.network.unknown_devices import UnknownDevice
from copdns.store.household_db.ignored_devices import IgnoredDevices
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.people.devices import DeviceShown
from copdns.web.api.types import Id, Moment, Text
from copdns.web.unknown_devices import (
    add_to_device,
    add_unknown_device,
    end_guests_of,
    unassigned_devices,
)


class VisitorShown(Given):
    """private: it made its MAC address up.  device: at the address of a known one, its id.
    ignored: the desk shows it no more."""

    id: str
    mac: str
    private: bool
    address: str
    name: str
    first: Moment
    last: Moment
    device: str
    ignored: bool


class VisitorNamed(Sent):
    """Whose it is, and what it is called; or which of the known devices it is."""

    profile: Id | None = None
    name: Text = ""
    device: Id | None = None


async def unknown(call: Call) -> object:
    """Return devices that nobody has assigned, the ignored ones among them."""
    ignored = await IgnoredDevices(call.context.thread).of(call.household.id)
    return [{**visitor_json(each), "ignored": each.id in ignored} for each in await visitors(call)]


async def visitors(call: Call) -> list[UnknownDevice]:
    """Return devices that were seen and that nobody has assigned."""
    return await unassigned_devices(call.context.folder, call.household)


async def name(call: Call) -> object:
    """Name an unknown device; its guest access ends."""
    wanted: VisitorNamed = call.body
    visitor = call.find("visitor", await visitors(call))
    if (wanted.profile is None) == (wanted.device is None):
        raise HouseholdError("say whose it is, by profile, or which one it is, by device")
    if wanted.profile is not None:
        called = wanted.name or visitor.name or visitor.id
        edit = partial(
            add_unknown_device, visitor=visitor, profile_id=wanted.profile, called=called
        )
        device = (await call.change(f"a device added for {wanted.profile}", edit)).devices[-1]
    else:
        edit = partial(add_to_device, visitor=visitor, device_id=wanted.device or "")
        after = await call.change(f"device {wanted.device} has a new MAC address", edit)
        device = next(each for each in after.devices if each.id == wanted.device)
    await end_guests_of(call.request, call.actor, visitor)
    return device_json(device)


async def ignore(call: Call) -> None:
    """Hide a device on the dashboard; the rules of guests still apply.  A second time is
    harmless."""
    there = await visitors(call)
    visitor = call.find("visitor", there)
    ids = [each.id for each in there]
    ignored = IgnoredDevices(call.context.thread)
    await ignored.add(call.household.id, visitor.id, ids, call.actor.name, call.now)


async def show(call: Call) -> None:
    """Show a device again; of one that is not ignored this changes nothing."""
    visitor = call.find("visitor", await visitors(call))
    ignored = IgnoredDevices(call.context.thread)
    await ignored.remove(call.household.id, visitor.id, call.actor.name, call.now)


_EDIT, _ONE = Permission.EDIT_DEVICES, "/unknown-devices/{visitor}"
OPERATIONS = (
    Operation(
        "GET",
        "/unknown-devices",
        Permission.SEE_PROFILES,
        "Devices that asked and that nobody named",
        unknown,
        list[VisitorShown],
    ),
    Operation(
        "POST",
        f"{_ONE}/name",
        _EDIT,
        "Say whose an unknown device is, or which one it is",
        name,
        DeviceShown,
        body=VisitorNamed,
        status=201,
    ),
    Operation(
        "PUT", f"{_ONE}/ignored", _EDIT, "Show an unknown device no more", ignore, status=204
    ),
    Operation("DELETE", f"{_ONE}/ignored", _EDIT, "Show an unknown device again", show, status=204),
)
