"""Give an unknown device a name: as a new device, or as one that is known by something else.
Pure."""

from __future__ import annotations

from copdns.household.check import printable
from copdns.household.edit_checks import free_slug, require_profile
from copdns.household.edits import add_device, set_device
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.model.violations import no_such
from copdns.network.unknown_devices import UnknownDevice


def add_unknown_device(
    household: Household, visitor: UnknownDevice, profile_id: str, called: str
) -> Household:
    """Return the household with an unknown device as a person's; it is the last of `devices`.

    It is known by its MAC address, or by its address where no MAC address was seen.
    """
    require_profile(household, profile_id)
    called = printable(called)  # it may be the name that the device gave itself
    new = free_slug(called, (each.id for each in household.devices), "device")
    addresses, macs = _identifiers(visitor)
    return add_device(household, new, profile_id, addresses, called, macs)


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
