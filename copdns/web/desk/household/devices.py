"""Devices: whose they are, how they are told, which browsers are known, and one more by hand; and
those that nobody named: name one, let it in as a guest for a day, or ignore it."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from copdns.accounts.account import GuestKind
from copdns.accounts.roles import Actor, Permission, may
from copdns.household.check import printable
from copdns.household.edit_checks import require_profile
from copdns.household.edits import add_device, remove_device, set_device
from copdns.model.addresses import is_private_mac
from copdns.model.errors import HouseholdError
from copdns.model.household import Device, Household
from copdns.network.unknown_devices import UnknownDevice
from copdns.store.household_db.ignored import Ignored
from copdns.store.log_db.unknown_devices import load_visitors
from copdns.web.context import context_of
from copdns.web.received import fields_of
from copdns.web.session import require
from copdns.web.unknown_devices import end_guests, end_guests_at, known_in, written_in

HERE = "/guardian/devices"
LONGEST_NAME = 60

Fields = Mapping[str, Any]


async def devices(request: web.Request) -> web.Response:
    """All of them, and who waits to be let in."""
    actor, parts = await require(request, Permission.SEE_PROFILES), context_of(request)
    now = int(parts.now())
    household = await _stored(request, actor)
    ignored = await Ignored(parts.thread).of(household.id)
    visitors = await _visitors(request, household)
    return parts.pages.render(
        request,
        "desk/devices.html",
        actor=actor,
        may_edit=may(actor, Permission.EDIT_DEVICES),
        household=household,
        people={each.id: each.name for each in household.profiles},
        pairings=_by_device(await parts.pairings.of(household.id)),
        requests=await parts.guests.asking(household.id, now),
        unknown=[each for each in visitors if each.id not in ignored],
        ignored=[each for each in visitors if each.id in ignored],
        guests=await parts.guests.of(household.id, now),
        pins=await parts.pins.people(household.id),
        private={each.id for each in household.devices if any(map(is_private_mac, each.macs))},
        now=now,
        zone=household.timezone,
    )


# --- those that have a name -----------------------------------------------------------------------


async def add(request: web.Request) -> web.Response:
    """Add a device by what it is known by, whether it was seen or not."""
    actor, fields = await _editor(request), await fields_of(request)
    known, profile = known_in(str(fields.get("known", ""))), _text(fields, "profile")
    edit = partial(written_in, name=_text(fields, "name"), profile=profile, known=known)
    await _change(request, actor, edit, f"a device added for {profile}")
    await end_guests_at(request, actor, *known)
    raise web.HTTPSeeOther(HERE)


async def change(request: web.Request) -> web.Response:
    """Give a device another name, another owner, or other addresses."""
    actor, fields = await _editor(request), await fields_of(request)
    device = request.match_info["device"]
    values = {"name": _text(fields, "name"), "profile": _text(fields, "profile")}
    given: dict[str, Any] = {key: value for key, value in values.items() if value}
    if "known" in fields:
        given |= known_in(str(fields["known"]))._asdict()
    edit = partial(set_device, device_id=device, **given)
    await _change(request, actor, edit, f"device {device} changed{_whose(given)}")
    raise web.HTTPSeeOther(HERE)


async def remove(request: web.Request) -> web.Response:
    """Forget a device, which counts as unknown then."""
    actor, device = await _editor(request), request.match_info["device"]
    edit = partial(remove_device, device_id=device)
    await _change(request, actor, edit, f"device {device} removed")
    raise web.HTTPSeeOther(HERE)


async def let_in(request: web.Request) -> web.Response:
    """Let the next browser that comes from a device within an hour be known as its own."""
    actor, parts = await _editor(request), context_of(request)
    device = request.match_info["device"]
    now = int(parts.now())
    await parts.pairings.let_another_in(actor.household, device, actor.name, now)
    raise web.HTTPSeeOther(HERE)


async def revoke(request: web.Request) -> web.Response:
    """End a pairing: that browser sees rules, help and "ask" only, from now on."""
    actor, parts = await _editor(request), context_of(request)
    pairing, now = request.match_info["pairing"], int(parts.now())
    if any(each.id == pairing for each in await parts.pairings.of(actor.household)):
        await parts.pairings.revoke(actor.household, pairing, actor.name, now)
    raise web.HTTPSeeOther(HERE)


async def set_pin(request: web.Request) -> web.Response:
    """Set or take away the PIN by which somebody says on a shared device who it is."""
    actor, parts = await _editor(request), context_of(request)
    profile, fields = request.match_info["profile"], await fields_of(request)
    now = int(parts.now())
    if "remove" in fields:
        await parts.pins.set(actor.household, profile, "", actor.name, now)
    else:
        pin = _text(fields, "pin")
        await parts.logins.set_pin(actor.household, profile, pin, actor.name, now)
    raise web.HTTPSeeOther(HERE)


# --- those that nobody named ----------------------------------------------------------------------


async def name(request: web.Request) -> web.Response:
    """Make an unknown device somebody's, or say that it is one of those that have a name."""
    actor, fields = await _editor(request), await fields_of(request)
    visitor = await _visitor(request, actor)
    device, profile = _text(fields, "device"), _text(fields, "profile")
    if device:
        edit = partial(_with_mac, device_id=device, visitor=visitor)
        await _change(request, actor, edit, f"device {device} has a new MAC address")
    else:
        called = _text(fields, "name") or visitor.name or visitor.id
        edit = partial(_named, profile_id=profile, called=called, visitor=visitor)
        await _change(request, actor, edit, f"a device added for {profile}")
    await end_guests(request, actor, visitor)
    raise web.HTTPSeeOther(HERE)


