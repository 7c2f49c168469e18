"""What is kept about whoever's device asks: to read, to take along, to erase.

Shown is what a guardian could see, the same and no more, and who looked at it.  It needs the
browser that a device of one's own is known by, or one's PIN, and leaves no look: it is one's own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol, TypeVar

from aiohttp import web

from copdns.model.errors import HouseholdError
from copdns.model.household import PrivacyMode, Profile
from copdns.privacy.personal_data import (
    Blocked,
    PersonalData,
    by_category,
    counts_by_day,
    export_data,
)
from copdns.store.household_db.notes import audit
from copdns.time.plan import in_scope
from copdns.web.child.page import child_page
from copdns.web.child.start_page import blocks_of
from copdns.web.context import context_of
from copdns.web.person import Person, person_of
from copdns.web.personal_data import MOST, kept_of
from copdns.web.received import fields_of

SHOWN = 30  # names; the file has all of them
KEPT_DAYS = 30  # of counts and minutes
LOOKS = 20


async def me(request: web.Request) -> web.Response:
    """What is kept, in plain words, and all of it that others could see."""
    person, parts = await person_of(request), context_of(request)
    kept = await _kept(request, person, SHOWN, LOOKS) if person.is_proven else None
    home = person.household
    names = {each.id: each.name for each in await parts.accounts.all(home.id)} if kept else {}
    return child_page(
        request,
        person,
        "me.html",
        kept=kept,
        shown=SHOWN,
        days=counts_by_day(kept.counts, home.timezone) if kept else (),
        categories=by_category(kept.counts) if kept else (),
        budgets={each.id: each for each in in_scope(home.budgets, person.profile)},
        looks=[(each, names.get(each.account, "")) for each in kept.looks] if kept else (),
        may_erase=_may_erase(person, parts.now()),
        now=parts.now(),
    )


async def data(request: web.Request) -> web.Response:
    """All that is kept, as a file."""
    person, parts = await _paired(request), context_of(request)
    kept = await _kept(request, person)
    found = export_data(person.household, person.profile, kept, parts.now(), None)
    text = json.dumps(found, ensure_ascii=False, indent=1)
    saved = {"Content-Disposition": 'attachment; filename="my-data.json"'}
    return web.Response(text=text, content_type="application/json", headers=saved)


async def erase(request: web.Request) -> web.Response:
    """Delete the names and counts that are kept; the minutes of today stay, which are rules."""
    person, parts = await _paired(request), context_of(request)
    now, home, profile = int(parts.now()), person.household, person.profile
    if not _may_erase(person, now):
        raise web.HTTPForbidden(
            reason="You cannot delete anything while all your sites are being recorded"
        )
    if "sure" not in await fields_of(request):  # a browser asks for the tick before it sends
        raise HouseholdError("Tick the box to confirm", name="sure")
    await asyncio.to_thread(parts.log.forget, home.id, profile.id)
    await parts.store.run(
        lambda connection: audit(connection, home.id, profile.name, "own log deleted", now)
    )
    raise web.HTTPSeeOther("/me")


def _may_erase(person: Person, now: float) -> bool:
    return person.profile.privacy_at(now) is not PrivacyMode.FULL


async def _paired(request: web.Request) -> Person:
    person = await person_of(request)
    if not person.is_proven:
        raise web.HTTPForbidden(reason="This browser is not linked to this device")
    return person


async def _kept(
    request: web.Request, person: Person, rows: int = MOST, looks: int = MOST
) -> PersonalData:
    parts, home, profile = context_of(request), person.household, person.profile
    blocks, now = blocks_of(request, person), int(parts.now())
    return replace(
        await kept_of(parts, home.id, profile.id, rows, looks),
        browsers=_theirs(profile, await parts.pairings.of(home.id)),
        guests=_theirs(profile, await parts.guests.of(home.id, now)),
        accounts=_theirs(profile, await parts.accounts.all(home.id)),
        question=await parts.consents.of(home.id, profile.id),
        proposal=await parts.proposals.of(home.id, profile.id),
        blocks=tuple(Blocked(each.name, each.at, each.verdict.reason) for each in blocks),
        pin=profile.id in await parts.pins.people(home.id),
    )


class _OfSomebody(Protocol):
    @property
    def profile(self) -> str: ...


Each = TypeVar("Each", bound=_OfSomebody)


def _theirs(profile: Profile, several: Iterable[Each]) -> tuple[Each, ...]:
    return tuple(each for each in several if each.profile == profile.id)
