"""The language of each of the staff: chosen on a page, and kept with their account.

Whoever has not chosen one has that of their browser when they log in.  Another browser begins in
the one that is kept, and messages are in it (`app/node/rollout_messages.py`).
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from copdns.store.provider_db.staff_languages import StaffLanguages
from copdns.web.browser_input import fields_of
from copdns.web.pages import LANGUAGE, choose_language, language_of
from copdns.web.staff.site import COOKIE, SITE, StaffRefusal, actor_of, read_cookie
from copdns.words.phrases import DESK_LANGUAGES

_LASTS = 365 * 86_400  # seconds; of the cookie


async def choose_own_language(request: web.Request) -> web.Response:
    """Set the cookie of a language that somebody chose; of staff, keep it with their account."""
    chosen = str((await fields_of(request)).get("language", ""))
    if chosen in DESK_LANGUAGES and read_cookie(request, COOKIE):
        try:
            who = (await actor_of(request)).who
        except StaffRefusal:  # their session is over
            return await choose_language(request)
        await asyncio.to_thread(_languages(request).keep, who.id, chosen)
    return await choose_language(request)


async def follow_own_language(request: web.Request, response: web.Response, staff: str) -> None:
    """Let the pages of who has just logged in be in the language of their account; keep that of
    this page where there is none yet."""
    languages, shown = _languages(request), language_of(request)
    kept = await asyncio.to_thread(languages.of, staff)
    if kept and kept != shown:
        secure = request.app[SITE].is_secure
        response.set_cookie(LANGUAGE, kept, max_age=_LASTS, samesite="Lax", secure=secure)
    elif not kept and shown in DESK_LANGUAGES:
        await asyncio.to_thread(languages.keep, staff, shown)


def _languages(request: web.Request) -> StaffLanguages:
    return StaffLanguages(request.app[SITE].register.pool)
