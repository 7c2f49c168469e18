"""Appeals of children, and their answers, each with its reason."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from copdns.accounts.roles import Permission, may
from copdns.appeals.age import changes_with
from copdns.appeals.appeal import (
    WAITING,
    Appeal,
    AppealKind,
    AppealMotive,
    AppealRequest,
    AppealState,
    WantedLength,
    reasons_for,
)
from copdns.appeals.opening import ApprovalTerms, Decision, opening
from copdns.appeals.other_closures import is_taken_back
from copdns.appeals.review import DecisionReason
from copdns.appeals.source import list_report
from copdns.as_json.appeals import appeal_json, first_end_json, opening_json
from copdns.household.differences import Difference
from copdns.model.errors import AppealError
from copdns.model.household import Band
from copdns.model.verdict import Action, Reason
from copdns.web.answers import answer_appeal, find_first_end, gives_age
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import Id, Limit, Long, Minutes, Moment, Text
from copdns.web.problem import Refused

_UNANSWERED = WAITING | {AppealState.TALK}


class AnswerShown(Given):
    """made: such as "grant g3".  until: when what it opened closes again.  policy: the version of
    the review policy that it was made by; "" of an older answer."""

    at: Moment
    state: AppealState
    reason: str
    text: str
    role: str
    by: str
    made: list[str]
    until: Moment | None
    policy: str


class AppealShown(Given):
    """paired: false where the browser is not linked to this person, so that someone else may have
    written the words.  action to revision: the verdict that is objected to.  band, wanted_band: of
    kind `age`, the age group and the one asked for.  answers: one, or two after the child
    disagreed.
    docs/appeals.md explains the words."""

    id: str
    profile: str
    device: str
    paired: bool
    kind: AppealKind
    name: str
    why: AppealMotive
    words: str
    more_words: str
    wanted: WantedLength
    minutes: int
    day: str | None
    band: Band | None
    wanted_band: Band | None
    action: Action
    reason: Reason
    list: str
    list_version: str
    category: str
    service: str
    rule: str
    via: str
    period: str
    revision: int
    state: AppealState
    asked: Moment
    since: Moment
    seen: Moment | None
    reminded: Moment | None
    overdue: Moment | None
    closed: Moment | None
    disagreed: bool
    provisional: str
    answers: tuple[AnswerShown, ...]


class OpeningShown(Given):
    """about: null is every name.  names: all that is meant by name.  band: the age group that it
    brings; settings: what else that changes, such as "categories -games"; empty for who may not
    see it."""

    about: list[str | None]
    names: list[str]
    service: str
    content: bool
    time: bool
    minutes: int
    band: Band | None
    settings: list[str]


class FirstEndShown(Given):
    """reason: `schedule`, `budget` or `paused`, or `granted` for the end of the yes itself.  id: of
    the schedule or budget.  at: null for a budget; minutes: what is left of it."""

    reason: Reason
    id: str
    at: Moment | None
    minutes: int


class AppealWhole(AppealShown):
    """opens: what a yes would open; why_not: why nothing can be opened.  ends_first: what ends the
    yes first, or would end one for the time asked for; null where nothing does, or the yes was
    taken back.  taken_back: nothing is left of what the yes opened, before its time was over."""

    opens: OpeningShown | None
    ends_first: FirstEndShown | None
    why_not: str
    taken_back: bool


class ErrorReportShown(Given):
    """report: where the list's maintainer takes it.  Nothing about the child is in it."""

    list: str
    report: str
    text: str


class AppealsAsked(Sent):
    """profile: only those of one person.  all: also those that were answered."""

    profile: Id | None = None
    all: bool = False
    limit: Limit = 500


class Answering(StrEnum):
    """What somebody answers."""

    GRANTED = "granted"
    REFUSED = "refused"
    TALK = "talk"


class Lasts(StrEnum):
    """For how long a yes holds."""

    TODAY = "today"
    ALWAYS = "always"


_REASON_WORDS = sorted(map(str, DecisionReason))


class DecisionSent(Sent):
    """Every answer has a reason that fits it (docs/review-policy.md).

    text: the child reads it.  Of a yes only: for how long, by lasts or for_minutes, as was asked
    for where neither is said; everyone: for the whole household, with always; narrow: the name
    alone, without what its service needs; besides: what else closes it is opened as well, for as
    long; minutes: how many are given back; band: another age group than was asked for; only_age:
    without its settings.
    """

    state: Answering
    reason: Annotated[str, Field(pattern=f"^({'|'.join(_REASON_WORDS)})$")]
    text: Text = ""
    lasts: Lasts | None = None
    for_minutes: Long | None = None
    everyone: bool = False
    narrow: bool = False
    besides: bool = False
    minutes: Minutes | None = None
    band: Band | None = None
    only_age: bool = False


