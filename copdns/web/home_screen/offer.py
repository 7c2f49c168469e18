"""The pages as an app on the home screen: manifest, worker, and the page without a connection.

All of it only over HTTPS with a certificate that browsers trust (`is_offered`): they run no worker
otherwise, and a page that offered it would lead to an error.  The child's app and the guardians'
are two, each with a worker of its own (web-ui/static/worker.js); docs/push.md tells people of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from aiohttp import web

from copdns.web.browser_input import host_without_port
from copdns.web.context import context_of
from copdns.web.languages import phrases_in
from copdns.web.pages import FOREIGN_HOST, language_of
from copdns.words.helplines import EVERYWHERE
from copdns.words.levels import Level

# Seconds for which the worker shows at most what held, and not longer than that holds.
SHOWN_FOR = 12 * 3600
FROM, UNTIL = "Copdns-From", "Copdns-Until"  # headers, in seconds since the epoch
_PAPER, _ACTION = "#f6f5f1", "#4048b0"  # of web-ui/static/copdns.css, by day


def is_offered(request: web.Request) -> bool:
    """Tell whether the browser can have the app: it trusts the connection."""
    host = host_without_port(request.host)
    return (
        request.secure
        and FOREIGN_HOST not in request
        and context_of(request).https().is_trusted_for(host)
    )


def base_of(path: str) -> str:
    """Return the scope of the app that a page belongs to."""
    return "/guardian/" if path.startswith("/guardian") else "/"


def app_of(request: web.Request) -> str:
    """Return the scope of the app that a page is part of; "" where there is none."""
    return base_of(request.path) if is_offered(request) else ""


async def manifest(request: web.Request) -> web.Response:
    """Return what a browser needs to put the pages on the home screen (W3C, Web App Manifest)."""
    base = base_of(request.path)
    phrases, pages = phrases_in(language_of(request)), context_of(request).pages
    is_desk = base != "/"
    name = phrases.gettext("copdns for parents") if is_desk else phrases.gettext("My internet")
    told = {
        "id": f"{base}app",
        "name": name,
        "short_name": name,
        "lang": phrases.tag,
        "dir": phrases.direction,
        "start_url": base,
        "scope": base,
        "display": "standalone",
        # One of each: the pages tell the colours by day and by night (`theme-color`).
        "theme_color": _PAPER,
        "background_color": _PAPER if is_desk else _ACTION,
        "icons": [
            {"src": pages.static_url(f"{file}-{size}.png"), "sizes": f"{size}x{size}"}
            | {"type": "image/png", "purpose": purpose}
            for file, sizes, purpose in (
                ("icon", (192, 512), "any"),
                ("maskable", (192, 512), "maskable"),
            )
            for size in sizes
        ],
    }
    return web.json_response(
        told,
        dumps=lambda value: json.dumps(value, ensure_ascii=False),
        content_type="application/manifest+json",
    )


async def worker(request: web.Request) -> web.Response:
    """Return the worker of an app; its path is its scope."""
    found = context_of(request).pages.file("worker.js")
    assert found is not None
    return web.Response(
        body=found.octets, content_type=found.kind, headers={"Cache-Control": "no-cache"}
    )


async def without_connection(request: web.Request) -> web.Response:
    """Return the page that the worker shows where it knows nothing: nothing here is anybody's."""
    return context_of(request).pages.render(
        request,
        "offline.html",
        home=base_of(request.path),
        state="",
        level=Level.PLAIN,
        emergency=(),
        dialled_first=None,
        dialled=EVERYWHERE,
        lines=(),
    )


def with_times(page: web.Response, now: float, edges: Iterable[float]) -> web.Response:
    """Say in a page that the worker keeps from when and until when it may be shown.

    edges: the moments at which something changes, in seconds since the epoch.
    """
    until = min((now + SHOWN_FOR, *edges))
    page.headers[FROM], page.headers[UNTIL] = str(int(now)), str(int(until))
    return page
