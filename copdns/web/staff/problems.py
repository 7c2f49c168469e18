"""Every error of the staff's application as a page or a problem (RFC 9457)."""

from __future__ import annotations

import traceback
from typing import Final, NamedTuple

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from copdns.model.errors import CopdnsError, RegisterError, SignOnError, StoreError, TextError
from copdns.model.sentences import Sentence, UserError, literal, sentence
from copdns.web.pages import SHOWN_PATH, wants_html
from copdns.web.staff.console import HOME, came_from, safe_path
from copdns.web.staff.site import PUBLIC_PATH, SITE, StaffProofNeeded, StaffRefusal, render

log = structlog.get_logger("copdns")

STEP_UP_PROBLEM: Final = "urn:copdns:problem:step-up"


class _Problem(NamedTuple):
    """What went wrong, for people."""

    status: int
    told: UserError | Sentence
    kind: str = "about:blank"


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error with a page or a problem (RFC 9457), and not with a traceback."""
    response = await _answer(request, handler)
    if not isinstance(response, _Problem):
        return response
    has_pages = SITE in request.app and wants_html(request)
    if has_pages and request.path.startswith(PUBLIC_PATH):
        return _public_page(request, response.status)
    if not (has_pages and request.path.startswith("/staff")):
        return web.json_response(
            {"type": response.kind, "status": response.status, "detail": str(response.told)},
            status=response.status,
            content_type="application/problem+json",
        )
    came = request.path_qs if request.method == "GET" else came_from(request)
    back = safe_path("" if request.path == "/staff/callback" else came)
    request[SHOWN_PATH] = back.partition("?")[0] or HOME  # where a choice of language leads
    return render(
        request,
        "refused",
        status=response.status,
        error=response.told,
        is_step_up=response.kind == STEP_UP_PROBLEM,
        next=back,
    )


def _public_page(request: web.Request, status: int) -> web.Response:
    """Return a page for everybody, which says no more than whether to try again."""
    request[SHOWN_PATH] = PUBLIC_PATH  # where a choice of language leads
    site = request.app[SITE]
    is_form = request.path in (PUBLIC_PATH, f"{PUBLIC_PATH}/review")
    return site.pages.render(
        request, "site_refused.html", status=status, hotlines=site.hotlines, is_form=is_form
    )


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse | _Problem:
    try:
        return await handler(request)
    except StaffProofNeeded as error:
        return _Problem(error.status, error.told, STEP_UP_PROBLEM)
    except StaffRefusal as error:
        return _Problem(error.status, error.told)
    except web.HTTPRedirection:
        raise
    except web.HTTPNotFound:
        return _Problem(404, sentence("there is no such page"))
    except web.HTTPException as error:
        return _Problem(error.status, literal(error.text or error.reason))
    except SignOnError as error:
        return _Problem(403, error)
    except RegisterError as error:
        return _Problem(409, error)
    except StoreError as error:
        log.warning("an operation of the staff was not possible", error=str(error))
        return _Problem(503, sentence("not possible now; try again in a moment"))
    except (CopdnsError, TextError) as error:
        return _Problem(400, error if isinstance(error, UserError) else literal(str(error)))
    except Exception as error:  # noqa: BLE001 - a bug in an operation must not end the others
        # Without the error's words and the values of variables: confidential names may be in them.
        places = "".join(traceback.format_tb(error.__traceback__))
        log.error("a bug in an operation of the staff", error=type(error).__name__, places=places)
        return _Problem(500, sentence("something went wrong here"))
