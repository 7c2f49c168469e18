"""Edits of a household about the tokens of its devices.  Pure.

A token is drawn by whoever makes it (`accounts/codes.py`); a household has its digest only.
"""

from __future__ import annotations

from dataclasses import replace

from copdns.household.edit_checks import validate
from copdns.model.device_tokens import MAX_TOKENS, short_token
from copdns.model.errors import HouseholdError
from copdns.model.household import Device, Household
from copdns.model.violations import no_such


def add_token(household: Household, device_id: str, digest: str) -> Household:
    """Let a device be recognised by one more token; HouseholdError for no such device or too many.

    digest: `model/device_tokens.py` makes it.
    """
    device = _find(household, device_id)
    if len(device.tokens) >= MAX_TOKENS:
        raise HouseholdError(
            "%(device)s has %(count)s tokens, which is the most; revoke one first",
            device=device_id,
            count=MAX_TOKENS,
        )
    return _with(household, replace(device, tokens=(*device.tokens, digest)))


def revoke_token(household: Household, device_id: str, token: str) -> Household:
    """Take a token from a device; HouseholdError where there is none.

    token: its short name, "" for all of the device.
    """
    device = _find(household, device_id)
    kept = tuple(each for each in device.tokens if token and short_token(each) != token)
    if kept == device.tokens:
        raise HouseholdError(no_such("token", token, map(short_token, device.tokens)))
    return _with(household, replace(device, tokens=kept))


def keep_tokens(restored: Household, here: Household) -> tuple[Household, tuple[str, ...]]:
    """Return a household of a backup with the tokens that devices have here, and the ids of devices
    of which one is left out.

    So none that was revoked since is right again, and none that was made since is wrong.  A device
    that was somebody else's then, or is not here any more, has none.
    """
    there = {(each.id, each.profile): each.tokens for each in here.devices}
    devices, revoked = [], []
    for each in restored.devices:
        tokens = there.get((each.id, each.profile), ())
        if not set(each.tokens) <= set(tokens):
            revoked.append(each.id)
        devices.append(replace(each, tokens=tokens))
    return replace(restored, devices=tuple(devices)), tuple(revoked)


def _find(household: Household, device_id: str) -> Device:
    for each in household.devices:
        if each.id == device_id:
            return each
    raise HouseholdError(no_such("device", device_id, (each.id for each in household.devices)))


def _with(household: Household, device: Device) -> Household:
    devices = tuple(device if each.id == device.id else each for each in household.devices)
    return validate(replace(household, devices=devices))
