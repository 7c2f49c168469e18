"""Help: helplines and topics, at the reader's level.  It works offline and for everybody.

No visit is recorded, so nothing here writes.  All topics have one URL, so a browser's history does
not tell which was read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from copdns.web.browser_input import fields_of
from copdns.web.child.page import child_page
from copdns.web.context import context_of
from copdns.web.languages import bundled_helplines, help_topic, phrases_in
from copdns.web.pages import language_of
from copdns.web.person import Person, person_of
from copdns.words.help_topics import REPORT, TOPICS, VISIBLE
from copdns.words.helplines import CALLED, EVERYWHERE, phone
from copdns.words.phrases import SOURCE

COUNTRY = "copdns_country"  # a session cookie
OF_REGION = {"en-gb": "999", "en-us": "911"}


async def help_page(request: web.Request) -> web.Response:
    """Show helplines, the five topics, and what others can still see."""
    person = await person_of(request, quietly=True)
    language = language_of(request)
    return child_page(
        request,
        person,
        "help.html",
        topics=[help_topic(language, each) for each in TOPICS],
        visible=help_topic(language, VISIBLE),
        **helpline_values(request, person),
    )


async def choose_country(request: web.Request) -> web.Response:
    """Keep the country for helplines in this browser, and nowhere else."""
    await person_of(request, quietly=True)
    fields = await fields_of(request)
    country, back = str(fields.get("country", "")), str(fields.get("back", ""))
    known = bundled_helplines(context_of(request).facts()).countries
    if country not in known or back not in ("/help", "/bad"):
        raise web.HTTPBadRequest(reason="Choose a country from the list")
    redirect = web.HTTPSeeOther(back)
    redirect.set_cookie(COUNTRY, country, httponly=True, samesite="Lax", secure=request.secure)
    raise redirect


def helpline_values(request: web.Request, person: Person) -> Mapping[str, Any]:
    """Return the values that templates show about helplines and report offices."""
    lines = bundled_helplines(context_of(request).facts())
    phrases = phrases_in(language_of(request))
    chosen = request.cookies.get(COUNTRY, "")
    country = chosen if chosen in lines.countries else person.household.country
    vouched = frozenset(person.household.helplines)
    own = (country, person.household.country)
    first = _first_number(request.headers.get("Accept-Language", ""), phrases.language)
    return {
        "country": country,
        "country_name": phrases.country(country) if country else "",
        "countries": sorted(
            ((phrases.country(each), each) for each in lines.countries),
            key=lambda each: (each[1] not in own, each[0]),  # the reader's own first
        ),
        "emergency": lines.emergency(country),
        "dialled_first": phone(first) if first else None,
        "dialled": [each for each in EVERYWHERE if each != first],
        "lines": lines.lines(country, vouched),
        "directories": lines.directories,
        "report": lines.report(country, vouched),
        "report_words": help_topic(language_of(request), REPORT),
        "called": {word: phrases.pgettext(*phrase) for word, phrase in CALLED.items()},
    }


def _first_number(accept: str, language: str) -> str:
    """Return the emergency number to show first and large where no country was chosen; "" for none.

    It is that of the browser's own region, and otherwise the British one on a page in English,
    whose texts are British.  The others stand below it, so nothing is lost by a wrong guess.
    accept: an Accept-Language header (RFC 9110 section 12.5.4), of any origin.
    """
    if language != SOURCE:
        return ""
    return OF_REGION.get(re.split("[,;]", accept)[0].strip().lower(), OF_REGION["en-gb"])
