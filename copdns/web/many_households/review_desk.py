"""What the pages of a family need of a provider's reviewers, who decide whether a list is right.

At home there are none: what a family set, the family answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

# Why a guardian thinks that a list is wrong, as `CaseReason` of the desk has it: no words.
LIST_REASONS = ("harmless", "other_category", "changed", "help")


class ListQuestion(NamedTuple):
    """A request that a guardian passes on.

    appeal: its id; by: the guardian's name; both stay with the household.  name: the site, as the
    list has it; entry: the line of the list that covers it.  reason: of LIST_REASONS.
    """

    appeal: str
    by: str
    name: str
    list: str
    entry: str
    reason: str


class PassedOn(NamedTuple):
    """A request that was passed on, and what the reviewers say.

    by: the guardian's name.  at: when; due: until when they should answer; until: until when the
    line is out of the list; seconds since 1970.  state: waiting, opened, over or refused.  reason:
    of the review policy, "" while it waits.
    """

    by: str
    at: int
    state: str
    due: int
    until: int
    reason: str = ""


class ReviewDesk(Protocol):
    """The way to the reviewers.  Methods raise StoreError."""

    async def answers(self, household: str, now: int) -> Mapping[str, PassedOn]:
        """Return what a household passed on, by the ids of its requests."""

    async def pass_on(self, household: str, question: ListQuestion, now: int) -> bool:
        """Ask the reviewers, once for a request; False where too many questions wait."""
