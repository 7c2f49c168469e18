"""What waits for a member of the staff: entries to confirm, names to decide about, cases drawn.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from copdns.provider.law.edits import may_confirm
from copdns.provider.law.register import OrderState, Register
from copdns.provider.law.register_json import holds_to_show
from copdns.provider.staff.desk import DeskCase
from copdns.provider.staff.duties import Duty, StaffMember, has_duty


class TaskKind(StrEnum):
    """What somebody has to do."""

    CONFIRM_ORDER = "confirm_order"
    CONFIRM_NAME = "confirm_name"
    CONFIRM_PRESERVATION = "confirm_preservation"
    DECIDE_HOLD = "decide_hold"
    DECIDE_CASE = "decide_case"


class StaffTask(NamedTuple):
    """number: of the entry, or of the case.  about: in words.  due: seconds since 1970, 0: none."""

    kind: TaskKind
    number: int
    about: str
    due: int = 0


def tasks_of(
    who: StaffMember,
    register: Register,
    cases: Iterable[DeskCase],
    now: int,
    *,
    is_fresh: bool,
) -> tuple[StaffTask, ...]:
    """Return what waits for somebody, what is due first at the beginning.

    is_fresh: as in `holds_to_show`.
    """
    found = [*_to_confirm(who, register, now), *_holds(who, register, now, is_fresh)]
    if has_duty(who, Duty.DECIDE_DESK):
        found += (
            StaffTask(TaskKind.DECIDE_CASE, each.number, f"{each.name} ({each.list})", each.due)
            for each in cases
            if each.waits_for(who.id)
        )
    return tuple(sorted(found, key=lambda each: (each.due == 0, each.due, each.number)))


def _to_confirm(who: StaffMember, register: Register, now: int) -> Iterator[StaffTask]:
    if not has_duty(who, Duty.KEEP_REGISTER):
        return
    waiting = OrderState.UNCONFIRMED
    for order in register.orders.values():
        if order.state(now) is waiting and may_confirm(register, order.entered_by, who):
            about = f"{order.entered.authority}, {order.entered.reference}"
            yield StaffTask(TaskKind.CONFIRM_ORDER, order.number, about)
    for name in register.by_hand.values():
        if name.state(now) is waiting and may_confirm(register, name.added_by, who):
            yield StaffTask(TaskKind.CONFIRM_NAME, name.number, name.added.name)
    for request in register.preservations.values():
        if request.state(now) is waiting and may_confirm(register, request.entered_by, who):
            about = f"{request.entered.authority}, {request.entered.reference}"
            yield StaffTask(TaskKind.CONFIRM_PRESERVATION, request.number, about)


def _holds(who: StaffMember, register: Register, now: int, is_fresh: bool) -> Iterator[StaffTask]:
    if not has_duty(who, Duty.DECIDE_HOLDS):
        return
    for order in register.orders.values():
        if order.state(now) in (OrderState.IN_FORCE, OrderState.COMING):
            for hold in holds_to_show(order, who.id, is_fresh=is_fresh):
                if hold.is_blocked is None and hold.decider == who.id:
                    yield StaffTask(TaskKind.DECIDE_HOLD, order.number, hold.name, hold.deadline)
