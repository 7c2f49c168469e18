"""Say that the age group is wrong, or that it is still right; no birth date is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from copdns.appeals.age import age_request
from copdns.household.ages import asks_person
from copdns.model.errors import AppealError
from copdns.model.household import Band
from copdns.web.browser_input import fields_of
from copdns.web.child.page import (
    child_page,
    file_request,
    note_pin,
    require_known_person,
    require_proof,
    status_of,
)
from copdns.web.context import context_of
from copdns.web.person import Person

Fields = Mapping[str, Any]


async def form(request: web.Request) -> web.Response:
    """Show the form."""
    return _form(request, await require_known_person(request), request.query)


async def send(request: web.Request) -> web.Response:
    """File an appeal against the age group."""
    person, context = await require_known_person(request), context_of(request)
    fields, now = await fields_of(request), context.now()
    wanted = next((each for each in Band if each == fields.get("band")), None)
    words = str(fields.get("words", ""))
    try:
        paired = person.is_linked
        ask = age_request(person.profile, person.device, wanted, words, now, paired=paired)
        return await file_request(request, person, ask)
    except AppealError as error:
        return _form(request, person, fields, status=status_of(error), error=error)


async def say_right(request: web.Request) -> web.Response:
    """Note that the person says that their age group is still right."""
    person, context = await require_known_person(request), context_of(request)
    require_proof(person)
    now = int(context.now())
    await context.ages.say_right(person.household.id, person.profile.id, now)
    await note_pin(request, person)
    raise web.HTTPSeeOther("/")


async def is_asked(request: web.Request, person: Person) -> bool:
    """Tell whether a person is asked if their age group is still right."""
    if not person.is_known:
        return False
    context = context_of(request)
    confirmed = (await context.ages.all(person.household.id)).get(person.profile.id)
    return asks_person(person.profile, confirmed, context.now())


def _form(
    request: web.Request,
    person: Person,
    fields: Fields,
    *,
    status: int = 200,
    error: AppealError | None = None,
) -> web.Response:
    return child_page(
        request,
        person,
        "age.html",
        status=status,
        error=error,
        fields=fields,
        bands=tuple(each for each in Band if each is not person.band),
    )