async def appeals(call: Call) -> object:
    """Return the newest appeals, as many as `limit`; without `all` those that are not settled.

    Raises HouseholdError for a profile that there is none of.
    """
    query: AppealsAsked = call.query
    if query.profile is not None:
        call.profile_of(query.profile)
    found = await call.context.appeals.appeals(
        call.household.id,
        profile=query.profile or "",
        states=() if query.all else _UNANSWERED,
        limit=query.limit,
    )
    return [appeal_json(each) for each in found]


async def appeal(call: Call) -> object:
    """Return an appeal with what a yes would open, or why it can open nothing; Refused (404)."""
    found = await call.context.appeals.appeal(call.household.id, call.part("appeal"))
    if found is None:
        raise Refused(404, "There is no such appeal")
    try:
        opens, why_not = opening(found.ask, call.household, call.context.services()), ""
    except AppealError as error:
        opens, why_not = None, str(error)
    taken_back = is_taken_back(found, call.household, call.now)
    ends = (
        None
        if opens is None or taken_back
        else find_first_end(call.context, call.household, call.actor, found)
    )
    return {
        **appeal_json(found),
        "opens": opening_json(opens, _settings(call, found)),
        "ends_first": first_end_json(ends),
        "why_not": why_not,
        "taken_back": taken_back,
    }


def _settings(call: Call, found: Appeal) -> tuple[Difference, ...]:
    """Return what another age group changes, for who may see a person's settings."""
    profile, band = call.household.profile(found.ask.profile), found.ask.wanted_band
    if profile is None or band is None or not may(call.actor, Permission.SEE_PROFILES, profile):
        return ()
    return changes_with(profile, band, call.context.known_ids().presets)


async def see(call: Call) -> object:
    """Note that somebody looks, which the child sees."""
    await appeal(call)
    found = await call.context.appeals.mark_seen(call.household.id, call.part("appeal"), call.now)
    return appeal_json(found)


async def decide(call: Call) -> object:
    """Answer an appeal; what is granted is in force within a second.

    Only who may edit profiles can say yes to another age group; Refused (403).
    """
    asked = await call.context.appeals.appeal(call.household.id, call.part("appeal"))
    if asked is None:
        raise Refused(404, "There is no such appeal")
    decision = _read_decision(call.body, asked.ask)
    if gives_age(asked.ask, decision) and not may(call.actor, Permission.EDIT_PROFILES):
        raise Refused(403, "Only a guardian can change an age group")
    found = await answer_appeal(call.context, call.actor, call.household, asked, decision)
    return appeal_json(found)


def _read_decision(body: DecisionSent, ask: AppealRequest) -> Decision:
    state = AppealState(body.state)
    reason = next((each for each in reasons_for(ask, state) if each == body.reason), None)
    lasts: int | WantedLength | None = None if body.lasts is None else WantedLength(body.lasts)
    if body.for_minutes is not None:
        if lasts is not None:
            raise AppealError("lasts and for_minutes exclude each other; give one")
        lasts = body.for_minutes * 60
    terms = ApprovalTerms(
        lasts, body.everyone, body.narrow, body.minutes, body.besides, body.band, body.only_age
    )
    if state is not AppealState.GRANTED and terms != ApprovalTerms():
        raise AppealError(
            "lasts, for_minutes, everyone, narrow, besides, minutes, band and only_age go with "
            "granted"
        )
    return Decision(state, reason, body.text, terms)


async def report(call: Call) -> object:
    """Return a report for the list's maintainer; it is sent nowhere."""
    found = await call.context.appeals.appeal(call.household.id, call.part("appeal"))
    if found is None:
        raise Refused(404, "There is no such appeal")
    ask = found.ask
    if not (ask.name and ask.to.list):
        raise Refused(404, "No list closed this, so there is nobody to tell")
    infos = call.context.snapshot().library.index.infos
    info = next((each for each in infos if each.slug == ask.to.list), None)
    address = info.report if info is not None else ""
    return {"list": ask.to.list, "report": address, "text": list_report(ask.name, ask.to, info)}


_SEE = Permission.SEE_APPEALS
OPERATIONS = (
    Operation(
        "GET",
        "/appeals",
        _SEE,
        "Appeals that wait, the newest first",
        appeals,
        list[AppealShown],
        query=AppealsAsked,
    ),
    Operation("GET", "/appeals/{appeal}", _SEE, "One, with what a yes opens", appeal, AppealWhole),
    Operation("POST", "/appeals/{appeal}/see", _SEE, "Note that somebody looks", see, AppealShown),
    Operation(
        "POST",
        "/appeals/{appeal}/decide",
        Permission.DECIDE_APPEALS,
        "Answer one, with a reason",
        decide,
        AppealShown,
        body=DecisionSent,
    ),
    Operation(
        "GET",
        "/appeals/{appeal}/report",
        _SEE,
        "What to tell the maintainer of a list that is wrong",
        report,
        ErrorReportShown,
    ),
)
