"""`copdns check --week`: when a name is allowed and when blocked in the next seven days, and why.

Runs `decide` (`policy/decide.py`) at each moment until which the verdict before it holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from math import inf
from typing import NamedTuple

import click

from copdns.as_json.plain import utc
from copdns.cli.home import Home
from copdns.cli.output import align, print_json, printable
from copdns.model.names import display
from copdns.model.reasons import text_of
from copdns.model.record_types import qtype_name
from copdns.model.verdict import Action, Requestor, Verdict
from copdns.policy.decide import Policy, charged_budgets, decide
from copdns.policy.snapshot import Client, Sightings, Snapshot
from copdns.policy.time_rules import LastEnd
from copdns.policy.time_steps import BySubject
from copdns.time.days import local_time, starts_at, zone_of

DAYS = 7
_ALLOWED = frozenset({Action.ALLOW, Action.REWRITE, Action.LOCAL})


class ClientSelector(NamedTuple):
    """For whom a name is checked: a profile's id, or else an address.

    sightings: MAC addresses seen behind addresses; None: they are not read.
    """

    household: str
    profile: str
    address: str = ""
    sightings: Sightings | None = None

    def find_client(self, snapshot: Snapshot) -> Client:
        """Return the client that this is in a snapshot."""
        if self.profile:
            return Client(self.household, "", snapshot.policy(self.household, self.profile))
        if self.sightings is not None:
            snapshot = snapshot.with_sightings(self.sightings)
        return snapshot.identify(Requestor("", self.address, "udp"))


class WeekStretch(NamedTuple):
    """A time with one verdict.  start, end: seconds since the epoch; end is exclusive.

    verdict: the first in it.  budgets: ids of the budgets that count its minutes; when they are
    used up, it is over before its end.
    """

    start: float
    end: float
    verdict: Verdict
    budgets: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        return self.verdict.action in _ALLOWED


class NameWeek(NamedTuple):
    """What is decided about a name in seven days.  profile: whose; "" for strangers."""

    name: str
    qtype: int
    profile: str
    stretches: tuple[WeekStretch, ...]


def compute_week(
    home: Home, selector: ClientSelector, name: str, qtype: int, now: float
) -> NameWeek:
    """Return the verdicts about a name from now to the end of the seventh date."""
    client = selector.find_client(home.make_snapshot(now))
    zone = zone_of(home.local(client.policy.profile).timezone)
    end = starts_at(local_time(now, zone).date() + timedelta(days=DAYS), 0, zone)
    found = _merge_equal(walk_decisions(home, selector, name, qtype, now, end))
    return NameWeek(name, qtype, client.policy.profile, tuple(found))


def walk_decisions(
    home: Home, selector: ClientSelector, name: str, qtype: int, at: float, end: float
) -> Iterator[WeekStretch]:
    """Yield the verdicts from `at` to `end`, one for each time between two changes.

    There are few: edges of schedules and pauses, and one a day, when the snapshot is built anew.
    """
    snapshot: Snapshot | None = None
    rebuild = at
    while at < end:
        if snapshot is None or at >= rebuild:
            snapshot = home.make_snapshot(at, snapshot)
            rebuild = inf if snapshot.rebuild_at is None else snapshot.rebuild_at
            rebuild = min(rebuild, home.next_guest_end(at))
            policy = selector.find_client(snapshot).policy
            planned = _without_budget_use(policy)
        verdict = decide(planned, name, qtype, at)
        until = min(inf if verdict.valid_until is None else verdict.valid_until, rebuild, end)
        budgets = charged_budgets(policy, name, verdict, at) or ()
        yield WeekStretch(at, until, verdict, budgets)
        at = until


def _without_budget_use(policy: Policy) -> Policy:
    """Return the policy as if no minute of a budget were used: future use is unknown.

    Days on which a budget has no minutes at all are planned, and stay.
    """
    if policy.time_rules is None:
        return policy
    # What the rules in force remember of ends holds for these no more than the other way round.
    unused = replace(
        policy.time_rules,
        remaining=BySubject(None, {}, {}),
        last_end=LastEnd(),
        verdicts_with_end={},
    )
    return replace(policy, time_rules=unused)


def _merge_equal(stretches: Iterator[WeekStretch]) -> Iterator[WeekStretch]:
    """Yield the stretches, with neighbours that say the same as one."""
    before: WeekStretch | None = None
    for each in stretches:
        if before is not None and _comparable(before) == _comparable(each):
            before = before._replace(end=each.end)
            continue
        if before is not None:
            yield before
        before = each
    if before is not None:
        yield before


def _comparable(stretch: WeekStretch) -> tuple[Verdict, tuple[str, ...]]:
    return replace(stretch.verdict, valid_until=None, ends_text=""), stretch.budgets


def print_week(home: Home, week: NameWeek, *, as_json: bool) -> None:
    """Print when a name is allowed and when blocked."""
    if as_json:
        print_json(
            {
                "name": week.name,
                "type": qtype_name(week.qtype),
                "household": home.household.id,
                "profile": week.profile,
                "stretches": [_stretch_json(each) for each in week.stretches],
            }
        )
        return
    zone = home.local(week.profile).timezone
    whose = week.profile or "a stranger"
    title = f"{display(week.name)}, type {qtype_name(week.qtype)}, for {whose} ({zone})"
    click.echo(printable(title))
    click.echo()
    for line in align([_stretch_row(each, zone) for each in week.stretches]):
        click.echo(printable(line))


def _stretch_row(stretch: WeekStretch, zone: str) -> tuple[str, str, str, str]:
    state = "allowed" if stretch.is_open else "blocked"
    return (
        _moment_text(stretch.start, zone),
        _moment_text(stretch.end, zone),
        state,
        _reason_text(stretch),
    )


def _moment_text(moment: float, zone: str) -> str:
    """Return a moment with its UTC offset: when clocks go back, an hour comes twice."""
    return f"{local_time(moment, zone_of(zone)):%a %Y-%m-%d %H:%M %z}"


def _reason_text(stretch: WeekStretch) -> str:
    text = text_of(replace(stretch.verdict, ends_text=""))
    by = f" by {stretch.verdict.period}" if stretch.verdict.period else ""
    lasts = f", while minutes of {' and '.join(stretch.budgets)} last" if stretch.budgets else ""
    return f"({text}{by}){lasts}"


def _stretch_json(stretch: WeekStretch) -> dict[str, object]:
    verdict = stretch.verdict
    return {
        "start": utc(stretch.start),
        "end": utc(stretch.end),
        "open": stretch.is_open,
        "action": verdict.action,
        "reason": verdict.reason,
        "text": text_of(replace(verdict, ends_text="")),
        "step": verdict.step,
        "period": verdict.period,
        "budgets": list(stretch.budgets),
    }
