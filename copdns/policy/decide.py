"""Decide what happens to a query.

A step (`policy/steps.py`) looks at a name and a moment and gives a verdict, or None for "not mine".
The first verdict wins.  `decision_order` (`policy/order.py`) is the only order: `decide` runs it,
and `explain` shows what each step says.

Pure: no I/O, no clock, no logging.  `now` is seconds since the epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from copdns.dns.records import A
from copdns.lists.index import DictIndex, Entry, Index, ListInfo
from copdns.lists.special_rules import Networks
from copdns.model.addresses import Network
from copdns.model.household import BlockMode, FullLogSpan, PrivacyMode, Rule
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.nat64 import Nat64
from copdns.model.times import Grant, Subject
from copdns.model.verdict import SCHOOL, Action, Reason, StepNumber, Verdict
from copdns.policy.list_rules import ListRules
from copdns.policy.lookup import Lookup, Step
from copdns.policy.matching import PolicyGroup
from copdns.policy.split_table import SplitTable
from copdns.policy.steps import AccessStep
from copdns.policy.subjects import list_numbers
from copdns.policy.time_rules import (
    TimeRules,
    budgets_covering,
    grants_in_force,
    verdict_with_end,
    with_end,
)

_FULL: Final = PrivacyMode.FULL  # looked up in the class, it would cost more than the rest


class AddressRule(NamedTuple):
    """A rule about the addresses in responses, and its network."""

    network: Network
    rule: Rule


class AddressList(NamedTuple):
    """A list about the addresses in responses.  step, reason: those of its block."""

    info: ListInfo
    networks: Networks
    step: StepNumber
    reason: Reason


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Policy:
    """One profile's rules, ready to be asked.  Compared by identity: a change makes a new one.

    order: every step.  steps: those that can say something for this profile; steps_if_unlisted: of
    these, those that can about a name that no list entry covers.
    splits: which names have upstreams of their own; None where none has.
    time_rules: what time adds; None where it adds nothing.
    max_ttl: seconds; no answer is given for longer (None: as it came).  `replies.ttl_limit` says
    all that limits a TTL.
    child_page: the URL of the page that explains a block and takes requests.
    untraced_lists: numbers of the lists of help names, whose queries leave no trace.
    help_domains: the last two labels of these names: a cheap first look for `has_help_prefix`.
    group: the policies that differ from this one in nothing but their own rules.
    list_rules: the rules of lists that are more than a name; None where no list has any.
    address_lists: lists about the addresses in answers that block for this profile.
    nat64: how the network translates for devices without IPv4; None where it does not.
    """

    # Down to `is_child`: what is read for a name that was decided before.  First and side by side,
    # since the processor's cache has little of a thousand policies.
    group: PolicyGroup = field(default_factory=PolicyGroup)
    splits: SplitTable | None = None
    time_rules: TimeRules | None = None
    address_rules: tuple[AddressRule, ...] = ()
    address_lists: tuple[AddressList, ...] = ()
    nat64: Nat64 | None = None
    max_ttl: int | None = None
    full_log: FullLogSpan | None = None
    privacy: PrivacyMode = PrivacyMode.OFF
    block_mode: BlockMode = BlockMode.NODATA
    is_child: bool = False
    household: str
    profile: str
    index: Index
    order: tuple[Step, ...]
    steps: tuple[Step, ...]
    steps_if_unlisted: tuple[Step, ...]
    child_page: str = ""
    untraced_lists: frozenset[int] = frozenset()
    help_domains: frozenset[str] = frozenset()
    list_rules: ListRules | None = None

    @property
    def judges_addresses(self) -> bool:
        """Tell whether a rule or a list is about the addresses in responses."""
        return bool(self.address_rules or self.address_lists)

    @property
    def security_address_lists(self) -> tuple[AddressList, ...]:
        """The lists of addresses that are against harm, which hold for the school's domain too."""
        lists = self.address_lists
        return tuple([each for each in lists if each.reason is Reason.SECURITY]) if lists else ()

    def find_entries(self, qname: str, qtype: int = 0) -> tuple[Entry, ...]:
        """Return every list entry that holds for a name, for this person and this type.

        qtype: 0 where the name is not that of a question.
        """
        entries = self.index.find(qname)
        rules = self.list_rules
        return entries if rules is None else rules.resolve(entries, qname, qtype)

    def privacy_at(self, now: float) -> PrivacyMode:
        """Return the privacy mode at a moment: a full log has a start and an end."""
        full = self.full_log
        if full is not None and full.start <= now < full.end:
            return _FULL
        return self.privacy


