"""What the data plane does with a household is what its own policy does."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import pytest

from copdns.household.presets import apply
from copdns.list_files.facts import SHIPPED
from copdns.list_files.list_text import read_text
from copdns.list_files.load import bundled_files, bundled_presets, load_catalogue
from copdns.lists.catalogue import Catalogue
from copdns.lists.drafts import all_drafts
from copdns.model.device_tokens import token_digest
from copdns.model.household import Band, Default, Device, Household, Profile, Rule, RuleAction
from copdns.model.matchers import Matcher, parse_matcher
from copdns.model.names import from_wire
from copdns.model.times import Budget, Grant, PauseSpan, Schedule, Slot, Topic, TopicKind
from copdns.model.verdict import Action, Reason
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.decide import decide
from copdns.policy.guest import guest_key
from copdns.provider.plane.line_shares import (
    SOON,
    group_at,
    share_from_words,
    share_of,
    share_words,
)
from copdns.provider.plane.list_slugs import ListSlugs, read_drafts
from copdns.provider.plane.name_sets import compile_names, sets_by_part
from copdns.provider.plane.snapshot import ListedNames
from copdns.provider.plane.verdicts import SAFE_SEARCH, judge_set
from tests.household import DEFAULTS, NOW, block

A = 1
NIGHT = Schedule("bedtime", "", (Slot(frozenset({"daily"}), 21 * 60, 600),))  # 21:00 to 07:00, UTC
NINE = NOW + 5 * 3600  # 21:00


@pytest.fixture(scope="module")
def lists() -> tuple[ListedNames, ListSlugs, Catalogue]:
    found, catalogue = bundled_files(), load_catalogue(())
    drafts = all_drafts(found, SHIPPED.read, (), read_text)
    return (*read_drafts(drafts, found, catalogue.services), catalogue)


CHILD = Profile("mia", "Mia", Band.TO_9)


def home(profile: Profile = CHILD, **fields: Any) -> Household:
    return replace(Household("ada", "Home", profiles=(profile,), guest="mia"), **fields)


def of_band(band: Band) -> Profile:
    return apply(bundled_presets()[band], Profile("mia", "Mia", band))


@pytest.mark.parametrize("band", list(Band))
@pytest.mark.parametrize("at", [NOW, NINE])
def test_every_listed_name_is_decided_as_by_the_households_own_policy(
    lists: tuple[ListedNames, ListSlugs, Catalogue], band: Band, at: float
) -> None:
    """Of the bundled lists, where a class decides at all."""
    listed, slugs, catalogue = lists
    household = home(of_band(band), schedules=(NIGHT,))
    share = share_of(household, at)
    if share.asks_copdns:
        assert household.profiles[0].default is Default.ALLOWLIST
        return
    layers = {each.slug: each.layer for each in listed.lists}
    group = group_at(share.shape, slugs, at).policy
    made = build_snapshot(None, catalogue, DEFAULTS, [household], at)
    policy = made.policies["ada", guest_key(household)][1]
    wrong = []
    for wire, value in compile_names(listed).items():
        name = from_wire(wire)
        if name.count(".") < 1:
            continue
        verdict = decide(policy, name, A, at)
        mine = judge_set(group, sets_by_part(value)[0], layers)
        if verdict.reason is Reason.LOCAL:  # names of this machine, which unbound answers there
            continue
        theirs = verdict.action is not Action.ALLOW
        if theirs is not (mine is not None):
            wrong.append((name, sets_by_part(value)[0], mine, verdict.reason))
        elif mine is not None and verdict.reason is Reason.SAFE_SEARCH:
            assert mine.done == SAFE_SEARCH
    assert wrong == []


def test_who_it_is_and_what_it_is_called_makes_no_group() -> None:
    one = home(of_band(Band.TO_9), schedules=(NIGHT,))
    tom = replace(one.profiles[0], id="tom", name="Tom", tags=frozenset({"boys"}))
    other = Household("bo", "Bo's", profiles=(tom,), guest="tom")
    other = replace(other, schedules=(replace(NIGHT, id="night", scope="#boys", note="Sleep"),))
    assert share_of(one, NOW).shape == share_of(other, NOW).shape
    assert share_of(replace(one, schedules=()), NOW).shape != share_of(other, NOW).shape


def test_what_a_class_cannot_say_is_decided_by_copdns_and_for_no_longer_than_it_lasts() -> None:
    chess = parse_matcher("chess.example")
    opened = Grant(chess, NOW - 10, NOW + 600, NOW - 10, profile="mia", id="g")
    plain = share_of(home(), NOW)
    assert (plain.names, plain.asks_copdns, plain.until) == (frozenset(), False, inf)
    named = share_of(home(rules=(block("films.example"), block("x.example", "tom"))), NOW)
    assert named.names == frozenset({"films.example"})
    assert not named.asks_copdns
    granted = share_of(home(grants=(opened,)), NOW)
    assert (granted.names, granted.until) == (frozenset({"chess.example"}), NOW + 600)
    assert share_of(home(grants=(opened,)), NOW + 600) == plain
    for other in (
        home(grants=(replace(opened, about=Topic(TopicKind.CATEGORY, "games")),)),
        home(grants=(replace(opened, time=True),)),
        home(rules=(Rule("r", RuleAction.BLOCK, "198.51.100.0/24"),)),
        home(pauses=(PauseSpan("mia", int(NOW), homework=True),)),
        home(Profile("mia", "Mia", Band.TO_6, default=Default.ALLOWLIST)),
    ):
        assert share_of(other, NOW).asks_copdns
    tube = Budget("tube", "mia", (("daily", 30),), (parse_matcher("tube.example"),))
    limited = share_of(home(budgets=(tube,)), NOW)
    assert (limited.names, limited.asks_copdns) == (frozenset({"tube.example"}), False)
    games = (Topic(TopicKind.CATEGORY, "games"),)
    for about in ((), games, (*tube.about, *games)):
        assert share_of(home(budgets=(replace(tube, about=about),)), NOW).asks_copdns
    free = replace(tube, minutes=(("daily", 1440),), about=())  # it closes nothing and counts none
    toms = replace(tube, scope="tom", about=())
    assert not share_of(home(budgets=(free, toms)), NOW).asks_copdns
    always = Profile("mia", "Mia", Band.TO_9, always=(Matcher("music.example"),))
    assert share_of(home(always), NOW).names == frozenset({"music.example"})


def test_what_a_node_writes_down_of_a_household_is_what_it_took() -> None:
    devices = (
        Device("tablet", "Tablet", "mia", (), tokens=(token_digest("a"), token_digest("b"))),
        Device("phone", "Phone", "tom", (), ("02:00:00:00:00:02",)),
    )
    found = home(rules=(block("films.example"),), devices=devices)
    for share in (share_of(found, NOW), share_of(home(), NOW)):
        like = share._replace(names=frozenset(), tokens=frozenset(), has_macs=False)
        words = share_words(share)
        assert share_from_words(like, words, asks_copdns=False, until=share.until) == share
    assert len(share_of(found, NOW).tokens) == 2
    assert share_of(found, NOW).has_macs


def test_a_group_closes_at_its_second_and_is_short_lived_before(
    lists: tuple[ListedNames, ListSlugs, Catalogue],
) -> None:
    _, slugs, _ = lists
    shape = share_of(home(schedules=(NIGHT,)), NOW).shape
    now = group_at(shape, slugs, NOW)
    assert (now.policy.closed, now.is_closing_soon, now.until) == (None, False, NINE - SOON)
    soon = group_at(shape, slugs, NINE - SOON)
    assert (soon.policy.closed, soon.is_closing_soon, soon.until) == (None, True, NINE)
    night = group_at(shape, slugs, NINE)
    assert night.policy.closed is Reason.SCHEDULE
    paused = share_of(home(pauses=(PauseSpan("mia", int(NOW)),)), NOW).shape
    assert group_at(paused, slugs, NOW).policy.closed is Reason.PAUSED
