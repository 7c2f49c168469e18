"""Say a verdict to the child: why, until when, and what can be done, at three levels.

Each sentence is a phrase of the catalogue with its placeholders; the page translates it
(`sentence`).  Nothing here blames, and nothing names a person or a device.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from copdns.model import sentences
from copdns.model.verdict import SCHOOL, Reason, StepNumber, Verdict
from copdns.time.own_timers import OWN
from copdns.words.levels import Level
from copdns.words.phrases import Phrase, Phrases

STARTER = sentences.sentence("starter list (%(what)s)")  # a list that ships, and what it is about
SERVICES = sentences.sentence("apps and services (%(what)s)")  # those of a category, as a list


class Said(NamedTuple):
    """A phrase, and the values of its placeholders as the verdict has them.

    values: by placeholder: category, service, list (slugs), name (a domain or a rule), time (the
    verdict's `ends_text`).
    """

    phrase: Phrase
    values: Mapping[str, str]


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


def why(verdict: Verdict, level: Level) -> Said:
    """Return the reason of a verdict in one sentence."""
    said = said_of(REASONS[key_of(verdict)].at(level), verdict)
    if level is Level.FULL or "name" not in said.values:
        return said
    # "=" and "*." before a name say nothing to a child.
    name = said.values["name"].removeprefix("=").removeprefix("*.")
    return said._replace(values={**said.values, "name": name})


def until(verdict: Verdict, level: Level) -> Said | None:
    """Return when it opens again, where that is known."""
    return said_of(_UNTIL.at(level), verdict) if verdict.blocks and verdict.ends_text else None


def hop(verdict: Verdict, level: Level) -> Said | None:
    """Return that not the name asked for was meant, but where it leads."""
    if not verdict.blocks or not verdict.via:
        return None
    return Said(_HOP.at(level), {"name": verdict.via})


def what_next(verdict: Verdict, level: Level) -> Said | None:
    """Return what the child can do about it; None where nothing is closed."""
    if not verdict.blocks and verdict.reason not in _CLOSED_ELSEWHERE:
        return None
    return said_of(_NEXT.get(verdict.reason, _ASK).at(level), verdict)


def category_name(slug: str, level: Level = Level.FULL) -> Phrase | None:
    """Return what a category is called; None for one that is not bundled."""
    found = CATEGORIES.get(slug)
    simple = None if level is Level.FULL else SIMPLE_NAMES.get(slug)
    return simple or (found and found[0])


def about_category(slug: str) -> Phrase | None:
    """Return in one plain sentence what a category is about."""
    found = CATEGORIES.get(slug)
    return found and found[1]


def is_for_adults(verdict: Verdict) -> bool:
    """Tell whether a category blocks that a child should not be led to ask for."""
    return verdict.reason is Reason.CATEGORY and verdict.category in _FOR_ADULTS


Title = Callable[[str, str], str]


def sentence(
    said: Said,
    phrases: Phrases,
    title: Title,
    now: float,
    zone: str,
    called: Callable[[str], Phrase | None] = category_name,
) -> str:
    """Return what is said in a language.

    title: gives the title of a service or list from its kind ("service", "list", or "category"
        for one of the household's own) and slug.  now, zone: for saying "07:00" or "Tuesday 07:00".
    called: gives the name of a category, for its reader.
    """

    def value_text(kind: str, value: str) -> str:
        if kind == "time":
            return phrases.ends(value, now, zone)
        if kind == "category":
            name = called(value)
            return phrases.pgettext(*name) if name else title(kind, value)
        return value if kind == "name" else title(kind, value)

    return phrases.say(
        said.phrase, **{kind: value_text(kind, each) for kind, each in said.values.items()}
    )


def said_of(phrase: Phrase, verdict: Verdict) -> Said:
    """Return a phrase with what the verdict has for its placeholders."""
    known = {
        "category": verdict.category,
        "service": verdict.service,
        "list": verdict.list,
        "name": verdict.rule,
        "time": verdict.ends_text,
    }
    return Said(
        phrase, {kind: value for kind, value in known.items() if f"%({kind})s" in phrase.text}
    )


def key_of(verdict: Verdict) -> Key:
    """Return by which key the sentences of a verdict stand in `REASONS`."""
    reason = verdict.reason
    if verdict.no_minutes:
        return reason, "none"
    if reason in (Reason.SCHEDULE, Reason.BUDGET):
        return reason, _about(verdict)
    if reason is Reason.RULE:
        return reason, "blocks" if verdict.blocks else "allows"
    if reason is Reason.SECURITY and verdict.category == "phishing":
        return reason, "phishing"
    if reason is Reason.CATEGORY and verdict.list == f"starter-{verdict.category}":
        return reason, "built-in"
    if reason is Reason.CONTACT:
        return reason, verdict.contact
    if verdict.is_exception:
        return reason, "exception"
    if reason is Reason.PAUSED and verdict.period == OWN:
        return reason, OWN
    if reason is Reason.LOCAL and verdict.target:
        return reason, "elsewhere"
    if reason is Reason.PROTECTED and verdict.category == SCHOOL:
        return reason, "school"
    return reason, ""


def _about(verdict: Verdict) -> str:
    """Return what a schedule or a budget is about, as the key of its sentence."""
    if verdict.category:
        return "category"
    if verdict.service:
        return "service"
    return "name" if verdict.rule else "all"


_UNTIL = Three(
    Phrase("pictures", "It is back: %(time)s."),
    Phrase("plain", "It comes back on: %(time)s."),
    Phrase("full", "Back on: %(time)s."),
)
_HOP = Three(
    Phrase("pictures", "This site sends you to another site: %(name)s."),
    Phrase("plain", "This site sends you to another one, and that one is blocked: %(name)s."),
    Phrase("full", "This site is not on the list, but it points to one that is: %(name)s."),
)

_ASK = Three(
    Phrase("pictures", "You can ask a grown-up to unblock it."),
    Phrase("plain", "If you need it, ask here. If nobody answers, we will remind the grown-ups."),
    Phrase(
        "full",
        "You can ask to unblock it here. If nobody answers, we'll remind your parents or "
        "guardians.",
    ),
)
_MORE_TIME = Three(
    Phrase("pictures", "You can wait. You can ask for more time."),
    Phrase("plain", "You can wait until it is back on, or ask for more time."),
    Phrase("full", "You can wait until it is back on, or ask for more time and say why."),
)
_TAKE_CARE = Three(
    Phrase("pictures", "Close the page. Tell a grown-up. You did nothing wrong."),
    Phrase(
        "plain", "Do not type in a password. If you know this site is fine, tell a grown-up here."
    ),
    Phrase(
        "full",
        "Do not enter a password or download anything there. Lists get things wrong: if this is a "
        "mistake, say so here.",
    ),
)
_ELSEWHERE = Three(
    Phrase("pictures", "Tell a grown-up. They can find out more."),
    Phrase("plain", "Your family did not block this. A grown-up can ask who did."),
    Phrase(
        "full",
        "This was not decided at home, so it cannot be unblocked here. The person who runs your "
        "network can ask who blocked it.",
    ),
)
_NAME_THE_DEVICE = Three(
    Phrase("pictures", "Ask a grown-up to add this device."),
    Phrase("plain", "Ask a grown-up to add this device to your home."),
    Phrase("full", "Ask the person who runs your network to add this device."),
)
_FOR_ADULTS = {"adult", "gambling", "drugs", "dating", "violence", "self_harm", "piracy"}
# Not by a block of ours, and yet the page does not open.
_CLOSED_ELSEWHERE = {Reason.NOT_A_CLIENT, Reason.UPSTREAM_FILTERED}
_NEXT = {
    Reason.PAUSED: _MORE_TIME,
    Reason.SCHEDULE: _MORE_TIME,
    Reason.BUDGET: _MORE_TIME,
    Reason.SECURITY: _TAKE_CARE,
    Reason.REBINDING: _TAKE_CARE,
    Reason.LEGAL: _ELSEWHERE,
    Reason.UPSTREAM_FILTERED: _ELSEWHERE,
    Reason.NOT_A_CLIENT: _NAME_THE_DEVICE,
}

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
    Phrase("pictures", "A grown-up blocked %(name)s, so this does not open."),
    Phrase("plain", "A grown-up at home blocked this site: %(name)s."),
    Phrase("full", "Someone at home set a rule that blocks it: %(name)s."),
)
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
    Phrase("pictures", "This site is blocked. The reason: %(category)s."),
    Phrase("plain", "This site is blocked. The reason: %(category)s."),
    Phrase("full", "Blocked: %(category)s. It's on the filter's own list."),
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
        Phrase("pictures", "A grown-up blocked this: %(service)s."),
        Phrase("plain", "A grown-up at home blocked this: %(service)s."),
        Phrase("full", "The rules at home block %(service)s."),
    ),
    Reason.CATEGORY: Three(
        Phrase("pictures", "This site is blocked. The reason: %(category)s."),
        Phrase("plain", "This site is blocked. The reason: %(category)s."),
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

# What each category is called, and what it is about, so that a child of any age can follow.
CATEGORIES: Mapping[str, tuple[Phrase, Phrase]] = {
    "malware": (
        Phrase("category", "Viruses"),
        Phrase("about a category", "Sites that put viruses and other bad programs on a device."),
    ),
    "phishing": (
        Phrase("category", "Fake sites"),
        Phrase(
            "about a category", "Sites that pretend to be another site to get passwords or money."
        ),
    ),
    "adult": (
        Phrase("category", "For adults only"),
        Phrase("about a category", "Pictures, films and stories about sex, made for adults."),
    ),
    "gambling": (
        Phrase("category", "Gambling"),
        Phrase("about a category", "Most people who bet lose their money."),
    ),
    "drugs": (
        Phrase("category", "Drugs"),
        Phrase(
            "about a category", "Shops and tips for drugs. Sites that give help are never blocked."
        ),
    ),
    "violence": (
        Phrase("category", "Violence and hate"),
        Phrase("about a category", "Sites like these can make people feel scared or sad."),
    ),
    "self_harm": (
        Phrase("category", "Self-harm"),
        Phrase(
            "about a category",
            "If you feel very sad, tell someone you trust. Sites that give help are never blocked.",
        ),
    ),
    "dating": (
        Phrase("category", "Dating for adults"),
        Phrase("about a category", "Sites where adults look for a partner."),
    ),
    "chat": (
        Phrase("category", "Chat with strangers"),
        Phrase("about a category", "Sites where you talk with people you do not know."),
    ),
    "social": (
        Phrase("category", "Social media"),
        Phrase("about a category", "Sites where people share things and follow each other."),
    ),
    "games": (
        Phrase("category", "Games"),
        Phrase("about a category", "Games on the internet, and the shops for them."),
    ),
    "piracy": (
        Phrase("category", "Pirated films and games"),
        Phrase("about a category", "Sites like these can harm your device."),
    ),
    "ads": (
        Phrase("category", "Ads and trackers"),
        Phrase("about a category", "Ads, and companies that record which sites people use."),
    ),
    "bypass": (
        Phrase("category", "Ways to get around the rules"),
        Phrase(
            "about a category", "Sites and programs that help people get around the rules at home."
        ),
    ),
}

# What some categories are called for children up to 12, who do not know the usual word.
SIMPLE_NAMES: Mapping[str, Phrase] = {
    "malware": Phrase("category for children", "Sites with viruses"),
    "adult": Phrase("category for children", "For grown-ups only"),
    "gambling": Phrase("category for children", "Betting money"),
    "violence": Phrase("category for children", "Cruel or hateful sites"),
    "self_harm": Phrase("category for children", "Sites that make sad people feel even sadder"),
    "dating": Phrase("category for children", "Dating for grown-ups"),
    "chat": Phrase("category for children", "Chat rooms"),
    "piracy": Phrase("category for children", "Stolen films and games"),
}


# What is asked in each step of the order (docs/decision.md), for those who read everything.
STEPS: Mapping[StepNumber, Phrase] = {
    StepNumber.ACCESS: Phrase("step", "Is this device on a network that we serve?"),
    StepNumber.LOCAL: Phrase("step", "Is it a name on your home network, or a special one?"),
    StepNumber.LEGAL: Phrase("step", "Did a public body order something about it?"),
    StepNumber.PROTECTED: Phrase("step", "Is it protected, so that nobody can block it?"),
    StepNumber.SECURITY: Phrase("step", "Can it harm your device?"),
    StepNumber.GRANTS: Phrase("step", "Have you been allowed to use it for a while?"),
    StepNumber.PAUSE: Phrase("step", "Is the internet paused?"),
    StepNumber.SCHEDULES: Phrase("step", "Is it off at this time of day?"),
    StepNumber.BUDGETS: Phrase("step", "Is today's time for it used up?"),
    StepNumber.RULES: Phrase("step", "Did someone at home set a rule for it?"),
    StepNumber.BYPASS: Phrase("step", "Is it a way around the rules?"),
    StepNumber.SERVICES: Phrase("step", "Is it part of a blocked app or service?"),
    StepNumber.CATEGORIES: Phrase("step", "Is it in a blocked category?"),
    StepNumber.SAFE_SEARCH: Phrase("step", "Is it a search engine?"),
    StepNumber.DEFAULT: Phrase("step", "What is the rule for all other sites?"),
}

# On which days something holds, by the words of schedules and budgets, in the order of telling.
DAYS: Mapping[str, Phrase] = {
    "daily": Phrase("on days", "every day"),
    "school": Phrase("on days", "on school days"),
    "school_night": Phrase("on days", "on the evening before school"),
    "free_night": Phrase("on days", "on evenings with no school the next day"),
    "weekend": Phrase("on days", "at weekends"),
    "holiday": Phrase("on days", "in the holidays"),
    "mon": Phrase("on days", "on Mondays"),
    "tue": Phrase("on days", "on Tuesdays"),
    "wed": Phrase("on days", "on Wednesdays"),
    "thu": Phrase("on days", "on Thursdays"),
    "fri": Phrase("on days", "on Fridays"),
    "sat": Phrase("on days", "on Saturdays"),
    "sun": Phrase("on days", "on Sundays"),
}

# In which weeks a schedule holds that does not hold in each, and which week this is.
EVERY_SECOND_WEEK = Phrase("weeks", "every second week")
THIS_WEEK = Phrase("weeks", "this week")
NEXT_WEEK = Phrase("weeks", "next week")
WEEKS_UNTIL = Phrase("weeks", "until %(day)s")  # the last day on which it holds
WEEKS_FROM = Phrase("weeks", "from %(day)s")  # the first day on which it holds again


def every_three() -> tuple[Three, ...]:
    """Return all that can be said of a verdict, for tests and translators."""
    return (_UNTIL, _HOP, _ASK, *_NEXT.values(), *REASONS.values())
