"""The style sheet, the script and the pictures of pages."""

from __future__ import annotations

from aiohttp import web

from copdns.web.context import context_of

_KEPT = "public, max-age=31536000, immutable"  # a file that changed has another address


async def static(request: web.Request) -> web.Response:
    """A file of those that ship."""
    found = context_of(request).pages.file(request.match_info["file"])
    if found is None:
        raise web.HTTPNotFound
    kept = _KEPT if request.query_string == found.version else "no-cache"
    return web.Response(body=found.octets, content_type=found.kind, headers={"Cache-Control": kept})
