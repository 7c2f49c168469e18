"""The setup wizard: one step after another, with what a household needs to begin.

Each step is stored when it is sent, can be left for later, and can be repeated.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from aiohttp import web

from copdns.accounts.roles import Actor, Permission
from copdns.household.check import find_vain_protections
from copdns.household.edit_checks import free_slug
from copdns.household.edits import add_profile, set_household
from copdns.model.addresses import KnownBy
from copdns.model.errors import HouseholdError, NameTextError
from copdns.model.household import LANGUAGES, Band, DeviceKind, Household, Profile
from copdns.model.names import host_of
from copdns.model.sentences import Sentence, sentence
from copdns.network.machine import machine_timezone
from copdns.network.setup_steps import SetupProgress, SetupState, SetupStep
from copdns.network.unknown_devices import UnknownDevice
from copdns.policy.chosen_filter import is_filter_chosen, is_filter_on
from copdns.policy.guest import GUEST
from copdns.web.browser_input import Fields, fields_of
from copdns.web.context import AppContext, childs_page, context_of
from copdns.web.desk.household.guest_rules import choice_of
from copdns.web.desk.page import stored_household
from copdns.web.desk.person.page import change
from copdns.web.desk.person.people import parse_band
from copdns.web.device_setup.qr import qr
from copdns.web.home_screen.offer import is_offered
from copdns.web.languages import bundled_helplines, phrases_in
from copdns.web.many_households.family_routes import is_for_families
from copdns.web.pages import language_of
from copdns.web.session import require
from copdns.web.step_up import require_step_up
from copdns.web.unknown_devices import (
    add_typed_device,
    add_unknown_device,
    device_in_hand,
    end_guests_at,
    end_guests_of,
    known_by_mac,
    makers_of,
    parse_kind,
    parse_known_by,
    suggest_owner,
    unknown_devices_of,
)
from copdns.web.wording import desk_wording
from copdns.words.helplines import Helplines
from copdns.words.phrases import country_of_language, zone_countries, zones

Values = Mapping[str, Any]
_CHECKS = "/guardian/checks?setup=done"  # where the last step leads
_WHOSE = "whose-"  # before the id of an unknown device: the field with its owner


class WizardRequest(NamedTuple):
    """A request to the wizard.  home: as stored."""

    request: web.Request
    actor: Actor
    home: Household
    progress: SetupProgress


class _Step(NamedTuple):
    """values: what the page of the step shows.  take: stores what was sent; True: go to the next
    step."""

    values: Callable[[WizardRequest], Awaitable[Values]]
    take: Callable[[WizardRequest, Fields], Awaitable[bool]]


async def wizard(request: web.Request) -> web.Response:
    """Show all steps."""
    wizard_request = await _wizard_request(request)
    steps = _steps_of(wizard_request)
    to_do = wizard_request.progress.next_of(steps_at(context_of(request)))
    return _page(wizard_request, "desk/wizard.html", steps=steps, next_step=to_do)


async def step(request: web.Request) -> web.Response:
    """Show one step."""
    wizard_request = await _wizard_request(request)
    this, steps = _require_step(request), _steps_of(wizard_request)
    return _page(
        wizard_request,
        f"desk/wizard_{this}.html",
        this=this,
        number=steps.index(this) + 1 if this in steps else 0,
        of=len(steps),
        later=_page_after(wizard_request, this),
        **await _STEPS[this].values(wizard_request),
    )


async def take(request: web.Request) -> web.Response:
    """Store what was sent, and go on."""
    wizard_request = await _wizard_request(request)
    this, fields = _require_step(request), await fields_of(request)
    is_done = await _STEPS[this].take(wizard_request, fields)
    context = context_of(request)
    if not is_done:
        # Back at the form, with what is filled in already.
        again = "?more=yes#add" if this is SetupStep.DEVICES else ""
        raise web.HTTPSeeOther(f"/guardian/wizard/{this}{again}")
    now, household = int(context.now()), wizard_request.home.id
    await context.setups.save(
        household, this, SetupState.DONE, now, author=wizard_request.actor.name
    )
    after = _steps_after(wizard_request, this)
    if after and after[0] is SetupStep.SCHOOL:  # the form before asks for its sites
        await context.setups.save(household, after[0], SetupState.DONE, now)
        after = after[1:]
    if after and after[0] is SetupStep.HELPLINES and _has_no_line_to_check(wizard_request):
        # Nobody did it, so that the audit has no line about it.
        await context.setups.save(household, after[0], SetupState.DONE, now)
        after = after[1:]
    if after and after[0] is SetupStep.DOOR and _shows_door_with_checks(wizard_request):
        await context.setups.save(household, after[0], SetupState.DONE, now)
        after = after[1:]
    raise web.HTTPSeeOther(_address_of(wizard_request, after))


async def _wizard_request(request: web.Request) -> WizardRequest:
    actor = await require(request, Permission.EDIT_HOUSEHOLD)
    context = context_of(request)
    home = await stored_household(request, actor)
    return WizardRequest(request, actor, home, await context.setups.progress(home.id))


def _steps_of(wizard_request: WizardRequest) -> tuple[SetupStep, ...]:
    """Return the steps that have something to do; helplines only where one has to be checked, sites
    only as part of the household's form, and the children's page only where no checks follow."""
    country = _country(wizard_request)
    none_to_check = bool(country) and not _helplines(wizard_request).to_confirm(country)
    there = steps_at(context_of(wizard_request.request))
    left_out = {SetupStep.SCHOOL, *((SetupStep.HELPLINES,) if none_to_check else ())}
    if _shows_door_with_checks(wizard_request):
        left_out.add(SetupStep.DOOR)
    return tuple(each for each in there if each not in left_out)


def _shows_door_with_checks(wizard_request: WizardRequest) -> bool:
    """Tell whether the page after the last step says how children get to theirs; at a provider it
    is the overview, which does not."""
    return not context_of(wizard_request.request).is_shared


def steps_at(context: AppContext) -> tuple[SetupStep, ...]:
    """Return the steps of a household here: at a provider none is about the router, whose address
    of copdns would be that of the machine of all families."""
    is_shared = context.is_shared
    return tuple(e for e in SetupStep if not is_shared or is_for_families(f"/guardian/wizard/{e}"))


def _steps_after(wizard_request: WizardRequest, this: SetupStep) -> tuple[SetupStep, ...]:
    there = steps_at(context_of(wizard_request.request))
    return there[there.index(this) + 1 :]


def _page_after(wizard_request: WizardRequest, this: SetupStep) -> str:
    """Return where somebody goes who leaves a step for later."""
    steps = _steps_of(wizard_request)
    after = tuple(each for each in _steps_after(wizard_request, this) if each in steps)
    return _address_of(wizard_request, after)


def _address_of(wizard_request: WizardRequest, after: tuple[SetupStep, ...]) -> str:
    """Return the page of the first of some steps; after the last one the checks, where they are of
    this household."""
    if after:
        return f"/guardian/wizard/{after[0]}"
    return "/guardian/" if context_of(wizard_request.request).is_shared else _CHECKS


def _require_step(request: web.Request) -> SetupStep:
    try:
        return SetupStep(request.match_info["step"])
    except ValueError:
        raise web.HTTPNotFound from None


def _page(wizard_request: WizardRequest, template: str, **values: Any) -> web.Response:
    return context_of(wizard_request.request).pages.render(
        wizard_request.request,
        template,
        actor=wizard_request.actor,
        household=wizard_request.home,
        progress=wizard_request.progress,
        **values,
    )


async def _change(
    wizard_request: WizardRequest,
    edit: Callable[[Household], Household],
    what: str,
    said: Sentence | None = None,
    *,
    removable: bool = False,
) -> None:
    """Store what a step changes; a step that was only gone past changes and says nothing.

    said: in one line what holds now, so that the next step stays in sight.  removable: of
    `DeskAction`.
    """
    request, actor = wizard_request.request, wizard_request.actor
    if edit(wizard_request.home) != wizard_request.home:
        await change(request, actor, edit, what, said=said, removable=removable)


# --- the steps ------------------------------------------------------------------------------------


async def _school_values(wizard_request: WizardRequest) -> Values:
    known = context_of(wizard_request.request).known_ids()
    return {"in_vain": find_vain_protections(wizard_request.home, known)}


async def _nothing_to_keep(*_: Any) -> bool:
    return True


async def _place_values(wizard_request: WizardRequest) -> Values:
    here = phrases_in(language_of(wizard_request.request))
    lines = _helplines(wizard_request)
    countries = [(here.country(code), code) for code in lines.countries]
    zone, is_guess = _zone(wizard_request)
    return {
        "zones": zones(),
        "zone": zone,
        "is_guess": is_guess,
        "countries_of": zone_countries(),
        "country": _country(wizard_request),
        "tongues": [phrases_in(each) for each in LANGUAGES],
        "countries": sorted(countries),
        **await _school_values(wizard_request),
    }


def _zone(wizard_request: WizardRequest) -> tuple[str, bool]:
    """Return the household's zone, and whether it is a guess: until somebody chose one, that of
    the machine, or of the browser's country where the machine has none of a place."""
    usual = Household(wizard_request.home.id, wizard_request.home.name).timezone
    if wizard_request.home.timezone != usual or wizard_request.progress.is_done(SetupStep.PLACE):
        return wizard_request.home.timezone, False
    found = machine_timezone(os.environ.get("TZ", ""))
    known = zone_countries()
    if found in known:
        return found, True
    there = [each for each, code in known.items() if code == _country(wizard_request)]
    return (there[0] if len(there) == 1 else found or usual), True


