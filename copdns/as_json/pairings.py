"""What tells a person beside a device: guests, who asks to be one, and pairings, as JSON objects.
Never a secret."""

from __future__ import annotations

from copdns.accounts.account import Guest, GuestRequest, Pairing
from copdns.as_json.plain import utc


def guest_json(each: Guest) -> dict[str, object]:
    """Return a guest; profile: "" for the rules of guests."""
    return {
        "id": each.id,
        "kind": each.kind,
        "address": each.address,
        "mac": each.mac,
        "profile": each.profile,
        "author": each.author,
        "at": utc(each.at),
        "until": utc(each.until),
    }


def request_json(each: GuestRequest) -> dict[str, object]:
    """Return a wish to be a guest.  mac: "" where unknown."""
    return {"address": each.address, "mac": each.mac, "at": utc(each.at)}


def pairing_json(each: Pairing) -> dict[str, object]:
    """Return a pairing, without its cookie.  used: null where it never was; times in UTC."""
    return {
        "id": each.id,
        "device": each.device,
        "profile": each.profile,
        "made": utc(each.made),
        "used": utc(each.used),
    }
