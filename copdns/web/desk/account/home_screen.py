"""The guardians' app: the page about it, notices in each browser, and what holds without a
connection."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.events.push_result import PushOutcome, PushResult
from copdns.model.push import GUARDIANS_KINDS, GUARDIANS_USUAL
from copdns.model.sentences import Sentence, sentence
from copdns.store.household_db.push import PushStore
from copdns.web.browser_input import fields_of, label_of
from copdns.web.context import context_of
from copdns.web.desk.change import say_done
from copdns.web.desk.house_request import require_house
from copdns.web.desk.page import household_in_force
from copdns.web.desk.person_cards import next_edge
from copdns.web.home_screen.notices import (
    kinds_here,
    no_browser,
    parse_browser,
    parse_kinds,
    push_key,
    require_offered,
)
from copdns.web.home_screen.offer import is_offered, with_times
from copdns.web.own_account import OwnAccount, own_account_of
from copdns.web.pages import language_of
from copdns.web.session import require
from copdns.web.wording import desk_wording

HERE = "/guardian/app"


async def app(request: web.Request) -> web.Response:
    """Show how to put the pages on the home screen, and which browsers get notices."""
    own, context = await _require_own(request), context_of(request)
    push = PushStore(context.thread)
    mine = await push.of_session(own.session.digest)
    return context.pages.render(
        request,
        "desk/app.html",
        actor=own.actor,
        offered=is_offered(request),
        enabled=context.settings().push.enabled,
        key=await push_key(request),
        mine=mine,
        kinds=kinds_here(request, GUARDIANS_KINDS),
        chosen=mine.kinds if mine is not None else GUARDIANS_USUAL,
        browsers=await push.of_account(own.account),
        zone=household_in_force(request, own.actor).timezone,
    )


async def turn_on(request: web.Request) -> web.Response:
    """Turn notices on in this browser, or choose others."""
    own, fields = await _require_own(request), await fields_of(request)
    require_offered(request)
    context = context_of(request)
    push = PushStore(context.thread)
    mine = await push.of_session(own.session.digest)
    kinds = parse_kinds(fields, kinds_here(request, GUARDIANS_KINDS), mine)
    browser = parse_browser(request, fields)
    if browser is not None:
        language, label, now = language_of(request), label_of(request), int(context.now())
        await push.add_guardians(
            own.account, own.session.digest, browser, kinds, language, label, now
        )
    elif mine is not None:
        await push.choose(mine, kinds)
    else:
        raise no_browser()
    say_done(request, own.actor, sentence("this browser gets the notifications that you chose"))
    raise web.HTTPSeeOther(HERE)


async def turn_off(request: web.Request) -> web.Response:
    """Turn notices off in one of one's own browsers; a second time is harmless."""
    own, context = await _require_own(request), context_of(request)
    push, wanted = PushStore(context.thread), str((await fields_of(request)).get("browser", ""))
    for each in await push.of_account(own.account):
        if each.id == wanted:
            await push.forget(each)
            say_done(request, own.actor, sentence("that browser gets no more notifications"))
    raise web.HTTPSeeOther(HERE)


async def test(request: web.Request) -> web.Response:
    """Send a test to one of one's own browsers, and say what went wrong."""
    own, context = await _require_own(request), context_of(request)
    push, wanted = PushStore(context.thread), str((await fields_of(request)).get("browser", ""))
    for each in await push.of_account(own.account):
        if each.id == wanted and context.try_push is not None:
            say_done(request, own.actor, _test_result(await context.try_push(each)))
    raise web.HTTPSeeOther(HERE)


def _test_result(result: PushResult) -> Sentence:
    if result.outcome is PushOutcome.SENT:
        return sentence("the push service took the test; it should be on that screen in a moment")
    if result.outcome is PushOutcome.GONE:
        return sentence(
            "the test did not arrive: that browser wants no more notifications, so it was removed "
            "here"
        )
    return sentence("the test did not arrive: %(why)s", why=result.why)


async def state(request: web.Request) -> web.Response:
    """Give the worker the page that it shows without a connection: how it stands for each person.

    Whoever is logged out gets an error, and the worker forgets what it had.
    """
    home = await require_house(request, Permission.SEE_PROFILES)
    view, now = home.time_view(), home.context.now()
    people = [(each, view.today(each).closed) for each in home.household.profiles]
    found = (next_edge(view.policy(each.id), now) for each in home.household.profiles)
    page = home.context.pages.render(
        request,
        "offline.html",
        home="/guardian/",
        state="guardian",
        people=people,
        say=desk_wording(request, home.household),
        now=now,
    )
    return with_times(page, now, [each.at for each in found if each is not None])


async def _require_own(request: web.Request) -> OwnAccount:
    """Return the guardian who asks: notices are for guardians."""
    return await own_account_of(request, await require(request, Permission.MANAGE_ACCOUNTS))
