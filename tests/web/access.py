"""Whose each route is, as data.  tests/web/test_strangers.py tries everybody else at each of them.

A route of the desk or the API that stands nowhere here is for whoever is logged in and may;
any other that is missing here fails the test.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from aiohttp import web

from copdns.accounts.roles import Role
from copdns.web.routes import ROUTES

DESK = ("/guardian/", "/api/v1/")

# Nothing in them is anybody's, or only what holds for whichever device asks.
EVERYONES = frozenset(
    {
        *("GET /healthz", "GET /readyz", "GET /static/{file}"),
        *("GET /", "GET /rules", "GET /check", "POST /language", "POST /family"),
        *("GET /consent", "GET /me", "GET /help", "POST /help/country", "GET /bad"),
        *("GET /whose", "POST /whose/ask", "POST /whose/pin", "POST /whose/end"),
        "POST /device/object",
        *("GET /protection", "GET /protection/{code}", "GET /protection/dot/{code}"),
        *("GET /device/test", "GET /device/test/{code}"),
        "POST /follow/{pairing}",  # for whoever has the secret of a pairing
        *("GET /guardian", "GET /guardian/login", "POST /guardian/login", "POST /guardian/logout"),
        *("GET /guardian/setup", "POST /guardian/setup"),
        *("GET /guardian/join", "POST /guardian/join"),
        "GET /api/v1/openapi.json",
        # Without a linked browser nobody's: a page without data, files of the app, and no state.
        *("GET /app", "GET /app.webmanifest", "GET /worker.js", "GET /offline"),
        *("GET /offline/empty", "GET /guardian/offline/empty"),
        *("GET /guardian/app.webmanifest", "GET /guardian/worker.js"),
    }
)

# For the device of somebody of this house.
DEVICES = frozenset(
    {
        *("POST /device", "GET /month", "GET /ask", "POST /ask", "POST /bad/tell"),
        *("GET /ticket", "POST /ticket", "GET /age", "POST /age"),
        *("GET /device/setup", "GET /device/setup/{file}"),
        *("GET /device/away/{code}", "GET /device/away/{code}/{file}"),
    }
)

# For the browser that somebody's device is known by.
PAIRED = frozenset(
    {
        *("GET /why/{code}", "GET /ask/{appeal}"),
        *("POST /ask/{appeal}/withdraw", "POST /ask/{appeal}/disagree"),
        *("GET /me/data.json", "POST /me/erase"),
        *("POST /me/homes/end", "POST /me/homes/allow"),
        *("POST /consent/yes", "POST /consent/no", "POST /consent/end"),
        *("POST /device/move", "POST /age/right"),
        *("GET /timer", "POST /timer", "POST /timer/end"),
        *("POST /app/notices", "POST /app/notices/remove"),
    }
)

# For programs on this machine, as the tests' browsers all are; test_health.py tries the others.
MACHINES = frozenset({"GET /metrics"})

# What whoever is logged in may change of their own, whatever their role.
OWN = frozenset(
    {
        *("POST /guardian/me/password", "POST /guardian/me/factor"),
        *("POST /guardian/me/factor/remove", "POST /guardian/me/sessions"),
        *("DELETE /api/v1/sessions", "DELETE /api/v1/sessions/{session}"),
        "POST /api/v1/step-up",
    }
)

# What somebody may change besides who is logged in, but no guardian.
MAY_CHANGE = {
    Role.REVIEWER: frozenset(
        {
            "POST /guardian/appeals/{appeal}/look",
            "POST /guardian/appeals/{appeal}/decide",
            "POST /guardian/appeals/{appeal}/pass-on",
            "POST /api/v1/appeals/{appeal}/see",
            "POST /api/v1/appeals/{appeal}/decide",
        }
    ),
    Role.AUDITOR: frozenset[str](),
}

# What forms send, so that whoever is let in by mistake does change something.
FIELDS = {
    "POST /ask": {"name": "other.toys.example", "code": "{code}"},
    "POST /age": {"band": "10-12"},
    "POST /language": {"language": "fr", "back": "/"},
    "POST /guardian/appeals/{appeal}/decide": {"state": "refused", "reason": "{no}", "text": "No."},
}


class Route(NamedTuple):
    method: str
    path: str  # with {placeholders}

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def changes(self) -> bool:
        return self.method not in ("GET", "HEAD")

    def at(self, filled: dict[str, str]) -> str:
        """Return its path; what is not filled in gets the id of nothing."""
        return re.sub(r"\{(\w+)[^}]*\}", lambda found: filled.get(found[1], "nothing"), self.path)

    def fields(self, filled: dict[str, str]) -> dict[str, str]:
        return {key: text.format(**filled) for key, text in FIELDS.get(str(self), {}).items()}


@cache
def every_route() -> tuple[Route, ...]:
    app = web.Application()
    app.router.add_routes(ROUTES)
    return tuple(
        Route(each.method, each.resource.canonical)
        for each in app.router.routes()
        if each.resource is not None and each.method not in ("HEAD", "*")
    )


LISTED = EVERYONES | DEVICES | PAIRED | MACHINES


def desk_routes() -> tuple[Route, ...]:
    found = (each for each in every_route() if each.path.startswith(DESK))
    return tuple(each for each in found if str(each) not in LISTED)
