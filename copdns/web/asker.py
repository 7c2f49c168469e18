"""Whose device asks for a page: recognised by its address, as for DNS."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

from aiohttp import web

from copdns.accounts import PAIRING_LASTS
from copdns.live import Client
from copdns.model import Asker, Band, Household, Profile
from copdns.web.parts import parts_of

PAIRING = "copdns_device"  # the cookie by which a browser is known as that of its device


class Person(NamedTuple):
    """Whose device it is.

    profile: of whoever uses it; that of guests otherwise.  band: now, with an announced change of
    it in force when it is due.  paired: the browser is the one that the device is known by, so that
    an address that somebody took over shows nothing.
    """

    client: Client
    household: Household
    profile: Profile
    band: Band
    paired: bool

    @property
    def device(self) -> str:
        """The id of the device; "" for one that nobody named."""
        return self.client.device

    @property
    def is_known(self) -> bool:
        """Whether it belongs to somebody of this house."""
        return bool(self.device) and self.household.profile(self.profile.id) is not None


async def person_of(request: web.Request) -> Person:
    """Return whose device asks; raise HTTPForbidden for somebody who is not served here."""
    parts = parts_of(request)
    client = parts.who(asker_of(request))
    household = parts.live().households.get(client.household)
    if household is None:
        raise web.HTTPForbidden(reason="This is another house")
    profile = parts.live().profile(household.id, client.policy.profile)
    paired = bool(client.device) and await _is_paired(request, client, profile)
    return Person(client, household, profile, profile.band_at(parts.now()), paired)


async def _is_paired(request: web.Request, client: Client, profile: Profile) -> bool:
    parts, told = parts_of(request), request.cookies.get(PAIRING, "")
    if not told:
        return False
    now = int(parts.now())
    found = await parts.pairings.known(client.household, client.device, profile.id, told, now)
    return found is not None


async def pair(request: web.Request) -> web.Response:
    """Let this browser be the one that its device is known by, if none is yet."""
    person, parts = await person_of(request), parts_of(request)
    back = web.HTTPSeeOther("/")
    if person.paired:
        raise back
    if not person.is_known:
        raise web.HTTPForbidden(reason="Nobody knows yet whose device this is")
    told = await parts.pairings.pair(
        person.household.id, person.device, person.profile.id, int(parts.now())
    )
    if told is None:
        return parts.pages.render(request, "not_paired.html", person=person, status=403)
    back.set_cookie(
        PAIRING,
        told,
        max_age=PAIRING_LASTS,
        httponly=True,
        samesite="Strict",
        secure=request.secure,
    )
    raise back


def asker_of(request: web.Request) -> Asker:
    """Return who asks, in the terms of DNS."""
    transport = request.transport
    if transport is None:  # the connection is gone; nobody will read the answer
        raise web.HTTPBadRequest
    listener = transport.get_extra_info("sockname")[0]
    return Asker(_plain(listener), _plain(transport.get_extra_info("peername")[0]), "tcp")


def _plain(text: str) -> str:
    """Return an address without a zone, and an IPv4 address as such where it came by IPv6."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if address.version == 6 else None
    return str(mapped or address)
