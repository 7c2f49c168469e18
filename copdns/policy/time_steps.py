"""The steps of time: a pause, schedules, and budgets that are used up (steps 7, 8 and 9).

A step knows its closures as courses in time: of all names, of lists, of single names.  A question
meets few of them, and finds its place in those by bisection.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import inf
from typing import Generic, NamedTuple, TypeVar

from copdns.lists.index import Entry, ListInfo
from copdns.model.matchers import Matcher
from copdns.model.times import Subject, Topic
from copdns.model.verdict import Action, Reason, StepNumber, Verdict
from copdns.policy.course import Timeline, build_timeline
from copdns.policy.matching import Blocker, ListSet
from copdns.policy.steps import Lookup
from copdns.policy.subjects import (
    MatchersByName,
    covering_matchers,
    index_by_name,
    is_excepted,
    list_numbers,
)
from copdns.time.days import local_time, zone_of
from copdns.time.plan import Closure

_MADE = 1024  # verdicts that a step keeps at most

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class BySubject(Generic[Value]):
    """Values by what they are about: all names, lists by their numbers, or single names."""

    whole: Value | None
    by_list: Mapping[int, Value]
    by_name: MatchersByName[Value]


def group_by_subject(
    pairs: Iterable[tuple[Sequence[Subject], Value]], infos: Sequence[ListInfo]
) -> BySubject[tuple[Value, ...]]:
    """Return values by what they are about; no subject is every name."""
    whole: list[Value] = []
    lists: dict[int, list[Value]] = {}
    names: dict[Matcher, list[Value]] = {}
    for about, value in pairs:
        if not about:
            whole.append(value)
        for subject in about:
            if not isinstance(subject, Topic):
                names.setdefault(subject, []).append(value)
                continue
            for number in list_numbers(subject, infos):
                lists.setdefault(number, []).append(value)
    return BySubject(
        tuple(whole) or None,
        {number: tuple(values) for number, values in lists.items()},
        index_by_name((matcher, tuple(values)) for matcher, values in names.items()),
    )


def closure_timelines(
    closures: Iterable[Closure], infos: Sequence[ListInfo]
) -> BySubject[Timeline]:
    """Return when what is closed."""
    parts = group_by_subject(((each.about, each) for each in closures), infos)
    return BySubject(
        None if parts.whole is None else build_timeline(parts.whole),
        {number: build_timeline(each) for number, each in parts.by_list.items()},
        {
            name: [(matcher, build_timeline(each)) for matcher, each in pairs]
            for name, pairs in parts.by_name.items()
        },
    )


class Applicable(NamedTuple):
    """A course that is about a question, and the list entry or matcher that says so."""

    course: Timeline
    by: Entry | Matcher | None


@dataclass(frozen=True, slots=True)
class TimeStep:
    """Block while a pause, a schedule's slot or a spent budget lasts.

    infos: of all lists, by number.  services: all of them; of a name inside two the longer owns
    it.  zone: in which people are told when it ends.  known_until: what lies behind is unknown.
    """

    number: StepNumber
    title: str
    reason: Reason
    timelines: BySubject[Timeline]
    infos: Sequence[ListInfo]
    services: ListSet
    blocker: Blocker
    zone: str
    planned_until: float
    only_if_listed: bool = False
    _made: dict[object, Verdict] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_idle(self) -> bool:
        closed = self.timelines
        return closed.whole is None and not closed.by_list and not closed.by_name

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        if self._lets_pass(lookup):
            return None
        for met in self._meets(lookup):
            closure = met.course.state_at(now)
            if closure is not None and not self._lifted(closure, lookup):
                return self._verdict(lookup.name, met, closure, met.course.next_change(now))
        return None

    def next_change(self, lookup: Lookup, now: float) -> float:
        """Return the first moment at which this step may say something else; `inf` for never."""
        if lookup.is_always_open:
            return inf
        first = inf
        for met in self._meets(lookup):
            first = min(first, met.course.next_change(now) or inf)
            closure = met.course.state_at(now)
            lifted = closure is None or self._lifted(closure, lookup)
            if not lifted and not self._lets_pass(lookup):
                break  # what stands behind it does not count as long as it holds
        return first

    def _lets_pass(self, lookup: Lookup) -> bool:
        return lookup.is_always_open or (lookup.is_homework and self.reason is not Reason.SCHEDULE)

    def _lifted(self, closure: Closure, lookup: Lookup) -> bool:
        pause = self.reason is Reason.PAUSED
        return any(
            grant.time and not (pause and grant.given < closure.start) for grant in lookup.grants
        )

    def _meets(self, lookup: Lookup) -> Iterator[Applicable]:
        closed = self.timelines
        if closed.whole is not None:
            yield Applicable(closed.whole, None)
        if closed.by_list:
            for entry in lookup.entries:
                found = closed.by_list.get(entry.list)
                if found is not None and self._counts(entry, lookup.entries):
                    yield Applicable(found, entry)
        if closed.by_name:
            for matcher, found in covering_matchers(closed.by_name, lookup.name):
                yield Applicable(found, matcher)

    def _counts(self, entry: Entry, entries: tuple[Entry, ...]) -> bool:
        if entry.allow or is_excepted(entry, entries):
            return False
        owner = self.services.find(entries) if entry.list in self.services else None
        return owner is None or len(owner[0].name) <= len(entry.name)

    def _verdict(self, qname: str, met: Applicable, closure: Closure, end: float | None) -> Verdict:
        below = self._nothing_open_below(qname, met.by)
        key = met.by, id(closure), end, below
        verdict = self._made.get(key)
        if verdict is None:
            if len(self._made) >= _MADE:
                self._made.clear()
            made = self._new(qname, met, closure, end)
            verdict = self._made[key] = replace(made, nothing_open_below=below)
        return verdict

    def _nothing_open_below(self, qname: str, by: Entry | Matcher | None) -> bool:
        """Tell whether every name below is closed too.

        A service is never sure of that: another service may own a longer name inside it.
        """
        if isinstance(by, Entry) and by.list in self.services:
            return False
        return self.blocker.nothing_open_below(qname, by)

    def _new(self, qname: str, met: Applicable, closure: Closure, end: float | None) -> Verdict:
        ends = "" if end is None or end >= self.planned_until else weekday_and_time(end, self.zone)
        if isinstance(met.by, Entry):
            info = self.infos[met.by.list]
            made = self.blocker.list_verdict(self.number, self.reason, qname, met.by, info)
            if met.by.list in self.services:
                made = replace(made, category="", service=info.subject)
            return replace(made, period=closure.period, ends_text=ends)
        return Verdict(
            Action.BLOCK,
            self.reason,
            self.number,
            rule="" if met.by is None else str(met.by),
            ttl=self.blocker.ttl,
            period=closure.period,
            ends_text=ends,
        )


def weekday_and_time(moment: float, zone: str) -> str:
    """Return a moment as people are told it, such as "Tue 07:00": a week tells days apart."""
    at = local_time(moment, zone_of(zone)) + timedelta(
        seconds=59
    )  # a change of the clock has seconds
    return f"{_DAYS[at.weekday()]} {at:%H:%M}"


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
