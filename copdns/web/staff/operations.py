"""What staff can do over HTTP: each operation with the duty that it takes, in one table.

Handlers are given who acts; whether somebody may, `app.py` decides by the table before.  No
operation reads a household: `Duty` has nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from copdns.lists.index import FoundEntry
from copdns.model.errors import RegisterError
from copdns.provider.law import edits
from copdns.provider.law.chain import StoredEntry, from_stored
from copdns.provider.law.edits import find_order
from copdns.provider.law.events import (
    HoldDecided,
    NameAdded,
    OrderEntered,
    PreservationEntered,
    RegisterEvent,
)
from copdns.provider.law.register import LegalOrder, OrderState, Register
from copdns.provider.law.register_json import (
    entry_json,
    order_json,
    preservation_json,
    security_json,
    staff_json,
)
from copdns.provider.law.statement import quarter_bounds, utc_text
from copdns.provider.law.statement_shapes import OperatorFigures
from copdns.provider.law.tenant_view import concerns
from copdns.provider.plane.snapshot import SpecialNames
from copdns.provider.staff.checklist import KEY_AREAS, Installation, checklist
from copdns.provider.staff.desk import DeskCase
from copdns.provider.staff.duties import Duty, StaffMember, StaffRole, duties_of, has_duty
from copdns.provider.staff.publisher import Publisher
from copdns.provider.staff.tasks import tasks_of
from copdns.store.provider_db.desk_rows import DeskStore
from copdns.store.provider_db.figure_rows import FigureRows
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.web.staff.lots import draw_missing

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StaffCall:
    """A request of somebody who may do it.

    register: as it was read for this request.  find: what lists have of a name in normal form.
    publisher: of what a register has.  installation: returns what the settings say; blocks.
    list_files: as `StaffSite` has it.
    is_fresh: who acts proved within the last minutes who they are.  number: of the path, 0 for
    none.  body: JSON.
    """

    register: Register
    store: RegisterStore
    desk: DeskStore
    find: Callable[[str], Sequence[FoundEntry]]
    special: SpecialNames
    publisher: Callable[[Register], Publisher]
    installation: Callable[[], Installation]
    list_files: Callable[[], Mapping[str, bytes]]
    who: StaffMember
    is_fresh: bool
    now: int
    number: int
    text: str
    body: Mapping[str, Any]

    def write(self, edit: Callable[[Register, StaffMember], RegisterEvent | None]) -> object:
        """Write what an edit gives, in the name of who acts; return the number of the entry."""

        def work(register: Register) -> RegisterEvent | None:
            return edit(register, edits.require_staff(register, self.who.id))

        entry = self.store.write(self.who.id, self.now, work)
        return {"number": entry.number if entry else None}

    def read(self, shape: type[T], **more: object) -> T:
        """Return the body as a value; raise RegisterError for one that is none."""
        try:
            return TypeAdapter(shape).validate_python({**self.body, **more})
        except ValidationError as error:
            places = ", ".join(str(each["loc"][0]) for each in error.errors() if each["loc"])
            raise RegisterError("not as it should be: %(places)s", places=places) from None

    def word(self, name: str, usual: str | None = None) -> str:
        """Return a text of the body, or the usual one; raise RegisterError where it is missing."""
        found = self.body.get(name, usual)
        if not isinstance(found, str):
            raise RegisterError("%(field)s is missing", field=name)
        return found


class StaffOperation(NamedTuple):
    """duty: None for whoever is logged in.  is_grave: takes a proof of the last five minutes.

    of_tenant: staff of one tenant may as well; the handler sees to it that it is about theirs.
    """

    method: str
    path: str
    duty: Duty | None
    handle: Callable[[StaffCall], object]
    is_grave: bool = False
    of_tenant: bool = False

    def is_for(self, who: StaffMember) -> bool:
        """Tell whether somebody may."""
        tenant = who.tenant if self.of_tenant else ""
        return self.duty is None or has_duty(who, self.duty, tenant)


def _me(call: StaffCall) -> object:
    """Who I am, what I may do, and what waits for me."""
    duties = sorted(str(each) for each in duties_of(call.who))
    cases: Sequence[DeskCase] = ()
    if has_duty(call.who, Duty.DECIDE_DESK):
        draw_missing(call.desk, call.register.staff.values())
        cases = call.desk.load()
    waits = [
        {
            "kind": str(each.kind),
            "number": each.number,
            "about": each.about,
            "due": utc_text(each.due) if each.due else "",
            "overdue": bool(each.due) and each.due < call.now,
        }
        for each in tasks_of(call.who, call.register, cases, call.now, is_fresh=call.is_fresh)
    ]
    return {**staff_json(call.who), "duties": duties, "waits": waits}


def _status(call: StaffCall) -> object:
    """That it runs; of orders, which are for all tenants, whoever works for one sees no number."""
    if call.who.tenant:
        return {"entries": len(_lines_for(call))}
    states = [each.state(call.now) for each in call.register.orders.values()]
    return {
        "entries": call.register.size,
        "orders_in_force": states.count(OrderState.IN_FORCE),
        "orders_unconfirmed": states.count(OrderState.UNCONFIRMED),
    }


def _orders(call: StaffCall) -> object:
    return [_order_json(call, each) for each in call.register.orders.values()]


def _order(call: StaffCall) -> object:
    return _order_json(call, find_order(call.register, call.number))


def _order_json(call: StaffCall, order: LegalOrder) -> object:
    return order_json(order, call.now, call.who.id, is_fresh=call.is_fresh)


def _order_names(call: StaffCall) -> object:
    return list(find_order(call.register, call.number).entered.names)


def _enter_order(call: StaffCall) -> object:
    new = call.read(OrderEntered)
    return call.write(lambda register, who: edits.enter_order(register, new, who, call.now))


def _confirm_order(call: StaffCall) -> object:
    return call.write(
        lambda register, who: edits.confirm_order(
            register, call.number, call.special, who, call.now
        )
    )


def _withdraw_order(call: StaffCall) -> object:
    why = call.word("why")
    return call.write(
        lambda register, who: edits.withdraw_order(register, call.number, why, who, call.now)
    )


def _decide_hold(call: StaffCall) -> object:
    new = call.read(HoldDecided, order=call.number)
    return call.write(
        lambda register, who: edits.decide_hold(register, new, call.special, who, call.now)
    )


def _security(call: StaffCall) -> object:
    return security_json(call.register, call.now)


def _add_name(call: StaffCall) -> object:
    new = call.read(NameAdded)
    return call.write(lambda _, who: edits.add_name(new, who, call.special, call.now))


def _confirm_name(call: StaffCall) -> object:
    return call.write(
        lambda register, who: edits.confirm_name(register, call.number, who, call.now)
    )


def _withdraw_name(call: StaffCall) -> object:
    why = call.word("why")
    return call.write(
        lambda register, who: edits.withdraw_name(register, call.number, why, who, call.now)
    )


def _preservations(call: StaffCall) -> object:
    return [preservation_json(each, call.now) for each in call.register.preservations.values()]


def _enter_preservation(call: StaffCall) -> object:
    new = call.read(PreservationEntered)
    return call.write(lambda register, who: edits.enter_preservation(register, new, who, call.now))


def _confirm_preservation(call: StaffCall) -> object:
    return call.write(
        lambda register, who: edits.confirm_preservation(register, call.number, who, call.now)
    )


def _end_preservation(call: StaffCall) -> object:
    why = call.word("why")
    return call.write(
        lambda register, who: edits.end_preservation(register, call.number, why, who, call.now)
    )


def _staff(call: StaffCall) -> object:
    """Who works here; whoever works for one tenant sees those of this tenant."""
    return [
        staff_json(each)
        for each in call.register.staff.values()
        if has_duty(call.who, Duty.MANAGE_STAFF, each.tenant)
    ]


def _add_staff(call: StaffCall) -> object:
    try:
        role = StaffRole(call.word("role"))
    except ValueError:
        raise RegisterError("a role is one of %(names)s", names=", ".join(StaffRole)) from None
    new = StaffMember(
        call.word("id"),
        call.word("name"),
        role,
        call.word("tenant", ""),
        call.word("login", ""),
    )
    return call.write(lambda register, who: edits.add_staff(register, new, who))


def _remove_staff(call: StaffCall) -> object:
    return call.write(lambda register, who: edits.remove_staff(register, call.text, who))


def _entries(call: StaffCall) -> object:
    """The lines, the newest first: who wrote them, also at which machine's command line."""
    return [entry_json(each) for each in reversed(_lines_for(call))]


