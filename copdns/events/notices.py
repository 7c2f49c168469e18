"""What guardians are told of an event: a line and a few sentences, and not too often.

Texts hold ids of profiles at most; the name that an appeal is about only where the event has it,
which the settings decide.  Pure: `events/targets.py` hands notices on, and `events/send_notice.py`
sends them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from copdns.model.events import AppealEvent, Event, EventKind, event_json

AT_ONCE = 6  # notices that may follow each other directly
EVERY = 600.0  # seconds after which one more may
SAME = 600.0  # seconds for which the same is not told again
REMEMBERED = 1000  # of those: a bound, whatever a network makes up


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


def notice(event: Event, desk: str) -> NoticeText:
    """Return what to tell.  desk: the address of the guardians' pages."""
    title, body = _TEXTS[event.kind]
    told = event_json(event)
    body = body.format(
        who=told.get("profile", ""),
        id=told.get("id") or "everything",
        minutes=told.get("minutes", 0),
        account=told.get("account", ""),
    )
    return NoticeText(
        title, "\n".join(filter(None, (body, _asked(event), "", _MORE.format(desk=desk))))
    )


def _asked(event: Event) -> str:
    """Return whose an appeal is and about what, where the event was told so."""
    if not isinstance(event, AppealEvent) or not event.profile:
        return ""
    return f"{event.profile}: {event.name or 'more time'}"


class NoticeThrottle:
    """How often somebody is told: the same once, and much of anything slowly.

    now: monotonic seconds.
    """

    def __init__(self) -> None:
        self._left = float(AT_ONCE)
        self._at: float | None = None
        self._told: OrderedDict[tuple[object, ...], float] = OrderedDict()
        self._unsaid = 0

    def allows(self, event: Event, now: float) -> bool:
        """Tell whether an event is told; what is too much is counted."""
        key = _what(event)
        if now - self._told.get(key, -SAME) < SAME:
            return False
        self._told[key] = now
        self._told.move_to_end(key)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        since = 0.0 if self._at is None else now - self._at
        self._left, self._at = min(AT_ONCE, self._left + since / EVERY), now
        if self._left < 1:
            self._unsaid += 1
            return False
        self._left -= 1
        return True

    def take_suppressed(self) -> int:
        """Return how many were too much since this was asked last."""
        unsaid, self._unsaid = self._unsaid, 0
        return unsaid


def _what(event: Event) -> tuple[object, ...]:
    """Return what makes two events the same: all but their moments."""
    return tuple(each for key, each in event_json(event).items() if key not in ("at", "until"))


def with_unsaid(told: NoticeText, unsaid: int) -> NoticeText:
    """Add how much happened besides that nobody was told of."""
    if not unsaid:
        return told
    more = f"{unsaid} more came too fast to be sent one by one; they are not sent any more."
    return told._replace(body=f"{told.body}\n{more}")
