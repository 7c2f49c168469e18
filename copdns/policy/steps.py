"""The fifteen steps, one class each; their order and its reasons stand in `policy/decide.py`.

A step is made once per profile from that profile's settings and then asked about many
questions.  It answers with a verdict, or None for "not mine".  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from copdns.lists.index import Entry, ListInfo
from copdns.model.errors import NXDOMAIN
from copdns.model.hosts import OWN_HOSTS
from copdns.model.household import Default, NameRewrite, Rule, RuleAction
from copdns.model.matchers import Matcher
from copdns.model.times import Grant
from copdns.model.verdict import Action, LocalAnswer, LocalRecord, Reason, StepNumber, Verdict
from copdns.policy.matching import Blocker, ListSet, RuleSet
from copdns.policy.special_names import special_use_answer


class Lookup(NamedTuple):
    """What the steps look at.

    entries: every list entry that covers the name, longest first.  grants: those that hold now.
    exempt: it is always open, whatever the time.  homework: it is open in the homework mode that
    runs now.
    """

    name: str
    qtype: int
    entries: tuple[Entry, ...]
    grants: tuple[Grant, ...] = ()
    is_always_open: bool = False
    is_homework: bool = False

    @property
    def has_content_grant(self) -> bool:
        return bool(self.grants) and any(grant.content for grant in self.grants)


class Step(Protocol):
    """One place in the order.

    is_idle: it has nothing to say for this profile, whatever is asked.
    only_if_listed: it has nothing to say about a name that no list entry covers, as most are.
    """

    @property
    def number(self) -> StepNumber: ...

    @property
    def title(self) -> str: ...

    @property
    def is_idle(self) -> bool: ...

    @property
    def only_if_listed(self) -> bool: ...

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None: ...


@dataclass(frozen=True, slots=True)
class AccessStep:
    """Refuse those who are not served here (RFC 8914 section 4.19)."""

    refuse: bool
    number: StepNumber = StepNumber.ACCESS
    title: str = "client allowed here"
    only_if_listed: bool = False

    @property
    def is_idle(self) -> bool:
        return not self.refuse

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        if not self.refuse:
            return None
        return Verdict(Action.REFUSE, Reason.NOT_A_CLIENT, self.number)


@dataclass(frozen=True, slots=True)
class LocalStep:
    """Answer what this house itself knows, and the signals that it sends to devices.

    local: list number to a local name's records by qtype; at_home: the same by the name itself.
    canaries: numbers of those sent.
    rewrites: as written, the longest name first.  splits: zones with upstreams of their own.
    protected: numbers of the lists whose names a household may not answer itself.
    """

    local_by_list: Mapping[int, Mapping[int, tuple[LocalRecord, ...]]]
    local_by_name: Mapping[str, Mapping[int, tuple[LocalRecord, ...]]]
    canaries: frozenset[int]
    rewrites: tuple[NameRewrite, ...]
    splits: tuple[Matcher, ...]
    protected: frozenset[int]
    open_below: tuple[frozenset[str], ...]
    number: StepNumber = StepNumber.LOCAL
    title: str = "special and own names"
    only_if_listed: bool = False
    is_idle: bool = False

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        qname = lookup.name
        if qname in OWN_HOSTS:
            return self._local(lookup, LocalAnswer(is_own_address=True))
        if lookup.entries or self.rewrites:
            verdict = self._household(lookup)
            if verdict is not None:
                return verdict
        answer = self._special(qname, lookup.qtype)
        return None if answer is None else self._local(lookup, answer)

    def _special(self, name: str, qtype: int) -> LocalAnswer | None:
        answer = special_use_answer(name, qtype)
        if answer is not None and any(split.covers(name) for split in self.splits):
            return None
        return answer

    def _household(self, lookup: Lookup) -> Verdict | None:
        numbers = [entry.list for entry in lookup.entries]
        if not self.protected.isdisjoint(numbers):
            return None
        for entry in lookup.entries:
            records = self.local_by_list.get(entry.list)
            if records is not None:
                exists = entry.name == lookup.name
                found = records.get(lookup.qtype, ()) if exists else ()
                return self._local(lookup, LocalAnswer(0 if exists else NXDOMAIN, found))
        for rewrite in self.rewrites:
            if rewrite.matcher.covers(lookup.name):
                return self._rewritten(lookup, rewrite)
        if not self.canaries.isdisjoint(numbers):
            return self._local(lookup, LocalAnswer(NXDOMAIN), Reason.CANARY)
        return None

    def _rewritten(self, lookup: Lookup, rewrite: NameRewrite) -> Verdict:
        """Give the target's data; what this house knows of it itself is not asked outside."""
        rule, records = str(rewrite.matcher), self.local_by_name.get(rewrite.target)
        if records is not None:
            answer: LocalAnswer | None = LocalAnswer(0, records.get(lookup.qtype, ()))
        else:
            answer = self._special(rewrite.target, lookup.qtype)
        if answer is not None:
            return replace(self._local(lookup, answer), rule=rule)
        return Verdict(Action.REWRITE, Reason.LOCAL, self.number, rule=rule, target=rewrite.target)

    def _local(self, lookup: Lookup, answer: LocalAnswer, reason: Reason = Reason.LOCAL) -> Verdict:
        # A name that does not exist, but has one below it that does, is empty (RFC 8020).
        if answer.rcode == NXDOMAIN and any(lookup.name in names for names in self.open_below):
            answer = LocalAnswer()
        return Verdict(Action.LOCAL, reason, self.number, local=answer)


