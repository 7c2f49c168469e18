"""What is recorded of a person: how much, who viewed it, the export, and erasing it."""

from __future__ import annotations

import json
from functools import partial

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.household.check import KnownIds
from copdns.household.edits import set_profile
from copdns.household.safeguards import request_full
from copdns.model.errors import HouseholdError, PrivacyError
from copdns.model.household import FullLogSpan, Household, PrivacyMode, Profile
from copdns.model.sentences import sentence
from copdns.privacy.consent import Question, needs_consent
from copdns.web.browser_input import fields_of
from copdns.web.confirmation import require_sure
from copdns.web.context import context_of
from copdns.web.desk.change import say_done
from copdns.web.desk.person.page import PersonAccess, change, keep, person_page, require_person
from copdns.web.desk.person.signs import bypass_notices
from copdns.web.desk.time.forms import read_choice
from copdns.web.personal_data import erase_records, export_document
from copdns.web.step_up import require_step_up
from copdns.words.audit import role

MODES = (PrivacyMode.OFF, PrivacyMode.COUNTS, PrivacyMode.BLOCKED)
LOOKS_SHOWN = 20  # on the page


async def privacy(request: web.Request) -> web.Response:
    """Show what is recorded, who viewed it, and the forms."""
    found = await require_person(request, Permission.SEE_PROFILES)
    context, now = context_of(request), int(context_of(request).now())
    household, profile = found.household.id, found.profile
    past = await context.store.full_logs(household, profile.id)
    possible, why_not = _possible_full_log(profile, past, now)
    return await person_page(
        request,
        found,
        "desk/person_kept.html",
        modes=MODES,
        mode=profile.privacy_at(now),
        possible=possible,
        why_not=why_not,
        needs_consent=needs_consent(profile, now),
        question=await context.consents.of(household, profile.id),
        looks=await context.looks.of(household, profile.id, LOOKS_SHOWN),
        accounts={each.id: each.name for each in await context.accounts.all(household)},
        role=role,
        noticed=profile.notices_signs_at(now),
        silent=await bypass_notices(context, found.household, [profile])
        if may(found.actor, Permission.SEE_LOG, profile)
        else (),
        may_export=may(found.actor, Permission.EXPORT, profile),
        may_erase=may(found.actor, Permission.ERASE, profile),
        backup_days=context.settings().backup.days,
    )


async def set_mode(request: web.Request) -> web.Response:
    """Set the privacy mode; that ends a full log."""
    found = await require_person(request, Permission.EDIT_PROFILES)
    fields = await fields_of(request)
    mode = read_choice(PrivacyMode, str(fields.get("mode", "")), "mode")
    if mode not in MODES:
        raise PrivacyError(
            "A full log runs for a few days only; start one under “Full log”", name="mode"
        )
    await _require_sure_to_end(request, found)
    same = mode is found.profile.privacy
    values = {"privacy": mode, "full_log": None}
    where = await keep(request, found, values, _audit_line(found, "ended") if same else "")
    if where != found.address:
        raise web.HTTPSeeOther(where)
    raise web.HTTPSeeOther(f"{found.address}/kept")


async def ask_full_log(request: web.Request) -> web.Response:
    """Begin a full log for some days.  It is announced from age 13 on, and other guardians are
    told.

    From 16 on this asks the person, who answers on their own device (`web/child/consent.py`).
    """
    found, fields = await require_person(request, Permission.ASK_FULL_LOG), await fields_of(request)
    await require_step_up(request, found.actor)
    context, now = context_of(request), int(context_of(request).now())
    days = str(fields.get("days", ""))
    if days not in {str(each) for each in range(1, 8)}:
        raise PrivacyError("A full log lasts 1 to 7 days", name="days")
    if needs_consent(found.profile, now):
        home, profile, author = found.household.id, found.profile.id, found.actor.name
        await context.consents.ask(Question(home, profile, int(days), author, now))
        done = sentence(
            "%(name)s is asked on their own device, and nothing more is recorded before a yes",
            name=found.profile.name,
        )
        say_done(request, found.actor, done)
        raise web.HTTPSeeOther(f"{found.address}/kept")
    past = await context.store.full_logs(found.household.id, found.profile.id)
    edit = partial(
        _with_full_log,
        profile_id=found.profile.id,
        known=context.known_ids(),
        past=past,
        now=now,
        days=int(days),
    )
    await change(request, found.actor, edit, _audit_line(found, f"of {days} days"))
    raise web.HTTPSeeOther(f"{found.address}/kept")


