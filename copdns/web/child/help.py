"""Help: whom to call, and what to know, at the reader's level; it works offline and for everybody.

That somebody was here is noted nowhere, so nothing here writes, and one address has all topics: a
browser's history does not tell which was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from copdns.web.child.page import child_page
from copdns.web.languages import bundled_helplines, help_topic, spoken
from copdns.web.pages import language_of
from copdns.web.person import Person, person_of
from copdns.web.received import fields_of
from copdns.words.help_topics import REPORT, TOPICS, VISIBLE
from copdns.words.helplines import CALLED

COUNTRY = "copdns_country"  # the cookie, which the browser forgets when it is closed


async def helping(request: web.Request) -> web.Response:
    """Helplines, the five topics, and what others can still see."""
    person = await person_of(request, quietly=True)
    language = language_of(request)
    return child_page(
        request,
        person,
        "help.html",
        topics=[help_topic(language, each) for each in TOPICS],
        visible=help_topic(language, VISIBLE),
        **lines_for(request, person),
    )


async def choose_country(request: web.Request) -> web.Response:
    """Keep in this browser, and nowhere else, whose helplines somebody wants to see."""
    await person_of(request, quietly=True)
    fields = await fields_of(request)
    country, back = str(fields.get("country", "")), str(fields.get("back", ""))
    if country not in bundled_helplines().countries or back not in ("/help", "/bad"):
        raise web.HTTPBadRequest(reason="Choose a country from the list")
    found = web.HTTPSeeOther(back)
    found.set_cookie(COUNTRY, country, httponly=True, samesite="Lax", secure=request.secure)
    raise found


def lines_for(request: web.Request, person: Person) -> Mapping[str, Any]:
    """Return what templates say of helplines and hotlines."""
    lines, phrases = bundled_helplines(), spoken(language_of(request))
    chosen = request.cookies.get(COUNTRY, "")
    country = chosen if chosen in lines.countries else person.household.country
    vouched = frozenset(person.household.helplines)
    return {
        "country": country,
        "country_name": phrases.country(country) if country else "",
        "countries": sorted(
            ((phrases.country(each), each) for each in lines.countries), key=lambda each: each[0]
        ),
        "emergency": lines.emergency(country),
        "lines": lines.lines(country, vouched),
        "directories": lines.directories,
        "report": lines.report(country, vouched),
        "report_words": help_topic(language_of(request), REPORT),
        "called": {word: phrases.pgettext(*phrase) for word, phrase in CALLED.items()},
    }
