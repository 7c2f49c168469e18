"""The log: what was looked up, as far as each person's privacy mode keeps it.

Nobody sees the log of another adult.  Each look is kept (`store/household_db/looks.py`), and the
person it is about sees that it happened; sensitive names are shown as "other"
(`privacy/masked_names.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from aiohttp import web

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Permission
from copdns.list_files.load import discreet_names
from copdns.policy.decide import has_help_prefix
from copdns.policy.snapshot import Snapshot
from copdns.privacy.masked_names import OTHER, build_mask
from copdns.privacy.retention import LogRow
from copdns.store.log_db.rows import Logged
from copdns.web.context import context_of
from copdns.web.desk.activity.live_log import Following, Reader
from copdns.web.desk.page import About, about
from copdns.web.pages import language_of
from copdns.web.wording import desk_saying

SHOWN = 100  # rows of a page
LASTS = 60  # seconds of one stream: then the browser comes again, and is asked again who it is
FOLLOWING = web.AppKey("following", Following)
_FIRST = "retry: 1000\n\n"


async def log(request: web.Request) -> web.Response:
    """The newest rows, or those before one of them."""
    found = await about(request, Permission.SEE_LOG)
    await note_look(request, found, ViewedPart.LOG)
    before = _number(request.query.get("before"))
    rows = await asyncio.to_thread(
        context_of(request).log.newest, found.household.id, found.ids, SHOWN, before
    )
    return context_of(request).pages.render(
        request,
        "desk/log.html",
        actor=found.actor,
        about=found,
        before=before,
        newest=max((each.id for each in rows), default=0),
        oldest=rows[-1].id if len(rows) == SHOWN else 0,
        **_shown(request, found, rows),
    )


async def live(request: web.Request) -> web.StreamResponse:
    """Rows as they come, as server-sent events, for the small script."""
    found = await about(request, Permission.SEE_LOG)
    await note_look(request, found, ViewedPart.LOG)
    last = _number(request.headers.get("Last-Event-ID") or request.query.get("after")) or 0
    stream = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    with suppress(ConnectionResetError):  # the browser left
        await stream.prepare(request)
        await stream.write(_FIRST.encode())
        async with request.app[FOLLOWING].of(found.household.id) as reader:
            await _pass_on(request, found, reader, stream, last)
    return stream


async def note_look(request: web.Request, found: About, *views: ViewedPart) -> None:
    """Keep that somebody looks.  The one thing that reading a page writes: the record of it."""
    parts = context_of(request)
    await parts.looks.note_all(found.actor, found.ids, views, int(parts.now()))


async def _pass_on(
    request: web.Request, found: About, reader: Reader, stream: web.StreamResponse, last: int
) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + LASTS
    people, language = frozenset(found.ids), language_of(request)
    while not reader.ended and (left := end - loop.time()) > 0:
        rows = [each for each in await reader.after(last, left) if each.id > last]
        if not rows:
            continue
        key = language, people, rows[0].id, rows[-1].id
        theirs = [each for each in reversed(rows) if each.row.profile in people]
        last = rows[-1].id
        if theirs:
            await stream.write(reader.shared(key, partial(_event, request, found, theirs)))


def _event(request: web.Request, found: About, rows: list[Logged]) -> bytes:
    """Return rows, the newest first, as one event."""
    html = context_of(request).pages.fragment(
        request, "desk/log_rows.html", **_shown(request, found, rows)
    )
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"id: {rows[0].id}\n{lines}\n".encode()


def _shown(request: web.Request, found: About, rows: Iterable[Logged]) -> dict[str, Any]:
    live = context_of(request).live()
    hiding = build_mask(discreet_names(), live.library)
    return {
        "rows": [hiding.row(each.row) for each in rows if not _is_of_help(live, each.row)],
        "other": OTHER,
        "names": {each.id: each.name for each in found.people},
        "say": desk_saying(request, found.household),
        "zone": found.household.timezone,
    }


def _is_of_help(live: Snapshot, row: LogRow) -> bool:
    """Tell whether a name is one of help: in the log only where lists learned of it since."""
    policy = live.policy(row.household, row.profile)
    found = policy.index.find(row.qname)
    return any(each.list in policy.untraced_lists for each in found) or has_help_prefix(
        policy, row.qname
    )


def _number(given: object) -> int | None:
    text = str(given or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