@dataclass(frozen=True, slots=True)
class ListStep:
    """Block what one kind of list names; `granted` tells that a grant for content lifts it."""

    number: StepNumber
    title: str
    reason: Reason
    lists: ListSet
    blocker: Blocker
    granted: bool = True
    only_if_listed: bool = True

    @property
    def is_idle(self) -> bool:
        return not self.lists

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        if not lookup.entries or (self.granted and lookup.has_content_grant):
            return None
        found = self.lists.find(lookup.entries)
        if found is None:
            return None
        return self.blocker.list_verdict(self.number, self.reason, lookup.name, *found)


@dataclass(frozen=True, slots=True)
class SecurityStep:
    """Block malware and phishing; an allow rule that says so lifts a false positive."""

    lists: ListSet
    rules: RuleSet
    blocker: Blocker
    number: StepNumber = StepNumber.SECURITY
    title: str = "security lists"
    only_if_listed: bool = True

    @property
    def is_idle(self) -> bool:
        return not self.lists

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        found = self.lists.find(lookup.entries) if lookup.entries else None
        if found is None:
            return None
        rule = self.rules.find(lookup.name)
        if rule is not None and rule.action is RuleAction.ALLOW and rule.over_security:
            return None
        return self.blocker.list_verdict(self.number, Reason.SECURITY, lookup.name, *found)


@dataclass(frozen=True, slots=True)
class GrantStep:
    """Say which grant holds.  It decides nothing here: it lifts later steps, which ask for it."""

    number: StepNumber = StepNumber.GRANTS
    title: str = "grants"
    only_if_listed: bool = True
    is_idle: bool = True

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        return None


@dataclass(frozen=True, slots=True)
class ProtectedStep:
    """Let through what nobody may block.

    infos: the protected groups, by list number.  untraced: those that leave no trace.
    beats_time: those that win over a bedtime too; for the others, such as encyclopaedias, the
    time steps (`closed`) are asked first.
    """

    infos: Mapping[int, ListInfo]
    untraced: frozenset[int]
    beats_time: frozenset[int]
    time_steps: tuple[Step, ...]
    number: StepNumber = StepNumber.PROTECTED
    title: str = "protected names"
    only_if_listed: bool = True
    is_idle: bool = False

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        entries = [entry for entry in lookup.entries if entry.list in self.infos]
        if not entries:
            return None
        entry = max(entries, key=self._strength)
        if entry.list not in self.beats_time and any(step(lookup, now) for step in self.time_steps):
            return None
        info = self.infos[entry.list]
        return Verdict(
            Action.ALLOW,
            Reason.PROTECTED,
            self.number,
            category=info.subject,
            list=info.slug,
            rule=str(Matcher(entry.name, entry.match)),
            is_untraced=entry.list in self.untraced,
        )

    def _strength(self, entry: Entry) -> tuple[bool, bool]:
        """Rank the groups that a name is in: what one of them promises, no other takes back."""
        return entry.list in self.untraced, entry.list in self.beats_time


