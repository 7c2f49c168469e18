"""Ask for something that is blocked, read the answer, disagree once, or take the request back.

There is no login: the device tells who asks.  An appeal has the verdict that it contests, from the
list of recent blocks, or decided anew where somebody typed a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from aiohttp import web

from copdns.accounts.account import GUEST_PREFIX
from copdns.accounts.roles import may
from copdns.appeals.appeal import (
    TIME_RULES,
    Appeal,
    AppealKind,
    AppealMotive,
    AppealRequest,
    ContestedVerdict,
    WantedLength,
    contest,
)
from copdns.appeals.first_end import first_end_of
from copdns.appeals.life import HOUR, has_second_opinion, may_disagree, may_withdraw
from copdns.appeals.list_errors import is_list_error, what_closes
from copdns.appeals.other_closures import find_later_closure
from copdns.model.errors import AppealError
from copdns.model.names import display
from copdns.model.verdict import Action, Reason
from copdns.policy.decide import full_closure
from copdns.policy.today import build_today
from copdns.policy.typed_site import TypedSite, apps_of, read_site
from copdns.time.days import budget_day, zone_of
from copdns.web.answers import permission_to_grant
from copdns.web.browser_input import fields_of, whole_number
from copdns.web.child.page import (
    child_page,
    file_request,
    not_linked,
    note_pin,
    require_known_person,
    require_proof,
    status_of,
)
from copdns.web.child.start_page import blocks_of, closed_now
from copdns.web.context import context_of
from copdns.web.person import Person, may_see_appeal

Fields = Mapping[str, Any]


async def form(request: web.Request) -> web.Response:
    """Show the form; without something to ask about, with a field for the name."""
    person = await require_known_person(request)
    return _form(request, person, request.query)


async def send(request: web.Request) -> web.Response:
    """File the appeal."""
    person, context = await require_known_person(request), context_of(request)
    fields = await fields_of(request)
    try:
        ask = _read_request(request, person, fields)
        if ask is None:
            return _form(request, person, fields, status=400)
        # A second box leaves also this to the first one.
        if context.follows is None and is_list_error(ask.name, ask.to, context.vouches()):
            await context.appeals.open_list_error(
                person.household.id, ask.name, ask.to, context.known_ids(), int(context.now())
            )
            return child_page(request, person, "opened.html", name=ask.name)
        return await file_request(request, person, ask)
    except AppealError as error:
        return _form(request, person, fields, status=status_of(error), error=error)


async def appeal_page(request: web.Request) -> web.Response:
    """Show an appeal of this person, and the answer."""
    person = await require_known_person(request)
    appeal, now = await _find_appeal(request, person), context_of(request).now()
    rest = find_later_closure(person.client.policy, appeal, now)
    home, policy = person.household, person.client.policy
    today = build_today(home, person.profile, policy, context_of(request).policy_inputs(), now)
    return child_page(
        request,
        person,
        "asked.html",
        appeal=appeal,
        may_withdraw=may_withdraw(appeal),
        may_disagree=may_disagree(appeal),
        is_of_a_while=appeal.ask.device.startswith(GUEST_PREFIX),
        besides=None if rest is None else contest(rest, person.household.revision),
        reminded_at=_next_reminder(request, appeal),
        ends=first_end_of(policy, home, appeal, today.minutes, now),
        now=now,
    )


def _next_reminder(request: web.Request, appeal: Appeal) -> float:
    """Return when guardians hear of a waiting appeal next, in seconds since the epoch."""
    chosen = context_of(request).settings().appeals
    hours = chosen.reminder_hours if appeal.reminded is None else chosen.target_hours
    return appeal.since + hours * HOUR


async def withdraw(request: web.Request) -> web.Response:
    """Take an appeal back."""
    person, context = await require_known_person(request), context_of(request)
    appeal = (await _require_own_appeal(request, person)).id
    await context.appeals.withdraw(
        person.household.id, appeal, person.profile.id, int(context.now())
    )
    await note_pin(request, person)
    raise web.HTTPSeeOther(f"/ask/{appeal}")


async def disagree(request: web.Request) -> web.Response:
    """Disagree with the answer, once."""
    person, context = await require_known_person(request), context_of(request)
    appeal, fields = await _require_own_appeal(request, person), await fields_of(request)
    second = await _has_second(request, person, appeal)
    await context.appeals.disagree(
        person.household.id,
        appeal.id,
        person.profile.id,
        str(fields.get("words", "")),
        int(context.now()),
        second=second,
    )
    await note_pin(request, person)
    raise web.HTTPSeeOther(f"/ask/{appeal.id}")


async def _has_second(request: web.Request, person: Person, appeal: Appeal) -> bool:
    """Tell whether there is somebody who may answer an appeal and has not answered it yet."""
    context, home = context_of(request), person.household.id
    everyone = await context.accounts.all(home)
    needed = permission_to_grant(appeal.ask)  # whoever cannot say yes is no second opinion
    # Nor is who was invited and never came.
    able = [each.id for each in everyone if each.has_password and may(each, needed)]
    return has_second_opinion(appeal, able, await context.account_codes.voices(home, appeal.asked))


async def _require_own_appeal(request: web.Request, person: Person) -> Appeal:
    """Return the appeal in the path to whom it surely is of; raise HTTPForbidden or
    HTTPNotFound."""
    if not person.is_paired:
        raise not_linked()
    found = await _find_appeal(request, person)
    require_proof(person)
    return found


async def _find_appeal(request: web.Request, person: Person) -> Appeal:
    """Return the appeal in the path; raise HTTPNotFound for one that this person may not see."""
    appeals, home = context_of(request).appeals, person.household.id
    found = await appeals.appeal(home, request.match_info["appeal"])
    if found is None or not may_see_appeal(person, found):
        raise web.HTTPNotFound
    return found


def _form(
    request: web.Request,
    person: Person,
    fields: Fields,
    *,
    status: int = 200,
    error: AppealError | None = None,
) -> web.Response:
    to = _contested_verdict(request, person, fields)
    site = _asked_site(request, person, fields)
    name = site.name
    return child_page(
        request,
        person,
        "ask.html",
        status=status,
        error=error,
        fields=fields,
        name=name,
        is_word=site.is_word,
        shown=display(name),
        to=to,
        of_time=to is not None and to.reason in TIME_RULES,
        is_open=bool(name) and to is None,
        whys=tuple(AppealMotive),
        wanteds=tuple(WantedLength),
    )


def _asked_site(request: web.Request, person: Person, fields: Fields) -> TypedSite:
    """Return the site that is asked for: that of a recent block, or what was meant by what was
    typed."""
    code = str(fields.get("code", ""))
    for each in blocks_of(request, person) if code else ():
        if each.code == code:
            return TypedSite(each.name)
    context, policy = context_of(request), person.client.policy
    typed = str(fields.get("name", ""))
    apps = apps_of(person.household, context.snapshot().library)
    return read_site(typed, apps, policy, context.now())


def _contested_verdict(
    request: web.Request, person: Person, fields: Fields
) -> ContestedVerdict | None:
    """Return the verdict that is contested; None where nothing is blocked."""
    revision, now = person.household.revision, context_of(request).now()
    policy = person.client.policy
    code, about = str(fields.get("code", "")), fields.get("about")
    if about == "minutes":
        return ContestedVerdict(Action.BLOCK, Reason.BUDGET, period=str(fields.get("budget", "")))
    if about == "time":
        closed = full_closure(policy, now)
        return None if closed is None else contest(closed, revision)
    for each in blocks_of(request, person) if code else ():
        if each.code == code:
            verdict = closed_now(person, each, now)
            return None if verdict is None else contest(verdict, revision)
    name = _asked_site(request, person, fields).name
    return what_closes(policy, name, now, revision) if name else None


def _read_request(request: web.Request, person: Person, fields: Fields) -> AppealRequest | None:
    """Return what was sent; None where something is missing.  Raises AppealError."""
    to = _contested_verdict(request, person, fields)
    if to is None:
        return None
    kind = _parse_choice(AppealKind, fields.get("kind"), AppealKind.NAME)
    if fields.get("about") == "minutes":
        kind = AppealKind.MINUTES
    elif fields.get("about") == "time":
        kind = AppealKind.TIME
    return AppealRequest(
        profile=person.profile.id,
        device=person.device,
        kind=kind,
        to=to,
        name=""
        if kind in (AppealKind.TIME, AppealKind.MINUTES)
        else _asked_site(request, person, fields).name,
        why=_parse_choice(AppealMotive, fields.get("why"), AppealMotive.OTHER),
        words=str(fields.get("words", "")),
        wanted=_parse_choice(WantedLength, fields.get("wanted"), WantedLength.HOUR),
        minutes=_parse_number(fields.get("minutes")),
        day=_day(request, person) if kind is AppealKind.MINUTES else None,
        paired=person.is_linked,
    )


def _parse_choice(words: Any, text: object, default: Any) -> Any:
    """Return a member of an enum; raise AppealError for an unknown word."""
    if text in (None, ""):
        return default
    try:
        return words(text)
    except ValueError:
        raise AppealError("choose one of the answers on the page") from None


def _parse_number(value: object) -> int:
    return whole_number(str(value or ""), 5) or 0


def _day(request: web.Request, person: Person) -> date:
    home = person.household
    return budget_day(context_of(request).now(), zone_of(home.timezone), home.day_starts).day
