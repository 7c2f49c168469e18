"""What runs before every handler: which requests are refused, which headers a response gets.

`GUARDS` has the outermost first.  Handlers check permissions themselves, in their first line.
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
from copdns.model.errors import CopdnsError, StoreAwayError
from copdns.model.sentences import Sentence
from copdns.policy.special_names import PROBE_ZONE
from copdns.web.browser_input import fields_of, host_without_port, parts_of_link
from copdns.web.confirmation import SureNeededError
from copdns.web.connections import SERVER, BareResponse
from copdns.web.context import context_of, https_origin
from copdns.web.desk_access import is_loopback
from copdns.web.forms import FORM_ERRORS
from copdns.web.many_households.choose_household import choose_household
from copdns.web.many_households.family_routes import keep_to_family
from copdns.web.pages import ACTOR, FOREIGN_HOST, wants_html
from copdns.web.person import requestor_of
from copdns.web.problem import is_for_programs, problem
from copdns.web.second_box.leave_to_first import leave_to_first
from copdns.web.session import is_page_visit
from copdns.web.step_up import PROBLEM_TYPE as STEP_UP_PROBLEM
from copdns.web.step_up import StepUpNeededError, names_sent

log = structlog.get_logger("copdns")

MAX_BODY = 64 << 10  # octets of a form: the longest are a household's rules
PROBE_PATH = "/protection/dot/"  # what is fetched under a made-up name
STATIC = "/static/"
_MONITORING = ("/healthz", "/readyz", "/metrics")
_OVER_HTTP = ("/protection", STATIC)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

# What reading a body raises where its headers are wrong about it: other compression, or cut off.
_BROKEN = (web.RequestPayloadError, HttpProcessingError)

# No script, style or picture from elsewhere, nothing inline, no frames around us, and forms go
# to this origin only.
_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'; worker-src 'self'; manifest-src 'self'"
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
}


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add what every response has, before it is sent: also redirects and streams; but not to whom
    we do not serve."""
    if isinstance(response, BareResponse):
        return
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = SERVER  # aiohttp set it already, with versions of libraries


@web.middleware
async def _errors_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error with a page that says what to do, and never with a traceback."""
    try:
        return await handler(request)
    except web.HTTPRedirection:
        raise
    except StepUpNeededError as error:
        return await _step_up_page(request, error)
    except SureNeededError as error:
        return await _sure_page(request, error)
    except web.HTTPException as error:
        headers = {key: value for key, value in error.headers.items() if key == "Allow"}
        return await _error_page(request, error.status, _own_reason(error), headers)
    except FORM_ERRORS as error:  # they have sentences for people
        return await _error_page(request, 400, error.sentences)
    except _BROKEN:
        return await _error_page(request, web.HTTPBadRequest.status_code, ())
    except CopdnsError as error:
        log.warning("a page could not be given", error=str(error))
        return await _error_page(
            request,
            503,
            (Sentence("Not possible now"),),
            rules_stay=isinstance(error, StoreAwayError),
        )
    except Exception:  # noqa: BLE001 - a bug in a page must not end the others
        # Without the values of variables, which may be personal data.
        log.error("a bug in a page", traceback=traceback.format_exc())
        return await _error_page(request, 500, (Sentence("Something went wrong here"),))


async def _step_up_page(request: web.Request, error: StepUpNeededError) -> web.Response:
    """Ask for the password; the page has all that was sent, and sends it again."""
    if is_for_programs(request):
        return problem(error.status, error.reason, kind=STEP_UP_PROBLEM)
    if error.account is None or not wants_html(request):
        return await _error_page(request, error.status, _own_reason(error))
    fields, back = await fields_of(request), _previous_page(request)
    return context_of(request).pages.render(
        request,
        "desk/step_up.html",
        path=parts_of_link(back).path or request.path,  # a form's own path shows no page
        status=error.status,
        actor=request[ACTOR],
        account=error.account,
        done=error.result,
        action=request.path_qs,
        sent=[(name, each) for name in names_sent(fields) for each in fields.getall(name)],
        back=back,
    )


async def _sure_page(request: web.Request, error: SureNeededError) -> web.Response:
    """Ask whether somebody is sure; the page has all that was sent, and sends it again."""
    if not wants_html(request):
        return await _error_page(request, error.status, _own_reason(error))
    fields, back = await fields_of(request), _previous_page(request)
    return context_of(request).pages.render(
        request,
        "desk/sure.html",
        path=parts_of_link(back).path or request.path,
        status=error.status,
        actor=request[ACTOR],
        question=error.question,
        action=request.path_qs,
        sent=[(name, each) for name in names_sent(fields) for each in fields.getall(name)],
        back=back or "/guardian/",
    )


def _own_reason(error: web.HTTPException) -> tuple[Sentence, ...]:
    """Return the sentence that a handler gave; () for HTTP's own phrase, such as "Not Found"."""
    usual = HTTPStatus(error.status).phrase
    return (Sentence(error.reason.replace("%", "%%")),) if error.reason != usual else ()


