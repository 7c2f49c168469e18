"""Every URL and its handler."""

from __future__ import annotations

from aiohttp import web

from copdns.web import (
    ask,
    bad,
    check,
    door,
    health,
    help,  # noqa: A004 - what the page is called
    me,
    pages,
    rules,
    static,
    ticket,
    whose,
)
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
    web.post("/device", door.pair),
    web.get("/me", me.me),
    web.get("/me/data.json", me.data),
    web.post("/me/erase", me.erase),
    web.get("/help", help.helping),
    web.post("/help/country", help.choose_country),
    web.get("/bad", bad.bad),
    web.post("/bad/tell", bad.tell),
    web.get("/whose", whose.whose),
    web.post("/whose/ask", whose.ask),
    web.post("/whose/pin", whose.say),
    web.post("/whose/end", whose.end),
    web.get("/ticket", ticket.form),
    web.post("/ticket", ticket.redeem),
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
)


def application(parts: Parts) -> web.Application:
    """Return the web application."""
    app = web.Application(middlewares=GUARDS, client_max_size=MOST_SENT)
    app[PARTS] = parts
    app.router.add_routes(ROUTES)
    return app
