"""Devices: their owners, how they are recognised, and their browsers; unknown devices: name one,
let it in as a guest for a day, or ignore it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from copdns.accounts.account import GuestKind
from copdns.accounts.roles import Actor, Permission, may
from copdns.household.check import printable
from copdns.household.edits import remove_device, set_device
from copdns.model.addresses import KnownBy, is_private_mac
from copdns.model.device_tokens import short_token
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.model.sentences import sentence
from copdns.network.device_labels import with_labels
from copdns.network.unknown_devices import UnknownDevice
from copdns.store.household_db.ignored_devices import IgnoredDevices
from copdns.store.log_db.unknown_devices import load_unknown_devices
from copdns.web.browser_input import fields_of
from copdns.web.confirmation import require_sure
from copdns.web.context import context_of
from copdns.web.desk.change import change_household, say_done
from copdns.web.desk.page import household_in_force, stored_household
from copdns.web.languages import phrases_in
from copdns.web.pages import language_of
from copdns.web.session import require
from copdns.web.unknown_devices import (
    add_to_device,
    add_typed_device,
    add_unknown_device,
    device_in_hand,
    end_guests_at,
    end_guests_of,
    known_by_mac,
    makers_of,
    parse_kind,
    parse_known_by,
    unassigned_devices,
)

HERE = "/guardian/devices"
MAX_NAME = 60

Fields = Mapping[str, Any]


async def devices(request: web.Request) -> web.Response:
    """Show all devices, and who asks to be let in."""
    actor, context = await require(request, Permission.SEE_PROFILES), context_of(request)
    now = int(context.now())
    household = await stored_household(request, actor)
    ignored = await IgnoredDevices(context.thread).of(household.id)
    unassigned = await unassigned_devices(context_of(request).folder, household)
    visitors = await asyncio.to_thread(with_labels, unassigned, context.settings())
    return context.pages.render(
        request,
        "desk/devices.html",
        actor=actor,
        may_edit=may(actor, Permission.EDIT_DEVICES),
        household=household,
        people={each.id: each.name for each in household.profiles},
        pairings=_by_device(await context.pairings.of(household.id)),
        requests=await context.guests.requests(household.id, now),
        unknown=[each for each in visitors if each.id not in ignored],
        makers=await makers_of(visitors),
        in_hand=device_in_hand(request, visitors),
        wanted=request.query.get("device", ""),
        ignored=[each for each in visitors if each.id in ignored],
        guests=await context.guests.of(household.id, now),
        pins=await context.pins.people(household.id),
        private={each.id for each in household.devices if any(map(is_private_mac, each.macs))},
        is_private_mac=is_private_mac,
        moves=[
            each
            for each in await context.claims.all_moves(household.id)
            if each.to and each.is_open(now)
        ],
        short_token=short_token,
        told_apart=context.count_told_apart(household),
        heard_apart=await context.find_heard(household),
        has_macs_told=context.has_macs_told,
        offers_tokens=context.offers_tokens,
        now=now,
        zone=household.timezone,
    )


# --- those that have a name -----------------------------------------------------------------------


async def add(request: web.Request) -> web.Response:
    """Add a device by its addresses, whether it was seen or not."""
    actor, fields = await _require_editor(request), await fields_of(request)
    is_shared, profile = context_of(request).is_shared, _text(fields, "profile")
    known = parse_known_by(str(fields.get("known", "")), may_be_blank=is_shared)
    kind = parse_kind(_text(fields, "kind"))
    known = await known_by_mac(request, actor.household, known)
    edit = partial(
        add_typed_device,
        name=_text(fields, "name"),
        profile=profile,
        known=known,
        kind=kind,
        needs_address=not is_shared,
    )
    await _change(request, actor, edit, f"a device added for {profile}")
    await end_guests_at(request, actor, *known)
    raise web.HTTPSeeOther(HERE)


async def change(request: web.Request) -> web.Response:
    """Change the name, the owner or the addresses of a device."""
    actor, fields = await _require_editor(request), await fields_of(request)
    device = request.match_info["device"]
    values = {"name": _text(fields, "name"), "profile": _text(fields, "profile")}
    changes: dict[str, Any] = {key: value for key, value in values.items() if value}
    if "kind" in fields:
        changes["kind"] = parse_kind(_text(fields, "kind"))
    if "known" in fields:
        may_be_blank = context_of(request).is_shared
        known = parse_known_by(str(fields["known"]), may_be_blank=may_be_blank)
        changes |= known._asdict()
    edit = partial(set_device, device_id=device, **changes)
    await _change(request, actor, edit, f"device {device} changed{_owner_note(changes)}")
    raise web.HTTPSeeOther(HERE)


async def remove(request: web.Request) -> web.Response:
    """Remove a device; it counts as unknown then."""
    actor, device = await _require_editor(request), request.match_info["device"]
    edit = partial(remove_device, device_id=device)
    await _change(request, actor, edit, f"device {device} removed")
    raise web.HTTPSeeOther(HERE)


async def let_in(request: web.Request) -> web.Response:
    """Pair the next browser that opens the child's page on this device within an hour."""
    actor, context = await _require_editor(request), context_of(request)
    device = request.match_info["device"]
    now = int(context.now())
    await context.pairings.let_another_in(actor.household, device, actor.name, now)
    done = sentence(
        "the next browser that opens the child's page on this device within an hour is linked"
    )
    say_done(request, actor, done)
    raise web.HTTPSeeOther(HERE)


