"""What happens that somebody may want to hear of, as values: events.

They hold ids, minutes, moments and names of accounts only: no name that was asked, no address, no
MAC address (docs/privacy.md); but for what an appeal is about, where the settings say so.
`events/bus.py` tells them, `events/targets.py` passes them on; docs/events.md explains each.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from copdns.model.times import Origin
from copdns.model.verdict import Reason


class EventKind(StrEnum):
    """What happened, in the words that targets receive."""

    UNKNOWN_DEVICE = "unknown device"
    UNKNOWN_MAC = "unknown mac"
    DEVICE_RECOGNISED = "device recognised"
    TIME_WARNING = "time warning"
    TIME_CLOSED = "time closed"
    TIME_OPENED = "time opened"
    PAUSE_BEGAN = "pause began"
    PAUSE_ENDED = "pause ended"
    GRANT_GIVEN = "grant given"
    GRANT_ENDED = "grant ended"
    TICKET_REDEEMED = "ticket redeemed"
    APPEAL_MADE = "appeal made"
    APPEAL_WAITING = "appeal waiting"
    APPEAL_OVERDUE = "appeal overdue"
    APPEAL_DISPUTED = "appeal disputed"
    APPEAL_ANSWERED = "appeal answered"
    CLOCK_WRONG = "clock wrong"
    CLOCK_RIGHT = "clock right"
    UPSTREAM_TROUBLE = "upstream trouble"
    UPSTREAM_WELL = "upstream well"
    LIST_TROUBLE = "list trouble"
    LIST_WELL = "list well"
    LIST_HELD = "list held"
    FACTS_HELD = "facts held"
    HOUSEHOLD_TROUBLE = "household trouble"
    HOUSEHOLD_WELL = "household well"
    SELF_TEST_TROUBLE = "self-test trouble"
    SELF_TEST_WELL = "self-test well"
    MISTAKE_AGAIN = "mistake again"
    FULL_LOG_ANNOUNCED = "full log announced"
    GUARDIANS_DISAGREE = "guardians disagree"
    WANTS_TO_TALK = "child wants to talk"
    PROPOSAL_DUE = "proposal due"
    ACCOUNT_ADDED = "account added"
    ACCOUNT_REMOVED = "account removed"
    ACCOUNT_CHANGED = "account changed"
    LOOKUPS_CHANGED = "lookups changed"
    SITE_PROTECTED = "site protected"
    BYPASS_NOTICED = "bypass noticed"
    TEST = "test"


class DeviceEvent(NamedTuple):
    """An unknown device sent a query, or a device was recognised.

    visitor: the id that `copdns device unknown` shows.  device: "" for an unknown one.
    private: its MAC address is a random one, which may change.
    """

    kind: EventKind
    household: str
    visitor: str
    device: str = ""
    private: bool = False


class TimeEvent(NamedTuple):
    """Something closes for a profile soon, closed, or opened again.

    reason: SCHEDULE or BUDGET, whose id follows; of a warning only, PAUSED with id "", or GRANTED
        with the id of the permission that ends.
    at: when it closes, closed or opened.  minutes: until then, for a warning; else 0.
    everything: all names, not those of some category, service or list.
    """

    kind: EventKind
    household: str
    profile: str
    reason: Reason
    id: str
    at: float
    minutes: int = 0
    everything: bool = False


class PauseEvent(NamedTuple):
    """A pause of a profile began or ended.

    at: when.  until: when it ends, None where nobody said so; of a pause that ended, its end.
    """

    kind: EventKind
    household: str
    profile: str
    at: float
    until: float | None = None
    homework: bool = False


class GrantEvent(NamedTuple):
    """A permission was given or ended.  id: the grant's.  until: its end, past or to come."""

    kind: EventKind
    household: str
    profile: str
    id: str
    at: float
    until: float
    origin: Origin = Origin.GUARDIAN


class TicketEvent(NamedTuple):
    """A ticket was redeemed.  id: the ticket's, which is not its code.  minutes: its worth."""

    kind: EventKind
    household: str
    profile: str
    id: str
    at: float
    minutes: int


class AppealEvent(NamedTuple):
    """An appeal was filed, waits, is overdue, was disputed or answered.

    id: the appeal's.  at: since when it waits, or when it was answered.  state: an AppealState.
    profile, name, about: who asked, about what, and an AppealKind; "" unless the settings let
        events tell.
    """

    kind: EventKind
    household: str
    id: str
    at: float
    state: str
    profile: str = ""
    name: str = ""
    about: str = ""


