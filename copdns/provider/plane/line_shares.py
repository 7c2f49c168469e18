"""What the data plane takes from a household: a shape that many share, and what is its own.

A line is one address, whoever of the family asks, so it gets what the household's unknown devices
get.  Its shape is that household without whose it is, so that all that chose the same preset and
the same times have one, and with it one group.  What a class cannot say, copdns decides: about some
names, or for a while about all.  It also decides about all that a device asks which shows a token,
and, where routers tell MAC addresses, about all of a household in which such a device has other
rules than the line.  Pure; moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from math import inf
from typing import Final, NamedTuple

from copdns.model.household import Default, Household, Profile
from copdns.model.matchers import Matcher
from copdns.model.times import Subject, TopicKind
from copdns.model.verdict import Reason
from copdns.policy.build_snapshot import UnknownPlan, plan_of_unknown
from copdns.policy.chosen_filter import is_filter_on, with_chosen_filter
from copdns.policy.guest import GUEST, unknown_profile
from copdns.provider.plane.list_slugs import ListSlugs
from copdns.provider.plane.snapshot import CLOSING, Group, PolicyClass
from copdns.time.days import DAY_SECONDS
from copdns.time.plan import Closure, budgets_in_force, in_scope

LINE: Final = "line"  # the id of the profile of a shape
SOON: Final = 3600.0  # seconds before a change from which clients must not keep answers for long


class LineShare(NamedTuple):
    """What a household wants of the data plane.

    shape: what its group is made from.  names: those about which copdns decides, each with all
    below it.  asks_copdns: copdns decides about every name.  until: when this is another, though
    nobody changes the household; `inf` for never.  key: of the shape, the same on every machine.
    tokens: digests of those of its devices.  has_macs: some device with other rules than the line
    is known by a MAC address.
    """

    shape: Household
    names: frozenset[str]
    asks_copdns: bool
    until: float
    key: str
    tokens: frozenset[str] = frozenset()
    has_macs: bool = False

    @property
    def is_personal(self) -> bool:
        """Whether copdns decides about anything, be it for a device with a token alone."""
        return bool(self.names) or self.asks_copdns or bool(self.tokens)

    def with_macs_told(self) -> LineShare:
        """Return it for a node at which routers tell the MAC addresses of devices."""
        return self._replace(asks_copdns=self.asks_copdns or self.has_macs)


def share_of(household: Household, now: float) -> LineShare:
    """Return what a household wants now: no filter that nobody chose (`policy/chosen_filter.py`).

    That of a household without anything is what a line gets that belongs to none.
    """
    # A token without rules still says whose device it is: a wrong one gets no answer.
    tokens = frozenset(token for device in household.devices for token in device.tokens)
    has_rules, household = is_filter_on(household), with_chosen_filter(household)
    profile = unknown_profile(household)
    shape = _shape_of(household, profile)
    grants = [each for each in household.grants if each.profile == profile.id and each.end > now]
    of_time = [each for each in grants if each.time or not isinstance(each.about, Matcher)]
    rules = in_scope(household.rules, profile)
    asks = bool(of_time) or _asks_always(shape, now) or _counts_lists(household, profile)
    asks = asks or any(isinstance(each.target, str) for each in rules)
    names = {each.target.name for each in rules if isinstance(each.target, Matcher)}
    names |= {each.about.name for each in grants if isinstance(each.about, Matcher)}
    names |= set(_names_of(household, profile))
    until = min((each.end for each in grants), default=inf)
    has_macs = has_rules and any(
        device.macs and device.profile not in ("", household.guest or GUEST)
        for device in household.devices
    )
    found = frozenset(names - {""})
    return LineShare(shape, found, asks, until, _shape_key(shape), tokens, has_macs)


_TOKEN, _MACS = "token:", "macs:"  # begin words that are no names


def share_words(share: LineShare) -> str:
    """Return in words what is a household's own, with a space between two."""
    tokens = sorted(f"{_TOKEN}{each}" for each in share.tokens)
    return " ".join([*sorted(share.names), *tokens, *[_MACS] * share.has_macs])


def share_from_words(like: LineShare, words: str, *, asks_copdns: bool, until: float) -> LineShare:
    """Return the share of a household with the shape of another one; words: of `share_words`."""
    every = frozenset(words.split())
    tokens = frozenset(each for each in every if each.startswith(_TOKEN))
    return LineShare(
        like.shape,
        every - tokens - {_MACS},
        asks_copdns,
        until,
        like.key,
        frozenset(each.removeprefix(_TOKEN) for each in tokens),
        _MACS in every,
    )


def outlasts_time(share: LineShare) -> bool:
    """Tell whether a share is the same until `until`, whenever it is worked out."""
    return unknown_profile(share.shape).band_change is None


@lru_cache(maxsize=10_000)
def _shape_key(shape: Household) -> str:
    return sha256(_canonical(shape).encode()).hexdigest()[:32]


def _canonical(value: object) -> str:
    """Return a text that equal values have on every machine; that of a set has an order here."""
    match value:
        case Enum():
            return f"{type(value).__name__}.{value.name}"
        case frozenset():
            return f"{{{' '.join(sorted(map(_canonical, value)))}}}"
        case tuple():
            return f"({' '.join(map(_canonical, value))})"
    if is_dataclass(value):
        parts = (_canonical(getattr(value, each.name)) for each in fields(value))
        return f"{type(value).__name__}({' '.join(parts)})"
    return repr(value)


