"""What is closed for a person, what searches leave out, and what the preset of an age would change.

What a block takes along is told before it is kept, with the names to keep open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import groupby
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from copdns.accounts.roles import Permission
from copdns.household.differences import Difference, audit_line, differences, preset_reason
from copdns.household.edits import add_rule, set_profile
from copdns.household.presets import Preset, apply, rules_now
from copdns.list_files.load import bundled_presets
from copdns.model.errors import HouseholdError
from copdns.model.household import Band, Contact, Default, Household, RuleAction
from copdns.model.sentences import sentence
from copdns.store.household_db.proposals import Proposal
from copdns.web.context import context_of
from copdns.web.desk.activity.collateral import by_contact, losses
from copdns.web.desk.person.page import (
    Found,
    back,
    change,
    keep,
    person_page,
    the_person,
    with_values,
)
from copdns.web.desk.person.people import band_in
from copdns.web.received import fields_of

DAY, SOON, LATEST = 86_400, 30, 366  # seconds; days until a proposed band
OFF = "off"
NO_CHOICE = sentence("choose one of the answers on the page")


async def closed(request: web.Request) -> web.Response:
    """Categories, services, contacts, ways round the rules, and what is open without any."""
    found = await the_person(request, Permission.SEE_PROFILES)
    library = context_of(request).live().library
    own = found.household.services
    shipped = sorted(library.services.values(), key=lambda each: (each.group, each.title.lower()))
    return person_page(
        request,
        found,
        "desk/person_closed.html",
        categories=[each for each in library.categories.values() if each.layer == "content"],
        groups=[(group, list(each)) for group, each in groupby(shipped, lambda one: one.group)],
        own=own,
        contacts={
            kind: (*by_contact(library, kind), *(each for each in own if each.contact is kind))
            for kind in (Contact.STRANGERS, Contact.KNOWN)
        },
        canaries=library.canaries.values(),
    )


async def set_closed(request: web.Request) -> web.Response:
    """Keep it; what else would stop is shown once before."""
    found, fields = await the_person(request, Permission.EDIT_PROFILES), await fields_of(request)
    values = _closed_in(fields)
    after = with_values(request, found, values)
    changed = differences(found.profile, after)
    lost = losses(changed, context_of(request).live().library)
    if lost and "sure" not in fields:
        return person_page(
            request,
            found,
            "desk/person_lost.html",
            lost=lost,
            sent=[(name, str(value)) for name, value in fields.items()],
        )
    names = [str(each) for each in fields.getall("keep", ())]
    edit = partial(_kept_open, found=found, request=request, values=values, names=names)
    stored = await change(request, found.actor, edit, audit_line(after, changed))
    raise web.HTTPSeeOther(back(found, after, stored))


async def search(request: web.Request) -> web.Response:
    """Search engines and their modes."""
    found = await the_person(request, Permission.SEE_PROFILES)
    return person_page(
        request,
        found,
        "desk/person_search.html",
        engines=context_of(request).live().library.engines.values(),
        chosen=dict(found.profile.safe_search),
    )


async def set_search(request: web.Request) -> web.Response:
    """Keep what is chosen for each engine."""
    found, fields = await the_person(request, Permission.EDIT_PROFILES), await fields_of(request)
    engines = context_of(request).live().library.engines
    wanted = {each: str(fields.get(f"engine-{each}", OFF)) for each in engines}
    values = {
        "safe_search": tuple(sorted((e, mode) for e, mode in wanted.items() if mode != OFF)),
        "no_safe_search": "no_safe_search" in fields,
    }
    raise web.HTTPSeeOther(await keep(request, found, values))


async def preset(request: web.Request) -> web.Response:
    """What would be different with the preset of an age, each with its reason."""
    found = await the_person(request, Permission.SEE_PROFILES)
    parts, now = context_of(request), int(context_of(request).now())
    proposal = await parts.proposals.of(found.household.id, found.profile.id)
    usual = proposal.band if proposal else found.profile.band_at(now)
    band = band_in(request.query.get("band", usual))
    wanted = bundled_presets()[band]
    changed = differences(found.profile, apply(wanted, found.profile))
    times = wanted.times(found.profile.id)
    return person_page(
        request,
        found,
        "desk/person_preset.html",
        bands=tuple(Band),
        band=band,
        preset=wanted,
        changed=_by_reason(wanted, changed),
        allowed=wanted.allowed_names,
        times=(*times.schedules, *times.budgets),
        proposal=proposal,
    )


async def take_preset(request: web.Request) -> web.Response:
    """Take the preset of an age over, or its age alone."""
    found, fields = await the_person(request, Permission.EDIT_PROFILES), await fields_of(request)
    band, parts = band_in(str(fields.get("band", ""))), context_of(request)
    now, profile, known = int(parts.now()), found.profile.id, parts.known()
    rules = "only_age" not in fields
    preset = rules_now(found.profile, bundled_presets()[band] if rules else None, now)
    times = preset is not None and "times" in fields

    def edit(household: Household) -> Household:
        # Whoever names an age takes an announced one back.
        return set_profile(
            household, profile, known, preset, times=times, band=band, band_change=None
        )

    wanted = edit(found.household).profile(profile)
    assert wanted is not None
    what = f"profile {profile} set: {'preset' if preset else 'band'} {band}"
    stored = await change(request, found.actor, edit, what)
    await parts.proposals.propose_or_drop(found.actor, found.profile, band, now, rules=rules)
    raise web.HTTPSeeOther(back(found, wanted, stored))


async def propose(request: web.Request) -> web.Response:
    """Propose the preset of another age for a day to come, which both sides can read till then."""
    found, fields = await the_person(request, Permission.EDIT_PROFILES), await fields_of(request)
    band, parts = band_in(str(fields.get("band", ""))), context_of(request)
    try:
        days = int(str(fields.get("days", SOON)))
    except ValueError:
        raise HouseholdError(NO_CHOICE) from None
    if not 1 <= days <= LATEST:
        raise HouseholdError("Enter a number of days from 1 to %(most)s", name="days", most=LATEST)
    now = int(parts.now())
    await parts.proposals.propose(
        Proposal(
            found.household.id, found.profile.id, band, now + days * DAY, found.actor.name, now
        )
    )
    raise web.HTTPSeeOther(found.address)


async def drop_proposal(request: web.Request) -> web.Response:
    """Take a proposal back."""
    found = await the_person(request, Permission.EDIT_PROFILES)
    await context_of(request).proposals.drop(found.household.id, found.profile.id)
    raise web.HTTPSeeOther(found.address)


def _by_reason(wanted: Preset, changed: Iterable[Difference]) -> dict[str, list[Difference]]:
    """Return what a preset would change, together what has one reason, so that none is read twice;
    without the age itself."""
    found: dict[str, list[Difference]] = {}
    for each in changed:
        if each.setting != "band":
            found.setdefault(preset_reason(wanted, each), []).append(each)
    return found


def _closed_in(fields: MultiMapping[Any]) -> dict[str, Any]:
    """Return what a form says is closed; raise HouseholdError for what is no answer."""

    def chosen(name: str) -> frozenset[str]:
        return frozenset(map(str, fields.getall(name, ())))

    try:
        return {
            "security": "security" in fields,
            "categories": chosen("category"),
            "services": chosen("service"),
            "contacts": frozenset(map(Contact, chosen("contact"))),
            "bypass": "bypass" in fields,
            "canaries": chosen("canary"),
            "default": Default(str(fields.get("default", ""))),
        }
    except ValueError:
        raise HouseholdError(NO_CHOICE) from None


def _kept_open(
    household: Household,
    found: Found,
    request: web.Request,
    values: Mapping[str, Any],
    names: list[str],
) -> Household:
    """Return the household with what is closed, and rules for the names to keep open."""
    parts = context_of(request)
    known, now = parts.known(), int(parts.now())
    household = set_profile(household, found.profile.id, known, **values)
    mine = {str(each.target) for each in household.rules if each.scope == found.profile.id}
    for name in dict.fromkeys(names):
        if name not in mine:
            household = add_rule(
                household, RuleAction.ALLOW, name, known, scope=found.profile.id, created=now
            )
    return household
