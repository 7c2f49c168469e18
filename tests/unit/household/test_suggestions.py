"""Suggestions for an age take the place of earlier ones, and of nothing that a person wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.household.edits import set_profile, suggest_times
from copdns.household.presets import Times, apply
from copdns.household.suggestions import plan_settings, plan_times
from copdns.list_files.load import bundled_presets
from copdns.model.household import Band, Default, Household, PrivacyMode, Profile
from copdns.model.times import Budget, Schedule, Topic, TopicKind
from copdns.time.schedule import parse_slots
from tests.unit.households import shipped, shipped_known

GAMES = Topic(TopicKind.CATEGORY, "games")
PRESETS = bundled_presets()


def house(*times: Schedule | Budget, band: Band = Band.TO_9) -> Household:
    mia = apply(shipped(band), Profile("mia", "Mia", band, tags=frozenset({"children"})))
    return Household(
        "home",
        "Home",
        profiles=(mia,),
        schedules=tuple(each for each in times if isinstance(each, Schedule)),
        budgets=tuple(each for each in times if isinstance(each, Budget)),
    )


def of(band: Band) -> Times:
    return shipped(band).times("mia")


def taken(before: Household, band: Band) -> Household:
    return suggest_times(before, "mia", shipped_known(), shipped(band))


def test_a_limit_of_ones_own_stays_whatever_its_id_is() -> None:
    mine = Budget("mia-games", "mia", (("daily", 90),), (GAMES,))
    other = Budget("mia-all", "mia", (("daily", 120),))
    night = Schedule("mia-bedtime", "mia", parse_slots("daily 21:00-07:00"), note="Sleep well.")
    before = house(mine, other, night)
    for band in (Band.TO_9, Band.TO_12, Band.TO_15):
        after = taken(before, band)
        assert after.budgets == (mine, other), "and no smaller one beside it"
        assert after.schedules == (night,)


def test_what_is_kept_and_what_gives_way_is_told() -> None:
    mine = Budget("play", "mia", (("daily", 90),), (GAMES,))
    everyones = Schedule("supper", "", parse_slots("daily 18:00-18:30"))
    toms = Schedule("late", "tom", parse_slots("daily 23:00-05:00"))
    plan = plan_times(house(mine, everyones, toms), "mia", shipped(Band.TO_9), PRESETS)
    assert plan.added == of(Band.TO_9).schedules
    assert plan.unused == of(Band.TO_9).budgets
    assert plan.kept == (everyones, mine)
    assert (plan.changed, plan.removed) == ((), ())


def test_an_earlier_suggestion_that_nobody_touched_is_changed_or_removed() -> None:
    before = taken(house(), Band.TO_9)
    younger, older = of(Band.TO_9), of(Band.TO_12)
    plan = plan_times(before, "mia", shipped(Band.TO_12), PRESETS)
    assert plan.changed == (
        (younger.schedules[0], older.schedules[0]),
        (younger.budgets[0], older.budgets[0]),
    )
    assert (plan.added, plan.removed, plan.kept) == ((), (), ())
    plan = plan_times(before, "mia", shipped(Band.TO_15), PRESETS)
    assert plan.removed == younger.budgets
    after = taken(before, Band.TO_15)
    assert (after.schedules, after.budgets) == of(Band.TO_15)


def test_a_suggestion_that_somebody_changed_is_theirs() -> None:
    before = taken(house(), Band.TO_9)
    changed = replace(before.budgets[0], minutes=(("daily", 90),))
    after = taken(replace(before, budgets=(changed,)), Band.TO_15)
    assert after.budgets == (changed,)


def test_the_same_suggestions_change_nothing() -> None:
    before = taken(house(), Band.TO_9)
    assert plan_times(before, "mia", shipped(Band.TO_9), PRESETS).changes_nothing
    assert taken(before, Band.TO_9) == before


@pytest.mark.parametrize("band", [each for each in Band if any(of(each))])
def test_what_a_plan_tells_is_what_is_done(band: Band) -> None:
    before = taken(house(Budget("play", "mia", (("daily", 90),))), Band.TO_9)
    plan = plan_times(before, "mia", shipped(band), PRESETS)
    after = taken(before, band)
    there, now = ({*each.schedules, *each.budgets} for each in (before, after))
    assert now - there == {*plan.added, *(new for _, new in plan.changed)}
    assert there - now == {*plan.removed, *(old for old, _ in plan.changed)}


# --- settings -------------------------------------------------------------------------------------


def settings_taken(profile: Profile, band: Band) -> Profile:
    before = replace(house(), profiles=(profile,))
    after = set_profile(before, "mia", shipped_known(), shipped(band)).profile("mia")
    assert after is not None
    return after


def test_an_untouched_profile_becomes_what_the_age_has() -> None:
    for before in Band:
        for after in Band:
            (mia,) = house(band=before).profiles
            plan = plan_settings(mia, shipped(after), PRESETS)
            assert (plan.profile, plan.kept) == (apply(shipped(after), mia), ())


def test_what_a_person_blocked_besides_stays() -> None:
    (mia,) = house(band=Band.TO_12).profiles
    more = min({"social", "ads", "games"} - mia.categories)
    own = replace(
        mia,
        categories=mia.categories | {more},
        services=frozenset({"roblox"}),
        default=Default.ALLOWLIST,
        privacy=PrivacyMode.OFF,
    )
    after = settings_taken(own, Band.TO_17)
    usual = apply(shipped(Band.TO_17), mia)
    assert after.categories == usual.categories | {more}
    assert after.services == {"roblox"}
    assert after.default is Default.ALLOWLIST
    assert after.privacy is PrivacyMode.OFF
    kept = plan_settings(own, shipped(Band.TO_17), PRESETS).kept
    assert {(each.setting, each.value) for each in kept} >= {
        ("categories", more),
        ("default", ""),
        ("privacy", ""),
    }


def test_who_asks_for_what_is_usual_gets_what_is_missing() -> None:
    bare = Profile("mia", "Mia", Band.TO_9)
    assert settings_taken(bare, Band.TO_9).categories == apply(shipped(Band.TO_9), bare).categories