def _lines_for(call: StaffCall) -> list[StoredEntry]:
    """Return the lines that somebody sees: all, or those about the one tenant they work for."""
    lines, tenant = call.store.lines(), call.who.tenant
    if not tenant:
        return lines
    register = call.store.load()  # also with what was written since the request began
    return [each for each in lines if concerns(from_stored(each).event, tenant, register)]


def _statement(call: StaffCall) -> object:
    register, head = call.store.load_to_publish(call.now)
    publisher = call.publisher(register)
    return publisher.statement(register, head, call.desk.load(), call.now)


def _report(call: StaffCall) -> object:
    register, head = call.store.load_to_publish(call.now)
    figures, publisher = OperatorFigures(), call.publisher(register)
    begins, _ = quarter_bounds(call.text)
    cases, measured = call.desk.load(), FigureRows(call.store.pool).read(begins)
    if tenant := call.who.tenant:
        return publisher.tenant_report(register, tenant, cases, call.text, measured, call.now)
    return publisher.report(register, head, cases, call.text, figures, measured, call.now)


def _checklist(call: StaffCall) -> object:
    """What the ITU's guideline asks of access providers, and what of it is here."""
    publisher = call.publisher(call.register)
    many = len(publisher.hotlines), len(publisher.lists)
    found = checklist(call.register, call.desk.load(), call.installation(), *many, call.now)
    return [
        {
            "clause": str(each.name),
            "key_area": KEY_AREAS[each.name],
            "state": str(each.state),
            "points": [{**point._asdict(), "state": str(point.state)} for point in each.points],
        }
        for each in found
    ]


