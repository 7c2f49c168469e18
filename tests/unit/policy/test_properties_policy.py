"""What holds of every household, list and hour, however odd: tried on random ones.

All names stand in a small tree below `example`, so that rules, lists and permissions meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from copdns.dns.records import A
from copdns.lists.index import DictIndex, Entry, ListInfo, ListKind
from copdns.model.errors import NXDOMAIN
from copdns.model.household import (
    BlockMode,
    Contact,
    Default,
    LocalName,
    NameRewrite,
    OwnService,
    Rule,
    RuleAction,
    SplitUpstream,
)
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import is_below
from copdns.model.times import Grant, Topic, TopicKind
from copdns.model.verdict import Action, Reason, Verdict
from copdns.policy.context import HouseholdIndex
from copdns.policy.decide import Policy, decide, explain
from copdns.policy.matching import ListSet, RuleSet
from copdns.time.budget import RemainingBudget
from copdns.time.plan import NO_TIME_PLAN, Closure, Homework, TimePlan
from tests.household import MIA, NOW, family, policy
from tests.whole import examples

T = TypeVar("T")

LABELS = "ab"
TREE = [
    ".".join([*labels, "example"]) for size in (1, 2, 3) for labels in product(LABELS, repeat=size)
]
MX = 15
TYPES = (A, MX)
# Whatever the rules: the root, and what stands above names that every house has.
ALWAYS = ["", "example", "arpa", "home.arpa", "copdns.home.arpa", "ipv4only.arpa", "localhost"]

names = st.sampled_from(TREE)
matchers = st.builds(Matcher, names, st.sampled_from([MatchKind.SUBTREE, *MatchKind]))
with_exceptions = st.builds("{}{}".format, st.sampled_from(["", "!"]), matchers)
moments = st.integers(-6, 6).map(lambda step: NOW + 5 * step)


@st.composite
def stretches(draw: st.DrawFn) -> tuple[float, float]:
    start, end = sorted([draw(moments), draw(moments)])
    return start, end + 1


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    action = draw(st.sampled_from(RuleAction))
    lifts = st.booleans() if action is RuleAction.ALLOW else st.just(False)
    scope = draw(st.sampled_from(["", "mia", "#children"]))
    return Rule("r", action, draw(matchers), scope, draw(lifts), draw(lifts))


subjects = matchers | st.sampled_from(
    [
        Topic(TopicKind.CATEGORY, "games"),
        Topic(TopicKind.SERVICE, "tube"),
        Topic(TopicKind.SERVICE, "club"),
        Topic(TopicKind.LIST, "games"),
    ]
)
abouts = st.lists(subjects, max_size=2).map(tuple)
closures = st.builds(
    lambda reason, stretch, about, period: Closure(reason, *stretch, about, period),
    st.sampled_from([Reason.PAUSED, Reason.SCHEDULE, Reason.BUDGET]),
    stretches(),
    abouts,
    st.sampled_from(["one", "two"]),
)
homeworks = st.builds(lambda stretch, about: Homework(*stretch, about), stretches(), abouts)
lefts = st.builds(
    RemainingBudget, st.just("b"), abouts, st.integers(1, 90), moments.map(lambda at: at + 600)
)
grants = st.builds(
    lambda about, stretch, given, content, time: Grant(about, *stretch, given, content, time),
    subjects | st.none(),
    stretches(),
    moments,
    st.booleans(),
    st.booleans(),
)

# What can stand in a world, each with the switches of the profile that make it count.  A few at a
# time, since in a full one the first steps decide everything.
INGREDIENTS: Mapping[str, Mapping[str, Any]] = {
    "games": {"categories": frozenset({"games"})},
    "ads": {"categories": frozenset({"ads"})},
    "malware": {},
    "tube": {"services": frozenset({"tube"})},
    "chat": {"contacts": frozenset({Contact.STRANGERS})},
    "club": {"services": frozenset({"club"})},
    "other_service": {},
    "bypass": {"bypass": True},
    "no_safe_search": {"no_safe_search": True},
    "finder": {"safe_search": (("finder", "strict"),)},
    "browser": {"canaries": frozenset({"browser"})},
    "allowlist": {"default": Default.ALLOWLIST},
    "child_helpline": {},
    "education_reference": {},
    "legal": {},
    "rules": {},
    "local": {},
    "rewrites": {},
    "splits": {},
    "closures": {},
    "grants": {},
    "always": {},
    "homework": {},
    "lefts": {},
}
TIMED = frozenset({"closures", "grants", "always", "homework", "lefts"})


@st.composite
def policies(draw: st.DrawFn, without: frozenset[str] = frozenset()) -> Policy:
    """Draw a policy from two to four ingredients."""
    possible = sorted(INGREDIENTS.keys() - without)
    chosen = draw(st.lists(st.sampled_from(possible), min_size=2, max_size=4, unique=True))

    def some(ingredient: str, values: st.SearchStrategy[T]) -> list[T]:
        return draw(st.lists(values, min_size=1, max_size=3)) if ingredient in chosen else []

    def lines(ingredient: str, exceptions: bool = False) -> list[str]:
        return some(ingredient, with_exceptions if exceptions else matchers.map(str))

    profile = MIA
    for each in chosen:
        profile = replace(profile, **INGREDIENTS[each])
    modes = [BlockMode.NXDOMAIN, BlockMode.NXDOMAIN, BlockMode.NODATA]
    return policy(
        replace(profile, block_mode=draw(st.sampled_from(modes))),
        *some("rules", rules()),
        timing=TimePlan(
            tuple(some("closures", closures)),
            tuple(some("grants", grants)),
            tuple(some("always", subjects)),
            tuple(some("lefts", lefts)),
            next(iter(some("homework", homeworks)), None),
        ),
        house=family(
            local_names=tuple(LocalName(n, ("192.168.1.5",)) for n in some("local", names)),
            rewrites=tuple(
                NameRewrite(each, "elsewhere.example") for each in some("rewrites", matchers)
            ),
            split_upstreams=tuple(
                SplitUpstream(each, ("192.0.2.53:53",)) for each in some("splits", names)
            ),
            services=(OwnService("club", "Club", tuple(some("club", matchers))),),
        ),
        legal=lines("legal"),
        categories={each: lines(each, exceptions=True) for each in ("games", "ads")},
        security={"malware": lines("malware", exceptions=True)},
        services={each: lines(each) for each in ("tube", "chat", "other_service")},
        contacts={"chat": Contact.STRANGERS},
        bypass=lines("bypass"),
        no_safe_search=lines("no_safe_search"),
        canaries={"browser": some("browser", names)},
        protected={each: some(each, names) for each in ("child_helpline", "education_reference")},
        engines={"finder": (some("finder", names), {"strict": "safe.example"})},
    )


# --- no such name --------------------------------------------------------------------------------


def denies(made: Policy, verdict: Verdict) -> bool:
    """Tell whether a verdict is answered by NXDOMAIN."""
    if verdict.action is Action.LOCAL:
        return verdict.local is not None and verdict.local.rcode == NXDOMAIN
    mode = BlockMode.NXDOMAIN if verdict.reason is Reason.LEGAL else made.block_mode
    return verdict.blocks and mode is BlockMode.NXDOMAIN and verdict.nothing_open_below


def is_open(verdict: Verdict) -> bool:
    if verdict.action is Action.LOCAL:
        return verdict.local is not None and bool(
            verdict.local.records or verdict.local.is_own_address
        )
    return verdict.action in (Action.ALLOW, Action.REWRITE)


class Looked(NamedTuple):
    name: str
    verdict: Verdict


def look(made: Policy, now: float) -> list[Looked]:
    return [Looked(name, decide(made, name, A, now)) for name in (*TREE, *ALWAYS)]


@settings(max_examples=examples(600))
@given(policies(), moments, st.sampled_from([0, 0, 5]))
def test_no_open_name_has_one_above_it_that_does_not_exist(
    made: Policy, now: float, later: int
) -> None:
    """Not even later, for as long as a resolver on the way may keep the denial."""
    after = look(made, now + later)
    for above in look(made, now):
        until = above.verdict.valid_until
        is_kept = later <= above.verdict.ttl and (until is None or now + later < until)
        if denies(made, above.verdict) and is_kept:
            below = [each for each in after if is_below(each.name, above.name)]
            assert [each.name for each in below if is_open(each.verdict)] == []


def test_special_zones_are_denied_only_where_the_house_has_nothing_below() -> None:
    house = family(
        local_names=(LocalName("nas.home.arpa", ("192.168.1.5",)),),
        rewrites=(NameRewrite(Matcher("start.box.lan"), "elsewhere.example"),),
        split_upstreams=(SplitUpstream("work.corp", ("192.0.2.53:53",)),),
    )
    made = policy(MIA, house=house)
    tree = ["nas.home.arpa", "home.arpa", "start.box.lan", "box.lan", "lan", "work.corp", "corp"]
    assert not any(denies(made, decide(made, name, A, NOW)) for name in tree)
    for name in ("x.nas.home.arpa", "x.home.arpa", "x.lan", "x.corp"):
        assert denies(made, decide(made, name, A, NOW))


# --- time ----------------------------------------------------------------------------------------


@settings(max_examples=examples(200))
@given(policies(), names, st.sampled_from(TYPES), moments, st.floats(0, 70))
def test_no_verdict_changes_before_the_moment_that_it_announces(
    made: Policy, qname: str, qtype: int, now: float, later: float
) -> None:
    verdict = decide(made, qname, qtype, now)
    assert verdict.valid_until is None or verdict.valid_until > now
    if verdict.valid_until is None or now + later < verdict.valid_until:
        then = decide(made, qname, qtype, now + later)
        assert replace(then, valid_until=verdict.valid_until) == verdict
        # A budget that is not used lasts on; every other end stays where it was.
        assert (
            then.valid_until == verdict.valid_until
            or then.valid_until >= verdict.valid_until >= now + 60
        )


@settings(max_examples=examples(200))
@given(policies(), names, moments)
def test_the_moment_that_is_announced_is_one_at_which_something_begins_or_ends(
    made: Policy, qname: str, now: float
) -> None:
    until = decide(made, qname, A, now).valid_until
    timing = made.time_rules.plan if made.time_rules else NO_TIME_PLAN
    parts = (*timing.closures, *timing.grants, *filter(None, [timing.homework]))
    edges = {edge for part in parts for edge in (part.start, part.end)}
    edges |= {each.end for each in timing.remaining}
    spent = {now // 60 * 60 + 60 * each.minutes for each in timing.remaining}
    soonest = now // 60 * 60 + 60 if timing.remaining else None
    assert until is None or until in edges or soonest <= until <= max(spent)


# --- explaining ----------------------------------------------------------------------------------


@settings(max_examples=examples(200))
@given(policies(), moments)
def test_what_is_explained_is_what_was_decided(made: Policy, now: float) -> None:
    for qname, qtype in product(TREE, TYPES):
        steps = explain(made, qname, qtype, now)
        assert [each.number for each in steps] == list(range(1, 16))
        (deciding,) = [each for each in steps if each.is_decisive]
        assert deciding.verdict == replace(decide(made, qname, qtype, now), valid_until=None)
        before = steps[: deciding.number - 1]
        assert [each.verdict for each in before] == [None] * len(before)


# --- protected names -----------------------------------------------------------------------------


@settings(max_examples=examples(300))
@given(policies(without=frozenset({"legal"})), moments)
def test_help_resolves_in_every_household_at_every_hour(made: Policy, now: float) -> None:
    infos = made.index.infos
    for qname in TREE:
        entries = made.index.find(qname)
        if any(infos[entry.list].slug == "child_helpline" for entry in entries):
            verdict = decide(made, qname, A, now)
            assert (verdict.action, verdict.reason) == (Action.ALLOW, Reason.PROTECTED)


@settings(max_examples=examples(300))
@given(policies(without=TIMED | {"legal"}))
def test_encyclopedias_are_closed_by_nothing_but_time(made: Policy) -> None:
    infos = made.index.infos
    for qname in TREE:
        kinds = {infos[entry.list].kind for entry in made.index.find(qname)}
        if ListKind.PROTECTED in kinds:
            assert decide(made, qname, A, NOW).reason is Reason.PROTECTED


# --- finding -------------------------------------------------------------------------------------


def rank(rule: Rule) -> tuple[int, bool, int, bool]:
    """The order of docs/decision.md for two rules that cover a name: the greater one counts."""
    assert isinstance(rule.target, Matcher)
    nearness = {"mia": 2, "#children": 1, "": 0}[rule.scope]
    exact = rule.target.match is MatchKind.EXACT
    return len(rule.target.name), exact, nearness, rule.action is RuleAction.ALLOW


@settings(max_examples=examples(300))
@given(st.lists(rules(), max_size=8), names)
def test_the_rule_that_is_found_is_the_best_of_all_that_cover_the_name(
    own: list[Rule], qname: str
) -> None:
    covering = [each for each in own if Matcher.covers(each.target, qname)]  # type: ignore[arg-type]
    found = RuleSet(own).find(qname)
    assert (found is None) is (not covering)
    assert found is None or rank(found) == max(map(rank, covering))


def info(number: int) -> ListInfo:
    return ListInfo(number, f"list-{number}", ListKind.CATEGORY, "games", "1")


entries = st.lists(st.tuples(matchers, st.booleans()), max_size=5)


def covering(
    lists: Iterable[tuple[int, Iterable[tuple[Matcher, bool]]]], qname: str
) -> list[Entry]:
    return [
        Entry(number, matcher.name, matcher.match, allow)
        for number, pairs in lists
        for matcher, allow in pairs
        if matcher.covers(qname)
    ]


@given(st.lists(entries, min_size=1, max_size=3), st.lists(entries, max_size=2), names)
def test_the_index_of_a_household_finds_every_entry_the_longest_name_first(
    shared: list[list[tuple[Matcher, bool]]], own: list[list[tuple[Matcher, bool]]], qname: str
) -> None:
    numbered = list(enumerate([*shared, *own]))
    lists = [(info(number), pairs) for number, pairs in numbered]
    below, above = lists[: len(shared)], lists[len(shared) :]
    made = HouseholdIndex(DictIndex(below), DictIndex(above), ())
    found = made.find(qname)
    assert sorted(found) == sorted(covering(numbered, qname))
    sizes = [len(each.name) for each in found]
    assert sizes == sorted(sizes, reverse=True)
    assert [made.infos[each.list].number for each in found] == [each.list for each in found]


@given(st.lists(entries, min_size=1, max_size=3), st.frozensets(st.integers(0, 2)), names)
def test_the_entry_that_counts_is_the_longest_block_of_a_list_without_an_exception_for_the_name(
    lists: list[list[tuple[Matcher, bool]]], chosen: frozenset[int], qname: str
) -> None:
    numbered = list(enumerate(lists))
    infos = [info(number) for number, _ in numbered]
    wanted = [each for each in infos if each.number in chosen]
    made = DictIndex(zip(infos, lists, strict=True))
    found = ListSet(wanted).find(made.find(qname))
    every = [each for each in covering(numbered, qname) if each.list in chosen]
    excepted = {each.list for each in every if each.allow}
    blocking = [each for each in every if not each.allow and each.list not in excepted]
    assert (found is None) is (not blocking)
    if found is not None:
        entry, of = found
        assert entry in blocking
        assert len(entry.name) == max(len(each.name) for each in blocking)
        assert of.number == entry.list
