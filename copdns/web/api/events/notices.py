"""Notices: what guardians do is shown to the others, and what a child tells all of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from copdns.accounts.account import NoticeKind
from copdns.accounts.roles import Permission
from copdns.as_json.accounts import notice_json
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import WHOLE, Limit, Moment


class NoticeShown(Given):
    """about: a profile's id, or the name of an account.  starts, ends: of a full log.
    seen: whoever asks has seen it."""

    id: int
    kind: NoticeKind
    about: str
    author: str
    at: Moment
    starts: Moment | None
    ends: Moment | None
    seen: bool


class NoticesAsked(Sent):
    """How many notices at most."""

    limit: Limit = 50


class NoticesSeen(Sent):
    """ids: of those that were shown."""

    ids: Annotated[
        list[Annotated[int, Field(ge=1, lt=2**53), WHOLE]], Field(min_length=1, max_length=1000)
    ]


async def notices(call: Call) -> object:
    """Return the newest notices, as many as `limit`, and all that the caller has not seen yet."""
    query: NoticesAsked = call.query
    store, home = call.context.notices, call.household.id
    unseen = {each.id: each for each in await store.unseen(home, call.actor.id)}
    found = {each.id: each for each in await store.all(home, query.limit)} | unseen
    newest = sorted(found.values(), key=lambda each: -each.id)
    return [notice_json(each, seen=each.id not in unseen) for each in newest]


async def see(call: Call) -> None:
    """Each guardian sees for themselves, so no token can.  A second time is harmless."""
    body: NoticesSeen = call.body
    await call.context.notices.mark_seen(call.household.id, call.actor.id, body.ids, call.now)


OPERATIONS = (
    Operation(
        "GET",
        "/notices",
        Permission.MANAGE_ACCOUNTS,
        "What guardians are told, the newest first",
        notices,
        list[NoticeShown],
        query=NoticesAsked,
    ),
    Operation(
        "POST",
        "/notices/see",
        Permission.MANAGE_ACCOUNTS,
        "Keep that I have seen some",
        see,
        body=NoticesSeen,
        status=204,
    ),
)
