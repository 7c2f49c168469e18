"""What is recorded about a person: to read, to download, to erase.

It shows exactly what a guardian could see, and who viewed it.  It needs a proven person, and
records no view.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address
from typing import Literal, NamedTuple, Protocol, TypeVar

from aiohttp import web

from copdns.accounts.roles import guardians_may_see
from copdns.model.addresses import UpstreamAddress
from copdns.model.broad_names import AnsweredSite, answered_sites, broad_names
from copdns.model.encrypted_addresses import server_address
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, PrivacyMode, Profile, SplitUpstream
from copdns.model.scoped_names import EVERY_NAME
from copdns.privacy.personal_data import (
    Blocked,
    PersonalData,
    SaidOfOtherHome,
    by_category,
    counts_by_day,
    export_data,
)
from copdns.settings.config import SYSTEM, Settings
from copdns.store.household_db.followers import Follower
from copdns.store.household_db.other_homes import OtherHome
from copdns.time.plan import in_scope
from copdns.web.browser_input import fields_of
from copdns.web.child.device_setup import has_token
from copdns.web.child.page import child_page, note_pin, require_proof
from copdns.web.child.quiet_devices import quiet_devices_of
from copdns.web.child.start_page import blocks_of
from copdns.web.context import context_of
from copdns.web.device_setup.offer import offer_of
from copdns.web.person import Person, person_of
from copdns.web.personal_data import MAX_ROWS, read_personal_data

NAMES_SHOWN = 16  # the file has all of them
LOOKS_SHOWN = 10
ENDS_ALONE_FROM = 13  # years


class Resolvers(NamedTuple):
    """Who is asked for the names of sites.

    usual: addresses outside the home, with their port unless it is the usual one.
    has_own, has_system: servers in the home itself are asked, and those that the network told this
    machine.
    splits: domains that are sent elsewhere for this person, with the addresses or names of servers.
    answered: sites that somebody at home leads elsewhere.
    """

    usual: tuple[str, ...]
    has_own: bool
    has_system: bool
    splits: tuple[SplitUpstream, ...]
    answered: tuple[AnsweredSite, ...]


async def me(request: web.Request) -> web.Response:
    """Show what is recorded, and all of it that others could see."""
    person, context = await person_of(request), context_of(request)
    data = (
        await _read_own_data(request, person, NAMES_SHOWN, LOOKS_SHOWN)
        if person.is_proven
        else None
    )
    home = person.household
    names = {each.id: each.name for each in await context.accounts.all(home.id)} if data else {}
    return child_page(
        request,
        person,
        "me.html",
        kept=data,
        shown=NAMES_SHOWN,
        looks_shown=LOOKS_SHOWN,
        days=counts_by_day(data.counts, home.timezone) if data else (),
        categories=by_category(data.counts) if data else (),
        budgets={each.id: each for each in in_scope(home.budgets, person.profile)},
        looks=[(each, names.get(each.account, "")) for each in data.looks] if data else (),
        may_erase=_may_erase(person, context.now()),
        guardians_may_see=guardians_may_see(person.profile),
        log_settings=context.log_settings,
        tells_automation=bool(context.settings().mqtt.host),
        noticed=not context.is_shared
        and person.is_known
        and person.profile.notices_signs_at(context.now()),
        silent=await quiet_devices_of(request, person),
        resolvers=resolvers(person.household, person.profile, context.settings()),
        boxes=await _boxes_of(request, home),
        other_home=await context.other_homes.find(home.id, person.profile.id),
        home_ended=await context.other_homes.is_ended_by_child(home.id, person.profile.id),
        encrypted=not context.is_shared
        and person.is_known
        and (has_token(person) or not offer_of(context).missing),
        now=context.now(),
    )


async def _boxes_of(request: web.Request, household: Household) -> tuple[Follower, ...]:
    """Return the boxes that follow this one, and so know the household's rules."""
    first = context_of(request).first_box
    return () if first is None else await first.followers.of(household.id)


def resolvers(household: Household, profile: Profile, settings: Settings) -> Resolvers:
    """Return who is asked for the names of sites for a person, and who answers which."""
    broad, splits = broad_names(household), in_scope(household.split_upstreams, profile)
    if settings.upstreams.are_fixed:
        splits = tuple(each for each in splits if each.key != EVERY_NAME)
    everything = [each for each in splits if not each.name]
    # The person's own come first, then those of a tag, then the usual ones of the household.
    everything.sort(key=lambda each: (not each.scope, each.scope.startswith("#")))
    servers: tuple[UpstreamAddress | Literal["system"], ...] = settings.upstreams.servers
    if everything:
        servers = tuple(map(server_address, everything[0].upstreams))
    named = [each for each in servers if each != SYSTEM]
    domains = [each for each in splits if each.name and each.name not in broad]
    outside = [each for each in named if not (each.host and ip_address(each.host).is_private)]
    return Resolvers(
        tuple(each.short_text for each in outside),
        len(outside) < len(named),
        SYSTEM in servers,
        tuple(map(_with_short_servers, (*everything[:1], *domains))),
        answered_sites(replace(household, local_names=in_scope(household.local_names, profile))),
    )


