"""The order of decision: which steps a query takes, one after another, and why in this order.

`decision_order` is the only place that says so for copdns itself.  At a provider, dnsdist decides
what all subscribers of a class have in common, in the order of `provider/plane/verdicts.py`: a
change of the one is a change of the other.
The first step that gives a verdict decides (`decide.py`), and docs/decision.md explains the same
order to people.  `steps.py` has what each step does, `step_builders.py` what it is made from.
Pure: no clock, no files, no network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import Final

from copdns.lists.index import ListKind
from copdns.lists.special_rules import SpecialTable
from copdns.model.broad_networks import is_broad_network
from copdns.model.household import Profile, Rule
from copdns.model.matchers import Matcher
from copdns.model.verdict import Reason, StepNumber
from copdns.policy.context import HouseholdContext
from copdns.policy.decide import AddressList, AddressRule, Policy
from copdns.policy.guest import guest_profile
from copdns.policy.list_rules import Asker, ListRules
from copdns.policy.lookup import Step
from copdns.policy.matching import PolicyGroup, RuleSet
from copdns.policy.step_builders import (
    build_blocker,
    bypass_step,
    category_step,
    default_step,
    legal_step,
    local_step,
    protected_step,
    safe_search_step,
    security_step,
    service_step,
    split_table,
    time_steps,
)
from copdns.policy.steps import AccessStep, GrantStep, ProtectedStep, RuleStep
from copdns.policy.time_rules import build_time_rules
from copdns.time.plan import NO_TIME_PLAN, TimePlan

# Seconds: so that devices ask often enough for minutes to be counted.  The end of a verdict bounds
# a TTL too (`ttl_limit`).
BUDGET_TTL: Final = 60


def decision_order(
    profile: Profile,
    rules: Sequence[Rule],
    context: HouseholdContext,
    plan: TimePlan = NO_TIME_PLAN,
) -> tuple[Step, ...]:
    """Return a profile's steps in their order.  rules: those that apply to it (`in_scope`)."""
    by_name = RuleSet(rule for rule in rules if isinstance(rule.target, Matcher))
    blocker = build_blocker(profile, context, by_name, plan)
    times = pause, schedules, budgets = time_steps(context, plan, blocker)
    safe_search = safe_search_step(profile, context, blocker, is_essential=plan.is_essential)
    security = security_step(profile, context, by_name, blocker)
    own_rules = RuleStep(by_name, safe_search, blocker)
    return (
        # 1. Strangers learn nothing, not even which names are special here (`refusing_policy`).
        AccessStep(refuse=False),
        # 2. Names of this machine and this home; names that must never leave it (`lan`, `home.arpa`
        # and the like: NXDOMAIN, if nobody defined them); and canaries, by which browsers ask
        # whether to use an encrypted DNS of their own: NXDOMAIN means no, for profiles with that
        # setting.  Also names that the household answers itself, by records or by another name's
        # data (a rewrite: law and security judge the other name).  All of that holds in a pause
        # too.  A protected name is left to step 4, whatever the household wrote.
        local_step(profile, context),
        # 3. The law is above the household.  Only an operator has such lists.
        legal_step(profile, context),
        # 4. Nothing that a household can write, and no mistake of ours, may cut a child off from
        # help.  Two kinds of protected names are weaker.  Reference works and the safe hosts of
        # search engines lose to time (7 to 9).  What the household protects, such as its school,
        # loses to security, time, own rules and safe search (5, 7 to 10, 14), so that no guardian
        # opens with it what another one blocked; it beats 11 to 13 and 15.  So for these two, step
        # 4 gives no verdict where a step that they lose to would block.
        protected_step(context, times, (security, *times, own_rules, safe_search)),
        # 5. Theft and fraud hurt whoever asks.  A list's mistake is corrected by an allow rule with
        # `over_security`; a plain allow rule is not enough.
        security,
        # 6. A yes to a request opens what was asked for, until the grant ends: time (steps 7 to 9)
        # or content (10 to 15), never what a step above blocks.  Each of those steps looks for a
        # grant of its kind itself; this one never gives a verdict, and is here so that the order
        # names grants.
        GrantStep(),
        # 7. "Stop now" is said to a person, so it comes before what was planned.  A grant of time
        # lifts a pause that began before it; a pause that begins later beats the grant.
        pause,
        # 8 and 9. What was planned comes before what was used up.  A grant of time lifts both,
        # whichever began first.  Steps 7 to 9 do not block names that are always open; 10 to 15
        # decide about them.  Homework mode is a pause (7) that does not block names for homework;
        # while it runs, a used-up budget (9) does not block them either, but a bedtime (8) does.  A
        # grace period is a grant of time as well, for the names in use when a schedule begins.
        schedules,
        budgets,
        # 10. Somebody who knows this child wrote these, so they win over all lists below.  The rule
        # with the longest name wins; of those, one for the name alone, then the profile's before
        # its tags' and the household's, then allow before block (`RuleSet`).  An allow rule for a
        # search engine leads to its safe host as in 14, unless the rule says `unsafe_search`.  Of
        # the response to what a rule or a grant lets through, only law and security judge the
        # names and addresses inside.
        own_rules,
        # 11. Keeps people from getting around the other steps.
        bypass_step(profile, context, blocker),
        # 12 and 13. Services before categories: somebody chose them one by one.  A service is
        # blocked by its name (reason `service`), else by who can contact a child there (`contact`).
        # If one service lists video.example and another chat.video.example, the latter name is the
        # second one's alone: with only the first blocked, it is open.  An exception in a list lifts
        # that list's blocks alone.
        service_step(profile, context, blocker),
        category_step(profile, context, blocker),
        # 14. Only what no step above blocked has to be made safe.  A search engine's name gets the
        # data of its safe host, grant or not, and SERVFAIL if there is none; the response is judged
        # (`judge_response`), with the safe host in it protected (step 4).  Engines without such a
        # host are blocked, if the profile says so; an allow rule or a grant of content opens them.
        # For a profile that allows only its allowlist, 15 blocks an engine that nothing allowed.
        safe_search,
        # 15. For names that no step above decided: allowed by a grant of content (`granted`); else,
        # with `failures: essential` and a wrong clock, a missing list or an unknown device, blocked
        # unless essential; else the profile's default: all, or only its allowlist.  A list on trial
        # blocks at no step: this one notes in the verdict (`log_only`) which would have, and that
        # is counted.
        default_step(profile, context, safe_search.blocker, is_essential=plan.is_essential),
    )


