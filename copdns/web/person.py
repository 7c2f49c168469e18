"""Whose device a request comes from: recognised by its address, as for DNS."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from hashlib import blake2b
from ipaddress import ip_address
from typing import NamedTuple

from aiohttp import web

from copdns.accounts.account import GUEST_PREFIX, GuestKind
from copdns.accounts.claims import Claim
from copdns.accounts.moves import Move
from copdns.appeals.appeal import Appeal
from copdns.model.household import Band, Household, Profile
from copdns.model.verdict import Requestor
from copdns.policy.snapshot import Client
from copdns.web.browser_input import fields_of
from copdns.web.context import context_of

PAIRING = "copdns_device"  # the cookie of a device's paired browser
# The cookie of a guest's browser.  A cookie of its own: a device at an unknown address today
# needs its pairing again tomorrow.
GUEST_PAIRING = "copdns_guest"
PAGE_OF = "page_of"  # the field of a form that says for whom its page was made
# The device, at a provider, that a browser is of which the family's code is known alone: no id of a
# device has a colon, so nobody is linked to it.
LINE = "line:"


class Person(NamedTuple):
    """Whose device it is.

    household: with the clock of the person, who may live by another time zone.
    profile: of whoever uses it; that of guests for an unknown device.  band: the age band now,
    which includes a change that was announced and is due.  is_paired: the request comes from the
    browser that the device is known by, so somebody who took over an address sees nothing.
    is_proven: moreover this person uses it, as far as anybody can know (`accounts/claims.py`): it
    is their own device, or they typed their PIN.  Somebody whom a guardian let in for a day is
    paired and not proven: they see what happened on this device since, and not all that is recorded
    of the person whose rules apply.  proof: from when on it is proven, in seconds since the epoch;
    None for never.  linked_at: when this browser was linked to the device; None where it is not.
    claims, moves: what the person is told of.
    """

    client: Client
    household: Household
    profile: Profile
    band: Band
    is_paired: bool
    is_proven: bool
    proof: int | None = None
    linked_at: int | None = None
    claims: tuple[Claim, ...] = ()
    moves: tuple[Move, ...] = ()

    @property
    def device(self) -> str:
        """The id of the device; "" for an unknown one."""
        return self.client.device

    @property
    def guest(self) -> str:
        """The id of the guest who uses the device for a while; "" for nobody."""
        return (
            self.device.removeprefix(GUEST_PREFIX) if self.device.startswith(GUEST_PREFIX) else ""
        )

    @property
    def is_own(self) -> bool:
        """Whether it is the paired browser of the person's own device, which no guest uses."""
        return self.is_proven and not self.guest

    @property
    def is_linked(self) -> bool:
        """Whether the browser is paired with this very person: not that of somebody who has their
        rules for a day, nor one after a PIN that does not count as them, or not yet."""
        return self.is_paired and (not self.guest or self.is_proven)

    @property
    def is_anybodys(self) -> bool:
        """Whether a user may say who they are: the device is unknown, or a guest's for a while."""
        return not self.device or bool(self.guest)

    @property
    def is_line(self) -> bool:
        """Whether no more is known than the family: no browser can be linked to a person then."""
        return self.device == LINE

    @property
    def is_known(self) -> bool:
        """Whether it belongs to somebody of this household."""
        return bool(self.device) and self.household.profile(self.profile.id) is not None


