"""Every URL and its handler."""

from __future__ import annotations

from aiohttp import web

from copdns.web import ask, asker, check, door, health, pages, rules, static
from copdns.web.desk import (
    agreement,
    changes,
    devices,
    house,
    inbox,
    lists,
    log,
    login,
    numbers,
    overview,
    settings,
)
from copdns.web.following import Following
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
    # The house.
    web.get("/guardian/house", house.house),
    web.get("/guardian/log", log.log),
    web.get("/guardian/log/live", log.live),
    web.get("/guardian/numbers", numbers.numbers),
    web.get("/guardian/changes", changes.changes),
    web.get("/guardian/settings", settings.settings),
    web.get("/guardian/agreement/{profile}", agreement.agreement),
    web.get("/guardian/lists", lists.lists),
    web.post("/guardian/lists/update", lists.update),
    web.get("/guardian/devices", devices.devices),
    web.post("/guardian/devices/{device}/change", devices.change),
    web.post("/guardian/devices/{device}/remove", devices.remove),
    web.post("/guardian/devices/{device}/let-in", devices.let_in),
    web.post("/guardian/pairings/{pairing}/revoke", devices.revoke),
    web.post("/guardian/unknown/{visitor}/name", devices.name),
    web.post("/guardian/unknown/{visitor}/guest", devices.guest),
    web.post("/guardian/unknown/{visitor}/ignore", devices.ignore),
    web.post("/guardian/unknown/{visitor}/show", devices.show),
    web.post("/guardian/guests/{guest}/end", devices.end_guest),
    web.post("/guardian/pins/{profile}", devices.set_pin),
)


def application(parts: Parts) -> web.Application:
    """Return the web application."""
    app = web.Application(middlewares=GUARDS, client_max_size=MOST_SENT)
    app[PARTS] = parts
    app[log.FOLLOWING] = following = Following(parts.log)
    app.on_shutdown.append(lambda _: following.close())
    app.router.add_routes(ROUTES)
    return app
