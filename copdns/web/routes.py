"""Every URL and its handler."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

Readiness = Callable[[], tuple[str, ...]]

_REGISTRY = web.AppKey("registry", CollectorRegistry)
_READINESS = web.AppKey("readiness", object)
_HOSTS = web.AppKey("hosts", frozenset)


def application(
    registry: CollectorRegistry, readiness: Readiness, hosts: frozenset[str]
) -> web.Application:
    """Return the web application.

    readiness: tells what is missing; nothing: ready.  hosts: names, besides addresses, under
    which it may be reached.
    """
    app = web.Application(middlewares=[_known_host, _safe_headers])
    app[_REGISTRY] = registry
    app[_READINESS] = readiness
    app[_HOSTS] = hosts
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


async def healthz(_request: web.Request) -> web.Response:
    """The process runs and answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Queries are answered under the household's policy; otherwise what is missing."""
    missing = request.app[_READINESS]()  # type: ignore[operator]
    if missing:
        return web.Response(status=503, text="".join(f"{each}\n" for each in missing))
    return web.Response(text="ready\n")


async def metrics(request: web.Request) -> web.Response:
    """Numbers for Prometheus; docs/metrics.md explains them."""
    text = generate_latest(request.app[_REGISTRY])
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


@web.middleware
async def _known_host(
    request: web.Request, handler: Callable[[web.Request], object]
) -> web.StreamResponse:
    """Refuse unknown names, so that no outside page can read us through a name that it points
    here (DNS rebinding)."""
    host = (request.host or "").rpartition(":")[0] if _has_port(request.host) else request.host
    if host.strip("[]") not in request.app[_HOSTS] and not _is_address(host.strip("[]")):
        return web.Response(status=421, text="This name is not served here.\n")
    response: web.StreamResponse = await handler(request)  # type: ignore[misc]
    return response


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit() and (host.count(":") == 1 or "]:" in host)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@web.middleware
async def _safe_headers(
    request: web.Request, handler: Callable[[web.Request], object]
) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)  # type: ignore[misc]
    response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.headers.pop("Server", None)
    return response
