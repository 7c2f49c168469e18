"""Decide what happens to a query.

A step (`policy/steps.py`) looks at a question and a moment and gives a verdict, or None for "not
mine".  The first verdict wins.  `order_of` holds the order, with the reason for each place; it
is the only one: `decide` runs it and `explain` shows it.  docs/decision.md tells it to people.

Pure: no I/O, no clock, no logging.  `now` is seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import NamedTuple

from copdns.lists.index import DictIndex, Index, ListInfo, ListKind
from copdns.model.addresses import Network
from copdns.model.household import (
    BlockMode,
    Contact,
    FullLogSpan,
    NameRewrite,
    PrivacyMode,
    Profile,
    Rule,
)
from copdns.model.matchers import Matcher
from copdns.model.names import suffixes
from copdns.model.times import Grant, TopicKind
from copdns.model.verdict import Action, LocalRecord, Reason, Verdict
from copdns.policy.matching import Blocker, ListSet, PolicyGroup, RuleSet, VerdictByEntry
from copdns.policy.special_names import NEVER_DENIED
from copdns.policy.steps import (
    AccessStep,
    DefaultStep,
    GrantStep,
    ListStep,
    LocalStep,
    Lookup,
    ProtectedStep,
    RuleStep,
    SafeSearchStep,
    SecurityStep,
    ServiceStep,
    Step,
)
from copdns.policy.time_rules import (
    TimeRules,
    budgets_covering,
    build_time_rules,
    homework_subjects,
    valid_until,
    with_end,
)
from copdns.policy.time_steps import TimeStep, closure_timelines
from copdns.time.plan import NO_TIME_PLAN, TimePlan

_new = tuple.__new__  # a named tuple's own constructor costs twice as much

BUDGET_TTL = 60  # seconds: so that use shows minute by minute, and an end is felt


class AddressRule(NamedTuple):
    """A rule about the addresses in answers, and the network it means."""

    network: Network
    rule: Rule


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """One profile's rules, ready to be asked.  Compared by identity: a change makes a new one.

    order: all fifteen steps.  steps: those that can say something for this profile;
    unlisted_steps: of these, those that can about a name that no list entry covers.
    splits: domains that have upstreams of their own.
    door: the address of the page that explains and is asked.
    max_ttl: seconds; no answer is given for longer (None: as it came).
    unwatched: numbers of the lists whose names leave no trace.
    timed: what time adds, None where it adds nothing.
    address_rules: rules about the addresses in answers.
    kin: the policies that are the same but for their rules about names.
    """

    household: str
    profile: str
    index: Index
    order: tuple[Step, ...]
    steps: tuple[Step, ...]
    steps_if_unlisted: tuple[Step, ...]
    splits: tuple[Matcher, ...] = ()
    time_rules: TimeRules | None = None
    address_rules: tuple[AddressRule, ...] = ()
    block_mode: BlockMode = BlockMode.NODATA
    max_ttl: int | None = None
    privacy: PrivacyMode = PrivacyMode.OFF
    full_log: FullLogSpan | None = None
    is_child: bool = False
    child_page: str = ""
    untraced_lists: frozenset[int] = frozenset()
    group: PolicyGroup = field(default_factory=PolicyGroup)

    def privacy_at(self, now: float) -> PrivacyMode:
        """Return what is kept at a moment: a full log ends by itself."""
        full = self.full_log
        if full is not None and full.start <= now < full.end:
            return PrivacyMode.FULL
        return self.privacy


def decide(policy: Policy, qname: str, qtype: int, now: float) -> Verdict:
    """Return the verdict for a question, with the moment until which it surely holds."""
    question = _question(policy, qname, qtype, now)
    verdict = _decided(policy, question, now)
    if policy.time_rules is None:
        return verdict
    return with_end(
        policy.time_rules, verdict, valid_until(policy.time_rules, question, verdict, now)
    )


def decide_with_grant(policy: Policy, qname: str, qtype: int, grant: Grant, now: float) -> Verdict:
    """Return what would be decided if this grant held for the name as well."""
    question = _question(policy, qname, qtype, now)
    return _decided(policy, question._replace(grants=(*question.grants, grant)), now)


def _decided(policy: Policy, question: Lookup, now: float) -> Verdict:
    for step in policy.steps if question.entries else policy.steps_if_unlisted:
        verdict = step(question, now)
        if verdict is not None:
            return verdict
    raise AssertionError("the last step always decides")


def _question(policy: Policy, qname: str, qtype: int, now: float) -> Lookup:
    entries = policy.index.find(qname)
    timed = policy.time_rules
    if timed is None:
        return _new(Lookup, (qname, qtype, entries, (), False, False))
    start, end = timed.homework_span
    return Lookup(
        qname,
        qtype,
        entries,
        tuple(
            grant
            for grant, reach in timed.grants
            if grant.start <= now < grant.end and (reach is None or reach.covers(qname, entries))
        ),
        timed.always_open.covers(qname, entries),
        start <= now < end and timed.homework.covers(qname, entries),
    )


def full_closure(policy: Policy, now: float) -> Verdict | None:
    """Return the verdict on a name that nothing exempts, where time closes all of them; or None."""
    if policy.time_rules is None:
        return None
    question = Lookup(
        "",
        0,
        (),
        tuple(
            grant
            for grant, reach in policy.time_rules.grants
            if reach is None and grant.start <= now < grant.end
        ),
        is_always_open=False,
        is_homework=False,
    )
    for step in policy.time_rules.steps:
        verdict = step(question, now)
        if verdict is not None:
            until = step.next_change(question, now)
            return with_end(policy.time_rules, verdict, until)
    return None


def charged_budgets(
    policy: Policy, qname: str, verdict: Verdict, now: float
) -> tuple[str, ...] | None:
    """Return the budgets that a look-up takes minutes of; None where it shows no use at all.

    That is what was not allowed, what devices ask for by themselves, what is always open or
    protected, what a permission opened, and homework while that runs.
    """
    timed = policy.time_rules
    if timed is None or verdict.step <= 4 or verdict.action not in (Action.ALLOW, Action.REWRITE):
        return None
    question = _question(policy, qname, 0, now)
    if (
        question.is_always_open
        or question.is_homework
        or any(grant.time for grant in question.grants)
    ):
        return None
    if any(entry.list in timed.beacons for entry in question.entries):
        return None
    return tuple(dict.fromkeys(left.id for left in budgets_covering(timed, question)))


def has_help_prefix(policy: Policy, qname: str) -> bool:
    """Tell whether a name is a help name with something behind it.

    Devices with a search domain ask for `help.example.home.example` when `help.example` failed,
    which tells just as much of who looks for help.
    """
    front = qname.rpartition(".")[0]
    while front:
        if any(entry.list in policy.untraced_lists for entry in policy.index.find(front)):
            return True
        front = front.rpartition(".")[0]
    return False


class StepResult(NamedTuple):
    """What one step says of a question; `decides` marks the one whose word counts."""

    number: int
    title: str
    verdict: Verdict | None
    is_decisive: bool


def explain(policy: Policy, qname: str, qtype: int, now: float) -> tuple[StepResult, ...]:
    """Return what every step of the order says, asked with the same question as `decide`."""
    question = _question(policy, qname, qtype, now)
    verdicts = [step(question, now) for step in policy.order]
    decides = next(place for place, verdict in enumerate(verdicts) if verdict is not None)
    return tuple(
        StepResult(step.number, step.title, verdict, place == decides)
        for place, (step, verdict) in enumerate(zip(policy.order, verdicts, strict=True))
    )


@dataclass(frozen=True, slots=True)
class HouseholdContext:
    """What the policies of one household have in common.

    index: bundled lists, lists from disk, and what the household itself defined.
    engines: a safe-search engine's id, its mode, then each exact host with its target.
    unwatched: protected groups that leave no trace.  not_over_time: those that a bedtime closes.
    local: list number of a local name, then its records by qtype; at_home: by the name itself.
    contacts, service_names: a service's slug to its contact kind and names.  TTLs are seconds.
    made: verdicts of blocks by lists, as they come to be asked for.
    """

    household: str
    index: Index
    engines: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    untraced_groups: frozenset[str] = frozenset()
    closable_groups: frozenset[str] = frozenset()
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    service_names: Mapping[str, tuple[Matcher, ...]] = field(default_factory=dict)
    local_by_list: Mapping[int, Mapping[int, tuple[LocalRecord, ...]]] = field(default_factory=dict)
    local_by_name: Mapping[str, Mapping[int, tuple[LocalRecord, ...]]] = field(default_factory=dict)
    rewrites: tuple[NameRewrite, ...] = ()
    splits: tuple[Matcher, ...] = ()
    block_ttl: int = 10
    security_ttl: int = 60
    child_max_ttl: int = 60
    door: str = ""
    verdict_by_entry: VerdictByEntry = field(default_factory=dict, compare=False)

    @property
    def open_below(self) -> frozenset[str]:
        """Names at or below which the house itself says where an answer comes from."""
        matchers = (*(each.matcher for each in self.rewrites), *self.splits)
        there = (*NEVER_DENIED, *(each.name for each in matchers))
        return frozenset(name for each in there for name in suffixes(each))

    def lists_of_kind(self, *kinds: ListKind) -> tuple[ListInfo, ...]:
        return tuple(info for info in self.index.infos if info.kind in kinds)


def decision_order(
    profile: Profile, own: Sequence[Rule], shared: HouseholdContext, timing: TimePlan = NO_TIME_PLAN
) -> tuple[Step, ...]:
    """Return the fifteen steps for a profile, in the order in which they are asked.

    own: the rules that hold for it (`scoped`).
    """
    rules = RuleSet(rule for rule in own if isinstance(rule.target, Matcher))
    blocker = _blocker(profile, shared, rules, timing)
    times = _times(shared, timing, blocker)
    safe_search = _safe_search(profile, shared, blocker)
    security = shared.lists_of_kind(ListKind.SECURITY) if profile.security else ()
    categories = _about(shared.lists_of_kind(ListKind.CATEGORY), profile.categories)
    bypass = shared.lists_of_kind(ListKind.BYPASS) if profile.bypass else ()
    return (
        # Strangers learn nothing, not even what is special here.
        AccessStep(refuse=False),
        # Names of this machine, of this house, and those that must never leave it.
        _own_names(profile, shared),
        # The law of the land stands above the house; only an operator has such lists.
        _legal(shared),
        # Nothing that a household can write, and no mistake of ours, may cut a child off from help.
        _protected(shared, times),
        # Theft and fraud hurt whoever asks; an owner can name a list's mistake.
        SecurityStep(ListSet(security), rules, blocker),
        # A yes to an appeal lifts what was appealed, until it ends: asked by the steps below.
        GrantStep(),
        # "Stop now" is said to a person, so it comes before what was planned ...
        times[0],
        # ... and what was planned before what was used up.
        times[1],
        times[2],
        # Somebody who knows this child wrote these, so they win over all lists ...
        RuleStep(rules, safe_search, blocker),
        # ... of which this one keeps the others from being walked around.
        ListStep(11, "ways round the filter", Reason.BYPASS, ListSet(bypass), blocker),
        # A service was chosen by name, a category is a whole field.
        _services(profile, shared, blocker),
        ListStep(13, "category lists", Reason.CATEGORY, ListSet(categories), blocker),
        # Only what nothing blocked has to be made safe.
        safe_search,
        # What nobody thought of.
        DefaultStep(profile.default, safe_search.blocker, timing.is_essential),
    )


def build_policy(
    profile: Profile,
    own: Sequence[Rule],
    shared: HouseholdContext,
    now: float,
    timing: TimePlan = NO_TIME_PLAN,
) -> Policy:
    """Return a profile's policy; `now` settles which announced change of its band is due.

    own: the rules that hold for it (`scoped`).
    """
    order = decision_order(profile, own, shared, timing)
    is_child = profile.band_at(now).is_child
    return Policy(
        household=shared.household,
        profile=profile.id,
        index=shared.index,
        order=order,
        steps=tuple(step for step in order if not step.is_idle),
        steps_if_unlisted=tuple(
            step for step in order if not step.is_idle and not step.only_if_listed
        ),
        splits=shared.splits,
        time_rules=build_time_rules(order, shared.index.infos, timing, _learning(shared)),
        address_rules=tuple(
            AddressRule(ip_network(rule.target), rule)
            for rule in own
            if isinstance(rule.target, str)
        ),
        block_mode=profile.block_mode,
        max_ttl=_max_ttl(profile.max_ttl or (shared.child_max_ttl if is_child else None), timing),
        privacy=profile.privacy,
        full_log=profile.full_log,
        is_child=is_child,
        child_page=shared.door,
        untraced_lists=frozenset(
            info.number
            for info in _about(shared.lists_of_kind(ListKind.PROTECTED), shared.untraced_groups)
        ),
        group=PolicyGroup(rule.target.name for rule in own if isinstance(rule.target, Matcher)),
    )


def refusing_policy() -> Policy:
    """Return the policy of those who are not served here: everything is refused."""
    refusal = AccessStep(refuse=True)
    return Policy("", "", DictIndex(()), (refusal,), (refusal,), (refusal,))


def rules_in_scope(profile: Profile, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return those of a household's rules that hold for a profile."""
    scopes = {"", profile.id, *(f"#{tag}" for tag in profile.tags)}
    return tuple(rule for rule in rules if rule.scope in scopes)


