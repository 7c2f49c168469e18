"""Build the steps of one profile, from its settings, its household and its time plan.

A step that takes a list, a table or a blocker has its builder here; `order.py` puts all fifteen in
order.  Every builder that can block takes the profile's `Blocker`.  Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from copdns.lists.index import ListKind
from copdns.model.household import BlockMode, Contact, Default, Profile
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import suffixes
from copdns.model.times import TopicKind
from copdns.model.verdict import SCHOOL, Reason, StepNumber
from copdns.policy.context import HouseholdContext, OwnRecords
from copdns.policy.local_step import LocalStep
from copdns.policy.lookup import Step
from copdns.policy.matching import Blocker, ListSet, RuleSet
from copdns.policy.split_table import SplitTable
from copdns.policy.steps import (
    DefaultStep,
    ListStep,
    ProtectedStep,
    SafeSearchStep,
    SecurityStep,
    ServiceStep,
)
from copdns.policy.time_rules import homework_subjects
from copdns.policy.time_steps import TimeStep, closure_timelines
from copdns.time.plan import TimePlan

TimeSteps = tuple[TimeStep, TimeStep, TimeStep]  # pause, schedules, budgets


def build_blocker(
    profile: Profile, context: HouseholdContext, rules: RuleSet, plan: TimePlan
) -> Blocker:
    """Return what makes the profile's block verdicts.

    A block that says NXDOMAIN denies every name below it too (RFC 8020), so in that block mode it
    has to know at or below which names something stays open: names with an exception in a list,
    names that the household answers or forwards itself, names that a rule allows, and names that
    stay open while time closes others.  The other modes deny one name only.
    """
    open_below: tuple[frozenset[str], ...] | None = None
    if profile.block_mode is BlockMode.NXDOMAIN:
        while_closed = _open_while_closed(context, plan)
        index = context.index
        if while_closed is not None and not index.special.opens_anywhere:
            open_below = *_openings(profile, context), rules.open_below, while_closed
    return _blocker(context, open_below)


def _blocker(context: HouseholdContext, open_below: tuple[frozenset[str], ...] | None) -> Blocker:
    defaults = context.defaults
    return Blocker(defaults.block_ttl, defaults.security_ttl, open_below, context.verdict_by_entry)


def _open_while_closed(context: HouseholdContext, plan: TimePlan) -> frozenset[str] | None:
    """Return the names at or below which something may stay open while time closes others.

    None: that may be anywhere, as where a category stays open.
    """
    names: set[str] = set()
    granted = (grant.about for grant in plan.grants)
    for subject in (*plan.always_open, *homework_subjects(plan), *granted):
        if isinstance(subject, Matcher):
            names.update(suffixes(subject.name))
        elif subject is not None and subject.kind is TopicKind.SERVICE:
            service = context.services.get(subject.slug)
            for matcher in service.names if service else ():
                names.update(suffixes(matcher.name))
        else:
            return None
    return frozenset(names)


def split_table(profile: Profile, context: HouseholdContext) -> SplitTable | None:
    """Return which names of a profile are sent to upstreams of their own; None for none."""
    scopes = _scopes_of(profile)
    mine = sorted(
        (each for each in context.local.splits if each.scope in scopes),
        key=lambda each: (-len(each.matcher.name), scopes.index(each.scope)),
    )
    own = tuple(each for each in mine if each.matcher.name)
    rest = next((each.zone for each in mine if not each.matcher.name), "")
    reverse = context.defaults.sends_reverse
    return SplitTable(own, rest, sends_reverse=reverse) if own or rest or reverse else None


def own_records(profile: Profile, context: HouseholdContext) -> dict[int, OwnRecords]:
    """Return the local names of a profile, by list: of one name, that of the person before that of
    a tag, and that before everyone's."""
    scopes, by_list = _scopes_of(profile), context.local.by_list
    closest: dict[Matcher, tuple[int, int]] = {}
    for number, each in by_list.items():
        if each.scope in scopes:
            found = scopes.index(each.scope), number
            closest[each.matcher] = min(closest.get(each.matcher, found), found)
    return {number: by_list[number] for _, number in closest.values()}


def _openings(profile: Profile, context: HouseholdContext) -> tuple[frozenset[str], ...]:
    """Return names with something open at or below them, whatever rules and times say.

    Names and split domains of somebody else are not there: what is denied would tell of them.
    """
    scopes = _scopes_of(profile)
    own = [each.matcher.name for each in own_records(profile, context).values() if each.scope]
    own += [e.matcher.name for e in context.local.splits if e.scope and e.scope in scopes]
    openings = frozenset(part for name in own for part in suffixes(name))
    return context.index.open_below, context.open_below, openings


def _scopes_of(profile: Profile) -> tuple[str, ...]:
    """Return the scopes that mean a profile, the closest first."""
    return profile.id, *(f"#{tag}" for tag in sorted(profile.tags)), ""


def local_step(profile: Profile, context: HouseholdContext) -> LocalStep:
    """Return step 2; the household's protected names are none that it may answer itself."""
    local, own = context.local, own_records(profile, context)
    return LocalStep(
        local_by_list={number: each.by_type for number, each in own.items()},
        local_by_name={
            each.matcher.name: each.by_type
            for each in own.values()
            if each.matcher.match is not MatchKind.BELOW
        },
        canaries=context.list_numbers(ListKind.CANARY, profile.canaries),
        rewrites=local.rewrites,
        splits=split_table(profile, context),
        protected=context.list_numbers(ListKind.PROTECTED),
        open_below=_openings(profile, context),
        nat64=context.defaults.nat64,
        listener=context.defaults.listener,
    )


