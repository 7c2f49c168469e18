"""Show a form again when it is refused, as it was filled in, with the error beside its field.

The route of a form names the page that has it (`routes.py`); handlers only raise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import NamedTuple

from aiohttp import web

from copdns.model.errors import AccountError, AppealError, HouseholdError, NameTextError
from copdns.model.sentences import UserError
from copdns.web.browser_input import fields_of
from copdns.web.languages import phrases_in
from copdns.web.pages import SHOWN_PATH, language_of, wants_html
from copdns.web.refused_form import refill_form
from copdns.web.step_up import names_sent
from copdns.web.template_words import mark_code

Handler = Callable[[web.Request], Awaitable[web.Response]]

# What handlers raise for people.
FORM_ERRORS = (AppealError, AccountError, HouseholdError, NameTextError)


class Page(NamedTuple):
    """A page and its handler.  path: as in the routes."""

    path: str
    handler: Handler


def form(path: str, take: Handler, page: Page) -> web.RouteDef:
    """Return the route of a form.  page: the one that has the form, shown again when `take`
    raises."""

    @wraps(take)
    async def handle(request: web.Request) -> web.Response:
        try:
            return await take(request)
        except FORM_ERRORS as error:
            if not wants_html(request):
                raise
            return await _show_again(request, page, error)

    return web.post(path, handle)


async def _show_again(request: web.Request, page: Page, error: UserError) -> web.Response:
    """Return the page with the form as it was sent; raise the error where the page has no such
    form."""
    request[SHOWN_PATH] = page.path.format(**request.match_info)
    try:
        response = await page.handler(request)
    except web.HTTPException:
        raise error from None  # the sender may not read the page, or it is gone
    finally:
        del request[SHOWN_PATH]
    what = mark_code(phrases_in(language_of(request)).tell(*error.sentences))
    text = refill_form(
        str(response.text), request.path, await _read_fields(request), str(what), error.name
    )
    if text is None:
        raise error
    return web.Response(status=400, text=text, content_type="text/html")


async def _read_fields(request: web.Request) -> dict[str, list[str]]:
    """Return the fields; none for a form with a file, whose body was streamed and is gone."""
    if request.content_type.startswith("multipart/"):
        return {}
    fields = await fields_of(request)
    return {key: [str(each) for each in fields.getall(key)] for key in names_sent(fields)}
