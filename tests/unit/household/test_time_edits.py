"""Changes to what a household says about time: what they do, and what each refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given

from copdns.household import edits as household_edit
from copdns.household import rule_edits
from copdns.household import time_edits as edit
from copdns.household.check import violations
from copdns.household.presets import preset
from copdns.model.errors import HouseholdError
from copdns.model.household import Band, Household, Profile
from copdns.model.matchers import Matcher
from copdns.model.times import (
    Bonus,
    Budget,
    DayType,
    Extra,
    FailureChoices,
    Grant,
    MovedBedtime,
    OnFailure,
    Origin,
    PauseSpan,
    Schedule,
    SchoolCalendar,
    Slot,
    Topic,
    TopicKind,
)
from tests.unit.households import FAMILY, KNOWN, households, running

NOW = 1_800_000_000
TODAY = date(2027, 1, 15)
GAMES = Topic(TopicKind.CATEGORY, "games")
NIGHT = (Slot(frozenset({"school_night"}), 1260, 600),)
BEDTIME = Schedule("bedtime", "mia", NIGHT)
PLAY = Budget("play", "#children", (("daily", 60),), (GAMES,))
TIMED = replace(FAMILY, schedules=(BEDTIME,), budgets=(PLAY,))

Change = Callable[[Household], Household]


def granted(household: Household, start: float = NOW, end: float = NOW + 600) -> Household:
    return edit.give_grant(
        household, Grant(GAMES, start=start, end=end, given=start, profile="mia"), KNOWN
    )


def with_ticket(household: Household = FAMILY, profile_id: str = "") -> Household:
    return edit.add_ticket(
        household,
        "digest",
        KNOWN,
        minutes=30,
        made=NOW,
        expires=NOW + 1000,
        profile_id=profile_id,
        about=GAMES,
        label="Dishes",
        author="ada",
    )


ALL_DAY = replace(PLAY, minutes=(("school", 1440), ("daily", 1440)))
HELP = replace(PLAY, about=(Matcher("help.example"),))


@pytest.mark.parametrize(
    ("limit", "told", "field"),
    [
        (ALL_DAY, "a whole day, so this limit could never turn anything off", "minutes"),
        (HELP, "help.example is protected and works at every hour", "about"),
        (replace(PLAY, scope="mia"), "category:games is always allowed", "about"),
    ],
)
def test_a_limit_that_can_turn_nothing_off_is_refused_where_it_is_written(
    limit: Budget, told: str, field: str
) -> None:
    known = replace(KNOWN, beats_time=lambda name: name == "help.example")
    mia, *others = FAMILY.profiles
    home = replace(FAMILY, profiles=(replace(mia, always=(GAMES,)), *others))
    with pytest.raises(HouseholdError, match=told) as refused:
        edit.add_period(home, limit, known)
    assert refused.value.name == field
    held = replace(home, budgets=(replace(PLAY, scope="tom"),))
    values = {"minutes": limit.minutes, "about": limit.about, "scope": limit.scope}
    with pytest.raises(HouseholdError, match=told):
        edit.set_period(held, Budget, "play", known, **values)


def test_a_household_that_holds_one_already_is_sound_and_can_be_changed() -> None:
    held = replace(FAMILY, budgets=(ALL_DAY,))
    assert not list(violations(held))
    added = edit.add_period(held, replace(PLAY, id="other"), KNOWN)
    assert edit.remove_period(added, Budget, "play").budgets == (replace(PLAY, id="other"),)


def test_schedules_and_budgets_are_added_changed_and_removed() -> None:
    added = edit.add_period(edit.add_period(FAMILY, BEDTIME, KNOWN), PLAY, KNOWN)
    assert added == TIMED
    later = edit.set_period(added, Schedule, "bedtime", KNOWN, note="Sleep well", scope="#children")
    assert later.schedules == (replace(BEDTIME, note="Sleep well", scope="#children"),)
    more = edit.set_period(added, Budget, "play", KNOWN, minutes=(("daily", 90),))
    assert more.budgets == (replace(PLAY, minutes=(("daily", 90),)),)
    assert (
        edit.remove_period(edit.remove_period(added, Schedule, "bedtime"), Budget, "play") == FAMILY
    )


def test_what_takes_the_place_of_another_keeps_its_place() -> None:
    two = edit.add_period(TIMED, replace(BEDTIME, id="other"), KNOWN)
    changed = edit.set_period(two, Schedule, "bedtime", KNOWN, grace=5)
    assert [each.id for each in changed.schedules] == ["bedtime", "other"]


def test_days_are_set_and_taken_back() -> None:
    christmas, friday = date(2026, 12, 24), date(2026, 12, 18)
    days = {christmas: DayType.HOLIDAY, friday: DayType.WEEKEND}
    changed = edit.set_days(FAMILY, days)
    assert changed.calendar.days == ((friday, DayType.WEEKEND), (christmas, DayType.HOLIDAY))
    assert edit.set_days(changed, {christmas: None, friday: None}) == FAMILY


def test_a_household_sets_its_week_its_day_and_what_holds_in_trouble() -> None:
    calendar, failures = (
        SchoolCalendar(frozenset({4, 5})),
        FailureChoices(clock=OnFailure.ESSENTIAL),
    )
    changed = household_edit.set_household(
        FAMILY, calendar=calendar, day_starts=240, failures=failures
    )
    assert (changed.calendar, changed.day_starts) == (calendar, 240)
    assert changed.failures == failures


def test_a_pause_gives_way_to_the_next_and_ends() -> None:
    paused = edit.pause(FAMILY, "mia", NOW, NOW + 600, author="ada")
    longer = edit.pause(paused, "mia", NOW + 60, homework=True)
    assert paused.pauses == (PauseSpan("mia", NOW, NOW + 600, author="ada"),)
    assert longer.pauses == (PauseSpan("mia", NOW + 60, None, homework=True),)
    assert edit.unpause(longer, "mia", NOW + 61) == FAMILY


def test_minutes_are_added_to_a_budget_for_a_day() -> None:
    changed = edit.add_bonus(TIMED, "tom", "play", TODAY, 30, author="ada", at=NOW)
    changed = edit.add_bonus(changed, "mia", "play", TODAY, 5, kind=Extra.CREDIT)
    assert changed.bonuses == (
        Bonus("b1", "tom", "play", TODAY, 30, Extra.BONUS, "ada", NOW),
        Bonus("b2", "mia", "play", TODAY, 5, Extra.CREDIT),
    )
    assert edit.remove_period(changed, Budget, "play").bonuses == ()


def test_a_grant_has_a_fresh_id_and_can_be_ended_before_its_time() -> None:
    twice = granted(granted(FAMILY))
    assert [each.id for each in twice.grants] == ["g1", "g2"]
    assert twice.grants[0] == Grant(GAMES, NOW, NOW + 600, NOW, id="g1", profile="mia")
    ended = edit.end_grant(twice, "g1", NOW + 60)
    assert [each.end for each in ended.grants] == [NOW + 60, NOW + 600]


def test_a_grant_that_has_not_begun_is_taken_back() -> None:
    assert edit.end_grant(granted(FAMILY, start=NOW + 60), "g1", NOW) == FAMILY


def test_a_ticket_becomes_time_that_starts_when_it_is_redeemed() -> None:
    redeemed = edit.redeem(with_ticket(), "digest", "mia", NOW + 100)
    (grant,) = redeemed.grants
    assert grant == Grant(
        GAMES,
        NOW + 100,
        NOW + 100 + 30 * 60,
        given=NOW,
        content=False,
        time=True,
        id="g1",
        profile="mia",
        origin=Origin.TICKET,
        author="ada",
        note="Dishes",
    )
    (ticket,) = redeemed.tickets
    assert (ticket.redeemed, ticket.redeemed_by) == (NOW + 100, "mia")


@pytest.mark.parametrize(
    ("household", "digest", "profile_id", "now", "told"),
    [
        (with_ticket(), "other", "mia", NOW, "we do not know this code"),
        (with_ticket(profile_id="tom"), "digest", "mia", NOW, "for someone else"),
        (with_ticket(), "digest", "mia", NOW + 1000, "ask for a new one"),
        (
            edit.redeem(with_ticket(), "digest", "mia", NOW),
            *("digest", "mia", NOW + 1, "used before"),
        ),
        (
            edit.redeem(with_ticket(), "digest", "mia", NOW),
            *("digest", "tom", NOW + 1, "used before"),
        ),
        (with_ticket(), "digest", "bo", NOW, "no profile 'bo'"),
    ],
)
def test_a_code_works_once_in_time_and_for_whom_it_was_made(
    household: Household, digest: str, profile_id: str, now: int, told: str
) -> None:
    with pytest.raises(HouseholdError, match=told):
        edit.redeem(household, digest, profile_id, now)


def test_a_ticket_is_good_until_its_last_second_and_can_be_taken_back() -> None:
    assert edit.redeem(with_ticket(profile_id="mia"), "digest", "mia", NOW + 999).grants
    assert edit.remove_ticket(with_ticket(), "t1") == FAMILY


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda home: edit.add_period(home, BEDTIME, KNOWN), "schedule 'bedtime' already exists"),
        (
            lambda home: edit.add_period(home, replace(BEDTIME, id="b", scope="bo"), KNOWN),
            "there is no profile 'bo'",
        ),
        (lambda home: edit.set_period(home, Schedule, "bedtme", KNOWN), "did you mean bedtime"),
        (
            lambda home: edit.set_period(home, Schedule, "bedtime", KNOWN, id="x"),
            "field of a schedule",
        ),
        (lambda home: edit.set_period(home, Schedule, "bedtime", KNOWN, slots=()), "has no times"),
        (
            lambda home: edit.set_period(home, Schedule, "bedtime", KNOWN, grace=61),
            "out of range; write 0 to 60",
        ),
        (
            lambda home: edit.set_period(
                home, Schedule, "bedtime", KNOWN, slots=(Slot(frozenset({"daily"}), 0, 1441),)
            ),
            "1441 minutes long; it must last from 1 minute to 24 hours",
        ),
        (
            lambda home: edit.set_period(
                home, Schedule, "bedtime", KNOWN, about=(Topic(TopicKind.SERVICE, "vidoes"),)
            ),
            "schedules.bedtime.about: there is no service 'vidoes'; did you mean videos?",
        ),
        (
            lambda home: edit.set_period(home, Schedule, "bedtime", KNOWN, about=(GAMES, GAMES)),
            "category:games is there twice",
        ),
        (lambda home: edit.remove_period(home, Schedule, "x"), "there is no schedule 'x'"),
        (lambda home: edit.add_period(home, PLAY, KNOWN), "daily limit 'play' already exists"),
        (
            lambda home: edit.set_period(home, Budget, "play", KNOWN, minutes=(("daily", 1441),)),
            "1441 minutes is out of range; write 0 to 1440",
        ),
        (
            lambda home: edit.set_period(home, Budget, "play", KNOWN, minutes=(("scool", 1),)),
            "did you mean school",
        ),
        (lambda home: edit.set_period(home, Budget, "play", KNOWN, minutes=()), "has no minutes"),
        (lambda home: edit.set_period(home, Budget, "paly", KNOWN), "did you mean play"),
        (lambda home: edit.remove_period(home, Budget, "x"), "there is no budget 'x'"),
        (lambda home: edit.pause(home, "bo", NOW), "there is no profile 'bo'"),
        (
            lambda home: edit.pause(home, "mia", NOW, NOW),
            "is not after its start; choose a later end",
        ),
        (lambda home: edit.unpause(home, "mia", NOW), "mia is not paused; there is nothing to end"),
        (
            lambda home: edit.unpause(edit.pause(home, "mia", NOW, NOW + 1), "mia", NOW + 1),
            "mia is not paused; there is nothing to end",
        ),
        (
            lambda home: edit.add_bonus(home, "ada", "play", TODAY, 5),
            "there is no budget of ada 'play'",
        ),
        (
            lambda home: edit.add_bonus(home, "mia", "play", TODAY, 0),
            "0 minutes is out of range; write 1 to 1440",
        ),
        (
            lambda home: granted(home, end=NOW),
            "grants.g1.end: is not after its start; choose a later end",
        ),
        (
            lambda home: edit.give_grant(
                home, Grant(None, start=0, end=1, given=0, content=False, profile="mia"), KNOWN
            ),
            "allows nothing",
        ),
        (
            lambda home: edit.give_grant(
                home,
                Grant(Topic(TopicKind.LIST, "sum-list"), start=0, end=1, given=0, profile="mia"),
                KNOWN,
            ),
            "there is no list 'sum-list'; did you mean some-list?",
        ),
        (lambda home: edit.end_grant(home, "g1", NOW), "there is no grant 'g1'"),
        (lambda home: edit.end_grant(granted(home), "g1", NOW + 600), "has already ended"),
        (lambda home: with_ticket(home, "bo"), "there is no profile 'bo'"),
        (lambda home: with_ticket(with_ticket(home)), "tickets.t2: has the same code as t1"),
        (
            lambda home: edit.add_ticket(home, "d", KNOWN, minutes=0, made=0, expires=1),
            "0 minutes is out of range",
        ),
        (
            lambda home: edit.add_ticket(home, "d", KNOWN, minutes=1, made=1, expires=1),
            "is not after it was created; choose a later date",
        ),
        (
            lambda home: household_edit.set_household(home, day_starts=720),
            "must start in the morning",
        ),
        (
            lambda home: household_edit.set_household(
                home, calendar=SchoolCalendar(days=((TODAY, DayType.SCHOOL),) * 2)
            ),
            "one is there twice",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_helpful_word(change: Change, told: str) -> None:
    with pytest.raises(HouseholdError, match=told):
        change(TIMED)


def everything(household: Household) -> Household:
    """Return a household in which each child has something of everything."""
    for child in ("mia", "tom"):
        household = edit.pause(household, child, NOW)
        household = edit.add_bonus(household, child, "play", TODAY, 5)
        household = edit.give_grant(
            household, Grant(None, start=0, end=1, given=0, profile=child), KNOWN
        )
        household = edit.add_ticket(
            household, f"of {child}", KNOWN, minutes=1, made=0, expires=9, profile_id=child
        )
    return with_ticket(household)


def owners(household: Household) -> set[str]:
    return {
        each.profile
        for part in (household.pauses, household.grants, household.bonuses, household.tickets)
        for each in part
    }


def test_a_removed_profile_takes_along_what_ran_for_it() -> None:
    before = household_edit.remove_device(everything(TIMED), "tablet")
    after = household_edit.remove_profile(before, "mia")
    assert owners(after) == {"tom", ""}
    assert (after.schedules, after.budgets) == ((), (PLAY,))
    assert list(violations(after)) == []


def test_a_service_stays_while_a_time_is_about_it() -> None:
    club = Topic(TopicKind.SERVICE, "club")
    own = rule_edits.add_service(FAMILY, "club", "Club", ["club.example"], KNOWN)
    timed = edit.add_period(own, replace(BEDTIME, about=(club,)), KNOWN)
    with pytest.raises(HouseholdError, match="bedtime would still use club"):
        rule_edits.remove_service(timed, "club")
    open_to_mia = household_edit.set_profile(own, "mia", KNOWN, always=(club,))
    with pytest.raises(HouseholdError, match="mia would still use club"):
        rule_edits.remove_service(open_to_mia, "club")


def test_what_is_always_open_is_set_like_all_of_a_profile() -> None:
    about = (Matcher("school.example"), Topic(TopicKind.SERVICE, "videos"))
    changed = household_edit.set_profile(FAMILY, "mia", KNOWN, always=about, homework=about)
    mia = changed.profile("mia")
    assert mia is not None
    assert (mia.always, mia.homework) == (about, about)
    unknown = (Topic(TopicKind.CATEGORY, "gmaes"),)
    with pytest.raises(HouseholdError, match=r"profiles\.mia\.homework: .* did you mean games"):
        household_edit.set_profile(FAMILY, "mia", KNOWN, homework=unknown)


# An import


def test_an_import_keeps_what_runs_for_those_who_stay() -> None:
    before = everything(TIMED)
    file = replace(
        TIMED,
        profiles=tuple(each for each in TIMED.profiles if each.id != "tom"),
        name="From a file",
    )
    after = household_edit.replace_household(before, file)
    assert (after.name, owners(after)) == ("From a file", {"mia", ""})
    assert after.pauses == before.pauses[:1]
    assert household_edit.replace_household(before, replace(file, budgets=())).bonuses == ()


@given(households().flatmap(running), households())
def test_nothing_is_left_over_after_an_import(before: Household, found: Household) -> None:
    after = household_edit.replace_household(before, replace(found, id=before.id))
    assert list(violations(after)) == []
    kept = ("pauses", "grants", "bonuses", "tickets", "moved_bedtimes", "filter_breaks")
    empty = dict.fromkeys(kept, ())
    assert replace(after, **empty) == replace(found, id=before.id)  # type: ignore[arg-type]


# Times of presets


PRESET = preset(
    "band: 7-9\nsummary: for a test\nlines:\n"
    "- {set: {schedules: {bedtime: 'school_night 20:00-06:30'}}, why: Sleep well.}\n"
    "- {set: {budgets: {games: {about: ['category:games'], minutes: {school: 30}}}}, why: Play.}\n",
    "preset.yaml",
)
OLDER = preset(
    "band: 10-12\nsummary: for a test\nlines:\n"
    "- {set: {schedules: {bedtime: 'school_night 21:00-06:30'}}, why: Sleep.}\n",
    "preset.yaml",
)
WITH_PRESETS = replace(KNOWN, presets={Band.TO_9: PRESET, Band.TO_12: OLDER})
EVE = Profile("eve", "Eve", Band.TO_9)


def test_nobody_gets_times_from_a_preset_unasked() -> None:
    added = household_edit.add_profile(FAMILY, EVE, WITH_PRESETS, PRESET)
    assert (added.schedules, added.budgets) == ((), ())


def test_times_of_a_preset_come_with_their_reasons() -> None:
    added = household_edit.add_profile(FAMILY, EVE, WITH_PRESETS, PRESET, times=True)
    school_night = frozenset({"school_night"})
    assert added.schedules == (
        Schedule("eve-bedtime", "eve", (Slot(school_night, 1200, 630),), note="Sleep well."),
    )
    assert added.budgets == (Budget("eve-games", "eve", (("school", 30),), (GAMES,), note="Play."),)


def test_times_of_an_older_childs_preset_take_the_place_of_the_younger_ones() -> None:
    added = household_edit.add_profile(TIMED, EVE, WITH_PRESETS, PRESET, times=True)
    older = household_edit.set_profile(added, "eve", WITH_PRESETS, OLDER, times=True)
    assert [(each.id, each.note) for each in older.schedules] == [
        ("bedtime", ""),
        ("eve-bedtime", "Sleep."),
    ]
    assert older.budgets == (PLAY,)
    kept = household_edit.set_profile(added, "eve", WITH_PRESETS, OLDER)
    assert (kept.schedules, kept.budgets) == (added.schedules, added.budgets)


# Several people at once


def test_everybody_is_paused_at_once_and_goes_on_at_once() -> None:
    after = edit.pause_all(FAMILY, ("mia", "tom"), NOW, NOW + 1800, author="Ada")
    assert after.pauses == (
        PauseSpan("mia", NOW, NOW + 1800, author="Ada"),
        PauseSpan("tom", NOW, NOW + 1800, author="Ada"),
    )
    assert edit.pause_all(after, ("mia", "tom"), NOW + 59, NOW + 1859) == after, "a second tap"
    assert edit.pause_all(after, ("mia", "tom"), NOW + 60, NOW + 1860) != after
    assert edit.unpause_all(after, ("mia", "tom")) == FAMILY
    assert edit.unpause_all(after, ("tom",)).pauses == after.pauses[:1]
    assert edit.unpause_all(FAMILY, ("mia", "tom")) == FAMILY


@pytest.mark.parametrize(
    ("there", "stays"),
    [
        (PauseSpan("mia", NOW - 60), True),
        (PauseSpan("mia", NOW - 60, NOW + 3600), True),
        (PauseSpan("mia", NOW - 60, NOW + 600), False),
        (PauseSpan("mia", NOW - 60, NOW + 3600, homework=True), False),
        (PauseSpan("mia", NOW + 60, NOW + 3600), False),  # it has not begun
    ],
)
def test_a_pause_of_everybody_shortens_none(there: PauseSpan, stays: bool) -> None:
    before = replace(FAMILY, pauses=(there,))
    (after,) = edit.pause_all(before, ("mia",), NOW, NOW + 1800).pauses
    assert (after == there) is stays
    assert after.end is None or after.end >= NOW + 1800


def test_a_moved_bedtime_goes_with_its_person_and_stays_at_an_import() -> None:
    moved = MovedBedtime("mia", NOW, NOW + 60, NOW + 600, "Ada")
    before = replace(FAMILY, moved_bedtimes=(moved,), devices=())
    assert household_edit.replace_household(before, FAMILY).moved_bedtimes == (moved,)
    assert household_edit.remove_profile(before, "mia").moved_bedtimes == ()
    wrong = replace(before, moved_bedtimes=(replace(moved, moved=NOW + 600),))
    assert [each.field for each in violations(wrong)] == ["end"]
