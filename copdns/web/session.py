"""Who is logged in, and whether they may.

`required` is the first line of every handler of the desk and of the API.
"""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from copdns.accounts.account import Session
from copdns.accounts.roles import Actor, Permission, may
from copdns.model.household import Profile
from copdns.web.context import context_of
from copdns.web.desk_access import Connection, desk_allowed
from copdns.web.pages import ACTOR, DESK, Desk, wants_html
from copdns.web.person import requestor_of
from copdns.web.problem import is_for_programs

SESSION, BROWSER = "copdns_session", "copdns_browser"  # cookies
LOGIN = "/guardian/login"
FOR_PEOPLE = "This is for people, not for programs"
LOGGED_IN = web.RequestKey("logged in", Session)  # the session that a request came with


async def actor_of(request: web.Request) -> Actor | None:
    """Return who acts: by a token, or by the session of a browser; None for nobody."""
    parts, now = context_of(request), int(context_of(request).now())
    key = request.headers.get("Authorization")
    if key is not None:  # a cookie beside it counts for nothing: `guards` let it pass for its token
        scheme, _, token = key.partition(" ")
        return await parts.tokens.find(token if scheme.lower() == "bearer" else "", now)
    told = request.cookies.get(SESSION, "")
    found = await parts.sessions.find(told, now) if told else None
    if found is None:
        return None
    session, account = found
    request[LOGGED_IN] = session
    return Actor(account.household, account.id, account.name, account.role, account.profile)


async def require(
    request: web.Request, permission: Permission, profile: Profile | None = None
) -> Actor:
    """Return who acts; raise HTTPUnauthorized or HTTPForbidden for whoever may not.

    profile: the person that it is about.  A browser without a session is led to the login.
    """
    over_safe_way(request)
    actor = await actor_of(request)
    if actor is None:
        if wants_html(request) and request.method == "GET" and not is_for_programs(request):
            raise web.HTTPSeeOther(f"{LOGIN}?next={quote(request.path_qs, safe='')}")
        raise web.HTTPUnauthorized(reason="Log in first")
    request[ACTOR] = actor
    if not may(actor, permission, profile):
        raise web.HTTPForbidden(reason="You may not do this")
    if wants_html(request):
        request[DESK] = await _told(request, actor)
    return actor


async def _told(request: web.Request, actor: Actor) -> Desk:
    parts = context_of(request)
    found = await parts.setups.progress(actor.household)
    unseen = await parts.notices.unseen(actor.household, actor.id) if may_see(actor) else ()
    return Desk(found.open_checks, len(unseen))


def may_see(actor: Actor) -> bool:
    """Tell whether notices are for somebody: they are between guardians."""
    return actor.role.is_guardian


def over_safe_way(request: web.Request) -> None:
    """Raise HTTPForbidden where a password could be read on its way (docs/accounts.md)."""
    connection = Connection(request.secure, requestor_of(request).address)
    if not desk_allowed(connection, over_http=context_of(request).desk_over_http):
        raise web.HTTPForbidden(reason="Passwords could be read on their way: come by https://")
