"""A person's recorded lookups and minutes, as far as their privacy mode records them.

Each call is a view, which the person sees.  It is recorded before anything is returned; nothing
else is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Permission, Role
from copdns.as_json.accounts import look_json
from copdns.as_json.log import count_json, row_json
from copdns.as_json.usage import BudgetUsage, line_json, lines, usage_json
from copdns.list_files.load import discreet_names
from copdns.model.verdict import Action, Reason
from copdns.privacy.masked_names import build_mask
from copdns.privacy.own_numbers import (
    counts_for_others,
    hidden_limits,
    since_whole_day,
    usages_for_others,
)
from copdns.privacy.retention import LogRow
from copdns.time.days import budget_day, zone_of
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import WHOLE, Limit, Moment
from copdns.web.personal_data import is_untraced_row

DAY = 86_400


class RowShown(Given):
    """A look-up.  at: rounded to five minutes, and device "", unless there is a full log.

    name, reason: "other" where the name would tell what somebody believes, loves or suffers from.
    """

    at: Moment
    household: str
    profile: str
    device: str
    name: str
    action: Action
    reason: Reason | Literal["other"]
    category: str
    service: str
    list: str
    rule: str
    via: str
    type: str
    text: str


class CountShown(Given):
    """How many look-ups of a person in an hour had one outcome.

    Of somebody whose mode is `counts` or `off`: in a day, for everybody else; hour: its first.
    """

    hour: Moment
    profile: str
    action: Action
    reason: Reason
    category: str
    count: int


class MinutesShown(Given):
    """An estimate: the truth most likely lies between low and high."""

    profile: str
    budget: str
    low: int
    likely: int
    high: int


class TodayShown(MinutesShown):
    """total, left: null where the day has no limit."""

    total: int | None
    left: int | None


class DayShown(MinutesShown):
    """The minutes of one day."""

    day: str


class UsageShown(Given):
    """Minutes of use.  estimate: those of today may still grow."""

    day: str
    estimate: bool
    today: list[TodayShown]
    before: list[DayShown]


class LookShown(Given):
    """by: the name of the account, "" for one that is gone."""

    at: Moment
    by: str
    role: Role
    profile: str
    view: ViewedPart


class LogAsked(Sent):
    """How many rows at most, the newest."""

    limit: Limit = 100


class DaysAsked(Sent):
    """days: how many to look back."""

    days: Annotated[int, Field(ge=1, le=366), WHOLE] = 7


async def log(call: Call) -> object:
    """Return the newest rows of a person's log, masked as on pages; the view is noted."""
    query: LogAsked = call.query
    await call.context.looks.note(call.actor, call.person.id, ViewedPart.LOG, call.now)
    read_rows = call.context.log.rows
    found = await asyncio.to_thread(read_rows, call.household.id, call.person.id, query.limit)
    return visible_rows(call, (each.row for each in found))


def visible_rows(call: Call, rows: Iterable[LogRow]) -> list[dict[str, object]]:
    """Return rows as programs see them, without help names that lists learned of since, and masked
    as on pages."""
    snapshot = call.snapshot()
    policy = call.policy_of(snapshot, call.person.id)
    mask = build_mask(discreet_names(), snapshot.library)
    return [row_json(mask.row(each)) for each in rows if not is_untraced_row(policy, each)]


async def counts(call: Call) -> object:
    """Return a person's counts of the last `days`, masked as on pages; the view is noted."""
    query: DaysAsked = call.query
    await call.context.looks.note(call.actor, call.person.id, ViewedPart.COUNTS, call.now)
    since = since_whole_day(call.household, call.now - query.days * DAY)
    read_counts = call.context.log.counts
    found = await asyncio.to_thread(read_counts, call.household.id, call.person.id, since)
    mask = build_mask(discreet_names(), call.context.snapshot().library)
    shown = counts_for_others(call.household, mask.counts(found), call.now, call.actor.profile)
    return [count_json(*each) for each in shown]


async def usage(call: Call) -> object:
    """Return the minutes of today and of days before, which are as they were when the day ended.

    Without those that only the person sees.
    """
    query: DaysAsked = call.query
    household, person = call.household, call.person
    await call.context.looks.note(call.actor, person.id, ViewedPart.USAGE, call.now)
    today = budget_day(call.now, zone_of(household.timezone), household.day_starts).day
    inputs, who = call.context.policy_inputs(), (household.id, person.id)
    reader = call.actor.profile
    hidden = hidden_limits(household, person, inputs, call.now, reader)
    used, carried = inputs.used.get(who, {}), inputs.used_before.get(who, {})
    since = today - timedelta(days=query.days)
    before = await asyncio.to_thread(call.context.log.usage, *who, since)
    found: list[BudgetUsage] = list(lines(household, person, today, used, carried, hidden))
    before = tuple(usages_for_others(household, before, call.now, reader))
    return {
        "day": str(today),
        "estimate": True,
        "today": [line_json(each) for each in found],
        "before": [usage_json(each) for each in before if each.day < today],
    }


async def looks(call: Call) -> object:
    """Return the views; the person sees them as well."""
    query: LogAsked = call.query
    accounts = await call.context.accounts.all(call.household.id)
    names = {each.id: each.name for each in accounts}
    found = await call.context.looks.of(call.household.id, call.person.id, query.limit)
    return [look_json(each, names) for each in found]


_ONE, _SEE = "/profiles/{profile}", Permission.SEE_LOG
OPERATIONS = (
    Operation(
        "GET",
        f"{_ONE}/log",
        _SEE,
        "Look-ups that are kept, the newest last",
        log,
        list[RowShown],
        query=LogAsked,
    ),
    Operation(
        "GET",
        f"{_ONE}/counts",
        _SEE,
        "How many look-ups there were, by hour and category",
        counts,
        list[CountShown],
        query=DaysAsked,
    ),
    Operation(
        "GET",
        f"{_ONE}/usage",
        _SEE,
        "How many minutes were used, and are left",
        usage,
        UsageShown,
        query=DaysAsked,
    ),
    Operation(
        "GET",
        f"{_ONE}/looks",
        Permission.SEE_AUDIT,
        "Who looked at what is kept",
        looks,
        list[LookShown],
        query=LogAsked,
    ),
)