def _country(wizard_request: WizardRequest) -> str:
    """Return the household's country; until somebody chose one, the one that the browser's first
    language names; "" for none."""
    if wizard_request.home.country or wizard_request.progress.is_done(SetupStep.PLACE):
        return wizard_request.home.country
    accepted = wizard_request.request.headers.get("Accept-Language", "")
    guess = country_of_language(accepted)
    return guess if guess in _helplines(wizard_request).countries else ""


async def _take_place(wizard_request: WizardRequest, fields: Fields) -> bool:
    """Store where the household is, and the sites that it needs, which the same form asks for."""
    if "names" in fields:  # first, since they may be refused
        await _take_school(wizard_request, fields)
    keys = ("name", "timezone", "language", "country")
    values: dict[str, Any] = {key: str(fields.get(key, "")).strip() for key in keys}
    values["name"] = values["name"][:60] or wizard_request.home.name
    await _change(
        wizard_request,
        partial(set_household, **values),
        "setup: time zone, language and country",
        sentence("the time zone, language and country are saved"),
    )
    return True


async def _take_school(wizard_request: WizardRequest, fields: Fields) -> bool:
    written = str(fields.get("names", "")).replace(",", " ").split()
    known = context_of(wizard_request.request).known_ids()
    try:
        names = [host_of(each) for each in written]
        if not set(names) <= set(wizard_request.home.protected):
            await require_step_up(wizard_request.request, wizard_request.actor)
        edit = partial(set_household, known=known, protected=names)
        await _change(wizard_request, edit, "setup: sites that are never blocked")
    except (HouseholdError, NameTextError) as error:
        raise error.for_field("names") from None
    return True


