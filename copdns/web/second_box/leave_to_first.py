"""The pages of a second box: what it shows itself, and what it leaves to the first one.

A child reads here why something is blocked, and asks.  All else would be a second truth: the page
says so, and leads to the first box.  Nothing that is sent here but a request changes anything.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from copdns.privacy.box_messages import PATH
from copdns.web.context import context_of
from copdns.web.pages import FOREIGN_HOST, wants_html
from copdns.web.problem import is_for_programs, problem

_READ: Final = frozenset(
    {
        *("/", "/rules", "/ask", "/check", "/help", "/bad", "/protection"),
        *("/healthz", "/readyz", "/metrics"),
    }
)
_READ_BELOW: Final = ("/static/", "/why/", "/ask/", "/protection/")
_SENT: Final = frozenset({"/ask", "/language", "/help/country"})


@web.middleware
async def leave_to_first(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lead to the first box for what a second one does not do."""
    follows = context_of(request).follows
    if follows is None or FOREIGN_HOST in request or _is_done_here(request):
        return await handler(request)
    first = follows()
    text = f"This box follows {first.url}; do that there"
    if is_for_programs(request) or request.path.startswith(PATH.partition("{")[0]):
        return problem(web.HTTPConflict.status_code, text)
    is_sent = request.method not in ("GET", "HEAD")
    status = web.HTTPConflict.status_code if is_sent else 200
    if not wants_html(request):
        return web.Response(status=web.HTTPConflict.status_code, text=f"{text}.\n")
    is_desk = request.path.startswith("/guardian")
    return context_of(request).pages.render(
        request,
        "second_box.html",
        status=status,
        follows=first,
        is_desk=is_desk,
        is_sent=is_sent,
        there=f"{first.url}{'/guardian/' if is_desk else '/'}",
    )


def _is_done_here(request: web.Request) -> bool:
    if request.method in ("GET", "HEAD"):
        return request.path in _READ or request.path.startswith(_READ_BELOW)
    return request.path in _SENT
