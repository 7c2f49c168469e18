"""Every URL and its handler."""

from __future__ import annotations

from aiohttp import web

from copdns.web import ask, asker, check, door, health, pages, protection, rules, static
from copdns.web.desk import (
    calendar,
    give,
    hours,
    inbox,
    login,
    overview,
    people,
    person_kept,
    person_rules,
    person_settings,
    schedules,
    tickets,
)
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
    web.get("/guardian/", overview.overview),
    web.get("/guardian/inbox", inbox.inbox),
    web.get("/guardian/appeals/{appeal}", inbox.appeal),
    web.get("/guardian/appeals/{appeal}/report", inbox.report),
    web.post("/guardian/appeals/{appeal}/look", inbox.look),
    web.post("/guardian/appeals/{appeal}/decide", inbox.decide),
    web.get("/guardian/time", hours.people),
    web.get("/guardian/time/{person}", hours.time),
    web.get("/guardian/time", time.people),
    web.get("/guardian/time/{person}", time.person),
    web.post("/guardian/time/{person}/pause", give.pause_),
    web.post("/guardian/time/{person}/unpause", give.unpause_),
    web.post("/guardian/time/{person}/more", give.more),
    web.post("/guardian/time/{person}/grants", give.grant),
    web.post("/guardian/time/{person}/grants/{grant}/end", give.end_a_grant),
    web.post("/guardian/time/{person}/suggest", schedules.suggest),
    web.post("/guardian/time/{person}/schedules", schedules.add_a_schedule),
    web.post("/guardian/time/{person}/schedules/{schedule}", schedules.change_a_schedule),
    web.post("/guardian/time/{person}/schedules/{schedule}/remove", schedules.remove_a_schedule),
    web.post("/guardian/time/{person}/budgets", schedules.add_a_budget),
    web.post("/guardian/time/{person}/budgets/{budget}", schedules.change_a_budget),
    web.post("/guardian/time/{person}/budgets/{budget}/remove", schedules.remove_a_budget),
    web.post("/guardian/time/{person}/budgets/{budget}/bonus", give.bonus),
    web.get("/guardian/calendar", calendar.calendar),
    web.post("/guardian/calendar/days", calendar.set_dates),
    web.post("/guardian/calendar/weekend", calendar.set_weekend),
    web.post("/guardian/calendar/import", calendar.upload),
    web.get("/guardian/tickets", tickets.tickets),
    web.post("/guardian/tickets", tickets.make),
    web.post("/guardian/tickets/{ticket}/remove", tickets.remove),
    web.get("/guardian/people", people.people),
    web.post("/guardian/people", people.add),
    web.get("/guardian/people/{person}", people.person),
    web.post("/guardian/people/{person}/answers", people.set_answers),
    web.post("/guardian/people/{person}/remove", people.remove),
    web.get("/guardian/people/{person}/closed", person_settings.closed),
    web.post("/guardian/people/{person}/closed", person_settings.set_closed),
    web.get("/guardian/people/{person}/search", person_settings.search),
    web.post("/guardian/people/{person}/search", person_settings.set_search),
    web.get("/guardian/people/{person}/preset", person_settings.preset),
    web.post("/guardian/people/{person}/preset", person_settings.take_preset),
    web.post("/guardian/people/{person}/propose", person_settings.propose),
    web.post("/guardian/people/{person}/propose/drop", person_settings.drop_proposal),
    web.get("/guardian/people/{person}/rules", person_rules.rules),
    web.post("/guardian/people/{person}/rules", person_rules.add),
    web.post("/guardian/people/{person}/rules/{rule}/note", person_rules.change_note),
    web.post("/guardian/people/{person}/rules/{rule}/remove", person_rules.remove),
    web.get("/guardian/people/{person}/kept", person_kept.kept),
    web.post("/guardian/people/{person}/kept", person_kept.set_mode),
    web.post("/guardian/people/{person}/full-log", person_kept.ask_full_log),
    web.post("/guardian/people/{person}/full-log/stop", person_kept.stop_full_log),
    web.post("/guardian/people/{person}/export", person_kept.export),
    web.post("/guardian/people/{person}/erase", person_kept.erase),
)


def application(parts: Parts) -> web.Application:
    """Return the web application."""
    app = web.Application(middlewares=GUARDS, client_max_size=MOST_SENT)
    app[PARTS] = parts
    homes = parts.live
    app[HOUSE_LANGUAGE] = lambda: next((e.language for e in homes().households.values()), "")
    app.router.add_routes(ROUTES)
    return app
