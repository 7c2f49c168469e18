"""`copdns check --week`: when a name is open in seven days, and when it is closed, and why.

Asks `policy.decide` itself at each moment at which it says that its word may change.
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
from copdns.cli.output import aligned, print_json, safe
from copdns.dns.qtypes import qtype_name
from copdns.model.names import display
from copdns.model.reasons import text_of
from copdns.model.verdict import Action, Requestor, Verdict
from copdns.policy.decide import Policy, charged_budgets, decide
from copdns.policy.snapshot import Client, Sightings, Snapshot
from copdns.policy.time_steps import BySubject
from copdns.time.days import local_time, starts_at, zone_of

DAYS = 7
_OPEN = frozenset({Action.ALLOW, Action.REWRITE, Action.LOCAL})


class Asking(NamedTuple):
    """Who asks: by a profile's id, or by an address.  sightings: MAC addresses seen behind it."""

    household: str
    profile: str
    address: str = ""
    sightings: Sightings | None = None

    def client(self, live: Snapshot) -> Client:
        """Return the client in a snapshot."""
        if self.profile:
            return Client(self.household, "", live.policy(self.household, self.profile))
        if self.sightings is not None:
            live = live.with_sightings(self.sightings)
        return live.identify(Requestor("", self.address, "udp"))


class Stretch(NamedTuple):
    """The same answer from start to end, which is exclusive.

    verdict: the first in it.  budgets: ids of those whose minutes it takes; it is over before its
    end when they are used up.
    """

    start: float
    end: float
    verdict: Verdict
    budgets: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        return self.verdict.action in _OPEN


class Week(NamedTuple):
    """profile: whose, "" for strangers."""

    name: str
    qtype: int
    profile: str
    stretches: tuple[Stretch, ...]


def week_of(home: Home, asking: Asking, name: str, qtype: int, now: float) -> Week:
    """Return the week of a name that begins now and ends with the seventh date."""
    zone = zone_of(home.household.timezone)
    end = starts_at(local_time(now, zone).date() + timedelta(days=DAYS), 0, zone)
    found = _merged(walk(home, asking, name, qtype, now, end))
    return Week(name, qtype, asking.client(home.live(now)).policy.profile, tuple(found))


def walk(
    home: Home, asking: Asking, name: str, qtype: int, at: float, end: float
) -> Iterator[Stretch]:
    """Yield what is decided, from one moment at which it may change to the next.

    Few: edges of time, and one a day, when the next days are worked out.
    """
    live: Snapshot | None = None
    rebuild = at
    while at < end:
        if live is None or at >= rebuild:
            live = home.live(at, live)
            rebuild = inf if live.rebuild_at is None else live.rebuild_at
            rebuild = min(rebuild, home.guest_leaves(at))
            policy = asking.client(live).policy
            planned = _planned(policy)
        verdict = decide(planned, name, qtype, at)
        until = min(inf if verdict.valid_until is None else verdict.valid_until, rebuild, end)
        budgets = charged_budgets(policy, name, verdict, at) or ()
        yield Stretch(at, until, verdict, budgets)
        at = until


def _planned(policy: Policy) -> Policy:
    """Return the policy for which no minute of a budget runs: nobody knows when they will.

    When a day has none at all is planned, and stays.
    """
    if policy.time_rules is None:
        return policy
    timed = replace(policy.time_rules, remaining=BySubject(None, {}, {}), verdicts_with_end={})
    return replace(policy, time_rules=timed)


def _merged(stretches: Iterator[Stretch]) -> Iterator[Stretch]:
    """Yield stretches of which none says the same as the one before."""
    before: Stretch | None = None
    for each in stretches:
        if before is not None and _said(before) == _said(each):
            before = before._replace(end=each.end)
            continue
        if before is not None:
            yield before
        before = each
    if before is not None:
        yield before


def _said(stretch: Stretch) -> tuple[Verdict, tuple[str, ...]]:
    return replace(stretch.verdict, valid_until=None, ends_text=""), stretch.budgets


def tell_week(home: Home, week: Week, *, as_json: bool) -> None:
    """Tell when a name is open and when not, from now on for a week."""
    if as_json:
        print_json(
            {
                "name": week.name,
                "type": qtype_name(week.qtype),
                "household": home.household.id,
                "profile": week.profile,
                "stretches": [_json(each) for each in week.stretches],
            }
        )
        return
    zone = home.household.timezone
    whose = week.profile or "a stranger"
    asked = f"{display(week.name)}, type {qtype_name(week.qtype)}, for {whose} ({zone})"
    click.echo(safe(asked))
    click.echo()
    for line in aligned([_row(each, zone) for each in week.stretches]):
        click.echo(safe(line))


def _row(stretch: Stretch, zone: str) -> tuple[str, str, str, str]:
    state = "allowed" if stretch.is_open else "blocked"
    return _clock(stretch.start, zone), _clock(stretch.end, zone), state, _why(stretch)


def _clock(moment: float, zone: str) -> str:
    """Return a moment with its offset, which tells two of the same time apart."""
    return f"{local_time(moment, zone_of(zone)):%a %Y-%m-%d %H:%M %z}"


def _why(stretch: Stretch) -> str:
    text = text_of(replace(stretch.verdict, ends_text=""))
    by = f" by {stretch.verdict.period}" if stretch.verdict.period else ""
    lasts = f", while minutes of {' and '.join(stretch.budgets)} last" if stretch.budgets else ""
    return f"({text}{by}){lasts}"


def _json(stretch: Stretch) -> dict[str, object]:
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
