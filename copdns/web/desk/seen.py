"""Unknown devices that were seen in the network, for the desk."""

from __future__ import annotations

import asyncio

from aiohttp import web

from copdns.roles import Actor
from copdns.store.visitors import load_visitors
from copdns.visitors import Visitor
from copdns.web.parts import parts_of


async def visitors_of(request: web.Request, household: str) -> tuple[Visitor, ...]:
    """Return those that nobody named, what was seen last first."""
    found = await asyncio.to_thread(load_visitors, parts_of(request).folder)
    unknown = [each for each in found if each.household == household and not each.device]
    return tuple(sorted(unknown, key=lambda each: (-each.last, -each.first)))


async def end_guests(request: web.Request, actor: Actor, visitor: Visitor) -> None:
    """End what an unknown device was for a while: it has an owner now, whom a guest outranks."""
    parts = parts_of(request)
    now = int(parts.now())
    for each in await parts.guests.of(actor.household, now):
        if each.address == visitor.address or (visitor.mac and each.mac == visitor.mac):
            await parts.guests.end(actor.household, each.id, actor.name, now)
