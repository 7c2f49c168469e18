"""How somebody of the staff logs in by the provider's single sign-on, and out.

What a browser began is in its own cookie, sealed; what it brings back is looked at by `sign_on.py`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import asdict
from typing import Final

from aiohttp import web

from copdns.model.errors import RegisterError, SignOnError
from copdns.provider.law.keys import LOGINS
from copdns.store.provider_db.staff_sessions import ATTEMPT_LASTS, StaffSession
from copdns.web.many_households.shown_secrets import note_right
from copdns.web.pages import wants_html
from copdns.web.staff.console import HOME, is_form, safe_path
from copdns.web.staff.own_language import follow_own_language
from copdns.web.staff.sign_on import SignOnAttempt
from copdns.web.staff.site import (
    COOKIE,
    SITE,
    digest_of,
    read_cookie,
    register_of,
    render,
    require_own_page,
)

ATTEMPT_COOKIE: Final = "copdns_staff_login"


def add_login(app: web.Application) -> None:
    """Add logging in and out to the application of the staff."""
    app.add_routes(
        [
            web.get("/staff/login", _log_in),
            web.get("/staff/callback", _come_back),
            web.post("/staff/logout", _log_out),
        ]
    )


async def _log_in(request: web.Request) -> web.Response:
    """Send a browser to the sign-on; with ?again=1 it asks for a new proof.

    The attempt is nowhere but in a cookie, sealed: whoever begins thousands takes nobody's place.
    """
    site = request.app[SITE]
    attempt = SignOnAttempt(
        secrets.token_urlsafe(32),
        secrets.token_urlsafe(32),
        secrets.token_urlsafe(48),
        int(site.now()),
        is_step_up=request.query.get("again") == "1",
    )
    address = await site.sign_on.address(attempt)
    told = {**asdict(attempt), "next": safe_path(request.query.get("next", ""))}
    sealed = await asyncio.to_thread(site.keys.seal, json.dumps(told), LOGINS)
    response = web.Response(status=303, headers={"Location": address})
    # Lax, since the sign-on sends the browser back from another site.
    response.set_cookie(
        *(site.cookie_name(ATTEMPT_COOKIE), sealed),
        path="/",
        max_age=ATTEMPT_LASTS,
        httponly=True,
        secure=site.is_secure,
        samesite="Lax",
    )
    return response


async def _come_back(request: web.Request) -> web.Response:
    """Take what a browser brings back from the sign-on, and begin a session."""
    site, now = request.app[SITE], int(request.app[SITE].now())
    state, code = request.query.get("state", ""), request.query.get("code", "")
    attempt, back = await _attempt(request)
    if not (state and code and secrets.compare_digest(state.encode(), attempt.state.encode())):
        raise SignOnError("this login was not begun in this browser; begin at /staff/login")
    if not 0 <= now - attempt.began <= ATTEMPT_LASTS:
        raise SignOnError("this login took too long; begin again at /staff/login")
    proof = await site.sign_on.finish(code, attempt, now)
    register = await register_of(request)
    who = next(
        (
            each
            for each in register.staff.values()
            if each.subject and each.subject == proof.subject and not each.is_gone
        ),
        None,
    )
    if who is None:
        raise SignOnError("you do not work here yet; ask an administrator to add your login")
    if not await asyncio.to_thread(site.sessions.finish, digest_of(state), attempt.began, now):
        raise SignOnError("this login is over; begin again at /staff/login")
    # A session of before is over: a cookie that somebody else put into the browser is no way in.
    await asyncio.to_thread(site.sessions.end, digest_of(read_cookie(request, COOKIE)))
    cookie = secrets.token_urlsafe(32)
    session = StaffSession(digest_of(cookie), who.id, now, now, proof.proven_at)
    await asyncio.to_thread(site.sessions.add, session)
    note_right(request, cookie)
    if wants_html(request):
        # Not a redirect: after one that began at another site browsers do not send the cookie.
        response = render(request, "signed_in", status=200, next=back or HOME, who=who)
    else:
        response = web.json_response({"id": who.id, "role": str(who.role)})
    response.set_cookie(
        *(site.cookie_name(COOKIE), cookie),
        path="/",
        httponly=True,
        secure=site.is_secure,
        samesite="Strict",
    )
    _delete_cookie(request, response, ATTEMPT_COOKIE)
    if wants_html(request):
        await follow_own_language(request, response, who.id)
    return response


async def _attempt(request: web.Request) -> tuple[SignOnAttempt, str]:
    """Return the login that this browser began, and the page that it is for."""
    sealed = read_cookie(request, ATTEMPT_COOKIE)
    try:
        text = await asyncio.to_thread(request.app[SITE].keys.unseal, sealed, LOGINS)
    except RegisterError:
        raise SignOnError(
            "this login was not begun in this browser; begin at /staff/login"
        ) from None
    told = json.loads(text)  # ours, since it was sealed by our key
    return SignOnAttempt(**{key: told[key] for key in told if key != "next"}), told["next"]


async def _log_out(request: web.Request) -> web.Response:
    require_own_page(request)
    digest = digest_of(read_cookie(request, COOKIE))
    await asyncio.to_thread(request.app[SITE].sessions.end, digest)
    response = web.json_response({})
    if is_form(request.content_type):
        response = web.Response(status=303, headers={"Location": HOME})
    _delete_cookie(request, response, COOKIE)
    return response


def _delete_cookie(request: web.Request, response: web.Response, name: str) -> None:
    site = request.app[SITE]
    # Secure, or browsers do not take what has the prefix, not even to delete it.
    response.del_cookie(site.cookie_name(name), path="/", secure=site.is_secure)