def _about(infos: Iterable[ListInfo], subjects: Iterable[str]) -> tuple[ListInfo, ...]:
    wanted = frozenset(subjects)
    return tuple(info for info in infos if info.subject in wanted)


def _max_ttl(usual: int | None, timing: TimePlan) -> int | None:
    if not timing.remaining:
        return usual
    return BUDGET_TTL if usual is None else min(usual, BUDGET_TTL)


def _learning(shared: HouseholdContext) -> frozenset[int]:
    """Return the numbers of the protected lists that a bedtime closes: they are for learning."""
    infos = _about(shared.lists_of_kind(ListKind.PROTECTED), shared.closable_groups)
    return frozenset(info.number for info in infos)


def _blocker(
    profile: Profile, shared: HouseholdContext, rules: RuleSet, timing: TimePlan
) -> Blocker:
    openings: tuple[frozenset[str], ...] | None = None
    if profile.block_mode is BlockMode.NXDOMAIN:
        in_time = _openings_in_time(shared, timing)
        if in_time is not None:
            openings = (shared.index.open_below, shared.open_below, rules.open_below, in_time)
    return Blocker(shared.block_ttl, shared.security_ttl, openings, shared.verdict_by_entry)


def _openings_in_time(shared: HouseholdContext, timing: TimePlan) -> frozenset[str] | None:
    """Return the names at or below which time may leave something open, None for anywhere."""
    names: set[str] = set()
    granted = (grant.about for grant in timing.grants)
    for subject in (*timing.always_open, *homework_subjects(timing), *granted):
        if isinstance(subject, Matcher):
            names.update(suffixes(subject.name))
        elif subject is not None and subject.kind is TopicKind.SERVICE:
            for matcher in shared.service_names.get(subject.slug, ()):
                names.update(suffixes(matcher.name))
        else:
            return None
    return frozenset(names)


