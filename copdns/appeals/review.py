"""Why an appeal was answered as it was: the closed list of reasons that a decision gives.

docs/review-policy.md has a section for each word below, which says when to use it.  What a yes
opens, and what an answer makes of an appeal, is decided elsewhere.  Pure.
"""

from __future__ import annotations

from enum import StrEnum

# Of the policy as it ships: kept with each decision, so that it is read by the text it was made by.
VERSION = "2"
PAGE = "docs/review-policy.md"


class DecisionReason(StrEnum):
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
    AGE_WRONG = "age_wrong"
    OLDER_NOW = "older_now"

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
    AGE_RIGHT = "age_right"
    AGE_SUITS = "age_suits"

    NEEDS_TALK = "needs_talk"


GRANTING = frozenset(
    {
        *(
            DecisionReason.LIST_ERROR,
            DecisionReason.NEEDED_FOR_SCHOOL,
            DecisionReason.NEEDED_FOR_WELLBEING,
        ),
        *(
            DecisionReason.OLD_ENOUGH,
            DecisionReason.FAIR_ENOUGH,
            DecisionReason.TRIAL,
            DecisionReason.TOGETHER,
        ),
        *(DecisionReason.SPECIAL_DAY, DecisionReason.MINUTES_WRONG, DecisionReason.ALREADY_OPEN),
        *(DecisionReason.WAITED_TOO_LONG, DecisionReason.AGE_WRONG, DecisionReason.OLDER_NOW),
    }
)
TALKING = frozenset({DecisionReason.NEEDS_TALK})
REFUSING = frozenset(DecisionReason) - GRANTING - TALKING

# Those of an appeal against the age group, which has no others but for a talk.
OF_AGE = frozenset(
    {
        *(DecisionReason.AGE_WRONG, DecisionReason.OLDER_NOW),
        *(DecisionReason.AGE_RIGHT, DecisionReason.AGE_SUITS),
    }
)

# What no person may answer: it is copdns's own, and nobody is refused by a machine.
NO_PERSONS = frozenset({DecisionReason.WAITED_TOO_LONG})

# What is true of some appeals only: of a list that blocked, of what a site has, of a time rule, of
# counted minutes.
OF_LISTS = frozenset({DecisionReason.LIST_ERROR})
OF_CONTENT = frozenset(
    {
        *(DecisionReason.UNSAFE_CONTACT, DecisionReason.HARMFUL_CONTENT),
        *(DecisionReason.COSTS_MONEY, DecisionReason.WAY_ROUND),
        *(DecisionReason.SECURITY_RISK, DecisionReason.LEGAL),
    }
)
OF_TIME = frozenset({DecisionReason.AGREED_TIME})
OF_MINUTES = frozenset({DecisionReason.MINUTES_WRONG, DecisionReason.MINUTES_RIGHT})
# What is no answer to "these minutes were not used".
NOT_OF_MINUTES = frozenset(
    {
        *(DecisionReason.OLD_ENOUGH, DecisionReason.TRIAL, DecisionReason.TOGETHER),
        *(DecisionReason.SPECIAL_DAY, DecisionReason.ALREADY_OPEN),
        *(DecisionReason.NOT_YET_FOR_AGE, DecisionReason.ANOTHER_WAY),
    }
)


def _t(text: str) -> str:
    """Mark a text for the catalogue; `make words` finds these calls."""
    return text


# In English, for every age: the keys of the text catalogue.
TOLD = {
    DecisionReason.LIST_ERROR: _t(
        "You are right: it was blocked by mistake. Thank you for telling us."
    ),
    DecisionReason.NEEDED_FOR_SCHOOL: _t("You need it for school, so you can use it."),
    DecisionReason.NEEDED_FOR_WELLBEING: _t("It is good for you, so you can use it."),
    DecisionReason.OLD_ENOUGH: _t("You are old enough for it now."),
    DecisionReason.FAIR_ENOUGH: _t("That is fine, so you can use it."),
    DecisionReason.TRIAL: _t("Let us try it. Then we will look at it again together."),
    DecisionReason.TOGETHER: _t("You can use it while an adult is with you."),
    DecisionReason.SPECIAL_DAY: _t("Today is different, so you can use it this time."),
    DecisionReason.MINUTES_WRONG: _t("The minutes were counted by mistake. You get them back."),
    DecisionReason.ALREADY_OPEN: _t("It is not blocked any more. Try it again."),
    DecisionReason.WAITED_TOO_LONG: _t(
        "This has taken too long, so it's allowed until someone answers."
    ),
    DecisionReason.AGE_WRONG: _t("You are right: this was not your age group."),
    DecisionReason.OLDER_NOW: _t("You have grown older, so you have another age group now."),
    DecisionReason.NOT_YET_FOR_AGE: _t(
        "It is made for people who are older than you. Ask again later."
    ),
    DecisionReason.UNSAFE_CONTACT: _t("People you do not know can write to you there."),
    DecisionReason.HARMFUL_CONTENT: _t("It shows things that can hurt you or others."),
    DecisionReason.AGREED_TIME: _t(
        "This is the time that was agreed. It will work again when it ends."
    ),
    DecisionReason.MINUTES_RIGHT: _t("We checked the minutes and they seem right."),
    DecisionReason.COSTS_MONEY: _t("It costs money, or gets people to spend it."),
    DecisionReason.ANOTHER_WAY: _t("Something else does the same, and you can use that."),
    DecisionReason.WAY_ROUND: _t(
        "It gets around the rules here. You can ask for the site that you need."
    ),
    DecisionReason.SECURITY_RISK: _t("It can break your device or steal from you."),
    DecisionReason.LEGAL: _t("The law does not allow it, or not at your age."),
    DecisionReason.AGE_RIGHT: _t("We looked again: this is the age group for how old you are."),
    DecisionReason.AGE_SUITS: _t(
        "For now these rules suit you better. We will look at it again together."
    ),
    DecisionReason.NEEDS_TALK: _t("I'd rather talk about this. Let's sit down together."),
}


def section(because: DecisionReason) -> str:
    """Return where the policy explains a reason: the page with the heading's anchor."""
    return f"{PAGE}#{because}"
