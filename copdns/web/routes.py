"""Every URL and its handler."""

from __future__ import annotations

from aiohttp import web

from copdns.web import ask, asker, check, door, health, pages, rules, static
from copdns.web.api.feed import add_feed
from copdns.web.api.pace import Pace
from copdns.web.api.serve import PACE
from copdns.web.api.table import API_ROUTES
from copdns.web.desk import inbox, login, overview
from copdns.web.guards import GUARDS, MOST_SENT
from copdns.web.parts import PARTS, Parts

ROUTES = (
    web.get("/healthz", health.healthz),
    web.get("/readyz", health.readyz),
    web.get("/metrics", health.metrics),
    web.get("/static/{file}", static.static),
    web.get("/", door.door),
    web.get("/why/{code}", door.why),
    web.get("/rules", rules.rules),
    web.get("/check", check.check),
    web.post("/device", asker.pair),
    web.post("/language", pages.choose_language),
    web.get("/ask", ask.form),
    web.post("/ask", ask.send),
    web.get("/ask/{appeal}", ask.asked),
    web.post("/ask/{appeal}/withdraw", ask.withdraw),
    web.post("/ask/{appeal}/disagree", ask.disagree),
    web.get("/guardian/login", login.login_form),
    web.post("/guardian/login", login.login),
    web.post("/guardian/logout", login.logout),
    web.get("/guardian/setup", login.set_up_form),
    web.post("/guardian/setup", login.set_up),
    web.get("/guardian/", overview.overview),
    web.get("/guardian/inbox", inbox.inbox),
    web.get("/guardian/appeals/{appeal}", inbox.appeal),
    web.post("/guardian/appeals/{appeal}/look", inbox.look),
    web.post("/guardian/appeals/{appeal}/decide", inbox.decide),
    *API_ROUTES,
)


def application(parts: Parts) -> web.Application:
    """Return the web application."""
    app = web.Application(middlewares=GUARDS, client_max_size=MOST_SENT)
    app[PARTS] = parts
    app[PACE] = Pace()
    add_feed(app)
    app.router.add_routes(ROUTES)
    return app
