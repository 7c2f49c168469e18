"""The web application of a provider's staff: login by single sign-on, operations and pages.

It is a program of its own (`copdns provider serve`) and knows no page of a household.  An operation
is asked for in JSON, or by a browser, which gets a page of what it answers (`console.py`).
"""

from __future__ import annotations

import asyncio
import json
import secrets
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from copdns.lists.index import FoundEntry
from copdns.model.errors import CopdnsError, RegisterError, SignOnError, StoreError, TextError
from copdns.provider.law.keys import LOGINS, ProviderKeys
from copdns.provider.law.register import Register
from copdns.provider.plane.snapshot import SpecialNames
from copdns.provider.staff.duties import StaffMember
from copdns.provider.staff.published import Publisher
from copdns.store.provider_db.desk_rows import DeskStore
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.store.provider_db.staff_sessions import ATTEMPT_LASTS, StaffSession, StaffSessions
from copdns.web.languages import phrases_in
from copdns.web.middlewares import add_headers
from copdns.web.pages import SHOWN_PATH, Pages, wants_html
from copdns.web.staff.console import (
    HOME,
    PAGES,
    WRITTEN,
    came_from,
    is_form,
    page_after,
    read_form,
    safe_path,
)
from copdns.web.staff.operations import StaffCall, StaffOperation
from copdns.web.staff.sign_on import FRESH, SignOn, SignOnAttempt
from copdns.words.phrases import SOURCE

log = structlog.get_logger("copdns")

COOKIE: Final = "copdns_staff"
ATTEMPT_COOKIE: Final = "copdns_staff_login"
MAX_BODY: Final = 4 << 20  # octets: an order has up to 100,000 names
STEP_UP_PROBLEM: Final = "urn:copdns:problem:step-up"


@dataclass(frozen=True, slots=True)
class StaffSite:
    """What the application stands on.

    find: what lists have of a name in normal form; blocks.  hotlines: of the provider's country,
    name and URL.  origin: of its URLs, as browsers say it.  now: seconds since 1970.  keys: seal
    logins that are under way.  publisher: of what the register has now.
    """

    register: RegisterStore
    desk: DeskStore
    find: Callable[[str], Sequence[FoundEntry]]
    hotlines: tuple[tuple[str, str], ...]
    sessions: StaffSessions
    sign_on: SignOn
    special: SpecialNames
    origin: str
    now: Callable[[], float]
    keys: ProviderKeys
    publisher: Callable[[Register], Publisher]
    pages: Pages

    @property
    def is_secure(self) -> bool:
        return self.origin.startswith("https://")

    def cookie_name(self, name: str) -> str:
        """Return what a cookie is called: over HTTPS, so that no other name below the same domain
        plants one (RFC 6265bis section 4.1.3.2)."""
        return f"__Host-{name}" if self.is_secure else name


SITE: web.AppKey[StaffSite] = web.AppKey("site", StaffSite)
_CACHE: web.AppKey[dict[int, Register]] = web.AppKey("register as it was read last", dict)
_TABLE: web.AppKey[dict[tuple[str, str], StaffOperation]] = web.AppKey("operations", dict)


def staff_app(site: StaffSite, operations: tuple[StaffOperation, ...]) -> web.Application:
    """Return the application."""
    app = web.Application(middlewares=[_answer_errors], client_max_size=MAX_BODY)
    app[SITE], app[_CACHE] = site, {}
    app[_TABLE] = {(each.method, each.path): each for each in operations}
    app.on_response_prepare.append(add_headers)
    app.add_routes(
        [
            web.get("/staff", _go_home),
            web.get("/staff/login", _log_in),
            web.get("/staff/callback", _come_back),
            web.post("/staff/logout", _log_out),
        ]
    )
    for each in operations:
        app.router.add_route(each.method, each.path, _handler(each))
    return app


async def _go_home(_request: web.Request) -> web.Response:
    raise web.HTTPSeeOther(HOME)


def _handler(operation: StaffOperation) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        who = await _who(request)
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


