"""What is blocked for a person, safe search, and what the preset of an age would change.

What a block stops besides is shown before it is stored: below the switch of a service, and where
there is something to keep, on a page with a tick for it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from aiohttp import web
from multidict import MultiMapping

from copdns.accounts.roles import Permission
from copdns.appeals.opening import services_of
from copdns.dns.records import A
from copdns.household.differences import Difference, audit_line, differences, preset_reason
from copdns.household.edit_checks import require_profile
from copdns.household.edits import set_profile
from copdns.household.presets import Preset, rules_now
from copdns.household.rule_edits import add_rule
from copdns.household.safeguards import is_announced
from copdns.household.suggestions import plan_settings, plan_times
from copdns.list_files.load import bundled_presets
from copdns.lists.catalogue import Catalogue, Category, Service
from copdns.model.errors import HouseholdError
from copdns.model.household import (
    Band,
    Contact,
    Default,
    Household,
    OwnService,
    Profile,
    RuleAction,
)
from copdns.model.sentences import sentence
from copdns.model.verdict import StepNumber
from copdns.policy.decide import decide
from copdns.policy.service_state import Extent, ServiceState, service_state
from copdns.policy.without_time import without_time
from copdns.store.household_db.proposals import Proposal
from copdns.web.browser_input import fields_of
from copdns.web.confirmation import require_sure
from copdns.web.context import context_of
from copdns.web.desk.activity.collateral import (
    Loss,
    losses,
    names_of,
    services_by_contact,
)
from copdns.web.desk.change import say_done
from copdns.web.desk.form_mark import SEEN, mark_of, require_same_lines
from copdns.web.desk.person.page import (
    PersonAccess,
    change,
    keep,
    page_after,
    person_page,
    require_person,
    with_values,
)
from copdns.web.desk.person.people import parse_band
from copdns.web.time_view import time_view
from copdns.web.wording import Wording, desk_wording

DAY, USUAL_DAYS, MAX_DAYS = 86_400, 30, 366  # DAY in seconds; days until a proposal
OFF = "off"
MAX_FIND = 60  # characters of a search
_SETS = ("categories", "services", "contact_exceptions", "canaries")
_SWITCHES = ("security", "bypass", "bypass_signs")
_CLOSED = (*_SETS, *_SWITCHES, "contacts", "default")
NO_CHOICE = sentence("choose one of the answers on the page")


async def closed_settings(request: web.Request) -> web.Response:
    """Show categories, services, contacts, bypass prevention, and the default."""
    found = await require_person(request, Permission.SEE_PROFILES)
    library = context_of(request).snapshot().library
    own, sought = found.household.services, request.query.get("find", "").strip()[:MAX_FIND]
    shipped = sorted(library.services.values(), key=lambda each: (each.group, each.title.lower()))
    states, lasting = _service_states(request, found)
    return await person_page(
        request,
        found,
        "desk/person_closed.html",
        categories=[each for each in library.categories.values() if each.layer == "content"],
        groups=[(group, list(each)) for group, each in groupby(shipped, lambda one: one.group)],
        own=own,
        sought=sought,
        wanted=request.query.get("open", ""),
        matches=_find(sought, (*shipped, *own), desk_wording(request, found.household), library),
        states=states,
        lasting=lasting,
        blocked_now={slug for slug, each in states.items() if each.extent is Extent.BLOCKED},
        shared=_shared_end(states.values()),
        contacts={
            kind: (
                *services_by_contact(library, kind),
                *(each for each in own if each.contact is kind),
            )
            for kind in (Contact.STRANGERS, Contact.KNOWN)
        },
        canaries=library.canaries.values(),
        shown=_spell_closed(found.profile),
    )


def _shared_end(states: Iterable[ServiceState]) -> ServiceState | None:
    """Return one of the services that are allowed until the same moment; None where no two are."""
    ending = [each for each in states if each.extent is Extent.OPEN and each.then is not None]
    moments = Counter(each.until for each in ending).most_common(1)
    if not moments or moments[0][1] < 2:
        return None
    return next(each for each in ending if each.until == moments[0][0])


class Matches(NamedTuple):
    """What a search found."""

    categories: tuple[Category, ...] = ()
    services: tuple[Service | OwnService, ...] = ()


def _find(
    sought: str, services: Iterable[Service | OwnService], say: Wording, library: Catalogue
) -> Matches:
    """Return the categories and services whose name, or one of whose sites, has the text in it."""
    text = sought.casefold()
    if not text:
        return Matches()
    return Matches(
        tuple(
            each
            for each in library.categories.values()
            if each.layer == "content" and text in say.category(each.slug).casefold()
        ),
        tuple(
            each
            for each in services
            if text in each.title.casefold()
            or text in say.app_name(each.title).casefold()
            or any(text in e.name for e in names_of(each))
        ),
    )


def _service_states(
    request: web.Request, found: PersonAccess
) -> tuple[dict[str, ServiceState], dict[str, ServiceState]]:
    """Return what can be done with each service now, by its slug, and by settings and rules alone,
    whatever the time is."""
    context = context_of(request)
    view = time_view(context, found.household, found.actor)
    policy = view.policy(found.profile.id)
    every = services_of(context.services(), found.household)
    now, lasting = (
        {slug: service_state(each, names, view.now) for slug, names in every.items()}
        for each in (policy, without_time(policy))
    )
    return now, lasting


async def set_closed(request: web.Request) -> web.Response:
    """Store what is blocked; show once before what else would stop."""
    found = await require_person(request, Permission.EDIT_PROFILES)
    fields = await fields_of(request)
    sent, seen = _parse_closed(fields), _parse_seen(str(fields.get(SEEN, "")))
    values = _merge_closed(sent, seen, found.profile)
    after = with_values(request, found, values)
    changed = differences(found.profile, after)
    lost = losses(changed, context_of(request).snapshot().library, _would_stop(request, found))
    if "sure" not in fields and _is_to_be_asked(lost, changed):
        return await person_page(
            request,
            found,
            "desk/person_lost.html",
            lost=lost,
            sent=[(name, str(value)) for name, value in fields.items()],
        )
    names = " ".join(str(each) for each in fields.getall("keep", ())).split()
    edit = partial(_close_all_but, found=found, request=request, sent=sent, seen=seen, names=names)
    stored = await change(request, found.actor, edit, audit_line(after, changed))
    raise web.HTTPSeeOther(page_after(found, after, stored))


def _would_stop(request: web.Request, found: PersonAccess) -> Callable[[str], bool]:
    """Return what tells whether settings would take a name away that is open so far: one that a
    rule allows, or that something blocks already, stays as it is."""
    view = time_view(context_of(request), found.household, found.actor)
    policy = without_time(view.policy(found.profile.id))

    def would_stop(name: str) -> bool:
        verdict = decide(policy, name, A, view.now)
        return not verdict.blocks and verdict.step > StepNumber.RULES

    return would_stop


def _is_to_be_asked(lost: tuple[Loss, ...], changed: tuple[Difference, ...]) -> bool:
    """Tell whether there is something to choose, or to read that did not stand below the switch of
    the service itself."""
    told = {each.value for each in changed if each.setting == "services"}
    return any(each.names or each.blocked not in told for each in lost)


async def search(request: web.Request) -> web.Response:
    """Show search engines and their modes."""
    found = await require_person(request, Permission.SEE_PROFILES)
    return await person_page(
        request,
        found,
        "desk/person_search.html",
        engines=context_of(request).snapshot().library.engines.values(),
        chosen=dict(found.profile.safe_search),
    )


async def set_search(request: web.Request) -> web.Response:
    """Store the mode for each engine."""
    found = await require_person(request, Permission.EDIT_PROFILES)
    fields = await fields_of(request)
    engines = context_of(request).snapshot().library.engines
    wanted = {each: str(fields.get(f"engine-{each}", OFF)) for each in engines}
    values = {
        "safe_search": tuple(sorted((e, mode) for e, mode in wanted.items() if mode != OFF)),
        "no_safe_search": "no_safe_search" in fields,
    }
    raise web.HTTPSeeOther(await keep(request, found, values))


async def preset(request: web.Request) -> web.Response:
    """Show what the preset of an age would change, each with its reason."""
    found = await require_person(request, Permission.SEE_PROFILES)
    context, now = context_of(request), int(context_of(request).now())
    proposal = await context.proposals.of(found.household.id, found.profile.id)
    usual = proposal.band if proposal else found.profile.band_at(now)
    band = parse_band(request.query.get("band", usual))
    wanted = bundled_presets()[band]
    plan = plan_settings(found.profile, wanted, bundled_presets())
    unseen = {"bypass_signs"} if context.is_shared else ()  # nobody looks for them at a provider
    return await person_page(
        request,
        found,
        "desk/person_preset.html",
        bands=tuple(Band),
        band=band,
        preset=wanted,
        announced=is_announced(found.profile, band, now),
        changed=changes_by_reason(
            wanted, [each for each in plan.changed if each.setting not in unseen]
        ),
        kept=[each for each in plan.kept if each.setting not in unseen],
        allowed=wanted.allowed_names,
        times=any(wanted.times(found.profile.id)),
        plan=plan_times(found.household, found.profile.id, wanted, bundled_presets()),
        proposal=proposal,
        seen=mark_of(_lines_of(found.household, found.profile.id, wanted)),
        confirmed=(await context.ages.all(found.household.id)).get(found.profile.id),
    )


async def take_preset(request: web.Request) -> web.Response:
    """Apply the preset of an age, or change the age band alone."""
    found = await require_person(request, Permission.EDIT_PROFILES)
    fields = await fields_of(request)
    band, context = parse_band(str(fields.get("band", ""))), context_of(request)
    now, profile, known = int(context.now()), found.profile.id, context.known_ids()
    rules = "only_age" not in fields
    preset = rules_now(found.profile, bundled_presets()[band] if rules else None, now)
    times = preset is not None and "times" in fields
    seen = str(fields.get(SEEN, ""))

    def edit(household: Household) -> Household:
        # Setting an age cancels an announced one.
        after = set_profile(
            household, profile, known, preset, times=times, band=band, band_change=None
        )
        if preset is not None and after != household:
            require_same_lines(seen, _lines_of(household, profile, preset))
        return after

    wanted = edit(found.household).profile(profile)
    assert wanted is not None
    what = f"profile {profile} set: {'preset' if preset else 'band'} {band}"
    plan = await context.proposals.of(found.household.id, profile)
    stored = await change(request, found.actor, edit, what, plan)
    await context.proposals.propose_or_drop(found.actor, found.profile, band, now, rules=rules)
    raise web.HTTPSeeOther(page_after(found, wanted, stored))


def _lines_of(household: Household, profile_id: str, preset: Preset) -> tuple[object, ...]:
    """Return all lines that the page of an age shows."""
    presets = bundled_presets()
    settings = plan_settings(require_profile(household, profile_id), preset, presets)
    times = plan_times(household, profile_id, preset, presets)
    return settings.changed, settings.kept, times


async def confirm_age(request: web.Request) -> web.Response:
    """Note that the age group is still right; nothing else changes."""
    found = await require_person(request, Permission.EDIT_PROFILES)
    context, home = context_of(request), found.household.id
    await context.ages.confirm(home, found.profile.id, found.actor.name, int(context.now()))
    done = sentence("the age group is confirmed, and we ask again in a year")
    say_done(request, found.actor, done)
    raise web.HTTPSeeOther("/guardian/")


async def propose(request: web.Request) -> web.Response:
    """Propose the preset of another age for a later day; until then both sides can read it."""
    found = await require_person(request, Permission.EDIT_PROFILES)
    fields = await fields_of(request)
    band, context = parse_band(str(fields.get("band", ""))), context_of(request)
    try:
        days = int(str(fields.get("days", USUAL_DAYS)))
    except ValueError:
        raise HouseholdError(NO_CHOICE) from None
    if not 1 <= days <= MAX_DAYS:
        raise HouseholdError(
            "Enter a number of days from 1 to %(most)s", name="days", most=MAX_DAYS
        )
    now = int(context.now())
    await context.proposals.propose(
        Proposal(
            found.household.id, found.profile.id, band, now + days * DAY, found.actor.name, now
        )
    )
    done = sentence("the plan is saved; the settings stay as they are until you use it")
    say_done(request, found.actor, done)
    raise web.HTTPSeeOther(found.address)


async def drop_proposal(request: web.Request) -> web.Response:
    """Withdraw a proposal."""
    found = await require_person(request, Permission.EDIT_PROFILES)
    context, household, profile = context_of(request), found.household.id, found.profile
    if await context.proposals.of(household, profile.id) is not None:
        await require_sure(request, sentence("cancel the plan for %(name)s?", name=profile.name))
    await context.proposals.drop(household, profile.id)
    done = sentence("no change is planned for %(name)s", name=profile.name)
    say_done(request, found.actor, done)
    raise web.HTTPSeeOther(found.address)


def changes_by_reason(wanted: Preset, changed: Iterable[Difference]) -> dict[str, list[Difference]]:
    """Return what a preset would change, grouped by reason, without the age band itself."""
    found: dict[str, list[Difference]] = {}
    for each in changed:
        if each.setting != "band":
            found.setdefault(preset_reason(wanted, each), []).append(each)
    return found


def _parse_closed(fields: MultiMapping[Any]) -> dict[str, Any]:
    """Return what a form blocks; raise HouseholdError for unknown words."""

    def slugs(name: str) -> frozenset[str]:
        return frozenset(map(str, fields.getall(name, ())))

    try:
        return {
            "security": "security" in fields,
            "categories": slugs("category"),
            "services": slugs("service"),
            "contacts": frozenset(map(Contact, slugs("contact"))),
            "contact_exceptions": slugs("except"),
            "bypass": "bypass" in fields,
            "bypass_signs": "bypass_signs" in fields,
            "canaries": slugs("canary"),
            "default": Default(str(fields.get("default", ""))),
        }
    except ValueError:
        raise HouseholdError(NO_CHOICE) from None


def _spell_closed(profile: Profile) -> str:
    """Return what the form about what is blocked was made with; the form sends it back."""
    shown = {each: getattr(profile, each) for each in _CLOSED}
    return json.dumps({k: sorted(v) if isinstance(v, frozenset) else v for k, v in shown.items()})


def _parse_seen(text: str) -> dict[str, Any]:
    """Return what a form was made with; {} where it does not say so."""
    try:
        shown = json.loads(text or "{}")
        if not shown:
            return {}
        sets = {each: frozenset(map(str, shown[each])) for each in _SETS}
        contacts = frozenset(map(Contact, shown["contacts"]))
        plain = {each: bool(shown.get(each)) for each in _SWITCHES}
        return {**sets, **plain, "contacts": contacts, "default": Default(shown["default"])}
    except (ValueError, LookupError, TypeError, RecursionError):
        raise HouseholdError(NO_CHOICE) from None


def _merge_closed(
    sent: Mapping[str, Any], seen: Mapping[str, Any], profile: Profile
) -> dict[str, Any]:
    """Return what is blocked after a form: only what its person changed differs from now.

    Somebody else may have ticked something since the form was made; that stays.
    """
    merged = dict(sent)
    for each, before in seen.items():
        now = getattr(profile, each)
        if isinstance(before, frozenset):
            merged[each] = now - (before - sent[each]) | (sent[each] - before)
        elif sent[each] == before:
            merged[each] = now
    return merged


def _close_all_but(
    household: Household,
    found: PersonAccess,
    request: web.Request,
    sent: Mapping[str, Any],
    seen: Mapping[str, Any],
    names: list[str],
) -> Household:
    """Return the household with what is blocked, and rules that allow these names."""
    context = context_of(request)
    known, now = context.known_ids(), int(context.now())
    values = _merge_closed(sent, seen, require_profile(household, found.profile.id))
    household = set_profile(household, found.profile.id, known, **values)
    mine = {str(each.target) for each in household.rules if each.scope == found.profile.id}
    for name in dict.fromkeys(names):
        if name not in mine:
            household = add_rule(
                household, RuleAction.ALLOW, name, known, scope=found.profile.id, created=now
            )
    return household