def _shape_of(household: Household, profile: Profile) -> Household:
    """Return what the line's policy is made from, without whose it is."""
    mine = replace(profile, id=LINE, name="", tags=frozenset(), full_log=None)
    return Household(
        "",
        "",
        timezone=profile.timezone or household.timezone,
        guest=LINE,
        profiles=(replace(mine, timezone="", homework=()),),
        calendar=household.calendar,
        day_starts=household.day_starts,
        schedules=tuple(
            replace(each, id="", scope="", note="", grace=0)
            for each in in_scope(household.schedules, profile)
        ),
        budgets=tuple(
            replace(each, id=str(number), scope="")
            for number, each in enumerate(in_scope(household.budgets, profile))
        ),
        failures=household.failures,
        pauses=tuple(
            replace(each, profile=LINE, author="")
            for each in household.pauses
            if each.profile == profile.id
        ),
        moved_bedtimes=tuple(
            replace(each, profile=LINE)
            for each in household.moved_bedtimes
            if each.profile == profile.id
        ),
    )


def _asks_always(shape: Household, now: float) -> bool:
    found = plan_of_unknown(shape, now)
    homework = any(each.homework for each in shape.pauses)
    learning = any(each.learning for each in shape.schedules)
    return found.profile.default is Default.ALLOWLIST or homework or learning


def _counts_lists(household: Household, profile: Profile) -> bool:
    """Tell whether a limit counts more than single names: copdns has to see all to count them."""
    budgets = budgets_in_force(household, profile)
    return any(not each.about or not _are_names(each.about) for each in budgets)


def _are_names(about: Iterable[Subject]) -> bool:
    return all(isinstance(each, Matcher) for each in about)


def _names_of(household: Household, profile: Profile) -> Iterator[str]:
    """Yield names, besides those of rules, about which a class says nothing or too little."""
    yield from household.protected
    for local in household.local_names:
        yield local.domain
    for rewrite in household.rewrites:
        yield rewrite.matcher.name
    for service in household.services:
        yield from (each.name for each in service.names)
    yield from _names_in(profile.always)
    for schedule in in_scope(household.schedules, profile):
        yield from _names_in(schedule.about)
    for budget in in_scope(household.budgets, profile):
        yield from _names_in(budget.about)


def _names_in(about: Iterable[Subject]) -> Iterator[str]:
    return (each.name for each in about if isinstance(each, Matcher))


class GroupNow(NamedTuple):
    """A group at a moment.  until: when its class is another, or clients must keep answers for
    less long."""

    policy: PolicyClass
    is_closing_soon: bool
    until: float

    def as_group(self, number: int, *, asks_copdns: bool) -> Group:
        """Return the group with the number of its class."""
        return Group(number, self.is_closing_soon, asks_copdns)


def group_at(shape: Household, slugs: ListSlugs, now: float) -> GroupNow:
    """Return what holds for a shape at a moment."""
    found = plan_of_unknown(shape, now)
    policy = _class_of(found, slugs, now)
    edges = {edge for each in found.plan.closures for edge in (each.start, each.end)}
    edges |= {found.plan.day_ends, *_midnight(found, now), *_band_change(shape)}
    next_edge = min((each for each in edges if each > now), default=inf)
    starts = min((each.start for each in found.plan.closures if each.start > now), default=inf)
    is_soon = starts - now <= SOON
    until = next_edge if is_soon else min(next_edge, starts - SOON)
    return GroupNow(policy, is_soon, until)


def _midnight(found: UnknownPlan, now: float) -> tuple[float, ...]:
    """Closures are computed for some days, so a plan that has any is made anew each day."""
    return () if found.plan.until == inf else ((now // DAY_SECONDS + 1) * DAY_SECONDS,)


def _band_change(shape: Household) -> tuple[float, ...]:
    change = unknown_profile(shape).band_change
    return () if change is None else (float(change.at),)


def _class_of(found: UnknownPlan, slugs: ListSlugs, now: float) -> PolicyClass:
    profile, plan = found.profile, found.plan
    closures = [each for each in plan.closures if each.start <= now < each.end]
    whole = [each.reason for each in closures if not each.about]
    closed = min(whole, key=_ORDER.index, default=None)
    if closed is None and profile.default is Default.ALLOWLIST:
        closed = Reason.NOT_ON_ALLOWLIST  # while no copdns is there; else that decides
    always = frozenset[str]().union(*(slugs.about(each) for each in profile.always))
    return PolicyClass(
        blocks=_blocked_lists(profile, slugs),
        timed=frozenset(_closures_by_list(closures, slugs)),
        has_security=profile.security,
        closed=closed,
        always_open=always,
        safe_search=frozenset(engine for engine, _ in profile.safe_search),
    )


_ORDER: Final = (Reason.PAUSED, Reason.SCHEDULE, Reason.BUDGET)  # as in `policy/order.py`
assert set(_ORDER) < CLOSING


def _closures_by_list(
    closures: Iterable[Closure], slugs: ListSlugs
) -> Iterator[tuple[str, Reason]]:
    for each in closures:
        for subject in each.about:
            for slug in slugs.about(subject):
                yield slug, each.reason


def _blocked_lists(profile: Profile, slugs: ListSlugs) -> frozenset[str]:
    by_contact = slugs.services_of(profile.contacts) - profile.contact_exceptions
    found = [slugs.of(TopicKind.CATEGORY, each) for each in profile.categories]
    found += [slugs.of(TopicKind.SERVICE, each) for each in profile.services | by_contact]
    found += [slugs.canaries.get(each, frozenset()) for each in profile.canaries]
    if profile.bypass:
        found.append(slugs.bypass)
    if profile.no_safe_search:
        found.append(slugs.no_safe_search)
    return frozenset[str]().union(*found)
