"""A full log of somebody of 16 or more: asked at the desk, agreed to or not on their own page.

Only the browser that the person's device is known by gives the word: a PIN is set by those who
ask, and a device that is somebody's for a while was let in by them.  It is taken back with one tap,
which counts at once, by whoever is known to be the person.
"""

from __future__ import annotations

from aiohttp import web

from copdns.model.errors import PrivacyError
from copdns.model.household import FullLogSpan
from copdns.privacy.consent import Question, needs_consent
from copdns.web.child.page import child_page
from copdns.web.context import context_of
from copdns.web.person import Person, person_of
from copdns.web.received import fields_of

PAGE = "/consent"


async def consent(request: web.Request) -> web.Response:
    """The question, where there is one, and what runs or is announced."""
    person = await _person(request)
    question, now = await question_to(request, person), context_of(request).now()
    return child_page(
        request,
        person,
        "consent.html",
        question=question,
        full=await _word(request, person, now),
        now=now,
    )


async def agree(request: web.Request) -> web.Response:
    """Say yes to the question that was read, and to no other."""
    person, fields, parts = await _at_home(request), await fields_of(request), context_of(request)
    question = await question_to(request, person)
    if question is None or str(fields.get("question", "")) != mark(question):
        raise PrivacyError("this request has changed; read it again")
    await parts.consents.agree(question, person.profile.name, int(parts.now()))
    raise web.HTTPSeeOther(PAGE)


async def refuse(request: web.Request) -> web.Response:
    """Say no; the desk reads it, and asks no more for a week."""
    person, parts = await _at_home(request), context_of(request)
    home, profile, now = person.household.id, person.profile, int(parts.now())
    await parts.consents.refuse(home, profile.id, profile.name, now)
    raise web.HTTPSeeOther(PAGE)


async def take_back(request: web.Request) -> web.Response:
    """End it now, whoever wants it to go on."""
    person, parts = await _person(request), context_of(request)
    if not person.is_proven:
        raise _not_known()
    home, profile, now = person.household.id, person.profile, int(parts.now())
    await parts.consents.take_back(home, profile.id, profile.name, now)
    raise web.HTTPSeeOther(PAGE)


async def question_to(request: web.Request, person: Person) -> Question | None:
    """Return what is asked of whoever's browser this is; None for nothing."""
    parts, now = context_of(request), context_of(request).now()
    if not person.is_own or not needs_consent(person.profile, now):
        return None
    found = await parts.consents.of(person.household.id, person.profile.id)
    return found if found is not None and found.is_open(now) else None


def mark(question: Question) -> str:
    """Return what tells a question from the next one: a form is sent back with it."""
    return f"{question.at}-{question.days}"


async def _word(request: web.Request, person: Person, now: float) -> FullLogSpan | None:
    """Return what runs or is announced, as it is stored: a word that was just given, or taken back,
    is read at once, and not only when it is in force."""
    home = (
        await context_of(request).store.household(person.household.id) if person.is_proven else None
    )
    stored = home.profile(person.profile.id) if home is not None else None
    full = stored.full_log if stored is not None else None
    return full if full is not None and now < full.end else None


async def _person(request: web.Request) -> Person:
    """Return whose device asks; raise HTTPNotFound below the age at which anybody is asked."""
    person = await person_of(request)
    if not needs_consent(person.profile, context_of(request).now()):
        raise web.HTTPNotFound
    return person


async def _at_home(request: web.Request) -> Person:
    person = await _person(request)
    if not person.is_own:
        raise _not_known()
    return person


def _not_known() -> web.HTTPForbidden:
    return web.HTTPForbidden(reason="This browser is not linked to this device")