async def stop_full_log(request: web.Request) -> web.Response:
    """End a full log or its announcement; a second time is harmless."""
    found = await require_person(request, Permission.EDIT_PROFILES)
    await _require_sure_to_end(request, found)
    await keep(request, found, {"full_log": None}, _audit_line(found, "ended"))
    raise web.HTTPSeeOther(f"{found.address}/kept")


async def drop_question(request: web.Request) -> web.Response:
    """Withdraw a question that has no answer; a second time is harmless."""
    found = await require_person(request, Permission.ASK_FULL_LOG)
    context, name = context_of(request), found.profile.name
    if await context.consents.of(found.household.id, found.profile.id) is not None:
        await require_sure(request, sentence("withdraw what %(name)s was asked?", name=name))
    await context.consents.drop(found.household.id, found.profile.id)
    done = sentence("%(name)s is not asked any more, and no full log is planned", name=name)
    say_done(request, found.actor, done)
    raise web.HTTPSeeOther(f"{found.address}/kept")


async def export(request: web.Request) -> web.Response:
    """Return all that is recorded of a person as a file; the person sees that it was exported."""
    found = await require_person(request, Permission.EXPORT)
    await require_step_up(request, found.actor)
    context, now = context_of(request), int(context_of(request).now())
    document = await export_document(context, found.actor, found.household, found.profile, now)
    return web.Response(
        text=json.dumps(document, ensure_ascii=False, indent=2) + "\n",
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="copdns-{found.profile.id}.json"'},
    )


async def erase(request: web.Request) -> web.Response:
    """Delete a person's lookups, minutes and appeals for good."""
    found, fields = await require_person(request, Permission.ERASE), await fields_of(request)
    await require_step_up(request, found.actor)
    if "sure" not in fields:
        raise HouseholdError("Tick the box to confirm", name="sure")
    context, now = context_of(request), int(context_of(request).now())
    await erase_records(context, found.actor, found.household.id, found.profile.id, now)
    done = sentence("what was recorded about %(name)s is deleted", name=found.profile.name)
    say_done(request, found.actor, done)
    raise web.HTTPSeeOther(f"{found.address}/kept")


async def _require_sure_to_end(request: web.Request, found: PersonAccess) -> None:
    """Ask before a full log ends: another one is possible only after 30 days."""
    full = found.profile.full_log
    if full is not None and context_of(request).now() < full.end:
        question = sentence(
            "end the full log of %(name)s? Another one is possible 30 days after this one began",
            name=found.profile.name,
        )
        await require_sure(request, question)


def _possible_full_log(
    profile: Profile, past: tuple[FullLogSpan, ...], now: int
) -> tuple[FullLogSpan | None, PrivacyError | None]:
    """Return the full log that could begin now, given consent where needed, or why there can be
    none."""
    try:
        return request_full(profile, past, now, consented=True), None
    except PrivacyError as error:
        return None, error


def _with_full_log(
    household: Household,
    profile_id: str,
    known: KnownIds,
    past: tuple[FullLogSpan, ...],
    now: int,
    days: int,
) -> Household:
    profile = household.profile(profile_id)
    if profile is None:
        raise HouseholdError("This person no longer exists")
    return set_profile(
        household, profile_id, known, full_log=request_full(profile, past, now, days)
    )


def _audit_line(found: PersonAccess, what: str) -> str:
    return f"profile {found.profile.id} set: full-log {what}"