class _Actor(NamedTuple):
    """Who acts.  is_fresh: they proved who they are within the last minutes."""

    who: StaffMember
    register: Register
    is_fresh: bool


async def _run(
    request: web.Request,
    operation: StaffOperation,
    actor: _Actor,
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
        actor.who,
        actor.is_fresh,
        int(site.now()),
        _number(request.match_info.get("number", "0")),
        request.match_info.get("text", ""),
        body or {},
    )
    return await asyncio.to_thread(operation.handle, call)


def _require_right(request: web.Request, operation: StaffOperation, actor: _Actor) -> None:
    if not operation.is_for(actor.who):
        raise _RefusedError(403, "this is not one of your duties")
    if operation.method != "GET":
        _require_own_page(request)
    if operation.is_grave and not actor.is_fresh:
        raise _StepUpNeededError


async def _take_form(
    request: web.Request, operation: StaffOperation, actor: _Actor
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
    actor: _Actor,
    found: object,
    *,
    error: Exception | None = None,
    form: str = "",
) -> web.Response:
    """Return the page of what an operation answered.

    error: why a form of it was refused; form: which, by the path of its operation.
    """
    table = request.app[_TABLE]

    def may(method: str, path: str) -> bool:
        return table[method, path].is_for(actor.who)

    return _render(
        request,
        PAGES[operation.path].template,
        status=200 if error is None else 409,
        found=found,
        me=actor.who,
        staff=[each for each in actor.register.staff.values() if not each.is_gone],
        may=may,
        is_fresh=actor.is_fresh,
        error=str(error) if error else "",
        form=form,
        written=request.get(WRITTEN, {}),
        now=int(request.app[SITE].now()),
        menu=[(path, each) for path, each in PAGES.items() if each.menu and may("GET", path)],
    )


def _render(request: web.Request, template: str, *, status: int, **values: Any) -> web.Response:
    """Return a page in English, the language of all pages of the staff."""
    phrases = phrases_in(SOURCE)
    return request.app[SITE].pages.render(
        request,
        f"staff/{template}.html",
        status=status,
        phrases=phrases,
        lang=phrases.tag,
        dir=phrases.direction,
        **{"me": None, "menu": [], **values},
    )


