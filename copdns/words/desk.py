"""Say a verdict to a guardian, who reads about somebody else: why a name is open or closed.

Where the sentence for the child of fifteen and older speaks of nobody, it serves here as well
(`child_words`); the others have a form of their own.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from copdns.model.verdict import Reason, Verdict
from copdns.words.child import REASONS as TO_THE_CHILD
from copdns.words.child import Key, Said, key_of, said_of
from copdns.words.levels import Level
from copdns.words.phrases import Phrase


def why(verdict: Verdict) -> Said:
    """Return the reason of a verdict in one sentence."""
    return said_of(_form(verdict), verdict)


def _form(verdict: Verdict) -> Phrase:
    # Such a list is called after its category: the sentence would say it twice.
    if verdict.reason is Reason.CATEGORY and verdict.list == f"starter-{verdict.category}":
        return STARTER
    key = key_of(verdict)
    return REASONS.get(key) or TO_THE_CHILD[key].at(Level.FULL)


STARTER = Phrase(
    "desk", "This category is closed: %(category)s. The starter list for it names the page."
)

REASONS: Mapping[Key, Phrase] = {
    (Reason.LOCAL, ""): Phrase(
        "desk", "This is a name of this house, or one with a special meaning."
    ),
    (Reason.LOCAL, "elsewhere"): Phrase(
        "desk", "This house answers this name with another one's address."
    ),
    (Reason.PROTECTED, ""): Phrase("desk", "This name is protected: nobody can close it."),
    (Reason.SECURITY, ""): Phrase(
        "desk", "This page can harm a device; it is on this list: %(list)s."
    ),
    (Reason.GRANTED, ""): Phrase("desk", "A permission opens it, until it ends."),
    (Reason.PAUSED, ""): Phrase("desk", "Somebody here paused the Internet."),
    (Reason.SCHEDULE, "all"): Phrase("desk", "The schedule closes the Internet at this hour."),
    (Reason.SCHEDULE, "category"): Phrase(
        "desk", "The schedule closes this category at this hour: %(category)s."
    ),
    (Reason.SCHEDULE, "service"): Phrase(
        "desk", "The schedule closes this service at this hour: %(service)s."
    ),
    (Reason.SCHEDULE, "name"): Phrase(
        "desk", "The schedule closes this name at this hour: %(name)s."
    ),
    (Reason.BUDGET, "all"): Phrase("desk", "The minutes of today are used up."),
    (Reason.RULE, "blocks"): Phrase("desk", "A rule of this house closes it: %(name)s."),
    (Reason.RULE, "allows"): Phrase("desk", "A rule of this house opens it: %(name)s."),
    (Reason.SERVICE, ""): Phrase("desk", "This service is closed: %(service)s."),
    (Reason.CATEGORY, ""): Phrase(
        "desk", "This category is closed: %(category)s. This list names the page: %(list)s."
    ),
    (Reason.NO_SAFE_SEARCH, ""): Phrase(
        "desk", "This search engine has no safe mode, so it is closed."
    ),
    (Reason.DEFAULT, ""): Phrase("desk", "No rule and no list closes it."),
    (Reason.NOT_ON_ALLOWLIST, ""): Phrase(
        "desk", "Only the names that were chosen are open, and this one is not among them."
    ),
    (Reason.ADDRESS, ""): Phrase(
        "desk", "The name leads to an address that a rule of this house closes: %(name)s."
    ),
    (Reason.REBINDING, ""): Phrase(
        "desk", "This name from outside leads to an address inside this house."
    ),
    (Reason.UPSTREAM_FILTERED, ""): Phrase(
        "desk", "The resolver that this house asks closed this name; this house did not."
    ),
}
