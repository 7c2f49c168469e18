"""Does copdns protect this device?  A check that works in any browser, without a script.

The first page has pictures under new, made-up names.  The second page says which of them reached
copdns, through which addresses, and whose device they came from.  Results stay in memory for some
minutes only.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from aiohttp import web

from copdns.accounts.codes import make_appeal_id
from copdns.network.probes import assess_sightings, probe_names
from copdns.policy.special_names import PROBE_ZONE
from copdns.web.context import context_of
from copdns.web.device_setup.server import addresses_at_home
from copdns.web.person import Person, person_of, requestor_of
from copdns.words.levels import Level, level_of

_DOT = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">'
    '<circle cx="10" cy="10" r="9" fill="#2f7d56"/></svg>'
)


async def begin(request: web.Request) -> web.Response:
    """Show pictures under names that nobody looked up before."""
    person = await person_of(request)
    code = make_appeal_id()
    port = f":{request.url.port}" if request.url.port not in (None, 80, 443) else ""
    hosts = (*probe_names(code), *map(_host, context_of(request).addresses()))
    page = context_of(request).pages.render(
        request,
        "protection.html",
        code=code,
        level=_level(person),
        dots=[f"http://{host}{port}/protection/dot/{code}" for host in hosts],
    )
    page.headers["Content-Security-Policy"] = (
        f"default-src 'self'; img-src 'self' {_pictures(hosts[len(probe_names(code)) :], port)}; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )
    return page


async def result(request: web.Request) -> web.Response:
    """Show what was seen of the pictures, and what to do about each failure."""
    person, context = await person_of(request), context_of(request)
    code, addresses = request.match_info["code"], context.addresses()
    # Kept in memory for some minutes, as the queries are; no permission depends on it.
    context.probes.note_fetch(code, requestor_of(request), person.client, context.now())
    return context.pages.render(
        request,
        "protection_result.html",
        person=person,
        level=_level(person),
        found=assess_sightings(context.probes.sightings(code, context.now())),
        door_by_name=request.host.partition(":")[0] in context.hosts,
        address=requestor_of(request).address,
        addresses6=[each for each in addresses if ":" in each and each != "::1"],
        at_home=[each for each in addresses_at_home(addresses) if not ip_address(each).is_loopback],
    )


async def dot(request: web.Request) -> web.Response:
    """Return a picture, and note the address that it was fetched through."""
    person, context = await person_of(request), context_of(request)
    code, now = request.match_info["code"], context.now()
    context.probes.note_fetch(code, requestor_of(request), person.client, now)
    headers = {"Cross-Origin-Resource-Policy": "cross-origin"}  # its page has another host name
    return web.Response(text=_DOT, content_type="image/svg+xml", headers=headers)


def _level(person: Person) -> Level | None:
    """Return how to speak to the child whose device this is; None to whoever sets up the filter."""
    return level_of(person.band) if person.is_known and person.band.is_child else None


def _pictures(addresses: Sequence[str], port: str) -> str:
    """Return the sources of pictures for the Content-Security-Policy.

    A CSP cannot express an IPv6 address, and browsers skip what they cannot parse: with one among
    the addresses, pictures may come from anywhere.
    """
    if any(each.startswith("[") for each in addresses):
        return "http:"
    return " ".join(f"http://{each}{port}" for each in (f"*.{PROBE_ZONE}", *addresses))


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
