"""Every URL and its handler."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable

from aiohttp import web

from copdns.accounts.guesses import SecretGuesses
from copdns.privacy.box_messages import PATH as FOLLOW
from copdns.web import health, pages, static_files
from copdns.web.api.events.feed import add_feed
from copdns.web.api.serve import PACE, Pace
from copdns.web.api.table import API_ROUTES
from copdns.web.child import (
    age,
    ask,
    check,
    claim_answers,
    claim_device,
    consent,
    device_setup,
    month,
    my_data,
    protection,
    report_harm,
    rules,
    start_page,
    ticket,
    timer,
)
from copdns.web.child import (
    help as help_pages,
)
from copdns.web.child import (
    home_screen as childs_screen,
)
from copdns.web.connections import SERVES
from copdns.web.context import PARTS, AppContext, childs_page
from copdns.web.desk import inbox, overview, undo
from copdns.web.desk.account import accounts, login, notices, own_account
from copdns.web.desk.account import home_screen as desk_screen
from copdns.web.desk.activity import changes, log, report, statistics
from copdns.web.desk.activity.live_log import LogFollowers
from copdns.web.desk.household import (
    agreement,
    away_devices,
    boxes,
    cards,
    checks,
    devices,
    dns_servers,
    facts,
    failures,
    guest_rules,
    homes,
    lists,
    move_in,
    names,
    own_lists,
    settings,
    targets,
    wizard,
)
from copdns.web.desk.household import (
    device_setup as devices_setup,
)
from copdns.web.desk.household import (
    page as house,
)
from copdns.web.desk.pass_on import pass_on
from copdns.web.desk.person import always_allowed_sites, groups, people
from copdns.web.desk.person import privacy as person_privacy
from copdns.web.desk.person import rules as person_rules
from copdns.web.desk.person import settings as person_settings
from copdns.web.desk.time import calendar, give_time, person_time, schedules, tickets
from copdns.web.device_setup.away_setup import AWAY, AwaySetups
from copdns.web.device_setup.certificate_look import LOOKING
from copdns.web.device_setup.offer import SIGNING
from copdns.web.forms import Page, form
from copdns.web.home_screen import offer
from copdns.web.many_households.choose_household import CODE_PATH, enter_code
from copdns.web.many_households.family_routes import is_for_families
from copdns.web.many_households.shown_secrets import GUESSES
from copdns.web.middlewares import GUARDS, MAX_BODY, add_headers
from copdns.web.moving_in.previews import PREVIEWS, Previews
from copdns.web.pages import HOUSE_LANGUAGE
from copdns.web.person import requestor_at
from copdns.web.recent_actions import RECENT, RecentActions
from copdns.web.second_box import first_box

# Pages with forms, shown again with the input where a form is refused.
SET_UP = Page("/guardian/setup", login.set_up_form)
JOIN = Page("/guardian/join", accounts.join_form)
STEP = Page("/guardian/wizard/{step}", wizard.step)
ME = Page("/guardian/me", own_account.me)
FACTOR = Page("/guardian/me/factor", own_account.factor)
ACCOUNTS = Page("/guardian/accounts", accounts.accounts)
APPEAL = Page("/guardian/appeals/{appeal}", inbox.appeal)
TIME = Page("/guardian/time/{person}", person_time.person)
CALENDAR = Page("/guardian/calendar", calendar.calendar)
TICKETS = Page("/guardian/tickets", tickets.tickets)
PEOPLE = Page("/guardian/people", people.people)
PERSON = Page("/guardian/people/{person}", people.person)
CLOSED = Page("/guardian/people/{person}/closed", person_settings.closed_settings)
SEARCH = Page("/guardian/people/{person}/search", person_settings.search)
PRESET = Page("/guardian/people/{person}/preset", person_settings.preset)
RULES = Page("/guardian/people/{person}/rules", person_rules.rules)
OPEN = Page("/guardian/people/{person}/open", always_allowed_sites.always_allowed)
KEPT = Page("/guardian/people/{person}/kept", person_privacy.privacy)
NAMES = Page("/guardian/names", names.names)
HOMES = Page("/guardian/homes", homes.homes)
BOXES = Page("/guardian/boxes", boxes.boxes)
MOVE_IN = Page("/guardian/move-in", move_in.move_in)
MOVED = Page("/guardian/move-in/{code}", move_in.preview)
NEW_LIST = Page("/guardian/lists/own", own_lists.new)
OWN_LIST = Page("/guardian/lists/own/{list}", own_lists.own_list)
GUESTS = Page("/guardian/guests", guest_rules.guest_rules)
DEVICES = Page("/guardian/devices", devices.devices)
AWAY_PAGE = Page("/guardian/devices/{device}/away", away_devices.show)
ASKED = Page("/ask/{appeal}", ask.appeal_page)
APP_PAGE = Page("/app", childs_screen.app)
DESK_APP = Page("/guardian/app", desk_screen.app)

# What watches a machine asks.
MACHINE_ROUTES = (
    web.get("/healthz", health.healthz),
    web.get("/readyz", health.readyz),
    web.get("/metrics", health.metrics),
)
ROUTES = (
    web.post(FOLLOW, first_box.follow),
    *MACHINE_ROUTES,
    web.get("/static/{file}", static_files.static),
    web.get("/app.webmanifest", offer.manifest),
    web.get("/worker.js", offer.worker),
    web.get("/offline", childs_screen.state),
    web.get("/offline/empty", offer.without_connection),
    web.get(*APP_PAGE),
    form("/app/notices", childs_screen.turn_on, APP_PAGE),
    web.post("/app/notices/remove", childs_screen.turn_off),
    web.get("/", start_page.start_page),
    web.get("/why/{code}", start_page.why),
    web.get("/rules", rules.rules),
    web.get("/month", month.month),
    web.get("/check", check.check),
    web.get("/protection", protection.begin),
    web.get("/protection/{code}", protection.result),
    web.get("/protection/dot/{code}", protection.dot),
    web.post("/language", pages.choose_language),
    web.post(CODE_PATH, enter_code),
    web.get("/ask", ask.form),
    web.post("/ask", ask.send),
    web.get(*ASKED),
    web.post("/ask/{appeal}/withdraw", ask.withdraw),
    form("/ask/{appeal}/disagree", ask.disagree, ASKED),
    web.get("/age", age.form),
    web.post("/age", age.send),
    web.post("/age/right", age.say_right),
    web.get("/guardian", overview.add_slash),
    web.get("/guardian/login", login.login_form),
    web.post("/guardian/login", login.login),
    web.post("/guardian/logout", login.logout),
    web.get("/guardian/app.webmanifest", offer.manifest),
    web.get("/guardian/worker.js", offer.worker),
    web.get("/guardian/offline", desk_screen.state),
    web.get("/guardian/offline/empty", offer.without_connection),
    web.get(*DESK_APP),
    form("/guardian/app/notices", desk_screen.turn_on, DESK_APP),
    web.post("/guardian/app/notices/remove", desk_screen.turn_off),
    web.post("/guardian/app/notices/test", desk_screen.test),
    web.get(*SET_UP),
    form("/guardian/setup", login.set_up, SET_UP),
    web.get("/guardian/wizard", wizard.wizard),
    web.get(*STEP),
    form("/guardian/wizard/{step}", wizard.take, STEP),
    web.get("/guardian/checks", checks.checks),
    web.post("/guardian/checks", checks.look),
    web.post("/guardian/checks/confirm", checks.confirm),
    web.get(*ME),
    form("/guardian/me/password", own_account.change_password, ME),
    web.get(*FACTOR),
    form("/guardian/me/factor", own_account.set_factor, FACTOR),
    form("/guardian/me/factor/remove", own_account.remove_factor, ME),
    web.post("/guardian/me/family-code", own_account.renew_family_code),
    form("/guardian/me/digest", own_account.choose_digest, ME),
    web.post("/guardian/me/digest/stop", own_account.stop_digest),
    form("/guardian/me/digest/test", own_account.send_digest, ME),
    web.post("/guardian/me/sessions", own_account.end_session),
    form("/guardian/me/tokens", own_account.make_token, ME),
    web.post("/guardian/me/tokens/remove", own_account.remove_token),
    web.get(*ACCOUNTS),
    form("/guardian/accounts", accounts.invite, ACCOUNTS),
    web.post("/guardian/accounts/{account}/code", accounts.code),
    web.post("/guardian/accounts/{account}/remove", accounts.remove),
    web.get(*JOIN),
    form("/guardian/join", accounts.join, JOIN),
    web.post("/guardian/repair", overview.repair),
    web.get("/guardian/notices", notices.notices),
    web.post("/guardian/notices", notices.see),
    web.post("/guardian/undo/{action}", undo.undo),
    web.get("/guardian/", overview.overview),
    web.get("/guardian/inbox", inbox.inbox),
    web.get(*APPEAL),
    web.get("/guardian/appeals/{appeal}/report", inbox.report),
    web.post("/guardian/appeals/{appeal}/look", inbox.look),
    form("/guardian/appeals/{appeal}/decide", inbox.decide, APPEAL),
    form("/guardian/appeals/{appeal}/pass-on", pass_on, APPEAL),
    web.get("/guardian/time", person_time.people),
    web.get(*TIME),
    form("/guardian/time/{person}/pause", give_time.pause_, TIME),
    web.post("/guardian/time/{person}/unpause", give_time.unpause_),
    form("/guardian/time/{person}/bedtime", give_time.bedtime, TIME),
    web.post("/guardian/pause-everyone", give_time.pause_all_),
    web.post("/guardian/unpause-everyone", give_time.unpause_all_),
    form("/guardian/time/{person}/more", give_time.more, TIME),
    form("/guardian/time/{person}/grants", give_time.grant, TIME),
    web.post("/guardian/time/{person}/grants/{grant}/end", give_time.end_a_grant),
    web.post("/guardian/time/{person}/suggest", schedules.suggest),
    form("/guardian/time/{person}/schedules", schedules.add_a_schedule, TIME),
    form("/guardian/time/{person}/schedules/{schedule}", schedules.change_a_schedule, TIME),
    web.post("/guardian/time/{person}/schedules/{schedule}/remove", schedules.remove_a_schedule),
    form("/guardian/time/{person}/budgets", schedules.add_a_budget, TIME),
    form("/guardian/time/{person}/budgets/{budget}", schedules.change_a_budget, TIME),
    web.post("/guardian/time/{person}/budgets/{budget}/remove", schedules.remove_a_budget),
    form("/guardian/time/{person}/budgets/{budget}/bonus", give_time.bonus, TIME),
    web.get(*CALENDAR),
    form("/guardian/calendar/days", calendar.set_dates, CALENDAR),
    form("/guardian/calendar/weekend", calendar.set_weekend, CALENDAR),
    form("/guardian/calendar/day-start", calendar.set_day_start, CALENDAR),
    form("/guardian/calendar/import", calendar.upload, CALENDAR),
    web.get(*TICKETS),
    form("/guardian/tickets", tickets.make, TICKETS),
    web.post("/guardian/tickets/{ticket}/remove", tickets.remove),
    web.get(*PEOPLE),
    form("/guardian/people", people.add, PEOPLE),
    web.get(*PERSON),
    form("/guardian/people/{person}/answers", people.set_answers, PERSON),
    form("/guardian/people/{person}/remove", people.remove, PERSON),
    web.get(*CLOSED),
    form("/guardian/people/{person}/closed", person_settings.set_closed, CLOSED),
    web.get(*SEARCH),
    form("/guardian/people/{person}/search", person_settings.set_search, SEARCH),
    web.get(*PRESET),
    form("/guardian/people/{person}/preset", person_settings.take_preset, PRESET),
    form("/guardian/people/{person}/propose", person_settings.propose, PRESET),
    web.post("/guardian/people/{person}/propose/drop", person_settings.drop_proposal),
    web.post("/guardian/people/{person}/age/confirm", person_settings.confirm_age),
    web.get(*RULES),
    form("/guardian/people/{person}/rules", person_rules.add, RULES),
    form("/guardian/people/{person}/rules/{rule}/note", person_rules.change_note, RULES),
    web.post("/guardian/people/{person}/rules/{rule}/remove", person_rules.remove),
    web.get(*OPEN),
    form("/guardian/people/{person}/open/{kind}", always_allowed_sites.add, OPEN),
    web.post("/guardian/people/{person}/open/{kind}/remove", always_allowed_sites.remove),
    form("/guardian/people/{person}/tags", groups.tag, PERSON),
    web.get(*KEPT),
    form("/guardian/people/{person}/kept", person_privacy.set_mode, KEPT),
    form("/guardian/people/{person}/full-log", person_privacy.ask_full_log, KEPT),
    web.post("/guardian/people/{person}/full-log/stop", person_privacy.stop_full_log),
    web.post("/guardian/people/{person}/full-log/drop", person_privacy.drop_question),
    web.post("/guardian/people/{person}/export", person_privacy.export),
    form("/guardian/people/{person}/erase", person_privacy.erase, KEPT),
    web.get("/guardian/house", house.house),
    web.get("/guardian/log", log.log),
    web.get("/guardian/log/live", log.live),
    web.get("/guardian/asking", overview.asking),
    web.get("/guardian/asking/{person}", overview.person_asking),
    web.get("/guardian/numbers", statistics.numbers),
    web.get("/guardian/month", report.month),
    web.get("/guardian/changes", changes.changes),
    web.get("/guardian/settings", settings.settings),
    web.get("/guardian/targets", targets.targets),
    web.post("/guardian/targets/{target}/test", targets.test),
    web.get("/guardian/agreement/{profile}", agreement.agreement),
    web.get("/guardian/lists", lists.lists),
    web.post("/guardian/lists/update", lists.update),
    web.post("/guardian/lists/accept", lists.accept),
    web.post("/guardian/lists/refuse", lists.refuse),
    web.post("/guardian/lists/rollback", lists.rollback),
    web.post("/guardian/lists/trial", lists.trial),
    web.get(*NEW_LIST),
    form("/guardian/lists/own", own_lists.add, NEW_LIST),
    web.get(*MOVE_IN),
    form("/guardian/move-in", move_in.send, MOVE_IN),
    web.get(*MOVED),
    form("/guardian/move-in/{code}/ages", move_in.set_ages, MOVED),
    web.post("/guardian/move-in/{code}/store", move_in.store),
    web.post("/guardian/move-in/{code}/drop", move_in.drop),
    web.get(*OWN_LIST),
    form("/guardian/lists/own/{list}", own_lists.change, OWN_LIST),
    web.post("/guardian/lists/own/{list}/remove", own_lists.remove),
    web.get("/guardian/facts", facts.facts),
    web.post("/guardian/facts/update", facts.update),
    web.post("/guardian/facts/accept", facts.accept),
    web.post("/guardian/facts/keep", facts.keep),
    web.post("/guardian/facts/rollback", facts.rollback),
    web.get(*DEVICES),
    form("/guardian/devices", devices.add, DEVICES),
    form("/guardian/devices/{device}/change", devices.change, DEVICES),
    web.post("/guardian/devices/{device}/remove", devices.remove),
    web.post("/guardian/devices/{device}/let-in", devices.let_in),
    web.post("/guardian/devices/{device}/try", cards.begin),
    web.post("/guardian/devices/{device}/try/end", cards.end),
    web.get("/guardian/cards", cards.cards),
    web.get("/guardian/devices/{device}/setup", devices_setup.device),
    web.get("/guardian/devices/{device}/setup/{file}", devices_setup.file),
    web.get(*AWAY_PAGE),
    form("/guardian/devices/{device}/away", away_devices.make, AWAY_PAGE),
    web.get("/guardian/devices/{device}/away/{code}", away_devices.show_made),
    web.get("/guardian/devices/{device}/away/{code}/{file}", away_devices.file),
    web.post("/guardian/devices/{device}/tokens/{token}/revoke", away_devices.revoke),
    web.get("/guardian/encrypted", devices_setup.show),
    web.post("/guardian/pairings/{pairing}/revoke", devices.revoke),
    form("/guardian/unknown/{visitor}/name", devices.name, DEVICES),
    form("/guardian/unknown/{visitor}/guest", devices.guest, DEVICES),
    web.post("/guardian/unknown/{visitor}/ignore", devices.ignore),
    web.post("/guardian/unknown/{visitor}/show", devices.show),
    web.post("/guardian/guests/{guest}/end", devices.end_guest),
    web.get("/guardian/guests", guest_rules.guest_rules),
    form("/guardian/guests", guest_rules.choose, GUESTS),
    web.post("/guardian/guests/filter", guest_rules.switch),
    form("/guardian/pins/{profile}", devices.set_pin, DEVICES),
    web.get(*HOMES),
    form("/guardian/homes", homes.make, HOMES),
    form("/guardian/homes/look", homes.look, HOMES),
    form("/guardian/homes/agree", homes.agree, HOMES),
    form("/guardian/homes/code", homes.take_code, HOMES),
    web.post("/guardian/homes/{person}/end", homes.end),
    web.get(*BOXES),
    form("/guardian/boxes", boxes.pair, BOXES),
    web.post("/guardian/boxes/{box}/end", boxes.end),
    web.get(*NAMES),
    form("/guardian/names/local", names.add_local, NAMES),
    form("/guardian/names/local/{name}", names.change_local, NAMES),
    web.post("/guardian/names/local/{name}/remove", names.drop_local),
    form("/guardian/names/rewrites", names.add_rewrite, NAMES),
    form("/guardian/names/rewrites/{name}", names.change_rewrite, NAMES),
    web.post("/guardian/names/rewrites/{name}/remove", names.drop_rewrite),
    form("/guardian/names/servers", dns_servers.choose, NAMES),
    web.post("/guardian/names/servers/remove", dns_servers.give_back),
    web.post("/guardian/names/servers/try", dns_servers.try_usual),
    web.post("/guardian/names/splits/{name}/try", dns_servers.try_split),
    form("/guardian/names/splits", names.add_split, NAMES),
    form("/guardian/names/splits/{name}", names.change_split, NAMES),
    web.post("/guardian/names/splits/{name}/remove", names.drop_split),
    form("/guardian/names/failures", failures.set_failures, NAMES),
    form("/guardian/names/services", names.add_own_service, NAMES),
    form("/guardian/names/services/{name}", names.change_own_service, NAMES),
    web.post("/guardian/names/services/{name}/remove", names.drop_own_service),
    web.post("/device", start_page.pair),
    web.get("/device/setup", device_setup.setup),
    web.get("/device/setup/{file}", device_setup.file),
    web.get("/device/away/{code}", device_setup.away),
    web.get("/device/away/{code}/{file}", device_setup.away_file),
    web.get("/device/test", device_setup.test),
    web.get("/device/test/{code}", device_setup.test_result),
    web.post("/device/object", claim_answers.object_),
    web.post("/device/move", claim_answers.agree),
    web.get("/me", my_data.me),
    web.get("/me/data.json", my_data.data),
    web.post("/me/erase", my_data.erase),
    web.post("/me/homes/end", my_data.end_other_home),
    web.post("/me/homes/allow", my_data.allow_other_home),
    web.get("/consent", consent.consent),
    web.post("/consent/yes", consent.agree),
    web.post("/consent/no", consent.refuse),
    web.post("/consent/end", consent.take_back),
    web.get("/help", help_pages.help_page),
    web.post("/help/country", help_pages.choose_country),
    web.get("/bad", report_harm.bad),
    web.post("/bad/tell", report_harm.tell),
    web.get("/whose", claim_device.whose),
    web.post("/whose/ask", claim_device.ask),
    web.post("/whose/pin", claim_device.enter_pin),
    web.post("/whose/end", claim_device.end),
    web.get("/ticket", ticket.form),
    web.post("/ticket", ticket.redeem),
    web.get("/timer", timer.form),
    web.post("/timer", timer.start),
    web.post("/timer/end", timer.end),
    *API_ROUTES,
)


def machine_application(context: AppContext) -> web.Application:
    """Return the application of a machine on which no family has pages: what watches it asks."""
    app = web.Application(client_max_size=MAX_BODY)
    app[PARTS] = context
    app.on_response_prepare.append(add_headers)
    app.router.add_routes(MACHINE_ROUTES)
    return app


def application(
    context: AppContext, routes: Iterable[web.AbstractRouteDef] = ROUTES
) -> web.Application:
    """Return the web application.  routes: the same, where they were made before for another."""
    app = web.Application(middlewares=GUARDS, client_max_size=MAX_BODY)
    app[PARTS] = context
    app[SERVES] = lambda transport: bool(context.identify(requestor_at(transport)).household)
    app.on_response_prepare.append(add_headers)
    homes = context.snapshot
    app[HOUSE_LANGUAGE] = lambda: next((e.language for e in homes().households.values()), "")
    app[pages.APP] = offer.app_of
    if context.door is not None:
        app[pages.REACHES] = is_for_families
        app[GUESSES] = SecretGuesses(secrets.token_bytes(16))
        app[pages.DOOR] = childs_page
    app[log.FOLLOWERS] = following = LogFollowers(context.log)
    app.on_shutdown.append(lambda _: following.close())
    app[PACE] = Pace()
    app[RECENT] = RecentActions()
    app[SIGNING] = asyncio.Lock()
    app[LOOKING] = asyncio.Lock()
    app[AWAY] = AwaySetups()
    app[PREVIEWS] = Previews()
    add_feed(app)
    app.router.add_routes(routes)
    return app
