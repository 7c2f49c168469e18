"""The web application of a provider's staff: login by single sign-on, operations and pages.

It is a program of its own (`copdns provider serve`) and knows no page of a household.  An operation
is asked for in JSON, or by a browser, which gets a page of what it answers (`console.py`).
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from copdns.accounts.guesses import SecretGuesses
from copdns.model.errors import RegisterError, TextError
from copdns.model.sentences import UserError, sentence
from copdns.web.many_households.shown_secrets import GUESSES
from copdns.web.middlewares import add_headers
from copdns.web.pages import SHOWN_PATH, wants_html
from copdns.web.staff.console import (
    HOME,
    PAGES,
    WRITTEN,
    is_form,
    page_after,
    read_form,
)
from copdns.web.staff.login import add_login
from copdns.web.staff.operations import StaffCall, StaffOperation
from copdns.web.staff.problems import answer_errors
from copdns.web.staff.site import (
    CACHE,
    SITE,
    StaffActor,
    StaffProofNeeded,
    StaffRefusal,
    StaffSite,
    actor_of,
    render,
    require_own_page,
)

MAX_BODY: Final = 4 << 20  # octets: an order has up to 100,000 names
_TABLE: web.AppKey[dict[tuple[str, str], StaffOperation]] = web.AppKey("operations", dict)


def staff_app(site: StaffSite, operations: tuple[StaffOperation, ...]) -> web.Application:
    """Return the application."""
    app = web.Application(middlewares=[answer_errors], client_max_size=MAX_BODY)
    app[SITE], app[CACHE], app[GUESSES] = site, {}, SecretGuesses(secrets.token_bytes(16))
    app[_TABLE] = {(each.method, each.path): each for each in operations}
    app.on_response_prepare.append(add_headers)
    app.router.add_get("/staff", _go_home)
    add_login(app)
    for each in operations:
        app.router.add_route(each.method, each.path, _handler(each))
    return app


async def _go_home(_request: web.Request) -> web.Response:
    raise web.HTTPSeeOther(HOME)


def _handler(operation: StaffOperation) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return what takes requests for an operation: pages and forms for people, JSON for programs.

    What changes something is refused before its body is read to who has no right to it.
    """

    async def handle(request: web.Request) -> web.Response:
        who = await actor_of(request)
        if operation.method == "GET":
            found = await _run(request, operation, who)
            if _wants_page(request, operation):
                return _page(request, operation, who, found)
            return web.json_response(found)
        _require_right(request, operation, who)
        if not is_form(request.content_type):
            return web.json_response(await _run(request, operation, who, await body_of(request)))
        return await _take_form(request, operation, who)

    return handle


async def _run(
    request: web.Request,
    operation: StaffOperation,
    actor: StaffActor,
    body: dict[str, Any] | None = None,
) -> object:
    """Do what an operation says, if it is one of somebody's duties."""
    _require_right(request, operation, actor)
    site = request.app[SITE]
    call = StaffCall(
        actor.register,
        site.register,
        site.desk,
        site.find,
        site.special,
        site.publisher,
        site.installation,
        site.list_files,
        actor.who,
        actor.is_fresh,
        int(site.now()),
        _number(request.match_info.get("number", "0")),
        request.match_info.get("text", ""),
        body or {},
    )
    return await asyncio.to_thread(operation.handle, call)


def _require_right(request: web.Request, operation: StaffOperation, actor: StaffActor) -> None:
    if not operation.is_for(actor.who):
        raise StaffRefusal(403, sentence("this is not one of your duties"))
    if operation.method != "GET":
        require_own_page(request)
    if operation.is_grave and not actor.is_fresh:
        raise StaffProofNeeded


async def _take_form(
    request: web.Request, operation: StaffOperation, actor: StaffActor
) -> web.Response:
    """Do what a form says, and lead to the page that shows it; what is refused is shown again."""
    try:
        body = await read_form(request, int(request.app[SITE].now()))
        found = await _run(request, operation, actor, body)
    except (RegisterError, TextError) as error:
        path, table = page_after(operation.path, is_made=False), request.app[_TABLE]
        shown = table["GET", path]
        if not shown.is_for(actor.who):
            raise
        request[SHOWN_PATH] = path.format(**request.match_info)  # links back lead to what has GET
        again = await _run(request, shown, actor)
        return _page(request, shown, actor, again, error=error, form=operation.path)
    path = page_after(operation.path, is_made=True)
    places = dict(request.match_info)
    if path.startswith(operation.path) and isinstance(found, dict):
        places["number"] = str(found.get("number", ""))  # of what was made
    raise web.HTTPSeeOther(path.format(**places))


def _wants_page(request: web.Request, operation: StaffOperation) -> bool:
    is_json = request.query.get("as") == "json"
    return operation.path in PAGES and wants_html(request) and not is_json


def _page(
    request: web.Request,
    operation: StaffOperation,
    actor: StaffActor,
    found: object,
    *,
    error: UserError | None = None,
    form: str = "",
) -> web.Response:
    """Return the page of what an operation answered.

    error: why a form of it was refused; form: which, by the path of its operation.
    """
    table = request.app[_TABLE]

    def may(method: str, path: str) -> bool:
        return table[method, path].is_for(actor.who)

    return render(
        request,
        PAGES[operation.path].template,
        status=200 if error is None else 409,
        found=found,
        me=actor.who,
        staff=[each for each in actor.register.staff.values() if not each.is_gone],
        may=may,
        is_fresh=actor.is_fresh,
        error=error,
        form=form,
        written=request.get(WRITTEN, {}),
        now=int(request.app[SITE].now()),
        menu=[(path, each) for path, each in PAGES.items() if each.picture and may("GET", path)],
    )


async def body_of(request: web.Request) -> dict[str, Any]:
    """Return the JSON object that was sent; raise StaffRefusal for anything else."""
    try:
        found = json.loads(await request.read() or b"{}")
        # Half of a surrogate pair is JSON, and no text that anything here could store.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise StaffRefusal(400, sentence("the body is no JSON")) from None
    if not isinstance(found, dict):
        raise StaffRefusal(400, sentence("the body is a JSON object"))
    return found


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
