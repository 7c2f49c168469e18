"""What a browser is told of an event: a line or two, for how long it matters, and how urgent it is.

No name of a site, of a person or of a device stands in it: a screen shows it to whoever looks, and
it waits at a push service, though encrypted.  Texts are English ones of the catalogue, put into the
browser's language by whoever sends them.  Pure: `push_sender.py` sends.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import NamedTuple

from copdns.events.notices import Speaks, text_without_names
from copdns.model.events import Event, EventKind, TimeEvent
from copdns.model.push import PushKind, PushSubscription

MINUTE, HOUR, DAY = 60, 3600, 86_400

PUSHED = {
    EventKind.APPEAL_MADE: PushKind.REQUESTS,
    EventKind.APPEAL_WAITING: PushKind.REQUESTS,
    EventKind.APPEAL_OVERDUE: PushKind.REQUESTS,
    EventKind.APPEAL_DISPUTED: PushKind.REQUESTS,
    EventKind.WANTS_TO_TALK: PushKind.REQUESTS,
    EventKind.APPEAL_ANSWERED: PushKind.ANSWERS,
    EventKind.TIME_WARNING: PushKind.WARNINGS,
    EventKind.UNKNOWN_DEVICE: PushKind.DEVICES,
    EventKind.UNKNOWN_MAC: PushKind.DEVICES,
}
TEST = "test"  # what somebody sends to try whether notices arrive: it replaces no other
# Seconds for which a push service keeps a message for a browser that is not there (RFC 8030 section
# 5.2); of a warning just the minutes that are left.
_KEPT_FOR = {PushKind.REQUESTS: DAY, PushKind.ANSWERS: DAY, PushKind.DEVICES: 6 * HOUR}
# RFC 8030 section 5.3: "high" reaches a phone that sleeps.
_URGENCIES = {
    PushKind.REQUESTS: "high",
    PushKind.ANSWERS: "normal",
    PushKind.WARNINGS: "high",
    PushKind.DEVICES: "low",
}
_GUARDIANS_PAGES = {
    PushKind.REQUESTS: "/guardian/inbox",
    PushKind.ANSWERS: "/guardian/inbox",
    PushKind.WARNINGS: "/guardian/time",
    PushKind.DEVICES: "/guardian/devices",
}


class PushMessage(NamedTuple):
    """What is sent for one browser.

    kind: of the event; a later message of it replaces one that was not shown yet.  path: the page
    that a tap opens.  ttl: seconds for which it matters.  urgency: of RFC 8030.
    """

    kind: PushKind | str
    title: str
    body: str
    path: str
    ttl: int
    urgency: str

    def text(self, tag: str, direction: str) -> str:
        """Return it as JSON, as web-ui/static/worker.js reads it.

        tag: of the language (RFC 5646).  direction: "ltr" or "rtl".
        """
        told = {
            "title": self.title,
            "body": self.body,
            "tag": str(self.kind),
            "path": self.path,
            "lang": tag,
            "dir": direction,
        }
        return json.dumps(told, ensure_ascii=False)


def topic_of(subscription: PushSubscription, kind: PushKind | str) -> str:
    """Return the name under which a push service replaces a waiting message (RFC 8030 section 5.4):
    at most 32 letters of base64url, from which nobody learns what it is about."""
    return sha256(f"{subscription.id} {kind}".encode()).hexdigest()[:32]


def build_message(event: Event, *, is_childs: bool, language: Speaks) -> PushMessage:
    """Return what to tell of an event whose kind is in PUSHED.

    is_childs: for the child whom it is about; else for guardians.
    """
    kind = PUSHED[event.kind]
    title, body = (_childs_text if is_childs else text_without_names)(event, language)
    page = "/" if is_childs else _GUARDIANS_PAGES[kind]
    if event.kind is EventKind.WANTS_TO_TALK:
        page = "/guardian/notices"
    ttl = event.minutes * MINUTE if isinstance(event, TimeEvent) else _KEPT_FOR[kind]
    return PushMessage(kind, title, body, page, ttl, _URGENCIES[kind])


def build_test(language: Speaks) -> PushMessage:
    """Return a message by which a guardian sees that notices arrive."""
    title, body = language.gettext(_TEST), language.gettext(_TEST_MORE)
    return PushMessage(TEST, title, body, "/guardian/app", MINUTE, "high")


def _childs_text(event: Event, language: Speaks) -> tuple[str, str]:
    if not isinstance(event, TimeEvent):
        return language.gettext(_ANSWER), language.gettext(_ANSWER_MORE)
    title = language.ngettext(*_MINUTES_LEFT, event.minutes) % {"num": event.minutes}
    return title, language.gettext(_ALL_ENDS if event.everything else _SOME_ENDS)


def _t(text: str) -> str:
    """Mark a text for translators, and return it as it is."""
    return text


def _n(one: str, many: str) -> tuple[str, str]:
    """Mark a text with a number."""
    return one, many


_TEST = _t("A test")
_TEST_MORE = _t("Notices arrive in this browser.")
_MINUTES_LEFT = _n("%(num)d minute left", "%(num)d minutes left")
_ALL_ENDS = _t("Then the internet turns off. Your page says for how long.")
_SOME_ENDS = _t("Then something turns off. Your page says what.")
_ANSWER = _t("You have an answer")
_ANSWER_MORE = _t("Open your page to read it.")
