"""What applies to whoever's device asks, line by line, each with its reason."""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.household.presets import Preset
from copdns.list_files.load import bundled_presets
from copdns.model.household import Profile
from copdns.policy.order import rules_in_scope
from copdns.time.plan import in_scope
from copdns.web.child.page import child_page
from copdns.web.child.recent_changes import news_of
from copdns.web.context import context_of
from copdns.web.notes import together
from copdns.web.person import person_of


class Closed(NamedTuple):
    """What is closed for one reason.

    things: a setting and one of its values each, such as ("categories", "games").  why: in English;
    "" for what no preset closes.
    """

    things: tuple[tuple[str, str], ...]
    why: str


async def rules(request: web.Request) -> web.Response:
    """What is open, what is closed and why, and who decides."""
    person, parts = await person_of(request), context_of(request)
    home, profile, known = person.household, person.profile, person.is_known
    # Who keeps this house is no business of a device that nobody knows.
    accounts = await parts.accounts.all(home.id) if known and person.band.is_child else ()
    # Guests have rules of no preset, whatever band these are written for.
    preset = bundled_presets()[person.band] if known else None
    return child_page(
        request,
        person,
        "rules.html",
        preset=preset,
        profile=profile,
        usual=_of_the_rest(preset, profile),
        closed=_closed(preset, profile),
        searches=_of_searches(preset, profile),
        rules=together(rules_in_scope(profile, home.rules)) if known else (),
        schedules=in_scope(home.schedules, profile) if known else (),
        budgets=in_scope(home.budgets, profile) if known else (),
        deciders=[each for each in accounts if may(each, Permission.DECIDE_APPEALS)],
        news=await news_of(request, person),
        now=parts.now(),
    )


def _of_the_rest(preset: Preset | None, profile: Profile) -> str:
    """Return the reason for what no rule names, if the preset has it as it is."""
    lines = preset.lines if preset else ()
    return next((each.why for each in lines if each.set.default is profile.default), "")


def _closed(preset: Preset | None, profile: Profile) -> list[Closed]:
    """Return what is closed, together what has one reason, so that none is read twice."""
    found: dict[str, Closed] = {}
    for setting in ("categories", "services", "contacts"):
        for value in sorted(getattr(profile, setting)):
            why = preset.why(setting, value) if preset else ""
            before = found.get(why or value, Closed((), why))
            found[why or value] = Closed((*before.things, (setting, value)), why)
    return list(found.values())


def _of_searches(preset: Preset | None, profile: Profile) -> list[str]:
    """Return the reasons for which searches leave things out, each once."""
    reasons = (preset.why("safe_search", each) for each, _ in profile.safe_search if preset)
    return list(dict.fromkeys(filter(None, reasons)))
