"""What monitoring reads: health, readiness, and numbers."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from copdns.accounts.roles import Permission
from copdns.web.context import context_of
from copdns.web.desk_access import is_loopback
from copdns.web.person import requestor_of
from copdns.web.session import require


async def healthz(_request: web.Request) -> web.Response:
    """The process runs and answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Queries are answered under the household's policy; otherwise what is missing.

    What is not as it should be stands below, in either case.
    """
    parts = context_of(request)
    missing, warnings = parts.readiness(), parts.warnings()
    text = "".join(f"{each}\n" for each in (*(missing or ("ready",)), *warnings))
    return web.Response(status=503 if missing else 200, text=text)


async def metrics(request: web.Request) -> web.Response:
    """Numbers for Prometheus; docs/metrics.md explains them.

    For the machine itself, and for whoever may see how it stands: in a small household numbers
    without names tell of somebody all the same.
    """
    if not is_loopback(requestor_of(request).address):
        await require(request, Permission.SEE_STATUS)
    text = generate_latest(context_of(request).registry)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})
