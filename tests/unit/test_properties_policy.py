"""What holds of every household, list and hour, however odd: tried on random ones.

All names stand in a small tree below `example`, so that rules, lists and permissions meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from copdns.errors import NXDOMAIN
from copdns.lists.index import DictIndex, Entry, ListInfo, ListKind
from copdns.live import Layered
from copdns.model import (
    Action,
    BlockMode,
    Closure,
    Contact,
    Default,
    Grant,
    LocalName,
    Match,
    Matcher,
    NameRewrite,
    OwnService,
    Reason,
    Rule,
    RuleAction,
    SplitUpstream,
    Timing,
    Verdict,
)
from copdns.names import is_below
from copdns.policy import Policy, decide, explain
from copdns.records import A
from copdns.steps import Lists, RuleSet
from tests.household import MIA, NOW, family, policy

LABELS = "ab"
TREE = [
    ".".join([*labels, "example"]) for size in (1, 2, 3) for labels in product(LABELS, repeat=size)
]
MX = 15
TYPES = (A, MX)

names = st.sampled_from(TREE)
matchers = st.builds(Matcher, names, st.sampled_from(Match))
lines = st.lists(matchers.map(str), max_size=3)
with_exceptions = st.lists(
    st.builds("{}{}".format, st.sampled_from(["", "", "!"]), matchers), max_size=4
)
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


@st.composite
def timings(draw: st.DrawFn) -> Timing:
    reasons = st.sampled_from([Reason.PAUSED, Reason.SCHEDULE, Reason.BUDGET])
    subjects = st.frozensets(st.sampled_from(["games", "tube", "club"]), max_size=1)
    closures = st.builds(
        lambda reason, stretch, of: Closure(reason, *stretch, of), reasons, stretches(), subjects
    )
    grants = st.builds(
        lambda matcher, stretch, given, content, time: Grant(
            matcher, *stretch, given, content, time
        ),
        matchers,
        stretches(),
        moments,
        st.booleans(),
        st.booleans(),
    )
    return Timing(
        tuple(draw(st.lists(closures, max_size=3))),
        tuple(draw(st.lists(grants, max_size=2))),
        tuple(draw(st.lists(matchers, max_size=1))),
    )


profiles = st.builds(
    lambda **fields: replace(MIA, **fields),
    security=st.booleans(),
    categories=st.frozensets(st.sampled_from(["games", "ads"])),
    services=st.frozensets(st.sampled_from(["tube", "chat", "club"])),
    contacts=st.frozensets(st.sampled_from(Contact), max_size=1),
    safe_search=st.sampled_from([(), (("finder", "strict"),)]),
    no_safe_search=st.booleans(),
    bypass=st.booleans(),
    canaries=st.frozensets(st.just("browser")),
    default=st.sampled_from(Default),
    block_mode=st.sampled_from([BlockMode.NXDOMAIN, BlockMode.NXDOMAIN, BlockMode.NODATA]),
)


@st.composite
def libraries(draw: st.DrawFn) -> Mapping[str, Any]:
    """Draw lists, as keywords for `household.library`."""
    hosts = draw(st.lists(names, max_size=2))
    return {
        "categories": {"games": draw(with_exceptions), "ads": draw(with_exceptions)},
        "security": {"malware": draw(with_exceptions)},
        "services": {"tube": draw(lines), "chat": draw(lines)},
        "contacts": {"chat": Contact.STRANGERS},
        "bypass": draw(lines),
        "no_safe_search": draw(lines),
        "canaries": {"browser": draw(st.lists(names, max_size=1))},
        "protected": {
            "child_helpline": draw(st.lists(names, max_size=1)),
            "education_reference": draw(st.lists(names, max_size=1)),
        },
        "engines": {"finder": (hosts, {"strict": "safe.example"})},
    }


households = st.builds(
    lambda local, rewrites, splits, service: family(
        local_names=tuple(LocalName(each, ("192.168.1.5",)) for each in local),
        rewrites=tuple(NameRewrite(each, "elsewhere.example") for each in rewrites),
        split_upstreams=tuple(SplitUpstream(each, ("192.0.2.53:53",)) for each in splits),
        services=(OwnService("club", "Club", tuple(service)),),
    ),
    st.lists(names, max_size=1),
    st.lists(matchers, max_size=1),
    st.lists(names, max_size=1),
    st.lists(matchers, min_size=1, max_size=2),
)


@st.composite
def policies(draw: st.DrawFn, timed: bool = True, legal: bool = True) -> Policy:
    return policy(
        draw(profiles),
        *draw(st.lists(rules(), max_size=4)),
        timing=draw(timings()) if timed else Timing(),
        house=draw(households),
        legal=draw(lines) if legal else (),
        **draw(libraries()),
    )


# --- no such name --------------------------------------------------------------------------------


def denies(made: Policy, verdict: Verdict) -> bool:
    """Tell whether a verdict is answered by NXDOMAIN."""
    if verdict.action is Action.LOCAL:
        return verdict.local is not None and verdict.local.rcode == NXDOMAIN
    mode = BlockMode.NXDOMAIN if verdict.reason is Reason.LEGAL else made.block_mode
    return verdict.blocks and mode is BlockMode.NXDOMAIN and verdict.nothing_below


def is_open(verdict: Verdict) -> bool:
    if verdict.action is Action.LOCAL:
        return verdict.local is not None and bool(verdict.local.records)
    return verdict.action in (Action.ALLOW, Action.REWRITE)


class Looked(NamedTuple):
    name: str
    verdict: Verdict


def look(made: Policy, now: float) -> list[Looked]:
    return [Looked(name, decide(made, name, qtype, now)) for name in TREE for qtype in TYPES]


@settings(max_examples=300)
@given(policies(), moments, st.integers(0, 60))
def test_no_open_name_has_one_above_it_that_does_not_exist(
    made: Policy, now: float, later: int
) -> None:
    """Not even later, for as long as a resolver on the way may keep the denial."""
    after = look(made, now + later)
    for above in look(made, now):
        until = above.verdict.until
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


@settings(max_examples=200)
@given(policies(), names, st.sampled_from(TYPES), moments, st.floats(0, 70))
def test_no_verdict_changes_before_the_moment_that_it_announces(
    made: Policy, qname: str, qtype: int, now: float, later: float
) -> None:
    verdict = decide(made, qname, qtype, now)
    assert verdict.until is None or verdict.until > now
    if verdict.until is None or now + later < verdict.until:
        assert decide(made, qname, qtype, now + later) == verdict


@settings(max_examples=200)
@given(policies(), names, moments)
def test_the_moment_that_is_announced_is_one_at_which_something_begins_or_ends(
    made: Policy, qname: str, now: float
) -> None:
    until = decide(made, qname, A, now).until
    parts = (*made.timing.closures, *made.timing.grants)
    assert until is None or until in {edge for part in parts for edge in (part.start, part.end)}


# --- explaining ----------------------------------------------------------------------------------


@settings(max_examples=200)
@given(policies(), moments)
def test_what_is_explained_is_what_was_decided(made: Policy, now: float) -> None:
    for qname, qtype in product(TREE, TYPES):
        steps = explain(made, qname, qtype, now)
        assert [each.number for each in steps] == list(range(1, 16))
        (deciding,) = [each for each in steps if each.decides]
        assert deciding.verdict == replace(decide(made, qname, qtype, now), until=None)
        before = steps[: deciding.number - 1]
        assert [each.verdict for each in before] == [None] * len(before)


# --- protected names -----------------------------------------------------------------------------


@settings(max_examples=300)
@given(policies(legal=False), moments)
def test_help_resolves_in_every_household_at_every_hour(made: Policy, now: float) -> None:
    infos = made.index.infos
    for qname in TREE:
        entries = made.index.find(qname)
        if any(infos[entry.list].slug == "child_helpline" for entry in entries):
            verdict = decide(made, qname, A, now)
            assert (verdict.action, verdict.reason) == (Action.ALLOW, Reason.PROTECTED)


@settings(max_examples=300)
@given(policies(timed=False, legal=False))
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
    exact = rule.target.match is Match.EXACT
    return len(rule.target.name), exact, nearness, rule.action is RuleAction.ALLOW


@settings(max_examples=300)
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
    made = Layered(DictIndex(below), DictIndex(above))
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
    found = Lists(wanted).find(made.find(qname))
    every = [each for each in covering(numbered, qname) if each.list in chosen]
    excepted = {each.list for each in every if each.allow}
    blocking = [each for each in every if not each.allow and each.list not in excepted]
    assert (found is None) is (not blocking)
    if found is not None:
        entry, of = found
        assert entry in blocking
        assert len(entry.name) == max(len(each.name) for each in blocking)
        assert of.number == entry.list