class _RefusedError(Exception):
    """Nothing was done: why, for people, and with which status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class _StepUpNeededError(Exception):
    """A proof of the last minutes is needed first."""


async def _who(request: web.Request) -> _Actor:
    """Return who acts; raise _RefusedError for nobody, and for who does not work here now."""
    site = request.app[SITE]
    cookie, now = _cookie(request, COOKIE), int(site.now())
    session = await asyncio.to_thread(site.sessions.use, _digest(cookie), now)
    register = await register_of(request)
    who = register.staff.get(session.staff) if session else None
    if session is None or who is None or who.is_gone:
        raise _RefusedError(401, "log in at /staff/login")
    return _Actor(who, register, now - session.proven <= FRESH)


async def register_of(request: web.Request) -> Register:
    """Return the register; it is read again only where it has new lines."""
    site, cache = request.app[SITE], request.app[_CACHE]
    size = await asyncio.to_thread(site.register.size)
    if size not in cache:
        found = await asyncio.to_thread(site.register.load)
        cache.clear()
        cache[found.size] = found
        return found
    return cache[size]


def _require_own_page(request: web.Request) -> None:
    """Refuse what another site lets a browser send."""
    if request.headers.get("Origin") != request.app[SITE].origin:
        raise _RefusedError(403, "the Origin header is not that of this site")
    if request.content_type != "application/json" and not is_form(request.content_type):
        raise _RefusedError(415, "send JSON")


async def body_of(request: web.Request) -> dict[str, Any]:
    """Return the JSON object that was sent; raise _RefusedError for anything else."""
    try:
        found = json.loads(await request.read() or b"{}")
        # Half of a surrogate pair is JSON, and no text that anything here could store.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _RefusedError(400, "the body is no JSON") from None
    if not isinstance(found, dict):
        raise _RefusedError(400, "the body is a JSON object")
    return found


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


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
    if not await asyncio.to_thread(site.sessions.finish, _digest(state), attempt.began, now):
        raise SignOnError("this login is over; begin again at /staff/login")
    # A session of before is over: a cookie that somebody else put into the browser is no way in.
    await asyncio.to_thread(site.sessions.end, _digest(_cookie(request, COOKIE)))
    cookie = secrets.token_urlsafe(32)
    session = StaffSession(_digest(cookie), who.id, now, now, proof.proven_at)
    await asyncio.to_thread(site.sessions.add, session)
    if wants_html(request):
        # Not a redirect: after one that began at another site browsers do not send the cookie.
        response = _render(request, "signed_in", status=200, next=back or HOME, who=who)
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
    return response


async def _attempt(request: web.Request) -> tuple[SignOnAttempt, str]:
    """Return the login that this browser began, and the page that it is for."""
    sealed = _cookie(request, ATTEMPT_COOKIE)
    try:
        text = await asyncio.to_thread(request.app[SITE].keys.unseal, sealed, LOGINS)
    except RegisterError:
        raise SignOnError(
            "this login was not begun in this browser; begin at /staff/login"
        ) from None
    told = json.loads(text)  # ours, since it was sealed by our key
    return SignOnAttempt(**{key: told[key] for key in told if key != "next"}), told["next"]


async def _log_out(request: web.Request) -> web.Response:
    _require_own_page(request)
    digest = _digest(_cookie(request, COOKIE))
    await asyncio.to_thread(request.app[SITE].sessions.end, digest)
    response = web.json_response({})
    if is_form(request.content_type):
        response = web.Response(status=303, headers={"Location": HOME})
    _delete_cookie(request, response, COOKIE)
    return response


def _cookie(request: web.Request, name: str) -> str:
    return request.cookies.get(request.app[SITE].cookie_name(name), "")


def _delete_cookie(request: web.Request, response: web.Response, name: str) -> None:
    site = request.app[SITE]
    # Secure, or browsers do not take what has the prefix, not even to delete it.
    response.del_cookie(site.cookie_name(name), path="/", secure=site.is_secure)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error with a page or a problem (RFC 9457), and not with a traceback."""
    response = await _answer(request, handler)
    if not isinstance(response, _Problem):
        return response
    if not wants_html(request) or not request.path.startswith("/staff"):
        return web.json_response(
            {"type": response.kind, "status": response.status, "detail": response.text},
            status=response.status,
            content_type="application/problem+json",
        )
    came = request.path_qs if request.method == "GET" else came_from(request)
    return _render(
        request,
        "refused",
        status=response.status,
        text=response.text,
        is_step_up=response.kind == STEP_UP_PROBLEM,
        next=safe_path("" if request.path == "/staff/callback" else came),
    )


class _Problem(NamedTuple):
    """What went wrong, for people."""

    status: int
    text: str
    kind: str = "about:blank"


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse | _Problem:
    try:
        return await handler(request)
    except _StepUpNeededError:
        text = "prove who you are again, at /staff/login?again=1"
        return _Problem(403, text, STEP_UP_PROBLEM)
    except _RefusedError as error:
        return _Problem(error.status, str(error))
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        return _Problem(error.status, error.text or error.reason)
    except SignOnError as error:
        return _Problem(403, str(error))
    except RegisterError as error:
        return _Problem(409, str(error))
    except StoreError as error:
        log.warning("an operation of the staff was not possible", error=str(error))
        return _Problem(503, "not possible now; try again in a moment")
    except (CopdnsError, TextError) as error:
        return _Problem(400, str(error))
    except Exception as error:  # noqa: BLE001 - a bug in an operation must not end the others
        # Without the error's words and the values of variables: confidential names may be in them.
        places = "".join(traceback.format_tb(error.__traceback__))
        log.error("a bug in an operation of the staff", error=type(error).__name__, places=places)
        return _Problem(500, "something went wrong here")