@dataclass(frozen=True, slots=True)
class SafeSearchStep:
    """Send search engines to their safe hosts, and block those that have none, if so set.

    targets: exact host to the name whose data it gets.
    """

    targets: Mapping[str, str]
    unsafe_engines: ListSet
    blocker: Blocker
    number: StepNumber = StepNumber.SAFE_SEARCH
    title: str = "safe search"
    only_if_listed: bool = False
    # By target: the end of a verdict is kept with the verdict itself (`timed.held`).
    _made: dict[str, Verdict] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_idle(self) -> bool:
        return not self.targets and not self.unsafe_engines

    # Types with addresses or address hints; the rest of a search engine's data is its own.
    REWRITTEN = frozenset({1, 28, 64, 65})

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        verdict = self.rewrite(lookup)
        if verdict is not None or not lookup.entries or lookup.has_content_grant:
            return verdict
        found = self.unsafe_engines.find(lookup.entries)
        if found is None:
            return None
        return self.blocker.list_verdict(self.number, Reason.NO_SAFE_SEARCH, lookup.name, *found)

    def rewrite(self, lookup: Lookup) -> Verdict | None:
        """Return where safe results of a search engine are; None where nothing is rewritten."""
        target = self.targets.get(lookup.name)
        if target is None or lookup.qtype not in self.REWRITTEN:
            return None
        made = self._made.get(target)
        if made is None:
            made = self._made[target] = Verdict(
                Action.REWRITE, Reason.SAFE_SEARCH, self.number, target=target
            )
        return made


@dataclass(frozen=True, slots=True)
class RuleStep:
    """Apply what somebody wrote for this profile, its tags or its household."""

    rules: RuleSet
    safe_search: SafeSearchStep | None
    blocker: Blocker
    number: StepNumber = StepNumber.RULES
    title: str = "own rules"
    only_if_listed: bool = False

    @property
    def is_idle(self) -> bool:
        return not self.rules

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        rule = None if lookup.has_content_grant else self.rules.find(lookup.name)
        if rule is None:
            return None
        if rule.action is RuleAction.ALLOW and not rule.unsafe_search and self.safe_search:
            rewritten = self.safe_search.rewrite(lookup)
            if rewritten is not None:
                return rewritten
        return self._verdict(rule, lookup.name)

    def _verdict(self, rule: Rule, qname: str) -> Verdict:
        assert isinstance(rule.target, Matcher)
        blocks = rule.action is RuleAction.BLOCK
        return Verdict(
            Action.BLOCK if blocks else Action.ALLOW,
            Reason.RULE,
            self.number,
            rule=str(rule.target),
            ttl=self.blocker.ttl if blocks else 0,
            nothing_open_below=blocks and self.blocker.nothing_open_below(qname, rule.target),
        )


@dataclass(frozen=True, slots=True)
class ServiceStep:
    """Block services by name or by whom they put a child in touch with.

    A name can lie inside two services (a messenger below its owner's site); the one with the
    longer name owns it, so that the first can be blocked and the second stay.
    """

    blocked: ListSet
    all_services: ListSet
    blocker: Blocker
    number: StepNumber = StepNumber.SERVICES
    title: str = "services"
    only_if_listed: bool = True

    @property
    def is_idle(self) -> bool:
        return not self.blocked

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        if not lookup.entries or lookup.has_content_grant:
            return None
        found = self.blocked.find(lookup.entries)
        if found is None:
            return None
        owner = self.all_services.find(lookup.entries)
        if owner is not None and len(owner[0].name) > len(found[0].name):
            return None
        return self.blocker.list_verdict(self.number, Reason.SERVICE, lookup.name, *found)


class DefaultStep:
    """Allow or block what nothing above knew."""

    __slots__ = ("_allow", "_always", "_blocker", "_granted")

    number = StepNumber.DEFAULT
    title = "default of the profile"
    only_if_listed = False
    is_idle = False

    def __init__(self, default: Default, blocker: Blocker, always: bool = False) -> None:
        """always: what is always open is allowed, whatever the default."""
        allow = Verdict(Action.ALLOW, Reason.DEFAULT, self.number)
        self._granted = Verdict(Action.ALLOW, Reason.GRANTED, StepNumber.GRANTS)
        self._allow = allow if default is Default.ALLOW else None
        self._always = allow if always else None
        self._blocker = blocker

    def __call__(self, lookup: Lookup, now: float) -> Verdict:
        if lookup.grants and lookup.has_content_grant:
            return self._granted
        if self._allow is not None:
            return self._allow
        if lookup.is_always_open and self._always is not None:
            return self._always
        return Verdict(
            Action.BLOCK,
            Reason.NOT_ON_ALLOWLIST,
            self.number,
            ttl=self._blocker.ttl,
            nothing_open_below=self._blocker.nothing_open_below(lookup.name, None),
        )
