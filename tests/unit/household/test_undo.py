"""Undoing a change puts back what it changed, and nothing that others changed since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial

import pytest
from hypothesis import given, settings

from copdns.household.edits import remove_device, remove_profile, set_household, set_profile
from copdns.household.rule_edits import add_rule, note_rule, remove_rule
from copdns.household.time_edits import (
    add_bonus,
    end_grant,
    give_grant,
    pause,
    remove_period,
    set_days,
    unpause,
)
from copdns.household.undo import can_undo, undo
from copdns.model.errors import HouseholdError
from copdns.model.household import FullLogSpan, Household, RuleAction
from copdns.model.times import Budget, DayType, Grant, Schedule, Topic, TopicKind
from copdns.time.schedule import parse_slots
from tests.household import block, family
from tests.unit.households import KNOWN, households
from tests.whole import examples

GAMES = Topic(TopicKind.CATEGORY, "games")
NIGHT = Schedule("night", "mia", parse_slots("daily 21:00-07:00"))
PLAY = Budget("play", "mia", (("daily", 90),), (GAMES,))
RULES = tuple(replace(block(f"{name}.example", "mia"), id=name) for name in ("a", "b", "c"))
NOW = 1_000_000
XMAS = date(2026, 12, 24)

Edit = Callable[[Household], Household]


def house() -> Household:
    plain = family(rules=RULES, schedules=(NIGHT,), budgets=(PLAY,), protected=("school.example",))
    paused = pause(plain, "mia", NOW)
    given = give_grant(
        paused, Grant(None, start=NOW, end=NOW + 9, given=NOW, time=True, profile="mia"), KNOWN
    )
    return add_bonus(given, "mia", "play", XMAS, 15)


def set_mia(**values: object) -> Edit:
    return partial(set_profile, profile_id="mia", known=KNOWN, **values)


EDITS: dict[str, Edit] = {
    "rule removed": partial(remove_rule, rule_id="b"),
    "rule added": partial(add_rule, action=RuleAction.BLOCK, text="d.example", known=KNOWN),
    "rule noted": partial(note_rule, rule_id="a", note="Later."),
    "device removed": partial(remove_device, device_id="mia-phone"),
    "limit removed, with its bonus": partial(remove_period, kind=Budget, key="play"),
    "schedule removed": partial(remove_period, kind=Schedule, key="night"),
    "pause ended": partial(unpause, profile_id="mia", now=NOW),
    "access ended": partial(end_grant, grant_id="g1", now=NOW + 1),
    "categories": set_mia(categories=frozenset({"games", "adult"})),
    "safe search": set_mia(safe_search=(("finder", "strict"),)),
    "always": set_mia(always=(GAMES,), tags=frozenset()),
    "days": partial(set_days, days={XMAS: DayType.HOLIDAY}),
    "household": partial(set_household, name="Ours", protected=[], country="FR"),
}


@pytest.mark.parametrize("what", EDITS)
def test_undone_at_once_all_is_as_it_was(what: str) -> None:
    before = house()
    after = EDITS[what](before)
    assert can_undo(before, after)
    assert undo(before, after, after) == before


@pytest.mark.parametrize("what", EDITS)
def test_what_others_changed_since_stays(what: str) -> None:
    for other in EDITS.keys() - {what}:
        before = house()
        after = EDITS[what](before)
        try:
            now, alone = EDITS[other](after), EDITS[other](before)
        except HouseholdError:
            continue  # the one leaves nothing for the other
        assert undo(before, after, now) == alone, other


def test_the_same_thing_changed_since_is_left_as_it_is() -> None:
    before = house()
    after = note_rule(before, "a", "Later.")
    now = note_rule(after, "a", "Never.")
    with pytest.raises(HouseholdError, match=r"since then: a\.example;"):
        undo(before, after, now)
    renamed = set_mia(name="Mia B")(before)
    with pytest.raises(HouseholdError, match="since then: Mia C;"):
        undo(before, renamed, set_mia(name="Mia C")(renamed))


def test_what_somebody_put_back_already_is_no_conflict() -> None:
    before = house()
    after = remove_rule(before, "b")
    assert undo(before, after, before) == before


def test_of_several_that_one_holds_each_is_undone_alone() -> None:
    before = house()
    after = set_mia(categories=frozenset({"games"}))(before)
    now = set_mia(categories=frozenset({"games", "adult"}), bypass=True)(after)
    undone = undo(before, after, now).profile("mia")
    assert undone is not None
    assert (undone.categories, undone.bypass) == (frozenset({"adult"}), True)


def test_what_is_put_back_needs_its_person() -> None:
    before = house()
    after = remove_period(before, Schedule, "night")
    without = remove_profile(remove_device(after, "mia-phone"), "mia")
    with pytest.raises(HouseholdError, match="something else was changed"):
        undo(before, after, without)


def test_a_full_log_that_ended_never_begins_again_by_undoing() -> None:
    full = FullLogSpan(NOW, NOW + 9)
    before = house()
    mia = replace(before.profiles[0], full_log=full)
    before = replace(before, profiles=(mia, *before.profiles[1:]))
    after = set_mia(full_log=None, categories=frozenset({"games"}))(before)
    undone = undo(before, after, after).profile("mia")
    assert undone is not None
    assert (undone.full_log, undone.categories) == (None, frozenset())


def test_adding_or_removing_a_person_cannot_be_undone() -> None:
    before = house()
    after = remove_profile(remove_device(before, "tom-phone"), "tom")
    assert not can_undo(before, after)
    assert not can_undo(after, before)
    assert not can_undo(before, before)


def test_nor_can_a_full_log_that_began() -> None:
    before = house()
    after = set_mia(full_log=FullLogSpan(NOW, NOW + 86_400))(before)
    assert not can_undo(before, after), "a button would do nothing, and the log would go on"
    assert can_undo(before, set_mia(full_log=None, name="Mia B")(after)), "the name comes back"


@settings(max_examples=examples(15))
@given(households(), households())
def test_whatever_a_change_was_undoing_it_at_once_is_exact(one: Household, two: Household) -> None:
    after = replace(two, id=one.id, profiles=one.profiles, guest=one.guest)
    undone = undo(one, after, after)
    assert set(one.rules) == set(undone.rules)
    assert undone.calendar == one.calendar
    assert undone.name == one.name


def test_a_token_that_was_revoked_never_comes_back() -> None:
    before = house()
    device = before.devices[0]

    def with_tokens(*tokens: str) -> Household:
        return replace(before, devices=(replace(device, tokens=tokens), *before.devices[1:]))

    one, two = ("a" * 64, "b" * 64)
    assert not can_undo(with_tokens(one), with_tokens()), "it was revoked"
    made = undo(with_tokens(one), with_tokens(one, two), with_tokens(one, two))
    assert made.devices[0].tokens == (one,), "undoing that one was made revokes it"
    named = replace(with_tokens(one), devices=(replace(device, name="Old", tokens=(one,)),))
    back = undo(named, with_tokens(), with_tokens())
    assert (back.devices[0].name, back.devices[0].tokens) == ("Old", ())
