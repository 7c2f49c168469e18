"""Say a verdict to a guardian, who reads about somebody else: why a name is open or closed.

Where the sentence for the child of fifteen and older speaks of nobody, it serves here as well
(`words/child_reasons.py`); the others have a form of their own.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from copdns.model.times import WeekParity
from copdns.model.verdict import Reason, StepNumber, Verdict
from copdns.time.own_timers import OWN
from copdns.words.child import Said, fill_phrase, key_of
from copdns.words.child_reasons import REASONS as TO_THE_CHILD
from copdns.words.child_reasons import Key
from copdns.words.levels import Level
from copdns.words.phrases import Phrase


def why(verdict: Verdict) -> Said:
    """Return the reason of a verdict in one sentence."""
    return fill_phrase(_form(verdict), verdict)


def _form(verdict: Verdict) -> Phrase:
    # Such a list is called after its category: the sentence would say it twice.
    if verdict.reason is Reason.CATEGORY and verdict.list == f"starter-{verdict.category}":
        return STARTER
    key = key_of(verdict)
    return REASONS.get(key) or TO_THE_CHILD[key].at(Level.FULL)


STARTER = Phrase(
    "desk", "This category is blocked: %(category)s. The site is on copdns's own list for it."
)

REASONS: Mapping[Key, Phrase] = {
    (Reason.CANARY, ""): Phrase(
        "desk",
        "With this name, a browser or phone asks if it may skip the home filter. The answer is no.",
    ),
    (Reason.LOCAL, ""): Phrase("desk", "This is a name on the home network, or a special one."),
    (Reason.LOCAL, "elsewhere"): Phrase(
        "desk", "A DNS rewrite sends this site to the address of another."
    ),
    (Reason.PROTECTED, ""): Phrase("desk", "This site is never blocked."),
    (Reason.SECURITY, ""): Phrase(
        "desk", "This site can harm a device. It is on this list: %(list)s."
    ),
    (Reason.GRANTED, ""): Phrase("desk", "Temporary access allows it for now."),
    (Reason.PAUSED, ""): Phrase("desk", "Someone at home paused the internet."),
    (Reason.PAUSED, OWN): Phrase("desk", "They turned this off with a timer of their own."),
    (Reason.SCHEDULE, "all"): Phrase("desk", "The schedule turns the internet off at this time."),
    (Reason.SCHEDULE, "category"): Phrase(
        "desk", "The schedule blocks this category at this time: %(category)s."
    ),
    (Reason.SCHEDULE, "service"): Phrase(
        "desk", "The schedule blocks this app at this time: %(service)s."
    ),
    (Reason.SCHEDULE, "name"): Phrase(
        "desk", "The schedule blocks this site at this time: %(name)s."
    ),
    (Reason.BUDGET, "none"): Phrase("desk", "The daily limit gives no minutes for this today."),
    (Reason.BUDGET, "all"): Phrase("desk", "The daily limit has been reached."),
    (Reason.BUDGET, "category"): Phrase("desk", "The daily limit has been reached: %(category)s."),
    (Reason.BUDGET, "service"): Phrase("desk", "The daily limit has been reached: %(service)s."),
    (Reason.BUDGET, "name"): Phrase("desk", "The daily limit has been reached: %(name)s."),
    (Reason.RULE, "blocks"): Phrase("desk", "A parent or carer made a rule that blocks %(name)s."),
    (Reason.RULE, "allows"): Phrase("desk", "The site rule for %(name)s allows it."),
    (Reason.SERVICE, ""): Phrase("desk", "This app is blocked: %(service)s."),
    (Reason.CONTACT, "strangers"): Phrase(
        "desk",
        "Services where strangers can contact a child are blocked, such as this one: %(service)s.",
    ),
    (Reason.CONTACT, "known"): Phrase(
        "desk",
        "Services where people they know can contact a child are blocked, such as this one: "
        "%(service)s.",
    ),
    (Reason.CONTACT, ""): Phrase(
        "desk", "This service is blocked because of who can contact a child there: %(service)s."
    ),
    (Reason.CATEGORY, ""): Phrase(
        "desk", "This category is blocked: %(category)s. The site is on this list: %(list)s."
    ),
    (Reason.NO_SAFE_SEARCH, ""): Phrase(
        "desk", "copdns cannot turn on safe search for this engine, so it is blocked."
    ),
    (Reason.DEFAULT, ""): Phrase("desk", "A site that nothing blocks is allowed."),
    (Reason.DEFAULT, "exception"): Phrase(
        "desk",
        "An exception allows this app, although other people can send messages there: %(service)s.",
    ),
    (Reason.NOT_ON_ALLOWLIST, ""): Phrase(
        "desk", "Only chosen sites are allowed, and this one is not among them."
    ),
    (Reason.ADDRESS, ""): Phrase(
        "desk", "The site is at an internet address that a site rule blocks: %(name)s."
    ),
    (Reason.REBINDING, ""): Phrase(
        "desk", "This outside site points to a device in the home network."
    ),
    (Reason.UPSTREAM_FILTERED, ""): Phrase(
        "desk", "The DNS server that copdns uses blocked this site. No rule here did."
    ),
}

# The same in a few words, in brackets after "Blocked" and "Allowed".
CAUSES: Mapping[Key, Phrase] = {
    (Reason.LEGAL, ""): Phrase("cause", "a legal order"),
    (Reason.PROTECTED, ""): Phrase("cause", "never blocked"),
    (Reason.PROTECTED, "school"): Phrase("cause", "protected by your household"),
    (Reason.SECURITY, ""): Phrase("cause", "viruses and scam sites"),
    (Reason.SECURITY, "phishing"): Phrase("cause", "viruses and scam sites"),
    (Reason.GRANTED, ""): Phrase("cause", "temporary access"),
    (Reason.PAUSED, ""): Phrase("cause", "a pause"),
    (Reason.PAUSED, "homework"): Phrase("cause", "homework mode"),
    (Reason.SCHEDULE, "all"): Phrase("cause", "a schedule"),
    (Reason.SCHEDULE, "bedtime"): Phrase("cause", "bedtime"),
    (Reason.SCHEDULE, "category"): Phrase("cause", "a schedule for %(category)s"),
    (Reason.SCHEDULE, "service"): Phrase("cause", "a schedule for this app"),
    (Reason.SCHEDULE, "name"): Phrase("cause", "a schedule for %(name)s"),
    (Reason.BUDGET, "none"): Phrase("cause", "no minutes today"),
    (Reason.BUDGET, "all"): Phrase("cause", "daily limit reached"),
    (Reason.BUDGET, "category"): Phrase("cause", "daily limit reached (%(category)s)"),
    (Reason.BUDGET, "service"): Phrase("cause", "daily limit reached for this app"),
    (Reason.BUDGET, "name"): Phrase("cause", "daily limit reached (%(name)s)"),
    (Reason.RULE, "blocks"): Phrase("cause", "a site rule for %(name)s"),
    (Reason.RULE, "allows"): Phrase("cause", "a site rule for %(name)s"),
    (Reason.BYPASS, ""): Phrase("cause", "your choice under “Block ways to get around the filter”"),
    (Reason.CANARY, ""): Phrase("cause", "your choice under “Block ways to get around the filter”"),
    (Reason.SERVICE, ""): Phrase("cause", "its own switch"),
    (Reason.CONTACT, "strangers"): Phrase(
        "cause", "your choice under “Who can send %(who)s messages”"
    ),
    (Reason.CONTACT, "known"): Phrase("cause", "your choice under “Who can send %(who)s messages”"),
    (Reason.CATEGORY, ""): Phrase("cause", "the category %(category)s"),
    (Reason.CATEGORY, "built-in"): Phrase("cause", "the category %(category)s"),
    (Reason.NO_SAFE_SEARCH, ""): Phrase("cause", "no safe search"),
    (Reason.NOT_ON_ALLOWLIST, ""): Phrase("cause", "only chosen sites are allowed"),
    (Reason.DEFAULT, "exception"): Phrase("cause", "your exception"),
}
OTHER_CAUSE = Phrase("cause", "another reason")

# Its own switch is off, and it is blocked all the same.
ALREADY_BLOCKED = Phrase("app", "Already blocked (%(why)s)")
# Two settings block it.
BOTH_CAUSES = Phrase("cause", "%(why)s, and also %(also)s")

# What can be done with an app now; where a cause is known, the second.
STATES: Mapping[str, tuple[Phrase, Phrase]] = {
    "open": (Phrase("app", "Allowed"), Phrase("app", "Allowed (%(why)s)")),
    "partly": (
        Phrase("app", "May not fully work: some of its sites are blocked"),
        Phrase("app", "May not fully work: some of its sites are blocked (%(why)s)"),
    ),
    "blocked": (Phrase("app", "Blocked"), Phrase("app", "Blocked (%(why)s)")),
}
# What is open, until something closes it on the same day or on another.
OPEN_UNTIL = (
    Phrase("time", "Allowed until %(when)s (%(why)s)"),
    Phrase("day", "Allowed until %(when)s (%(why)s)"),
)
UNTIL, UNTIL_A_DAY = Phrase("time", "until %(when)s"), Phrase("day", "until %(when)s")
# What comes then, on the same day and on another.
THEN: Mapping[str, tuple[Phrase, Phrase]] = {
    "blocked": (
        Phrase("time", "blocked from %(when)s (%(why)s)"),
        Phrase("day", "blocked from %(when)s (%(why)s)"),
    ),
    "still blocked": (
        Phrase("time", "still blocked after %(when)s (%(why)s)"),
        Phrase("day", "still blocked after %(when)s (%(why)s)"),
    ),
    "open": (
        Phrase("time", "allowed from %(when)s (%(why)s)"),
        Phrase("day", "allowed from %(when)s (%(why)s)"),
    ),
}
# The same of a site, as a sentence of its own.
STILL_BLOCKED = (
    Phrase("time", "Still blocked after %(when)s (%(why)s)."),
    Phrase("day", "Still blocked after %(when)s (%(why)s)."),
)


def cause(verdict: Verdict, *, is_bedtime: bool = False) -> Said | None:
    """Return why in a few words; None where nothing blocks and nothing had to allow.

    is_bedtime: the schedule that decided is one (`time/bedtime.py`).
    """
    reason, kind = key_of(verdict)
    if reason is Reason.SCHEDULE and kind == "all" and is_bedtime:
        kind = "bedtime"
    if reason is Reason.PAUSED and verdict.period == "homework":
        kind = "homework"
    if (reason, kind) == (Reason.DEFAULT, ""):
        return None
    return fill_phrase(CAUSES.get((reason, kind), OTHER_CAUSE), verdict)


# Of a schedule: when something is off.  What is not here has the child's word.
SLOT = Phrase("desk", "from %(start)s to %(end)s %(days)s")
WEEKS: Mapping[WeekParity, Phrase] = {
    WeekParity.EVEN: Phrase("weeks", "even weeks"),
    WeekParity.ODD: Phrase("weeks", "odd weeks"),
}
DAYS: Mapping[str, Phrase] = {
    "school_night": Phrase("on days", "on school nights"),
    "free_night": Phrase("on days", "on weekend and holiday nights"),
}

# The dashboard's names of the steps of decision.
STEPS: Mapping[StepNumber, Phrase] = {
    StepNumber.ACCESS: Phrase("step", "Devices that are not allowed to use copdns"),
    StepNumber.LOCAL: Phrase("step", "Pages of things at home, such as a printer's own page"),
    StepNumber.LEGAL: Phrase("step", "Blocked by a court or authority"),
    StepNumber.PROTECTED: Phrase("step", "Sites that are never blocked"),
    StepNumber.SECURITY: Phrase("step", "Lists of viruses and scam sites"),
    StepNumber.GRANTS: Phrase("step", "Temporary access"),
    StepNumber.PAUSE: Phrase("step", "Pause"),
    StepNumber.SCHEDULES: Phrase("step", "Schedules"),
    StepNumber.BUDGETS: Phrase("step", "Daily limits"),
    StepNumber.RULES: Phrase("step", "Site rules"),
    StepNumber.BYPASS: Phrase("step", "Ways to get around the filter"),
    StepNumber.SERVICES: Phrase("step", "Blocked apps"),
    StepNumber.CATEGORIES: Phrase("step", "Blocked categories"),
    StepNumber.SAFE_SEARCH: Phrase("step", "Safe search"),
    StepNumber.DEFAULT: Phrase("step", "All other sites"),
}

# Groups of services, by their slugs in `blocklists/services.yaml`.
GROUPS: Mapping[str, Phrase] = {
    "adult": Phrase("group of services", "Adult content"),
    "ai": Phrase("group of services", "AI assistants"),
    "ai_companion": Phrase("group of services", "AI companions"),
    "bypass": Phrase("group of services", "VPNs and other ways to get around the filter"),
    "dating": Phrase("group of services", "Dating"),
    "games": Phrase("group of services", "Games"),
    "games_web": Phrase("group of services", "Browser games"),
    "live": Phrase("group of services", "Live streams"),
    "messaging": Phrase("group of services", "Messaging"),
    "messaging_stranger_risk": Phrase("group of services", "Chat with strangers"),
    "music": Phrase("group of services", "Music"),
    "school_tools": Phrase("group of services", "School tools"),
    "shopping": Phrase("group of services", "Shopping"),
    "social": Phrase("group of services", "Social media"),
    "social_adult_risk": Phrase("group of services", "Social media with adult content"),
    "video": Phrase("group of services", "Video"),
    "video_kids": Phrase("group of services", "Kids' video"),
}

# What each category is called, and what it is about, in the words that parents know from elsewhere.
CATEGORIES: Mapping[str, tuple[Phrase, Phrase]] = {
    "malware": (
        Phrase("category for guardians", "Viruses"),
        Phrase(
            "about a category for guardians",
            "Sites that harm a device, use it in secret, or record who clicks.",
        ),
    ),
    "phishing": (
        Phrase("category for guardians", "Scam sites"),
        Phrase(
            "about a category for guardians",
            "Sites that pretend to be another site to get passwords or money.",
        ),
    ),
    "adult": (
        Phrase("category for guardians", "Adult content"),
        Phrase(
            "about a category for guardians",
            "Pornography, sex cams, explicit stories, comics and chatbots.",
        ),
    ),
    "gambling": (
        Phrase("category for guardians", "Gambling"),
        Phrase(
            "about a category for guardians",
            "Betting, casinos, poker, lotteries, and betting with things won in games (skins, loot "
            "boxes).",
        ),
    ),
    "drugs": (
        Phrase("category for guardians", "Sites that sell drugs"),
        Phrase(
            "about a category for guardians",
            "Drug shops, buying guides, and ways to cheat a drug test. Helplines, such as "
            "Childline, always work.",
        ),
    ),
    "violence": (
        Phrase("category for guardians", "Violence and hate"),
        Phrase(
            "about a category for guardians",
            "Videos of killing and injury, and sites that stir up hatred.",
        ),
    ),
    "self_harm": (
        Phrase("category for guardians", "Self-harm"),
        Phrase(
            "about a category for guardians",
            "Sites that encourage suicide or self-harm. Helplines, such as Childline, always work.",
        ),
    ),
    "dating": (
        Phrase("category for guardians", "Dating"),
        Phrase("about a category for guardians", "Sites and apps where adults look for a partner."),
    ),
    "chat": (
        Phrase("category for guardians", "Random video chat and chat rooms"),
        Phrase("about a category for guardians", "Sites that bring strangers together to chat."),
    ),
    "social": (
        Phrase("category for guardians", "Social media"),
        Phrase(
            "about a category for guardians", "Sites with profiles, followers, feeds and messages."
        ),
    ),
    "games": (
        Phrase("category for guardians", "Games"),
        Phrase("about a category for guardians", "Online games, game stores and consoles."),
    ),
    "piracy": (
        Phrase("category for guardians", "Piracy"),
        Phrase(
            "about a category for guardians",
            "Pirated films, games and programs, and the sites that offer them.",
        ),
    ),
    "ads": (
        Phrase("category for guardians", "Ads and trackers"),
        Phrase(
            "about a category for guardians",
            "Ads, and companies that follow people from site to site.",
        ),
    ),
    "bypass": (
        Phrase("category for guardians", "Ways to get around the filter"),
        Phrase(
            "about a category for guardians",
            "Apps and sites that hide what someone opens, such as VPNs and proxies.",
        ),
    ),
}


def category_name(slug: str) -> Phrase | None:
    """Return what guardians call a category; None for one that is not bundled."""
    found = CATEGORIES.get(slug)
    return found and found[0]


def about_category(slug: str) -> Phrase | None:
    """Return in one sentence what a category is about."""
    found = CATEGORIES.get(slug)
    return found and found[1]
