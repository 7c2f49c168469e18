"""Why an appeal was answered as it was: the closed list of reasons that a decision gives.

docs/review-policy.md has a section for each word below, which says when to use it.  What a yes
opens, and what an answer makes of an appeal, is decided elsewhere.  Pure.
"""

from __future__ import annotations

from copdns.words import Word

# Of the policy as it ships: kept with each decision, so that it is read by the text it was made by.
VERSION = "1"
PAGE = "docs/review-policy.md"


class Because(Word):
    """The reason of one decision.  A word that was stored stays: add, never rename."""

    LIST_ERROR = "list_error"
    NEEDED_FOR_SCHOOL = "needed_for_school"
    NEEDED_FOR_WELLBEING = "needed_for_wellbeing"
    OLD_ENOUGH = "old_enough"
    FAIR_ENOUGH = "fair_enough"
    TRIAL = "trial"
    TOGETHER = "together"
    SPECIAL_DAY = "special_day"
    MINUTES_WRONG = "minutes_wrong"
    ALREADY_OPEN = "already_open"
    WAITED_TOO_LONG = "waited_too_long"

    NOT_YET_FOR_AGE = "not_yet_for_age"
    UNSAFE_CONTACT = "unsafe_contact"
    HARMFUL_CONTENT = "harmful_content"
    AGREED_TIME = "agreed_time"
    MINUTES_RIGHT = "minutes_right"
    COSTS_MONEY = "costs_money"
    ANOTHER_WAY = "another_way"
    WAY_ROUND = "way_round"
    SECURITY_RISK = "security_risk"
    LEGAL = "legal"

    NEEDS_TALK = "needs_talk"


GRANTING = frozenset(
    {
        *(Because.LIST_ERROR, Because.NEEDED_FOR_SCHOOL, Because.NEEDED_FOR_WELLBEING),
        *(Because.OLD_ENOUGH, Because.FAIR_ENOUGH, Because.TRIAL, Because.TOGETHER),
        *(Because.SPECIAL_DAY, Because.MINUTES_WRONG, Because.ALREADY_OPEN),
        Because.WAITED_TOO_LONG,
    }
)
TALKING = frozenset({Because.NEEDS_TALK})
REFUSING = frozenset(Because) - GRANTING - TALKING

# What copdns itself may answer; nobody is refused by a machine.
AUTOMATIC = frozenset({Because.LIST_ERROR, Because.WAITED_TOO_LONG})

# In English, for every age: the keys of the text catalogue.
TOLD = {
    Because.LIST_ERROR: "You are right: it was blocked by mistake. Thank you for telling.",
    Because.NEEDED_FOR_SCHOOL: "You need it for school, so it is open.",
    Because.NEEDED_FOR_WELLBEING: "It is good for you, so it is open.",
    Because.OLD_ENOUGH: "You are old enough for it now.",
    Because.FAIR_ENOUGH: "Your reason is a good one, so it is open.",
    Because.TRIAL: "Let us try it. Then we look at it again together.",
    Because.TOGETHER: "It is open while a grown-up is with you.",
    Because.SPECIAL_DAY: "Today is different, so it is open this time.",
    Because.MINUTES_WRONG: "The minutes were counted wrong. You get them back.",
    Because.ALREADY_OPEN: "Nothing closes it any more. Try it again.",
    Because.WAITED_TOO_LONG: "You have waited too long, so it is open until somebody answers.",
    Because.NOT_YET_FOR_AGE: "It is made for people who are older than you. Ask again later.",
    Because.UNSAFE_CONTACT: "People you do not know can write to you there.",
    Because.HARMFUL_CONTENT: "It shows things that can hurt you or others.",
    Because.AGREED_TIME: "This is the time that was agreed. It opens again by itself.",
    Because.MINUTES_RIGHT: "We looked at the minutes and they seem right.",
    Because.COSTS_MONEY: "It costs money, or gets people to spend it.",
    Because.ANOTHER_WAY: "There is something else that does the same and is open.",
    Because.WAY_ROUND: "It leads around the rules here. You can ask for what you need itself.",
    Because.SECURITY_RISK: "It can break your device or steal from you.",
    Because.LEGAL: "The law does not allow it, or not at your age.",
    Because.NEEDS_TALK: "This is easier to talk about. Let us sit down together.",
}


def section(because: Because) -> str:
    """Return where the policy explains a reason: the page with the heading's anchor."""
    return f"{PAGE}#{because}"
