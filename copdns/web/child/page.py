"""What all child's pages have in common."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from aiohttp import web

from copdns.accounts.claims import fold_claims
from copdns.appeals.appeal import AppealRequest
from copdns.model.errors import AppealError, AppealLimitError
from copdns.web.context import AppContext, context_of, https_origin
from copdns.web.desk_access import BrowserConnection, may_show_desk
from copdns.web.languages import phrases_in
from copdns.web.notes import note_of
from copdns.web.pages import language_of
from copdns.web.person import Person, may_see_appeal, person_mark, person_of, requestor_of
from copdns.web.second_box.follow_status import FollowStatus
from copdns.web.wording import wording_for
from copdns.words.levels import level_of
from copdns.words.phrases import DESK_LANGUAGES

MAX_WAIT = 1.0  # seconds; then the page shows what is in force
POLL_INTERVAL = 0.02  # seconds between checks


def child_page(
    request: web.Request, person: Person, template: str, *, status: int = 200, **values: Any
) -> web.Response:
    """Return a page.  Every page has a sign that says what is recorded (`mode` and `announced`),
    and what counts as the person since a guardian's change, and a younger age group that is
    announced (`claims.html`)."""
    level, now = level_of(person.band), context_of(request).now()
    full, younger = person.profile.full_log, person.profile.band_change
    return context_of(request).pages.render(
        request,
        template,
        status=status,
        person=person,
        page_of=person_mark(person.household, person.profile),
        level=level,
        mode=person.profile.privacy_at(now),
        notices=fold_claims(person.claims, now, on_start=request.path == "/"),
        tried_until=next(
            (
                each.end
                for each in person.household.filter_breaks
                if (each.device, each.profile) == (person.device, person.profile.id)
                and each.start <= now < each.end
            ),
            None,
        ),
        announced=full.start if full is not None and now < full.start else None,
        younger_from=younger.at if younger is not None and now < younger.at else None,
        say=wording_for(request, person.household, level),
        note_of=partial(note_of, person.household, person.profile),
        follows=_first_box_of(request),
        desk=_desk_url(request),
        desk_languages=_other_languages_of_desk(request),
        **values,
    )


def _first_box_of(request: web.Request) -> FollowStatus | None:
    """Return whom this box follows; None for a first box."""
    follows = context_of(request).follows
    return None if follows is None else follows()


async def require_known_person(request: web.Request) -> Person:
    """Return whose device a request comes from; raise HTTPForbidden for an unknown device."""
    person = await person_of(request)
    require_known(person)
    return person


def require_known(person: Person) -> None:
    """Raise HTTPForbidden for an unknown device."""
    if not person.is_known:
        raise web.HTTPForbidden(reason="We do not know whose device this is yet")


def not_linked() -> web.HTTPForbidden:
    """Return the error for a browser that its device is not known by."""
    return web.HTTPForbidden(reason="This browser is not linked to this device")


def require_proof(person: Person) -> None:
    """Raise HTTPForbidden where nobody can know that this person uses the device."""
    if not person.is_paired:
        raise not_linked()
    if not person.is_proven:
        raise web.HTTPForbidden(reason="This browser does not count as you yet")


async def note_pin(request: web.Request, person: Person) -> None:
    """Note in the history that somebody just acted with this person's PIN, which guardians set."""
    if person.guest and person.proof is not None:
        context, home = context_of(request), person.household.id
        what = f"{person.profile.id}: the change before this was made with a PIN from a guardian"
        await context.store.note(home, person.profile.name, what, int(context.now()))


def _other_languages_of_desk(request: web.Request) -> list[str]:
    """Return the names of the dashboard's languages; none where the reader's is one of them.

    A guardian who reads another language meets the dashboard in English.
    """
    language = language_of(request)
    if language in DESK_LANGUAGES:
        return []
    phrases = phrases_in(language)
    return [phrases.language_name(each) for each in DESK_LANGUAGES]


async def wait_until_in_force(context: AppContext, household: str) -> bool:
    """Wait for MAX_WAIT at most until the snapshot has the stored household; return whether it
    has.

    So that the page after a form shows what applies.  The program follows the database within a
    tenth of a second: long enough to show a page that is outdated, or data that is somebody else's
    by now.
    """
    stored = await context.store.household(household)
    revision = 0 if stored is None else stored.revision
    try:
        async with asyncio.timeout(MAX_WAIT):
            while not _is_in_force(context, household, revision):  # noqa: ASYNC110 - a snapshot tells nobody
                await asyncio.sleep(POLL_INTERVAL)
    except TimeoutError:
        return False
    return True


def _is_in_force(context: AppContext, household: str, revision: int) -> bool:
    found = context.snapshot().households.get(household)
    return found is not None and found.revision >= revision


def _desk_url(request: web.Request) -> str:
    """Return the URL of the dashboard from here, by HTTPS where it needs that; "" where only the
    machine itself may use it."""
    connection = BrowserConnection(request.secure, requestor_of(request).address)
    if may_show_desk(connection, over_http=context_of(request).desk_over_http):
        return "/guardian/"
    origin = https_origin(request)
    return f"{origin}/guardian/" if origin else ""


async def file_request(request: web.Request, person: Person, ask: AppealRequest) -> web.Response:
    """File an appeal, and lead to its page whoever may see it.

    Raises AppealError, and AppealLimitError where too many of them wait.
    """
    context = context_of(request)
    filed = await context.appeals.file(person.household.id, ask, int(context.now()))
    await note_pin(request, person)
    if not may_see_appeal(person, filed.appeal):  # only the paired browser sees the answer
        return child_page(request, person, "sent.html")
    raise web.HTTPSeeOther(f"/ask/{filed.appeal.id}")


def status_of(error: AppealError) -> int:
    """Return the HTTP status of a form whose appeal was refused."""
    return 429 if isinstance(error, AppealLimitError) else 400
