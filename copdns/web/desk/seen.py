"""Unknown devices that were seen in the network, for the desk."""

from __future__ import annotations

import asyncio

from aiohttp import web

from copdns.store.visitors import load_visitors
from copdns.visitors import Visitor
from copdns.web.parts import parts_of


async def visitors_of(request: web.Request, household: str) -> tuple[Visitor, ...]:
    """Return those that nobody named, what was seen last first."""
    found = await asyncio.to_thread(load_visitors, parts_of(request).folder)
    unknown = [each for each in found if each.household == household and not each.device]
    return tuple(sorted(unknown, key=lambda each: (-each.last, -each.first)))