def decide(policy: Policy, qname: str, qtype: int, now: float) -> Verdict:
    """Return the verdict on a name and type, with the moment until which it surely holds."""
    return _decide(policy, _build_lookup(policy, qname, qtype, now), now)


def _decide(policy: Policy, lookup: Lookup, now: float) -> Verdict:
    verdict = _first_verdict(policy, lookup, now)
    time_rules = policy.time_rules
    if time_rules is None:
        return verdict
    return verdict_with_end(time_rules, lookup, verdict, now)


def decide_query(policy: Policy, qname: str, qtype: int, now: float) -> Verdict:
    """Return the verdict on a query: that of `decide`, untraced if it tells of a help name."""
    return look_and_decide(policy, qname, qtype, now)[0]


def look_and_decide(policy: Policy, qname: str, qtype: int, now: float) -> tuple[Verdict, bool]:
    """Return the verdict on a query, and whether its name is surely on no list.

    For `charged_budgets`, which need not look again then.
    """
    lookup = _build_lookup(policy, qname, qtype, now)
    verdict = _decide(policy, lookup, now)
    # A rule that is more than a name may hold for another type.
    is_unlisted = not lookup.entries and policy.list_rules is None
    if not verdict.is_untraced and has_help_prefix(policy, qname):
        return replace(verdict, is_untraced=True), is_unlisted
    return verdict, is_unlisted


def _is_listable_help(policy: Policy, lookup: Lookup) -> bool:
    """Tell whether a name is a host of a help name that lists may block (`but_not`).

    Blocked or not, it says as much of who asked as the help name does.
    """
    return any(entry.allow and entry.list in policy.untraced_lists for entry in lookup.entries)


def decide_with_grant(policy: Policy, qname: str, qtype: int, grant: Grant, now: float) -> Verdict:
    """Return what would be decided if this grant too were in force for the name."""
    lookup = _build_lookup(policy, qname, qtype, now)
    lookup.grants += (grant,)
    return _first_verdict(policy, lookup, now)


def decide_about(policy: Policy, subject: Subject, now: float) -> Verdict:
    """Return the verdict on the names of a subject: of a category, service or list, on a name that
    no other list has."""
    if isinstance(subject, Matcher):
        return decide(policy, subject.name, A, now)
    numbers = sorted(list_numbers(subject, policy.index.infos))
    entries = tuple(Entry(number, "", MatchKind.SUBTREE, allow=False) for number in numbers)
    return _first_verdict(policy, _lookup_of(policy, "", A, entries, now), now)


def _first_verdict(policy: Policy, lookup: Lookup, now: float) -> Verdict:
    for step in policy.steps if lookup.entries else policy.steps_if_unlisted:
        verdict = step(lookup, now)
        if verdict is not None:
            for entry in lookup.entries:  # a loop, since a call costs as much as a step
                if entry.allow and entry.list in policy.untraced_lists:
                    return replace(verdict, is_untraced=True)
            return verdict
    raise AssertionError("the last step always decides")


def _build_lookup(policy: Policy, qname: str, qtype: int, now: float) -> Lookup:
    return _lookup_of(policy, qname, qtype, policy.find_entries(qname, qtype), now)


def _lookup_of(
    policy: Policy, qname: str, qtype: int, entries: tuple[Entry, ...], now: float
) -> Lookup:
    time_rules = policy.time_rules
    if time_rules is None:
        return Lookup(qname, qtype, entries)
    start, end = time_rules.homework_span
    is_homework, learns = start <= now < end, time_rules.has_learning
    opens = (is_homework or learns) and time_rules.homework.covers(qname, entries)
    return Lookup(
        qname,
        qtype,
        entries,
        grants_in_force(time_rules, qname, entries, now),
        time_rules.always_open.covers(qname, entries),
        is_homework and opens,
        learns and opens,
    )