async def revoke(request: web.Request) -> web.Response:
    """End a pairing: that browser shows rules and help, and lets somebody ask; nothing that is
    recorded."""
    actor, context = await _require_editor(request), context_of(request)
    pairing, now = request.match_info["pairing"], int(context.now())
    linked = await context.pairings.of(actor.household)
    if found := next((each for each in linked if each.id == pairing), None):
        house = household_in_force(request, actor)
        person = house.profile(found.profile)
        names = {each.id: each.name for each in house.devices if each.name}
        question = sentence(
            "stop showing %(name)s's page in the browser on %(device)s that was added on %(day)s? "
            "It will still show the rules and helplines, but nothing that is recorded about "
            "%(name)s, until someone taps “This is my device” there again",
            name=person.name if person else found.profile,
            device=names.get(found.device, found.device),
            day=phrases_in(language_of(request)).moment(found.made, house.timezone),
        )
        await require_sure(request, question)
        await context.pairings.revoke(actor.household, pairing, actor.name, now)
        say_done(request, actor, sentence("that browser is not linked any more"))
    raise web.HTTPSeeOther(HERE)


async def set_pin(request: web.Request) -> web.Response:
    """Set or remove the PIN by which a person says on a shared device who they are."""
    actor, context = await _require_editor(request), context_of(request)
    profile, fields = request.match_info["profile"], await fields_of(request)
    now = int(context.now())
    if "remove" in fields:
        if profile in await context.pins.people(actor.household):
            await require_sure(
                request, sentence("remove this PIN? The person needs a new one then")
            )
        await context.pins.set(actor.household, profile, "", actor.name, now)
        say_done(request, actor, sentence("there is no PIN any more; the old one does not work"))
    else:
        pin = _text(fields, "pin")
        await context.logins.set_pin(actor.household, profile, pin, actor.name, now)
        say_done(request, actor, sentence("the new PIN works now, and no other one does"))
    raise web.HTTPSeeOther(HERE)


# --- those that nobody named ----------------------------------------------------------------------


async def name(request: web.Request) -> web.Response:
    """Give an unknown device an owner, or say which of the known devices it is."""
    actor, fields = await _require_editor(request), await fields_of(request)
    visitor = await _require_visitor(request, actor)
    device, profile = _text(fields, "device"), _text(fields, "profile")
    if device:
        edit = partial(_add_to_device, device_id=device, visitor=visitor)
        await _change(request, actor, edit, f"device {device} has a new MAC address")
    else:
        called = _text(fields, "name") or visitor.name or visitor.id
        kind = parse_kind(_text(fields, "kind"))
        edit = partial(
            add_unknown_device, profile_id=profile, called=called, visitor=visitor, kind=kind
        )
        await _change(request, actor, edit, f"a device added for {profile}")
    await end_guests_of(request, actor, visitor)
    raise web.HTTPSeeOther(HERE)


async def guest(request: web.Request) -> web.Response:
    """Make an unknown device a person's from now on; or let it in for a day, as a guest or as a
    person; or refuse it.  `visitor` in the path is the address of a device that asks itself."""
    actor, context = await _require_editor(request), context_of(request)
    fields, now = await fields_of(request), int(context.now())
    address, mac = await _address_and_mac(request, actor)
    if owner := _text(fields, "owner"):
        await _give(request, actor, owner, (address, mac))
        raise web.HTTPSeeOther(HERE)
    if "refuse" in fields:
        question = sentence("refuse this device? Anyone who uses it has to ask again")
        await require_sure(request, question)
        await context.guests.refuse(actor.household, address, actor.name, now)
        say_done(request, actor, sentence("the device stays a guest, and guest rules apply to it"))
        raise web.HTTPSeeOther(HERE)
    profile = _text(fields, "profile")
    await context.guests.approve(
        actor.household, GuestKind.GUEST, address, profile, actor.name, now, mac=mac
    )
    person = household_in_force(request, actor).profile(profile)
    say_done(
        request,
        actor,
        sentence("the device can be used for a day, and after that guest rules apply")
        if person is None
        else sentence(
            "%(name)s's rules apply to the device for a day, and after that guest rules",
            name=person.name,
        ),
    )
    raise web.HTTPSeeOther(HERE)


