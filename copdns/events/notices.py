"""What guardians are told of an event: a line and a few sentences, and not too often.

Texts are English ones of the catalogue, put into the household's language by whoever sends them.
They hold ids of profiles at most; the name that an appeal is about only where the event has it,
which the settings decide.  Pure: `ways.py` hands notices on, and `send_notice.py` sends
them.
"""

from __future__ import annotations

from collections import OrderedDict
from gettext import NullTranslations
from typing import NamedTuple, Protocol

from copdns.model.events import AppealEvent, Event, EventKind, TimeEvent, event_json
from copdns.model.scripts import shown_name
from copdns.model.verdict import Reason

MAX_AT_ONCE = 6  # notices that may follow each other directly
ONE_MORE_EVERY = 600.0  # seconds after which one more may
SAME_WITHIN = 600.0  # seconds for which the same is not told again
MAX_REMEMBERED = 1000  # of those: a bound, whatever a network makes up


class NoticeText(NamedTuple):
    """A notice in somebody's language.  body: lines of plain text."""

    title: str
    body: str


class Speaks(Protocol):
    """A language: `phrases.Phrases` is one."""

    def gettext(self, text: str, /) -> str: ...

    def ngettext(self, one: str, many: str, count: int, /) -> str: ...


ENGLISH: Speaks = NullTranslations()


def _t(text: str) -> str:
    """Mark a text for translators, and return it as it is."""
    return text


def _n(one: str, many: str) -> tuple[str, str]:
    """Mark a text with a number."""
    return one, many