_ORDER: Final = "/staff/orders/{number}"
_NAME: Final = "/staff/security/{number}"
_REQUEST: Final = "/staff/preservations/{number}"

REGISTER_OPERATIONS: Final = (
    StaffOperation("GET", "/staff/me", None, _me),
    StaffOperation("GET", "/staff/status", Duty.SEE_STATUS, _status, of_tenant=True),
    StaffOperation("GET", "/staff/orders", Duty.SEE_REGISTER, _orders),
    StaffOperation("POST", "/staff/orders", Duty.KEEP_REGISTER, _enter_order),
    StaffOperation("GET", _ORDER, Duty.SEE_REGISTER, _order),
    StaffOperation("GET", f"{_ORDER}/names", Duty.SEE_CONFIDENTIAL, _order_names, is_grave=True),
    StaffOperation("POST", f"{_ORDER}/confirm", Duty.KEEP_REGISTER, _confirm_order, is_grave=True),
    StaffOperation("POST", f"{_ORDER}/withdraw", Duty.KEEP_REGISTER, _withdraw_order),
    StaffOperation("POST", f"{_ORDER}/decide", Duty.DECIDE_HOLDS, _decide_hold, is_grave=True),
    StaffOperation("GET", "/staff/security", Duty.SEE_REGISTER, _security),
    StaffOperation("POST", "/staff/security", Duty.KEEP_REGISTER, _add_name),
    StaffOperation("POST", f"{_NAME}/confirm", Duty.KEEP_REGISTER, _confirm_name, is_grave=True),
    StaffOperation("POST", f"{_NAME}/withdraw", Duty.KEEP_REGISTER, _withdraw_name),
    StaffOperation("GET", "/staff/preservations", Duty.SEE_REGISTER, _preservations),
    StaffOperation("POST", "/staff/preservations", Duty.KEEP_REGISTER, _enter_preservation),
    StaffOperation(
        "POST", f"{_REQUEST}/confirm", Duty.KEEP_REGISTER, _confirm_preservation, is_grave=True
    ),
    # Its keeper may, whatever their role; the register says no to others.
    StaffOperation("POST", f"{_REQUEST}/end", Duty.SEE_REGISTER, _end_preservation),
    StaffOperation("GET", "/staff/entries", Duty.SEE_REGISTER, _entries, of_tenant=True),
    # What the public reads, so staff of tenants may as well.
    StaffOperation("GET", "/staff/statement", Duty.SEE_FIGURES, _statement, of_tenant=True),
    StaffOperation("GET", "/staff/report/{text}", Duty.SEE_FIGURES, _report, of_tenant=True),
    StaffOperation("GET", "/staff/checklist", Duty.SEE_REGISTER, _checklist),
    StaffOperation("GET", "/staff/people", Duty.MANAGE_STAFF, _staff, of_tenant=True),
    StaffOperation(
        *("POST", "/staff/people", Duty.MANAGE_STAFF, _add_staff), is_grave=True, of_tenant=True
    ),
    StaffOperation(
        *("POST", "/staff/people/{text}/remove", Duty.MANAGE_STAFF, _remove_staff),
        is_grave=True,
        of_tenant=True,
    ),
)
