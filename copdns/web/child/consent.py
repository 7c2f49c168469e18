"""A full log of somebody of 16 or more: asked at the desk, agreed to or not on their own page.

Only the browser that the person's device is known by gives the word: a PIN is set by those who
ask, and a device that is somebody's for a while was let in by them.  It is taken back with one tap,
which counts at once, by whoever is known to be the person.
"""

from __future__ import annotations

from aiohttp import web

from copdns.model.errors import PrivacyError
from copdns.model.household import FullLog
from copdns.privacy.consent import Question, needs_consent
from copdns.web.child.page import child_page, not_linked
from copdns.web.context import context_of
from copdns.web.person import Person, person_of
from copdns.web.received import fields_of

PAGE = "/consent"


async def consent(request: web.Request) -> web.Response:
    """The question, where there is one, and what runs or is announced."""
    person = await _require_asked_age(request)
    question, now = await open_question(request, person), context_of(request).now()
    return child_page(
        request,
        person,
        "consent.html",
        question=question,
        full=await _stored_full_log(request, person, now),
        now=now,
    )


async def agree(request: web.Request) -> web.Response:
    """Say yes to the question that was read, and to no other."""
    person = await _require_own_browser(request)
    fields = await fields_of(request)
    context = context_of(request)
    question = await open_question(request, person)
    if question is None or str(fields.get("question", "")) != question_mark(question):
        raise PrivacyError("this request has changed; read it again")
    await context.consents.agree(question, person.profile.name, int(context.now()))
    raise web.HTTPSeeOther(PAGE)


async def refuse(request: web.Request) -> web.Response:
    """Say no; the desk reads it, and asks no more for a week."""
    person, context = await _require_own_browser(request), context_of(request)
    home, profile, now = person.household.id, person.profile, int(context.now())
    await context.consents.refuse(home, profile.id, profile.name, now)
    raise web.HTTPSeeOther(PAGE)


async def take_back(request: web.Request) -> web.Response:
    """End it now, whoever wants it to go on."""
    person, context = await _require_asked_age(request), context_of(request)
    if not person.is_proven:
        raise not_linked()
    home, profile, now = person.household.id, person.profile, int(context.now())
    await context.consents.take_back(home, profile.id, profile.name, now)
    raise web.HTTPSeeOther(PAGE)


async def open_question(request: web.Request, person: Person) -> Question | None:
    """Return what is asked of whoever's browser this is; None for nothing."""
    context, now = context_of(request), context_of(request).now()
    if not person.is_own or not needs_consent(person.profile, now):
        return None
    found = await context.consents.of(person.household.id, person.profile.id)
    return found if found is not None and found.is_open(now) else None


def question_mark(question: Question) -> str:
    """Return what tells a question from the next one: a form is sent back with it."""
    return f"{question.at}-{question.days}"


async def _stored_full_log(request: web.Request, person: Person, now: float) -> FullLog | None:
    """Return what runs or is announced, as it is stored: a word that was just given, or taken back,
    is read at once, and not only when it is in force."""
    home = (
        await context_of(request).store.household(person.household.id) if person.is_proven else None
    )
    stored = home.profile(person.profile.id) if home is not None else None
    full = stored.full_log if stored is not None else None
    return full if full is not None and now < full.end else None


async def _require_asked_age(request: web.Request) -> Person:
    """Return whose device asks; raise HTTPNotFound below the age at which anybody is asked."""
    person = await person_of(request)
    if not needs_consent(person.profile, context_of(request).now()):
        raise web.HTTPNotFound
    return person


async def _require_own_browser(request: web.Request) -> Person:
    person = await _require_asked_age(request)
    if not person.is_own:
        raise not_linked()
    return person
