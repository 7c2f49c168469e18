"""The steps of time: a pause, schedules, and budgets that are used up (steps 7, 8 and 9).

A step has its closures as timelines: of all names, of lists, of single names.  Few apply to one
name, and bisection finds the moment in those: a profile can have fifty schedules with some hundred
closures each.  Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import inf
from typing import Final, Generic, NamedTuple, TypeVar

from copdns.lists.index import Entry, ListInfo
from copdns.model.build import mypyc_attr
from copdns.model.matchers import Matcher
from copdns.model.times import Subject, Topic
from copdns.model.verdict import Action, Reason, StepNumber, Verdict
from copdns.policy.lookup import Lookup
from copdns.policy.matching import Blocker, ListSet
from copdns.policy.subjects import (
    MatchersByName,
    covering_matchers,
    index_by_name,
    is_excepted,
    list_numbers,
)
from copdns.time.days import local_time, zone_of
from copdns.time.plan import Closure

MAX_VERDICTS: Final = 1024  # that a step remembers

Value = TypeVar("Value")


class BySubject(Generic[Value]):
    """Values by what they are about: all names (`whole`), lists by number, or single names."""

    __slots__ = ("by_list", "by_name", "whole")

    def __init__(
        self, whole: Value | None, by_list: dict[int, Value], by_name: MatchersByName[Value]
    ) -> None:
        self.whole = whole
        self.by_list = by_list
        self.by_name = by_name


def group_by_subject(
    pairs: Iterable[tuple[Sequence[Subject], Value]], infos: Sequence[ListInfo]
) -> BySubject[tuple[Value, ...]]:
    """Return values by what they are about; no subject means every name."""
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


class Timeline(NamedTuple):
    """`states[i]` holds before `changes[i]`, from the change before it on; None is open.

    changes: epoch seconds, ascending; one fewer than states.
    """

    changes: tuple[float, ...]
    states: tuple[Closure | None, ...]

    def state_at(self, now: float) -> Closure | None:
        """Return what closes at a moment; None: nothing does."""
        return self.states[bisect_right(self.changes, now)]

    def next_change(self, now: float) -> float | None:
        """Return when the next state begins; None: this one is the last, and has no end."""
        place = bisect_right(self.changes, now)
        return self.changes[place] if place < len(self.changes) else None


def build_timeline(closures: Sequence[Closure]) -> Timeline:
    """Return one timeline of closures that may overlap: the first of them counts.

    Closures of one schedule that follow each other without a gap count as one.
    """
    changes: list[float] = []
    states: list[Closure | None] = [None]
    for moment, closure in _closure_changes(closures):
        before = states[-1]
        if closure is before or (closure and before and _is_same_closure(closure, before)):
            continue
        changes.append(moment)
        states.append(closure)
    return Timeline(tuple(changes), tuple(states))


def _closure_changes(closures: Sequence[Closure]) -> Iterable[tuple[float, Closure | None]]:
    """Yield every start and end, with the first closure that holds from then on."""
    moments = sorted({each for one in closures for each in (one.start, one.end) if each < inf})
    starting = sorted(range(len(closures)), key=lambda place: closures[place].start)
    holding: list[int] = []
    at = 0
    for moment in moments:
        holding = [place for place in holding if closures[place].end > moment]
        while at < len(starting) and closures[starting[at]].start <= moment:
            if closures[starting[at]].end > moment:
                holding.append(starting[at])
            at += 1
        yield moment, closures[min(holding)] if holding else None


def _is_same_closure(one: Closure, other: Closure) -> bool:
    return one.period == other.period and one.reason is other.reason


def closure_timelines(
    closures: Iterable[Closure], infos: Sequence[ListInfo]
) -> BySubject[Timeline]:
    """Return the timeline of what closes all names, each list, and each single name."""
    parts = group_by_subject(((each.about, each) for each in closures), infos)
    return BySubject(
        None if parts.whole is None else build_timeline(parts.whole),
        {number: build_timeline(each) for number, each in parts.by_list.items()},
        {
            name: [(matcher, build_timeline(each)) for matcher, each in pairs]
            for name, pairs in parts.by_name.items()
        },
    )


@mypyc_attr(acyclic=True)
class Applicable:
    """A timeline that applies to a name, and the list entry or matcher that says so.

    by: None: it applies to all names.
    """

    __slots__ = ("by", "timeline")

    def __init__(self, timeline: Timeline, by: Entry | Matcher | None) -> None:
        self.timeline = timeline
        self.by = by


@dataclass(frozen=True, slots=True)
class TimeStep:
    """Block while a pause, a schedule's slot or a spent budget lasts.

    What is always open passes, and homework passes all but a schedule.  What is for learning
    passes a schedule that says so.  A grant of time lifts it,
    but not a pause that began after the grant was given.
    infos: of all lists, by number.
    services: the lists of all services; of a name inside two the longer one owns it.
    zone: of the household, for `Verdict.ends_text`.
    planned_until: epoch seconds; nothing is known from then on.
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
    _verdict_by_closure: dict[object, Verdict] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def is_idle(self) -> bool:
        """Whether no time of this profile closes anything."""
        timelines = self.timelines
        return timelines.whole is None and not timelines.by_list and not timelines.by_name

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        if self._is_idle_for(lookup) or self._exempts(lookup):
            return None
        for each in self._applicable(lookup):
            closure = each.timeline.state_at(now)
            if closure is not None and not self._is_lifted(closure, lookup):
                return self._verdict(lookup.name, each, closure, each.timeline.next_change(now))
        return None

    def next_change(self, lookup: Lookup, now: float) -> float:
        """Return the first moment at which this step may say something else; `inf` for never."""
        if self._is_idle_for(lookup) or lookup.is_always_open:
            return inf
        first = inf
        for each in self._applicable(lookup):
            change = each.timeline.next_change(now)
            if change is not None and change < first:
                first = change
            closure = each.timeline.state_at(now)
            lifted = closure is None or self._is_lifted(closure, lookup)
            if not lifted and not self._exempts(lookup):
                break  # later ones do not count as long as this one blocks
        return first

    def _is_idle_for(self, lookup: Lookup) -> bool:
        """Tell that nothing applies to a name, without a look at the name: as for most."""
        timelines = self.timelines
        return not lookup.entries and timelines.whole is None and not timelines.by_name

    def _exempts(self, lookup: Lookup) -> bool:
        return lookup.is_always_open or (lookup.is_homework and self.reason is not Reason.SCHEDULE)

    def _is_lifted(self, closure: Closure, lookup: Lookup) -> bool:
        if closure.learning and lookup.is_learning:
            return True
        pause = self.reason is Reason.PAUSED
        for grant in lookup.grants:
            if grant.time and not (pause and grant.given < closure.start):
                return True
        return False

    def _applicable(self, lookup: Lookup) -> list[Applicable]:
        timelines = self.timelines
        applicable: list[Applicable] = []
        if timelines.whole is not None:
            applicable.append(Applicable(timelines.whole, None))
        if timelines.by_list:
            for entry in lookup.entries:
                found = timelines.by_list.get(entry.list)
                if found is not None and self._counts(entry, lookup.entries):
                    applicable.append(Applicable(found, entry))
        if timelines.by_name:
            for matcher, of_name in covering_matchers(timelines.by_name, lookup.name):
                applicable.append(Applicable(of_name, matcher))
        return applicable

    def _counts(self, entry: Entry, entries: tuple[Entry, ...]) -> bool:
        if entry.allow or is_excepted(entry, entries):
            return False
        owner = self.services.find(entries) if entry.list in self.services else None
        return owner is None or len(owner[0].name) <= len(entry.name)

    def _verdict(
        self, qname: str, found: Applicable, closure: Closure, end: float | None
    ) -> Verdict:
        below = self._nothing_open_below(qname, found.by)
        key = found.by, id(closure), end, below
        verdict = self._verdict_by_closure.get(key)
        if verdict is None:
            if len(self._verdict_by_closure) >= MAX_VERDICTS:
                self._verdict_by_closure.clear()
            new = self._new_verdict(qname, found, closure, end)
            verdict = self._verdict_by_closure[key] = replace(new, nothing_open_below=below)
        return verdict

    def _nothing_open_below(self, qname: str, by: Entry | Matcher | None) -> bool:
        """Tell whether every name below is closed too.

        False for a service: another service may own a longer name inside it.
        """
        if isinstance(by, Entry) and by.list in self.services:
            return False
        return self.blocker.nothing_open_below(qname, by)

    def _new_verdict(
        self, qname: str, found: Applicable, closure: Closure, end: float | None
    ) -> Verdict:
        ends = "" if end is None or end >= self.planned_until else weekday_and_time(end, self.zone)
        if isinstance(found.by, Entry):
            info = self.infos[found.by.list]
            verdict = self.blocker.list_verdict(self.number, self.reason, qname, found.by, info)
            if found.by.list in self.services:
                verdict = replace(verdict, category="", service=info.subject)
            return replace(
                verdict, period=closure.period, ends_text=ends, no_minutes=closure.no_minutes
            )
        return Verdict(
            Action.BLOCK,
            self.reason,
            self.number,
            rule="" if found.by is None else str(found.by),
            ttl=self.blocker.ttl,
            period=closure.period,
            ends_text=ends,
            no_minutes=closure.no_minutes,
        )


def weekday_and_time(moment: float, zone: str) -> str:
    """Return a moment for people, such as "Tue 07:00": closures end within a week."""
    # Rounded up: a change of the clock can make an end with seconds.
    at = local_time(moment, zone_of(zone)) + timedelta(seconds=59)
    return f"{_DAYS[at.weekday()]} {at:%H:%M}"


_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
