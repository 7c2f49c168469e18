"""Why a verdict is what it is, as a child reads it: a sentence for each reason, at three levels.

`words/child.py` chooses among them and fills them in.  Nothing here blames, and nothing names a
person or a device.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from copdns.model.verdict import Reason
from copdns.time.own_timers import OWN
from copdns.words.levels import Level
from copdns.words.phrases import Phrase


class Three(NamedTuple):
    """One text at the three levels."""

    pictures: Phrase
    plain: Phrase
    full: Phrase

    def at(self, level: Level) -> Phrase:
        """Return the text of a level."""
        return self[_PLACE[level]]


# A reason, and in which of its cases: what a schedule is about, whether a rule opens; "" for all.
Key = tuple[Reason, str]

_PLACE = {Level.PICTURES: 0, Level.PLAIN: 1, Level.FULL: 2}

_SCHEDULE = {
    "all": Three(
        Phrase("pictures", "The internet is off right now."),
        Phrase("plain", "The internet is off for you at this time of day."),
        Phrase("full", "Your schedule turns the internet off at this time."),
    ),
    "category": Three(
        Phrase("pictures", "This is off right now: %(category)s."),
        Phrase("plain", "This is off for you at this time of day: %(category)s."),
        Phrase("full", "Your schedule blocks this at this time: %(category)s."),
    ),
    "service": Three(
        Phrase("pictures", "This is off right now: %(service)s."),
        Phrase("plain", "This is off for you at this time of day: %(service)s."),
        Phrase("full", "Your schedule blocks this at this time: %(service)s."),
    ),
    "name": Three(
        Phrase("pictures", "This site is off right now: %(name)s."),
        Phrase("plain", "This site is off for you at this time of day: %(name)s."),
        Phrase("full", "Your schedule blocks this site at this time: %(name)s."),
    ),
}
_BUDGET = {
    "all": Three(
        Phrase("pictures", "Your time is up for today."),
        Phrase("plain", "You have used all your internet time for today."),
        Phrase("full", "You've used all your internet time for today."),
    ),
    "category": Three(
        Phrase("pictures", "Your time is up for today: %(category)s."),
        Phrase("plain", "You have used all your time for today: %(category)s."),
        Phrase("full", "You've used today's limit: %(category)s."),
    ),
    "service": Three(
        Phrase("pictures", "Your time is up for today: %(service)s."),
        Phrase("plain", "You have used all your time for today: %(service)s."),
        Phrase("full", "You've used today's limit: %(service)s."),
    ),
    "name": Three(
        Phrase("pictures", "Your time on this site is up for today: %(name)s."),
        Phrase("plain", "You have used all your time for this site today: %(name)s."),
        Phrase("full", "You've used today's limit: %(name)s."),
    ),
}
_NO_MINUTES = Three(
    Phrase("pictures", "There is no time for this today."),
    Phrase("plain", "Your limit gives you no time for this today."),
    Phrase("full", "Your daily limit gives you no minutes for this today."),
)
_RULE_BLOCKS = Three(
    Phrase("pictures", "A grown-up blocked %(name)s."),
    Phrase("plain", "A grown-up at home blocked %(name)s."),
    Phrase("full", "Someone at home set a rule that blocks it: %(name)s."),
)
# The same for rules that are about less, by how they begin.
NARROW_RULES: Mapping[str, Three] = {
    "=": Three(
        Phrase("pictures", "A grown-up blocked this site: %(name)s."),
        Phrase("plain", "A grown-up at home blocked this site: %(name)s."),
        _RULE_BLOCKS.full,
    ),
    "*": Three(
        Phrase("pictures", "A grown-up blocked parts of %(name)s."),
        Phrase("plain", "A grown-up at home blocked parts of %(name)s."),
        _RULE_BLOCKS.full,
    ),
}
_RULE_ALLOWS = Three(
    Phrase("pictures", "A grown-up said you can use this site."),
    Phrase("plain", "A grown-up at home allowed this site: %(name)s."),
    Phrase("full", "Someone at home set a rule that allows it: %(name)s."),
)
_PHISHING = Three(
    Phrase("pictures", "This is a fake site."),
    Phrase("plain", "This is a fake site. It wants your passwords or your money."),
    Phrase(
        "full",
        "This is a fake site that tries to steal passwords or money. It is on this list: %(list)s.",
    ),
)
_BUILT_IN = Three(
    Phrase("pictures", "This kind of site is blocked: %(category)s."),
    Phrase("plain", "This kind of site is blocked: %(category)s."),
    Phrase("full", "Blocked: %(category)s. It's on a list that comes with the filter."),
)
_CONTACT = {
    "strangers": Three(
        Phrase("pictures", "Blocked: %(service)s. Strangers can message you there."),
        Phrase(
            "plain",
            "Blocked for you: %(service)s. People you do not know can write to you there.",
        ),
        Phrase(
            "full",
            "Your rules block services where strangers can contact you, such as this one: "
            "%(service)s.",
        ),
    ),
    "known": Three(
        Phrase("pictures", "Blocked: %(service)s. You can write with people there."),
        Phrase("plain", "Blocked for you: %(service)s. People you know can write to you there."),
        Phrase(
            "full",
            "Your rules block services where people you know can contact you, such as this one: "
            "%(service)s.",
        ),
    ),
    # A kind that is not known any more, as of a service that the household removed.
    "": Three(
        Phrase("pictures", "Blocked: %(service)s. People can message you there."),
        Phrase("plain", "Blocked for you: %(service)s. Other people can write to you there."),
        Phrase("full", "Your rules block this because of who can contact you there: %(service)s."),
    ),
}
_REWRITTEN = Three(
    Phrase("pictures", "Your family sends this site to another place."),
    Phrase("plain", "Your home network sends this site somewhere else."),
    Phrase("full", "Your home network sends this name to another address."),
)

_SCHOOL = Three(
    Phrase("pictures", "A grown-up made sure that you can use this."),
    Phrase("plain", "A grown-up at home protects this site, so no list blocks it."),
    Phrase("full", "Someone at home protects this site, so no list blocks it."),
)

_EXCEPTION = Three(
    Phrase("pictures", "A grown-up said you can use %(service)s."),
    Phrase(
        "plain",
        "You can use %(service)s, although people can write to you there. A grown-up chose that.",
    ),
    Phrase(
        "full",
        "Allowed for you as an exception, although people can contact you there: %(service)s.",
    ),
)

_ALWAYS: Mapping[Reason, Three] = {
    Reason.NOT_A_CLIENT: Three(
        Phrase("pictures", "We do not know this device yet."),
        Phrase("plain", "This device has not been added to your home yet."),
        Phrase("full", "This device is not on a network that we serve."),
    ),
    Reason.LOCAL: Three(
        Phrase("pictures", "This is a page from your own home."),
        Phrase("plain", "This is something on your home network."),
        Phrase("full", "This is a name on your home network, or a special one."),
    ),
    Reason.CANARY: Three(
        Phrase("pictures", "Your device asks if your home has rules. It does."),
        Phrase("plain", "Your device asks if your home has rules. It does."),
        Phrase(
            "full",
            "Your browser or phone asks here if it may skip the home filter. The answer is no.",
        ),
    ),
    Reason.LEGAL: Three(
        Phrase("pictures", "This site is blocked for everyone."),
        Phrase("plain", "This site is blocked for everyone by law."),
        Phrase("full", "A public body ordered this site to be blocked for everyone."),
    ),
    Reason.PROTECTED: Three(
        Phrase("pictures", "This site always works. Nobody can block it."),
        Phrase("plain", "This site always works. Nobody can block it."),
        Phrase("full", "This site is protected: nobody can block it."),
    ),
    Reason.SECURITY: Three(
        Phrase("pictures", "This site can harm your device."),
        Phrase("plain", "This site can harm your device or steal from you."),
        Phrase("full", "This site can harm your device. It is on this list: %(list)s."),
    ),
    Reason.GRANTED: Three(
        Phrase("pictures", "You can use this for a while."),
        Phrase("plain", "You can use this for a while."),
        Phrase("full", "You've been allowed to use this for a while."),
    ),
    Reason.PAUSED: Three(
        Phrase("pictures", "A grown-up paused the internet."),
        Phrase("plain", "A grown-up paused the internet for you."),
        Phrase("full", "Someone at home paused the internet for you."),
    ),
    Reason.BYPASS: Three(
        Phrase("pictures", "This site helps people skip the rules at home."),
        Phrase("plain", "This site is a way to get around the rules at home."),
        Phrase("full", "This is a way around the home filter, such as a VPN or a proxy."),
    ),
    Reason.SERVICE: Three(
        Phrase("pictures", "A grown-up blocked %(service)s."),
        Phrase("plain", "A grown-up at home blocked %(service)s."),
        Phrase("full", "Someone at home blocked %(service)s."),
    ),
    Reason.CATEGORY: Three(
        Phrase("pictures", "This kind of site is blocked: %(category)s."),
        Phrase("plain", "This kind of site is blocked: %(category)s."),
        Phrase("full", "Blocked: %(category)s. It's on this list: %(list)s."),
    ),
    Reason.SAFE_SEARCH: Three(
        Phrase("pictures", "Your search leaves out things for grown-ups."),
        Phrase("plain", "This search leaves out pages and pictures for adults."),
        Phrase("full", "SafeSearch is on for this search engine."),
    ),
    Reason.NO_SAFE_SEARCH: Three(
        Phrase("pictures", "This search shows things for grown-ups."),
        Phrase("plain", "This search cannot leave out pages for adults."),
        Phrase("full", "Safe search cannot be turned on here, so this engine is blocked for you."),
    ),
    Reason.DEFAULT: Three(
        Phrase("pictures", "You can use this site."),
        Phrase("plain", "No rule blocks this site. You can use it."),
        Phrase("full", "Nothing blocks this site for you."),
    ),
    Reason.NOT_ON_ALLOWLIST: Three(
        Phrase("pictures", "This site is not on your list yet."),
        Phrase("plain", "This site is not on your list of allowed sites."),
        Phrase("full", "You can only use sites on your allowed list, and this one is not on it."),
    ),
    Reason.ADDRESS: Three(
        Phrase("pictures", "A grown-up blocked the place where this site lives."),
        Phrase("plain", "A grown-up blocked the address of this site: %(name)s."),
        Phrase("full", "This site is at an address that a rule at home blocks: %(name)s."),
    ),
    Reason.REBINDING: Three(
        Phrase("pictures", "This site tries to reach things in your home."),
        Phrase("plain", "This site tries to reach devices in your home."),
        Phrase("full", "This outside site points to a device inside your home."),
    ),
    Reason.UPSTREAM_FILTERED: Three(
        Phrase("pictures", "Someone outside your home blocked this site."),
        Phrase("plain", "Someone outside your home blocked this site, not your family."),
        Phrase(
            "full",
            "A service outside your home blocked this site. Your family did not.",
        ),
    ),
}

_OWN_TIMER = Three(
    Phrase("pictures", "You set a timer, and this is off."),
    Phrase("plain", "You set a timer, and this is off now."),
    Phrase("full", "You turned this off with your own timer."),
)

REASONS: Mapping[Key, Three] = {
    **{(reason, ""): three for reason, three in _ALWAYS.items()},
    **{(Reason.SCHEDULE, about): three for about, three in _SCHEDULE.items()},
    **{(Reason.BUDGET, about): three for about, three in _BUDGET.items()},
    **{(Reason.CONTACT, kind): three for kind, three in _CONTACT.items()},
    (Reason.BUDGET, "none"): _NO_MINUTES,
    (Reason.RULE, "blocks"): _RULE_BLOCKS,
    (Reason.RULE, "allows"): _RULE_ALLOWS,
    (Reason.SECURITY, "phishing"): _PHISHING,
    (Reason.CATEGORY, "built-in"): _BUILT_IN,
    (Reason.LOCAL, "elsewhere"): _REWRITTEN,
    (Reason.PROTECTED, "school"): _SCHOOL,
    (Reason.DEFAULT, "exception"): _EXCEPTION,
    (Reason.PAUSED, OWN): _OWN_TIMER,
}
