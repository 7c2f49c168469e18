"""Paired browsers of devices, and PINs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from copdns.accounts.roles import Permission
from copdns.as_json.pairings import pairing_json
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import Moment


class PairingShown(Given):
    """used: exact to a day."""

    id: str
    device: str
    profile: str
    made: Moment
    used: Moment


class PinShown(Given):
    """profile: of somebody who has a PIN, which is kept as a digest and never shown."""

    profile: str


class PinSent(Sent):
    """Four to eight digits that are not the first to be guessed."""

    pin: Annotated[str, Field(min_length=1, max_length=60)]


async def pairings(call: Call) -> object:
    """Return all pairings of the household, without their cookies."""
    return [pairing_json(each) for each in await call.context.pairings.of(call.household.id)]


async def revoke(call: Call) -> None:
    """End a pairing: that browser shows rules and help, and lets somebody ask; nothing that is
    recorded."""
    store = call.context.pairings
    found = call.find("pairing", await store.of(call.household.id))
    await store.revoke(call.household.id, found.id, call.actor.name, call.now)


async def let_in(call: Call) -> None:
    """Pair the next browser of a device within an hour, counted from the last call."""
    device = call.find("device", call.household.devices)
    await call.context.pairings.let_another_in(
        call.household.id, device.id, call.actor.name, call.now
    )


async def pins(call: Call) -> object:
    """Return who has a PIN, and never the PIN."""
    people = await call.context.pins.people(call.household.id)
    return [{"profile": each} for each in sorted(people)]


async def set_pin(call: Call) -> None:
    """Set a PIN; the earlier one is no longer valid."""
    wanted: PinSent = call.body
    await call.context.logins.set_pin(
        call.household.id, call.person.id, wanted.pin, call.actor.name, call.now
    )


async def remove_pin(call: Call) -> None:
    """Remove a PIN; without one this changes nothing."""
    if call.person.id in await call.context.pins.people(call.household.id):
        await call.context.pins.set(
            call.household.id, call.person.id, "", call.actor.name, call.now
        )


_SEE, _EDIT = Permission.SEE_PROFILES, Permission.EDIT_DEVICES
OPERATIONS = (
    Operation(
        "GET",
        "/pairings",
        _SEE,
        "Browsers that devices are known by",
        pairings,
        list[PairingShown],
    ),
    Operation("DELETE", "/pairings/{pairing}", _EDIT, "End a pairing", revoke, status=204),
    Operation(
        "POST",
        "/devices/{device}/pairing",
        _EDIT,
        "Let another browser of a device be known, within an hour",
        let_in,
        status=204,
    ),
    Operation("GET", "/pins", _SEE, "Who has a PIN", pins, list[PinShown]),
    Operation(
        "PUT",
        "/profiles/{profile}/pin",
        _EDIT,
        "Set the PIN of a person",
        set_pin,
        body=PinSent,
        status=204,
    ),
    Operation(
        "DELETE",
        "/profiles/{profile}/pin",
        _EDIT,
        "Take the PIN of a person away",
        remove_pin,
        status=204,
    ),
)
