"""Log in and out; create the first account with a code from the console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from copdns.accounts.account import BROWSER_LASTS, SESSION_LONGEST
from copdns.model.errors import AccountError
from copdns.web.browser_input import fields_of, label_of, parts_of_link
from copdns.web.context import context_of
from copdns.web.logins import LoginForm, LoginResult, Outcome
from copdns.web.many_households.shown_secrets import note_right, typist_of
from copdns.web.session import (
    BROWSER,
    LOGIN,
    SESSION,
    actor_of,
    cookie_name,
    cookie_of,
    require_safe_connection,
)

DESK, WIZARD = "/guardian/", "/guardian/wizard"


async def login_form(request: web.Request) -> web.Response:
    """Show the form; redirect somebody who is logged in."""
    require_safe_connection(request)
    if await actor_of(request) is not None:
        raise web.HTTPSeeOther(_next_page(request))
    return await _form(request)


async def login(request: web.Request) -> web.Response:
    """Log somebody in."""
    require_safe_connection(request)
    context, fields = context_of(request), await fields_of(request)
    form = LoginForm(
        name=str(fields.get("name", "")),
        password=str(fields.get("password", "")),
        address=typist_of(request),
        code=str(fields.get("code", "")),
        session=cookie_of(request, SESSION),
        browser=cookie_of(request, BROWSER),
        label=label_of(request),
    )
    result = await context.logins.log_in(_household(request), form, int(context.now()))
    if result.outcome is not Outcome.IN:
        status = 429 if result.outcome is Outcome.WAIT else 401
        return await _form(request, status=status, result=result, name=form.name)
    raise let_in(request, result, _next_page(request))


async def logout(request: web.Request) -> web.Response:
    """End the session of this browser."""
    await context_of(request).sessions.end(cookie_of(request, SESSION))
    redirect = web.HTTPSeeOther(LOGIN)
    # Without Secure browsers would keep one with the prefix.
    redirect.del_cookie(cookie_name(request, SESSION), secure=request.secure)
    raise redirect


async def set_up_form(request: web.Request) -> web.Response:
    """Show the form for the first account: a code from the console, a name and a password."""
    require_safe_connection(request)
    context = context_of(request)
    # Not at a provider, where it would tell about whichever household there is.
    is_done = not context.is_shared and await context.accounts.all(_household(request))
    return context.pages.render(request, "desk/set_up.html", is_done=bool(is_done))


async def set_up(request: web.Request) -> web.Response:
    """Create the first account, and log in."""
    require_safe_connection(request)
    context, fields = context_of(request), await fields_of(request)
    name, password = str(fields.get("name", "")), str(fields.get("password", ""))
    require_same_passwords(fields)
    now, address = int(context.now()), typist_of(request)
    code = str(fields.get("code", ""))
    account = await context.logins.set_up(code, name, password, address, now, ())
    form = LoginForm(name, password, address, label=label_of(request))
    result = await context.logins.log_in(account.household, form, now)
    step = (await context.setups.progress(account.household)).next_step
    raise let_in(request, result, f"{WIZARD}/{step}" if step else WIZARD)


def require_same_passwords(fields: Mapping[str, Any]) -> None:
    """Raise AccountError where the two entries of a new password differ."""
    if str(fields.get("password", "")) != str(fields.get("again", "")):
        raise AccountError("the two passwords do not match; enter both again", name="password")


async def _form(
    request: web.Request, *, status: int = 200, result: LoginResult | None = None, name: str = ""
) -> web.Response:
    context = context_of(request)
    return context.pages.render(
        request,
        "desk/login.html",
        status=status,
        done=result,
        name=name,
        next=_next_page(request),
        is_new=not await context.accounts.all(_household(request)),
    )


def let_in(request: web.Request, result: LoginResult, where: str) -> web.HTTPSeeOther:
    """Return the redirect after a login, with cookies for the session and the browser."""
    redirect = web.HTTPSeeOther(where)
    note_right(request, result.session)
    for cookie, value, lasts in (
        (SESSION, result.session, SESSION_LONGEST),
        (BROWSER, result.browser, BROWSER_LASTS),
    ):
        redirect.set_cookie(
            cookie_name(request, cookie),
            value,
            max_age=lasts,
            httponly=True,
            samesite="Lax",
            secure=request.secure,
        )
    return redirect


def _next_page(request: web.Request) -> str:
    """Return the URL after the login: a page of the dashboard, and nothing else."""
    wanted = parts_of_link(request.query.get("next", ""))
    inside = not wanted.scheme and not wanted.netloc and wanted.path.startswith(DESK)
    return wanted.geturl() if inside and wanted.path.startswith("/guardian/") else DESK


def _household(request: web.Request) -> str:
    """Return the id of the household; there is one."""
    return next(iter(context_of(request).snapshot().households), "")
