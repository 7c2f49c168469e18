"""Ask for something that is closed, see what came of it, disagree once, or take it back.

No login: the device tells who asks.  An appeal is filed with the verdict that it objects to, read
off the ring of recent blocks, or worked out anew where the name was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.appeals.appeal import (
    Appeal,
    AppealKind,
    AppealMotive,
    AppealRequest,
    ContestedVerdict,
    WantedLength,
    contest,
)
from copdns.appeals.life import may_disagree, may_withdraw
from copdns.appeals.list_errors import is_list_error
from copdns.appeals.rest import closed_after_all
from copdns.dns.records import A
from copdns.model.errors import AppealError, AppealLimitError
from copdns.model.names import display, name_of
from copdns.model.verdict import Action, Reason
from copdns.policy.decide import decide, full_closure
from copdns.time.days import budget_day, zone_of
from copdns.web.child.page import child_page
from copdns.web.child.start_page import blocks_of, closed_now
from copdns.web.context import context_of
from copdns.web.person import Person, is_theirs, person_of
from copdns.web.received import fields_of

_OF_TIME = frozenset({Reason.PAUSED, Reason.SCHEDULE, Reason.BUDGET})
Fields = Mapping[str, Any]


async def form(request: web.Request) -> web.Response:
    """The form; without something to ask about, a field for the name."""
    person = await _who_may_ask(request)
    return _form(request, person, request.query)


async def send(request: web.Request) -> web.Response:
    """File what was asked."""
    person, parts = await _who_may_ask(request), context_of(request)
    fields = await fields_of(request)
    try:
        ask = _ask(request, person, fields)
        if ask is None:
            return _form(request, person, fields, status=400)
        if is_list_error(ask.name, ask.to, parts.vouches()):
            await parts.appeals.open_list_error(
                person.household.id, ask.name, ask.to, parts.known(), int(parts.now())
            )
            return child_page(request, person, "opened.html", name=ask.name)
        filed = await parts.appeals.file(person.household.id, ask, int(parts.now()))
    except AppealLimitError as error:
        return _form(request, person, fields, status=429, error=error)
    except AppealError as error:
        return _form(request, person, fields, status=400, error=error)
    if not is_theirs(person, filed.appeal):  # what came of it is for another browser
        return child_page(request, person, "sent.html")
    raise web.HTTPSeeOther(f"/ask/{filed.appeal.id}")


async def asked(request: web.Request) -> web.Response:
    """One question of this person, and what came of it."""
    person = await _who_may_ask(request)
    appeal, now = await _of_theirs(request, person), context_of(request).now()
    rest = closed_after_all(person.client.policy, appeal, now)
    return child_page(
        request,
        person,
        "asked.html",
        appeal=appeal,
        may_withdraw=may_withdraw(appeal),
        may_disagree=may_disagree(appeal),
        besides=None if rest is None else contest(rest, person.household.revision),
        now=now,
    )


async def withdraw(request: web.Request) -> web.Response:
    """Take a question back."""
    person, parts = await _who_may_ask(request), context_of(request)
    _paired_only(person)
    appeal = (await _of_theirs(request, person)).id
    await parts.appeals.withdraw(person.household.id, appeal, person.profile.id, int(parts.now()))
    raise web.HTTPSeeOther(f"/ask/{appeal}")


async def disagree(request: web.Request) -> web.Response:
    """Say once that the answer is not right."""
    person, parts = await _who_may_ask(request), context_of(request)
    _paired_only(person)
    appeal, fields = await _of_theirs(request, person), await fields_of(request)
    second = await _has_second(request, person, appeal)
    await parts.appeals.disagree(
        person.household.id,
        appeal.id,
        person.profile.id,
        str(fields.get("words", "")),
        int(parts.now()),
        second=second,
    )
    raise web.HTTPSeeOther(f"/ask/{appeal.id}")


async def _has_second(request: web.Request, person: Person, appeal: Appeal) -> bool:
    """Tell whether somebody could look at it who has not answered it yet."""
    answered = {each.by.id for each in appeal.answers}
    everyone = await context_of(request).accounts.all(person.household.id)
    return any(
        may(each, Permission.DECIDE_APPEALS) and each.id not in answered for each in everyone
    )


async def _who_may_ask(request: web.Request) -> Person:
    person = await person_of(request)
    if not person.is_known:
        raise web.HTTPForbidden(reason="We do not know whose device this is yet")
    return person


def _paired_only(person: Person) -> None:
    if not person.is_paired:
        raise web.HTTPForbidden(reason="This browser is not linked to this device")


async def _of_theirs(request: web.Request, person: Person) -> Appeal:
    """Return the question that is meant; raise HTTPNotFound for one that is not theirs to see."""
    appeals, home = context_of(request).appeals, person.household.id
    found = await appeals.appeal(home, request.match_info["appeal"])
    if found is None or not is_theirs(person, found):
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
    to = _object(request, person, fields)
    name = _name(request, person, fields)
    return child_page(
        request,
        person,
        "ask.html",
        status=status,
        error=error,
        fields=fields,
        name=name,
        shown=display(name),
        to=to,
        of_time=to is not None and to.reason in _OF_TIME,
        is_open=bool(name) and to is None,
        whys=tuple(AppealMotive),
        wanteds=tuple(WantedLength),
    )


def _name(request: web.Request, person: Person, fields: Fields) -> str:
    """Return the name that is asked for: of a block in the ring, or as typed."""
    code = str(fields.get("code", ""))
    for each in blocks_of(request, person) if code else ():
        if each.code == code:
            return each.name
    return name_of(str(fields.get("name", "")))


def _object(request: web.Request, person: Person, fields: Fields) -> ContestedVerdict | None:
    """Return the verdict that is objected to; None where nothing is closed."""
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
    name = name_of(str(fields.get("name", "")))
    verdict = decide(policy, name, A, now) if name else None
    return contest(verdict, revision) if verdict is not None and verdict.blocks else None


def _ask(request: web.Request, person: Person, fields: Fields) -> AppealRequest | None:
    """Return what was sent; None where something is missing.  Raises AppealError."""
    to = _object(request, person, fields)
    if to is None:
        return None
    kind = _choice(AppealKind, fields.get("kind"), AppealKind.NAME)
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
        else _name(request, person, fields),
        why=_choice(AppealMotive, fields.get("why"), AppealMotive.OTHER),
        words=str(fields.get("words", "")),
        wanted=_choice(WantedLength, fields.get("wanted"), WantedLength.HOUR),
        minutes=_number(fields.get("minutes")),
        day=_day(request, person) if kind is AppealKind.MINUTES else None,
    )


def _choice(words: Any, given: object, usual: Any) -> Any:
    """Return a word of a closed list; raise AppealError for one that is not in it."""
    if given in (None, ""):
        return usual
    try:
        return words(given)
    except ValueError:
        raise AppealError("choose one of the answers on the page") from None


def _number(given: object) -> int:
    text = str(given or "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _day(request: web.Request, person: Person) -> date:
    home = person.household
    return budget_day(context_of(request).now(), zone_of(home.timezone), home.day_starts).day
