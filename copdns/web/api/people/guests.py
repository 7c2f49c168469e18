"""Devices that are somebody's for a while, and requests to be let in."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from copdns.accounts.account import DAY, GuestKind
from copdns.accounts.roles import Permission
from copdns.as_json.pairings import guest_json, request_json
from copdns.model.errors import HouseholdError
from copdns.model.sentences import literal
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.people.unknown import visitors
from copdns.web.api.types import WHOLE, Address, Id, Moment

_A_DAY = DAY // 60  # minutes


class GuestShown(Given):
    """kind: guest where a guardian let it in, person where somebody typed a PIN.  profile: "" for
    the rules of guests."""

    id: str
    kind: GuestKind
    address: str
    mac: str
    profile: str
    author: str
    at: Moment
    until: Moment


class RequestShown(Given):
    """A device whose user asks to be let in.  at: when."""

    address: str
    mac: str
    at: Moment


class GuestWanted(Sent):
    """address: of a device that asks to be let in, or of an unknown one.  profile: as whom; the
    rules of guests where nothing is said."""

    address: Address
    profile: Id | None = None
    minutes: Annotated[int, Field(ge=1, le=_A_DAY), WHOLE] = _A_DAY


class RefusalSent(Sent):
    """Which device is not let in."""

    address: Address


async def guests(call: Call) -> object:
    """Return the guests whose time is not over, the oldest first."""
    found = await call.context.guests.of(call.household.id, call.now)
    return [guest_json(each) for each in found]


async def requests(call: Call) -> object:
    """Return who asks to be a guest now."""
    found = await call.context.guests.requests(call.household.id, call.now)
    return [request_json(each) for each in found]


async def let_in(call: Call) -> object:
    """Let a device in.  This replaces earlier guest access of the address."""
    wanted: GuestWanted = call.body
    guest = await call.context.guests.approve(
        call.household.id,
        GuestKind.GUEST,
        wanted.address,
        wanted.profile or "",
        call.actor.name,
        call.now,
        lasts=wanted.minutes * 60,
        mac=await _mac_at(call, wanted.address),
    )
    return guest_json(guest)


async def _mac_at(call: Call, address: str) -> str:
    """Return the MAC address that was seen with an address that may be let in; raise
    HouseholdError."""
    asking = await call.context.guests.requests(call.household.id, call.now)
    mac_by_address = {each.address: each.mac for each in await visitors(call)}
    mac_by_address |= {each.address: each.mac for each in asking}
    if address not in mac_by_address:
        raise HouseholdError(
            literal(f"no unknown device was seen at {address}, and none asks from there")
        )
    return mac_by_address[address]


async def refuse(call: Call) -> None:
    """Refuse a request; the rules of guests still apply.  Without a request this changes
    nothing."""
    wanted: RefusalSent = call.body
    await call.context.guests.refuse(call.household.id, wanted.address, call.actor.name, call.now)


async def end(call: Call) -> None:
    """End a guest's time now; raise Refused (404) where it is over."""
    store = call.context.guests
    found = call.find("guest", await store.of(call.household.id, call.now))
    await store.end(call.household.id, found.id, call.actor.name, call.now)


_SEE, _EDIT = Permission.SEE_PROFILES, Permission.EDIT_DEVICES
OPERATIONS = (
    Operation(
        "GET", "/guests", _SEE, "Devices that are somebody's for a while", guests, list[GuestShown]
    ),
    Operation(
        "POST",
        "/guests",
        _EDIT,
        "Let a device in, for a day at most",
        let_in,
        GuestShown,
        body=GuestWanted,
        status=201,
    ),
    Operation("DELETE", "/guests/{guest}", _EDIT, "End a guest's time", end, status=204),
    Operation(
        "GET",
        "/guest-requests",
        _SEE,
        "Devices whose users ask to be let in",
        requests,
        list[RequestShown],
    ),
    Operation(
        "POST",
        "/guest-requests/refuse",
        _EDIT,
        "Do not let a device in that asks",
        refuse,
        body=RefusalSent,
        status=204,
    ),
)
