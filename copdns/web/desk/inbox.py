"""What children asked for: all that is needed to decide, on one page, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from copdns.accounts.roles import Actor, Permission, may
from copdns.appeals.appeal import (
    REASONS,
    WAITING,
    Appeal,
    AppealState,
    ContestedVerdict,
    Decider,
    contest,
)
from copdns.appeals.lengths import because, lengths, read_length, usual
from copdns.appeals.life import require_answerable
from copdns.appeals.list_report import list_report
from copdns.appeals.opening import CONTENT, TIME, ApprovalTerms, Decision, Opening, opening
from copdns.appeals.rest import closed_after_all, closed_besides
from copdns.appeals.review import TOLD, DecisionReason
from copdns.appeals.source import BlockSource, block_source, rule_behind
from copdns.model.errors import AppealError
from copdns.model.household import Household
from copdns.web.context import context_of
from copdns.web.received import fields_of
from copdns.web.session import require
from copdns.web.wording import desk_saying

ANSWERED = 20  # that are shown below those that wait
# What was to be talked about waits, too, until somebody says what came of it.
TO_ANSWER = WAITING | {AppealState.TALK}


async def inbox(request: web.Request) -> web.Response:
    """What waits for an answer, new questions above those to be talked about, and each the longest
    first; and what was answered lately."""
    actor, parts = await require(request, Permission.SEE_APPEALS), context_of(request)
    waiting = await parts.appeals.appeals(actor.household, states=TO_ANSWER)
    answered = await parts.appeals.appeals(
        actor.household, states=frozenset(AppealState) - TO_ANSWER, limit=ANSWERED
    )
    return parts.pages.render(
        request,
        "desk/inbox.html",
        actor=actor,
        household=_household(request, actor),
        waiting=sorted(waiting, key=lambda each: _place(each, actor)),
        is_others=lambda each: is_others(each, actor),
        answered=answered,
        say=desk_saying(request, _household(request, actor)),
        now=parts.now(),
    )


def is_others(appeal: Appeal, actor: Actor) -> bool:
    """Tell whether somebody else is to answer what waits: a child disagreed with this one."""
    try:
        require_answerable(appeal, _decider(actor))
    except AppealError:
        return appeal.state in TO_ANSWER
    return False


def _place(appeal: Appeal, actor: Actor) -> tuple[bool, bool, int]:
    return is_others(appeal, actor), appeal.state is AppealState.TALK, appeal.since


def _decider(actor: Actor) -> Decider:
    return Decider(actor.role, actor.name, actor.id)


async def look(request: web.Request) -> web.Response:
    """Note that somebody looks at it, which the child sees, and go there."""
    actor, parts = await require(request, Permission.SEE_APPEALS), context_of(request)
    appeal = request.match_info["appeal"]
    await parts.appeals.see(actor.household, appeal, int(parts.now()))
    raise web.HTTPSeeOther(f"/guardian/appeals/{appeal}")


async def appeal(request: web.Request) -> web.Response:
    """One of them, with what a yes would open."""
    actor, parts = await require(request, Permission.SEE_APPEALS), context_of(request)
    found = await parts.appeals.appeal(actor.household, request.match_info["appeal"])
    if found is None:
        raise web.HTTPNotFound
    household = _household(request, actor)
    opens, closed = _opening(request, found, household)
    return parts.pages.render(
        request,
        "desk/appeal.html",
        actor=actor,
        household=household,
        appeal=found,
        profile=household.profile(found.ask.profile),
        opens=opens,
        closed=closed,
        besides=_besides(request, found, household) if opens else None,
        openable=CONTENT | TIME,
        lengths=lengths(found.ask, opens) if opens else (),
        usual=usual(found.ask, opens) if opens else "",
        because=because(found.ask),
        others=await _others(request, found, actor),
        source=_source(request, found),
        rule=rule_behind(found.ask, household),
        say=desk_saying(request, household),
        zone=household.timezone,
        reasons=REASONS,
        told=TOLD,
        now=parts.now(),
    )


async def decide(request: web.Request) -> web.Response:
    """Answer it; what a yes opens is open within a second."""
    actor, parts = await require(request, Permission.DECIDE_APPEALS), context_of(request)
    fields = await fields_of(request)
    await parts.appeals.decide(
        actor.household,
        request.match_info["appeal"],
        _decision(fields),
        _decider(actor),
        parts.known(),
        parts.services(),
        int(parts.now()),
    )
    raise web.HTTPSeeOther("/guardian/inbox")


async def report(request: web.Request) -> web.Response:
    """What to tell the maintainer of the list, as text to be sent by hand; nothing of the child."""
    actor, parts = await require(request, Permission.SEE_APPEALS), context_of(request)
    found = await parts.appeals.appeal(actor.household, request.match_info["appeal"])
    if found is None or not found.ask.to.list or not found.ask.name:
        raise web.HTTPNotFound
    kept = _source(request, found)
    info = kept.info if kept else None
    return web.Response(text=list_report(found.ask.name, found.ask.to, info))


def _decision(fields: Mapping[str, Any]) -> Decision:
    """Return what was decided; raise AppealError for what is no answer."""
    try:
        state = AppealState(str(fields.get("state", "")))
        reason = DecisionReason(str(fields["reason"])) if fields.get("reason") else None
        given = int(str(fields["minutes"])) if fields.get("minutes") else None
    except ValueError:
        raise AppealError("choose one of the answers on the page") from None
    if state not in REASONS:
        raise AppealError("choose one of the answers on the page", name="state")
    if reason not in REASONS[state]:
        raise AppealError("choose one of the reasons for this answer", name="reason")
    lasts, everyone = read_length(str(fields.get("lasts", "")))
    yes = ApprovalTerms(
        lasts, everyone or "everyone" in fields, "narrow" in fields, given, "besides" in fields
    )
    return Decision(state, reason, str(fields.get("text", "")), yes)


def _opening(
    request: web.Request, found: Appeal, household: Household
) -> tuple[Opening | None, AppealError | None]:
    """Return what a yes opens, or why nothing can."""
    try:
        return opening(found.ask, household, context_of(request).services()), None
    except AppealError as error:
        return None, error


def _besides(request: web.Request, found: Appeal, household: Household) -> ContestedVerdict | None:
    """Return what a yes does not open, or did not; None for nothing."""
    parts, profile = context_of(request), found.ask.profile
    if household.profile(profile) is None:
        return None
    policy, now = parts.live().policy(household.id, profile), parts.now()
    if found.state in TO_ANSWER:
        rest = closed_besides(policy, found.ask, now, now)
    else:
        rest = closed_after_all(policy, found, now)
    return None if rest is None else contest(rest, household.revision)


async def _others(request: web.Request, found: Appeal, actor: Actor) -> tuple[str, ...] | None:
    """Return the names of those who are to answer this time; None where the reader may."""
    if not is_others(found, actor):
        return None
    there = await context_of(request).accounts.all(actor.household)
    return tuple(
        each.name for each in there if may(each, Permission.DECIDE_APPEALS) and each.id != actor.id
    )


def _source(request: web.Request, found: Appeal) -> BlockSource | None:
    """Return the list that closed it, as it stands; None where no list did."""
    parts, slug = context_of(request), found.ask.to.list
    index = parts.live().library.index
    info = next((each for each in index.infos if each.slug == slug), None)
    if info is None:
        return None
    return block_source(
        found, info, parts.updates.state(slug), index.find(found.ask.to.via or found.ask.name)
    )


def _household(request: web.Request, actor: Actor) -> Household:
    return context_of(request).live().households[actor.household]