def full_closure(policy: Policy, now: float) -> Verdict | None:
    """Return the verdict by which time now closes every name that is not always open, or None.

    None: no pause, schedule or budget closes all names.
    """
    time_rules = policy.time_rules
    if time_rules is None:
        return None
    grants = tuple(
        grant
        for grant, names in time_rules.grants
        if names is None and grant.start <= now < grant.end
    )
    lookup = Lookup("", 0, (), grants)
    for step in time_rules.steps:
        verdict = step(lookup, now)
        if verdict is not None:
            return with_end(time_rules, verdict, step.next_change(lookup, now))
    return None


def charged_budgets(
    policy: Policy, qname: str, verdict: Verdict, now: float, *, is_unlisted: bool = False
) -> tuple[str, ...] | None:
    """Return the ids of the budgets that this query counts for; None where it shows no use.

    is_unlisted: as `look_and_decide` found; False: nobody knows.
    No use: what is not allowed, what steps 1 to 4 decide (but what the household itself protects
    counts: it would be a key to endless time), background traffic (beacons), what is always open or
    open as homework, and what a grant of time opened.
    """
    time_rules = policy.time_rules
    if time_rules is None:
        return None
    if verdict.step <= StepNumber.PROTECTED and verdict.category != SCHOOL:
        return None
    if verdict.action is not Action.ALLOW and verdict.action is not Action.REWRITE:
        return None
    entries: tuple[Entry, ...] = () if is_unlisted else policy.find_entries(qname)
    budgets = time_rules.budgets_if_unlisted
    if budgets is not None and not entries and not time_rules.names_it(qname):
        return budgets  # as for most names, which need no look at all that follows
    lookup = _lookup_of(policy, qname, 0, entries, now)
    if lookup.is_always_open or lookup.is_homework:
        return None
    for grant in lookup.grants:
        if grant.time:
            return None
    for entry in lookup.entries:
        if entry.list in time_rules.beacons:
            return None
    return tuple(dict.fromkeys([budget.id for budget in budgets_covering(time_rules, lookup)]))


def has_help_prefix(policy: Policy, qname: str) -> bool:
    """Tell whether a help name stands in front of another, as `help.example.home.example`.

    Devices with a search domain ask for that when `help.example` failed.  It tells just as much of
    who looks for help, so the query is untraced too.
    """
    before, start = 0, qname.find(".") + 1
    while start:  # each two labels side by side but the last, not split: as for all names
        end = qname.find(".", start)
        if end < 0:
            return False
        if qname[before:end] in policy.help_domains and _is_help(policy, qname[:end]):
            return True
        before, start = start, end + 1
    return False


def _is_help(policy: Policy, name: str) -> bool:
    for entry in policy.index.find(name):  # noqa: SIM110 - a generator would take twice as long
        if entry.list in policy.untraced_lists:
            return True
    return False


class StepResult(NamedTuple):
    """What one step says of a name.  is_decisive: it is the first that says something."""

    number: StepNumber
    title: str
    verdict: Verdict | None
    is_decisive: bool


def explain(policy: Policy, qname: str, qtype: int, now: float) -> tuple[StepResult, ...]:
    """Return what every step says; the decisive one's verdict is that of `decide`, without end."""
    lookup = _build_lookup(policy, qname, qtype, now)
    verdicts = [step(lookup, now) for step in policy.order]
    if _is_listable_help(policy, lookup):
        verdicts = [each and replace(each, is_untraced=True) for each in verdicts]
    decisive = next(place for place, verdict in enumerate(verdicts) if verdict is not None)
    return tuple(
        StepResult(step.number, step.title, verdict, place == decisive)
        for place, (step, verdict) in enumerate(zip(policy.order, verdicts, strict=True))
    )


def refusing_policy() -> Policy:
    """Return the policy of those who are not served here (`dns.allow`): all is refused."""
    refusal = AccessStep(refuse=True)
    alone = (refusal,)
    return Policy(
        household="",
        profile="",
        index=DictIndex(()),
        order=alone,
        steps=alone,
        steps_if_unlisted=alone,
    )