async def _children_values(wizard_request: WizardRequest) -> Values:
    home, presets = wizard_request.home, context_of(wizard_request.request).known_ids().presets
    return {
        "family": [each for each in home.profiles if each.id != GUEST],
        "rules": choice_of(home) if is_filter_chosen(home) else "",
        "presets": [presets[band] for band in Band if band in presets],
        "say": desk_wording(wizard_request.request, wizard_request.home),
        "is_line": context_of(wizard_request.request).door is not None,
        "is_on": is_filter_on(wizard_request.home),
    }


async def _take_children(wizard_request: WizardRequest, fields: Fields) -> bool:
    """Add a child, or go on."""
    name = " ".join(str(fields.get("name", "")).split())
    if not name:
        return "add" not in fields
    band = parse_band(str(fields.get("band", "")))
    known = context_of(wizard_request.request).known_ids()

    def edit(home: Household) -> Household:
        new = free_slug(name, (each.id for each in home.profiles), "child")
        profile = Profile(new, name[:60], band)
        return add_profile(home, profile, known, known.presets[band], times="times" in fields)

    said = sentence("%(name)s was added, with the settings of the age group", name=name)
    what = f"setup: {name} added, {band}"
    await _change(wizard_request, edit, what, said, removable=True)
    return "add" not in fields