_MORE = _t("See more on the guardian dashboard: %(desk)s")
_TEXTS: dict[EventKind, tuple[str, str]] = {
    EventKind.UNKNOWN_DEVICE: (
        _t("New device on your network"),
        _t("Guest rules apply until you say whose it is."),
    ),
    EventKind.UNKNOWN_MAC: (
        _t("A device has a new hardware address"),
        _t(
            "It uses the IP address of a device you know. It may be that device, or another one. "
            "Please check."
        ),
    ),
    EventKind.DEVICE_RECOGNISED: (
        _t("A device has been recognised"),
        _t("It now has the rules of the person it belongs to."),
    ),
    EventKind.PAUSE_BEGAN: (_t("A pause has started"), _t("%(who)s is paused.")),
    EventKind.PAUSE_ENDED: (_t("A pause has ended"), _t("%(who)s's pause has ended.")),
    EventKind.GRANT_GIVEN: (
        _t("Temporary access was given"),
        _t("%(who)s has temporary access, which ends on time."),
    ),
    EventKind.GRANT_ENDED: (
        _t("Temporary access has ended"),
        _t("%(who)s's temporary access has ended."),
    ),
    EventKind.TICKET_REDEEMED: (
        _t("A code for extra time was used"),
        _t("%(who)s used a code for %(minutes)s extra minutes."),
    ),
    EventKind.APPEAL_MADE: (
        _t("A child has sent a request"),
        _t("It is waiting for your answer."),
    ),
    EventKind.APPEAL_WAITING: (
        _t("A child is still waiting"),
        _t("A request has been waiting since yesterday. Please answer it."),
    ),
    EventKind.APPEAL_OVERDUE: (
        _t("A child has waited too long"),
        _t(
            "A request has been waiting for days. If it is low-risk, it is allowed until you "
            "answer."
        ),
    ),
    EventKind.APPEAL_DISPUTED: (
        _t("A child asks for a second opinion"),
        _t("A child disagrees with an answer. Someone else should take another look, or talk."),
    ),
    EventKind.APPEAL_ANSWERED: (
        _t("A request was answered"),
        _t("The child can read the answer."),
    ),
    EventKind.CLOCK_WRONG: (
        _t("The clock is wrong"),
        _t("copdns does not know the right time, so time rules cannot work as they should."),
    ),
    EventKind.CLOCK_RIGHT: (
        _t("The clock is right again"),
        _t("Time rules work as they should again."),
    ),
    EventKind.UPSTREAM_TROUBLE: (
        _t("DNS is not working"),
        _t("No DNS server answers. Your internet may be down. copdns will keep trying."),
    ),
    EventKind.UPSTREAM_WELL: (
        _t("DNS is working again"),
        _t("A DNS server answers again."),
    ),
    EventKind.LIST_TROUBLE: (
        _t("A blocklist is out of date"),
        _t("A list could not be downloaded for days. The last copy is still in use."),
    ),
    EventKind.LIST_WELL: (
        _t("Blocklists are up to date again"),
        _t("All lists could be downloaded."),
    ),
    EventKind.LIST_HELD: (
        _t("A new version of a blocklist is waiting for you"),
        _t(
            "It is very different from the one in use, so copdns has not taken it. Look at what "
            "changed, and accept or refuse it. Until then, the old version stays in use."
        ),
    ),
    EventKind.FACTS_HELD: (
        _t("Changes to helplines or never blocked sites are waiting for you"),
        _t(
            "A newer version would take something away, or change much at once, so copdns has not "
            "done that. Look at what would change, and decide. Until then, all stays as it is."
        ),
    ),
    EventKind.HOUSEHOLD_TROUBLE: (
        _t("The household's file is damaged"),
        _t(
            "Rules and pages still work, with the copy that copdns keeps. Open the dashboard to "
            "make a new file, and check the disk."
        ),
    ),
    EventKind.HOUSEHOLD_WELL: (
        _t("The household's file is in order again"),
        _t("copdns works with it again."),
    ),
    EventKind.SELF_TEST_TROUBLE: (
        _t("Something does not work as it should"),
        _t(
            "copdns tests itself. It found that safe search does not work for a search engine, or "
            "that a site would be blocked that nothing should block. The dashboard says which of "
            "the two, and what you can do."
        ),
    ),
    EventKind.SELF_TEST_WELL: (
        _t("All works as it should again"),
        _t("What copdns found when it tested itself is in order again."),
    ),
    EventKind.MISTAKE_AGAIN: (
        _t("A blocklist has repeated a mistake"),
        _t(
            "A list has brought back a mistake that you corrected. Your rule still allows the site."
        ),
    ),
    EventKind.FULL_LOG_ANNOUNCED: (
        _t("A full log was set up"),
        _t("For a few days, every site that %(who)s opens is recorded. %(who)s is told too."),
    ),
    EventKind.GUARDIANS_DISAGREE: (
        _t("Two guardians chose different settings"),
        _t("This is about %(who)s. Until you agree, the usual settings for this age apply."),
    ),
    EventKind.WANTS_TO_TALK: (
        _t("A child would like to talk"),
        _t(
            "A child said that something happened. Nothing else was asked, and nothing else is "
            "recorded."
        ),
    ),
    EventKind.PROPOSAL_DUE: (
        _t("Planned rules are due today"),
        _t("New rules were planned for %(who)s. Nothing changes until one of you applies them."),
    ),
    EventKind.ACCOUNT_ADDED: (_t("An account was added"), _t("%(account)s can log in.")),
    EventKind.ACCOUNT_REMOVED: (
        _t("An account was removed"),
        _t("%(account)s can no longer log in."),
    ),
    EventKind.ACCOUNT_CHANGED: (
        _t("An account was changed"),
        _t("%(account)s has a new way to log in."),
    ),
    EventKind.LOOKUPS_CHANGED: (
        _t("Where site names are looked up was changed"),
        _t("A guardian, or the settings on the server, chose who answers for some names or all."),
    ),
    EventKind.SITE_PROTECTED: (
        _t("A site is protected now"),
        _t("No list blocks it any more. You can undo this, or block it with a rule."),
    ),
    EventKind.BYPASS_NOTICED: (
        _t("A device may not be using the filter"),
        _t(
            "It is about a device of %(who)s. There can be other reasons, so ask and listen. "
            "%(who)s knows of this notice too, and nothing was blocked because of it."
        ),
    ),
    EventKind.TEST: (
        _t("This is a test"),
        _t("Nothing happened. Notices from copdns arrive here."),
    ),
}
_TIME_TITLES = {
    EventKind.TIME_WARNING: _t("Time is nearly up"),
    EventKind.TIME_CLOSED: _t("Time is up"),
    EventKind.TIME_OPENED: _t("A time rule no longer blocks"),
}
# Of a pause only warnings are told so: it has events of its own.
_TIME_BODIES = {
    (EventKind.TIME_WARNING, Reason.SCHEDULE): _t(
        "%(who)s: the schedule %(id)s starts blocking in %(minutes)s min."
    ),
    (EventKind.TIME_WARNING, Reason.BUDGET): _t(
        "%(who)s: the daily limit %(id)s is used up in %(minutes)s min."
    ),
    (EventKind.TIME_WARNING, Reason.PAUSED): _t("%(who)s: a pause starts in %(minutes)s min."),
    (EventKind.TIME_WARNING, Reason.GRANTED): _t(
        "%(who)s: temporary access ends in %(minutes)s min."
    ),
    (EventKind.TIME_CLOSED, Reason.SCHEDULE): _t("%(who)s: the schedule %(id)s is blocking now."),
    # Used up, or without minutes on this day.
    (EventKind.TIME_CLOSED, Reason.BUDGET): _t("%(who)s: the daily limit %(id)s is blocking now."),
    (EventKind.TIME_OPENED, Reason.SCHEDULE): _t(
        "%(who)s: the schedule %(id)s has stopped blocking."
    ),
    (EventKind.TIME_OPENED, Reason.BUDGET): _t("%(who)s: the daily limit %(id)s no longer blocks."),
}
_MORE_TIME = _t("more time")
_AGE_GROUP = _t("not in the right age group")


