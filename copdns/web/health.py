"""Health, readiness and metrics, for monitoring."""

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
    """Return 200: the process runs and answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Return 200 where queries are answered under the household's policy, else 503 and what is
    missing.

    Warnings follow in either case.
    """
    context = context_of(request)
    missing, warnings = context.readiness(), context.warnings()
    text = "".join(f"{each}\n" for each in (*(missing or ("ready",)), *warnings))
    return web.Response(status=503 if missing else 200, text=text)


async def metrics(request: web.Request) -> web.Response:
    """Return the metrics for Prometheus; docs/metrics.md explains them.

    For the machine itself, and for accounts that may see the status: in a small household, even
    numbers without names say something about somebody.
    """
    if not is_loopback(requestor_of(request).address):
        await require(request, Permission.SEE_STATUS)
    text = generate_latest(context_of(request).registry)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})
