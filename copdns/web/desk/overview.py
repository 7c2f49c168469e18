"""The first page of the desk: who there is, what waits, and what is not as it should be."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.account import GuardianNotice, NoticeKind
from copdns.accounts.roles import Permission, may
from copdns.appeals.appeal import AppealState
from copdns.web.desk.inbox import TO_ANSWER, is_others
from copdns.web.desk.time.page import House, house, shown, stands
from copdns.web.desk.time.person_time import pause_of
from copdns.web.more_time import mark, more_time
from copdns.web.session import may_see
from copdns.words.warnings import trouble


async def without_stroke(_request: web.Request) -> web.Response:
    """Lead whoever types the address as people do to the desk."""
    raise web.HTTPPermanentRedirect("/guardian/")


async def overview(request: web.Request) -> web.Response:
    """How things stand for everybody, with what is done most often one tap away."""
    home = await house(request, Permission.SEE_STATUS)
    parts, household, now = home.parts, home.household, home.now
    asked = await parts.appeals.appeals(household.id, states=TO_ANSWER)
    waiting = [each for each in asked if not is_others(each, home.actor)]
    to_talk = [each for each in waiting if each.state is AppealState.TALK]
    asking = (
        await parts.guests.asking(household.id, now)
        if may(home.actor, Permission.SEE_PROFILES) and may(home.actor, Permission.EDIT_DEVICES)
        else ()
    )
    proposals = (
        await parts.proposals.due(household.id, now)
        if may(home.actor, Permission.SEE_PROFILES)
        else ()
    )
    people, live = [], home.live()
    for each in household.profiles:
        policy, seen = stands(home, live, each)
        more = more_time(household, each, policy, seen, now)
        pause = pause_of(household, each.id, now)
        people.append((each, seen, more, mark(household, each.id), pause))
    return parts.pages.render(
        request,
        "desk/overview.html",
        **shown(home),
        wanting=await _wanting(home),
        waiting=len(waiting) - len(to_talk),
        to_talk=len(to_talk),
        asking=asking,
        proposals=proposals,
        people=people,
        trouble=tuple(map(trouble, (*parts.readiness(), *parts.warnings()))),
    )


async def _wanting(home: House) -> list[GuardianNotice]:
    """Return the notices of children who want to talk that the reader has not seen yet."""
    if not may_see(home.actor):
        return []
    unseen = await home.parts.notices.unseen(home.household.id, home.actor.id)
    return [each for each in unseen if each.kind is NoticeKind.WANTS_TO_TALK]
