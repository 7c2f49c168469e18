"""Tokens of devices as JSON: the secret itself once, when it was made.  Pure."""

from __future__ import annotations

from copdns.model.device_tokens import https_address, short_token, tls_name, token_digest
from copdns.model.household import Device


def device_token_json(device: Device, token: str) -> dict[str, object]:
    """Return a token of a device.  token: its short name."""
    return {"device": device.id, "token": token, "profile": device.profile}


def new_token_json(
    device: str, token: str, name: str, named_port: int, https_port: int
) -> dict[str, object]:
    """Return a token that was made now.

    name, https_port: of the settings `encrypted`; named_port: over TLS or QUIC, where the token
    stands in a name.  secret: the token.  tls_name, https_address: what the device is told; None
    where there is no name, or no port for it.
    """
    return {
        "device": device,
        "token": short_token(token_digest(token)),
        "secret": token,
        "tls_name": tls_name(name, token) if name and named_port else None,
        "https_address": https_address(name, https_port, token) if name and https_port else None,
    }
