"""What is said of a site and of the list that blocks it, where reviewers of a provider decide.

The public's form says it in every language, the staff's pages in those of the desk.  By the values
of `CaseReason` and `DecisionReason`.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from copdns.words.phrases import Phrase

# Why somebody thinks that a list is wrong.
WHY_WRONG: Final[Mapping[str, Phrase]] = {
    "harmless": Phrase("about a site", "There is nothing on it that the list is about"),
    "other_category": Phrase("about a site", "It belongs to another category"),
    "changed": Phrase("about a site", "It has another owner or other content now"),
    "help": Phrase("about a site", "It is about health, faith, identity, school or support"),
}

# What reviewers can say of it; the first two take it off the list.
DECISIONS: Final[Mapping[str, Phrase]] = {
    "list_error": Phrase("about a site", "the list is wrong about it"),
    "already_open": Phrase("about a site", "it is not blocked any more"),
    "harmful_content": Phrase("about a site", "it has what the list is about"),
    "way_round": Phrase("about a site", "it is a way to get around rules"),
    "security_risk": Phrase("about a site", "it is dangerous"),
    "costs_money": Phrase("about a site", "it costs money"),
    "unsafe_contact": Phrase("about a site", "strangers can contact children there"),
    "not_yet_for_age": Phrase("about a site", "it is not for every age"),
}
