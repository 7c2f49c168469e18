"""Find out whose pages a request is about, where there are many households (`family_door.py`)."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from copdns.accounts.codes import family_code_key
from copdns.web.context import context_of
from copdns.web.many_households.family_door import CHOSEN
from copdns.web.pages import wants_html
from copdns.web.person import requestor_of
from copdns.web.problem import is_for_programs
from copdns.web.received import fields_of, parts_of_link
from copdns.web.session import SESSION, cookie_of

FAMILY = "copdns_family"  # the cookie with the code
FAMILY_LASTS = 90 * 86_400  # seconds
CODE_PATH = "/family"
_OF_NOBODY = ("/static/", "/healthz", "/readyz", "/metrics", "/language", CODE_PATH)


@web.middleware
async def choose_household(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request be about the household of its session, or else of its code."""
    door = context_of(request).door
    if door is None:
        return await handler(request)
    household = await _session_household(request)
    if not household and (code := request.cookies.get(FAMILY, "")):
        household = await door.families.find(code)
    if household:
        async with door.families.hold(household) as is_there:
            if is_there:
                CHOSEN.set(household)
                return await handler(request)
    if request.path.startswith(_OF_NOBODY):
        return await handler(request)
    if request.method == "GET" and wants_html(request) and not is_for_programs(request):
        return _page(request)
    raise web.HTTPUnauthorized(reason="Log in first")


async def _session_household(request: web.Request) -> str:
    context, now = context_of(request), int(context_of(request).now())
    key = request.headers.get("Authorization")
    if key is not None:
        scheme, _, token = key.partition(" ")
        actor = await context.tokens.find(token if scheme.lower() == "bearer" else "", now)
        return actor.household if actor is not None else ""
    cookie = cookie_of(request, SESSION)
    found = await context.sessions.find(cookie, now) if cookie else None
    return found[1].household if found is not None else ""


async def enter_code(request: web.Request) -> web.Response:
    """Remember the household whose code was typed, in a cookie of this browser."""
    door = context_of(request).door
    if door is None:
        raise web.HTTPNotFound
    fields = await fields_of(request)
    code = str(fields.get("code", ""))[:40]
    household, waits = await door.enter(code, requestor_of(request).address)
    if not household:
        return _page(request, error="wait" if waits else "wrong", status=429 if waits else 400)
    redirect = web.HTTPSeeOther(_way_back(str(fields.get("next", ""))))
    kept = family_code_key(code)
    redirect.set_cookie(
        FAMILY, kept, max_age=FAMILY_LASTS, httponly=True, samesite="Lax", secure=request.secure
    )
    raise redirect


def _page(request: web.Request, *, error: str = "", status: int = 200) -> web.Response:
    return context_of(request).pages.render(
        request,
        "family.html",
        status=status,
        error=error,
        next=request.path_qs if request.method == "GET" else "/",
    )


def _way_back(text: str) -> str:
    wanted = parts_of_link(text)
    inside = not wanted.scheme and not wanted.netloc and wanted.path.startswith("/")
    return wanted.geturl() if inside and not wanted.path.startswith(("//", "/\\")) else "/"
