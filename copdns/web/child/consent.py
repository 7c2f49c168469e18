"""Consent to a full log of somebody of 16 or more: guardians ask on the dashboard, the person
answers here.

Only the paired browser of the person's own device can agree: the guardians who ask also set PINs
and let guests in.  Anybody who proved to be the person ends the log with one tap, which counts at
once.
"""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.roles import guardians_may_see
from copdns.model.errors import PrivacyError
from copdns.model.household import FullLogSpan
from copdns.privacy.consent import Question, needs_consent
from copdns.web.browser_input import fields_of
from copdns.web.child.page import child_page, not_linked, note_pin, require_proof
from copdns.web.context import context_of
from copdns.web.person import Person, person_of

PAGE = "/consent"


async def consent(request: web.Request) -> web.Response:
    """Show the question, if there is one, and a full log that runs or is announced."""
    person = await _require_asked_age(request)
    question, now = await open_question(request, person), context_of(request).now()
    return child_page(
        request,
        person,
        "consent.html",
        question=question,
        guardians_may_see=guardians_may_see(person.profile),
        full=await _stored_full_log(request, person, now),
        now=now,
    )


async def agree(request: web.Request) -> web.Response:
    """Agree to the question that was shown, and to no other."""
    person = await _require_own_browser(request)
    fields = await fields_of(request)
    context = context_of(request)
    question = await open_question(request, person)
    if question is None or str(fields.get("question", "")) != question_mark(question):
        raise PrivacyError("this request has changed; read it again")
    await context.consents.agree(question, person.profile.name, int(context.now()))
    raise web.HTTPSeeOther(PAGE)


async def refuse(request: web.Request) -> web.Response:
    """Refuse; guardians see that, and cannot ask again for a week."""
    person, context = await _require_own_browser(request), context_of(request)
    home, profile, now = person.household.id, person.profile, int(context.now())
    await context.consents.refuse(home, profile.id, profile.name, now)
    raise web.HTTPSeeOther(PAGE)


async def take_back(request: web.Request) -> web.Response:
    """End the full log now, whoever wants it to go on."""
    person, context = await _require_asked_age(request), context_of(request)
    require_proof(person)
    home, profile, now = person.household.id, person.profile, int(context.now())
    await context.consents.take_back(home, profile.id, profile.name, now)
    await note_pin(request, person)
    raise web.HTTPSeeOther(PAGE)


async def open_question(request: web.Request, person: Person) -> Question | None:
    """Return the question to the person whose browser this is; None for none."""
    context, now = context_of(request), context_of(request).now()
    if not person.is_own or not needs_consent(person.profile, now):
        return None
    found = await context.consents.of(person.household.id, person.profile.id)
    return found if found is not None and found.is_open(now) else None


def question_mark(question: Question) -> str:
    """Return a text that tells this question from the next one; the form sends it back."""
    return f"{question.at}-{question.days}"


async def _stored_full_log(request: web.Request, person: Person, now: float) -> FullLogSpan | None:
    """Return the full log that runs or is announced, as stored: the page shows an answer at once,
    before it is in force."""
    home = (
        await context_of(request).store.household(person.household.id) if person.is_proven else None
    )
    stored = home.profile(person.profile.id) if home is not None else None
    full = stored.full_log if stored is not None else None
    return full if full is not None and now < full.end else None


async def _require_asked_age(request: web.Request) -> Person:
    """Return whose device this is; raise HTTPNotFound below the age at which consent is needed."""
    person = await person_of(request)
    if not needs_consent(person.profile, context_of(request).now()):
        raise web.HTTPNotFound
    return person


async def _require_own_browser(request: web.Request) -> Person:
    person = await _require_asked_age(request)
    if not person.guest:
        require_proof(person)
    if not person.is_own:
        raise not_linked()
    return person