def build_notice(event: Event, desk: str, language: Speaks = ENGLISH) -> NoticeText:
    """Return what to tell.  desk: the address of the guardians' pages."""
    title, body = _text_of(event)
    told = event_json(event)
    values = {
        "who": told.get("profile", ""),
        "id": told.get("id", ""),
        "minutes": told.get("minutes", 0),
        "account": told.get("account", ""),
    }
    lines = (
        language.gettext(body) % values,
        _request_line(event, language),
        language.gettext(_MORE) % {"desk": desk},
    )
    return NoticeText(language.gettext(title), "\n".join(filter(None, lines)))


def text_without_names(event: Event, language: Speaks = ENGLISH) -> tuple[str, str]:
    """Return a title and a sentence that name nobody and nothing, for a screen that others see.

    Of a time event only warnings; of others only those whose text has no place for a name.
    """
    title, body = _text_of(event)
    if isinstance(event, TimeEvent):
        said = language.ngettext(*_SOMEONES_WARNING, event.minutes) % {"num": event.minutes}
        return language.gettext(title), said
    return language.gettext(title), language.gettext(body) % {}


_SOMEONES_WARNING = _n(
    "In %(num)d minute, something turns off for someone at home.",
    "In %(num)d minutes, something turns off for someone at home.",
)


def _text_of(event: Event) -> tuple[str, str]:
    if isinstance(event, TimeEvent):
        return _TIME_TITLES[event.kind], _TIME_BODIES[event.kind, event.reason]
    return _TEXTS[event.kind]


def _request_line(event: Event, language: Speaks) -> str:
    """Return whose an appeal is and about what, where the event was told so."""
    if not isinstance(event, AppealEvent) or not event.profile:
        return ""
    what = _AGE_GROUP if event.about == "age" else _MORE_TIME
    return f"{event.profile}: {shown_name(event.name) or language.gettext(what)}"


class NoticeThrottle:
    """How often somebody is told: the same once, and much of anything slowly.

    now: monotonic seconds.
    """

    def __init__(self) -> None:
        self._left = float(MAX_AT_ONCE)
        self._at: float | None = None
        self._told: OrderedDict[tuple[object, ...], float] = OrderedDict()
        self._suppressed = 0

    def allows(self, event: Event, now: float) -> bool:
        """Tell whether an event is told; what is too much is counted."""
        key = _event_key(event)
        if now - self._told.get(key, -SAME_WITHIN) < SAME_WITHIN:
            return False
        self._told[key] = now
        self._told.move_to_end(key)
        while len(self._told) > MAX_REMEMBERED:
            self._told.popitem(last=False)
        since = 0.0 if self._at is None else now - self._at
        self._left, self._at = min(MAX_AT_ONCE, self._left + since / ONE_MORE_EVERY), now
        if self._left < 1:
            self._suppressed += 1
            return False
        self._left -= 1
        return True

    def take_suppressed(self) -> int:
        """Return how many notices were held back since the last call, and count from 0 again."""
        count, self._suppressed = self._suppressed, 0
        return count


def _event_key(event: Event) -> tuple[object, ...]:
    """Return what makes two events the same: all but their moments.

    Of children who want to talk nothing else tells them apart.
    """
    moments = () if event.kind is EventKind.WANTS_TO_TALK else ("at", "until")
    return tuple(each for key, each in event_json(event).items() if key not in moments)


def with_suppressed(text: NoticeText, count: int, language: Speaks = ENGLISH) -> NoticeText:
    """Add how many notices were not sent since the last one."""
    if not count:
        return text
    more = language.ngettext(*_UNSAID, count) % {"num": count}
    return text._replace(body=f"{text.body}\n{more}")


_UNSAID = _n(
    "%(num)d more notice came too soon after the others and was not sent.",
    "%(num)d more notices came too soon after the others and were not sent.",
)
