"""The web application of a provider's staff: login by single sign-on, and operations in JSON.

It is a program of its own (`copdns provider serve`) and knows no page of a household.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from copdns.lists.index import FoundEntry
from copdns.model.errors import CopdnsError, RegisterError, SignOnError, StoreError
from copdns.provider.law.register import Register
from copdns.provider.plane.snapshot import SpecialNames
from copdns.provider.staff.duties import StaffMember
from copdns.store.provider_db.desk_rows import DeskStore
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.store.provider_db.staff_sessions import AttemptRow, StaffSession, StaffSessions
from copdns.web.middlewares import add_headers
from copdns.web.staff.operations import StaffCall, StaffOperation
from copdns.web.staff.sign_on import FRESH, SignOn, SignOnAttempt

log = structlog.get_logger("copdns")

COOKIE: Final = "copdns_staff"
ATTEMPT_COOKIE: Final = "copdns_staff_login"
MAX_BODY: Final = 4 << 20  # octets: an order has up to 100,000 names
STEP_UP_PROBLEM: Final = "urn:copdns:problem:step-up"


@dataclass(frozen=True, slots=True)
class StaffSite:
    """What the application stands on.

    find: what lists have of a name in normal form; blocks.  hotlines: of the provider's country,
    name and URL.  origin: of its URLs, as browsers say it.  now: seconds since 1970.
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

    @property
    def is_secure(self) -> bool:
        return self.origin.startswith("https://")


SITE: web.AppKey[StaffSite] = web.AppKey("site", StaffSite)
_CACHE: web.AppKey[dict[int, Register]] = web.AppKey("register as it was read last", dict)


def staff_app(site: StaffSite, operations: tuple[StaffOperation, ...]) -> web.Application:
    """Return the application."""
    app = web.Application(middlewares=[_errors_as_json], client_max_size=MAX_BODY)
    app[SITE], app[_CACHE] = site, {}
    app.on_response_prepare.append(add_headers)
    app.add_routes(
        [
            web.get("/staff/login", _log_in),
            web.get("/staff/callback", _come_back),
            web.post("/staff/logout", _log_out),
        ]
    )
    for each in operations:
        app.router.add_route(each.method, each.path, _handler(each))
    return app


def _handler(operation: StaffOperation) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        site, (who, session, register) = request.app[SITE], await _who(request)
        if not operation.is_for(who):
            raise _RefusedError(403, "this is not one of your duties")
        if operation.method != "GET":
            _require_own_page(request)
        if operation.is_grave and site.now() - session.proven > FRESH:
            raise _StepUpNeededError
        call = StaffCall(
            register,
            site.register,
            site.desk,
            site.find,
            site.special,
            who,
            int(site.now()),
            _number(request.match_info.get("number", "0")),
            request.match_info.get("text", ""),
            await body_of(request) if operation.method != "GET" else {},
        )
        return web.json_response(await asyncio.to_thread(operation.handle, call))

    return handle


class _RefusedError(Exception):
    """Nothing was done: why, for people, and with which status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class _StepUpNeededError(Exception):
    """A proof of the last minutes is needed first."""


async def _who(request: web.Request) -> tuple[StaffMember, StaffSession, Register]:
    """Return who acts; raise _RefusedError for nobody, and for who does not work here now."""
    site = request.app[SITE]
    cookie = request.cookies.get(COOKIE, "")
    session = await asyncio.to_thread(site.sessions.use, _digest(cookie), int(site.now()))
    register = await register_of(request)
    who = register.staff.get(session.staff) if session else None
    if session is None or who is None or who.is_gone:
        raise _RefusedError(401, "log in at /staff/login")
    return who, session, register


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
    if request.content_type != "application/json":
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
    """Send a browser to the sign-on; with ?again=1 it asks for a new proof."""
    site = request.app[SITE]
    secret = secrets.token_urlsafe(32)
    attempt = SignOnAttempt(
        secret,
        secrets.token_urlsafe(32),
        secrets.token_urlsafe(48),
        int(site.now()),
        is_step_up=request.query.get("again") == "1",
    )
    address = await site.sign_on.address(attempt)
    row = AttemptRow(
        _digest(secret), attempt.nonce, attempt.verifier, attempt.began, int(attempt.is_step_up)
    )
    await asyncio.to_thread(site.sessions.begin, row)
    response = web.Response(status=303, headers={"Location": address})
    # Lax, since the sign-on sends the browser back from another site.
    response.set_cookie(
        *(ATTEMPT_COOKIE, secret),
        path="/staff/callback",
        max_age=600,
        httponly=True,
        secure=site.is_secure,
        samesite="Lax",
    )
    return response


async def _come_back(request: web.Request) -> web.Response:
    """Take what a browser brings back from the sign-on, and begin a session."""
    site, now = request.app[SITE], int(request.app[SITE].now())
    state, code = request.query.get("state", ""), request.query.get("code", "")
    if not (
        state
        and code
        and secrets.compare_digest(state.encode(), request.cookies.get(ATTEMPT_COOKIE, "").encode())
    ):
        raise SignOnError("this login was not begun in this browser; begin at /staff/login")
    row = await asyncio.to_thread(site.sessions.take, _digest(state), now)
    if row is None:
        raise SignOnError("this login took too long; begin again at /staff/login")
    attempt = SignOnAttempt(state, row.nonce, row.verifier, row.began, bool(row.is_step_up))
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
    # A session of before is over: a cookie that somebody else put into the browser is no way in.
    await asyncio.to_thread(site.sessions.end, _digest(request.cookies.get(COOKIE, "")))
    cookie = secrets.token_urlsafe(32)
    session = StaffSession(_digest(cookie), who.id, now, now, proof.proven_at)
    await asyncio.to_thread(site.sessions.add, session)
    response = web.json_response({"id": who.id, "role": str(who.role)})
    response.set_cookie(
        COOKIE, cookie, path="/", httponly=True, secure=site.is_secure, samesite="Strict"
    )
    response.del_cookie(ATTEMPT_COOKIE, path="/staff/callback")
    return response


async def _log_out(request: web.Request) -> web.Response:
    _require_own_page(request)
    digest = _digest(request.cookies.get(COOKIE, ""))
    await asyncio.to_thread(request.app[SITE].sessions.end, digest)
    response = web.json_response({})
    response.del_cookie(COOKIE, path="/")
    return response


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error with a problem (RFC 9457), and not with a traceback."""
    try:
        return await handler(request)
    except _StepUpNeededError:
        text = "prove who you are again, at /staff/login?again=1"
        return _problem(403, text, STEP_UP_PROBLEM)
    except _RefusedError as error:
        return _problem(error.status, str(error))
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        return _problem(error.status, error.text or error.reason)
    except SignOnError as error:
        return _problem(403, str(error))
    except RegisterError as error:
        return _problem(409, str(error))
    except StoreError as error:
        log.warning("an operation of the staff was not possible", error=str(error))
        return _problem(503, "not possible now; try again in a moment")
    except CopdnsError as error:
        return _problem(400, str(error))
    except Exception as error:  # noqa: BLE001 - a bug in an operation must not end the others
        # Without the error's words and the values of variables: confidential names may be in them.
        places = "".join(traceback.format_tb(error.__traceback__))
        log.error("a bug in an operation of the staff", error=type(error).__name__, places=places)
        return _problem(500, "something went wrong here")


def _problem(status: int, text: str, kind: str = "about:blank") -> web.Response:
    return web.json_response(
        {"type": kind, "status": status, "detail": text},
        status=status,
        content_type="application/problem+json",
    )
