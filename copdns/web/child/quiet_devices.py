"""Signs that a device may not use the filter, for the person whose device it is."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from aiohttp import web

from copdns.model.bypass_signs import Sign
from copdns.privacy.bypass_signs import NEXT_NOTICE, is_kept, notices_of_person
from copdns.store.log_db.bypass_signs import load_signs
from copdns.web.context import context_of
from copdns.web.person import Person


class QuietDevice(NamedTuple):
    """A sign.  device: what it is called.  is_new: it is to be told on the first page."""

    device: str
    sign: Sign
    is_new: bool


async def quiet_devices_of(request: web.Request, person: Person) -> tuple[QuietDevice, ...]:
    """Return the signs of a person's devices, the newest first.

    There are none while signs are not noticed, and none but in the paired browser of the person's
    own device.
    """
    context = context_of(request)
    now = context.now()
    if not (person.is_own and person.profile.notices_signs_at(now)):
        return ()
    home = person.household
    kept = await asyncio.to_thread(load_signs, context.folder, home.id, person.profile.id)
    names = {each.id: each.name or each.id for each in home.devices}
    told = set(notices_of_person(kept.signs, now))
    found = (each for each in kept.signs if is_kept(each, now))
    return tuple(
        QuietDevice(
            names.get(each.device, each.device),
            each,
            each in told and now - each.at < NEXT_NOTICE,
        )
        for each in sorted(found, key=lambda one: -one.at)
    )