async def _error_page(
    request: web.Request,
    status: int,
    sentences: tuple[Sentence, ...],
    headers: Mapping[str, str] | None = None,
    *,
    rules_stay: bool = False,
) -> web.Response:
    text = "\n".join(map(str, sentences)) or HTTPStatus(status).phrase
    if is_for_programs(request):
        return problem(status, text, headers=headers)
    if status == web.HTTPMisdirectedRequest.status_code or not wants_html(request):
        return web.Response(status=status, text=f"{text}.\n")
    actor = request.get(ACTOR) if status == web.HTTPForbidden.status_code else None
    return context_of(request).pages.render(
        request,
        "error.html",
        status=status,
        said=sentences,
        rules_stay=rules_stay,
        back=_previous_page(request),
        unsent=await _unsent_texts(request) if status == web.HTTPUnauthorized.status_code else (),
        home=_home(request, actor),
        actor=actor,
        guardians=await _guardians(request, actor) if actor else (),
    )


async def _unsent_texts(request: web.Request) -> tuple[str, ...]:
    """Return the long texts of a form that arrived after its session ended, so that nothing is
    lost."""
    try:
        fields = await fields_of(request)
    except (web.HTTPException, *_BROKEN):  # too large, or not a form of ours
        return ()
    return tuple(str(each) for key in _LONG_TEXTS for each in fields.getall(key, ()) if each)


_LONG_TEXTS = ("text", "words", "names")  # other fields are short, or passwords


def _home(request: web.Request, actor: Actor | None) -> str:
    is_desk = request.path.startswith("/guardian/") and (not actor or actor.role is not Role.CHILD)
    return "/guardian/" if is_desk else "/"


def _previous_page(request: web.Request) -> str:
    """Return the page of ours that a form was sent from; "" where the browser does not say."""
    came = parts_of_link(request.headers.get("Referer", ""))
    inside = came.netloc.lower() == request.host.lower() and came.path.startswith("/")
    if request.method in _SAFE or not inside or came.path.startswith(("//", "/\\")):
        return ""
    return f"{came.path}?{came.query}" if came.query else came.path


async def _guardians(request: web.Request, actor: Actor) -> list[str]:
    """Return the names of other guardians, who may do what this actor may not."""
    accounts = await context_of(request).accounts.all(actor.household)
    return [each.name for each in accounts if each.role.is_guardian and each.id != actor.id]


@web.middleware
async def _clients_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse whoever gets no DNS answers either (`dns.allow`), so that they do not even learn what
    this is.  Monitoring of this machine itself goes on in any case."""
    requestor = requestor_of(request)
    monitors = request.path in _MONITORING and is_loopback(requestor.address)
    if monitors or context_of(request).identify(requestor).household:
        return await handler(request)
    return BareResponse(status=web.HTTPForbidden.status_code)


@web.middleware
async def _own_hosts_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse unknown host names, so that no outside page can read ours through a name that it
    points here (DNS rebinding).

    Where blocked names are answered with this machine's address, browsers that open one get here
    too: a page without any data says where to read more.
    """
    host = host_without_port(request.host)
    context = context_of(request)
    if host in context.hosts or _is_address(host):
        return await handler(request)
    if host.endswith(f".{PROBE_ZONE}") and request.path.startswith(PROBE_PATH):
        return await handler(request)  # a picture without data, and nothing else
    request[FOREIGN_HOST] = True  # all paths give the same page, so it does not tell which exist
    if request.method == "GET" and _is_shipped_file(request):
        return await handler(request)  # the style of that page: what ships has no data
    if request.method == "GET" and wants_html(request):
        return context.pages.render(request, "blocked.html", status=403)
    raise web.HTTPMisdirectedRequest


def _is_shipped_file(request: web.Request) -> bool:
    name = request.path.removeprefix(STATIC)
    return name != request.path and context_of(request).pages.file(name) is not None


@web.middleware
async def _trusted_https(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lead browsers to HTTPS where they trust its certificate, and so keep nobody out with a
    warning.

    Not the check of a device, whose pictures have names that no certificate is for.
    """
    host = host_without_port(request.host)
    if (
        not request.secure
        and is_page_visit(request)
        and not request.path.startswith(_OVER_HTTP)
        and FOREIGN_HOST not in request
        and context_of(request).https().is_trusted_for(host)
    ):
        raise web.HTTPTemporaryRedirect(f"{https_origin(request)}{request.path_qs}")
    return await handler(request)


@web.middleware
async def _own_forms_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests that another site made a browser send (cross-site request forgery).

    Browsers send `Sec-Fetch-Site` over HTTPS and from loopback only, and `Origin` with every form
    for years now.  A program that sends neither has a token, which no browser sends by itself.
    """
    if request.method in _SAFE or _needs_no_origin(request):
        return await handler(request)
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin", "")
    came = parts_of_link(origin)
    own = (request.scheme, request.host.lower())  # the scheme of the connection: no proxy is asked
    if site != "same-origin" or (came.scheme.lower(), came.netloc.lower()) != own:
        raise web.HTTPForbidden(
            reason="That didn't work. Nothing has changed. Go back and try again"
        )
    return await handler(request)


def _needs_no_origin(request: web.Request) -> bool:
    """Tell whether a request carries nothing that a browser adds by itself and that grants rights.

    The API answers 401 without a token or a cookie.
    """
    if request.headers.get("Authorization", "").lower().startswith("bearer "):
        return True  # "Basic" is sent by browsers for URLs such as http://a:b@here/
    return is_for_programs(request) and "Cookie" not in request.headers


GUARDS: tuple[Middleware, ...] = (
    *(_errors_as_pages, choose_household, _clients_only),
    *(_own_hosts_only, _trusted_https, _own_forms_only),
    *(keep_to_family, leave_to_first),
)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
