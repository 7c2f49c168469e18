"""The query log, as far as each person's privacy mode records it: search, filters, and what can be
done about a row.

Nobody sees the log of another adult.  Each view is recorded (`store/household_db/looks.py`), and
the person sees it.  Sensitive names are shown as "other" (`privacy/masked_names.py`), and no search
finds them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Permission, may
from copdns.list_files.load import discreet_names
from copdns.lists.find_app import app_of
from copdns.model.household import Device, Household, PrivacyMode
from copdns.model.verdict import Action
from copdns.policy.snapshot import Snapshot
from copdns.policy.typed_site import apps_of
from copdns.privacy.masked_names import OTHER, build_mask
from copdns.privacy.retention import LogRow
from copdns.store.log_db.rows import StoredRow
from copdns.time.days import local_time, zone_of
from copdns.web.browser_input import whole_number
from copdns.web.context import context_of
from copdns.web.desk.activity.entries import LogEntry, build_entries, by_day
from copdns.web.desk.activity.live_log import LogFollowers, LogReader
from copdns.web.desk.activity.log_query import (
    LOG,
    REASONS,
    CauseKind,
    LogQuery,
    LookupOutcome,
    parse_log_query,
)
from copdns.web.desk.page import ViewedPeople, require_viewed_people, stored_household
from copdns.web.pages import language_of
from copdns.web.personal_data import is_untraced_row
from copdns.web.wording import desk_wording

ROWS_SHOWN = 40  # rows of a page
STREAM_SECONDS = 60  # then the browser connects again, and permissions are checked again
FOLLOWERS = web.AppKey("following", LogFollowers)
_RETRY_LINE = "retry: 1000\n\n"


async def log(request: web.Request) -> web.Response:
    """Show the newest rows that the query asks for, or those before a row."""
    found = await require_viewed_people(request, Permission.SEE_LOG)
    await note_look(request, found, ViewedPart.LOG)
    query, context = parse_log_query(request.query), context_of(request)
    rows = await asyncio.to_thread(
        context.log.find,
        found.household.id,
        found.ids,
        query.row_filter(found.household.timezone),
        _may_show(context.snapshot(), query),
        ROWS_SHOWN,
        query.before,
    )
    now, zone = context.now(), zone_of(found.household.timezone)
    # As stored: what somebody has just allowed here is said at its row.
    household = await stored_household(request, found.actor)
    entries = _entries(request, found, rows, household)
    today = local_time(now, zone).date()
    days = context.log_settings.rows_days
    return context.pages.render(
        request,
        "desk/log.html",
        actor=found.actor,
        about=found,
        query=query,
        all=LogQuery(person=query.person).address(),
        stream=_stream_address(query, today, rows),
        days=by_day(entries),
        today=today,
        yesterday=today - timedelta(days=1),
        choices=[today - timedelta(days=back) for back in range(days + 1)],
        older=query.address(before=rows[-1].id) if len(rows) == ROWS_SHOWN else "",
        only_blocked=_has_only_blocked(found, rows, int(now)),
        modes=[(each, each.privacy_at(now)) for each in found.chosen],
        outcomes=tuple(LookupOutcome),
        reasons=REASONS,
        categories=_categories(found, query),
        kinds=CauseKind,
        devices=_devices(found, query),
        **_row_values(request, found, query.address()),
    )


def _stream_address(query: LogQuery, today: date, rows: Sequence[StoredRow]) -> str:
    """Return where rows come from that are newer than these."""
    newest = max((each.id for each in rows), default=0)
    fields = {**replace(query, before=None).fields, "day": today.isoformat()}
    return f"{LOG}/live?{urlencode({'after': str(newest), **fields})}"


def _may_show(snapshot: Snapshot, query: LogQuery) -> Callable[[LogRow], bool]:
    """Return what tells whether a row may be shown as an answer to a query."""
    mask = build_mask(discreet_names(), snapshot.library)
    known: dict[tuple[str, str, str, str], bool] = {}

    def may_show(row: LogRow) -> bool:
        key = row.profile, row.qname, row.via, row.reason
        if key not in known:
            is_hidden = query.asks_about_sites and mask.row(row) is not row
            known[key] = not is_hidden and not _is_untraced(snapshot, row)
        return known[key]

    return may_show


def _categories(found: ViewedPeople, query: LogQuery) -> list[str]:
    """Return the categories that are blocked for these people, and the one that is asked for."""
    chosen = {slug for each in found.chosen for slug in each.categories}
    if query.cause and query.cause[0] is CauseKind.CATEGORY:
        chosen.add(query.cause[1])
    return sorted(chosen)


def _devices(found: ViewedPeople, query: LogQuery) -> list[Device]:
    """Return the devices that rows can name: of people who have, or had, a full log."""
    whose = {each.id for each in found.chosen if each.full_log is not None}
    return [
        each
        for each in found.household.devices
        if each.profile in whose or (query.device == each.id and each.profile in found.ids)
    ]


def _has_only_blocked(found: ViewedPeople, rows: Iterable[StoredRow], now: int) -> bool:
    """Tell whether nothing but blocked sites stands there, and will come there."""
    is_full = any(each.privacy_at(now) is PrivacyMode.FULL for each in found.chosen)
    return not is_full and all(each.row.action in (Action.BLOCK, Action.REFUSE) for each in rows)


async def live(request: web.Request) -> web.StreamResponse:
    """Send new rows that the query asks for as server-sent events, for the script of the page."""
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
    query = parse_log_query(request.query)  # not its text, of which there are any number
    wanted = replace(query, day=None).row_filter(found.household.timezone)
    may_edit = may(found.actor, Permission.EDIT_PROFILES)
    while not reader.ended and (left := end - loop.time()) > 0:
        rows = [each for each in await reader.after(last, left) if each.id > last]
        if not rows:
            continue
        key = language, people, query, may_edit, rows[0].id, rows[-1].id
        viewed_rows = [
            each for each in reversed(rows) if each.row.profile in people and wanted.wants(each.row)
        ]
        last = rows[-1].id
        if viewed_rows:
            event = reader.render_once(key, partial(_event, request, found, query, viewed_rows))
            # Nothing at all for rows that may not be shown: even an empty event would tell a search
            # that what it looks for was looked up just now.
            if event:
                await stream.write(event)


def _event(
    request: web.Request, found: ViewedPeople, query: LogQuery, rows: list[StoredRow]
) -> bytes:
    """Return rows, the newest first, as one server-sent event; b"" where none may be shown.

    The query's `day` is the one under whose heading the browser puts them: a row of another day
    says its date.
    """
    may_show = _may_show(context_of(request).snapshot(), query)
    shown = [each for each in rows if may_show(each.row)]
    if not shown:
        return b""
    html = context_of(request).pages.fragment(
        request,
        "desk/log_rows.html",
        entries=_entries(request, found, shown, found.household),
        day=query.day,
        **_row_values(request, found, replace(query, day=None).address()),
    )
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"id: {shown[0].id}\n{lines}\n".encode()


def _entries(
    request: web.Request, found: ViewedPeople, rows: Iterable[StoredRow], household: Household
) -> tuple[LogEntry, ...]:
    mask = build_mask(discreet_names(), context_of(request).snapshot().library)
    return build_entries(
        ((each.id, mask.row(each.row)) for each in rows),
        household,
        may_edit={e.id for e in found.people if may(found.actor, Permission.EDIT_PROFILES, e)},
        may_give={e.id for e in found.people if may(found.actor, Permission.GIVE_TIME, e)},
        apps=map(app_of, apps_of(household, context_of(request).snapshot().library)),
    )


def _row_values(request: web.Request, found: ViewedPeople, back: str) -> dict[str, Any]:
    """Return what the rows' template needs besides the rows.  back: the page they stand on."""
    return {
        "back": back,
        "other": OTHER,
        "household": found.household,
        "shows_all": not found.person,
        "say": desk_wording(request, found.household),
        "zone": found.household.timezone,
    }


def _is_untraced(snapshot: Snapshot, row: LogRow) -> bool:
    return is_untraced_row(snapshot.policy(row.household, row.profile), row)
