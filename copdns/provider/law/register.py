"""What the entries of a provider's register add up to.

`read_register` goes through the entries once; `edits.py` says what may be written next, and
`register_in_force.py` what of it holds at a moment.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from copdns.model.sentences import Phrase
from copdns.provider.law.chain import RegisterEntry
from copdns.provider.law.events import (
    FamilyClosed,
    FamilyOpened,
    FeedTaken,
    HandLayer,
    HoldDecided,
    NameAdded,
    NameConfirmed,
    NameWithdrawn,
    OperatorDescribed,
    OrderConfirmed,
    OrderEntered,
    OrderWithdrawn,
    PortalKeySet,
    PreservationConfirmed,
    PreservationEnded,
    PreservationEntered,
    RegisterRestored,
    StaffAdded,
    StaffRemoved,
    TenantAdded,
)
from copdns.provider.staff.duties import StaffMember, StaffRole

ORDER: Final = "order-"  # before the number of an order, in the data plane
UNCONFIRMED_LASTS: Final = 7 * 86_400  # seconds that one person alone can keep records for


@dataclass(frozen=True, slots=True)
class ProtectedHold:
    """A protected name that an order would block, and what was decided about it.

    deadline: until when the decider has to decide.  is_blocked: None until somebody decided.
    """

    name: str
    decider: str
    deadline: int
    is_blocked: bool | None = None
    decided_by: str = ""
    decided_at: int = 0
    why: str = ""

    def is_overdue(self, now: int) -> bool:
        """Tell whether the deadline went by without a decision."""
        return self.is_blocked is None and now > self.deadline


class OrderState(StrEnum):
    """Where an order or another entry stands at a moment."""

    UNCONFIRMED = "unconfirmed"  # waits for a second person
    COMING = "coming"
    IN_FORCE = "in force"
    OVER = "over"
    WITHDRAWN = "withdrawn"


STATE_WORDS: Final[Mapping[OrderState, Phrase]] = {
    OrderState.UNCONFIRMED: Phrase("state of an entry", "waits for a second person"),
    OrderState.COMING: Phrase("state of an entry", "coming"),
    OrderState.IN_FORCE: Phrase("state of an entry", "in force"),
    OrderState.OVER: Phrase("state of an entry", "over"),
    OrderState.WITHDRAWN: Phrase("state of an entry", "withdrawn"),
}


@dataclass(frozen=True, slots=True)
class LegalOrder:
    """An order, from its entry to its end.  number: of the entry.  holds: of protected names."""

    number: int
    entered: OrderEntered
    entered_by: str
    entered_at: int
    confirmed_by: str = ""
    confirmed_at: int = 0
    withdrawn_by: str = ""
    withdrawn_at: int = 0
    why_withdrawn: str = ""
    holds: tuple[ProtectedHold, ...] = ()

    @property
    def slug(self) -> str:
        """What the data plane calls it."""
        return f"{ORDER}{self.number}"

    def state(self, now: int) -> OrderState:
        """Return where it stands; at its end it is over, without anybody's doing."""
        return _state(
            self.confirmed_by, self.withdrawn_by, self.entered.begins, self.entered.ends, now
        )

    def was_in_force(self, since: int, until: int) -> bool:
        """Tell whether it was in force at any moment from `since`, before `until`."""
        if not self.confirmed_by:
            return False
        begins = max(self.entered.begins, self.confirmed_at)
        ends = min(self.entered.ends, self.withdrawn_at or self.entered.ends)
        return begins < min(ends, until) and ends > since


@dataclass(frozen=True, slots=True)
class HandName:
    """A name that people added by hand.  number: of the entry."""

    number: int
    added: NameAdded
    added_by: str
    added_at: int
    confirmed_by: str = ""
    confirmed_at: int = 0
    withdrawn_by: str = ""
    withdrawn_at: int = 0

    def state(self, now: int) -> OrderState:
        """Return where it stands."""
        return _state(self.confirmed_by, self.withdrawn_by, 0, self.added.ends, now)


@dataclass(frozen=True, slots=True)
class Preservation:
    """A request to keep records.  number: of the entry."""

    number: int
    entered: PreservationEntered
    entered_by: str
    entered_at: int
    confirmed_by: str = ""
    ended_by: str = ""
    ended_at: int = 0

    def state(self, now: int) -> OrderState:
        """Return where it stands; what it names is kept before a second person confirms it, too."""
        return _state(self.confirmed_by, self.ended_by, 0, self.entered.ends, now)

    def keeps(self, now: int) -> bool:
        """Tell whether its records must stay: from the entry on, since nothing deleted comes back.

        Unconfirmed it holds for UNCONFIRMED_LASTS seconds only.
        """
        if self.ended_by or now >= self.entered.ends:
            return False
        return bool(self.confirmed_by) or now < self.entered_at + UNCONFIRMED_LASTS

    def kept_at(self, moment: int) -> bool:
        """Tell whether its records had to stay at a moment that has been."""
        ends = self.ended_at if self.ended_by else self.entered.ends
        if not self.confirmed_by:
            ends = min(ends, self.entered_at + UNCONFIRMED_LASTS)
        return self.entered_at <= moment < ends


@dataclass(frozen=True, slots=True)
class FamilyOpening:
    """The layer of families is open for all.  number: of the entry."""

    number: int
    opened: FamilyOpened
    opened_by: str
    opened_at: int
    closed_by: str = ""
    closed_at: int = 0

    @property
    def ends(self) -> int:
        """When it is over, or was."""
        return self.closed_at if self.closed_by else self.opened.ends

    def holds(self, now: int) -> bool:
        """Tell whether it is open at a moment."""
        return self.opened_at <= now < self.ends