class ClockEvent(NamedTuple):
    """The clock of this machine is surely wrong, or right again.  at: what it says."""

    kind: EventKind
    at: float


class TroubleEvent(NamedTuple):
    """No upstream answers, or a list stays outdated; or that is over."""

    kind: EventKind
    at: float


class HeldEvent(NamedTuple):
    """A new version of a list differs so much that it waits for a person.  list: its slug."""

    kind: EventKind
    list: str
    at: float


class MistakeEvent(NamedTuple):
    """A newer version of a list names what it was decided here to name wrongly.

    list: its slug.  names: how many.
    """

    kind: EventKind
    household: str
    list: str
    at: float
    names: int


class PersonEvent(NamedTuple):
    """What guardians owe each other to hear about a person, or what a child tells all of them.

    profile: "" of a child who told, unless the settings let events tell.
    at: when a full log begins, two guardians set something differently, the child told, or a
    proposal is due.
    until: when the full log ends, None of anything else.
    """

    kind: EventKind
    household: str
    profile: str
    at: float
    until: float | None = None


class AccountEvent(NamedTuple):
    """A guardian's account came, went, or was given a way back in.

    account: its name, since the account may be gone.
    """

    kind: EventKind
    household: str
    account: str
    at: float


class HouseholdEvent(NamedTuple):
    """A guardian changed what holds for everybody: who is asked for names, or what is protected."""

    kind: EventKind
    household: str
    at: float


class SignEvent(NamedTuple):
    """A device may not use the filter; its person knows already.  at: from when guardians may."""

    kind: EventKind
    household: str
    profile: str
    device: str
    at: float


class TrialEvent(NamedTuple):
    """Nothing happened: a guardian wants to see whether events arrive."""

    kind: EventKind
    household: str
    at: float


Event = (
    DeviceEvent
    | TimeEvent
    | PauseEvent
    | GrantEvent
    | TicketEvent
    | AppealEvent
    | ClockEvent
    | TroubleEvent
    | HeldEvent
    | MistakeEvent
    | PersonEvent
    | AccountEvent
    | HouseholdEvent
    | SignEvent
    | TrialEvent
)

_MOMENTS = frozenset({"at", "until"})


def event_json(event: Event) -> dict[str, object]:
    """Return an event as JSON has it: every key of its family, `event` for its kind."""
    fields = event._asdict()
    kind = fields.pop("kind")
    return {"event": str(kind), **{key: _plain(key, value) for key, value in fields.items()}}


def _plain(key: str, value: object) -> object:
    if key in _MOMENTS and isinstance(value, int | float):
        return datetime.fromtimestamp(int(value), UTC).isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, StrEnum) else value


# What is told unless the settings choose: that somebody waits or is to know something, and not
# what time does by itself every day.
USUAL = (
    EventKind.APPEAL_MADE,
    EventKind.APPEAL_WAITING,
    EventKind.APPEAL_OVERDUE,
    EventKind.APPEAL_DISPUTED,
    EventKind.APPEAL_ANSWERED,
    EventKind.UNKNOWN_DEVICE,
    EventKind.CLOCK_WRONG,
    EventKind.UPSTREAM_TROUBLE,
    EventKind.UPSTREAM_WELL,
    EventKind.LIST_TROUBLE,
    EventKind.LIST_WELL,
    EventKind.LIST_HELD,
    EventKind.FACTS_HELD,
    EventKind.HOUSEHOLD_TROUBLE,
    EventKind.HOUSEHOLD_WELL,
    EventKind.SELF_TEST_TROUBLE,
    EventKind.SELF_TEST_WELL,
    EventKind.MISTAKE_AGAIN,
    EventKind.FULL_LOG_ANNOUNCED,
    EventKind.GUARDIANS_DISAGREE,
    EventKind.WANTS_TO_TALK,
    EventKind.PROPOSAL_DUE,
    EventKind.ACCOUNT_ADDED,
    EventKind.ACCOUNT_REMOVED,
    EventKind.ACCOUNT_CHANGED,
    EventKind.LOOKUPS_CHANGED,
    EventKind.SITE_PROTECTED,
    EventKind.BYPASS_NOTICED,
)
