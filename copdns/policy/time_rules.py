"""What time adds to a policy: its steps, what lifts them, and until when a verdict holds.

`time/plan.py` says what is closed when; a `TimeRules` is that plan bound to one index of lists,
once per profile.  Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from math import inf
from typing import Final

from copdns.lists.index import Entry, ListInfo, ListKind
from copdns.model.build import mypyc_attr
from copdns.model.matchers import Matcher
from copdns.model.times import Grant, Subject
from copdns.model.verdict import StepNumber, Verdict
from copdns.policy.lookup import Lookup, Step
from copdns.policy.subjects import (
    MatchersByName,
    SubjectMatcher,
    covering_matchers,
    index_by_name,
    is_excepted,
)
from copdns.policy.time_steps import BySubject, TimeStep, group_by_subject
from copdns.time.budget import RemainingBudget, earliest_end
from copdns.time.minutes import MAX_ADDED, MINUTE
from copdns.time.plan import NO_TIME_PLAN, TimePlan

# Steps whose verdict no time changes.  Not PROTECTED: time closes some of its groups.
_NOT_TIMED: Final = frozenset(
    {StepNumber.ACCESS, StepNumber.LOCAL, StepNumber.LEGAL, StepNumber.SECURITY}
)
MAX_VERDICTS: Final = 4096  # with their ends, that a policy remembers


@mypyc_attr(acyclic=True)
class LastEnd:
    """The last verdict on a name that nothing of times is about, and the same with its end.

    It is that of all such names from `start` until before `end`, epoch seconds: within a minute,
    and until the next change.
    """

    __slots__ = ("end", "start", "verdict", "with_end")

    def __init__(self) -> None:
        self.verdict: Verdict | None = None
        self.with_end: Verdict | None = None
        self.start = inf
        self.end = -inf


@dataclass(frozen=True, slots=True, eq=False)
class TimeRules:
    """What time adds to a policy.  plan: what it was made from.

    steps: the three of time, in their order.
    grants: each with the names that it is about; None: all names.
    always_open: names that no pause, schedule or budget closes.
    homework: names that homework mode opens; homework_span: when that runs, epoch seconds.
    has_learning: schedules for learning leave the same names open.
    remaining: budgets with minutes left, by what they are about.
    beacons: numbers of the lists of names that devices ask for by themselves.
    until: epoch seconds; nothing is known from then on.
    budgets_if_unlisted: the ids of those that count a name that is on no list and not in
    `written`; None: that depends on grants.
    written: the names that somebody wrote one by one, of budgets and of what is open.
    names_closures: some closures are about single names.
    """

    plan: TimePlan
    steps: tuple[TimeStep, ...]
    grants: tuple[tuple[Grant, SubjectMatcher | None], ...]
    always_open: SubjectMatcher
    homework: SubjectMatcher
    homework_span: tuple[float, float]
    remaining: BySubject[tuple[RemainingBudget, ...]]
    beacons: frozenset[int]
    until: float
    has_learning: bool = False
    budgets_if_unlisted: tuple[str, ...] | None = None
    written: MatchersByName[None] = field(default_factory=dict)
    names_closures: bool = False
    last_end: LastEnd = field(default_factory=LastEnd)
    # By the id of a verdict without its end, and that end; see `with_end`.
    verdicts_with_end: dict[tuple[int, float], tuple[Verdict, Verdict]] = field(
        default_factory=dict
    )

    @property
    def tracks_usage(self) -> bool:
        """Tell whether minutes of use are needed, for budgets or grace periods."""
        return bool(self.plan.remaining) or self.plan.has_grace

    def names_it(self, qname: str) -> bool:
        """Tell whether a name is one of `written`."""
        return bool(self.written) and bool(covering_matchers(self.written, qname))

    def ends_move(self, now: float) -> bool:
        """Tell whether `valid_until` moves every minute.

        It does when a budget is nearly used up, and when its day is over and the next day's policy
        is not built yet.
        """
        plan = self.plan
        return now >= plan.day_ends or any(now >= left.sure_until for left in plan.remaining)


def valid_until(time_rules: TimeRules, lookup: Lookup, verdict: Verdict, now: float) -> float:
    """Return the first moment at which the name may get another verdict; inf: never.

    Of what time closes, only the steps up to the one that decided matter.
    """
    if verdict.step in _NOT_TIMED:
        return inf
    until = time_rules.until
    for step in time_rules.steps:
        until = min(until, step.next_change(lookup, now))
        if step.number == verdict.step:
            break
    else:
        if not lookup.is_always_open:
            until = min(until, _known_until(time_rules.plan.day_ends, now))
            for left in budgets_covering(time_rules, lookup):
                until = min(until, _known_until(left.end, now), left.earliest_end(now))
    for grant, reach in time_rules.grants:
        if now < grant.end and (reach is None or reach.covers(lookup.name, lookup.entries)):
            until = min(until, grant.end if grant.start <= now else grant.start)
    return until


def verdict_with_end(
    time_rules: TimeRules, lookup: Lookup, verdict: Verdict, now: float
) -> Verdict:
    """Return the verdict on a name with its end: most names are on no list, and end alike."""
    if (
        lookup.entries
        or time_rules.names_closures
        or time_rules.grants
        or lookup.is_always_open
        or time_rules.names_it(lookup.name)
    ):
        return with_end(time_rules, verdict, valid_until(time_rules, lookup, verdict, now))
    last = time_rules.last_end
    if last.verdict is verdict and last.with_end is not None and last.start <= now < last.end:
        return last.with_end
    until = valid_until(time_rules, lookup, verdict, now)
    last.verdict, last.with_end = verdict, with_end(time_rules, verdict, until)
    last.start, last.end = now, min(until, now // MINUTE * MINUTE + MINUTE)
    return last.with_end


def _known_until(day_ends: float, now: float) -> float:
    """Return the end of a budget's day; once it is over, until a policy is built, a minute on."""
    return day_ends if now < day_ends else earliest_end(0, now, MAX_ADDED)


