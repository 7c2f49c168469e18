"""Whose device asks for a page: recognised by its address, as for DNS."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

from aiohttp import web

from copdns.accounts.account import GuestKind
from copdns.accounts.guests import GUEST
from copdns.appeals.appeal import Appeal
from copdns.model.household import Band, Household, Profile
from copdns.model.verdict import Requestor
from copdns.policy.snapshot import Client
from copdns.web.context import context_of

PAIRING = "copdns_device"  # the cookie by which a browser is known as that of its device
# The same for whoever uses a device for a while.  Beside the other, which a device that is at a
# strange address today needs again tomorrow.
GUEST_PAIRING = "copdns_guest"


class Person(NamedTuple):
    """Whose device it is.

    profile: of whoever uses it; that of guests otherwise.  band: now, with an announced change of
    it in force when it is due.  paired: the browser is the one that the device is known by, so that
    an address that somebody took over shows nothing.  proven: and it is this person's: on their own
    device, or by their PIN.  Whom a guardian let in for a day sees what happened on this device
    meanwhile, and not all that is kept of the person whose rules it has.
    """

    client: Client
    household: Household
    profile: Profile
    band: Band
    is_paired: bool
    is_proven: bool

    @property
    def device(self) -> str:
        """The id of the device; "" for one that nobody named."""
        return self.client.device

    @property
    def guest(self) -> str:
        """The id of the guest who uses the device for a while; "" for nobody."""
        return self.device.removeprefix(GUEST) if self.device.startswith(GUEST) else ""

    @property
    def is_own(self) -> bool:
        """Whether it is the browser of a device of their own, where nobody lets in anybody else."""
        return self.is_proven and not self.guest

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
    parts = context_of(request)
    client = parts.who(requestor_of(request))
    household = parts.live().households.get(client.household)
    if household is None:
        raise web.HTTPForbidden(reason="This device is in another household")
    profile = parts.live().profile(household.id, client.policy.profile)
    paired, proven = await _known(request, client, profile, quietly=quietly)
    return Person(client, household, profile, profile.band_at(parts.now()), paired, proven)


async def _known(
    request: web.Request, client: Client, profile: Profile, *, quietly: bool
) -> tuple[bool, bool]:
    """Return whether a browser is its device's, and whether that proves who uses it."""
    parts, now = context_of(request), int(context_of(request).now())
    whose = client.household, client.device, profile.id
    if client.device.startswith(GUEST):
        guest = client.device.removeprefix(GUEST)
        told = request.cookies.get(GUEST_PAIRING, "")
        kind = await parts.guests.paired(client.household, guest, profile.id, told, now)
        return kind is not None, kind is GuestKind.PERSON
    told = request.cookies.get(PAIRING, "") if client.device else ""
    found = await parts.pairings.known(*whose, told, now, quietly=quietly)
    return found is not None, found is not None


def is_theirs(person: Person, appeal: Appeal) -> bool:
    """Tell whether somebody may see what came of a question: all of their own, and as somebody whom
    a guardian let in those that were asked from there meanwhile."""
    if appeal.ask.profile != person.profile.id:
        return False
    return person.is_proven or (person.is_paired and appeal.ask.device == person.device)


def set_pairing_cookie(
    request: web.Request, response: web.StreamResponse, cookie: str, told: str, lasts: int
) -> None:
    """Give a browser the cookie that it is known by.  lasts: seconds."""
    response.set_cookie(
        cookie, told, max_age=lasts, httponly=True, samesite="Strict", secure=request.secure
    )


def requestor_of(request: web.Request) -> Requestor:
    """Return who asks, in the terms of DNS."""
    transport = request.transport
    if transport is None:  # the connection is gone; nobody will read the answer
        raise web.HTTPBadRequest
    listener = transport.get_extra_info("sockname")[0]
    return Requestor(_plain(listener), _plain(transport.get_extra_info("peername")[0]), "tcp")


def _plain(text: str) -> str:
    """Return an address without a zone, and an IPv4 address as such where it came by IPv6."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if address.version == 6 else None
    return str(mapped or address)