async def _give(
    request: web.Request, actor: Actor, profile: str, address_and_mac: tuple[str, str]
) -> None:
    """Make a device a person's.  It is known by its MAC address; by its address where none was
    seen, of which the page says that it may become another device's."""
    address, mac = address_and_mac
    known = KnownBy((), (mac,)) if mac else KnownBy((address,), ())
    seen = await unassigned_devices(
        context_of(request).folder, await stored_household(request, actor)
    )
    name = next(
        (e.name for e in seen if e.name and (e.mac == mac if mac else e.address == address)), ""
    )
    edit = partial(add_typed_device, name=printable(name), profile=profile, known=known)
    owner = household_in_force(request, actor).profile(profile)
    said = sentence(
        "%(device)s belongs to %(name)s now",
        device=printable(name) or mac or address,
        name=owner.name if owner else profile,
    )
    await change_household(request, actor, edit, f"a device added for {profile}", said=said)
    await end_guests_at(request, actor, (address,), known.macs)


async def end_guest(request: web.Request) -> web.Response:
    """End guest access."""
    actor, context = await _require_editor(request), context_of(request)
    guest, now = request.match_info["guest"], int(context.now())
    if any(each.id == guest for each in await context.guests.of(actor.household, now)):
        question = sentence("end this access now? Anyone who uses the device has to ask again")
        await require_sure(request, question)
        await context.guests.end(actor.household, guest, actor.name, now)
        say_done(
            request, actor, sentence("the access has ended, and guest rules apply to the device")
        )
    raise web.HTTPSeeOther(HERE)


async def ignore(request: web.Request) -> web.Response:
    """Hide an unknown device; the rules of guests still apply to it."""
    actor, context = await _require_editor(request), context_of(request)
    visitor = await _require_visitor(request, actor)
    ids = [each.id for each in await asyncio.to_thread(load_unknown_devices, context.folder)]
    await IgnoredDevices(context.thread).add(
        actor.household, visitor.id, ids, actor.name, int(context.now())
    )
    say_done(request, actor, sentence("the device is hidden; guest rules still apply to it"))
    raise web.HTTPSeeOther(HERE)


async def show(request: web.Request) -> web.Response:
    """Show an ignored device again."""
    actor, context = await _require_editor(request), context_of(request)
    visitor, now = request.match_info["visitor"], int(context.now())
    await IgnoredDevices(context.thread).remove(actor.household, visitor, actor.name, now)
    say_done(request, actor, sentence("the device is shown again"))
    raise web.HTTPSeeOther(HERE)


# --- what they share ------------------------------------------------------------------------------


async def _require_editor(request: web.Request) -> Actor:
    return await require(request, Permission.EDIT_DEVICES)


async def _change(request: web.Request, actor: Actor, edit: Any, what: str) -> None:
    await change_household(request, actor, edit, what)


async def _require_visitor(request: web.Request, actor: Actor) -> UnknownDevice:
    """Return the unknown device in the path; raise HTTPNotFound."""
    household = await stored_household(request, actor)
    wanted = request.match_info["visitor"]
    found = (
        each
        for each in await unassigned_devices(context_of(request).folder, household)
        if each.id == wanted
    )
    visitor = next(found, None)
    if visitor is None:
        raise web.HTTPNotFound(reason="This device belongs to someone now")
    return visitor


async def _address_and_mac(request: web.Request, actor: Actor) -> tuple[str, str]:
    """Return address and MAC address of a device that asks to be let in, or of an unknown one."""
    context, wanted = context_of(request), request.match_info["visitor"]
    for each in await context.guests.requests(actor.household, int(context.now())):
        if each.address == wanted:
            return each.address, each.mac
    visitor = await _require_visitor(request, actor)
    return visitor.address, visitor.mac


def _add_to_device(household: Household, visitor: UnknownDevice, device_id: str) -> Household:
    if all(each.id != device_id for each in household.devices):
        raise HouseholdError("this device no longer exists; choose another")
    return add_to_device(household, visitor, device_id)


def _by_device(pairings: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for each in pairings:
        found.setdefault(each.device, []).append(each)
    return found


def _text(fields: Fields, key: str) -> str:
    return str(fields.get(key, "")).strip()[:MAX_NAME]


def _owner_note(changes: Mapping[str, str]) -> str:
    return f": now {changes['profile']}'s" if "profile" in changes else ""
