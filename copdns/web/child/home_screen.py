"""The child's app: the page about it, notices in this browser, what holds without a connection."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.account import Pairing
from copdns.model.push import CHILDS_KINDS, CHILDS_USUAL
from copdns.policy.decide import full_closure
from copdns.policy.today import next_opening_or_closing
from copdns.store.household_db.push import PushStore
from copdns.web.browser_input import fields_of, label_of
from copdns.web.child.help import helpline_values
from copdns.web.child.page import child_page, require_proof
from copdns.web.context import context_of
from copdns.web.home_screen.notices import (
    kinds_here,
    no_browser,
    parse_browser,
    parse_kinds,
    push_key,
    require_offered,
)
from copdns.web.home_screen.offer import is_offered, with_times
from copdns.web.pages import language_of
from copdns.web.person import PAIRING, Person, person_of

HERE = "/app"


async def app(request: web.Request) -> web.Response:
    """Show how to put the pages on the home screen, and what this browser gets notices about."""
    person = await person_of(request)
    pairing = await _own_pairing(request, person)
    mine = await PushStore(context_of(request).thread).of_pairing(pairing) if pairing else None
    return child_page(
        request,
        person,
        "app.html",
        offered=is_offered(request),
        key=await push_key(request),
        linked=pairing is not None,
        mine=mine,
        kinds=kinds_here(request, CHILDS_KINDS),
        chosen=mine.kinds if mine is not None else CHILDS_USUAL,
    )


async def turn_on(request: web.Request) -> web.Response:
    """Turn notices on in this browser, or choose others."""
    person, fields = await person_of(request), await fields_of(request)
    pairing = await _require_pairing(request, person)
    require_offered(request)
    context = context_of(request)
    push = PushStore(context.thread)
    mine = await push.of_pairing(pairing)
    kinds = parse_kinds(fields, kinds_here(request, CHILDS_KINDS), mine)
    browser = parse_browser(request, fields)
    if browser is not None:
        language, label = language_of(request), label_of(request)
        await push.add_childs(pairing, browser, kinds, language, label, int(context.now()))
    elif mine is not None:
        await push.choose(mine, kinds)
    else:
        raise no_browser()
    raise web.HTTPSeeOther(HERE)


async def turn_off(request: web.Request) -> web.Response:
    """Turn notices off in this browser; a second time is harmless."""
    pairing = await _require_pairing(request, await person_of(request))
    push = PushStore(context_of(request).thread)
    mine = await push.of_pairing(pairing)
    if mine is not None:
        await push.forget(mine)
    raise web.HTTPSeeOther(HERE)


async def state(request: web.Request) -> web.Response:
    """Give the worker the page that it shows without a connection: whether the internet is on, and
    until when, and whom to call for help.  No name of a person, no site and no minutes are in it,
    whatever is recorded of somebody.

    To a browser that is not, or no longer, linked: nothing, so that it forgets what it had.
    """
    person, context = await person_of(request, quietly=True), context_of(request)
    if not (person.is_paired and person.is_known):
        return web.Response(status=204)
    now, policy = context.now(), person.client.policy
    edge = next_opening_or_closing(policy, now)
    page = child_page(
        request,
        person,
        "offline.html",
        home="/",
        state="child",
        closed=full_closure(policy, now),
        edge=edge,
        now=now,
        **helpline_values(request, person),
    )
    return with_times(page, now, [edge] if edge is not None else [])


async def _own_pairing(request: web.Request, person: Person) -> Pairing | None:
    """Return the pairing of this browser, where it is the person's own; else None."""
    if not person.is_own or not person.is_known:
        return None
    context = context_of(request)
    return await context.pairings.find(
        person.household.id,
        person.device,
        person.profile.id,
        request.cookies.get(PAIRING, ""),
        int(context.now()),
    )


async def _require_pairing(request: web.Request, person: Person) -> Pairing:
    require_proof(person)
    found = await _own_pairing(request, person)
    if found is None:
        raise web.HTTPForbidden(reason="This is only for the browser of your own device")
    return found