def _with_short_servers(split: SplitUpstream) -> SplitUpstream:
    """Return a split with the names of encrypted servers in place of their whole addresses."""
    servers = map(server_address, split.upstreams)
    return replace(split, upstreams=tuple(each.name or str(each) for each in servers))


async def data(request: web.Request) -> web.Response:
    """Return all that is recorded, as a file."""
    person, context = await _require_proven(request), context_of(request)
    personal_data = await _read_own_data(request, person)
    found = export_data(person.household, person.profile, personal_data, context.now(), None)
    text = json.dumps(found, ensure_ascii=False, indent=1)
    headers = {"Content-Disposition": 'attachment; filename="my-data.json"'}
    return web.Response(text=text, content_type="application/json", headers=headers)


async def erase(request: web.Request) -> web.Response:
    """Delete the recorded names and counts; today's minutes stay, since limits need them."""
    person, context = await _require_proven(request), context_of(request)
    now, home, profile = int(context.now()), person.household, person.profile
    if not _may_erase(person, now):
        raise web.HTTPForbidden(
            reason="You cannot delete anything while all your sites are being recorded"
        )
    if "sure" not in await fields_of(request):  # browsers require the tick box
        raise HouseholdError("Tick the box to confirm", name="sure")
    await asyncio.to_thread(context.log.forget, home.id, profile.id)
    await context.store.note(home.id, profile.name, "own log deleted", now)
    await note_pin(request, person)
    raise web.HTTPSeeOther("/me")


async def end_other_home(request: web.Request) -> web.Response:
    """End that there is another home: from 13 on alone, and whatever guardians say."""
    person, context = await _require_proven(request), context_of(request)
    home, profile = person.household.id, person.profile
    if profile.band_at(context.now()).age < ENDS_ALONE_FROM:
        raise web.HTTPForbidden(reason="Ask a grown-up to end this")
    if "sure" not in await fields_of(request):  # browsers require the tick box
        raise HouseholdError("Tick the box to confirm", name="sure")
    now = int(context.now())
    await context.other_homes.end(home, profile.id, profile.name, now, by_child=True)
    await note_pin(request, person)
    raise web.HTTPSeeOther("/me")


async def allow_other_home(request: web.Request) -> web.Response:
    """Allow that there is another home again, after this person ended it."""
    person, context = await _require_proven(request), context_of(request)
    home, profile = person.household.id, person.profile
    await context.other_homes.allow(home, profile.id, profile.name, int(context.now()))
    await note_pin(request, person)
    raise web.HTTPSeeOther("/me")


def _may_erase(person: Person, now: float) -> bool:
    return person.profile.privacy_at(now) is not PrivacyMode.FULL


async def _require_proven(request: web.Request) -> Person:
    person = await person_of(request)
    require_proof(person)
    return person


async def _read_own_data(
    request: web.Request, person: Person, rows: int = MAX_ROWS, looks: int = MAX_ROWS
) -> PersonalData:
    context, home, profile = context_of(request), person.household, person.profile
    blocks, now = blocks_of(request, person), int(context.now())
    return replace(
        await read_personal_data(context, home.id, profile.id, rows, looks),
        browsers=_of_profile(profile, await context.pairings.of(home.id)),
        guests=_of_profile(profile, await context.guests.of(home.id, now)),
        accounts=_of_profile(profile, await context.accounts.all(home.id)),
        question=await context.consents.of(home.id, profile.id),
        proposal=await context.proposals.of(home.id, profile.id),
        other_home=_other_home(await context.other_homes.find(home.id, profile.id)),
        blocks=tuple(Blocked(each.name, each.at, each.verdict.reason) for each in blocks),
        pin=profile.id in await context.pins.people(home.id),
    )


def _other_home(found: OtherHome | None) -> SaidOfOtherHome | None:
    if found is None:
        return None
    return SaidOfOtherHome(found.made, found.author, found.brought, found.agreed)


class _OfSomebody(Protocol):
    @property
    def profile(self) -> str: ...


Each = TypeVar("Each", bound=_OfSomebody)


def _of_profile(profile: Profile, several: Iterable[Each]) -> tuple[Each, ...]:
    return tuple(each for each in several if each.profile == profile.id)
