"""Say a verdict to the child: why, until when, and what can be done, at three levels.

Each sentence is a phrase of the catalogue with its placeholders; the page translates it
(`sentence`).  Nothing here blames, and nothing names a person or a device.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from copdns.model import sentences
from copdns.model.verdict import Reason, StepNumber, Verdict
from copdns.words.levels import Level
from copdns.words.phrases import Phrase, Phrases

STARTER = sentences.sentence("starter list (%(what)s)")  # a list that ships, and what it is about


class Said(NamedTuple):
    """A phrase and what belongs into it, as the verdict has it.

    values: by placeholder: category, service, list (slugs), name (a domain or a rule), time (the
    verdict's `ends`).
    """

    phrase: Phrase
    values: Mapping[str, str]


class Three(NamedTuple):
    """One thing said at the three levels."""

    pictures: Phrase
    plain: Phrase
    full: Phrase

    def at(self, level: Level) -> Phrase:
        return self[_PLACE[level]]


# A reason, and in which of its cases: what a schedule is about, whether a rule opens; "" for all.
Key = tuple[Reason, str]

_PLACE = {Level.PICTURES: 0, Level.PLAIN: 1, Level.FULL: 2}


def why(verdict: Verdict, level: Level) -> Said:
    """Return the reason of a verdict in one sentence."""
    return said_of(REASONS[key_of(verdict)].at(level), verdict)


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


def category_name(slug: str) -> Phrase | None:
    """Return what a category is called; None for one that is not bundled."""
    found = CATEGORIES.get(slug)
    return found and found[0]


def about_category(slug: str) -> Phrase | None:
    """Return in one plain sentence what a category is about."""
    found = CATEGORIES.get(slug)
    return found and found[1]


Title = Callable[[str, str], str]


def sentence(said: Said, phrases: Phrases, title: Title, now: float, zone: str) -> str:
    """Return what is said in a language.

    title: gives the title of a service or list from its kind ("service", "list", or "category"
        for one of the household's own) and slug.  now, zone: for saying "07:00" or "Tuesday 07:00".
    """

    def shown(kind: str, value: str) -> str:
        if kind == "time":
            return phrases.ends(value, now, zone)
        if kind == "category":
            name = category_name(value)
            return phrases.pgettext(*name) if name else title(kind, value)
        return value if kind == "name" else title(kind, value)

    return phrases.say(
        said.phrase, **{kind: shown(kind, each) for kind, each in said.values.items()}
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
    if reason in (Reason.SCHEDULE, Reason.BUDGET):
        return reason, _about(verdict)
    if reason is Reason.RULE:
        return reason, "blocks" if verdict.blocks else "allows"
    if reason is Reason.SECURITY and verdict.category == "phishing":
        return reason, "phishing"
    if reason is Reason.LOCAL and verdict.target:
        return reason, "elsewhere"
    return reason, ""


def _about(verdict: Verdict) -> str:
    """Return what a schedule or a budget is about, as the key of its sentence."""
    if verdict.category:
        return "category"
    if verdict.service:
        return "service"
    return "name" if verdict.rule else "all"


_UNTIL = Three(
    Phrase("pictures", "It opens again: %(time)s."),
    Phrase("plain", "It opens again: %(time)s."),
    Phrase("full", "It opens again: %(time)s."),
)
_HOP = Three(
    Phrase("pictures", "The page wants to take you to another place: %(name)s."),
    Phrase("plain", "This name leads to another one, and that one is closed: %(name)s."),
    Phrase("full", "The name itself is not listed; it leads to another that is: %(name)s."),
)

_ASK = Three(
    Phrase("pictures", "You can ask a grown-up to open it."),
    Phrase("plain", "If you need it, ask for it here. You will get an answer, and a reason."),
    Phrase("full", "You can ask for it here. You will get an answer with a reason."),
)
_MORE_TIME = Three(
    Phrase("pictures", "You can wait. You can ask for more time."),
    Phrase("plain", "You can wait until it opens, or ask for more time."),
    Phrase("full", "You can wait until it opens, or ask for more time and say what for."),
)
_TAKE_CARE = Three(
    Phrase("pictures", "Close the page. Tell a grown-up. You did nothing wrong."),
    Phrase("plain", "Do not type in a password. If you know the page well, say it is a mistake."),
    Phrase(
        "full",
        "Do not enter a password or download anything there. Lists make mistakes: if this is one, "
        "say so here.",
    ),
)
_ELSEWHERE = Three(
    Phrase("pictures", "Tell a grown-up. They can find out more."),
    Phrase("plain", "Your home did not close this. A grown-up can ask those who did."),
    Phrase(
        "full",
        "This was not decided at home, so it cannot be opened here. The person who looks after the "
        "network can ask those who decided it.",
    ),
)
_NAME_THE_DEVICE = Three(
    Phrase("pictures", "Ask a grown-up to add this device."),
    Phrase("plain", "Ask a grown-up to add this device to your home."),
    Phrase("full", "Ask the person who looks after the network to add this device."),
)
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
        Phrase("pictures", "The internet has a rest now."),
        Phrase("plain", "It is a time of the day when the internet is closed for you."),
        Phrase("full", "Your schedule closes the internet at this time of day."),
    ),
    "category": Three(
        Phrase("pictures", "This has a rest now: %(category)s."),
        Phrase("plain", "At this time of the day this is closed for you: %(category)s."),
        Phrase("full", "Your schedule closes this category at this time of day: %(category)s."),
    ),
    "service": Three(
        Phrase("pictures", "This has a rest now: %(service)s."),
        Phrase("plain", "At this time of the day this is closed for you: %(service)s."),
        Phrase("full", "Your schedule closes this service at this time of day: %(service)s."),
    ),
    "name": Three(
        Phrase("pictures", "This page has a rest now: %(name)s."),
        Phrase("plain", "At this time of the day this page is closed for you: %(name)s."),
        Phrase("full", "Your schedule closes this name at this time of day: %(name)s."),
    ),
}
_BUDGET = {
    "all": Three(
        Phrase("pictures", "Your time for today is used up."),
        Phrase("plain", "Your internet time for today is used up."),
        Phrase("full", "The internet minutes that you have for today are used up."),
    ),
    "category": Three(
        Phrase("pictures", "Your time for this is used up today: %(category)s."),
        Phrase("plain", "Your time for this is used up today: %(category)s."),
        Phrase("full", "Today's minutes for this category are used up: %(category)s."),
    ),
    "service": Three(
        Phrase("pictures", "Your time for this is used up today: %(service)s."),
        Phrase("plain", "Your time for this is used up today: %(service)s."),
        Phrase("full", "Today's minutes for this service are used up: %(service)s."),
    ),
    "name": Three(
        Phrase("pictures", "Your time for this page is used up today: %(name)s."),
        Phrase("plain", "Your time for this page is used up today: %(name)s."),
        Phrase("full", "Today's minutes for this name are used up: %(name)s."),
    ),
}
_RULE_BLOCKS = Three(
    Phrase("pictures", "A grown-up closed this page for you."),
    Phrase("plain", "A grown-up in your home closed this page: %(name)s."),
    Phrase("full", "A rule that somebody in your home wrote closes it: %(name)s."),
)
_RULE_ALLOWS = Three(
    Phrase("pictures", "A grown-up opened this page for you."),
    Phrase("plain", "A grown-up in your home opened this page: %(name)s."),
    Phrase("full", "A rule that somebody in your home wrote opens it: %(name)s."),
)
_PHISHING = Three(
    Phrase("pictures", "This page pretends to be another page."),
    Phrase("plain", "This page pretends to be another one, to get passwords or money."),
    Phrase(
        "full",
        "This page pretends to be another one to get passwords or money; it is on this list: "
        "%(list)s.",
    ),
)
_REWRITTEN = Three(
    Phrase("pictures", "Your home leads this name to another place."),
    Phrase("plain", "Your home leads this name to another place."),
    Phrase("full", "Your home answers this name with another one's address."),
)

_ALWAYS: Mapping[Reason, Three] = {
    Reason.NOT_A_CLIENT: Three(
        Phrase("pictures", "We do not know this device yet."),
        Phrase("plain", "This device does not belong to your home yet."),
        Phrase("full", "This device's address is not one that is answered here."),
    ),
    Reason.LOCAL: Three(
        Phrase("pictures", "This is a page of your home."),
        Phrase("plain", "This is a name of your own home."),
        Phrase("full", "This is a name of your home, or one with a special meaning."),
    ),
    Reason.CANARY: Three(
        Phrase("pictures", "Your device asks if the rules of your home count. They do."),
        Phrase(
            "plain", "With this name your device asks if the rules of your home count. They do."
        ),
        Phrase(
            "full",
            "With this name a browser or phone asks whether it may go round the home's rules; the "
            "answer is no.",
        ),
    ),
    Reason.LEGAL: Three(
        Phrase("pictures", "This page is closed for everyone."),
        Phrase("plain", "The law closes this page for everyone."),
        Phrase("full", "An authority ordered that this name is closed for everyone."),
    ),
    Reason.PROTECTED: Three(
        Phrase("pictures", "This page is always open. Nobody can close it."),
        Phrase("plain", "This page is always open for you. Nobody can close it."),
        Phrase("full", "This name is protected: nobody can close it for you."),
    ),
    Reason.SECURITY: Three(
        Phrase("pictures", "This page can harm your device."),
        Phrase("plain", "This page can harm your device or take what is yours."),
        Phrase("full", "This page can harm your device; it is on this list: %(list)s."),
    ),
    Reason.GRANTED: Three(
        Phrase("pictures", "You asked, and a grown-up said yes."),
        Phrase("plain", "You asked for it, and the answer was yes."),
        Phrase("full", "You were given permission for it, until it ends."),
    ),
    Reason.PAUSED: Three(
        Phrase("pictures", "A grown-up stopped the internet for a while."),
        Phrase("plain", "A grown-up paused the internet for you."),
        Phrase("full", "Somebody in your home paused the internet for you."),
    ),
    Reason.BYPASS: Three(
        Phrase("pictures", "This page leads round the rules of your home."),
        Phrase("plain", "This page leads round the rules of your home."),
        Phrase(
            "full", "This name leads round the home's rules: a VPN, a proxy or another resolver."
        ),
    ),
    Reason.SERVICE: Three(
        Phrase("pictures", "This is closed for you: %(service)s."),
        Phrase("plain", "This is closed for you: %(service)s."),
        Phrase("full", "This service is closed in your settings: %(service)s."),
    ),
    Reason.CATEGORY: Three(
        Phrase("pictures", "This page is closed for you. It is about this: %(category)s."),
        Phrase("plain", "This page is closed for you. A list says it is about this: %(category)s."),
        Phrase(
            "full",
            "This category is closed for you: %(category)s. This list names the page: %(list)s.",
        ),
    ),
    Reason.SAFE_SEARCH: Three(
        Phrase("pictures", "The search leaves out things for grown-ups."),
        Phrase("plain", "This search leaves out pages and pictures for grown-ups."),
        Phrase("full", "This search engine is used in its safe mode."),
    ),
    Reason.NO_SAFE_SEARCH: Three(
        Phrase("pictures", "This search shows things for grown-ups."),
        Phrase("plain", "This search cannot leave out pages for grown-ups."),
        Phrase("full", "This search engine has no safe mode, so it is closed for you."),
    ),
    Reason.DEFAULT: Three(
        Phrase("pictures", "This page is open for you."),
        Phrase("plain", "No rule closes this page. It is open for you."),
        Phrase("full", "No rule and no list closes this name for you."),
    ),
    Reason.NOT_ON_ALLOWLIST: Three(
        Phrase("pictures", "This page is not one of your pages yet."),
        Phrase("plain", "This page is not on the list of pages that are open for you."),
        Phrase("full", "Only names on your allowlist are open, and this one is not on it."),
    ),
    Reason.ADDRESS: Three(
        Phrase("pictures", "A grown-up closed the place where this page lives."),
        Phrase("plain", "A grown-up closed the address where this page lives: %(name)s."),
        Phrase("full", "The name leads to an address that a rule of your home closes: %(name)s."),
    ),
    Reason.REBINDING: Three(
        Phrase("pictures", "This page tries to reach things in your home."),
        Phrase("plain", "This page from outside tries to reach devices in your home."),
        Phrase("full", "This name from outside leads to an address inside your home."),
    ),
    Reason.UPSTREAM_FILTERED: Three(
        Phrase("pictures", "Somebody outside your home closed this page."),
        Phrase("plain", "Those who bring the internet to your home closed this page."),
        Phrase("full", "The resolver that your home asks closed this name; your home did not."),
    ),
}

REASONS: Mapping[Key, Three] = {
    **{(reason, ""): three for reason, three in _ALWAYS.items()},
    **{(Reason.SCHEDULE, about): three for about, three in _SCHEDULE.items()},
    **{(Reason.BUDGET, about): three for about, three in _BUDGET.items()},
    (Reason.RULE, "blocks"): _RULE_BLOCKS,
    (Reason.RULE, "allows"): _RULE_ALLOWS,
    (Reason.SECURITY, "phishing"): _PHISHING,
    (Reason.LOCAL, "elsewhere"): _REWRITTEN,
}

# What each category is called, and what it is about, so that a child of any age can follow.
CATEGORIES: Mapping[str, tuple[Phrase, Phrase]] = {
    "malware": (
        Phrase("category", "Harmful programs"),
        Phrase("about a category", "Pages that put bad programs on a device."),
    ),
    "phishing": (
        Phrase("category", "Fake pages"),
        Phrase("about a category", "Pages that pretend to be another to get passwords or money."),
    ),
    "adult": (
        Phrase("category", "For adults only"),
        Phrase("about a category", "Pictures, films and stories about sex, made for adults."),
    ),
    "gambling": (
        Phrase("category", "Betting for money"),
        Phrase("about a category", "Games where people bet money and often lose it."),
    ),
    "drugs": (
        Phrase("category", "Drugs"),
        Phrase("about a category", "Shops and tips for drugs. Pages that help stay open."),
    ),
    "violence": (
        Phrase("category", "Violence and hate"),
        Phrase("about a category", "Films in which people are hurt, and pages full of hate."),
    ),
    "self_harm": (
        Phrase("category", "Self-harm"),
        Phrase(
            "about a category",
            "Pages that talk people into hurting themselves. Pages that help stay open.",
        ),
    ),
    "dating": (
        Phrase("category", "Dating for adults"),
        Phrase("about a category", "Pages where adults look for a partner."),
    ),
    "chat": (
        Phrase("category", "Chat with strangers"),
        Phrase("about a category", "Pages where you talk with people you do not know."),
    ),
    "social": (
        Phrase("category", "Social networks"),
        Phrase("about a category", "Pages where people share things and follow each other."),
    ),
    "games": (
        Phrase("category", "Games"),
        Phrase("about a category", "Games on the internet, and the shops for them."),
    ),
    "piracy": (
        Phrase("category", "Copied films and games"),
        Phrase("about a category", "Films, games and programs that were copied without asking."),
    ),
    "ads": (
        Phrase("category", "Ads and tracking"),
        Phrase("about a category", "Ads, and companies that note which pages people read."),
    ),
    "bypass": (
        Phrase("category", "Ways round the rules"),
        Phrase("about a category", "Pages and programs that lead round the rules of a home."),
    ),
}


# What is asked in each step of the order (docs/decision.md), for those who read everything.
STEPS: Mapping[StepNumber, Phrase] = {
    StepNumber.ACCESS: Phrase("step", "Is this device served here?"),
    StepNumber.LOCAL: Phrase("step", "Is it a name of this house, or a special one?"),
    StepNumber.LEGAL: Phrase("step", "Did an authority order something about it?"),
    StepNumber.PROTECTED: Phrase("step", "Is it protected, so that nobody can close it?"),
    StepNumber.SECURITY: Phrase("step", "Can it harm your device?"),
    StepNumber.GRANTS: Phrase("step", "Was it opened for you for a while?"),
    StepNumber.PAUSE: Phrase("step", "Is the Internet paused?"),
    StepNumber.SCHEDULES: Phrase("step", "Is it a time at which something is closed?"),
    StepNumber.BUDGETS: Phrase("step", "Are minutes used up?"),
    StepNumber.RULES: Phrase("step", "Did somebody here write a rule for it?"),
    StepNumber.BYPASS: Phrase("step", "Does it lead round the rules?"),
    StepNumber.SERVICES: Phrase("step", "Is it part of a service that is closed?"),
    StepNumber.CATEGORIES: Phrase("step", "Is it about something that is closed?"),
    StepNumber.SAFE_SEARCH: Phrase("step", "Is it a search, which can leave things out?"),
    StepNumber.DEFAULT: Phrase("step", "What holds for all the rest?"),
}

# On which days something holds, by the words of schedules and budgets, in the order of telling.
DAYS: Mapping[str, Phrase] = {
    "daily": Phrase("on days", "every day"),
    "school": Phrase("on days", "on school days"),
    "school_night": Phrase("on days", "on the evening before school"),
    "weekend": Phrase("on days", "at the weekend"),
    "holiday": Phrase("on days", "on holidays"),
    "mon": Phrase("on days", "on Mondays"),
    "tue": Phrase("on days", "on Tuesdays"),
    "wed": Phrase("on days", "on Wednesdays"),
    "thu": Phrase("on days", "on Thursdays"),
    "fri": Phrase("on days", "on Fridays"),
    "sat": Phrase("on days", "on Saturdays"),
    "sun": Phrase("on days", "on Sundays"),
}


def every_three() -> tuple[Three, ...]:
    """Return all that can be said of a verdict, for tests and translators."""
    return (_UNTIL, _HOP, _ASK, *_NEXT.values(), *REASONS.values())
