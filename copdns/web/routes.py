"""Every URL and its handler."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

Readiness = Callable[[], tuple[str, ...]]


class Parts(NamedTuple):
    """What the handlers need of the rest of the house."""

    registry: CollectorRegistry
    readiness: Readiness
    warnings: Readiness
    hosts: frozenset[str]


_PARTS = web.AppKey("parts", Parts)


def application(
    registry: CollectorRegistry,
    readiness: Readiness,
    hosts: frozenset[str],
    warnings: Readiness = tuple,
) -> web.Application:
    """Return the web application.

    readiness: tells what is missing; nothing: ready.  hosts: names, besides addresses, under
    which it may be reached.  warnings: tells what is not as it should be, though queries are
    answered.
    """
    app = web.Application(middlewares=[_safe_headers, _known_host])
    app[_PARTS] = Parts(registry, readiness, warnings, hosts)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


async def healthz(_request: web.Request) -> web.Response:
    """The process runs and answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Queries are answered under the household's policy; otherwise what is missing.

    What is not as it should be stands below, in either case.
    """
    parts = request.app[_PARTS]
    missing, warnings = parts.readiness(), parts.warnings()
    text = "".join(f"{each}\n" for each in (*(missing or ("ready",)), *warnings))
    return web.Response(status=503 if missing else 200, text=text)


async def metrics(request: web.Request) -> web.Response:
    """Numbers for Prometheus; docs/metrics.md explains them."""
    text = generate_latest(request.app[_PARTS].registry)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


@web.middleware
async def _safe_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = web.Response(status=error.status, text=f"{error.reason}.\n")
    response.headers.update(_HEADERS)
    return response


_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "copdns",  # and not the versions of what it is made of
}


@web.middleware
async def _known_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse unknown names, so that no outside page can read us through a name that it points
    here (DNS rebinding)."""
    host = _without_port(request.host)
    if host not in request.app[_PARTS].hosts and not _is_address(host):
        raise web.HTTPMisdirectedRequest
    return await handler(request)


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