async def _device_values(wizard_request: WizardRequest) -> Values:
    home, context = wizard_request.home, context_of(wizard_request.request)
    found = await unknown_devices_of(wizard_request.request, home.id)
    owners = {each.profile for each in home.devices}
    return {
        "makers": await makers_of(found),
        "in_hand": device_in_hand(wizard_request.request, found),
        "more": "more" in wizard_request.request.query,
        "without_device": next((each.id for each in home.profiles if each.id not in owners), ""),
        "visitors": found,
        "told_apart": context.count_told_apart(home),
        "heard_apart": await context.find_heard(home),
        "has_macs_told": context.has_macs_told,
        "offers_tokens": context.offers_tokens,
        "suggested": {each.id: suggest_owner(each.name, home.profiles) for each in found},
    }


async def _take_devices(wizard_request: WizardRequest, fields: Fields) -> bool:
    """Give each unknown device the owner that was chosen, add one that was typed in, and go on;
    with "add", stay for a further one."""
    is_shared = context_of(wizard_request.request).is_shared
    typed = (
        _parse_typed(fields, is_shared) if _is_typed(fields) else None
    )  # before anything is stored
    there = {
        e.id: e for e in await unknown_devices_of(wizard_request.request, wizard_request.home.id)
    }
    is_given = False
    for field, profile in fields.items():
        wanted, is_owner = field.removeprefix(_WHOSE), field.startswith(_WHOSE)
        if is_owner and profile:
            await _give(wizard_request, there.get(wanted), str(profile), fields)
            is_given = True
    if typed is None and "add" in fields and not is_given:
        typed = _parse_typed(fields, is_shared)  # says what is missing
    if typed is not None:
        await _take_typed_device(wizard_request, typed)
    return "add" not in fields


def _is_typed(fields: Fields) -> bool:
    """Tell whether somebody began to describe a device: it is then added, or refused, and not
    lost.  A person may be chosen before."""
    return any(str(fields.get(each, "")).strip() for each in ("known", "name"))


async def _give(
    wizard_request: WizardRequest, visitor: UnknownDevice | None, profile: str, fields: Fields
) -> None:
    if visitor is None:
        raise HouseholdError(
            "this device already belongs to someone, or has not been seen for a long time"
        )
    typed = " ".join(str(fields.get(f"name-{visitor.id}", "")).split())[:60]
    name = typed or visitor.name or visitor.id
    edit = partial(add_unknown_device, visitor=visitor, profile_id=profile, called=name)
    owner = wizard_request.home.profile(profile)
    said = sentence(
        "%(device)s belongs to %(name)s now", device=name, name=owner.name if owner else profile
    )
    await _change(wizard_request, edit, f"setup: device {name} assigned to {profile}", said)
    await end_guests_of(wizard_request.request, wizard_request.actor, visitor)


