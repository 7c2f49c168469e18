"""What stands before every handler: who may speak to us at all, and how we answer.

The outermost comes first in `GUARDS`.  Who may do what is the first line of each handler.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from http import HTTPStatus
from ipaddress import ip_address

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from copdns.accounts.roles import Actor, Role
from copdns.model.errors import CopdnsError
from copdns.model.sentences import Sentence
from copdns.policy.special_names import PROBE_ZONE
from copdns.web.context import context_of
from copdns.web.forms import TOLD
from copdns.web.links import parts_of_link
from copdns.web.pages import ACTOR, ELSEWHERE, wants_html
from copdns.web.problem import is_for_programs, problem
from copdns.web.received import fields_of

log = structlog.get_logger("copdns")

MOST_SENT = 64 << 10  # octets of a form: the longest are a household's rules
PROBED = "/protection/dot/"  # what is fetched under a made-up name
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

# What reading a body raises where that is not as its headers say: packed otherwise, or cut off.
_BROKEN = (web.RequestPayloadError, HttpProcessingError)

# No script, style or picture from elsewhere, nothing inline, in nobody's frame, and forms go
# nowhere but here.
_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # Other sites learn nothing.  With no-referrer browsers would say of our own forms, too, that
    # they come from "null" (Fetch, "append a request `Origin` header"), and we check that.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "copdns",  # and not the versions of what it is made of
}


@web.middleware
async def _safe_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPRedirection as redirection:  # aiohttp answers with the exception itself
        redirection.headers.update(_HEADERS)
        raise
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@web.middleware
async def _errors_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error with a page that says what to do, and never with a traceback."""
    try:
        return await handler(request)
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        told = {key: value for key, value in error.headers.items() if key == "Allow"}
        return await _error_page(request, error.status, _said(error), told)
    except TOLD as error:  # sentences for whoever sent it
        return await _error_page(request, 400, error.sentences)
    except _BROKEN:
        return await _error_page(request, web.HTTPBadRequest.status_code, ())
    except CopdnsError as error:
        log.warning("a page could not be given", error=str(error))
        return await _error_page(request, 503, (Sentence("Not possible now"),))
    except Exception:  # noqa: BLE001 - a bug in a page must not end the others
        # Without the values of variables, which may be somebody's.
        log.error("a bug in a page", traceback=traceback.format_exc())
        return await _error_page(request, 500, (Sentence("Something went wrong here"),))


def _said(error: web.HTTPException) -> tuple[Sentence, ...]:
    """Return what a handler says; the words of HTTP itself, such as "Not Found", say nothing."""
    usual = HTTPStatus(error.status).phrase
    return (Sentence(error.reason.replace("%", "%%")),) if error.reason != usual else ()


async def _error_page(
    request: web.Request,
    status: int,
    said: tuple[Sentence, ...],
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    text = "\n".join(map(str, said)) or HTTPStatus(status).phrase
    if is_for_programs(request):
        return problem(status, text, headers=headers)
    if status == web.HTTPMisdirectedRequest.status_code or not wants_html(request):
        return web.Response(status=status, text=f"{text}.\n")
    actor = request.get(ACTOR) if status == web.HTTPForbidden.status_code else None
    return context_of(request).pages.render(
        request,
        "error.html",
        status=status,
        said=said,
        back=_back(request),
        unsent=await _unsent(request) if status == web.HTTPUnauthorized.status_code else (),
        home=_home(request, actor),
        actor=actor,
        guardians=await _guardians(request, actor) if actor else (),
    )


async def _unsent(request: web.Request) -> tuple[str, ...]:
    """Return the long texts of a form that came after its session had ended: nothing is lost."""
    try:
        fields = await fields_of(request)
    except (web.HTTPException, *_BROKEN):  # too much, or no form of ours
        return ()
    return tuple(str(each) for key in _LONG_TEXTS for each in fields.getall(key, ()) if each)


_LONG_TEXTS = ("text", "words", "names")  # the rest is quickly chosen again, or a password


def _home(request: web.Request, actor: Actor | None) -> str:
    is_desk = request.path.startswith("/guardian/") and (not actor or actor.role is not Role.CHILD)
    return "/guardian/" if is_desk else "/"


def _back(request: web.Request) -> str:
    """Return the page of ours from which a form was sent; "" where that is not told."""
    came = parts_of_link(request.headers.get("Referer", ""))
    inside = came.netloc.lower() == request.host.lower() and came.path.startswith("/")
    if request.method in _SAFE or not inside or came.path.startswith(("//", "/\\")):
        return ""
    return f"{came.path}?{came.query}" if came.query else came.path


async def _guardians(request: web.Request, actor: Actor) -> list[str]:
    """Return who could do what somebody may not."""
    there = await context_of(request).accounts.all(actor.household)
    return [each.name for each in there if each.role.is_guardian and each.id != actor.id]


@web.middleware
async def _known_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse unknown names, so that no outside page can read us through a name that it points
    here (DNS rebinding).

    Somebody who typed the address of a blocked page ends here too, where such names are answered
    with this machine's address: a page without any data tells where to read more.
    """
    host = _without_port(request.host)
    parts = context_of(request)
    if host in parts.hosts or _is_address(host):
        return await handler(request)
    if host.endswith(f".{PROBE_ZONE}") and request.path.startswith(PROBED):
        return await handler(request)  # a dot that anybody may have, and nothing else
    request[ELSEWHERE] = True  # the same page for all paths: not even which there are shows
    if request.method == "GET" and wants_html(request):
        return parts.pages.render(request, "blocked.html", status=403)
    raise web.HTTPMisdirectedRequest


@web.middleware
async def _own_forms_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what another site made a browser send (cross-site request forgery).

    `Sec-Fetch-Site` comes over HTTPS and from loopback only, `Origin` with every form that any
    browser of the last years sends.  A program that sends neither brings a token, which no
    browser sends by itself.
    """
    if request.method in _SAFE or _comes_by_itself(request):
        return await handler(request)
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin", "")
    if site != "same-origin" or parts_of_link(origin).netloc.lower() != request.host.lower():
        raise web.HTTPForbidden(reason="This was sent from another site")
    return await handler(request)


def _comes_by_itself(request: web.Request) -> bool:
    """Tell whether nothing that a browser adds lets it do anything.

    The API knows nobody without a token or a cookie, and says so (401).
    """
    if request.headers.get("Authorization", "").lower().startswith("bearer "):
        return True  # while "Basic" comes by itself from an address such as http://a:b@here/
    return is_for_programs(request) and "Cookie" not in request.headers


GUARDS: tuple[Middleware, ...] = (_safe_headers, _errors_as_pages, _known_host, _own_forms_only)


def _without_port(host: str) -> str:
    """Return the name or address of a Host header: "[::1]:80" gives "::1"."""
    name, _, port = host.rpartition(":")
    if port.isdigit() and (":" not in name or name.endswith("]")):
        host = name
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1]
    return host.lower()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
