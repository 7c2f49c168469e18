"""An age group can be contested as a block can: no site, a reason that fits, a yes in sight."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.appeals import life
from copdns.appeals.age import age_request, change_age, changes_with
from copdns.appeals.appeal import Appeal, AppealAnswer, AppealKind, AppealState, reasons_for
from copdns.appeals.lengths import because, lengths
from copdns.appeals.opening import ApprovalTerms, carry_out, opening
from copdns.appeals.other_closures import is_taken_back
from copdns.appeals.review import OF_AGE, TALKING, DecisionReason
from copdns.household.presets import apply
from copdns.household.safeguards import adopt
from copdns.list_files.load import bundled_presets
from copdns.model.errors import AppealError
from copdns.model.household import AnnouncedBandChange, Band, Household, Profile
from copdns.words.appeals import StatusText, appeal_status
from tests.household import MIA, TOM
from tests.unit.appealing import ADA, AT, KNOWN, SERVICES, ask, home

OF_PRESETS = [apply(each, MIA) for each in bundled_presets().values()]
MODES = {pair for each in OF_PRESETS for pair in each.safe_search}
known = replace(
    KNOWN,
    presets=bundled_presets(),
    categories=KNOWN.categories.union(*(each.categories for each in OF_PRESETS)),
    canaries=frozenset().union(*(each.canaries for each in OF_PRESETS)),
    engines={
        engine: frozenset(mode for other, mode in MODES if other == engine) for engine, _ in MODES
    },
)


def asked(wanted: Band | None = Band.TO_12, profile: Profile = MIA) -> Appeal:
    sent = age_request(profile, f"{profile.id}-phone", wanted, "I am ten.", AT)
    return life.file_appeal((), sent, "a1", AT).appeal


def person(household: Household, who: str = "mia") -> Profile:
    found = household.profile(who)
    assert found is not None
    return found


def test_it_needs_no_site_and_says_which_age_group_is_right() -> None:
    found = asked().ask
    assert (found.kind, found.name, found.band, found.wanted_band) == (
        AppealKind.AGE,
        "",
        Band.TO_9,
        Band.TO_12,
    )
    assert found.words == "I am ten."


@pytest.mark.parametrize("wanted", [None, Band.TO_9])
def test_it_names_another_age_group(wanted: Band | None) -> None:
    with pytest.raises(AppealError, match="choose the age group"):
        asked(wanted)


def test_asking_again_is_the_same_question_and_a_site_is_another() -> None:
    first = asked()
    again = life.file_appeal((first,), replace(first.ask, wanted_band=Band.TO_15), "a2", AT)
    assert again.merged
    assert not life.file_appeal((first,), ask(), "a2", AT).merged


@pytest.mark.parametrize("state", [AppealState.GRANTED, AppealState.REFUSED, AppealState.TALK])
def test_a_reason_fits_the_kind(state: AppealState) -> None:
    of_age, of_names = reasons_for(asked().ask, state), reasons_for(ask(), state)
    assert of_age
    assert of_age <= OF_AGE | TALKING
    assert not of_names & OF_AGE
    for reason in of_names - of_age:
        with pytest.raises(AppealError, match="is not a reason"):
            life.check_reason(asked().ask, state, reason, "")
    for reason in of_age - of_names:
        with pytest.raises(AppealError, match="is not a reason"):
            life.check_reason(ask(), state, reason, "")


def test_a_yes_changes_the_age_group_with_its_settings_and_says_so_before() -> None:
    opens = opening(asked().ask, home(), SERVICES)
    assert (opens.band, opens.about, lengths(asked().ask, opens)) == (Band.TO_12, (), ())
    told = changes_with(person(home()), Band.TO_12, bundled_presets())
    done = carry_out(home(), asked(), ApprovalTerms(), known, SERVICES, ADA, AT)
    after = person(done.household)
    assert (done.state, done.made, done.until) == (AppealState.GRANTED, ("band 10-12",), None)
    assert after.band is Band.TO_12
    assert told
    assert changes_with(after, Band.TO_12, bundled_presets()) == ()
    gone = [each.value for each in told if str(each).startswith("categories -")]
    assert not after.categories & set(gone)


def test_a_yes_can_leave_the_settings_or_choose_another_age_group() -> None:
    alone = carry_out(home(), asked(), ApprovalTerms(only_age=True), known, SERVICES, ADA, AT)
    assert person(alone.household) == replace(person(home()), band=Band.TO_12)
    other = ApprovalTerms(band=Band.TO_15)
    done = carry_out(home(), asked(), other, known, SERVICES, ADA, AT)
    assert (done.state, person(done.household).band) == (AppealState.LIMITED, Band.TO_15)


def test_a_younger_one_from_13_on_is_announced_and_brings_no_settings_yet() -> None:
    younger = asked(Band.TO_12, TOM)
    done = carry_out(home(), younger, ApprovalTerms(), known, SERVICES, ADA, AT)
    wanted = person(done.household, "tom")
    assert wanted == replace(TOM, band=Band.TO_12)
    adopted = adopt(TOM, wanted, (), AT)
    assert (adopted.band, adopted.band_change is not None) == (Band.TO_15, True)


@pytest.mark.parametrize(
    ("wanted", "band"), [(Band.TO_12, Band.TO_9), (None, None)], ids=["has it", "chose none"]
)
def test_a_yes_to_nothing_is_refused(wanted: Band | None, band: Band | None) -> None:
    sent = replace(asked().ask, wanted_band=wanted)
    with pytest.raises(AppealError):
        change_age(home(), sent, band, known, AT, only_age=False)


def test_only_a_request_about_an_age_group_changes_one() -> None:
    about_a_site = life.file_appeal((), ask(), "a1", AT).appeal
    terms = ApprovalTerms(band=Band.ADULT)
    with pytest.raises(AppealError, match="not about an age group"):
        carry_out(home(), about_a_site, terms, known, SERVICES, ADA, AT)


def test_a_no_can_be_disputed_once_while_it_is_known_what_was_asked() -> None:
    no = AppealAnswer(AT, AppealState.REFUSED, DecisionReason.AGE_RIGHT, ADA)
    refused = life.add_answer(asked(), no)
    assert life.may_disagree(refused)
    again = life.add_disagreement(refused, "Really.", AT, second=False)
    assert (again.state, life.may_disagree(again)) == (AppealState.TALK, False)
    bare = life.without_texts(refused)
    assert (bare.ask.band, bare.ask.wanted_band, life.may_disagree(bare)) == (None, None, False)


def test_it_can_be_cancelled_and_nothing_changes_while_nobody_answers() -> None:
    assert life.withdraw(asked(), AT).state is AppealState.WITHDRAWN
    (due,) = life.overdue_appeals([asked()], {"games"}, AT + 4 * life.DAY)
    assert (due.overdue, due.open_meanwhile) == (True, False)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [(Band.TO_12, DecisionReason.OLDER_NOW), (Band.TO_6, DecisionReason.AGE_WRONG)],
)
def test_the_reason_that_fits_first(wanted: Band, reason: DecisionReason) -> None:
    assert because(asked(wanted).ask) is reason


def test_the_child_reads_what_came_of_it() -> None:
    terms = ApprovalTerms()
    done = carry_out(home(), asked(), terms, known, SERVICES, ADA, AT)
    yes = AppealAnswer(AT, done.state, DecisionReason.OLDER_NOW, ADA, made=done.made)
    granted = life.add_answer(asked(), yes)
    assert appeal_status(granted, done.household, AT + 60).stand is StatusText.AGE
    other = life.add_answer(asked(), replace(yes, state=AppealState.LIMITED))
    assert appeal_status(other, done.household, AT + 60).stand is StatusText.OTHER_AGE
    younger = carry_out(home(), asked(Band.TO_12, TOM), terms, known, SERVICES, ADA, AT)
    adopted = adopt(TOM, person(younger.household, "tom"), (), AT)
    house = replace(younger.household, profiles=(adopted,))
    toms = life.add_answer(asked(Band.TO_12, TOM), replace(yes, made=younger.made))
    assert appeal_status(toms, house, AT + 60).stand is StatusText.AGE_SOON


@pytest.mark.parametrize(
    ("band", "stand"),
    [
        (Band.TO_12, StatusText.AGE),
        (Band.TO_9, StatusText.TAKEN_BACK),
        (Band.TO_6, StatusText.TAKEN_BACK),
        (Band.TO_15, StatusText.AGE),  # older still
    ],
)
def test_a_yes_that_was_taken_back_is_not_said_to_hold(band: Band, stand: StatusText) -> None:
    yes = AppealAnswer(
        AT, AppealState.GRANTED, DecisionReason.OLDER_NOW, ADA, made=(f"band {Band.TO_12}",)
    )
    granted = life.add_answer(asked(), yes)
    house = replace(home(), profiles=(replace(MIA, band=band),))
    assert appeal_status(granted, house, AT + 60).stand is stand
    assert is_taken_back(granted, house, AT + 60) is (stand is StatusText.TAKEN_BACK)


def test_nor_one_whose_announcement_was_withdrawn() -> None:
    """Tom asked for a younger age group; a guardian said yes, and then set his own one again."""
    yes = AppealAnswer(
        AT, AppealState.GRANTED, DecisionReason.AGE_WRONG, ADA, made=(f"band {Band.TO_12}",)
    )
    granted = life.add_answer(asked(Band.TO_12, TOM), yes)
    announced = replace(TOM, band_change=AnnouncedBandChange(Band.TO_12, AT + 86_400))
    for tom, stand in ((announced, StatusText.AGE_SOON), (TOM, StatusText.TAKEN_BACK)):
        house = replace(home(), profiles=(tom,))
        assert appeal_status(granted, house, AT + 60).stand is stand