def _own_names(profile: Profile, shared: HouseholdContext) -> LocalStep:
    canaries = _about(shared.lists_of_kind(ListKind.CANARY), profile.canaries)
    return LocalStep(
        local_by_list=shared.local_by_list,
        local_by_name=shared.local_by_name,
        canaries=frozenset(info.number for info in canaries),
        rewrites=shared.rewrites,
        splits=shared.splits,
        protected=frozenset(info.number for info in shared.lists_of_kind(ListKind.PROTECTED)),
        openings=(shared.index.open_below, shared.open_below),
    )


def _legal(shared: HouseholdContext) -> ListStep:
    lists = ListSet(shared.lists_of_kind(ListKind.LEGAL))
    # Answered NXDOMAIN in every block mode, so what stays open below matters in each.
    openings = shared.index.open_below, shared.open_below
    blocker = Blocker(shared.block_ttl, shared.security_ttl, openings, shared.verdict_by_entry)
    return ListStep(3, "legal orders", Reason.LEGAL, lists, blocker, granted=False)


def _protected(shared: HouseholdContext, times: tuple[TimeStep, ...]) -> ProtectedStep:
    infos = shared.lists_of_kind(ListKind.PROTECTED)
    return ProtectedStep(
        infos={info.number: info for info in infos},
        unwatched=frozenset(info.number for info in _about(infos, shared.untraced_groups)),
        beats_time=frozenset(
            info.number for info in infos if info.subject not in shared.closable_groups
        ),
        time_steps=tuple(step for step in times if not step.is_idle),
    )


