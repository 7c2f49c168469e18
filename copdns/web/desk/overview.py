"""The first page of the dashboard: the people, what waits, and what is wrong."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.account import GuardianNotice, NoticeKind
from copdns.accounts.roles import Permission, may
from copdns.appeals.appeal import AppealState
from copdns.household.ages import AgeConfirmation, asks_guardians
from copdns.model.household import Profile
from copdns.model.sentences import sentence
from copdns.store.household_db.notes import REPAIRED
from copdns.web.desk.change import say_done
from copdns.web.desk.inbox import TO_ANSWER, is_for_others
from copdns.web.desk.time.page import HouseRequest, require_house, template_values
from copdns.web.desk.time.person_time import pause_of
from copdns.web.more_time import more_time, time_mark
from copdns.web.session import may_see_notices
from copdns.web.step_up import require_step_up
from copdns.words.warnings import trouble


async def add_slash(_request: web.Request) -> web.Response:
    """Redirect /guardian to /guardian/."""
    raise web.HTTPPermanentRedirect("/guardian/")


async def overview(request: web.Request) -> web.Response:
    """Show the state of everybody, with buttons for what guardians do most often.

    Each part only as far as the reader may see it: a reviewer reads of requests and of nobody's
    day, an auditor of people and of no request.
    """
    home = await require_house(request, Permission.SEE_STATUS)
    context, household, now = home.context, home.household, home.now
    appeals = (
        await context.appeals.appeals(household.id, states=TO_ANSWER)
        if may(home.actor, Permission.SEE_APPEALS)
        else ()
    )
    waiting = [each for each in appeals if not is_for_others(each, home.actor)]
    to_talk = [each for each in waiting if each.state is AppealState.TALK]
    asking = (
        await context.guests.requests(household.id, now)
        if may(home.actor, Permission.SEE_PROFILES) and may(home.actor, Permission.EDIT_DEVICES)
        else ()
    )
    proposals = (
        await context.proposals.due(household.id, now)
        if may(home.actor, Permission.SEE_PROFILES)
        else ()
    )
    people, view = [], home.time_view()
    for each in household.profiles if may(home.actor, Permission.SEE_PROFILES) else ():
        today = view.today(each)
        more = more_time(household, each, view.policy(each.id), today, now)
        pause = pause_of(household, each.id, now)
        people.append((each, today, more, time_mark(household, each.id), pause))
    return context.pages.render(
        request,
        "desk/overview.html",
        **template_values(home),
        wanting=await _talk_notices(home),
        waiting=len(waiting) - len(to_talk),
        to_talk=len(to_talk),
        asking=asking,
        proposals=proposals,
        ages_due=await _ages_due(home),
        people=people,
        trouble=tuple(map(trouble, (*context.readiness(), *context.warnings()))),
    )


async def _ages_due(home: HouseRequest) -> list[tuple[Profile, AgeConfirmation]]:
    """Return whose age group nobody confirmed for a year, for who may change it."""
    if not may(home.actor, Permission.EDIT_PROFILES):
        return []
    confirmed = await home.context.ages.all(home.household.id)
    return [
        (each, confirmed[each.id])
        for each in home.household.profiles
        if asks_guardians(each, confirmed.get(each.id), home.now)
    ]


async def repair(request: web.Request) -> web.Response:
    """Make the copy the new `household.db`; where nothing is damaged, nothing happens."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    await require_step_up(request, home.actor)
    context, household = home.context, home.household
    if context.damage():
        await context.repair()
        await context.store.note(household.id, home.actor.name, REPAIRED, home.now)
        done = sentence(
            "the household's file was made again from its copy, and is used from now on"
        )
        say_done(request, home.actor, done)
    raise web.HTTPSeeOther("/guardian/")


async def _talk_notices(home: HouseRequest) -> list[GuardianNotice]:
    """Return notices of children who want to talk, which the reader has not seen."""
    if not may_see_notices(home.actor):
        return []
    unseen = await home.context.notices.unseen(home.household.id, home.actor.id)
    return [each for each in unseen if each.kind is NoticeKind.WANTS_TO_TALK]
