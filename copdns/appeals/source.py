"""What is known of whatever closed a name: its list, how old that is, and since when the name
stands on it; or the rule that somebody wrote.  And what the list's maintainer is told of a mistake.

For whoever decides an appeal.  Of a list only its newest copy is kept, so "since when" is what can
be vouched for: at the latest since then.  Pure; moments are seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from copdns.appeals.appeal import Appeal, AppealRequest, ContestedVerdict
from copdns.lists.download import CopyState
from copdns.lists.index import Entry, ListInfo
from copdns.model.household import Household, Rule
from copdns.model.verdict import Reason


class BlockSource(NamedTuple):
    """What is known of the list that blocked a name.  Moments: seconds since the epoch.

    came: when the copy in force was fetched; None for a list that ships with copdns.
    checked: when its server last confirmed that this copy is the newest, or None.
    since: the name has been on the list at least since then.  stands: it is on the list now.
    """

    info: ListInfo
    came: float | None
    checked: float | None
    since: float
    stands: bool


def block_source(
    appeal: Appeal, info: ListInfo, state: CopyState, entries: Iterable[Entry]
) -> BlockSource:
    """Return what is known of the list that an appeal objects to.

    state: of its copy.  entries: of all lists, those that cover the name or where it leads.
    """
    came = state.fetched_at
    same = came is not None and info.version == appeal.ask.to.list_version
    since = min(came, appeal.asked) if same and came is not None else appeal.asked
    stands = any(each.list == info.number and not each.allow for each in entries)
    return BlockSource(info, came, state.checked_at, since, stands)


def rule_behind(ask: AppealRequest, household: Household) -> Rule | None:
    """Return the rule that closed it, where it is still there."""
    profile = household.profile(ask.profile)
    if ask.to.reason is not Reason.RULE or profile is None:
        return None
    scopes = (profile.id, *(f"#{tag}" for tag in profile.tags), "")
    there = [each for each in household.rules if str(each.target) == ask.to.rule]
    return next((each for scope in scopes for each in there if each.scope == scope), None)


def list_report(name: str, to: ContestedVerdict, info: ListInfo | None) -> str:
    """Return what to tell the maintainer of a list about a wrong entry.

    The name, and what the list says about it; neither who asked nor when, nor how.  It is sent by
    hand, where the list's own page says: copdns sends nothing.  info: of the list, None where it is
    not here any more.
    """
    title = info.title or info.slug if info is not None else to.list
    where = info.report if info is not None else ""
    lines = [
        f"Wrong entry in {title}: {name}",
        "",
        f"List:      {title} ({to.list})",
        f"Version:   {to.list_version or 'unknown'}",
        f"Name:      {name}",
        *([f"Reached by: {to.via} (CNAME)"] if to.via else []),
        f"Entry:     {to.rule or 'unknown'}",
        f"Listed as: {to.category or to.service or 'unknown'}",
        "",
        f"We checked {name} and found that it is not {to.category or to.service or 'this'}.",
        "Please remove it from the list, or tell us why it is on the list.",
        *(["", f"Report errors in this list at: {where}"] if where else []),
    ]
    return "\n".join(lines) + "\n"