def _state(confirmed: str, withdrawn: str, begins: int, ends: int, now: int) -> OrderState:
    if withdrawn:
        return OrderState.WITHDRAWN
    if now >= ends:
        return OrderState.OVER
    if not confirmed:
        return OrderState.UNCONFIRMED
    return OrderState.COMING if now < begins else OrderState.IN_FORCE


@dataclass(frozen=True, slots=True)
class TakenFeed:
    """A version of a list of the security layer, and since when it is in force."""

    taken: FeedTaken
    at: int


@dataclass
class Register:
    """All that stands in a register.

    size: how many entries it has, which is its revision.  portal_keys: by the tenant, in base64.
    logins: by a staff member's id, what the sign-on calls this person, and what it did before.
    The other mappings are by the number of the entry, staff and tenants by their ids, feeds by
    their slug, the newest version last.
    """

    size: int = 0
    operator: OperatorDescribed | None = None
    tenants: dict[str, TenantAdded] = field(default_factory=dict)
    portal_keys: dict[str, str] = field(default_factory=dict)
    staff: dict[str, StaffMember] = field(default_factory=dict)
    logins: dict[str, set[str]] = field(default_factory=dict)
    orders: dict[int, LegalOrder] = field(default_factory=dict)
    by_hand: dict[int, HandName] = field(default_factory=dict)
    feeds: dict[str, list[TakenFeed]] = field(default_factory=dict)
    preservations: dict[int, Preservation] = field(default_factory=dict)
    openings: dict[int, FamilyOpening] = field(default_factory=dict)

    def open_family(self, now: int) -> FamilyOpening | None:
        """Return what opens the layer of families for all now; None where it holds."""
        return next((each for each in self.openings.values() if each.holds(now)), None)

    def names_by_hand(self, layer: HandLayer, now: int) -> tuple[HandName, ...]:
        """Return the names of a layer that are in force."""
        return tuple(
            each
            for each in self.by_hand.values()
            if each.added.layer is layer and each.state(now) is OrderState.IN_FORCE
        )


def read_register(entries: Iterable[RegisterEntry]) -> Register:
    """Return what entries add up to; each was checked before it was written (`edits.py`)."""
    register = Register()
    for entry in entries:
        _add(register, entry)
        register.size = entry.number
    return register


def _add(register: Register, entry: RegisterEntry) -> None:
    number, at, by, event = entry.number, entry.at, entry.by, entry.event
    match event:
        case OperatorDescribed():
            register.operator = event
        case TenantAdded():
            register.tenants[event.tenant] = event
        case PortalKeySet():
            register.portal_keys[event.tenant] = event.key
        case StaffAdded():
            register.staff[event.staff] = StaffMember(
                event.staff, event.name, StaffRole(event.role), event.tenant, event.subject
            )
            if event.subject:
                register.logins.setdefault(event.staff, set()).add(event.subject)
        case StaffRemoved():
            gone = replace(register.staff[event.staff], is_gone=True)
            register.staff[event.staff] = gone
        case NameAdded():
            register.by_hand[number] = HandName(number, event, by, at)
        case NameConfirmed():
            _change_name(register, event.entry, confirmed_by=by, confirmed_at=at)
        case NameWithdrawn():
            _change_name(register, event.entry, withdrawn_by=by, withdrawn_at=at)
        case FeedTaken():
            register.feeds.setdefault(event.slug, []).append(TakenFeed(event, at))
        case PreservationEntered():
            register.preservations[number] = Preservation(number, event, by, at)
        case PreservationConfirmed():
            before = register.preservations[event.preservation]
            register.preservations[before.number] = replace(before, confirmed_by=by)
        case PreservationEnded():
            before = register.preservations[event.preservation]
            register.preservations[before.number] = replace(before, ended_by=by, ended_at=at)
        case FamilyOpened():
            register.openings[number] = FamilyOpening(number, event, by, at)
        case FamilyClosed():
            open_ = register.openings[event.opening]
            register.openings[open_.number] = replace(open_, closed_by=by, closed_at=at)
        case RegisterRestored():
            pass  # it says what happened, and changes nothing
        case _:
            _add_to_order(register, entry)


def _change_name(register: Register, number: int, **changes: str | int) -> None:
    register.by_hand[number] = replace(register.by_hand[number], **changes)  # type: ignore[arg-type]


def _add_to_order(register: Register, entry: RegisterEntry) -> None:
    at, by, event = entry.at, entry.by, entry.event
    match event:
        case OrderEntered():
            register.orders[entry.number] = LegalOrder(entry.number, event, by, at)
        case OrderConfirmed():
            before = register.orders[event.order]
            entered = before.entered
            holds = tuple(
                ProtectedHold(name, entered.decider, at + entered.decide_within)
                for name in event.held
            )
            register.orders[before.number] = replace(
                before, confirmed_by=by, confirmed_at=at, holds=holds
            )
        case OrderWithdrawn():
            before = register.orders[event.order]
            register.orders[before.number] = replace(
                before, withdrawn_by=by, withdrawn_at=at, why_withdrawn=event.why
            )
        case HoldDecided():
            before = register.orders[event.order]
            holds = tuple(
                replace(
                    each,
                    is_blocked=event.is_blocked,
                    decided_by=by,
                    decided_at=at,
                    why=event.why,
                )
                if each.name == event.name
                else each
                for each in before.holds
            )
            register.orders[before.number] = replace(before, holds=holds)
