"""What time adds to a policy: its steps, what lifts them, and until when a verdict holds.

`time/plan.py` says what is closed when; here it is put in the terms of one index of lists, once per
profile.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from copdns.lists.index import ListInfo, ListKind
from copdns.model.times import Grant, Subject
from copdns.model.verdict import StepNumber, Verdict
from copdns.policy.steps import Lookup, Step
from copdns.policy.subjects import SubjectMatcher, covering_matchers, is_excepted
from copdns.policy.time_steps import BySubject, TimeStep, group_by_subject
from copdns.time.budget import RemainingBudget, earliest_end
from copdns.time.minutes import MAX_ADDED
from copdns.time.plan import NO_TIME_PLAN, TimePlan

# Steps whose verdict no time changes.  Not PROTECTED: time closes some of its groups.
_NOT_TIMED = frozenset({StepNumber.ACCESS, StepNumber.LOCAL, StepNumber.LEGAL, StepNumber.SECURITY})
_HELD = 4096  # verdicts with their ends that a policy keeps at most


@dataclass(frozen=True, slots=True, eq=False)
class TimeRules:
    """What time adds to a policy.  timing: what it was made from.

    steps: the three of time, in their order.  grants: each with the names that it is about, None
    for all.  always, homework: names that stay open.  left: budgets with minutes left, by what
    they are about.  beacons: numbers of the lists of names that devices ask for by themselves.
    until: nothing is known from then on.
    """

    timing: TimePlan
    steps: tuple[TimeStep, ...]
    grants: tuple[tuple[Grant, SubjectMatcher | None], ...]
    always_open: SubjectMatcher
    homework: SubjectMatcher
    homework_span: tuple[float, float]
    remaining: BySubject[tuple[RemainingBudget, ...]]
    beacons: frozenset[int]
    until: float
    # With its end a verdict is another object; most ends last for hours.
    verdicts_with_end: dict[tuple[int, float], tuple[Verdict, Verdict]] = field(
        default_factory=dict
    )

    @property
    def tracks_usage(self) -> bool:
        """Tell whether somebody wants to know what is in use, minute by minute."""
        return bool(self.timing.remaining) or self.timing.has_grace

    def ends_move(self, now: float) -> bool:
        """Tell whether the ends of verdicts are other ones each minute, as with few minutes left.

        Also when the day is over by which budgets count, until the next day's policy is made.
        """
        timing = self.timing
        return now >= timing.day_ends or any(now >= left.sure_until for left in timing.remaining)


def valid_until(timed: TimeRules, lookup: Lookup, verdict: Verdict, now: float) -> float:
    """Return the first moment at which the same question may get another verdict; inf for never.

    Of what time closes, only what stands before the step that decided matters.
    """
    if verdict.step in _NOT_TIMED:
        return inf
    until = timed.until
    for step in timed.steps:
        until = min(until, step.next_change(lookup, now))
        if step.number == verdict.step:
            break
    else:
        if not lookup.is_always_open:
            until = min(until, _known_until(timed.timing.day_ends, now))
            for left in budgets_covering(timed, lookup):
                until = min(until, _known_until(left.end, now), left.earliest_end(now))
    for grant, reach in timed.grants:
        if now < grant.end and (reach is None or reach.covers(lookup.name, lookup.entries)):
            until = min(until, grant.end if grant.start <= now else grant.start)
    return until


def _known_until(day_ends: float, now: float) -> float:
    """Return the end of a budget's day; behind it, and before a new policy is made, a minute."""
    return day_ends if now < day_ends else earliest_end(0, now, MAX_ADDED)


def budgets_covering(timed: TimeRules, lookup: Lookup) -> Iterator[RemainingBudget]:
    """Yield the budgets with minutes left that a name is about."""
    left = timed.remaining
    yield from left.whole or ()
    if left.by_list:
        for entry in lookup.entries:
            if not entry.allow and not is_excepted(entry, lookup.entries):
                yield from left.by_list.get(entry.list, ())
    if left.by_name:
        for _, each in covering_matchers(left.by_name, lookup.name):
            yield from each


def with_end(timed: TimeRules, verdict: Verdict, until: float) -> Verdict:
    """Return the verdict with its end."""
    if until == inf:
        return verdict
    key = id(verdict), until
    known = timed.verdicts_with_end.get(key)
    if known is None:
        if len(timed.verdicts_with_end) >= _HELD:
            timed.verdicts_with_end.clear()
        # The first of the pair lives as long as its identity is a key.
        known = timed.verdicts_with_end[key] = verdict, replace(verdict, valid_until=until)
    return known[1]


def build_time_rules(
    order: Sequence[Step], infos: Sequence[ListInfo], timing: TimePlan, learning: frozenset[int]
) -> TimeRules | None:
    """Return what time adds to steps; None for nothing.

    infos: of all lists.  learning: numbers of protected lists that homework mode opens.
    """
    if timing is NO_TIME_PLAN:
        return None
    homework = timing.homework
    return TimeRules(
        timing=timing,
        steps=tuple(step for step in order if isinstance(step, TimeStep)),
        grants=tuple(
            (grant, None if grant.about is None else SubjectMatcher((grant.about,), infos))
            for grant in timing.grants
        ),
        always_open=SubjectMatcher(timing.always_open, infos),
        homework=SubjectMatcher(homework_subjects(timing), infos, learning),
        homework_span=(homework.start, homework.end) if homework else (inf, inf),
        remaining=group_by_subject(((each.about, each) for each in timing.remaining), infos),
        beacons=frozenset(info.number for info in infos if info.kind is ListKind.BEACON),
        until=timing.until,
    )


def homework_subjects(timing: TimePlan) -> tuple[Subject, ...]:
    """Return what stays open in a pause for homework that holds or comes; nothing without one."""
    return timing.homework.opens if timing.homework else ()
