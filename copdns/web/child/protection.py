"""Does copdns protect this device?  A check that works in any browser, without a script.

The page holds pictures whose names were just made up: the second page tells which of them came to
copdns, by which addresses, and whose device it was taken for.  Nothing is kept but for some minutes
in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from copdns.accounts.codes import appeal_id
from copdns.network.probes import findings, names
from copdns.policy.special_names import PROBE_ZONE
from copdns.web.context import context_of
from copdns.web.person import person_of, requestor_of

_DOT = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">'
    '<circle cx="10" cy="10" r="9" fill="#2f7d56"/></svg>'
)


async def begin(request: web.Request) -> web.Response:
    """Pictures under names that nobody asked for before."""
    await person_of(request)
    code = appeal_id()
    port = f":{request.url.port}" if request.url.port not in (None, 80, 443) else ""
    hosts = (*names(code), *map(_host, context_of(request).addresses()))
    page = context_of(request).pages.render(
        request,
        "protection.html",
        code=code,
        dots=[f"http://{host}{port}/protection/dot/{code}" for host in hosts],
    )
    page.headers["Content-Security-Policy"] = (
        f"default-src 'self'; img-src 'self' {_pictures(hosts[len(names(code)) :], port)}; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )
    return page


async def result(request: web.Request) -> web.Response:
    """What was seen of them, and what to do about each that is not right."""
    person, parts = await person_of(request), context_of(request)
    code = request.match_info["code"]
    # Noted in memory for some minutes, as the questions are: nothing that anybody has or may do
    # depends on it.
    parts.probes.note_fetch(code, requestor_of(request), person.client, parts.now())
    return parts.pages.render(
        request,
        "protection_result.html",
        person=person,
        found=findings(parts.probes.of(code, parts.now())),
        door_by_name=request.host.partition(":")[0] in parts.hosts,
        address=requestor_of(request).address,
    )


async def dot(request: web.Request) -> web.Response:
    """A picture that says that it came through; by which address it was fetched is noted."""
    person, parts = await person_of(request), context_of(request)
    code, now = request.match_info["code"], parts.now()
    parts.probes.note_fetch(code, requestor_of(request), person.client, now)
    headers = {"Cross-Origin-Resource-Policy": "cross-origin"}  # its page has another name
    return web.Response(text=_DOT, content_type="image/svg+xml", headers=headers)


def _pictures(addresses: Sequence[str], port: str) -> str:
    """Return from where a CSP lets the pictures come.

    It has no way to write an IPv6 address, and browsers leave out what they cannot read: with one
    of those among the addresses, pictures may come from anywhere.
    """
    if any(each.startswith("[") for each in addresses):
        return "http:"
    return " ".join(f"http://{each}{port}" for each in (f"*.{PROBE_ZONE}", *addresses))


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
