"""Which numbers a person alone sees: those of what the household wrote itself.

A limit on one site, a rule for one name or a list of three would tell a guardian when, how often
and for how long somebody was there, whose privacy mode promises counts and no names.  So of
somebody in the mode `counts` or `off`, minutes and ends of such a limit are shown to that person
alone, and a query that a thing of the household's own decided is counted among the rest.  At which
hours somebody looked sites up is that person's alone too: others get sums of days.  Limits and
rules work as they do for everybody.  Pure; moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from copdns.model.household import Household, PrivacyMode, Profile
from copdns.model.times import Budget, Subject, Topic, TopicKind
from copdns.model.verdict import Action, Reason, Verdict
from copdns.policy.today import Today
from copdns.privacy.retention import CountKey
from copdns.time.days import local_time, starts_at, zone_of
from copdns.time.minutes import Usage
from copdns.time.own_timers import OWN, OwnTimer, Who
from copdns.time.plan import PolicyInputs, budgets_in_force

COUNTS_ONLY: Final = frozenset({PrivacyMode.OFF, PrivacyMode.COUNTS})

# Reasons of what only a household writes: rules, networks, local names and rewrites, permissions.
_OWN_REASONS: Final = frozenset({Reason.RULE, Reason.ADDRESS, Reason.LOCAL, Reason.GRANTED})
_OF_TIME: Final = frozenset({Reason.SCHEDULE, Reason.BUDGET})
HOUSEHOLD: Final = "household"  # as which its services and protected names are among the lists


# --- what is the household's own ------------------------------------------------------------------


def is_own_subject(household: Household, subject: Subject) -> bool:
    """Tell whether a subject is narrower than counts are: a name, a list, an own service.

    Any list counts: what is on it is somebody's choice, and one can have a single name.
    """
    if not isinstance(subject, Topic) or subject.kind is TopicKind.LIST:
        return True
    own = {each.slug for each in household.services}
    return subject.kind is TopicKind.SERVICE and subject.slug in own


def is_own_limit(household: Household, budget: Budget) -> bool:
    """Tell whether a limit counts something of the household's own.

    One such subject is enough: a second limit without it would tell the difference.
    """
    return any(is_own_subject(household, each) for each in budget.about)


def is_own_verdict(verdict: Verdict, own_lists: Collection[str] = ()) -> bool:
    """Tell whether something of the household's own decided.

    own_lists: slugs of the lists that the settings define.
    """
    reason = verdict.reason
    if reason is Reason.DEFAULT:
        return False
    if reason is Reason.PAUSED and verdict.period == OWN:
        return True
    if reason in _OWN_REASONS or HOUSEHOLD in (verdict.list, verdict.list_version):
        return True
    if reason in _OF_TIME and verdict.rule and not verdict.list:
        return True
    return verdict.list in own_lists


def coarse_verdict(verdict: Verdict) -> Verdict:
    """Return the verdict as which one of the household's own is counted: among the rest.

    A refusal stays one: it is about the kind of the query, and tells of no use.
    """
    action = Action.REFUSE if verdict.action is Action.REFUSE else Action.ALLOW
    return replace(verdict, action=action, reason=Reason.DEFAULT, category="")


# --- whose numbers they are -----------------------------------------------------------------------


def own_limits(household: Household, profile: Profile, at: float) -> frozenset[str]:
    """Return the ids of the limits of a person whose minutes are theirs alone at a moment."""
    if profile.privacy_at(at) not in COUNTS_ONLY:
        return frozenset()
    return frozenset(
        each.id for each in budgets_in_force(household, profile) if is_own_limit(household, each)
    )


def hidden_limits(
    household: Household, profile: Profile, inputs: PolicyInputs, at: float, reader: str = ""
) -> frozenset[str]:
    """Return the ids of the limits whose minutes of today somebody else does not see.

    reader: the id of the person who looks; "" for nobody of the household's people.
    """
    if reader == profile.id:
        return frozenset()
    return own_limits(household, profile, at) | inputs.own.get(
        (household.id, profile.id), frozenset()
    )


def inputs_for_others(
    household: Household,
    profiles: Iterable[Profile],
    inputs: PolicyInputs,
    at: float,
    reader: str = "",
) -> PolicyInputs:
    """Return what policies depend on as somebody else may know it.

    The same object where nothing is hidden.

    Limits of people's own are as if nobody had used them.  What was in use when a time ended is
    nobody else's to know either: it is names.  Nor are timers that they started for themselves.
    """
    used, before, in_use = dict(inputs.used), dict(inputs.used_before), dict(inputs.in_use)
    timers = dict(inputs.own_timers)
    for profile in profiles:
        who = household.id, profile.id
        hidden = hidden_limits(household, profile, inputs, at, reader)
        for minutes in (used, before):
            if hidden and who in minutes:
                minutes[who] = {key: n for key, n in minutes[who].items() if key not in hidden}
        if reader != profile.id and profile.privacy_at(at) in COUNTS_ONLY:
            in_use.pop(who, None)
            timers.pop(who, None)
    if (used, before, in_use) == (inputs.used, inputs.used_before, inputs.in_use) and (
        timers == inputs.own_timers
    ):
        return inputs
    return replace(inputs, used=used, used_before=before, in_use=in_use, own_timers=timers)


def timers_for_others(
    households: Mapping[str, Household], timers: Mapping[Who, OwnTimer], at: float
) -> Mapping[Who, OwnTimer]:
    """Return the timers that people started for themselves, as somebody else may know of them."""
    found: dict[Who, OwnTimer] = {}
    for (household, person), timer in timers.items():
        home = households.get(household)
        profile = home.profile(person) if home is not None else None
        if profile is not None and profile.privacy_at(at) not in COUNTS_ONLY:
            found[household, person] = timer
    return found


def today_for_others(today: Today, hidden: Collection[str]) -> Today:
    """Return a person's day without the minutes of some limits; `own` names these."""
    if not hidden:
        return today
    return replace(
        today,
        minutes=tuple(each for each in today.minutes if each.budget.id not in hidden),
        own=tuple(each.budget for each in today.minutes if each.budget.id in hidden),
    )


