"""The order of decision: which steps a query takes, one after another, and why in this order.

`decision_order` is the only place that says so.  The first step that gives a verdict decides
(`decide.py`), and docs/decision.md explains the same order to people.  `steps.py` has what each
step does, `step_builders.py` what it is made from.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_network

from copdns.lists.index import ListKind
from copdns.model.household import Profile, Rule
from copdns.model.matchers import Matcher
from copdns.policy.context import HouseholdContext
from copdns.policy.decide import AddressRule, Policy
from copdns.policy.matching import PolicyGroup, RuleSet
from copdns.policy.step_builders import (
    build_blocker,
    bypass_step,
    category_step,
    legal_step,
    local_step,
    protected_step,
    safe_search_step,
    security_step,
    service_step,
    time_steps,
)
from copdns.policy.steps import AccessStep, DefaultStep, GrantStep, RuleStep, Step
from copdns.policy.time_rules import build_time_rules
from copdns.time.plan import NO_TIME_PLAN, TimePlan

BUDGET_TTL = 60  # seconds: so that use shows minute by minute, and an end is felt


def decision_order(
    profile: Profile,
    rules: Sequence[Rule],
    context: HouseholdContext,
    plan: TimePlan = NO_TIME_PLAN,
) -> tuple[Step, ...]:
    """Return all steps for a profile, in the order in which they are asked.

    rules: those that hold for it (`rules_in_scope`).
    """
    by_name = RuleSet(rule for rule in rules if isinstance(rule.target, Matcher))
    blocker = build_blocker(profile, context, by_name, plan)
    pause, schedules, budgets = time_steps(context, plan, blocker)
    safe_search = safe_search_step(profile, context, blocker)
    return (
        # Strangers learn nothing, not even what is special here.
        AccessStep(refuse=False),
        # Names of this machine, of this house, and those that must never leave it.  A name of a
        # protected group is left to step 4: a household may not answer it itself.
        local_step(profile, context),
        # The law of the land stands above the house; only an operator has such lists.
        legal_step(context),
        # Nothing that a household can write, and no mistake of ours, may cut a child off from help.
        # Step 4 beats all that follows, but reference works, which are protected and no help group,
        # only beat lists: for them this step asks the pause, the schedules and the budgets first.
        protected_step(context, (pause, schedules, budgets)),
        # Theft and fraud hurt whoever asks; a rule with `over_security` lifts a list's mistake.
        security_step(profile, context, by_name, blocker),
        # A yes to an appeal lifts what was appealed, until it ends.  Never decides here: a grant of
        # time is asked for by steps 7 to 9, a grant of content by steps 10 to 15.
        GrantStep(),
        # Step 7.  "Stop now" is said to a person, so it comes before what was planned.  A grant of
        # time opens a pause that began before it; a pause that begins later beats the grant.
        pause,
        # Steps 8 and 9.  What was planned comes before what was used up.  A grant of time opens
        # both, whichever began first.  What is always allowed passes 7 to 9; homework mode passes
        # pause and budgets, not schedules.
        schedules,
        budgets,
        # Step 10.  Somebody who knows this child wrote these, so they win over all lists.  An allow
        # rule still leads a search engine to its safe host (step 14), unless it has
        # `unsafe_search`.
        RuleStep(by_name, safe_search, blocker),
        # Keeps the other lists from being walked around.
        bypass_step(profile, context, blocker),
        # A service was chosen by name, a category is a whole field.
        service_step(profile, context, blocker),
        category_step(profile, context, blocker),
        # Only what nothing blocked has to be made safe.  A grant of content unblocks an engine
        # without a safe mode, but never turns the safe mode of another off.
        safe_search,
        # What nobody thought of.  Gives the verdict of a grant of content (reason `granted`), and
        # allows what is always open where only essential names may resolve.
        DefaultStep(profile.default, safe_search.blocker, plan.is_essential),
    )


def build_policy(
    profile: Profile,
    rules: Sequence[Rule],
    context: HouseholdContext,
    now: float,
    plan: TimePlan = NO_TIME_PLAN,
) -> Policy:
    """Return a profile's policy; `now` settles which announced change of its band is due.

    rules: those that hold for it (`rules_in_scope`).  now: seconds since the epoch.
    """
    order = decision_order(profile, rules, context, plan)
    steps = tuple(step for step in order if not step.is_idle)
    defaults = context.defaults
    is_child = profile.band_at(now).is_child
    max_ttl = profile.max_ttl
    if max_ttl is None and is_child:
        max_ttl = defaults.child_max_ttl
    # Homework mode opens the protected groups that a bedtime closes: they are for learning.
    learning = context.list_numbers(ListKind.PROTECTED, context.closable_groups)
    return Policy(
        household=context.household,
        profile=profile.id,
        index=context.index,
        order=order,
        steps=steps,
        steps_if_unlisted=tuple(step for step in steps if not step.only_if_listed),
        splits=context.local.splits,
        time_rules=build_time_rules(order, context.index.infos, plan, learning),
        address_rules=tuple(
            AddressRule(ip_network(rule.target), rule)
            for rule in rules
            if isinstance(rule.target, str)
        ),
        block_mode=profile.block_mode,
        max_ttl=_with_budget(max_ttl, plan),
        privacy=profile.privacy,
        full_log=profile.full_log,
        is_child=is_child,
        child_page=defaults.door,
        untraced_lists=context.list_numbers(ListKind.PROTECTED, context.untraced_groups),
        group=PolicyGroup(rule.target.name for rule in rules if isinstance(rule.target, Matcher)),
    )


def _with_budget(max_ttl: int | None, plan: TimePlan) -> int | None:
    """Return the longest TTL of a profile, None for any; with a budget it is a minute at most."""
    if not plan.remaining:
        return max_ttl
    return BUDGET_TTL if max_ttl is None else min(max_ttl, BUDGET_TTL)


def rules_in_scope(profile: Profile, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return those of a household's rules that hold for a profile."""
    scopes = {"", profile.id, *(f"#{tag}" for tag in profile.tags)}
    return tuple(rule for rule in rules if rule.scope in scopes)
