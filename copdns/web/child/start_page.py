"""The door: what a device's own page shows, without a login.

What applies now and why, what was blocked just now, and where to go from here.
"""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.account import GUEST_LASTS, PAIRING_LASTS, Guest
from copdns.appeals.rest import closed_after_all
from copdns.dns.records import A
from copdns.model.verdict import StepNumber, Verdict
from copdns.policy.decide import decide
from copdns.policy.today import build_today
from copdns.privacy.recent_blocks import Block
from copdns.web.child.claim_device import guest_here, is_nobodys
from copdns.web.child.consent import question_to
from copdns.web.child.page import child_page
from copdns.web.child.recent_changes import news_of
from copdns.web.context import context_of
from copdns.web.person import (
    GUEST_PAIRING,
    PAIRING,
    Person,
    is_theirs,
    person_of,
    set_pairing_cookie,
)

SHOWN = 20  # of the last blocks: more than anybody reads
NEWEST = 5  # of these are seen at once, the others on demand
NEWS = 7 * 86_400  # seconds for which a change of the rules is news
ASKED, READ = 10, 50  # of what was asked for: shown, and read, some of which may be others'


async def door(request: web.Request) -> web.Response:
    """The page of whoever's device asks."""
    person, parts = await person_of(request), context_of(request)
    now = parts.now()
    appeals = (
        await parts.appeals.appeals(person.household.id, profile=person.profile.id, limit=READ)
        if person.is_paired
        else ()
    )
    shown = [each for each in appeals if is_theirs(person, each)][:ASKED]
    policy = person.client.policy
    found = build_today(
        person.household, person.profile, person.client.policy, parts.readings(), now
    )
    blocks = blocks_of(request, person)[:SHOWN]
    return child_page(
        request,
        person,
        "door.html",
        today=found,
        appeals=shown,
        closed_besides={
            each.id for each in shown if closed_after_all(policy, each, now) is not None
        },
        blocks=[(each, closed_now(person, each, now)) for each in blocks],
        newest=NEWEST,
        changed=[
            each.at for each in (await news_of(request, person)).changed if now - each.at < NEWS
        ],
        guest=await _guest(request, person),
        asks_consent=await question_to(request, person) is not None,
        now=now,
    )


async def pair(request: web.Request) -> web.Response:
    """Let this browser be the one that its device is known by, if none is yet."""
    person, parts = await person_of(request), context_of(request)
    back = web.HTTPSeeOther("/")
    if person.is_paired:
        raise back
    if not person.is_known:
        raise web.HTTPForbidden(reason="Nobody knows yet whose device this is")
    whose, now = (person.household.id, person.profile.id), int(parts.now())
    if person.guest:
        told = await parts.guests.pair(whose[0], person.guest, whose[1], now)
    else:
        told = await parts.pairings.pair(whose[0], person.device, whose[1], now)
    if told is None:
        return child_page(request, person, "not_paired.html", status=403)
    if person.guest:
        set_pairing_cookie(request, back, GUEST_PAIRING, told, GUEST_LASTS)
    else:
        set_pairing_cookie(request, back, PAIRING, told, PAIRING_LASTS)
    raise back


async def why(request: web.Request) -> web.Response:
    """One of the last blocks, whole: what decided, and what can be done."""
    person = await person_of(request)
    code = request.match_info["code"]
    block = next((each for each in blocks_of(request, person) if each.code == code), None)
    if block is None:
        raise web.HTTPNotFound(reason="This is not in the list of the last blocks any more")
    verdict = closed_now(person, block, context_of(request).now())
    return child_page(request, person, "why.html", block=block, verdict=verdict)


async def _guest(request: web.Request, person: Person) -> Guest | None:
    """Return who was let in here with the rules of guests."""
    found = await guest_here(request, person) if person.is_anybodys else None
    return found if found is not None and is_nobodys(person, found) else None


def closed_now(person: Person, block: Block, now: float) -> Verdict | None:
    """Return what closes a name by now, which need not be what closed it then; None where it is
    open.  What an answer was blocked for is known only when it comes, so that this stays."""
    verdict = decide(person.client.policy, block.name, A, now)
    if verdict.blocks:
        return verdict
    return block.verdict if block.verdict.via or block.verdict.step == StepNumber.RESPONSE else None


def blocks_of(request: web.Request, person: Person) -> tuple[Block, ...]:
    """Return the last blocks of this device, for the browser that it is known by."""
    parts = context_of(request)
    if not person.is_paired or not person.band.is_child:
        return ()
    return parts.recent.blocks(person.household.id, person.device, parts.now())
