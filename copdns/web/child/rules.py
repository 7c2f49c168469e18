"""The rules that apply on this device, each with its reason."""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.household.presets import Preset
from copdns.list_files.load import bundled_presets
from copdns.model.broad_networks import is_broad_network
from copdns.model.household import Household, Profile, Rule
from copdns.policy.chosen_filter import is_filter_on
from copdns.policy.typed_site import apps_of
from copdns.time.plan import budgets_in_force, in_scope
from copdns.web.child.my_data import resolvers
from copdns.web.child.page import child_page
from copdns.web.child.recent_changes import recent_changes_of
from copdns.web.context import context_of
from copdns.web.more_time import extra_until
from copdns.web.notes import group_rules
from copdns.web.person import person_of


class ClosedForReason(NamedTuple):
    """What is blocked for one reason.

    things: pairs of a setting and one of its values, such as ("categories", "games").  why: in
    English; "" for what no preset blocks.
    """

    things: tuple[tuple[str, str], ...]
    why: str


async def rules(request: web.Request) -> web.Response:
    """Show what is allowed, what is blocked and why, and who decides."""
    person, context = await person_of(request), context_of(request)
    home, profile, is_known = person.household, person.profile, person.is_known
    # Unknown devices do not learn who the guardians are.
    accounts = await context.accounts.all(home.id) if is_known and person.band.is_child else ()
    # The rules of guests come from no preset.
    preset = bundled_presets()[person.band] if is_known else None
    return child_page(
        request,
        person,
        "rules.html",
        preset=preset,
        profile=profile,
        usual=_default_reason(preset, profile),
        closed=_group_closed(preset, profile),
        searches=_search_reasons(preset, profile),
        rules=group_rules(
            _rules_with_effect(home, profile), apps_of(home, context.snapshot().library)
        )
        if is_known
        else (),
        schedules=in_scope(home.schedules, profile) if is_known else (),
        budgets=budgets_in_force(home, profile) if is_known else (),
        extra=extra_until(home, profile.id, context.now()) if is_known else None,
        resolvers=resolvers(home, person.profile, context.settings()),
        deciders=[each for each in accounts if may(each, Permission.DECIDE_APPEALS)],
        news=await recent_changes_of(request, person),
        now=context.now(),
        is_off=context.door is not None and not is_filter_on(home),
    )


def _rules_with_effect(home: Household, profile: Profile) -> list[Rule]:
    found = in_scope(home.rules, profile)
    return [each for each in found if not is_broad_network(each.target)]


def _default_reason(preset: Preset | None, profile: Profile) -> str:
    """Return the preset's reason for the default; "" where the profile has another default."""
    lines = preset.lines if preset else ()
    return next((each.why for each in lines if each.set.default is profile.default), "")


def _group_closed(preset: Preset | None, profile: Profile) -> list[ClosedForReason]:
    """Return what is blocked, grouped by reason, so that no reason is read twice."""
    found: dict[str, ClosedForReason] = {}
    for setting in ("categories", "services", "contacts"):
        for value in sorted(getattr(profile, setting)):
            why = preset.why(setting, value) if preset else ""
            before = found.get(why or value, ClosedForReason((), why))
            found[why or value] = ClosedForReason((*before.things, (setting, value)), why)
    return list(found.values())


def _search_reasons(preset: Preset | None, profile: Profile) -> list[str]:
    """Return the reasons for safe search, each once."""
    reasons = (preset.why("safe_search", each) for each, _ in profile.safe_search if preset)
    return list(dict.fromkeys(filter(None, reasons)))
