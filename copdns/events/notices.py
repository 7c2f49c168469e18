"""The texts of notices to guardians about events, and how often they are sent.

Texts name profiles by id, and the name that an appeal is about only where the event has it, which
the settings decide.  Pure: `events/targets.py` runs `events/send_notice.py`, which sends them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from copdns.model.events import AppealEvent, Event, EventKind, event_json

MAX_AT_ONCE = 6  # notices without a pause
ONE_MORE_EVERY = 600.0  # seconds
SAME_WITHIN = 600.0  # seconds for which the same notice is not sent again
MAX_REMEMBERED = 1000  # notices sent: a network can make up any number of devices


class NoticeText(NamedTuple):
    title: str
    body: str


_MORE = "The desk of copdns shows more: {desk}"
_TEXTS: dict[EventKind, tuple[str, str]] = {
    EventKind.UNKNOWN_DEVICE: (
        "A new device is in the network",
        "Nobody has said yet whose it is. Until then the rules for guests hold for it.",
    ),
    EventKind.UNKNOWN_MAC: (
        "A device has another hardware address",
        "It uses the address of a known device. It may be the same one, or another.",
    ),
    EventKind.DEVICE_RECOGNISED: ("A device is known now", "It has the rules of its person."),
    EventKind.TIME_WARNING: ("Time is nearly up", "{who}: {id} closes in {minutes} min."),
    EventKind.TIME_CLOSED: ("It is closed now", "{who}: {id} has begun, or is used up."),
    EventKind.TIME_OPENED: ("It is open again", "{who}: {id} is over."),
    EventKind.PAUSE_BEGAN: ("A pause has begun", "{who} has a pause."),
    EventKind.PAUSE_ENDED: ("A pause is over", "{who} has no pause any more."),
    EventKind.GRANT_GIVEN: (
        "A permission was given",
        "{who} has a permission that ends by itself.",
    ),
    EventKind.GRANT_ENDED: ("A permission is over", "A permission of {who} has ended."),
    EventKind.TICKET_REDEEMED: ("A ticket was used", "{who} used a ticket for {minutes} min."),
    EventKind.APPEAL_MADE: ("A child asks for something", "A question waits for an answer."),
    EventKind.APPEAL_WAITING: ("A child still waits", "A question has no answer since yesterday."),
    EventKind.APPEAL_OVERDUE: (
        "A child has waited too long",
        "A question has had no answer for days. What does little harm is open until it gets one.",
    ),
    EventKind.APPEAL_DISPUTED: (
        "A child still disagrees",
        "An answer was objected to. Somebody else should look at it, or talk about it.",
    ),
    EventKind.APPEAL_ANSWERED: ("A question was answered", "The child can read the answer."),
    EventKind.CLOCK_WRONG: (
        "The clock is wrong",
        "copdns does not know what time it is, so times do not hold as they should.",
    ),
    EventKind.CLOCK_RIGHT: ("The clock is right again", "Times hold again."),
    EventKind.UPSTREAM_TROUBLE: (
        "Names are not found",
        "No resolver outside answers. The Internet may be down; copdns tries on.",
    ),
    EventKind.UPSTREAM_WELL: ("Names are found again", "A resolver outside answers again."),
    EventKind.LIST_TROUBLE: (
        "A list is out of date",
        "A list could not be fetched for days. What was there before still holds.",
    ),
    EventKind.LIST_WELL: ("Lists are fresh again", "All of them could be fetched."),
    EventKind.MISTAKE_AGAIN: (
        "A list is wrong again",
        "A newer version of it names what you decided to be its mistake. What a rule opens stays "
        "open.",
    ),
    EventKind.FULL_LOG_ANNOUNCED: (
        "Names will be kept for some days",
        "Somebody asked for a full log of {who}, who is told as well.",
    ),
    EventKind.GUARDIANS_DISAGREE: (
        "Two guardians set something differently",
        "It is about {who}. Until you agree, what is usual at this age holds.",
    ),
    EventKind.WANTS_TO_TALK: (
        "A child would like to talk",
        "Somebody said that something happened. Nothing more was asked, and nothing more is kept.",
    ),
    EventKind.PROPOSAL_DUE: (
        "The day of a proposal has come",
        "Other rules were proposed for {who}. Nothing changes before one of you takes them.",
    ),
    EventKind.ACCOUNT_ADDED: ("Somebody has an account now", "{account} can log in."),
    EventKind.ACCOUNT_REMOVED: ("An account is gone", "{account} can log in no longer."),
    EventKind.ACCOUNT_CHANGED: (
        "An account was changed",
        "{account} has another role, or another way to log in.",
    ),
    EventKind.TEST: ("This is a test", "Nothing happened. Notices of copdns arrive here."),
}


def build_notice(event: Event, desk: str) -> NoticeText:
    """Return the notice of an event.  desk: the address of the guardians' pages."""
    title, body = _TEXTS[event.kind]
    fields = event_json(event)
    body = body.format(
        who=fields.get("profile", ""),
        id=fields.get("id") or "everything",
        minutes=fields.get("minutes", 0),
        account=fields.get("account", ""),
    )
    return NoticeText(
        title, "\n".join(filter(None, (body, _appeal_line(event), "", _MORE.format(desk=desk))))
    )


def _appeal_line(event: Event) -> str:
    """Return whose an appeal is and what it is about, where the event says so; else ""."""
    if not isinstance(event, AppealEvent) or not event.profile:
        return ""
    return f"{event.profile}: {event.name or 'more time'}"


class NoticeThrottle:
    """Limits the notices to one recipient: the same one once, and a burst of any.

    now: monotonic seconds.
    """

    def __init__(self) -> None:
        self._allowance = float(MAX_AT_ONCE)
        self._at: float | None = None
        self._told_at: OrderedDict[tuple[object, ...], float] = OrderedDict()
        self._suppressed = 0

    def allows(self, event: Event, now: float) -> bool:
        """Tell whether the notice of an event may be sent; count it where it may not."""
        key = _event_key(event)
        if now - self._told_at.get(key, -SAME_WITHIN) < SAME_WITHIN:
            return False
        self._told_at[key] = now
        self._told_at.move_to_end(key)
        while len(self._told_at) > MAX_REMEMBERED:
            self._told_at.popitem(last=False)
        since = 0.0 if self._at is None else now - self._at
        self._allowance, self._at = min(MAX_AT_ONCE, self._allowance + since / ONE_MORE_EVERY), now
        if self._allowance < 1:
            self._suppressed += 1
            return False
        self._allowance -= 1
        return True

    def take_suppressed(self) -> int:
        """Return how many notices of a burst were not sent since the last call."""
        suppressed, self._suppressed = self._suppressed, 0
        return suppressed


def _event_key(event: Event) -> tuple[object, ...]:
    """Return what two equal events share: all fields but their moments."""
    return tuple(each for key, each in event_json(event).items() if key not in ("at", "until"))


def with_suppressed(text: NoticeText, unsaid: int) -> NoticeText:
    """Return a notice that also says how many were not sent."""
    if not unsaid:
        return text
    more = f"{unsaid} more came too fast to be sent one by one; they are not sent any more."
    return text._replace(body=f"{text.body}\n{more}")
