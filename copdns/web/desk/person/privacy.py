"""What is kept of a person: how much, who looked, all of it as a file, and how it goes."""

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
from copdns.privacy.consent import Question, needs_consent
from copdns.web.context import context_of
from copdns.web.desk.person.page import Found, change, keep, person_page, the_person
from copdns.web.received import fields_of
from copdns.web.taken import document_of, erase_kept
from copdns.words.audit import role

MODES = (PrivacyMode.OFF, PrivacyMode.COUNTS, PrivacyMode.BLOCKED)
LOOKS = 20  # that are shown


async def kept(request: web.Request) -> web.Response:
    """What is written down, who looked, and what can be done about it."""
    found = await the_person(request, Permission.SEE_PROFILES)
    parts, now = context_of(request), int(context_of(request).now())
    household, profile = found.household.id, found.profile
    past = await parts.store.full_logs(household, profile.id)
    possible, why_not = _possible(profile, past, now)
    return person_page(
        request,
        found,
        "desk/person_kept.html",
        modes=MODES,
        mode=profile.privacy_at(now),
        possible=possible,
        why_not=why_not,
        needs_consent=needs_consent(profile, now),
        question=await parts.consents.of(household, profile.id),
        looks=await parts.looks.of(household, profile.id, LOOKS),
        accounts={each.id: each.name for each in await parts.accounts.all(household)},
        role=role,
        may_export=may(found.actor, Permission.EXPORT, profile),
        may_erase=may(found.actor, Permission.ERASE, profile),
    )


async def set_mode(request: web.Request) -> web.Response:
    """Choose how much is written down; a full log ends with it."""
    found, fields = await the_person(request, Permission.EDIT_PROFILES), await fields_of(request)
    try:
        mode = PrivacyMode(str(fields.get("mode", "")))
    except ValueError:
        raise HouseholdError("choose one of the answers on the page", name="mode") from None
    if mode not in MODES:
        raise PrivacyError(
            "A full log runs for a few days only; start one under “Full log”", name="mode"
        )
    same = mode is found.profile.privacy
    values = {"privacy": mode, "full_log": None}
    where = await keep(request, found, values, _line(found, "ended") if same else "")
    if where != found.address:
        raise web.HTTPSeeOther(where)
    raise web.HTTPSeeOther(f"{found.address}/kept")


async def ask_full_log(request: web.Request) -> web.Response:
    """Keep every name for some days; announced from 13 on, and told to the other guardians.

    From 16 on the person is asked, and answers on their own device (`web/child/consent.py`).
    """
    found, fields = await the_person(request, Permission.ASK_FULL_LOG), await fields_of(request)
    parts, now = context_of(request), int(context_of(request).now())
    days = str(fields.get("days", ""))
    if days not in {str(each) for each in range(1, 8)}:
        raise PrivacyError("A full log lasts 1 to 7 days", name="days")
    if needs_consent(found.profile, now):
        home, profile, author = found.household.id, found.profile.id, found.actor.name
        await parts.consents.ask(Question(home, profile, int(days), author, now))
        raise web.HTTPSeeOther(f"{found.address}/kept")
    past = await parts.store.full_logs(found.household.id, found.profile.id)
    edit = partial(
        _with_full_log,
        profile_id=found.profile.id,
        known=parts.known(),
        past=past,
        now=now,
        days=int(days),
    )
    await change(request, found.actor, edit, _line(found, f"of {days} days"))
    raise web.HTTPSeeOther(f"{found.address}/kept")


async def stop_full_log(request: web.Request) -> web.Response:
    """End a full log, or take its announcement back; twice is harmless."""
    found = await the_person(request, Permission.EDIT_PROFILES)
    await keep(request, found, {"full_log": None}, _line(found, "ended"))
    raise web.HTTPSeeOther(f"{found.address}/kept")


async def drop_question(request: web.Request) -> web.Response:
    """Take back what was asked of somebody who has not answered; twice is harmless."""
    found = await the_person(request, Permission.ASK_FULL_LOG)
    await context_of(request).consents.drop(found.household.id, found.profile.id)
    raise web.HTTPSeeOther(f"{found.address}/kept")


async def export(request: web.Request) -> web.Response:
    """All that is kept of somebody, as a file; the person sees that it was taken."""
    found = await the_person(request, Permission.EXPORT)
    parts, now = context_of(request), int(context_of(request).now())
    document = await document_of(parts, found.actor, found.household, found.profile, now)
    return web.Response(
        text=json.dumps(document, ensure_ascii=False, indent=2) + "\n",
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="copdns-{found.profile.id}.json"'},
    )


async def erase(request: web.Request) -> web.Response:
    """Delete what was written down of look-ups, minutes and appeals, for good."""
    found, fields = await the_person(request, Permission.ERASE), await fields_of(request)
    if "sure" not in fields:
        raise HouseholdError("Tick the box to confirm", name="sure")
    parts, now = context_of(request), int(context_of(request).now())
    await erase_kept(parts, found.actor, found.household.id, found.profile.id, now)
    raise web.HTTPSeeOther(f"{found.address}/kept")


def _possible(
    profile: Profile, past: tuple[FullLogSpan, ...], now: int
) -> tuple[FullLogSpan | None, PrivacyError | None]:
    """Return the stretch that a full log would cover, with consent where it needs one, or why
    there can be none."""
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


def _line(found: Found, said: str) -> str:
    return f"profile {found.profile.id} set: full-log {said}"
