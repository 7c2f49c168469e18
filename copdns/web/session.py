"""Who is logged in, and whether they may do something.

`require` is the first line of every handler of the dashboard and the API.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from urllib.parse import quote

from aiohttp import web
from markupsafe import Markup

from copdns.accounts.account import Session
from copdns.accounts.further_guardian import wait_of
from copdns.accounts.moves import Move
from copdns.accounts.roles import Actor, Permission, may
from copdns.model.household import Device, Profile
from copdns.web.context import AppContext, context_of, https_origin
from copdns.web.desk_access import BrowserConnection, may_show_desk
from copdns.web.pages import ACTOR, DESK, DeskStatus, wants_html
from copdns.web.person import requestor_of
from copdns.web.problem import is_for_programs
from copdns.web.recent_actions import PERMISSION, RECENT, DeskAction
from copdns.web.wording import desk_wording

SESSION, BROWSER = "copdns_session", "copdns_browser"  # cookies, as they are called over HTTP
_HOST_PREFIX = "__Host-"
LOGIN = "/guardian/login"
FOR_PEOPLE = "This is for people, not for programs"
TOLD: web.RequestKey[tuple[DeskAction, ...]] = web.RequestKey("what the page tells was done", tuple)
LOGGED_IN = web.RequestKey("logged in", Session)  # the session that a request came with


def cookie_name(request: web.Request, name: str) -> str:
    """Return what a cookie of a login is called over this connection.

    Over HTTPS browsers take one with the prefix from this very host over HTTPS only, so that nobody
    on the way, and no other name below the same domain, plants a session (RFC 6265bis section
    4.1.3.2).
    """
    return f"{_HOST_PREFIX}{name}" if request.secure else name


def cookie_of(request: web.Request, name: str) -> str:
    """Return a cookie of a login; "" for none."""
    return request.cookies.get(cookie_name(request, name), "")


async def actor_of(request: web.Request) -> Actor | None:
    """Return who acts, by a token or the session of a browser; None for nobody."""
    actor, context = await _find_actor(request), context_of(request)
    if actor is None or not (context.further_guardian_waits and actor.role.is_guardian):
        return actor
    there = await context.accounts.all(actor.household)
    seconds, now = context.further_guardian_waits, int(context.now())
    return replace(actor, waits_until=wait_of(actor.id, there, seconds, now))


async def _find_actor(request: web.Request) -> Actor | None:
    context, now = context_of(request), int(context_of(request).now())
    key = request.headers.get("Authorization")
    if key is not None:  # the cookie is ignored: `middlewares` skipped the Origin check
        scheme, _, token = key.partition(" ")
        return await context.tokens.find(token if scheme.lower() == "bearer" else "", now)
    cookie = cookie_of(request, SESSION)
    is_use = not _is_by_itself(request)
    found = await context.sessions.find(cookie, now, is_use=is_use) if cookie else None
    if found is None:
        return None
    session, account = found
    request[LOGGED_IN] = session
    return Actor(account.household, account.id, account.name, account.role, account.profile)


def _is_by_itself(request: web.Request) -> bool:
    """Tell whether a page that stands open looks for news: nobody has to be there for that, so it
    must not keep a session alive.

    By Fetch Metadata (W3C), which browsers send over HTTPS and from loopback only.
    """
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    return request.method == "GET" and mode != "navigate"


async def require(
    request: web.Request, permission: Permission, profile: Profile | None = None
) -> Actor:
    """Return who acts; raise HTTPUnauthorized, or HTTPForbidden for somebody who may not.

    profile: the person that it is about.  A browser without a session is redirected to the login.
    """
    require_safe_connection(request)
    actor = await actor_of(request)
    if actor is None:
        if is_page_visit(request):
            raise web.HTTPSeeOther(f"{LOGIN}?next={quote(request.path_qs, safe='')}")
        raise web.HTTPUnauthorized(reason="Log in first")
    request[ACTOR] = actor
    request[PERMISSION] = permission
    if not may(actor, permission, profile):
        raise web.HTTPForbidden(reason="You may not do this")
    if wants_html(request):
        request[DESK] = await _build_status(request, actor)
    return actor


async def _build_status(request: web.Request, actor: Actor) -> DeskStatus:
    context = context_of(request)
    found = await context.setups.progress(actor.household)
    unseen = (
        await context.notices.unseen(actor.household, actor.id) if may_see_notices(actor) else ()
    )
    now = int(context.now())
    codes = await context.account_codes.to_tell(actor.household, actor.id, now)
    home = context.snapshot().households.get(actor.household)  # None while it is new
    zone = home.timezone if home is not None else "UTC"
    return DeskStatus(
        () if context.is_shared else found.open_checks,  # they are of the network of a home
        len(unseen),
        bool(context.damage()),
        codes,
        zone,
        await _tell_done(request, actor),
        home.name if home is not None else "",
        home.profiles if home is not None and may(actor, Permission.SEE_PROFILES) else (),
        await _count_requests(context, actor),
    )


async def _count_requests(context: AppContext, actor: Actor) -> int:
    """Return how many requests wait for an answer; 0 for who may not see them."""
    if not may(actor, Permission.SEE_APPEALS):
        return 0
    return await context.appeals.count_waiting(actor.household)


async def _tell_done(request: web.Request, actor: Actor) -> Markup:
    """Return what was done since the last page, and what can be undone, as a part of the page."""
    context, recent = context_of(request), request.app[RECENT]
    session = request.get(LOGGED_IN)
    untold = recent.take_untold(session.digest) if session is not None else ()
    # A handler that checks twice, or changes something and then shows a page, tells all of it.
    request[TOLD] = done = (*request.get(TOLD, ()), *untold)
    undoable = recent.undoable(actor.household, actor.id, context.now())
    if not done and not undoable:
        return Markup()
    homes, now = context.snapshot().households, context.now()
    moves, home = await context.claims.all_moves(actor.household), homes.get(actor.household)
    page = context.pages.fragment(
        request,
        "desk/done.html",
        done=done,
        undoable=undoable,
        waits_for=partial(_find_open_move, moves, now),
        people_by_id={each.id: each.name for each in home.profiles} if home else {},
        say_of=lambda each: desk_wording(request, each.after or homes[actor.household]),
    )
    return Markup(page)  # noqa: S704 - rendered by a template that escapes


def _find_open_move(moves: Iterable[Move], now: float, device: Device) -> Move | None:
    """Return the move by which a device is to be its person's, and is not yet; None for none."""
    mine = {*device.addresses, *device.macs}
    found = (each for each in moves if each.is_open(now) and each.to == device.profile)
    return next((each for each in found if mine & set(each.known_by)), None)


def is_page_visit(request: web.Request) -> bool:
    """Tell whether a browser opens a page, rather than sends a form or is a program."""
    return request.method == "GET" and wants_html(request) and not is_for_programs(request)


def may_see_notices(actor: Actor) -> bool:
    """Tell whether somebody may read notices, which are for guardians."""
    return actor.role.is_guardian


def require_safe_connection(request: web.Request) -> None:
    """Raise HTTPForbidden where others could read a password on its way (docs/accounts.md); lead a
    browser that opens a page to HTTPS, where there is."""
    connection = BrowserConnection(request.secure, requestor_of(request).address)
    if not may_show_desk(connection, over_http=context_of(request).desk_over_http):
        origin = https_origin(request) if is_page_visit(request) else ""
        if origin:
            raise web.HTTPTemporaryRedirect(f"{origin}{request.path_qs}")
        raise web.HTTPForbidden(
            reason="Someone could read your password on its way. Use an address that begins "
            "with https://"
        )