def budgets_covering(time_rules: TimeRules, lookup: Lookup) -> list[RemainingBudget]:
    """Return the budgets with minutes left that count a name; one may be there twice."""
    left = time_rules.remaining
    budgets: list[RemainingBudget] = []
    if left.whole is not None:
        budgets += left.whole
    if left.by_list:
        for entry in lookup.entries:
            if not entry.allow and not is_excepted(entry, lookup.entries):
                budgets += left.by_list.get(entry.list, ())
    if left.by_name:
        for _, each in covering_matchers(left.by_name, lookup.name):
            budgets += each
    return budgets


def grants_in_force(
    time_rules: TimeRules, qname: str, entries: tuple[Entry, ...], now: float
) -> tuple[Grant, ...]:
    """Return the grants that hold for a name now."""
    grants: tuple[Grant, ...] = ()
    for grant, names in time_rules.grants:
        if grant.start <= now < grant.end and (names is None or names.covers(qname, entries)):
            grants += (grant,)
    return grants


def with_end(time_rules: TimeRules, verdict: Verdict, until: float) -> Verdict:
    """Return the verdict with `valid_until` set; inf: the verdict itself.

    Always the same object for the same verdict and end, since caches compare by identity.
    """
    if until == inf:
        return verdict
    key = id(verdict), until
    found = time_rules.verdicts_with_end.get(key)
    if found is None:
        if len(time_rules.verdicts_with_end) >= MAX_VERDICTS:
            time_rules.verdicts_with_end.clear()
        # The first of the pair lives as long as its id is a key.
        found = time_rules.verdicts_with_end[key] = verdict, replace(verdict, valid_until=until)
    return found[1]


def build_time_rules(
    order: Sequence[Step], infos: Sequence[ListInfo], plan: TimePlan, learning: frozenset[int]
) -> TimeRules | None:
    """Return what time adds to these steps; None: nothing.

    infos: of all lists.  learning: numbers of the protected lists that homework mode opens.
    """
    if plan is NO_TIME_PLAN:
        return None
    homework = plan.homework
    always_open = SubjectMatcher(plan.always_open, infos)
    opened = SubjectMatcher(homework_subjects(plan), infos, learning)
    remaining = group_by_subject(((each.about, each) for each in plan.remaining), infos)
    written: list[Matcher] = []
    for pairs in chain(always_open.by_name.values(), opened.by_name.values()):
        written += [matcher for matcher, _ in pairs]
    for counted in remaining.by_name.values():
        written += [matcher for matcher, _ in counted]
    whole = tuple(dict.fromkeys(left.id for left in remaining.whole or ()))
    return TimeRules(
        plan=plan,
        steps=tuple(step for step in order if isinstance(step, TimeStep)),
        grants=tuple(
            (grant, None if grant.about is None else SubjectMatcher((grant.about,), infos))
            for grant in plan.grants
        ),
        always_open=always_open,
        homework=opened,
        homework_span=(homework.start, homework.end) if homework else (inf, inf),
        remaining=remaining,
        beacons=frozenset(info.number for info in infos if info.kind is ListKind.BEACON),
        until=plan.until,
        has_learning=plan.learning is not None,
        budgets_if_unlisted=None if plan.grants else whole,
        written=index_by_name((each, None) for each in written),
        names_closures=any(step.timelines.by_name for step in order if isinstance(step, TimeStep)),
    )


def homework_subjects(plan: TimePlan) -> tuple[Subject, ...]:
    """Return what homework mode or a schedule for learning opens, now or later; nothing where none
    is planned."""
    if plan.homework:
        return plan.homework.opens
    return plan.learning or ()
