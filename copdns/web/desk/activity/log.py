"""The query log, as far as each person's privacy mode records it.

Nobody sees the log of another adult.  Each view is recorded (`store/household_db/looks.py`), and
the person sees it.  Sensitive names are shown as "other" (`privacy/masked_names.py`).
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
from copdns.model.household import PrivacyMode
from copdns.model.verdict import Action
from copdns.policy.snapshot import Snapshot
from copdns.privacy.masked_names import OTHER, build_mask
from copdns.privacy.retention import LogRow
from copdns.store.log_db.rows import StoredRow
from copdns.web.context import context_of
from copdns.web.desk.activity.live_log import LogFollowers, LogReader
from copdns.web.desk.page import ViewedPeople, require_viewed_people
from copdns.web.pages import language_of
from copdns.web.personal_data import is_untraced_row
from copdns.web.received import whole_number
from copdns.web.wording import desk_wording

ROWS_SHOWN = 100  # rows of a page
STREAM_SECONDS = 60  # then the browser connects again, and permissions are checked again
FOLLOWERS = web.AppKey("following", LogFollowers)
_RETRY_LINE = "retry: 1000\n\n"


async def log(request: web.Request) -> web.Response:
    """Show the newest rows, or those before a row."""
    found = await require_viewed_people(request, Permission.SEE_LOG)
    await note_look(request, found, ViewedPart.LOG)
    before = whole_number(request.query.get("before", ""), 18)
    rows = await asyncio.to_thread(
        context_of(request).log.newest, found.household.id, found.ids, ROWS_SHOWN, before
    )
    return context_of(request).pages.render(
        request,
        "desk/log.html",
        actor=found.actor,
        about=found,
        before=before,
        newest=max((each.id for each in rows), default=0),
        oldest=rows[-1].id if len(rows) == ROWS_SHOWN else 0,
        only_blocked=_has_only_blocked(found, rows, int(context_of(request).now())),
        **_row_values(request, found, rows),
    )


def _has_only_blocked(found: ViewedPeople, rows: Iterable[StoredRow], now: int) -> bool:
    """Tell whether nothing but blocked sites stands there, and will come there."""
    is_full = any(each.privacy_at(now) is PrivacyMode.FULL for each in found.chosen)
    return not is_full and all(each.row.action in (Action.BLOCK, Action.REFUSE) for each in rows)


async def live(request: web.Request) -> web.StreamResponse:
    """Send new rows as server-sent events, for the script of the page."""
    found = await require_viewed_people(request, Permission.SEE_LOG)
    await note_look(request, found, ViewedPart.LOG)
    after = request.headers.get("Last-Event-ID") or request.query.get("after", "")
    last = whole_number(after, 18) or 0
    stream = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    with suppress(ConnectionResetError):  # the browser left
        await stream.prepare(request)
        await stream.write(_RETRY_LINE.encode())
        async with request.app[FOLLOWERS].follow(found.household.id) as reader:
            await _stream_rows(request, found, reader, stream, last)
    return stream


async def note_look(request: web.Request, found: ViewedPeople, *views: ViewedPart) -> None:
    """Record the view.  Nothing else is written when a page is read."""
    context = context_of(request)
    await context.looks.note_all(found.actor, found.ids, views, int(context.now()))


async def _stream_rows(
    request: web.Request,
    found: ViewedPeople,
    reader: LogReader,
    stream: web.StreamResponse,
    last: int,
) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + STREAM_SECONDS
    people, language = frozenset(found.ids), language_of(request)
    while not reader.ended and (left := end - loop.time()) > 0:
        rows = [each for each in await reader.after(last, left) if each.id > last]
        if not rows:
            continue
        key = language, people, rows[0].id, rows[-1].id
        viewed_rows = [each for each in reversed(rows) if each.row.profile in people]
        last = rows[-1].id
        if viewed_rows:
            await stream.write(
                reader.render_once(key, partial(_event, request, found, viewed_rows))
            )


def _event(request: web.Request, found: ViewedPeople, rows: list[StoredRow]) -> bytes:
    """Return rows, the newest first, as one server-sent event."""
    html = context_of(request).pages.fragment(
        request, "desk/log_rows.html", **_row_values(request, found, rows)
    )
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"id: {rows[0].id}\n{lines}\n".encode()


def _row_values(
    request: web.Request, found: ViewedPeople, rows: Iterable[StoredRow]
) -> dict[str, Any]:
    snapshot = context_of(request).snapshot()
    mask = build_mask(discreet_names(), snapshot.library)
    return {
        "rows": [mask.row(each.row) for each in rows if not _is_untraced(snapshot, each.row)],
        "other": OTHER,
        "names": {each.id: each.name for each in found.people},
        "say": desk_wording(request, found.household),
        "zone": found.household.timezone,
    }


def _is_untraced(snapshot: Snapshot, row: LogRow) -> bool:
    return is_untraced_row(snapshot.policy(row.household, row.profile), row)
