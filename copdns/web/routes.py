"""Every URL and its handler."""

from __future__ import annotations

from aiohttp import web

from copdns.web import ask, asker, check, door, health, pages, protection, rules, static
from copdns.web.desk import accounts, checks, inbox, login, me, notices, overview, wizard
from copdns.web.guards import GUARDS, MOST_SENT
from copdns.web.pages import HOUSE_LANGUAGE
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
    web.get("/protection", protection.begin),
    web.get("/protection/{code}", protection.result),
    web.get("/protection/dot/{code}", protection.dot),
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
    web.get("/guardian/wizard", wizard.wizard),
    web.get("/guardian/wizard/{step}", wizard.step),
    web.post("/guardian/wizard/{step}", wizard.take),
    web.get("/guardian/checks", checks.checks),
    web.post("/guardian/checks", checks.look),
    web.post("/guardian/checks/confirm", checks.confirm),
    web.get("/guardian/me", me.me),
    web.post("/guardian/me/password", me.change_password),
    web.get("/guardian/me/factor", me.factor),
    web.post("/guardian/me/factor", me.set_factor),
    web.post("/guardian/me/factor/remove", me.remove_factor),
    web.post("/guardian/me/sessions", me.end_session),
    web.post("/guardian/me/tokens", me.make_token),
    web.post("/guardian/me/tokens/remove", me.remove_token),
    web.get("/guardian/accounts", accounts.accounts),
    web.post("/guardian/accounts", accounts.invite),
    web.post("/guardian/accounts/{account}/code", accounts.code),
    web.post("/guardian/accounts/{account}/remove", accounts.remove),
    web.get("/guardian/join", accounts.join_form),
    web.post("/guardian/join", accounts.join),
    web.get("/guardian/notices", notices.notices),
    web.post("/guardian/notices", notices.see),
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
    homes = parts.live
    app[HOUSE_LANGUAGE] = lambda: next((e.language for e in homes().households.values()), "")
    app.router.add_routes(ROUTES)
    return app
