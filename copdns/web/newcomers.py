"""What becomes of an unknown device that gets a name: a device of its own, or one that is known
already by something else.  Pure."""

from __future__ import annotations

from copdns.household.check import printable
from copdns.household.edit_checks import free_slug, require_profile
from copdns.household.edits import add_device, set_device
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.model.violations import no_such
from copdns.network.unknown_devices import UnknownDevice


def named(household: Household, visitor: UnknownDevice, profile_id: str, called: str) -> Household:
    """Add an unknown device as somebody's; it is the last of devices.

    It is known by its MAC address, or by its address where no other was seen.
    """
    require_profile(household, profile_id)
    called = printable(
        called
    )  # where nobody typed another name, it is what the device calls itself
    new = free_slug(called, (each.id for each in household.devices), "device")
    addresses, macs = _known_by(visitor)
    return add_device(household, new, profile_id, addresses, called, macs)


def known_too(household: Household, visitor: UnknownDevice, device_id: str) -> Household:
    """Let a device be known by one more MAC address, or address where no other was seen."""
    device = next((each for each in household.devices if each.id == device_id), None)
    if device is None:
        there = [each.id for each in household.devices]
        raise HouseholdError(no_such("device", device_id, there))
    addresses, macs = _known_by(visitor)
    return set_device(
        household,
        device_id,
        addresses=(*device.addresses, *addresses),
        macs=(*device.macs, *macs),
    )


def _known_by(visitor: UnknownDevice) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return addresses and MAC addresses."""
    return ((), (visitor.mac,)) if visitor.mac else ((visitor.address,), ())
