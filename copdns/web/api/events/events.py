"""Server-sent events of appeals, and of a person's query log."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from aiohttp import web

from copdns.accounts.account import SAME_LOOK_WITHIN, ViewedPart
from copdns.accounts.roles import Permission, may
from copdns.appeals.appeal import Appeal
from copdns.as_json.appeals import appeal_json
from copdns.web.api.events.feed import FEED, FeedListener
from copdns.web.api.household.log import visible_rows
from copdns.web.api.operation import Call, Operation
from copdns.web.problem import Refused
from copdns.web.session import actor_of

MAX_STREAMS = 40  # at a time: programs forget to close them
RECHECK_SECONDS = 15.0  # between two checks that the listener still may
SSE = "text/event-stream"


async def inbox(call: Call) -> object:
    """Send an event `appeal` for each that is new, seen, answered, withdrawn or disagreed with."""
    return await _stream(call, Permission.SEE_APPEALS, rows=False)


async def log(call: Call) -> object:
    """Send an event `lookup` for each new row.  Listening is a view: the person sees it."""
    return await _stream(call, Permission.SEE_LOG, rows=True)


async def _stream(call: Call, permission: Permission, *, rows: bool) -> web.StreamResponse:
    feed = call.request.app[FEED]
    if feed.listeners >= MAX_STREAMS:
        raise Refused(429, f"{MAX_STREAMS} streams are open already; close one")
    stream = web.StreamResponse(headers={"Content-Type": SSE, "Cache-Control": "no-store"})
    with feed.listening(call.household.id, rows=rows) as listener:
        await _note(call, call.now, rows=rows)
        await feed.begin(listener)
        await stream.prepare(call.request)
        with contextlib.suppress(ConnectionError):
            await stream.write(b"retry: 5000\n\n")
            await _send_events(call, permission, listener, stream)
    return stream


async def _send_events(
    call: Call, permission: Permission, listener: FeedListener, stream: web.StreamResponse
) -> None:
    noted_at = call.now
    while not listener.ended.is_set() and await _may_still(call, permission):
        now = int(call.context.now())
        if abs(now - noted_at) >= SAME_LOOK_WITHIN:
            await _note(call, now, rows=listener.rows)
            noted_at = now
        await stream.write(b": here\n\n")  # so that a broken connection is noticed
        end = asyncio.get_running_loop().time() + RECHECK_SECONDS
        while event := await _next_event(call, listener, end):
            await stream.write(event)


async def _may_still(call: Call, permission: Permission) -> bool:
    """Tell whether the caller may still listen: the session or token may have ended, or the person
    grown up."""
    actor = await actor_of(call.request)
    household = call.context.snapshot().households.get(call.household.id)
    if actor is None or actor.id != call.actor.id or household is None:
        return False
    profile = None if call.profile is None else household.profile(call.profile.id)
    gone = call.profile is not None and profile is None
    return not gone and may(actor, permission, profile)


async def _note(call: Call, now: int, *, rows: bool) -> None:
    if rows:
        await call.context.looks.note(call.actor, call.person.id, ViewedPart.LOG, now)


async def _next_event(call: Call, listener: FeedListener, end: float) -> bytes:
    """Return the next event for this listener; b"" where none comes until `end` (of the loop's
    clock)."""
    while True:
        found = await _news_or_end(listener, end)
        if found is None:
            return b""
        if isinstance(found, Appeal):
            return _event("appeal", appeal_json(found))
        if found.row.profile == call.person.id:
            for row in visible_rows(call, [found.row]):
                return _event("lookup", row, found.id)


async def _news_or_end(listener: FeedListener, end: float) -> Any:
    news = asyncio.ensure_future(listener.news.get())
    over = asyncio.ensure_future(listener.ended.wait())
    left = max(0.0, end - asyncio.get_running_loop().time())
    try:
        await asyncio.wait({news, over}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        return news.result() if news.done() and not over.done() else None
    finally:
        news.cancel()
        over.cancel()


def _event(kind: str, value: object, number: int | None = None) -> bytes:
    """Return a server-sent event.  JSON has no raw line breaks, so no name can leave its line."""
    before = "" if number is None else f"id: {number}\n"
    return f"{before}event: {kind}\ndata: {json.dumps(value)}\n\n".encode()


OPERATIONS = (
    Operation(
        "GET",
        "/events",
        Permission.SEE_APPEALS,
        "What happens in the inbox, as it happens",
        inbox,
        str,
        streams=True,
        text=SSE,
    ),
    Operation(
        "GET",
        "/profiles/{profile}/events",
        Permission.SEE_LOG,
        "Look-ups that are kept, as they come",
        log,
        str,
        streams=True,
        text=SSE,
    ),
)
