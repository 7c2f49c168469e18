"""Build the snapshot that decides queries, from what households say and the clock.

What has not changed stays the same object.  Pure: `now` is seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from math import inf
from typing import NamedTuple

from copdns.lists.catalogue import Catalogue
from copdns.model.household import Band, Default, Household, Profile, Rule
from copdns.model.times import OnFailure
from copdns.model.verdict import AnswerDefaults, Reason
from copdns.policy.context import HouseholdContext, build_context
from copdns.policy.decide import Policy
from copdns.policy.filter_break import break_key, running_breaks, without_filter
from copdns.policy.guest import GUEST, UNKNOWN, guest_profile, own_guest, unknown_profile
from copdns.policy.list_rules import Asker, askers_of
from copdns.policy.order import build_policy
from copdns.policy.shared_steps import RulesByScope, StepSharing
from copdns.policy.snapshot import PolicyByProfile, Snapshot
from copdns.time.days import DAY_SECONDS
from copdns.time.plan import NO_INPUTS, NO_TIME_PLAN, PolicyInputs, TimePlan, build_time_plan


def build_snapshot(
    before: Snapshot | None,
    library: Catalogue,
    defaults: AnswerDefaults,
    households: Sequence[Household],
    now: float,
    inputs: PolicyInputs = NO_INPUTS,
) -> Snapshot:
    """Return the snapshot for these households; unchanged policies stay the same objects."""
    steps = build_in_steps(before, library, defaults, households, now, inputs)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            snapshot: Snapshot = done.value
            return snapshot


def build_in_steps(
    before: Snapshot | None,
    library: Catalogue,
    defaults: AnswerDefaults,
    households: Sequence[Household],
    now: float,
    inputs: PolicyInputs = NO_INPUTS,
) -> Generator[None, None, Snapshot]:
    """Build as `build_snapshot` does, a policy at a time, so that others can run in between."""
    due: set[float] = set()
    same_base = before is not None and before.library is library and before.defaults == defaults
    contexts: dict[str, HouseholdContext] = {}
    policies: dict[tuple[str, str], tuple[object, Policy]] = {}
    for household in households:
        old = before.households.get(household.id) if before and same_base else None
        if (
            old is not None
            and before
            and context_inputs(old) == context_inputs(household)
            and before.contexts[household.id].log_only == inputs.log_only
        ):
            contexts[household.id] = before.contexts[household.id]
        else:
            other = next(iter(contexts.values()), None)
            contexts[household.id] = build_context(
                library, defaults, household, other, inputs.log_only
            )
        sharing, context = StepSharing(), contexts[household.id]
        for who, parts, moments in policy_parts(household, context, now, inputs):
            key, made_from = (household.id, who), (parts, id(context))
            made = before.policies.get(key) if before else None
            if made is None or made[0] != made_from:
                policy = parts.build(context, now)
                made = made_from, sharing.share_steps(parts.profile, policy, parts.askers)
            policies[key] = made
            due.update(moments)
            yield
    rebuild_at = min((at for at in due if at > now), default=None)
    same = _reuse_mapping(before, policies)
    return Snapshot(library, defaults, households, contexts, same, now, before, rebuild_at)


class PolicyParts(NamedTuple):
    """What a policy is made from, besides the context of its household: equal parts, equal policy.

    profile: as it holds now.  rules: those that apply to it.
    """

    profile: Profile
    rules: tuple[Rule, ...]
    plan: TimePlan
    askers: tuple[Asker, ...]

    def build(self, context: HouseholdContext, now: float) -> Policy:
        """Return the policy."""
        return build_policy(self.profile, self.rules, context, now, self.plan, self.askers)


def policy_parts(
    household: Household, context: HouseholdContext, now: float, inputs: PolicyInputs
) -> Iterator[tuple[str, PolicyParts, frozenset[float]]]:
    """Yield the key of each policy of a household, what it is made from, and when it is another.

    The moments are seconds since the epoch.
    """
    rules = RulesByScope(household.rules)
    for who, profile, unknown in _policies_of(household):
        essential = _is_essential(profile, household, inputs, unknown=unknown)
        effective = _effective_profile(
            profile, household, now, inputs, essential=essential, unknown=unknown
        )
        plan = build_time_plan(household, profile, now, inputs)
        if essential and profile.always:
            plan = replace(plan, always_open=profile.always, is_essential=True)
        is_personal = context.index.special.is_personal
        askers = askers_of(household, profile, now) if is_personal else ()
        due = frozenset(_due(profile, plan, now))
        yield who, PolicyParts(effective, rules.for_profile(profile), plan, askers), due
    ends: dict[Profile, set[float]] = {}
    for profile, one in running_breaks(household, now):
        ends.setdefault(profile, set()).add(one.end)
    for profile, due_ends in ends.items():
        effective = replace(without_filter(profile), band=profile.band_at(now), name="")
        effective = replace(effective, band_change=None)
        parts = PolicyParts(effective, (), NO_TIME_PLAN, ())
        yield break_key(profile.id), parts, frozenset(due_ends)


class UnknownPlan(NamedTuple):
    """What holds for the unknown devices of a household: of a provider's, for a whole line.

    profile: as it holds now.  is_essential: only what is always open may resolve.
    """

    profile: Profile
    plan: TimePlan
    is_essential: bool


def plan_of_unknown(
    household: Household, now: float, inputs: PolicyInputs = NO_INPUTS
) -> UnknownPlan:
    """Return what their policy is made of, besides rules and lists; `now` in seconds of the epoch.

    The moments at which it is another are those of `_due` and of the plan's closures.
    """
    profile = unknown_profile(household)
    essential = _is_essential(profile, household, inputs, unknown=True)
    effective = _effective_profile(
        profile, household, now, inputs, essential=essential, unknown=True
    )
    return UnknownPlan(effective, build_time_plan(household, profile, now, inputs), essential)


def _reuse_mapping(before: Snapshot | None, policies: PolicyByProfile) -> PolicyByProfile:
    """Return the mapping of before where nothing changed: memos are kept by its identity."""
    if before is None or policies.keys() != before.policies.keys():
        return policies
    changed = any(made[1] is not before.policies[who][1] for who, made in policies.items())
    return policies if changed else before.policies


def _policies_of(household: Household) -> Iterator[tuple[str, Profile, bool]]:
    """Yield each policy's key, the profile it is made of, and whether it is for unknown devices."""
    for profile in profiles_of(household):
        yield profile.id, profile, household.profile(profile.id) is None
    guest = own_guest(household)
    if guest is not None:
        yield UNKNOWN, guest, True


