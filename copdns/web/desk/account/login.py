"""Log in and out; make the first account with the code from the console."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.account import BROWSER_LASTS, SESSION_LONGEST
from copdns.model.errors import AccountError
from copdns.web.context import context_of
from copdns.web.desk.account.user_agent import label
from copdns.web.links import parts_of_link
from copdns.web.logins import Login, Outcome, Typed
from copdns.web.person import requestor_of
from copdns.web.received import fields_of
from copdns.web.session import BROWSER, LOGIN, SESSION, actor_of, over_safe_way

DESK, WIZARD = "/guardian/", "/guardian/wizard"


async def login_form(request: web.Request) -> web.Response:
    """Name and password; whoever is in goes on."""
    over_safe_way(request)
    if await actor_of(request) is not None:
        raise web.HTTPSeeOther(_next(request))
    return await _form(request)


async def login(request: web.Request) -> web.Response:
    """Let somebody in."""
    over_safe_way(request)
    parts, fields = context_of(request), await fields_of(request)
    typed = Typed(
        name=str(fields.get("name", "")),
        password=str(fields.get("password", "")),
        address=requestor_of(request).address,
        code=str(fields.get("code", "")),
        session=request.cookies.get(SESSION, ""),
        browser=request.cookies.get(BROWSER, ""),
        label=label_of(request),
    )
    done = await parts.logins.log_in(_household(request), typed, int(parts.now()))
    if done.outcome is not Outcome.IN:
        status = 429 if done.outcome is Outcome.WAIT else 401
        return await _form(request, status=status, done=done, name=typed.name)
    raise let_in(request, done, _next(request))


async def logout(request: web.Request) -> web.Response:
    """End the session of this browser."""
    await context_of(request).sessions.end(request.cookies.get(SESSION, ""))
    out = web.HTTPSeeOther(LOGIN)
    out.del_cookie(SESSION)
    raise out


async def set_up_form(request: web.Request) -> web.Response:
    """The first account: a code from the console, a name and a password."""
    over_safe_way(request)
    return context_of(request).pages.render(request, "desk/set_up.html")


async def set_up(request: web.Request) -> web.Response:
    """Make the first account and log in."""
    over_safe_way(request)
    parts, fields = context_of(request), await fields_of(request)
    name, password = str(fields.get("name", "")), str(fields.get("password", ""))
    if password != str(fields.get("again", "")):
        raise AccountError("the two passwords do not match; enter both again", name="password")
    now, address = int(parts.now()), requestor_of(request).address
    code = str(fields.get("code", ""))
    account = await parts.logins.set_up(code, name, password, address, now, ())
    typed = Typed(name, password, address, label=label_of(request))
    done = await parts.logins.log_in(account.household, typed, now)
    raise let_in(request, done, WIZARD)


async def _form(
    request: web.Request, *, status: int = 200, done: Login | None = None, name: str = ""
) -> web.Response:
    parts = context_of(request)
    return parts.pages.render(
        request,
        "desk/login.html",
        status=status,
        done=done,
        name=name,
        next=_next(request),
        is_new=not await parts.accounts.all(_household(request)),
    )


def let_in(request: web.Request, done: Login, where: str) -> web.HTTPSeeOther:
    """Return the way on, with the cookies of a new session and of a browser that is known now."""
    found = web.HTTPSeeOther(where)
    for cookie, value, lasts in (
        (SESSION, done.session, SESSION_LONGEST),
        (BROWSER, done.browser, BROWSER_LASTS),
    ):
        found.set_cookie(
            cookie, value, max_age=lasts, httponly=True, samesite="Lax", secure=request.secure
        )
    return found


def _next(request: web.Request) -> str:
    """Return where to go after the login: a page of ours, and nothing else."""
    wanted = parts_of_link(request.query.get("next", ""))
    inside = not wanted.scheme and not wanted.netloc and wanted.path.startswith(DESK)
    return wanted.geturl() if inside and wanted.path.startswith("/guardian/") else DESK


def _household(request: web.Request) -> str:
    """Return the household of this house: at home there is one."""
    return next(iter(context_of(request).live().households), "")


def label_of(request: web.Request) -> str:
    """Return what the browser is called: to tell one's own sessions apart."""
    return label(request.headers.get("User-Agent", ""))