class _TypedDevice(NamedTuple):
    """name: "" for none.  profile: the id of its person."""

    name: str
    profile: str
    known: KnownBy
    kind: DeviceKind
    needs_address: bool


def _parse_typed(fields: Fields, is_shared: bool) -> _TypedDevice:
    """Return the device that was described; raise HouseholdError where something is missing.
    is_shared: at a provider, where a name alone will do."""
    known = parse_known_by(str(fields.get("known", "")), may_be_blank=is_shared)
    profile = str(fields.get("profile", ""))
    if not profile:
        raise HouseholdError("choose whose device this is", name="profile")
    kind = parse_kind(str(fields.get("kind", "")))
    return _TypedDevice(str(fields.get("name", "")), profile, known, kind, not is_shared)


async def _take_typed_device(wizard_request: WizardRequest, typed: _TypedDevice) -> None:
    known = await known_by_mac(wizard_request.request, wizard_request.home.id, typed.known)
    name, profile = typed.name, typed.profile
    edit = partial(add_typed_device, **typed._replace(known=known)._asdict())
    owner = wizard_request.home.profile(profile)
    said = sentence(
        "%(device)s belongs to %(name)s now",
        device=" ".join(name.split())[:60] or next(iter((*known.macs, *known.addresses)), ""),
        name=owner.name if owner else profile,
    )
    await _change(wizard_request, edit, f"a device added for {profile}", said)
    await end_guests_at(wizard_request.request, wizard_request.actor, *known)


def _has_no_line_to_check(wizard_request: WizardRequest) -> bool:
    """Tell whether the country's helplines are known well enough to be shown without a look."""
    country = wizard_request.home.country
    return bool(country) and not _helplines(wizard_request).to_confirm(country)


def _helplines(wizard_request: WizardRequest) -> Helplines:
    return bundled_helplines(context_of(wizard_request.request).facts())


async def _helpline_values(wizard_request: WizardRequest) -> Values:
    lines, home = _helplines(wizard_request), wizard_request.home
    return {
        "lines": lines.lines(home.country),
        "to_confirm": lines.to_confirm(home.country),
        "directories": lines.directories,
        "country_name": phrases_in(language_of(wizard_request.request)).country(home.country)
        if home.country
        else "",
    }


async def _take_helplines(wizard_request: WizardRequest, fields: Fields) -> bool:
    lines = _helplines(wizard_request)
    there = {each.id for each in lines.to_confirm(wizard_request.home.country)}
    confirmed = [str(each) for each in fields.getall("line", []) if each in there]
    edit = partial(set_household, helplines=confirmed)
    await _change(wizard_request, edit, f"setup: {len(confirmed)} helplines confirmed")
    return True


async def _router_values(wizard_request: WizardRequest) -> Values:
    away = context_of(wizard_request.request).addresses_for_others()
    return {
        "addresses4": [each for each in away if ":" not in each],
        "addresses6": [each for each in away if ":" in each],
    }


async def _card_values(wizard_request: WizardRequest) -> Values:
    return door_values(wizard_request.request)


def door_values(request: web.Request) -> Values:
    """Return what a page needs to say how children get to theirs."""
    page, context = childs_page(request), context_of(request)
    return {
        "code": qr(page),
        "has_app": page.startswith("https:") and is_offered(request),
        "is_alone": not (context.is_shared or context.addresses_for_others()),
    }


_STEPS: Mapping[SetupStep, _Step] = {
    SetupStep.PLACE: _Step(_place_values, _take_place),
    SetupStep.SCHOOL: _Step(_school_values, _take_school),
    SetupStep.CHILDREN: _Step(_children_values, _take_children),
    SetupStep.DEVICES: _Step(_device_values, _take_devices),
    SetupStep.HELPLINES: _Step(_helpline_values, _take_helplines),
    SetupStep.ROUTER: _Step(_router_values, _nothing_to_keep),
    SetupStep.DOOR: _Step(_card_values, _nothing_to_keep),
}
