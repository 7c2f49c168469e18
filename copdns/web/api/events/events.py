"""What happens, as it happens: server-sent events of the inbox, and of a person's log."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from aiohttp import web

from copdns.accounts.account import LOOKS_JOINED, ViewedPart
from copdns.accounts.roles import Permission, may
from copdns.appeals.appeal import Appeal
from copdns.as_json.appeals import appeal_json
from copdns.web.api.events.feed import FEED, Listener
from copdns.web.api.household.log import rows_shown
from copdns.web.api.operation import Call, Operation
from copdns.web.problem import Refused
from copdns.web.session import actor_of

MOST = 40  # streams at a time: programs forget to close theirs
ASKED_AGAIN = 15.0  # seconds after which whoever listens must still be somebody who may
SSE = "text/event-stream"


async def inbox(call: Call) -> object:
    """An event `appeal` for each that is new, was seen, answered, taken back or disagreed with."""
    return await _stream(call, Permission.SEE_APPEALS, rows=False)


async def log(call: Call) -> object:
    """An event `lookup` for each that is kept.  Listening is looking: the person sees it."""
    return await _stream(call, Permission.SEE_LOG, rows=True)


async def _stream(call: Call, permission: Permission, *, rows: bool) -> web.StreamResponse:
    feed = call.request.app[FEED]
    if feed.listeners >= MOST:
        raise Refused(429, f"{MOST} streams are open already; close one")
    stream = web.StreamResponse(headers={"Content-Type": SSE, "Cache-Control": "no-store"})
    with feed.listening(call.household.id, rows=rows) as listener:
        await _note(call, call.now, rows=rows)
        await feed.begin(listener)
        await stream.prepare(call.request)
        with contextlib.suppress(ConnectionError):
            await stream.write(b"retry: 5000\n\n")
            await _pass_on(call, permission, listener, stream)
    return stream


async def _pass_on(
    call: Call, permission: Permission, listener: Listener, stream: web.StreamResponse
) -> None:
    noted = call.now
    while not listener.ended.is_set() and await _may_still(call, permission):
        now = int(call.parts.now())
        if abs(now - noted) >= LOOKS_JOINED:
            await _note(call, now, rows=listener.rows)
            noted = now
        await stream.write(b": here\n\n")  # so that a line which is gone is noticed
        end = asyncio.get_running_loop().time() + ASKED_AGAIN
        while event := await _next(call, listener, end):
            await stream.write(event)


async def _may_still(call: Call, permission: Permission) -> bool:
    """A session or token may have ended meanwhile, and a person may have grown up."""
    actor = await actor_of(call.request)
    household = call.parts.live().households.get(call.household.id)
    if actor is None or actor.id != call.actor.id or household is None:
        return False
    profile = None if call.profile is None else household.profile(call.profile.id)
    gone = call.profile is not None and profile is None
    return not gone and may(actor, permission, profile)


async def _note(call: Call, now: int, *, rows: bool) -> None:
    if rows:
        await call.parts.looks.note(call.actor, call.person.id, ViewedPart.LOG, now)


async def _next(call: Call, listener: Listener, end: float) -> bytes:
    """Return the next event for this listener, b"" when there is none until a moment."""
    while True:
        found = await _news_or_end(listener, end)
        if found is None:
            return b""
        if isinstance(found, Appeal):
            return _event("appeal", appeal_json(found))
        if found.row.profile == call.person.id:
            for shown in rows_shown(call, [found.row]):
                return _event("lookup", shown, found.id)


async def _news_or_end(listener: Listener, end: float) -> Any:
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
    """JSON has no line breaks, so whatever a name holds, it stays in its line."""
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
