"""Devices that are somebody's for a while, and those whose users ask to be let in."""

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
from copdns.web.problem import Refused

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
    address: Address


async def guests(call: Call) -> object:
    found = await call.parts.guests.of(call.household.id, call.now)
    return [guest_json(each) for each in found]


async def requests(call: Call) -> object:
    found = await call.parts.guests.asking(call.household.id, call.now)
    return [request_json(each) for each in found]


async def let_in(call: Call) -> object:
    """What was said of the address before is over, so twice is once, from now on."""
    wanted: GuestWanted = call.body
    made = await call.parts.guests.approve(
        call.household.id,
        GuestKind.GUEST,
        wanted.address,
        wanted.profile or "",
        call.actor.name,
        call.now,
        lasts=wanted.minutes * 60,
        mac=await _mac(call, wanted.address),
    )
    return guest_json(made)


async def _mac(call: Call, address: str) -> str:
    """Return the MAC address that was seen with one that may be let in; raise HouseholdError."""
    asking = await call.parts.guests.asking(call.household.id, call.now)
    there = {each.address: each.mac for each in await visitors(call)}
    there |= {each.address: each.mac for each in asking}
    if address not in there:
        raise HouseholdError(
            literal(f"no unknown device was seen at {address}, and none asks from there")
        )
    return there[address]


async def refuse(call: Call) -> None:
    """It keeps the rules of guests.  Where none asks this changes nothing."""
    wanted: RefusalSent = call.body
    await call.parts.guests.refuse(call.household.id, wanted.address, call.actor.name, call.now)


async def end(call: Call) -> None:
    there = await call.parts.guests.of(call.household.id, call.now)
    if all(each.id != call.part("guest") for each in there):
        raise Refused(404, "There is no such guest")
    await call.parts.guests.end(call.household.id, call.part("guest"), call.actor.name, call.now)


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