def _times(
    shared: HouseholdContext, timing: TimePlan, blocker: Blocker
) -> tuple[TimeStep, TimeStep, TimeStep]:
    infos, services = shared.index.infos, ListSet(shared.lists_of_kind(ListKind.SERVICE))

    def closed(number: int, title: str, reason: Reason) -> TimeStep:
        own = (each for each in timing.closures if each.reason is reason)
        found = closure_timelines(own, infos)
        return TimeStep(
            number, title, reason, found, infos, services, blocker, timing.zone, timing.until
        )

    return (
        closed(7, "pause", Reason.PAUSED),
        closed(8, "schedules", Reason.SCHEDULE),
        closed(9, "budgets", Reason.BUDGET),
    )


def _services(profile: Profile, shared: HouseholdContext, blocker: Blocker) -> ServiceStep:
    every = shared.lists_of_kind(ListKind.SERVICE)
    blocked = profile.services | {
        slug for slug, contact in shared.contacts.items() if contact in profile.contacts
    }
    open_names = (
        matcher.name
        for slug, names in shared.service_names.items()
        if slug not in blocked
        for matcher in names
    )
    return ServiceStep(
        ListSet(_about(every, blocked)), ListSet(every), blocker.with_open(open_names)
    )


def _safe_search(profile: Profile, shared: HouseholdContext, blocker: Blocker) -> SafeSearchStep:
    targets: dict[str, str] = {}
    for engine, mode in profile.safe_search:
        targets.update(shared.engines.get(engine, {}).get(mode, {}))
    without = shared.lists_of_kind(ListKind.NO_SAFE_SEARCH) if profile.no_safe_search else ()
    return SafeSearchStep(targets, ListSet(without), blocker.with_open(targets))