async def person_of(request: web.Request, *, quietly: bool = False) -> Person:
    """Return whose device a request comes from; raise HTTPForbidden for another household's, and
    HTTPConflict for a form of a page that was made for somebody else.

    quietly: nothing of the visit is recorded, not even that its pairing is in use.
    """
    context = context_of(request)
    client = context.identify(requestor_of(request))
    household = context.snapshot().households.get(client.household)
    if household is None:
        raise web.HTTPForbidden(reason="This device is in another household")
    profile, now = context.snapshot().profile(household.id, client.policy.profile), context.now()
    await _require_same_person(request, household, profile)
    if not client.device:  # unknown: less is kept of it than of the person whose rules it has
        policy = client.policy
        profile = replace(profile, privacy=policy.privacy, full_log=policy.full_log)
    paired, proof, made = await _check_pairing(request, client, profile, quietly=quietly)
    proven = paired and proof is not None and proof <= now
    # On a device that is nobody's, or a guest's, only those of whoever its browser was linked for;
    # with a family's code alone, nobody's.
    is_named = client.device not in ("", LINE) and not client.device.startswith(GUEST_PREFIX)
    told = profile.id if is_named and household.profile(profile.id) is not None else ""
    cookie = request.cookies.get(PAIRING, "")
    claims = await context.claims.of(household.id, told, int(now), cookie)
    moves = await context.claims.moves(household.id, told, int(now), cookie)
    band = profile.band_at(now)
    local = household.local_to(profile)
    return Person(client, local, profile, band, paired, proven, proof, made, claims, moves)


def person_mark(household: Household, profile: Profile) -> str:
    """Return a text that the forms of a person's pages carry: it tells people apart and names
    nobody."""
    return blake2b(f"{household.id}/{profile.id}".encode(), digest_size=4).hexdigest()


async def _require_same_person(
    request: web.Request, household: Household, profile: Profile
) -> None:
    """Raise HTTPConflict where a form was made for somebody else: on a device that several people
    use, a page of the one before may still be open, and would speak for the next."""
    if request.method != "POST":
        return
    mark = (await fields_of(request)).get(PAGE_OF)
    if mark is not None and mark != person_mark(household, profile):
        raise web.HTTPConflict(
            reason="This page is old: someone else uses this device now. Open the page again"
        )


async def _check_pairing(
    request: web.Request, client: Client, profile: Profile, *, quietly: bool
) -> tuple[bool, int | None, int | None]:
    """Return whether a browser is the one of its device, from when on that proves who uses it, and
    when it was linked; a guest's is told as no link."""
    context, now = context_of(request), int(context_of(request).now())
    whose = client.household, client.device, profile.id
    if client.device.startswith(GUEST_PREFIX):
        guest = client.device.removeprefix(GUEST_PREFIX)
        cookie = request.cookies.get(GUEST_PAIRING, "")
        one = await context.guests.find_paired(client.household, guest, profile.id, cookie, now)
        is_person = one is not None and one.kind is GuestKind.PERSON
        return one is not None, one.proof if one is not None and is_person else None, None
    cookie = request.cookies.get(PAIRING, "") if client.device else ""
    found = await context.pairings.find(*whose, cookie, now, quietly=quietly)
    return (True, found.proof, found.made) if found is not None else (False, None, None)


def may_see_appeal(person: Person, appeal: Appeal) -> bool:
    """Tell whether a person may see an appeal: all of their own; as a guest those made from this
    device."""
    if appeal.ask.profile != person.profile.id:
        return False
    return person.is_proven or (person.is_paired and appeal.ask.device == person.device)


def set_pairing_cookie(
    request: web.Request, response: web.StreamResponse, name: str, secret: str, lasts: int
) -> None:
    """Set the cookie that a browser is recognised by.  lasts: seconds."""
    response.set_cookie(
        name, secret, max_age=lasts, httponly=True, samesite="Strict", secure=request.secure
    )


def requestor_of(request: web.Request) -> Requestor:
    """Return who sent a request, as for DNS."""
    if request.transport is None:  # the connection is gone
        raise web.HTTPBadRequest
    return requestor_at(request.transport)


def requestor_at(transport: asyncio.BaseTransport) -> Requestor:
    """Return who is at the other end of a connection."""
    listener = transport.get_extra_info("sockname")[0]
    return Requestor(
        _plain_address(listener), _plain_address(transport.get_extra_info("peername")[0]), "tcp"
    )


def _plain_address(text: str) -> str:
    """Return an address without a zone; an IPv4 address where it was mapped into IPv6."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if address.version == 6 else None
    return str(mapped or address)