def legal_step(profile: Profile, context: HouseholdContext) -> ListStep:
    """Return step 3, which no grant lifts."""
    lists = ListSet(context.lists(ListKind.LEGAL))
    # Answered NXDOMAIN in every block mode, so what stays open below matters in each.
    blocker = _blocker(context, _openings(profile, context))
    return ListStep(StepNumber.LEGAL, "legal orders", Reason.LEGAL, lists, blocker, granted=False)


def protected_step(
    context: HouseholdContext, time_steps: TimeSteps, above_school: Sequence[Step]
) -> ProtectedStep:
    """Return step 4, which asks the time steps about the groups that they may close.

    above_school: the steps that win over what the household itself protects, in their order.
    """
    infos = context.lists(ListKind.PROTECTED)
    school = context.list_numbers(ListKind.PROTECTED, {SCHOOL})
    return ProtectedStep(
        infos={info.number: info for info in infos},
        untraced=context.list_numbers(ListKind.PROTECTED, context.untraced_groups),
        beats_time=frozenset(
            info.number for info in infos if info.subject not in context.closable_groups
        ),
        time_steps=tuple(step for step in time_steps if not step.is_idle),
        school=school,
        above_school=tuple(step for step in above_school if school and not step.is_idle),
    )


def security_step(
    profile: Profile, context: HouseholdContext, rules: RuleSet, blocker: Blocker
) -> SecurityStep:
    """Return step 5; a rule with `over_security` lifts it."""
    lists = context.lists(ListKind.SECURITY) if profile.security else ()
    return SecurityStep(ListSet(lists), rules, blocker)


def time_steps(context: HouseholdContext, plan: TimePlan, blocker: Blocker) -> TimeSteps:
    """Return steps 7 to 9, each with the plan's closures of its reason."""
    infos, services = context.index.infos, ListSet(context.lists(ListKind.SERVICE))
    meant = context.infos

    def build(number: StepNumber, title: str, reason: Reason) -> TimeStep:
        closures = (each for each in plan.closures if each.reason is reason)
        timelines = closure_timelines(closures, meant)
        return TimeStep(
            number, title, reason, timelines, infos, services, blocker, plan.zone, plan.until
        )

    return (
        build(StepNumber.PAUSE, "pause", Reason.PAUSED),
        build(StepNumber.SCHEDULES, "schedules", Reason.SCHEDULE),
        build(StepNumber.BUDGETS, "budgets", Reason.BUDGET),
    )


def bypass_step(profile: Profile, context: HouseholdContext, blocker: Blocker) -> ListStep:
    """Return step 11."""
    lists = context.lists(ListKind.BYPASS) if profile.bypass else ()
    return ListStep(StepNumber.BYPASS, "bypass prevention", Reason.BYPASS, ListSet(lists), blocker)


def service_step(profile: Profile, context: HouseholdContext, blocker: Blocker) -> ServiceStep:
    """Return step 12: services that are blocked by name, or by whom they bring contact with."""
    blocked = context.blocked_services(profile)
    by_contact = {
        info.number: context.services[info.subject].contact
        for info in context.lists(ListKind.SERVICE, blocked - profile.services)
        if context.services[info.subject].contact is not Contact.NONE
    }
    open_names = (
        matcher.name
        for slug, service in context.services.items()
        if slug not in blocked
        for matcher in service.names
    )
    return ServiceStep(
        ListSet(context.lists(ListKind.SERVICE, blocked)),
        ListSet(context.lists(ListKind.SERVICE)),
        blocker.with_open(open_names),
        by_contact,
    )


def category_step(profile: Profile, context: HouseholdContext, blocker: Blocker) -> ListStep:
    """Return step 13."""
    lists = ListSet(context.lists(ListKind.CATEGORY, profile.categories))
    return ListStep(StepNumber.CATEGORIES, "category lists", Reason.CATEGORY, lists, blocker)


def safe_search_step(
    profile: Profile, context: HouseholdContext, blocker: Blocker, *, is_essential: bool = False
) -> SafeSearchStep:
    """Return step 14; its blocker knows that the engines' safe hosts stay open.

    is_essential: as in `TimePlan`.
    """
    targets: dict[str, str] = {}
    for engine, mode in profile.safe_search:
        targets.update(context.engines.get(engine, {}).get(mode, {}))
    unsafe = context.lists(ListKind.NO_SAFE_SEARCH) if profile.no_safe_search else ()
    return SafeSearchStep(
        targets,
        ListSet(unsafe),
        blocker.with_open(targets),
        on_allowlist=profile.default is Default.ALLOWLIST,
        opens_always=is_essential,
    )


def default_step(
    profile: Profile, context: HouseholdContext, blocker: Blocker, *, is_essential: bool = False
) -> DefaultStep:
    """Return step 15, which knows what is allowed by an exception from a contact kind, and what a
    list that only counts for now would block.

    blocker: that of safe search.  is_essential: as in `TimePlan`.
    """
    excepted = context.lists(ListKind.SERVICE, context.exceptions_for(profile))
    return DefaultStep(
        profile.default,
        blocker,
        is_essential,
        ListSet(context.lists(ListKind.SERVICE)) if excepted else None,
        {info.number: (info.subject, context.services[info.subject].contact) for info in excepted},
        ListSet(context.log_only_lists(profile)),
    )
