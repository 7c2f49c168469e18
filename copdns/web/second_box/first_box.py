"""Answer the boxes that follow this one: bundles, files, minutes, and what became of requests."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import Final

import structlog
from aiohttp import web
from pydantic import ValidationError

from copdns.accounts.codes import make_nonce
from copdns.appeals.appeal import Appeal
from copdns.appeals.list_errors import is_list_error
from copdns.household.second_box.seal import (
    NONCE,
    appeal_handle,
    read_appeal_handle,
    seal_reply,
    unseal_request,
)
from copdns.model.errors import AppealError, FollowingError
from copdns.privacy.box_messages import (
    PART,
    FiledAsk,
    FirstBoxReply,
    FollowerRequest,
    SentAsk,
    send_usage,
)
from copdns.store.household_db.followers import Follower
from copdns.web.context import AppContext, context_of
from copdns.web.person import requestor_of
from copdns.web.second_box.bundles import FirstBox

log = structlog.get_logger("copdns")

MAX_REQUEST: Final = 1 << 20  # octets


async def follow(request: web.Request) -> web.Response:
    """Answer a box that follows.  What it sends and gets is sealed with the secret of both."""
    context, box = context_of(request), context_of(request).first_box
    if box is None or not request.secure:
        raise web.HTTPNotFound
    follower = await box.followers.find(request.match_info["pairing"])
    if follower is None:
        raise web.HTTPNotFound
    sealed = await _read_body(request)
    try:
        octets = unseal_request(follower.secret, follower.id, sealed)
        asked = FollowerRequest.model_validate_json(octets)
        mark = box.taken.take(follower.id, asked.mark, sealed[:NONCE])
    except (FollowingError, ValidationError):
        raise web.HTTPForbidden from None
    reply = FirstBoxReply(ended=follower.ended is not None, mark=mark)
    if follower.ended is None and not mark:
        address = requestor_of(request).address
        box.note_here(follower)
        await box.followers.note_fetch(follower, address, int(context.now()))
        reply = await reply_to(context, box, follower, asked)
    told = reply.model_dump_json().encode()
    body = await asyncio.to_thread(seal_reply, follower.secret, sealed, told, make_nonce(NONCE))
    return web.Response(body=body, content_type="application/octet-stream")


async def _read_body(request: web.Request) -> bytes:
    body = b""
    async for chunk in request.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > MAX_REQUEST:
            raise web.HTTPRequestEntityTooLarge(MAX_REQUEST, len(body))
    return body


async def reply_to(
    context: AppContext, box: FirstBox, follower: Follower, asked: FollowerRequest
) -> FirstBoxReply:
    """Return what a box that follows is told."""
    household = follower.household
    if asked.file is not None:
        part = await asyncio.to_thread(
            box.files.read_part, asked.file.path, asked.file.offset, PART
        )
        return FirstBoxReply(part=base64.b64encode(part).decode())
    box.merge(each.to_usage(household) for each in asked.usage)
    key = await box.followers.private(household)
    filed = [await _file(context, household, each) for each in asked.asks]
    wanted = {read_appeal_handle(key, follower.id, each) for each in asked.about}
    wanted |= {each.appeal for each in filed}
    appeals = [await context.appeals.appeal(household, each) for each in sorted(wanted - {""})]
    usage = box.usage() if asked.wants_minutes else ()
    return FirstBoxReply(
        bundle=await box.wait_for_newer(follower, asked.have, asked.wait) if asked.wait else "",
        filed=tuple(_with_handle(key, follower, each) for each in filed),
        appeals=tuple(_state_for(key, follower, each) for each in appeals if each is not None),
        usage=tuple(send_usage(each) for each in usage if each.household == household),
    )


def _with_handle(key: bytes, follower: Follower, filed: FiledAsk) -> FiledAsk:
    if not filed.appeal:
        return filed
    return FiledAsk(id=filed.id, appeal=appeal_handle(key, follower.id, filed.appeal))


def _state_for(key: bytes, follower: Follower, appeal: Appeal) -> Appeal:
    """Return what a second box is told of a request: what the child wrote it has, or it was written
    here, where it stays."""
    handle = appeal_handle(key, follower.id, appeal.id)
    return replace(appeal, id=handle, ask=replace(appeal.ask, words=""), more_words="")


async def _file(context: AppContext, household: str, sent: SentAsk) -> FiledAsk:
    """File what a child wrote at the other box, as if it were written here."""
    ask, now = sent.ask, int(context.now())
    try:
        if is_list_error(ask.name, ask.to, context.vouches()):
            await context.appeals.open_list_error(
                household, ask.name, ask.to, context.known_ids(), now
            )
            return FiledAsk(id=sent.id)
        found = await context.appeals.file(household, ask, now, sent.id)
    except AppealError as error:
        log.info("a request from the second box was not filed", why=type(error).__name__)
        return FiledAsk(id=sent.id)
    return FiledAsk(id=sent.id, appeal=found.appeal.id)
