"""Let a form that is refused come again, filled, with what is wrong beside its field.

A route of a form names the page that has it (`routes.py`); the handlers only raise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import NamedTuple

from aiohttp import web

from copdns.model.errors import AccountError, AppealError, HouseholdError, NameTextError
from copdns.model.sentences import UserError
from copdns.web.languages import spoken
from copdns.web.pages import SHOWN, language_of, wants_html
from copdns.web.received import fields_of
from copdns.web.refused_form import given_back
from copdns.web.template_words import coded

Handler = Callable[[web.Request], Awaitable[web.Response]]

TOLD = (AppealError, AccountError, HouseholdError, NameTextError)  # what handlers raise for people


class Page(NamedTuple):
    """A page and its handler.  path: as in the routes."""

    path: str
    handler: Handler


def form(path: str, take: Handler, page: Page) -> web.RouteDef:
    """Return the route of a form.  page: the one that has it, shown again where `take` refuses."""

    @wraps(take)
    async def taken(request: web.Request) -> web.Response:
        try:
            return await take(request)
        except TOLD as error:
            if not wants_html(request):
                raise
            return await _again(request, page, error)

    return web.post(path, taken)


async def _again(request: web.Request, page: Page, error: UserError) -> web.Response:
    """Return the page with the form as it was sent; raise the error where it has no such form."""
    request[SHOWN] = page.path.format(**request.match_info)
    try:
        shown = await page.handler(request)
    except web.HTTPException:
        raise error from None  # who may send the form may not read the page, or it is gone
    finally:
        del request[SHOWN]
    what = coded(spoken(language_of(request)).tell(*error.sentences))
    text = given_back(str(shown.text), request.path, await _sent(request), str(what), error.name)
    if text is None:
        raise error
    return web.Response(status=400, text=text, content_type="text/html")


async def _sent(request: web.Request) -> dict[str, list[str]]:
    """Return the fields; none of a form with a file, which was read as it came."""
    if request.content_type.startswith("multipart/"):
        return {}
    fields = await fields_of(request)
    return {key: [str(each) for each in fields.getall(key)] for key in fields}
