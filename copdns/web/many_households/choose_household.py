"""Find out whose pages a request is about, where there are many households (`family_door.py`)."""

from __future__ import annotations

from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler

from copdns.accounts.codes import family_code_key
from copdns.model.device_tokens import token_digest
from copdns.web.browser_input import fields_of, parts_of_link
from copdns.web.context import context_of
from copdns.web.many_households.family_door import CHOSEN, DEVICE, FamilyDoor
from copdns.web.many_households.shown_secrets import (
    TooManyGuessesError,
    look_up_secret,
    note_right,
    too_many_guesses,
    typist_of,
)
from copdns.web.pages import TENANT, wants_html
from copdns.web.problem import is_for_programs
from copdns.web.session import SESSION, cookie_of

FAMILY = "copdns_family"  # the cookie with the code
DEVICE_COOKIE = "copdns_pass"  # the cookie with the token of the device that this browser is on
FAMILY_LASTS = 90 * 86_400  # seconds
CODE_PATH = "/family"
_MOST_TOKEN = 64  # characters
# A code of an account says whose it is, so whoever joins need not know the family's beforehand.
JOIN_PATH = "/guardian/join"
_OF_NOBODY = ("/static/", "/healthz", "/readyz", "/metrics", "/language", CODE_PATH, JOIN_PATH)


@web.middleware
async def choose_household(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request be about the household of its session, or else of its device or its code.

    Whose device it is, its token alone says: no address does.
    """
    door = context_of(request).door
    if door is None or request.path.startswith("/static/"):
        return await handler(request)
    try:
        household = await _find_household(request, door)
    except TooManyGuessesError:
        raise too_many_guesses() from None
    if household:
        async with door.families.hold(household) as is_there:
            if is_there:
                CHOSEN.set(household)
                look = await door.look(household) if door.look is not None else None
                if look is not None:
                    request[TENANT] = look
                return await handler(request)
    if request.path.startswith(_OF_NOBODY):
        return await handler(request)
    if request.method == "GET" and wants_html(request) and not is_for_programs(request):
        return _page(request)
    raise web.HTTPUnauthorized(reason="Log in first")


async def _find_household(request: web.Request, door: FamilyDoor) -> str:
    """Return whose pages a request is about, by what its browser shows; "" for nobody's.

    Raises TooManyGuessesError.
    """
    household = await _session_household(request)
    if token := request.cookies.get(DEVICE_COOKIE, "")[:_MOST_TOKEN]:
        digest = token_digest(token)
        found = await look_up_secret(request, token, partial(door.families.find_device, digest))
        if found and found == (household or found):
            household = found
            DEVICE.set(digest)
    if not household and (code := request.cookies.get(FAMILY, "")[:_MOST_TOKEN]):
        household = await look_up_secret(request, code, partial(door.families.find, code))
    return household


async def _session_household(request: web.Request) -> str:
    context, now = context_of(request), int(context_of(request).now())
    key = request.headers.get("Authorization")
    if key is not None:
        scheme, _, token = key.partition(" ")
        token = token if scheme.lower() == "bearer" else ""
        actor = await look_up_secret(request, token, partial(context.tokens.find, token, now))
        return actor.household if actor is not None else ""
    cookie = cookie_of(request, SESSION)
    # Whether that is a use, the page itself tells.
    if not cookie:
        return ""
    find = partial(context.sessions.find, cookie, now, is_use=False)
    found = await look_up_secret(request, cookie, find)
    return found[1].household if found is not None else ""


async def enter_code(request: web.Request) -> web.Response:
    """Remember the household whose code was typed, in a cookie of this browser."""
    door = context_of(request).door
    if door is None:
        raise web.HTTPNotFound
    fields = await fields_of(request)
    code = str(fields.get("code", ""))[:40]
    entry = await door.enter(code, typist_of(request))
    if not entry.household:
        waits = entry.waits
        return _page(request, error="wait" if waits else "wrong", status=429 if waits else 400)
    redirect = web.HTTPSeeOther(_way_back(str(fields.get("next", ""))))
    if entry.is_device:
        _keep(request, redirect, DEVICE_COOKIE, code.strip().lower())
    else:
        keep_code(request, redirect, code)
    raise redirect


def keep_code(request: web.Request, response: web.StreamResponse, code: str) -> None:
    """Let this browser show a household's code from now on, in place of one that it had."""
    _keep(request, response, FAMILY, family_code_key(code))


def _keep(request: web.Request, response: web.StreamResponse, name: str, value: str) -> None:
    note_right(request, value)
    response.set_cookie(
        name, value, max_age=FAMILY_LASTS, httponly=True, samesite="Lax", secure=request.secure
    )


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
