"""The steps of the order of decision, but for those in `time_steps.py` and `local_step.py`.

`policy/order.py` has their order, with the reason for each place; `policy/lookup.py` has what they
are asked about.  A step is built once per profile from that profile's settings, and then asked
about many names: it returns a verdict, or None for "not mine".  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from copdns.dns.records import AAAA, HTTPS, SVCB, A
from copdns.lists.index import Entry, ListInfo
from copdns.model.household import Contact, Default, Rule, RuleAction
from copdns.model.matchers import Matcher
from copdns.model.verdict import Action, Reason, StepNumber, Verdict
from copdns.policy.lookup import Lookup, Step
from copdns.policy.matching import Blocker, ListSet, RuleSet


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
class ListStep:
    """Block the names of one kind of list.  granted: a grant of content lifts it."""

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
    """Hold the place of grants in the order.  Never decides: later steps ask for grants themselves.

    A grant of time lifts the pause, the schedules and the budgets (steps 7 to 9), but not a pause
    that began after it was given.  A grant of content lifts steps 10 to 14, except that safe search
    still rewrites; the default step then gives the verdict of this step.
    """

    number: StepNumber = StepNumber.GRANTS
    title: str = "grants"
    only_if_listed: bool = True
    is_idle: bool = True

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        return None


@dataclass(frozen=True, slots=True)
class ProtectedStep:
    """Let through what nobody may block.

    infos: the protected groups, by list number.  untraced: numbers of the help groups.
    beats_time: numbers of those that a pause, a schedule or a budget never closes; for the others,
        such as encyclopaedias, `time_steps` are asked first, and this step says nothing where one
        of them blocks.
    school: numbers of what the household itself protects; `above_school` are asked first, and this
        step says nothing where one of them says something.
    """

    infos: Mapping[int, ListInfo]
    untraced: frozenset[int]
    beats_time: frozenset[int]
    time_steps: tuple[Step, ...]
    school: frozenset[int] = frozenset()
    above_school: tuple[Step, ...] = ()
    number: StepNumber = StepNumber.PROTECTED
    title: str = "protected names"
    only_if_listed: bool = True
    is_idle: bool = False

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        entries = [entry for entry in lookup.entries if entry.list in self.infos]
        if not entries or any(entry.allow for entry in entries):
            return None  # an exception: a host that only measures the visitors of a protected name
        entry = max(entries, key=self._strength)
        if entry.list not in self.beats_time:
            above = self.above_school if entry.list in self.school else self.time_steps
            if any(step(lookup, now) for step in above):
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

    def _strength(self, entry: Entry) -> tuple[bool, bool, bool]:
        """Rank the groups that a name is in: the strongest promise of them counts."""
        number = entry.list
        return number in self.untraced, number in self.beats_time, number not in self.school


# Types with addresses or address hints; the rest of a search engine's data is its own.
_REWRITTEN_TYPES: Final = frozenset({A, AAAA, SVCB, HTTPS})


@dataclass(frozen=True, slots=True)
class SafeSearchStep:
    """Send search engines to their safe hosts, and block those that have none, if so set.

    targets: exact host to the name whose data it gets.  No grant lifts that: `RuleStep` asks for it
        too, so that an allow rule does not turn it off either.
    on_allowlist: only what is allowed is open, and a search engine leads anywhere.  So it is made
        safe where somebody allowed it, and is otherwise blocked by the default, like all else.
    opens_always: what is always open is allowed all the same (`DefaultStep`).
    """

    targets: Mapping[str, str]
    unsafe_engines: ListSet
    blocker: Blocker
    on_allowlist: bool = False
    opens_always: bool = False
    number: StepNumber = StepNumber.SAFE_SEARCH
    title: str = "safe search"
    only_if_listed: bool = False
    # The same objects again, since `with_end` and caches compare by identity.
    _verdict_by_target: dict[str, Verdict] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_idle(self) -> bool:
        return not self.targets and not self.unsafe_engines

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        verdict = None if self._is_left_to_default(lookup) else self.rewrite(lookup)
        if verdict is not None or not lookup.entries or lookup.has_content_grant:
            return verdict
        found = self.unsafe_engines.find(lookup.entries)
        if found is None:
            return None
        return self.blocker.list_verdict(self.number, Reason.NO_SAFE_SEARCH, lookup.name, *found)

    def _is_left_to_default(self, lookup: Lookup) -> bool:
        if not self.on_allowlist or lookup.has_content_grant:
            return False
        return not (self.opens_always and lookup.is_always_open)

    def rewrite(self, lookup: Lookup) -> Verdict | None:
        """Return where safe results of a search engine are; None where nothing is rewritten."""
        target = self.targets.get(lookup.name)
        if target is None or lookup.qtype not in _REWRITTEN_TYPES:
            return None
        verdict = self._verdict_by_target.get(target)
        if verdict is None:
            verdict = self._verdict_by_target[target] = Verdict(
                Action.REWRITE, Reason.SAFE_SEARCH, self.number, target=target
            )
        return verdict


@dataclass(frozen=True, slots=True)
class RuleStep:
    """Apply the rules that somebody wrote for this profile, its tags or its household.

    An allow rule lifts no time step, and no safe search unless it says `unsafe_search`.
    """

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
    """Block services, by name or by whom they bring contact with.

    A name can be inside two services (a messenger below its owner's site); the one with the longer
    name owns it, so that one can be blocked and the other stay open.
    by_contact: the kind of contact of each service that is blocked for that alone, by list number.
    """

    blocked: ListSet
    all_services: ListSet
    blocker: Blocker
    by_contact: Mapping[int, Contact] = field(default_factory=dict)
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
        contact = self.by_contact.get(found[0].list)
        if contact is None:
            return self.blocker.list_verdict(self.number, Reason.SERVICE, lookup.name, *found)
        return self.blocker.list_verdict(
            self.number, Reason.CONTACT, lookup.name, *found, contact=contact
        )


class DefaultStep:
    """Allow or block what no other step decided.

    It says so where a name is allowed although its service has a contact kind that is blocked.
    """

    __slots__ = (
        "_allow",
        "_always",
        "_blocker",
        "_by_list",
        "_excepted",
        "_granted",
        "_log_only",
        "_services",
    )

    number: StepNumber = StepNumber.DEFAULT
    title: str = "default of the profile"
    only_if_listed: bool = False
    is_idle: bool = False

    def __init__(
        self,
        default: Default,
        blocker: Blocker,
        always: bool = False,
        services: ListSet | None = None,
        excepted: Mapping[int, tuple[str, str]] | None = None,
        log_only: ListSet | None = None,
    ) -> None:
        """always: what is always open is allowed even where the default blocks.

        services: all of them; the one with the longest name owns a name, as in `ServiceStep`; None
        where there is no exception.  excepted: slug and contact kind of the services that are
        exceptions, by list number.  log_only: lists that would block, but only count for now; the
        verdict names one that has the name.
        """
        self._services = services
        self._excepted = {
            list_number: Verdict(
                Action.ALLOW, Reason.DEFAULT, self.number, service=slug, contact=contact
            )
            for list_number, (slug, contact) in (excepted or {}).items()
        }
        allow = Verdict(Action.ALLOW, Reason.DEFAULT, self.number)
        self._granted = Verdict(Action.ALLOW, Reason.GRANTED, StepNumber.GRANTS)
        self._allow = allow if default is Default.ALLOW else None
        self._always = allow if always else None
        self._blocker = blocker
        self._log_only = log_only or None
        # The same objects again, since `with_end` and caches compare by identity.
        self._by_list: dict[str, Verdict] = {}

    @property
    def opens_always(self) -> bool:
        """Tell whether what is always open is allowed even where the default blocks."""
        return self._always is not None

    def __call__(self, lookup: Lookup, now: float) -> Verdict:
        if lookup.grants and lookup.has_content_grant:
            return self._granted
        if self._allow is not None:
            if self._log_only is not None and lookup.entries:
                counted = self._note_log_only(self._log_only, self._allow, lookup)
                if counted is not None:
                    return counted
            if self._services is not None and lookup.entries:
                owner = self._services.find(lookup.entries)
                if owner is not None:
                    return self._excepted.get(owner[0].list, self._allow)
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

    def _note_log_only(self, log_only: ListSet, allow: Verdict, lookup: Lookup) -> Verdict | None:
        found = log_only.find(lookup.entries)
        if found is None:
            return None
        slug = found[1].slug
        verdict = self._by_list.get(slug)
        if verdict is None:
            verdict = self._by_list[slug] = replace(allow, log_only=slug)
        return verdict
