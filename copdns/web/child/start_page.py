"""The child's start page: what applies now and why, recent blocks, and links to the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from aiohttp import web

from copdns.accounts.account import GUEST_LASTS, PAIRING_LASTS, Guest
from copdns.appeals.appeal import Appeal
from copdns.appeals.other_closures import find_later_closure
from copdns.dns.records import A
from copdns.lists.find_app import KnownApp, app_of, app_of_name, owners_of
from copdns.model.verdict import StepNumber, Verdict
from copdns.policy.decide import decide
from copdns.policy.service_state import name_state, stays_blocked
from copdns.policy.today import build_today
from copdns.policy.typed_site import apps_of
from copdns.privacy.changes import Changed
from copdns.privacy.recent_blocks import Block, OwnedDevice
from copdns.web.browser_input import host_without_port
from copdns.web.child import age
from copdns.web.child.claim_device import guest_here, has_guest_rules
from copdns.web.child.consent import open_question
from copdns.web.child.page import child_page, require_known
from copdns.web.child.quiet_devices import quiet_devices_of
from copdns.web.child.recent_changes import recent_changes_of
from copdns.web.child.timer import timer_of
from copdns.web.context import context_of
from copdns.web.house_checks import note_childs_device
from copdns.web.notes import note_of
from copdns.web.person import (
    GUEST_PAIRING,
    PAIRING,
    Person,
    may_see_appeal,
    person_of,
    set_pairing_cookie,
)

BLOCKS_SHOWN = 17  # rows of recent blocks
BLOCKS_OPEN = 5  # of these without a tap
NEWS_SECONDS = 7 * 86_400  # how long a change of rules is shown
APPEALS_SHOWN, APPEALS_READ = 10, 50  # more are read, since some may be a guest's
APPEALS_OPEN = 3  # of these without a tap


class BlockRow(NamedTuple):
    """A row of recent blocks.

    block: of an app's the one of the site that people mean by it, where that is among them; else
        the newest.
    verdict: what blocks it now; None where it is allowed.
    app: the slug of the app whose sites the row stands for; "" for a site alone.
    """

    block: Block
    verdict: Verdict | None
    app: str = ""


async def start_page(request: web.Request) -> web.Response:
    """Show the start page of this device."""
    person, context = await person_of(request), context_of(request)
    now = context.now()
    appeals = (
        await context.appeals.appeals(
            person.household.id, profile=person.profile.id, limit=APPEALS_READ
        )
        if person.is_paired
        else ()
    )
    mine = [each for each in appeals if may_see_appeal(person, each)]
    own_appeals = current_appeals(mine, now)
    policy = person.client.policy
    today = build_today(
        person.household, person.profile, person.client.policy, context.policy_inputs(), now
    )
    blocks = [(each, closed_now(person, each, now)) for each in blocks_of(request, person)]
    # One app asks for many names, and a child reads it as one.
    apps = apps_of(person.household, context.snapshot().library) if len(blocks) > 1 else ()
    page = child_page(
        request,
        person,
        "door.html",
        today=today,
        appeals=own_appeals,
        closed_besides={
            each.id: verdict
            for each in own_appeals
            if (verdict := find_later_closure(policy, each, now)) is not None
        },
        blocks=rows_of(person, blocks, owners_of(map(app_of, apps)))[:BLOCKS_SHOWN],
        newest=BLOCKS_OPEN,
        latest=APPEALS_OPEN,
        has_older_appeals=len(own_appeals) < len(mine) and person.is_proven,
        changed=await _news_of(request, person, now),
        silent=[each for each in await quiet_devices_of(request, person) if each.is_new],
        guest=await _guest_with_guest_rules(request, person),
        without_browser=[
            each
            for each in person.household.devices
            if each.profile == person.profile.id and not each.kind.has_browser
        ],
        asks_age=await age.is_asked(request, person),
        asks_consent=await open_question(request, person) is not None,
        timer=timer_of(request, person),
        now=now,
    )
    if _leads_to_https(request) and person.is_paired and not person.guest:
        # One that was set over HTTP is sent over it again; from now on it is not.
        set_pairing_cookie(request, page, PAIRING, request.cookies[PAIRING], PAIRING_LASTS)
    return page


def rows_of(
    person: Person, blocks: Iterable[tuple[Block, Verdict | None]], owners: Mapping[str, KnownApp]
) -> list[BlockRow]:
    """Return rows of recent blocks: several sites of an app that something blocks for one reason
    are one row.

    blocks: the newest first, each with what blocks it now.  owners: the app of each name.
    """
    groups: dict[object, list[tuple[Block, Verdict | None]]] = {}
    found: dict[object, KnownApp | None] = {}
    for block, verdict in blocks:
        app = app_of_name(block.name, owners)
        key: object = block.name if app is None else (app.slug, _why(person, verdict))
        groups.setdefault(key, []).append((block, verdict))
        found[key] = app
    rows = []
    for key, several in groups.items():
        app = found[key]
        if app is None or len(several) == 1:
            rows.append(BlockRow(*several[0]))
        else:
            meant = (each for each in several if _is_meant(each[0].name, app))
            rows.append(BlockRow(*next(meant, several[0]), app.slug))
    return rows


def _is_meant(name: str, app: KnownApp) -> bool:
    return name in (app.site, f"www.{app.site}", f"m.{app.site}")


def _why(person: Person, verdict: Verdict | None) -> object:
    """Return what a row says of a verdict, but for the name that a rule or a list has."""
    if verdict is None:
        return None
    about = (verdict.reason, verdict.category, verdict.service, verdict.contact, verdict.period)
    return about, note_of(person.household, person.profile, verdict)


def current_appeals(appeals: Iterable[Appeal], now: float) -> list[Appeal]:
    """Return the appeals that the start page shows: those that wait come first, in each part the
    newest.  appeals: the newest first."""
    current = (each for each in appeals if each.is_current(now))
    return sorted(current, key=lambda each: not each.waits)[:APPEALS_SHOWN]


def _leads_to_https(request: web.Request) -> bool:
    """Tell whether the child's page is over HTTPS, and always will be: where browsers do not trust
    the certificate, it is over HTTP the next time, without a cookie that HTTPS kept."""
    host = host_without_port(request.host)
    return request.secure and context_of(request).https().is_trusted_for(host)


async def pair(request: web.Request) -> web.Response:
    """Pair this browser with its device, if none is yet."""
    person, context = await person_of(request), context_of(request)
    redirect = web.HTTPSeeOther("/")
    if person.is_paired:
        raise redirect
    require_known(person)
    ids, now = (person.household.id, person.profile.id), int(context.now())
    if person.guest:
        cookie = await context.guests.pair(ids[0], person.guest, ids[1], now)
    else:
        cookie = await context.pairings.pair(ids[0], person.device, ids[1], now)
    if cookie is None:
        return child_page(request, person, "not_paired.html", status=403)
    if person.band.is_child and not person.guest:
        await note_childs_device(context, ids[0])
    if person.guest:
        set_pairing_cookie(request, redirect, GUEST_PAIRING, cookie, GUEST_LASTS)
    else:
        set_pairing_cookie(request, redirect, PAIRING, cookie, PAIRING_LASTS)
    raise redirect


async def why(request: web.Request) -> web.Response:
    """Show one recent block in full: what decided, and what can be done."""
    person = await person_of(request)
    code = request.match_info["code"]
    block = next((each for each in blocks_of(request, person) if each.code == code), None)
    if block is None:
        raise web.HTTPNotFound(reason="This is no longer in your list of recently blocked sites")
    now = context_of(request).now()
    verdict = closed_now(person, block, now)
    if verdict and stays_blocked(name_state(person.client.policy, block.name, now)):
        verdict = replace(verdict, ends_text="")  # the end of what is not all that blocks it
    return child_page(request, person, "why.html", block=block, verdict=verdict)


async def _news_of(request: web.Request, person: Person, now: float) -> list[Changed]:
    """Return what changed in the last week."""
    news = await recent_changes_of(request, person)
    return [each for each in news.changed if now - each.at < NEWS_SECONDS]


async def _guest_with_guest_rules(request: web.Request, person: Person) -> Guest | None:
    """Return the guest of this device, where guest rules apply to it; else None."""
    found = await guest_here(request, person) if person.is_anybodys else None
    return found if found is not None and has_guest_rules(person, found) else None


def closed_now(person: Person, block: Block, now: float) -> Verdict | None:
    """Return the verdict that blocks a name now, which may differ from that of the block; None
    where the name is allowed.  A block of a response is kept, since a response is judged only when
    it comes."""
    verdict = decide(person.client.policy, block.name, A, now)
    if verdict.blocks:
        return verdict
    return block.verdict if block.verdict.via or block.verdict.step == StepNumber.RESPONSE else None


def blocks_of(request: web.Request, person: Person) -> tuple[Block, ...]:
    """Return the recent blocks of this device: to its paired browser, once that proves who uses
    it; of a guest's device, whose blocks are from their own time only, to theirs."""
    context = context_of(request)
    if not (person.is_proven or (person.is_paired and person.guest)) or not person.band.is_child:
        return ()
    owned = OwnedDevice(person.household.id, person.client.policy.profile, person.device)
    return context.recent.blocks(owned, context.now())
