"""Rows of the log as the page shows them, and what a guardian can do about each.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from enum import StrEnum
from itertools import groupby
from typing import Final, NamedTuple

from copdns.lists.find_app import KnownApp, app_of_name, owners_of
from copdns.lists.line import is_shared_suffix
from copdns.model.household import Household, RuleAction
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import display, suffixes
from copdns.model.verdict import Action, Reason
from copdns.privacy.masked_names import OTHER
from copdns.privacy.retention import LogRow
from copdns.time.days import local_time, zone_of
from copdns.web.desk.activity.log_query import TIME_REASONS

_BLOCKS: Final = frozenset({Action.BLOCK, Action.REFUSE})
# What a plain rule that allows a site lifts (docs/decision.md); the others need more than that.
_LIFTED: Final = frozenset(
    {
        *(Reason.RULE, Reason.BYPASS, Reason.SERVICE, Reason.CONTACT, Reason.CATEGORY),
        Reason.NOT_ON_ALLOWLIST,
    }
)
# What a plain rule that blocks a site does not reach: names of the home, and protected ones.
_UNREACHED: Final = frozenset({Reason.LOCAL, Reason.CANARY, Reason.PROTECTED})


class EntryState(StrEnum):
    """How a row looks."""

    ALLOWED = "allowed"
    LIMITED = "limited"  # blocked because of the time
    BLOCKED = "blocked"


class EntryStep(StrEnum):
    """What comes next after a row, for a guardian who may do it."""

    NONE = ""  # nothing: the site is shown as "other", or the person is no longer there
    LOOK = "look"  # only see why
    ALLOW = "allow"
    BLOCK = "block"
    GIVE_TIME = "give time"
    IS_ALLOWED = "is allowed"  # a rule for this person and site says so already
    IS_BLOCKED = "is blocked"


class LogEntry(NamedTuple):
    """A row of the log on the page.

    name: the person's.  site: the name as people read it.  device: its name; "" where none is
    recorded.  day, clock: of the household's calendar and clock.  app: what the site belongs to; it
    works with all its sites alone.
    """

    id: int
    row: LogRow
    name: str
    site: str
    device: str
    day: date
    clock: str
    state: EntryState
    step: EntryStep
    app: KnownApp | None = None


def build_entries(
    rows: Iterable[tuple[int, LogRow]],
    household: Household,
    may_edit: Collection[str],
    may_give: Collection[str],
    apps: Iterable[KnownApp] = (),
) -> tuple[LogEntry, ...]:
    """Return rows, as guardians see them, for the page.

    may_edit, may_give: ids of the people for whom the reader may change rules, and give time.
    apps: that a site can belong to.
    """
    names = {each.id: each.name for each in household.profiles}
    devices = {each.id: each.name or each.id for each in household.devices}
    ruled = {
        (each.scope, str(each.target)): each.action
        for each in household.rules
        if each.scope in names
    }
    owners = owners_of(apps)
    usual = zone_of(household.timezone)
    zones = {each.id: zone_of(household.local_to(each).timezone) for each in household.profiles}
    entries = []
    for number, row in rows:
        at = local_time(row.at, zones.get(row.profile, usual))
        entries.append(
            LogEntry(
                number,
                row,
                names.get(row.profile, row.profile),
                display(row.qname),
                devices.get(row.device, row.device),
                at.date(),
                f"{at:%H:%M}",
                state_of(row),
                _step_of(row, _rule_for(row, ruled), may_edit, may_give),
                app_of_name(row.qname, owners) if can_allow(row.reason, row.qname) else None,
            )
        )
    return tuple(entries)


def by_day(entries: Iterable[LogEntry]) -> list[tuple[date, list[LogEntry]]]:
    """Return entries by day, in their order; a day comes twice where a clock went backwards."""
    return [(day, list(some)) for day, some in groupby(entries, key=lambda each: each.day)]


def state_of(row: LogRow) -> EntryState:
    """Return how a row looks."""
    if row.action not in _BLOCKS:
        return EntryState.ALLOWED
    return EntryState.LIMITED if row.reason in TIME_REASONS else EntryState.BLOCKED


def can_allow(reason: str, name: str) -> bool:
    """Tell whether a plain rule lifts a block for this reason, and is about a site."""
    return reason in _LIFTED and not _is_no_site(name)


def _rule_for(row: LogRow, ruled: Mapping[tuple[str, str], RuleAction]) -> RuleAction | None:
    """Return what the longest rule of the person for a name says; None for none."""
    for each in suffixes(row.qname):
        kinds = (MatchKind.EXACT, MatchKind.SUBTREE) if each == row.qname else tuple(MatchKind)[1:]
        for kind in kinds:
            found = ruled.get((row.profile, str(Matcher(each, kind))))
            if found is not None:
                return found
    return None


def _step_of(
    row: LogRow,
    ruled: RuleAction | None,
    may_edit: Collection[str],
    may_give: Collection[str],
) -> EntryStep:
    if row.reason == OTHER or row.profile not in may_edit:
        return EntryStep.NONE
    if row.action in _BLOCKS:
        if row.reason in TIME_REASONS:
            return EntryStep.GIVE_TIME if row.profile in may_give else EntryStep.LOOK
        if not can_allow(row.reason, row.qname):
            return EntryStep.LOOK
        return EntryStep.IS_ALLOWED if ruled is RuleAction.ALLOW else EntryStep.ALLOW
    if row.reason in _UNREACHED or _is_no_site(row.qname):
        return EntryStep.LOOK
    return EntryStep.IS_BLOCKED if ruled is RuleAction.BLOCK else EntryStep.BLOCK


def _is_no_site(name: str) -> bool:
    """Tell whether a rule about a name would be about much more than a site, or about a network.

    A child can look up `co.uk`, and one tap would open all sites below it.
    """
    top = name.rpartition(".")[2]
    return top == name or top.isdigit() or is_shared_suffix(name) is not None
