"""What a guardian cannot hurry past: full logs and lower age bands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.household.safeguards import (
    DAY,
    LONGEST,
    NOTICE,
    ONCE_IN,
    adopt,
    change_band,
    default_mode,
    request_full,
    with_due_band,
)
from copdns.model.errors import PrivacyError
from copdns.model.household import AnnouncedBandChange, Band, FullLogSpan, PrivacyMode, Profile

NOW = 1_800_000_000
WEEK = FullLogSpan(NOW, NOW + 7 * DAY)

MIA = Profile("mia", "Mia", Band.TO_9)
TOM = Profile("tom", "Tom", Band.TO_15)
ADA = Profile("ada", "Ada", Band.ADULT)


@pytest.mark.parametrize(
    ("band", "mode"),
    [
        (Band.TO_6, PrivacyMode.BLOCKED),
        (Band.TO_9, PrivacyMode.BLOCKED),
        (Band.TO_12, PrivacyMode.BLOCKED),
        (Band.TO_15, PrivacyMode.COUNTS),
        (Band.TO_17, PrivacyMode.COUNTS),
        (Band.ADULT, PrivacyMode.COUNTS),
        (None, PrivacyMode.COUNTS),  # a guest
    ],
)
def test_names_are_kept_by_default_below_13_only_and_blocked_ones_only(
    band: Band | None, mode: PrivacyMode
) -> None:
    assert default_mode(band) is mode


# A full log, asked for


def test_below_13_a_full_log_starts_at_once_and_ends_by_itself() -> None:
    full = request_full(MIA, [], NOW)
    assert full == WEEK
    watched = replace(MIA, full_log=full)
    assert watched.privacy_at(NOW) is PrivacyMode.FULL
    assert watched.privacy_at(NOW + 7 * DAY) is MIA.privacy


def test_from_13_on_it_is_announced_a_day_before() -> None:
    assert request_full(TOM, [], NOW, days=2) == FullLogSpan(NOW + DAY, NOW + 3 * DAY)


@pytest.mark.parametrize("band", [Band.TO_17, Band.ADULT])
def test_from_16_on_it_needs_consent(band: Band) -> None:
    with pytest.raises(PrivacyError, match="consent"):
        request_full(replace(TOM, band=band), [], NOW)


@pytest.mark.parametrize("days", [-1, 0, 8, 365])
def test_it_lasts_one_to_seven_days(days: int) -> None:
    with pytest.raises(PrivacyError, match="7 days"):
        request_full(MIA, [], NOW, days)


@pytest.mark.parametrize(
    ("start", "possible"),
    [
        (NOW - ONCE_IN, True),
        (NOW - ONCE_IN + 1, False),
        (NOW - 2 * ONCE_IN, True),
        (NOW + DAY, False),  # announced already
    ],
)
def test_it_is_possible_once_in_thirty_days(start: int, possible: bool) -> None:
    history = [FullLogSpan(NOW - 400 * DAY, NOW - 393 * DAY), FullLogSpan(start, start + DAY)]
    if possible:
        assert request_full(MIA, history, NOW) == WEEK
    else:
        with pytest.raises(PrivacyError, match=r"the next can start at 2027-\d\d-\d\d \d\d:\d\d"):
            request_full(MIA, history, NOW)


def test_a_band_that_has_come_due_counts() -> None:
    lowered = replace(TOM, band_change=AnnouncedBandChange(Band.TO_12, NOW))
    assert request_full(lowered, [], NOW).start == NOW
    assert request_full(lowered, [], NOW - 1).start == NOW - 1 + NOTICE


# An age band, changed


@pytest.mark.parametrize("band", [Band.TO_12, Band.TO_15, Band.TO_17, Band.ADULT])
def test_a_higher_band_or_the_same_is_there_at_once(band: Band) -> None:
    pending = replace(TOM, band=Band.TO_12, band_change=AnnouncedBandChange(Band.TO_9, NOW + 1))
    assert change_band(pending, band, NOW) == replace(pending, band=band, band_change=None)


@pytest.mark.parametrize("old", [Band.TO_15, Band.TO_17, Band.ADULT])
def test_a_lower_band_is_announced_a_day_before(old: Band) -> None:
    changed = change_band(replace(TOM, band=old), Band.TO_9, NOW)
    assert changed.band_at(NOW + DAY - 1) is old
    assert changed.band_at(NOW + DAY) is Band.TO_9


def test_below_13_a_lower_band_needs_no_notice() -> None:
    assert change_band(MIA, Band.TO_6, NOW) == replace(MIA, band=Band.TO_6)


def test_an_announcement_that_is_repeated_keeps_its_moment() -> None:
    announced = change_band(TOM, Band.TO_9, NOW)
    assert change_band(announced, Band.TO_9, NOW + 100) == announced


def test_another_announcement_starts_anew() -> None:
    announced = change_band(TOM, Band.TO_12, NOW)
    other = change_band(announced, Band.TO_9, NOW + 100)
    assert other.band_change == AnnouncedBandChange(Band.TO_9, NOW + 100 + DAY)


def test_who_turns_16_is_no_longer_watched_without_consent() -> None:
    watched = replace(TOM, full_log=WEEK)
    assert change_band(watched, Band.TO_17, NOW).full_log is None
    assert change_band(watched, Band.TO_15, NOW).full_log == WEEK


def test_due_puts_an_announced_band_in_force() -> None:
    announced = change_band(TOM, Band.TO_9, NOW)
    assert with_due_band(announced, NOW + DAY - 1) == announced
    assert with_due_band(announced, NOW + DAY) == replace(TOM, band=Band.TO_9)


# A profile that comes from elsewhere


@pytest.mark.parametrize("old", [None, MIA])
def test_a_profile_that_breaks_no_rule_is_adopted_as_it_is(old: Profile | None) -> None:
    new = replace(MIA, name="Mia B.", privacy=PrivacyMode.OFF, categories=frozenset({"games"}))
    assert adopt(old, new, [], NOW) == new


@pytest.mark.parametrize("old", [None, MIA])
def test_full_is_no_mode_that_can_be_set_for_good(old: Profile | None) -> None:
    with pytest.raises(PrivacyError, match="full log"):
        adopt(old, replace(MIA, privacy=PrivacyMode.FULL), [], NOW)


def test_the_full_log_that_is_stored_is_kept() -> None:
    watched = replace(TOM, full_log=FullLogSpan(NOW - DAY, NOW + DAY))
    renamed = replace(watched, name="Thomas")
    assert adopt(watched, renamed, [FullLogSpan(NOW - DAY, NOW + DAY)], NOW) == renamed


@pytest.mark.parametrize("old", [None, TOM])
def test_another_full_log_is_a_request(old: Profile | None) -> None:
    adopted = adopt(old, replace(TOM, full_log=WEEK), [], NOW)
    assert adopted.full_log == FullLogSpan(NOW + DAY, NOW + 8 * DAY)


def test_a_full_log_that_is_to_start_later_does() -> None:
    later = FullLogSpan(NOW + 3 * DAY, NOW + 4 * DAY)
    assert adopt(TOM, replace(TOM, full_log=later), [], NOW).full_log == later


def test_a_full_log_from_a_backup_gets_no_more_than_what_was_left_of_it() -> None:
    begun = FullLogSpan(NOW - 5 * DAY, NOW + 2 * DAY)
    assert adopt(None, replace(MIA, full_log=begun), [], NOW).full_log == FullLogSpan(
        NOW, NOW + 2 * DAY
    )


@pytest.mark.parametrize(
    "full",
    [FullLogSpan(NOW - 9 * DAY, NOW), FullLogSpan(NOW + 5, NOW + 5), FullLogSpan(NOW + 5, NOW)],
)
def test_a_full_log_that_is_over_or_empty_is_dropped(full: FullLogSpan) -> None:
    assert adopt(None, replace(ADA, full_log=full), [], NOW) == ADA


def test_a_full_log_may_end_earlier_and_never_later() -> None:
    watched = replace(MIA, full_log=WEEK)
    shorter = replace(watched, full_log=FullLogSpan(NOW, NOW + DAY))
    assert adopt(watched, shorter, [WEEK], NOW + 5) == shorter
    with pytest.raises(PrivacyError, match="once every 30 days"):
        adopt(shorter, watched, [WEEK], NOW + 5)


def test_stopping_and_asking_again_is_asking_twice() -> None:
    with pytest.raises(PrivacyError, match="once every 30 days"):
        adopt(MIA, replace(MIA, full_log=WEEK), [WEEK], NOW + DAY)


def test_too_long_a_full_log_is_refused_from_anywhere() -> None:
    with pytest.raises(PrivacyError, match="7 days"):
        adopt(None, replace(MIA, full_log=FullLogSpan(NOW, NOW + LONGEST + 1)), [], NOW)


def test_growing_up_and_being_watched_do_not_come_in_one_edit() -> None:
    grown = replace(TOM, band=Band.TO_17, full_log=WEEK)
    with pytest.raises(PrivacyError, match="consent"):
        adopt(TOM, grown, [], NOW)
    assert adopt(replace(TOM, full_log=WEEK), grown, [WEEK], NOW).full_log is None


def test_a_lower_band_becomes_an_announcement() -> None:
    adopted = adopt(TOM, replace(TOM, name="Thomas", band=Band.TO_9), [], NOW)
    assert adopted == replace(
        TOM, name="Thomas", band_change=AnnouncedBandChange(Band.TO_9, NOW + DAY)
    )


def test_a_lower_band_does_not_open_the_full_log_of_the_same_edit() -> None:
    adopted = adopt(TOM, replace(TOM, band=Band.TO_9, full_log=WEEK), [], NOW)
    assert adopted.full_log == FullLogSpan(NOW + DAY, NOW + 8 * DAY)


def test_a_moment_in_the_past_is_no_notice() -> None:
    forged = replace(TOM, band_change=AnnouncedBandChange(Band.TO_9, NOW - 1))
    assert adopt(TOM, forged, [], NOW).band_change == AnnouncedBandChange(Band.TO_9, NOW + DAY)


def test_a_notice_may_be_longer_and_never_shorter() -> None:
    soon = replace(TOM, band_change=AnnouncedBandChange(Band.TO_9, NOW + 60))
    late = replace(TOM, band_change=AnnouncedBandChange(Band.TO_9, NOW + 9 * DAY))
    assert adopt(TOM, soon, [], NOW).band_change == AnnouncedBandChange(Band.TO_9, NOW + DAY)
    assert adopt(TOM, late, [], NOW) == late


def test_an_announcement_that_is_stored_is_kept_by_other_edits_and_comes_due() -> None:
    announced = change_band(TOM, Band.TO_9, NOW)
    renamed = replace(announced, name="Thomas")
    assert adopt(announced, renamed, [], NOW + 5) == renamed
    assert adopt(announced, renamed, [], NOW + DAY) == replace(TOM, name="Thomas", band=Band.TO_9)


def test_an_announcement_can_be_taken_back() -> None:
    assert adopt(change_band(TOM, Band.TO_9, NOW), TOM, [], NOW + 5) == TOM


def test_a_higher_band_is_set_rather_than_announced() -> None:
    odd = replace(TOM, band_change=AnnouncedBandChange(Band.TO_17, NOW + DAY))
    with pytest.raises(PrivacyError, match="set band 16-17 directly"):
        adopt(TOM, odd, [], NOW)


BANDS = st.sampled_from(Band)
MOMENTS = st.integers(NOW - 60 * DAY, NOW + 60 * DAY)
FULL_LOGS = st.none() | st.builds(FullLogSpan, MOMENTS, MOMENTS)
PROFILES = st.builds(
    Profile,
    st.just("tom"),
    st.just("Tom"),
    BANDS,
    full_log=FULL_LOGS,
    band_change=st.none() | st.builds(AnnouncedBandChange, BANDS, MOMENTS),
)


@given(old=PROFILES, new=PROFILES)
def test_whatever_comes_in_a_teenager_is_told_a_day_before(old: Profile, new: Profile) -> None:
    old = with_due_band(old, NOW)
    try:
        adopted = adopt(old, new, [], NOW)
    except PrivacyError:
        return
    tomorrow = NOW + DAY - 1
    if old.band.age >= 13 and (old.band_change is None or old.band_change.at > tomorrow):
        assert adopted.band_at(tomorrow).age >= old.band.age
    if old.band.age >= 13 and old.full_log is None:
        assert adopted.privacy_at(tomorrow) is not PrivacyMode.FULL


@given(old=PROFILES, new=PROFILES)
def test_what_was_adopted_is_adopted_again_unchanged(old: Profile, new: Profile) -> None:
    try:
        adopted = adopt(old, new, [], NOW)
    except PrivacyError:
        return
    assert adopt(adopted, adopted, [], NOW) == adopted


def test_a_full_log_that_an_adult_agreed_to_ends_with_their_adulthood() -> None:
    """Nobody else could see it, and as a child's somebody could."""
    full = FullLogSpan(NOW - DAY, NOW + 5 * DAY)
    change = AnnouncedBandChange(Band.TO_17, NOW)
    adult = Profile("ben", "Ben", Band.ADULT, full_log=full, band_change=change)
    assert with_due_band(adult, NOW - 1) == adult
    assert with_due_band(adult, NOW).full_log is None
    teen = replace(adult, band=Band.TO_17, band_change=AnnouncedBandChange(Band.TO_15, NOW))
    assert with_due_band(teen, NOW).full_log == full