def profiles_of(household: Household) -> tuple[Profile, ...]:
    """Return a household's profiles, and the built-in one for guests unless it has its own."""
    if household.profile(GUEST) is not None:
        return household.profiles
    return (*household.profiles, guest_profile())


def context_inputs(household: Household) -> tuple[object, ...]:
    """Return the parts of a household that its HouseholdContext is made of."""
    return (
        household.protected,
        household.services,
        household.local_names,
        household.rewrites,
        household.split_upstreams,
    )


def _effective_profile(
    profile: Profile,
    household: Household,
    now: float,
    inputs: PolicyInputs,
    *,
    essential: bool,
    unknown: bool,
) -> Profile:
    """Return the profile as it holds now, without what decides nothing (its name).

    Its band is that of now; default and categories follow what the household chose for failures.
    """
    chosen = household.failures
    if chosen.lists is OnFailure.OPEN:
        profile = replace(profile, categories=profile.categories - inputs.missing_categories)
    if chosen.devices is OnFailure.OPEN and unknown:
        profile = Profile(profile.id, "", Band.ADULT, privacy=profile.privacy)
    default = Default.ALLOWLIST if essential else profile.default
    return replace(profile, band=profile.band_at(now), name="", band_change=None, default=default)


def _is_essential(
    profile: Profile, household: Household, inputs: PolicyInputs, *, unknown: bool
) -> bool:
    """Tell whether only essential names may resolve now, by failures (docs/time.md)."""
    chosen, essential = household.failures, OnFailure.ESSENTIAL
    if inputs.clock_is_wrong and chosen.clock is essential:
        return True
    if chosen.lists is essential and not inputs.missing_categories.isdisjoint(profile.categories):
        return True
    return chosen.devices is essential and unknown


def _due(profile: Profile, plan: TimePlan, now: float) -> Iterator[float]:
    """Yield the moments at which the profile's policy becomes another one."""
    if profile.band_change is not None:
        yield profile.band_change.at
    if plan.until != inf:
        yield (now // DAY_SECONDS + 1) * DAY_SECONDS
    if plan.day_ends != inf:
        yield plan.day_ends
    yield from (each.end for each in plan.closures if each.reason is Reason.BUDGET)
