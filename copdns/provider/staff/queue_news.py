"""When the staff are told that something in their queue is near its target, or over it.

What is told is a number and a moment: no site, no list, no family, and nobody who asked.  Each is
told once before its target and once after it, to whom it waits for, and when it is late to the
administrators, too.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from copdns.provider.law.register import OrderState, Register
from copdns.provider.law.statement import utc_text
from copdns.provider.staff.desk import DeskCase
from copdns.provider.staff.duties import Duty, has_duty

NEAREST: Final = 86_400  # seconds before a target, at most; and the last third of the time
TOLD_FOR: Final = 7 * 86_400  # seconds after a target: what is older was late before


class QueueKind(StrEnum):
    """What somebody has to decide."""

    CASE = "case"  # of the reviewers' desk
    HOLD = "hold"  # a protected name of an order


class QueueNews(StrEnum):
    """What is told."""

    NEAR = "near"
    OVER = "over"


class QueueMessage(NamedTuple):
    """A message.  All but `people` tell it from others.

    number: of the case or the order.  due: seconds since 1970.  people: ids of whom it concerns.
    """

    kind: QueueKind
    number: int
    due: int
    what: QueueNews
    people: frozenset[str]


def queue_messages(
    register: Register, cases: Iterable[DeskCase], now: int
) -> tuple[QueueMessage, ...]:
    """Return what is to be told at a moment, whether it was told already or not; late first.

    cases: at least those that wait.
    """
    found = {*_of_cases(register, cases, now), *_of_holds(register, now)}
    return tuple(sorted(found, key=lambda each: (each.due, each.kind, each.number)))


def _of_cases(register: Register, cases: Iterable[DeskCase], now: int) -> Iterator[QueueMessage]:
    for case in cases:
        what = _news(case.due, case.asked, now)
        if case.decided_at is None and what is not None:
            # Reviewers may not be drawn yet, or have left; then all can see to it.
            reviewers = _who(register, Duty.DECIDE_DESK)
            people = frozenset(filter(case.waits_for, reviewers)) or reviewers
            yield _message(register, QueueKind.CASE, case.number, case.due, what, people)


def _of_holds(register: Register, now: int) -> Iterator[QueueMessage]:
    for order in register.orders.values():
        if order.state(now) not in (OrderState.IN_FORCE, OrderState.COMING):
            continue
        for hold in order.holds:
            what = _news(hold.deadline, order.confirmed_at, now)
            if hold.is_blocked is None and what is not None:
                decider = frozenset({hold.decider})
                number, due = order.number, hold.deadline
                yield _message(register, QueueKind.HOLD, number, due, what, decider)


def _news(due: int, since: int, now: int) -> QueueNews | None:
    if now > due:
        return QueueNews.OVER if now <= due + TOLD_FOR else None
    return QueueNews.NEAR if due - now <= min(NEAREST, (due - since) // 3) else None


def _message(
    register: Register,
    kind: QueueKind,
    number: int,
    due: int,
    what: QueueNews,
    people: frozenset[str],
) -> QueueMessage:
    if what is QueueNews.OVER:
        people |= _who(register, Duty.MANAGE_STAFF)
    return QueueMessage(kind, number, due, what, people)


def _who(register: Register, duty: Duty) -> frozenset[str]:
    """Return who has a duty about all tenants."""
    return frozenset(each.id for each in register.staff.values() if has_duty(each, duty))


def queue_json(message: QueueMessage, now: int) -> dict[str, object]:
    """Return it for a program, which reads one language."""
    return {
        "event": "queue",
        "what": str(message.what),
        "kind": str(message.kind),
        "number": message.number,
        "due": utc_text(message.due),
        "at": utc_text(now),
    }
