"""Health, readiness and metrics, for monitoring."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from copdns.accounts.roles import Permission, may
from copdns.model.build import core_text
from copdns.web.context import context_of
from copdns.web.desk_access import is_loopback
from copdns.web.many_households.shown_secrets import peer_of
from copdns.web.person import requestor_of
from copdns.web.session import require


async def healthz(_request: web.Request) -> web.Response:
    """Return 200: the process runs and answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Return 200 where queries are answered under the household's policy, else 503 and what is
    missing.

    Warnings follow in either case, that other boxes follow this one, and whether the core is
    compiled.  Anybody in the network may read it, so it names files without the folders that they
    are in.  At a provider, that would be every family: what is wrong is for the machine itself.
    """
    context = context_of(request)
    if context.is_shared and peer_of(request):
        is_ready = not context.readiness()
        return web.Response(
            status=200 if is_ready else 503, text="ready\n" if is_ready else "not ready\n"
        )
    missing, warnings = context.readiness(), context.warnings()
    box = context.first_box.status if context.first_box is not None else ""
    lines = *(missing or ("ready",)), *warnings, *filter(None, (box,)), core_text()
    text = "".join(f"{each}\n" for each in lines)
    text = without_folders(text, (str(context.folder),))
    return web.Response(status=503 if missing else 200, text=text)


def without_folders(text: str, known: Iterable[str] = ()) -> str:
    """Return a text in which each path is only the last part of it.

    known: folders that may have spaces in their names, or be no absolute paths.
    """
    for each in known:
        text = text.replace(f"{each}/", "")
    return _PATH.sub(r"\1", text)


# An absolute path, and not the end of a URL or of a network such as fd00::/8.
_PATH = re.compile(r"""(?<![\w/:])/(?:[^\s/:;,()'"]+/)*([^\s/:;,()'"]+)/?""")


async def metrics(request: web.Request) -> web.Response:
    """Return the metrics for Prometheus; docs/metrics.md explains them.

    For the machine itself, and for accounts that may see the status and the log: in a small
    household, even numbers without names say something about somebody.  Of a program, its account
    has to: a token for the status alone is enough.  At a provider, no family's account may: they
    are the numbers of all families.
    """
    if context_of(request).is_shared:
        if peer_of(request):  # also where a proxy of this machine passes it on
            raise web.HTTPForbidden(reason="You may not do this")
    elif not is_loopback(requestor_of(request).address):
        actor = await require(request, Permission.SEE_STATUS)
        if not may(replace(actor, scopes=None), Permission.SEE_LOG):
            raise web.HTTPForbidden(reason="You may not do this")
    text = generate_latest(context_of(request).registry)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})