def help_policy(context: HouseholdContext) -> Policy:
    """Return a provider's policy for addresses of which it cannot tell whose they are.

    A help name passes, unless the law forbids it.  All else is refused, as by `refusing_policy`.
    """
    untraced = context.list_numbers(ListKind.PROTECTED, context.untraced_groups)
    # Names that yield to times do not pass: nobody knows whether a pause or a schedule runs.
    never = context.untraced_groups - context.closable_groups
    infos = {info.number: info for info in context.lists(ListKind.PROTECTED, never)}
    # The law stands above it, as in `decision_order`, and says nothing itself to those.
    legal = legal_step(guest_profile(), context)
    passes = ProtectedStep(infos, untraced, beats_time=frozenset(), time_steps=(legal,))
    refusal = AccessStep(refuse=True)
    order = (passes, refusal)
    return Policy(
        household="",
        profile="",
        index=context.index,
        order=order,
        steps=order,
        steps_if_unlisted=(refusal,),
        untraced_lists=untraced,
        help_domains=context.help_domains,
        nat64=context.defaults.nat64,
    )


def build_policy(
    profile: Profile,
    rules: Sequence[Rule],
    context: HouseholdContext,
    now: float,
    plan: TimePlan = NO_TIME_PLAN,
    askers: tuple[Asker, ...] = (),
) -> Policy:
    """Return a profile's policy.

    rules: those that apply to it (`in_scope`).  now: seconds since the epoch; decides whether
    a change of the profile's age band that was announced is in force.
    askers: the person with each of their devices; needed only where a list has rules for some.
    """
    order = decision_order(profile, rules, context, plan)
    steps = tuple(step for step in order if not step.is_idle)
    defaults = context.defaults
    is_child = profile.band_at(now).is_child
    max_ttl = profile.max_ttl
    if max_ttl is None and is_child:
        max_ttl = defaults.child_max_ttl
    # Reference works: homework mode leaves them open, which other pauses and daily limits close.
    learning = context.list_numbers(ListKind.PROTECTED, context.closable_groups)
    return Policy(
        household=context.household,
        profile=profile.id,
        index=context.index,
        order=order,
        steps=steps,
        steps_if_unlisted=tuple(step for step in steps if not step.only_if_listed),
        splits=split_table(profile, context),
        time_rules=build_time_rules(order, context.infos, plan, learning),
        address_rules=tuple(
            AddressRule(ip_network(rule.target), rule)
            for rule in rules
            if isinstance(rule.target, str) and not is_broad_network(rule.target)
        ),
        block_mode=profile.block_mode,
        max_ttl=_with_budget(max_ttl, plan),
        privacy=profile.privacy,
        full_log=profile.full_log,
        is_child=is_child,
        child_page=defaults.door,
        untraced_lists=context.list_numbers(ListKind.PROTECTED, context.untraced_groups),
        help_domains=context.help_domains,
        group=PolicyGroup(rule.target.name for rule in rules if isinstance(rule.target, Matcher)),
        list_rules=_list_rules(context.index.special, askers),
        address_lists=tuple(_address_lists(profile, context)),
        nat64=defaults.nat64,
    )


def _list_rules(table: SpecialTable, askers: tuple[Asker, ...]) -> ListRules | None:
    return ListRules(table, askers) if table.rules or table.hashes else None


def _address_lists(profile: Profile, context: HouseholdContext) -> Iterator[AddressList]:
    """Yield the lists about addresses that block for a profile, as its lists of names do."""
    networks = context.index.special.networks
    if not networks:
        return
    security = context.lists(ListKind.SECURITY) if profile.security else ()
    bypass = context.lists(ListKind.BYPASS) if profile.bypass else ()
    services = context.lists(ListKind.SERVICE, context.blocked_services(profile))
    categories = context.lists(ListKind.CATEGORY, profile.categories)
    for infos, step, reason in (
        (security, StepNumber.SECURITY, Reason.SECURITY),
        (bypass, StepNumber.BYPASS, Reason.BYPASS),
        (services, StepNumber.SERVICES, Reason.SERVICE),
        (categories, StepNumber.CATEGORIES, Reason.CATEGORY),
    ):
        for info in infos:
            if info.number in networks:
                yield AddressList(info, networks[info.number], step, reason)


def _with_budget(max_ttl: int | None, plan: TimePlan) -> int | None:
    """Return the longest TTL of a profile, None for any; with a budget it is a minute at most."""
    if not plan.remaining:
        return max_ttl
    return BUDGET_TTL if max_ttl is None else min(max_ttl, BUDGET_TTL)