async def guest(request: web.Request) -> web.Response:
    """Let an unknown device in for a day, as a guest or as somebody; or take it off those that
    ask.  `visitor` is an address here where it asked itself."""
    actor, parts = await _editor(request), context_of(request)
    fields, now = await fields_of(request), int(parts.now())
    address, mac = await _address(request, actor)
    if "refuse" in fields:
        await parts.guests.refuse(actor.household, address, actor.name, now)
        raise web.HTTPSeeOther(HERE)
    await parts.guests.approve(
        actor.household,
        GuestKind.GUEST,
        address,
        _text(fields, "profile"),
        actor.name,
        now,
        mac=mac,
    )
    raise web.HTTPSeeOther(HERE)


async def end_guest(request: web.Request) -> web.Response:
    """End a guest's time."""
    actor, parts = await _editor(request), context_of(request)
    guest, now = request.match_info["guest"], int(parts.now())
    if any(each.id == guest for each in await parts.guests.of(actor.household, now)):
        await parts.guests.end(actor.household, guest, actor.name, now)
    raise web.HTTPSeeOther(HERE)


async def ignore(request: web.Request) -> web.Response:
    """Show an unknown device no more; it keeps the rules of guests."""
    actor, parts = await _editor(request), context_of(request)
    visitor = await _visitor(request, actor)
    there = [each.id for each in await asyncio.to_thread(load_visitors, parts.folder)]
    await Ignored(parts.thread).add(
        actor.household, visitor.id, there, actor.name, int(parts.now())
    )
    raise web.HTTPSeeOther(HERE)


async def show(request: web.Request) -> web.Response:
    """Show an unknown device again."""
    actor, parts = await _editor(request), context_of(request)
    visitor, now = request.match_info["visitor"], int(parts.now())
    await Ignored(parts.thread).remove(actor.household, visitor, actor.name, now)
    raise web.HTTPSeeOther(HERE)


# --- what they share ------------------------------------------------------------------------------


async def _editor(request: web.Request) -> Actor:
    return await require(request, Permission.EDIT_DEVICES)


async def _stored(request: web.Request, actor: Actor) -> Household:
    """Return the household as it is stored: what was just changed is in it."""
    household = await context_of(request).store.household(actor.household)
    if household is None:
        raise web.HTTPNotFound
    return household


async def _change(request: web.Request, actor: Actor, edit: Any, what: str) -> None:
    parts = context_of(request)
    await parts.store.change(
        actor.household, edit, author=actor.name, what=what, now=int(parts.now())
    )


async def _visitors(request: web.Request, household: Household) -> list[UnknownDevice]:
    """Return the unknown devices of a household that nobody named since."""
    found = await asyncio.to_thread(load_visitors, context_of(request).folder)
    named = {text for each in household.devices for text in (*each.macs, *each.addresses)}
    return [
        each
        for each in found
        if each.household == household.id and (each.mac or each.address) not in named
    ]


async def _visitor(request: web.Request, actor: Actor) -> UnknownDevice:
    """Return the unknown device that is meant; raise HTTPNotFound."""
    household = await _stored(request, actor)
    wanted = request.match_info["visitor"]
    found = (each for each in await _visitors(request, household) if each.id == wanted)
    visitor = next(found, None)
    if visitor is None:
        raise web.HTTPNotFound(reason="This device is no longer unassigned")
    return visitor


async def _address(request: web.Request, actor: Actor) -> tuple[str, str]:
    """Return address and MAC address of a device that asks to be let in, or of an unknown one."""
    parts, wanted = context_of(request), request.match_info["visitor"]
    for each in await parts.guests.asking(actor.household, int(parts.now())):
        if each.address == wanted:
            return each.address, each.mac
    visitor = await _visitor(request, actor)
    return visitor.address, visitor.mac


def _named(household: Household, profile_id: str, called: str, visitor: UnknownDevice) -> Household:
    require_profile(household, profile_id)
    called = printable(
        called
    )  # where nobody typed another name, it is what the device calls itself
    return add_device(
        household,
        free_device_id(called, household.devices),
        profile_id,
        () if visitor.mac else (visitor.address,),
        called,
        (visitor.mac,) if visitor.mac else (),
    )


def _with_mac(household: Household, device_id: str, visitor: UnknownDevice) -> Household:
    """Let a device be known by one more MAC address, or address where none was seen."""
    device = next((each for each in household.devices if each.id == device_id), None)
    if device is None:
        raise HouseholdError("this device no longer exists; choose another")
    if visitor.mac:
        return set_device(household, device_id, macs=(*device.macs, visitor.mac))
    return set_device(household, device_id, addresses=(*device.addresses, visitor.address))


def free_device_id(called: str, devices: Iterable[Device]) -> str:
    """Return an id for a device that people call so, which none of the others has."""
    plain = unicodedata.normalize("NFKD", called.casefold()).encode("ascii", "ignore").decode()
    word = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:32].strip("-") or "device"
    taken, found, number = {each.id for each in devices}, word, 1
    while found in taken:
        number += 1
        found = f"{word}-{number}"
    return found


def _by_device(pairings: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for each in pairings:
        found.setdefault(each.device, []).append(each)
    return found


def _text(fields: Fields, key: str) -> str:
    return str(fields.get(key, "")).strip()[:LONGEST_NAME]


def _whose(given: Mapping[str, str]) -> str:
    return f": now {given['profile']}'s" if "profile" in given else ""
