"""Serve style sheets, scripts and pictures."""

from __future__ import annotations

from aiohttp import web

from copdns.web.context import context_of
from copdns.web.many_households.look_sheet import look_sheet

_FOR_GOOD = "public, max-age=31536000, immutable"  # a changed file has another URL


async def static(request: web.Request) -> web.Response:
    """Return a file that ships, or the colours of a provider's brand."""
    if sheet := look_sheet(request.match_info["file"]):
        return web.Response(
            text=sheet, content_type="text/css", headers={"Cache-Control": _FOR_GOOD}
        )
    found = context_of(request).pages.file(request.match_info["file"])
    if found is None:
        raise web.HTTPNotFound
    cache_control = _FOR_GOOD if request.query_string == found.version else "no-cache"
    return web.Response(
        body=found.octets, content_type=found.kind, headers={"Cache-Control": cache_control}
    )
