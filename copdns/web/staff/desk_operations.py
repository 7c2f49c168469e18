"""What reviewers do over HTTP: their queue, decisions, and the text for a list's maintainer."""

from __future__ import annotations

from typing import Final, TypeVar

from copdns.appeals.review import DecisionReason
from copdns.model.errors import NameTextError, RegisterError
from copdns.model.names import normalize
from copdns.provider.law.statement import utc_text
from copdns.provider.staff.desk import (
    CaseOrigin,
    CaseReason,
    DeskCase,
    ask_again,
    decide_case,
    maintainer_text,
    no_case,
    open_case,
    replace_gone,
    require_no_recent_no,
)
from copdns.provider.staff.duties import Duty, has_duty
from copdns.web.staff.lots import draw, draw_missing
from copdns.web.staff.operations import StaffCall, StaffOperation

ReasonT = TypeVar("ReasonT", CaseReason, DecisionReason)


def case_json(case: DeskCase, now: int) -> dict[str, object]:
    """Return a case as JSON has it."""
    return {
        "number": case.number,
        "origin": str(case.origin),
        "name": case.name,
        "list": case.list,
        "entry": case.entry,
        "reason": str(case.reason),
        "state": str(case.state(now)),
        "asked": utc_text(case.asked),
        "hours": max(0, now - case.asked) // 3600,
        "due": utc_text(case.due),
        "overdue": case.is_overdue(now),
        "reviewers": list(case.drawn),
        "asked_again": case.asked_again,
        "decisions": [
            {
                "by": each.by,
                "at": utc_text(each.at),
                "reason": str(each.reason),
                "policy": each.policy,
            }
            for each in case.decisions
        ],
    }


def _find(call: StaffCall, duty: Duty) -> DeskCase:
    """Return the case of the path, if it is about the tenant of who asks."""
    draw_missing(call.desk, call.register.staff.values())
    case = call.desk.find(call.number)
    if not has_duty(call.who, duty, case.tenant):
        raise no_case(call.number)
    return case


def _cases(call: StaffCall) -> object:
    """The queue: what waits first, and of that what waits longest."""
    draw_missing(call.desk, call.register.staff.values())
    cases = [each for each in call.desk.load() if has_duty(call.who, Duty.SEE_DESK, each.tenant)]
    cases.sort(key=lambda each: (each.decided_at is not None, each.asked))
    return [case_json(each, call.now) for each in cases]


def _case(call: StaffCall) -> object:
    return case_json(_find(call, Duty.SEE_DESK), call.now)


def _text(call: StaffCall) -> object:
    return {"text": maintainer_text(_find(call, Duty.SEE_DESK))}


def _add(call: StaffCall) -> object:
    slug, entry = call.word("list"), call.word("entry")
    try:
        name = normalize(call.word("name"))
    except NameTextError as error:
        raise RegisterError(*error.sentences) from None
    # A line that is there, so that a case has no words of whoever asks.
    if (slug, entry) not in {(each.info.slug, each.text) for each in call.find(name)}:
        raise RegisterError("no list has this entry about this site")
    require_no_recent_no(
        call.desk.about(slug, entry),
        call.now,
        lambda case: has_duty(call.who, Duty.SEE_DESK, case.tenant),
    )
    new = DeskCase(
        *(0, call.who.tenant, CaseOrigin.STAFF, name, slug, entry),
        *(_choice(CaseReason, call.word("reason")), call.now, 0, ()),
    )
    case = call.desk.add(open_case(new, call.register.staff.values(), draw))
    return case_json(case, call.now)


def _decide(call: StaffCall) -> object:
    reason = _choice(DecisionReason, call.word("reason"))
    _find(call, Duty.DECIDE_DESK)
    case = call.desk.change(call.number, lambda case: decide_case(case, call.who, reason, call.now))
    return case_json(case, call.now)


def _ask_again(call: StaffCall) -> object:
    _find(call, Duty.DECIDE_DESK)
    staff = call.register.staff.values()
    case = call.desk.change(call.number, lambda case: ask_again(case, staff, draw, call.now))
    return case_json(case, call.now)


def _choice(kind: type[ReasonT], text: str) -> ReasonT:
    try:
        return kind(text)
    except ValueError:
        raise RegisterError("a reason is one of %(names)s", names=", ".join(kind)) from None


def _replace_gone(call: StaffCall) -> object:
    _find(call, Duty.DECIDE_DESK)
    staff = call.register.staff.values()
    case = call.desk.change(call.number, lambda case: replace_gone(case, staff, draw))
    return case_json(case, call.now)


_CASE: Final = "/staff/desk/{number}"
DESK_OPERATIONS: Final = (
    StaffOperation("GET", "/staff/desk", Duty.SEE_DESK, _cases, of_tenant=True),
    StaffOperation("POST", "/staff/desk", Duty.DECIDE_DESK, _add, of_tenant=True),
    StaffOperation("GET", _CASE, Duty.SEE_DESK, _case, of_tenant=True),
    StaffOperation("GET", f"{_CASE}/text", Duty.SEE_DESK, _text, of_tenant=True),
    StaffOperation(
        *("POST", f"{_CASE}/decide", Duty.DECIDE_DESK, _decide), is_grave=True, of_tenant=True
    ),
    StaffOperation("POST", f"{_CASE}/again", Duty.DECIDE_DESK, _ask_again, of_tenant=True),
    StaffOperation("POST", f"{_CASE}/redraw", Duty.DECIDE_DESK, _replace_gone, of_tenant=True),
)
