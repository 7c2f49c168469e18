"""Whose device asks for a page: recognised by its address, as for DNS."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

from aiohttp import web

from copdns.guests import GUEST
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
    def guest(self) -> str:
        """The id of the guest who uses the device for a while; "" for nobody."""
        return self.device.removeprefix(GUEST) if self.device.startswith(GUEST) else ""

    @property
    def is_anybodys(self) -> bool:
        """Whether whoever uses it may say who they are: nobody named it, or only for a while."""
        return not self.device or bool(self.guest)

    @property
    def is_known(self) -> bool:
        """Whether it belongs to somebody of this house."""
        return bool(self.device) and self.household.profile(self.profile.id) is not None


async def person_of(request: web.Request, *, quietly: bool = False) -> Person:
    """Return whose device asks; raise HTTPForbidden for somebody who is not served here.

    quietly: nothing is noted of the visit, not even that its pairing is in use.
    """
    parts = parts_of(request)
    client = parts.who(asker_of(request))
    household = parts.live().households.get(client.household)
    if household is None:
        raise web.HTTPForbidden(reason="This is another house")
    profile = parts.live().profile(household.id, client.policy.profile)
    paired = bool(client.device) and await _is_paired(request, client, profile, quietly)
    return Person(client, household, profile, profile.band_at(parts.now()), paired)


async def _is_paired(request: web.Request, client: Client, profile: Profile, quietly: bool) -> bool:
    parts, told = parts_of(request), request.cookies.get(PAIRING, "")
    if not told:
        return False
    whose = (client.household, client.device, profile.id)
    found = await parts.pairings.known(*whose, told, int(parts.now()), quietly=quietly)
    return found is not None


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
