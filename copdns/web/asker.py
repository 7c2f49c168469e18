"""Whose device asks for a page: recognised by its address, as for DNS."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

from aiohttp import web

from copdns.live import Client
from copdns.model import Asker, Band, Household, Profile
from copdns.web.parts import parts_of


class Person(NamedTuple):
    """Whose device it is.

    device: "" for one that nobody named.  profile: of whoever uses it; that of guests otherwise.
    band: now, with an announced change of it in force when it is due.
    """

    client: Client
    household: Household
    profile: Profile
    band: Band

    @property
    def device(self) -> str:
        return self.client.device


def person_of(request: web.Request) -> Person:
    """Return whose device asks; raise HTTPForbidden for somebody who is not served here."""
    parts = parts_of(request)
    client = parts.who(asker_of(request))
    household = parts.live().households.get(client.household)
    if household is None:
        raise web.HTTPForbidden(reason="This is another house")
    profile = parts.live().profile(household.id, client.policy.profile)
    return Person(client, household, profile, profile.band_at(parts.now()))


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