def usages_for_others(
    household: Household, usages: Iterable[Usage], now: float, reader: str = ""
) -> Iterator[Usage]:
    """Yield the minutes of days that somebody else may see.

    A day that was counted as the person's own stays so, whatever becomes of limit and mode.
    """
    limits = {each.id: each for each in household.budgets}
    for usage in usages:
        is_theirs = bool(reader) and usage.profile == reader
        hidden = usage.own or _is_own_now(household, usage, limits.get(usage.budget), now)
        if is_theirs or not hidden:
            yield usage


def _is_own_now(household: Household, usage: Usage, limit: Budget | None, now: float) -> bool:
    """Tell whether the minutes would be the person's own today; so they were before it was noted,
    and so are those of a limit that is gone."""
    profile = household.profile(usage.profile)
    if profile is not None and profile.privacy_at(now) not in COUNTS_ONLY:
        return False
    return limit is None or is_own_limit(household, limit)


def since_whole_day(household: Household, since: float) -> float:
    """Return the start of a moment's day: a sum of its rest would tell how much came before."""
    zone = zone_of(household.timezone)
    return starts_at(local_time(since, zone).date(), 0, zone)


def counts_for_others(
    household: Household, counts: Iterable[tuple[CountKey, int]], now: float, reader: str = ""
) -> tuple[tuple[CountKey, int], ...]:
    """Return counts as somebody else may see them, in their order.

    Those of whom no names are kept, guests among them, are sums of days on the household's
    calendar; their hour is the first that begins on that day.  reader: the id of the person
    who looks; "" for nobody of the household's people.
    """
    zone = zone_of(household.timezone)
    named = {e.id for e in household.profiles if e.privacy_at(now) not in COUNTS_ONLY}
    first: dict[int, int] = {}  # of the day, by hour: an hour has many counts
    found: dict[CountKey, int] = {}
    for key, n in counts:
        if key.profile not in named and key.profile != reader:
            if key.hour not in first:
                day = local_time(key.hour * 3600, zone).date()
                first[key.hour] = -(-int(starts_at(day, 0, zone)) // 3600)
            key = key._replace(hour=first[key.hour])
        found[key] = found.get(key, 0) + n
    return tuple(found.items())
