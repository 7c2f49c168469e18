"""Appeals of children: all that is needed to decide on one page, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aiohttp import web

from copdns.accounts.roles import Actor, Permission, may
from copdns.appeals.age import changes_with
from copdns.appeals.appeal import (
    REASONS,
    TIME_RULES,
    Appeal,
    AppealKind,
    AppealRequest,
    AppealState,
    ContestedVerdict,
    contest,
    reasons_for,
)
from copdns.appeals.lengths import because, lengths, read_length, usual
from copdns.appeals.life import does_little_harm
from copdns.appeals.opening import CONTENT, ApprovalTerms, Decision, Opening, opening
from copdns.appeals.other_closures import find_later_closure, find_other_closure, is_taken_back
from copdns.appeals.review import TOLD, DecisionReason
from copdns.appeals.source import BlockSource, block_source, list_report, rule_behind
from copdns.household.changed_parts import changed_parts
from copdns.household.differences import Difference
from copdns.household.presets import Preset
from copdns.household.safeguards import is_announced
from copdns.list_files.load import bundled_presets
from copdns.model.errors import AppealError
from copdns.model.household import Band, Household
from copdns.model.sentences import sentence
from copdns.web.answers import (
    answer_appeal,
    decider_of,
    find_first_end,
    gives_age,
    permission_to_grant,
)
from copdns.web.browser_input import fields_of
from copdns.web.context import context_of
from copdns.web.desk.app_rules import describe_app_rules
from copdns.web.desk.change import say_done, say_granted
from copdns.web.desk.form_mark import SEEN, mark_of, require_same_lines
from copdns.web.desk.late_answers import (
    YES,
    LateAnswer,
    find_change_of_mind,
    find_late_answer,
    is_too_late,
    was_given_before,
)
from copdns.web.desk.page import household_in_force, meanwhile_rule, stored_household
from copdns.web.desk.pass_on import is_set_at_home, list_line
from copdns.web.desk.person.people import parse_band
from copdns.web.desk.person.settings import changes_by_reason
from copdns.web.desk.waiting_requests import TO_ANSWER, is_for_others
from copdns.web.many_households.review_desk import PassedOn
from copdns.web.person import LINE
from copdns.web.session import require
from copdns.web.time_view import time_view
from copdns.web.wording import desk_wording

ANSWERED_SHOWN = 20  # below those that wait


class AgeChoice(NamedTuple):
    """What a yes to an appeal against an age group brings.

    band: the one that is shown, of all.  changed: settings by the reason that the child reads.
    is_announced: it is told a day before, and its settings are only proposed.  seen: a mark of
    these lines, which the form sends back.
    """

    band: Band
    preset: Preset
    changed: Mapping[str, list[Difference]]
    is_announced: bool
    seen: str


async def inbox(request: web.Request) -> web.Response:
    """Show what waits for an answer, the oldest first and what is to be talked about below, and
    what was answered lately."""
    actor, context = await require(request, Permission.SEE_APPEALS), context_of(request)
    waiting = await context.appeals.appeals(actor.household, states=TO_ANSWER)
    answered = await context.appeals.appeals(
        actor.household, states=frozenset(AppealState) - TO_ANSWER, limit=ANSWERED_SHOWN
    )
    household, now = household_in_force(request, actor), context.now()
    return context.pages.render(
        request,
        "desk/inbox.html",
        actor=actor,
        household=household,
        waiting=sorted(waiting, key=lambda each: _sort_key(each, actor)),
        is_others=lambda each: is_for_others(each, actor),
        answered=answered,
        passed_on=await _review_answers(request, actor),
        meanwhile=meanwhile_rule(context),
        is_taken_back=lambda each: is_taken_back(each, household, now),
        say=desk_wording(request, household),
        now=now,
    )


def _sort_key(appeal: Appeal, actor: Actor) -> tuple[bool, bool, int]:
    return is_for_others(appeal, actor), appeal.state is AppealState.TALK, appeal.since


async def look(request: web.Request) -> web.Response:
    """Note that somebody looks at an appeal, which the child sees, and go there."""
    actor, context = await require(request, Permission.SEE_APPEALS), context_of(request)
    appeal = request.match_info["appeal"]
    await context.appeals.mark_seen(actor.household, appeal, int(context.now()))
    say_done(request, actor, sentence("the child can see that someone is looking at this request"))
    raise web.HTTPSeeOther(f"/guardian/appeals/{appeal}")


async def appeal(request: web.Request) -> web.Response:
    """Show an appeal, with what granting it would allow."""
    actor, context = await require(request, Permission.SEE_APPEALS), context_of(request)
    found = await context.appeals.appeal(actor.household, request.match_info["appeal"])
    if found is None:
        raise web.HTTPNotFound
    return await _show(request, actor, found)


async def _show(
    request: web.Request, actor: Actor, found: Appeal, late: LateAnswer | None = None
) -> web.Response:
    """Return the page of an appeal.  late: an answer that was sent after another one counted."""
    context, household = context_of(request), household_in_force(request, actor)
    opens, closed = _opening(request, found, household)
    return context.pages.render(
        request,
        "desk/appeal.html",
        status=200 if late is None else web.HTTPConflict.status_code,
        path=f"/guardian/appeals/{found.id}",  # that of a form shows no page
        late=late,
        mind=find_change_of_mind(found, household, actor, context.now(), opens),
        mark_of=mark_of,
        actor=actor,
        household=household,
        appeal=found,
        profile=household.profile(found.ask.profile),
        opens=opens,
        closed=closed,
        taken_back=is_taken_back(found, household, context.now()),
        age=_age_choice(request, found, household, actor),
        bands=tuple(Band),
        besides=_besides(request, actor, found, household) if opens else None,
        ends=find_first_end(context, household, actor, found) if opens else None,
        openable=CONTENT | TIME_RULES,
        lengths=lengths(found.ask, opens, decider_of(actor)) if opens else (),
        usual=usual(found.ask, opens) if opens else "",
        because=because(found.ask),
        allowed_from=_allowed_from(request, found),
        others=await _names_of_others(request, found, actor),
        source=_source(request, found),
        line=list_line(request, actor, found),
        set_at_home=is_set_at_home(request, found),
        of_line=found.ask.device == LINE,
        passed=(await _review_answers(request, actor)).get(found.id),
        rule=rule_behind(found.ask, household),
        say=desk_wording(request, household),
        zone=household.timezone,
        reasons={each: reasons_for(found.ask, each) for each in REASONS},
        told=TOLD,
        now=context.now(),
    )


def _allowed_from(request: web.Request, appeal: Appeal) -> int | None:
    """Return when the site of a request is allowed because nobody answered, in seconds since the
    epoch; None where it never is."""
    rule = meanwhile_rule(context_of(request))
    waits = appeal.waits and not appeal.answers and appeal.overdue is None
    harmless = waits and does_little_harm(appeal.ask, rule.categories)
    return appeal.since + rule.seconds if harmless else None


async def decide(request: web.Request) -> web.Response:
    """Answer an appeal; what is granted is in force within a second."""
    actor, context = await require(request, Permission.DECIDE_APPEALS), context_of(request)
    fields = await fields_of(request)
    found = await context.appeals.appeal(actor.household, request.match_info["appeal"])
    if found is None:
        raise AppealError("there is no request '%(appeal)s'", appeal=request.match_info["appeal"])
    if is_too_late(found, actor) or await _is_second_tap(request, actor, found):
        return await _tell_late(request, actor, found)
    decision = _read_decision(fields, found.ask)
    if gives_age(found.ask, decision):
        await require(request, Permission.EDIT_PROFILES)
    household = household_in_force(request, actor)
    _require_shown_lines(found.ask, decision, household, str(fields.get(SEEN, "")))
    rest = None if decision.yes.besides else _besides(request, actor, found, household)
    before = await stored_household(request, actor)
    try:
        answered = await answer_appeal(context, actor, household, found, decision)
    except AppealError:
        # Somebody else may have answered since it was read.
        other = await context.appeals.appeal(actor.household, found.id)
        if other is None or not is_too_late(other, actor):
            raise
        return await _tell_late(request, actor, other)
    after = await stored_household(request, actor)
    _say_answered(request, actor, (before, after), answered)
    asker = household.profile(found.ask.profile)
    if rest is not None and answered.state in YES and asker is not None:
        # Whoever says yes in passing would take it for done, and the child read otherwise.
        still = sentence(
            "something else still blocks it for %(name)s: open the request to see what",
            name=asker.name,
        )
        say_done(request, actor, still)
    raise web.HTTPSeeOther("/guardian/inbox")


async def _tell_late(request: web.Request, actor: Actor, found: Appeal) -> web.Response:
    """Show a request that needs no answer any more, with what came of it; whoever only tapped
    twice goes on as after the first tap."""
    if await _is_second_tap(request, actor, found):
        raise web.HTTPSeeOther("/guardian/inbox")
    late = find_late_answer(found, actor, await fields_of(request))
    return await _show(request, actor, found, late)


async def _is_second_tap(request: web.Request, actor: Actor, found: Appeal) -> bool:
    fields, household = await fields_of(request), await stored_household(request, actor)
    try:
        decision = _read_decision(fields, found.ask)
        return was_given_before(found, actor, household, decision, context_of(request).now())
    except AppealError:  # it is no answer at all
        return False


def _say_answered(
    request: web.Request, actor: Actor, households: tuple[Household, Household], answered: Appeal
) -> None:
    """Tell what a yes allows now; of any other answer, that the child can read it."""
    before, after = households
    ask, own = answered.ask, answered.answers[-1]
    # What it made is one revision, so that between them nobody changed something besides.
    opened = own.state in YES and own.made and after.revision == before.revision + 1
    if not opened or not changed_parts(before, after) or ask.kind is AppealKind.AGE:
        done = sentence("your answer is saved, and the child can read it now")
        if ask.device == LINE:
            done = sentence(
                "your answer is saved; tell the child, because the browser that asked cannot "
                "show it"
            )
        say_done(request, actor, done)
        return
    what = f"request {answered.id} from {ask.profile}: {answered.state}"
    say_granted(
        request, actor, households, what, ask.profile, describe_app_rules(request, before, after)
    )


def _require_shown_lines(
    ask: AppealRequest, decision: Decision, household: Household, seen: str
) -> None:
    """Raise HouseholdError where a yes to another age group would change other settings than the
    page listed.  seen: the mark of that list."""
    profile, band = household.profile(ask.profile), decision.yes.band or ask.wanted_band
    if not gives_age(ask, decision) or decision.yes.only_age or profile is None or band is None:
        return
    require_same_lines(seen, changes_with(profile, band, bundled_presets()))


def _age_choice(
    request: web.Request, found: Appeal, household: Household, actor: Actor
) -> AgeChoice | None:
    """Return what a yes brings to a request about the age group, to who may give it."""
    profile = household.profile(found.ask.profile)
    wanted = found.ask.wanted_band
    if profile is None or wanted is None or not may(actor, Permission.EDIT_PROFILES, profile):
        return None
    band, now = parse_band(request.query.get("band", wanted)), int(context_of(request).now())
    preset, lines = bundled_presets()[band], changes_with(profile, band, bundled_presets())
    changed = changes_by_reason(preset, lines)
    return AgeChoice(band, preset, changed, is_announced(profile, band, now), mark_of(lines))


async def report(request: web.Request) -> web.Response:
    """Return a report for the list's maintainer, as text to send by hand.  It has nothing about the
    child."""
    actor, context = await require(request, Permission.SEE_APPEALS), context_of(request)
    found = await context.appeals.appeal(actor.household, request.match_info["appeal"])
    if found is None or not found.ask.to.list or not found.ask.name:
        raise web.HTTPNotFound
    source = _source(request, found)
    info = source.info if source else None
    return web.Response(text=list_report(found.ask.name, found.ask.to, info))


def _read_decision(fields: Mapping[str, Any], ask: AppealRequest) -> Decision:
    """Return the decision that was sent; raise AppealError."""
    try:
        state = AppealState(str(fields.get("state", "")))
        reason = DecisionReason(str(fields["reason"])) if fields.get("reason") else None
        minutes = int(str(fields["minutes"])) if fields.get("minutes") else None
    except ValueError:
        raise AppealError("choose one of the answers on the page") from None
    if state not in REASONS:
        raise AppealError("choose one of the answers on the page", name="state")
    if reason not in reasons_for(ask, state):
        raise AppealError("choose one of the reasons for this answer", name="reason")
    lasts, everyone = read_length(str(fields.get("lasts", "")))
    terms = ApprovalTerms(
        lasts,
        everyone or "everyone" in fields,
        "narrow" in fields,
        minutes,
        "besides" in fields,
        parse_band(str(fields["band"])) if fields.get("band") else None,
        "only_age" in fields,
    )
    return Decision(state, reason, str(fields.get("text", "")), terms)


def _opening(
    request: web.Request, found: Appeal, household: Household
) -> tuple[Opening | None, AppealError | None]:
    """Return what granting would allow, or the error that says why nothing can be."""
    try:
        return opening(found.ask, household, context_of(request).services()), None
    except AppealError as error:
        return None, error


def _besides(
    request: web.Request, actor: Actor, found: Appeal, household: Household
) -> ContestedVerdict | None:
    """Return what would still block after granting, or does after it was granted; None for
    nothing."""
    context, profile = context_of(request), found.ask.profile
    if household.profile(profile) is None:
        return None
    view = time_view(context, household, actor)
    policy, now = view.policy(profile), view.now
    if found.state in TO_ANSWER:
        rest = find_other_closure(policy, found.ask, now, now)
    else:
        rest = find_later_closure(policy, found, now)
    return None if rest is None else contest(rest, household.revision)


async def _names_of_others(
    request: web.Request, found: Appeal, actor: Actor
) -> tuple[str, ...] | None:
    """Return the names of those who must answer; None where the reader may."""
    if not is_for_others(found, actor):
        return None
    there = await context_of(request).accounts.all(actor.household)
    needed = permission_to_grant(found.ask)
    able = (each for each in there if each.has_password and may(each, needed))
    return tuple(each.name for each in able if each.id != actor.id)


async def _review_answers(request: web.Request, actor: Actor) -> Mapping[str, PassedOn]:
    """Return what was passed on to a provider's reviewers, by the ids of requests; at home {}."""
    context = context_of(request)
    if context.review_desk is None:
        return {}
    return await context.review_desk.answers(actor.household, int(context.now()))


def _source(request: web.Request, found: Appeal) -> BlockSource | None:
    """Return the list that blocked the name, as it is now; None where no list did."""
    context, slug = context_of(request), found.ask.to.list
    index = context.snapshot().library.index
    info = next((each for each in index.infos if each.slug == slug), None)
    if info is None:
        return None
    return block_source(
        found,
        info,
        context.updates.copy_state(slug),
        index.find(found.ask.to.via or found.ask.name),
    )
