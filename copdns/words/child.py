"""Say a verdict to the child: why, until when, and what can be done, at three levels.

Each sentence is a phrase of the catalogue with its placeholders; the page translates it
(`sentence`).  Those of the reasons are in `words/child_reasons.py`.  Nothing here blames, and
nothing names a person or a device.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from copdns.model import sentences
from copdns.model.verdict import SCHOOL, Reason, StepNumber, Verdict
from copdns.time.own_timers import OWN
from copdns.words.child_reasons import NARROW_RULES, REASONS, Key, Three
from copdns.words.levels import Level
from copdns.words.phrases import Phrase, Phrases

STARTER = sentences.sentence("starter list (%(what)s)")  # a list that ships, and what it is about
SERVICES = sentences.sentence("app list (%(what)s)")  # those of a category, as a list


class Said(NamedTuple):
    """A phrase, and the values of its placeholders as the verdict has them.

    values: by placeholder: category, service, list (slugs), name (a domain or a rule), time (the
    verdict's `ends_text`).
    """

    phrase: Phrase
    values: Mapping[str, str]


def why(verdict: Verdict, level: Level) -> Said:
    """Return the reason of a verdict in one sentence."""
    three = REASONS[key_of(verdict)]
    if verdict.reason is Reason.RULE and verdict.blocks:
        three = NARROW_RULES.get(verdict.rule[:1], three)
    said = fill_phrase(three.at(level), verdict)
    if level is Level.FULL or "name" not in said.values:
        return said
    # "=" and "*." before a name say nothing to a child.
    name = said.values["name"].removeprefix("=").removeprefix("*.")
    return said._replace(values={**said.values, "name": name})


def part_of(name: str, verdict: Verdict, level: Level) -> Said | None:
    """Return to which blocked site a name belongs, for small children; None if to no other."""
    site = verdict.rule.removeprefix("*.")
    is_rule = verdict.blocks and verdict.reason is Reason.RULE
    # Behind a CNAME it is another name that the rule is about.
    if level is Level.FULL or not is_rule or verdict.via or not name.endswith(f".{site}"):
        return None
    return Said(_PART_OF, {"name": site})


def until(verdict: Verdict, level: Level) -> Said | None:
    """Return when it opens again, where that is known."""
    return fill_phrase(_UNTIL.at(level), verdict) if verdict.blocks and verdict.ends_text else None


def hop(verdict: Verdict, level: Level) -> Said | None:
    """Return that not the name asked for was meant, but where it leads."""
    if not verdict.blocks or not verdict.via:
        return None
    return Said(_HOP.at(level), {"name": verdict.via})


def what_next(verdict: Verdict, level: Level) -> Said | None:
    """Return what the child can do about it; None where nothing is closed."""
    if not verdict.blocks and verdict.reason not in _CLOSED_ELSEWHERE:
        return None
    return fill_phrase(_NEXT.get(verdict.reason, _ASK).at(level), verdict)


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


def fill_phrase(phrase: Phrase, verdict: Verdict) -> Said:
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
_PART_OF = Phrase("small children", "This site is part of %(name)s.")
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
        "You can ask to unblock it here. If nobody answers, we'll remind your parents or carers.",
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
        Phrase("category", "Adult sites (18+)"),
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
        Phrase("category", "Public chats"),
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
    "chat": Phrase("category for children", "Chats with strangers"),
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
    "school_night": Phrase("on days", "on school nights"),
    "free_night": Phrase("on days", "on nights with no school the next day"),
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

ALL_DAY = Phrase("schedule", "all day %(days)s")

# In which weeks a schedule holds that does not hold in each, and which week this is.
EVERY_SECOND_WEEK = Phrase("weeks", "every second week")
THIS_WEEK = Phrase("weeks", "this week")
NEXT_WEEK = Phrase("weeks", "next week")
WEEKS_UNTIL = Phrase("weeks", "until %(day)s")  # the last day on which it holds
WEEKS_FROM = Phrase("weeks", "from %(day)s")  # the first day on which it holds again


def every_three() -> tuple[Three, ...]:
    """Return all that can be said of a verdict, for tests and translators."""
    return (_UNTIL, _HOP, _ASK, *_NEXT.values(), *REASONS.values(), *NARROW_RULES.values())
