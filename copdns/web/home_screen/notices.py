"""What both forms about notices have in common: may they be asked for, which ones, and where.

The child's form and the guardians' are handled where their other pages are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from typing import Final

from aiohttp import web

from copdns.events.push_endpoints import is_allowed_endpoint
from copdns.events.push_keys import ready_keys
from copdns.model.errors import AccountError
from copdns.model.push import PushBrowser, PushKind, PushSubscription
from copdns.web.browser_input import Fields
from copdns.web.context import context_of
from copdns.web.home_screen.offer import is_offered

_OF_A_HOME: Final = frozenset({PushKind.DEVICES})


def require_offered(request: web.Request) -> None:
    """Raise HTTPForbidden where notices cannot be asked for."""
    if not is_offered(request) or not context_of(request).settings().push.enabled:
        raise web.HTTPForbidden(reason="Notices cannot be turned on here")


async def push_key(request: web.Request) -> str:
    """Return the key that a browser is given with which it asks for notices; "" where it cannot.

    The keys are made when the page is first opened.  Raises PushKeyError.
    """
    context = context_of(request)
    if not is_offered(request) or not context.settings().push.enabled:
        return ""
    return (await asyncio.to_thread(ready_keys, context.folder)).public


def kinds_here(request: web.Request, kinds: Iterable[PushKind]) -> tuple[PushKind, ...]:
    """Return those of some kinds of notices that are sent here.

    Where there are many households, nothing tells of devices: a line is one address.
    """
    is_shared = context_of(request).is_shared
    return tuple(each for each in kinds if not (is_shared and each in _OF_A_HOME))


def parse_kinds(
    fields: Fields, allowed: Collection[PushKind], mine: PushSubscription | None
) -> frozenset[PushKind]:
    """Return what somebody ticked; raise AccountError for nothing.

    mine: what this browser gets; a worker that only tells its new address ticks nothing.
    """
    sent = {str(each) for each in fields.getall("kind", [])}
    kinds = frozenset(each for each in allowed if each in sent)
    if not sent and mine is not None and fields.get("endpoint"):
        return mine.kinds
    if not kinds:
        raise AccountError("choose what you want notices about", name="kind")
    return kinds


def parse_browser(request: web.Request, fields: Fields) -> PushBrowser | None:
    """Return the browser that asks; None where its script gave none.  Raises AccountError for one
    that notices cannot be sent to."""
    found = PushBrowser(*(str(fields.get(key, "")) for key in PushBrowser._fields))
    if not found.endpoint:
        return None
    push = context_of(request).settings().push
    if not found.is_valid or not is_allowed_endpoint(
        found.endpoint, push.hosts, private=push.private_addresses
    ):
        raise AccountError(
            "notices cannot be sent to this browser: its push service is not one of those in the "
            "settings"
        )
    return found


def no_browser() -> AccountError:
    """Return the error for a form that came without the script's help."""
    return AccountError("this browser did not say where to send notices; turn on JavaScript")
