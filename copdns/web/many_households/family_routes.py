"""Which routes a family has where one copdns has those of many households: what is its own.

At home, whoever lives with a copdns also runs it.  At a provider the lists, facts, settings, checks
and DNS servers are those of a machine for all families, which its staff look after: a family reads
what concerns it, and decides about none of them.  Both the guard (`keep_to_family`) and the links
of pages ask this one table.  A route that stands nowhere in it is closed there, so that a new one
is not open to every family by mistake (tests/web/test_families.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from copdns.web.context import context_of


class Reach(StrEnum):
    """What families may do at a path and below it."""

    ALL = "all"
    READ = "read"
    NONE = "none"  # it is the machine's, or does nothing at a provider


_METHODS: Mapping[Reach, frozenset[str]] = {
    Reach.READ: frozenset({"GET", "HEAD"}),
    Reach.NONE: frozenset(),
}
# Pages below which others are that they say nothing of.
_ROOTS: Final = ("/", "/guardian", "/guardian/")

_ALL = (
    # The child's pages, and what any page needs.
    *("/", "/why", "/rules", "/month", "/check", "/language", "/family", "/ask"),
    *("/age", "/app", "/offline", "/device", "/me", "/consent", "/help", "/bad"),
    *("/ticket", "/timer", "/static", "/app.webmanifest", "/worker.js", "/healthz", "/readyz"),
    "/metrics",
    # The dashboard.
    *("/guardian", "/guardian/", "/guardian/login", "/guardian/logout", "/guardian/setup"),
    *("/guardian/join", "/guardian/app.webmanifest", "/guardian/worker.js", "/guardian/offline"),
    *("/guardian/app", "/guardian/wizard", "/guardian/me", "/guardian/accounts"),
    *("/guardian/notices", "/guardian/undo", "/guardian/inbox", "/guardian/appeals"),
    *("/guardian/time", "/guardian/calendar", "/guardian/pause-everyone"),
    *("/guardian/unpause-everyone", "/guardian/tickets", "/guardian/people", "/guardian/house"),
    *("/guardian/log", "/guardian/asking", "/guardian/numbers", "/guardian/month"),
    *("/guardian/changes", "/guardian/agreement", "/guardian/move-in", "/guardian/devices"),
    *("/guardian/pairings", "/guardian/guests", "/guardian/homes", "/guardian/names"),
    # The API.
    *("/api/v1/openapi.json", "/api/v1/status", "/api/v1/profiles", "/api/v1/proposals"),
    *("/api/v1/timers", "/api/v1/pauses", "/api/v1/grants", "/api/v1/tickets"),
    *("/api/v1/schedules", "/api/v1/budgets", "/api/v1/calendar", "/api/v1/rules"),
    *("/api/v1/check", "/api/v1/devices", "/api/v1/pairings", "/api/v1/move-in"),
    *("/api/v1/appeals", "/api/v1/report", "/api/v1/events", "/api/v1/household"),
    *("/api/v1/household.yaml", "/api/v1/helplines", "/api/v1/services", "/api/v1/audit"),
    *("/api/v1/local-names", "/api/v1/rewrites", "/api/v1/accounts", "/api/v1/sessions"),
    *("/api/v1/step-up", "/api/v1/tokens", "/api/v1/notices", "/api/v1/digest"),
)

REACHES: Mapping[str, Reach] = {
    **dict.fromkeys(_ALL, Reach.ALL),
    # Lists and facts are the same for all families: changed for one, they would be for each.
    "/guardian/lists": Reach.READ,
    "/api/v1/lists": Reach.READ,
    "/guardian/facts": Reach.READ,
    "/api/v1/facts": Reach.READ,
    # A pasted list is in the machine's folder, where each family could read and block by it.
    "/guardian/lists/own": Reach.NONE,
    "/api/v1/lists/own": Reach.NONE,
    "/api/v1/lists/versions": Reach.NONE,  # what waits for whoever runs the machine
    "/guardian/settings": Reach.NONE,
    "/guardian/targets": Reach.NONE,
    "/api/v1/targets": Reach.NONE,
    "/guardian/checks": Reach.NONE,  # of the network of a home
    "/api/v1/checks": Reach.NONE,
    "/guardian/wizard/router": Reach.NONE,  # with addresses of the machine
    "/guardian/encrypted": Reach.NONE,
    # How a device asks the copdns of a home; at a provider it shows a token, or nothing.
    "/guardian/devices/{device}/setup": Reach.NONE,
    "/device/setup": Reach.NONE,
    "/device/away": Reach.NONE,
    "/device/test": Reach.NONE,
    "/protection": Reach.NONE,
    # A device that nobody named is not seen there, and nobody is a guest of one address.
    "/guardian/unknown": Reach.NONE,
    "/guardian/guests/{guest}/end": Reach.NONE,
    "/guardian/pins": Reach.NONE,
    "/whose": Reach.NONE,
    "/api/v1/unknown-devices": Reach.NONE,
    "/api/v1/guests": Reach.NONE,
    "/api/v1/guest-requests": Reach.NONE,
    "/api/v1/pins": Reach.NONE,
    "/api/v1/profiles/{profile}/pin": Reach.NONE,
    "/api/v1/profiles/{profile}/bypass-signs": Reach.NONE,  # nobody looks for them
    "/guardian/cards": Reach.NONE,  # what to do when the computer of a home does not work
    "/guardian/repair": Reach.NONE,
    "/guardian/boxes": Reach.NONE,
    "/follow": Reach.NONE,
    # No servers of one household are asked there, and trying one would look around in the
    # provider's own network.
    "/guardian/names/servers": Reach.NONE,
    "/guardian/names/splits": Reach.NONE,
    "/guardian/names/failures": Reach.NONE,  # of this machine's clock and lists
    "/api/v1/upstreams": Reach.NONE,
    "/api/v1/splits": Reach.NONE,
}


def find_reach(path: str) -> Reach | None:
    """Return what families may do at a path: what the longest part of it that the table has says;
    None where it has none.  path: of a page, or as in the routes."""
    if path in _ROOTS:
        return REACHES[path]
    while path and path not in _ROOTS:
        if path in REACHES:
            return REACHES[path]
        path = path.rpartition("/")[0]
    return None


def is_for_families(path: str, method: str = "GET") -> bool:
    """Tell whether a family of a provider may open a page, or send something to it."""
    reach = find_reach(path)
    return reach is Reach.ALL or (reach is not None and method in _METHODS[reach])


def build_refusal() -> web.HTTPForbidden:
    """Return the reply to a family that asks for what is the provider's to decide."""
    return web.HTTPForbidden(
        reason="Your internet provider looks after this, for all families. Your own rules, people "
        "and devices stay yours"
    )


@web.middleware
async def keep_to_family(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse, where there are many households, what is about the machine of all of them."""
    resource = request.match_info.route.resource
    if context_of(request).door is None or resource is None:  # at home; or there is no such page
        return await handler(request)
    # The path too: the steps of the setup are one route.
    for path in (resource.canonical, request.path):
        if not is_for_families(path, request.method):
            raise build_refusal()
    return await handler(request)
