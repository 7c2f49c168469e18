"""Tokens by which devices are recognised wherever they are."""

from __future__ import annotations

from functools import partial

from copdns.accounts.codes import make_device_token
from copdns.accounts.roles import Permission
from copdns.as_json.device_tokens import new_token_json
from copdns.household.token_edits import add_token, revoke_token
from copdns.model.device_tokens import short_token, token_digest
from copdns.web.api.operation import Call, Given, Operation
from copdns.web.problem import Refused


class DeviceTokenMade(Given):
    """token: its short name.  secret: what the device shows, told this once.  tls_name,
    https_address: what to enter on the device; null where the settings have no name or port."""

    device: str
    token: str
    secret: str
    tls_name: str | None
    https_address: str | None


async def make(call: Call) -> object:
    """Make one more token for a device; raise HouseholdError where it has too many."""
    device, made = call.find("device", call.household.devices), make_device_token()
    edit = partial(add_token, device_id=device.id, digest=token_digest(made))
    await call.change(f"device {device.id}: token added", edit)
    chosen = call.context.settings().for_devices.encrypted
    named_port = chosen.tls_port or chosen.quic_port
    return new_token_json(device.id, made, chosen.name, named_port, chosen.https_port)


async def revoke(call: Call) -> None:
    """Revoke a token: within a second it is a wrong one, and its connections end."""
    device, token = call.find("device", call.household.devices), call.part("token")
    if token not in map(short_token, device.tokens):
        raise Refused(404, "There is no such token")
    edit = partial(revoke_token, device_id=device.id, token=token)
    await call.change(f"device {device.id}: token revoked", edit)


_EDIT = Permission.EDIT_DEVICES
OPERATIONS = (
    Operation(
        "POST",
        "/devices/{device}/tokens",
        _EDIT,
        "Make a token by which a device is recognised anywhere",
        make,
        DeviceTokenMade,
        status=201,
        step_up=True,
    ),
    Operation(
        "DELETE",
        "/devices/{device}/tokens/{token}",
        _EDIT,
        "Revoke a token of a device",
        revoke,
        status=204,
    ),
)
