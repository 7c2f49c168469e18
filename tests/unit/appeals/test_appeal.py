"""The life of an appeal: what each step takes, what it gives, and what it refuses in kind words."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.appeals import life
from copdns.appeals.appeal import (
    MOST_WORDS,
    REASONS,
    WAITING,
    Appeal,
    AppealAnswer,
    AppealKind,
    AppealRequest,
    AppealState,
    Decider,
    clean_text,
    contest,
    reasons_for,
)
from copdns.appeals.life import DAY, HOUR, MOST_A_DAY, MOST_OPEN, Filed
from copdns.appeals.review import NO_PERSONS, DecisionReason
from copdns.model.errors import AppealError, AppealLimitError
from copdns.model.verdict import Action, Reason, Verdict
from tests.unit.appealing import ADA, AT, TODAY, ask

SECOND = Decider("reviewer", "Reviewer", "second")


def appeal(state: AppealState = AppealState.OPEN, **fields: object) -> Appeal:
    found = Appeal("a1", ask(), AT, AT)
    return replace(found, state=state, **fields)  # type: ignore[arg-type]


def answer(
    state: AppealState = AppealState.REFUSED, at: int = AT + HOUR, by: Decider = ADA
) -> AppealAnswer:
    return AppealAnswer(at, state, DecisionReason.AGREED_TIME, by, "In short: no.")


def refused() -> Appeal:
    return life.add_answer(appeal(), answer())


def several(count: int, like: Appeal, **asks: Any) -> list[Appeal]:
    """Return so many appeals, each about another name, and otherwise like one."""
    return [replace(like, id=f"a{n}", ask=ask(f"n{n}.example", **asks)) for n in range(count)]


def test_it_concerns_the_child_until_a_week_after_its_end() -> None:
    for state in (*WAITING, AppealState.TALK):
        assert appeal(state).is_current(AT + 90 * DAY)
    over = refused()
    assert over.closed is not None
    assert over.is_current(over.closed + 7 * DAY - 1)
    assert not over.is_current(over.closed + 7 * DAY)
    (no,) = over.answers
    allowed = replace(over, answers=(replace(no, until=over.closed + 30 * DAY),))
    assert allowed.is_current(over.closed + 30 * DAY - 1)
    assert not allowed.is_current(over.closed + 30 * DAY)


# --- filing ---------------------------------------------------------------------------------------


def test_a_question_is_open_from_the_moment_it_was_asked() -> None:
    found, merged = life.file_appeal((), ask(words=" for\nschool "), "a1", AT)
    assert (found.state, found.asked, found.ask.words, merged) == (
        AppealState.OPEN,
        AT,
        "for school",
        False,
    )


def test_the_same_name_is_one_question_until_it_is_answered() -> None:
    first = appeal()
    again = life.file_appeal((first,), ask(words="please"), "a2", AT + 60)
    assert again == Filed(replace(first, ask=ask(words="please")), merged=True)
    category = life.file_appeal((first,), ask(kind=AppealKind.CATEGORY), "a2", AT)
    assert category.merged
    after = life.file_appeal((refused(),), ask(), "a2", AT + DAY)
    assert (after.appeal.id, after.merged) == ("a2", False)


def test_words_that_were_sent_stay_when_it_is_asked_again() -> None:
    first = replace(appeal(), ask=ask(words="for school"))
    assert life.file_appeal((first,), ask(words="please"), "a2", AT).appeal == first


def test_so_many_wait_at_once_and_a_withdrawn_one_makes_room() -> None:
    there = several(MOST_OPEN, appeal())
    with pytest.raises(AppealLimitError, match="when one is answered") as error:
        life.file_appeal(there, ask(), "new", AT)
    assert error.value.until is None
    there[0] = life.withdraw(there[0], AT)
    assert life.file_appeal(there, ask(), "new", AT).appeal.id == "new"


def test_so_many_come_from_a_device_in_a_day_and_the_refusal_says_when_the_next_may() -> None:
    there = [replace(each, asked=AT + n) for n, each in enumerate(several(MOST_A_DAY, refused()))]
    with pytest.raises(AppealLimitError) as error:
        life.file_appeal(there, ask(), "new", AT + HOUR)
    assert error.value.until == AT + DAY
    assert life.file_appeal(there, ask(), "new", AT + DAY).appeal.id == "new"
    other = life.file_appeal(there, replace(ask(), device="other"), "new", AT + HOUR)
    assert other.appeal.id == "new"


def test_a_browser_that_is_not_paired_uses_up_nothing_of_the_childs() -> None:
    """It has the address of the child's device, as a sibling may, and asks as often as it can."""
    strange = several(MOST_OPEN, appeal(), paired=False)
    with pytest.raises(AppealLimitError):
        life.file_appeal(strange, ask(paired=False), "new", AT)
    assert life.file_appeal(strange, ask(), "new", AT).appeal.id == "new"
    own = [replace(each, ask=replace(each.ask, paired=True)) for each in strange]
    with pytest.raises(AppealLimitError):
        life.file_appeal(own, ask(), "new", AT)


@pytest.mark.parametrize("device", ["mia-phone", "guest:g1"])
def test_a_browser_that_is_not_paired_cannot_tell_what_the_child_asked_for(device: str) -> None:
    """Whatever waits from the child's own browser, it gets the same: from none to five requests."""
    hers = [replace(appeal(), id=f"h{n}", ask=ask(f"n{n}.example")) for n in range(MOST_OPEN)]
    own: list[Appeal] = []
    for number in range(MOST_OPEN):
        sent = ask(f"n{number}.example", paired=False, device=device)
        alone, beside = (life.file_appeal((*own, *of), sent, f"o{number}", AT) for of in ((), hers))
        assert alone == beside
        own.append(alone.appeal)
    for name in ("n0.example", "other.example"):  # also what it asked itself: others may have too
        sent = ask(name, paired=False, device=device)
        for there in (own, [*own, *hers]):
            with pytest.raises(AppealLimitError):
                life.file_appeal(there, sent, "new", AT)


def test_nor_by_what_the_childs_device_sent_in_a_day() -> None:
    hers = several(MOST_A_DAY, replace(refused(), asked=AT))
    assert life.file_appeal(hers, ask(paired=False), "new", AT).appeal.id == "new"


def test_words_of_a_browser_that_is_not_paired_are_never_the_childs() -> None:
    hers, strange = ask(), ask(words="I hate you all.", paired=False)
    first = life.file_appeal((), hers, "a1", AT).appeal
    second = life.file_appeal((first,), strange, "a2", AT).appeal
    assert (second.id, second.ask.paired) == ("a2", False)
    assert life.file_appeal((second,), ask(words="please"), "a3", AT).appeal.ask.words == "please"
    assert life.file_appeal((first, second), hers, "a3", AT) == Filed(first, merged=True)


def test_a_friend_who_has_the_childs_rules_uses_up_nothing_of_the_childs() -> None:
    friend = several(MOST_OPEN, appeal(), paired=False, device="guest:g1")
    assert life.file_appeal(friend, ask(), "new", AT).appeal.id == "new"
    other = ask(paired=False, device="guest:g2")
    assert life.file_appeal(friend, other, "new", AT).appeal.id == "new"


def test_nor_anything_of_what_its_device_may_send_in_a_day() -> None:
    there = several(MOST_A_DAY, refused(), paired=False)
    with pytest.raises(AppealLimitError):
        life.file_appeal(there, ask(paired=False), "new", AT)
    assert life.file_appeal(there, ask(), "new", AT).appeal.id == "new"


def test_what_the_child_asks_too_is_the_childs() -> None:
    first = replace(appeal(), ask=ask(paired=False))
    for paired in (True, False):
        assert life.file_appeal((first,), ask(paired=paired), "a2", AT).appeal.ask.paired is paired


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"kind": AppealKind.CATEGORY, "to": contest(Verdict(Action.BLOCK, Reason.RULE, 10))},
        {"kind": AppealKind.TIME},
        {"kind": AppealKind.MINUTES, "minutes": 10},
        {"words": "x" * (MOST_WORDS + 1)},
    ],
)
def test_what_makes_no_sense_is_refused_in_words(fields: dict[str, object]) -> None:
    with pytest.raises(AppealError):
        life.file_appeal((), ask(**fields), "a1", AT)


@given(st.text(max_size=200))
def test_words_hold_nothing_that_hides_or_turns_them_around(text: str) -> None:
    found = clean_text(text + "\x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}\N{ZERO WIDTH SPACE}")
    assert clean_text(found) == found
    assert not set(found) & set("\n\r\t\x1b\N{RIGHT-TO-LEFT OVERRIDE}\N{ZERO WIDTH SPACE}")
    assert found.encode()


def test_letters_of_every_language_and_joined_emoji_pass() -> None:
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
    assert clean_text(f"من فضلك {family} 学校") == f"من فضلك {family} 学校"


# --- answers --------------------------------------------------------------------------------------


def test_looking_is_noted_once() -> None:
    once = life.mark_seen(appeal(), AT + 5)
    assert (once.state, once.seen) == (AppealState.SEEN, AT + 5)
    assert life.mark_seen(once, AT + 9) == once


@pytest.mark.parametrize(
    "state", [AppealState.GRANTED, AppealState.LIMITED, AppealState.REFUSED, AppealState.WITHDRAWN]
)
def test_what_is_over_is_not_answered_again(state: AppealState) -> None:
    with pytest.raises(AppealError):
        life.require_answerable(appeal(state), ADA)


@pytest.mark.parametrize(
    "state", [AppealState.OPEN, AppealState.SEEN, AppealState.TALK, AppealState.ESCALATED]
)
def test_what_waits_or_is_to_be_talked_about_can_be_answered(state: AppealState) -> None:
    life.require_answerable(appeal(state), ADA)
    assert life.add_answer(appeal(state), answer()).state is AppealState.REFUSED


@pytest.mark.parametrize(
    ("state", "reason", "text"),
    [
        (AppealState.REFUSED, None, ""),
        (AppealState.REFUSED, DecisionReason.FAIR_ENOUGH, ""),
        (AppealState.TALK, None, "Why not?"),
        (AppealState.GRANTED, DecisionReason.AGREED_TIME, ""),
        (AppealState.TALK, DecisionReason.OLD_ENOUGH, ""),
    ],
)
def test_an_answer_has_a_reason_that_fits_it(
    state: AppealState, reason: DecisionReason | None, text: str
) -> None:
    with pytest.raises(AppealError):
        life.check_reason(ask(), state, reason, text)


def closed_by(reason: Reason, **fields: object) -> AppealRequest:
    return ask(to=contest(Verdict(Action.BLOCK, reason, 9, period="play")), **fields)


BY_LIST, BY_RULE = ask(), closed_by(Reason.RULE)
AT_BEDTIME = closed_by(Reason.SCHEDULE)  # a site, which time blocks
BEDTIME = closed_by(Reason.SCHEDULE, kind=AppealKind.TIME)
AGE = ask("", kind=AppealKind.AGE)
COUNTED = closed_by(Reason.BUDGET, kind=AppealKind.MINUTES, minutes=20, day=TODAY)


@pytest.mark.parametrize("reason", sorted(set(DecisionReason) - NO_PERSONS))
def test_every_reason_fits_some_answer(reason: DecisionReason) -> None:
    fits = [
        (each, state)
        for each in (BY_LIST, BY_RULE, AT_BEDTIME, BEDTIME, COUNTED, AGE)
        for state in REASONS
        if reason in reasons_for(each, state)
    ]
    assert fits
    for each, state in fits:
        assert life.check_reason(each, state, reason, " why ") == (reason, "why")


@pytest.mark.parametrize(
    ("asked", "state", "reason", "fits"),
    [
        (BY_LIST, AppealState.GRANTED, DecisionReason.LIST_ERROR, True),
        (BY_RULE, AppealState.GRANTED, DecisionReason.LIST_ERROR, False),  # no list blocked it
        (BEDTIME, AppealState.GRANTED, DecisionReason.LIST_ERROR, False),
        (BY_LIST, AppealState.REFUSED, DecisionReason.AGREED_TIME, False),  # it never works again
        (AT_BEDTIME, AppealState.REFUSED, DecisionReason.AGREED_TIME, True),
        (AT_BEDTIME, AppealState.REFUSED, DecisionReason.HARMFUL_CONTENT, True),
        (BEDTIME, AppealState.REFUSED, DecisionReason.AGREED_TIME, True),
        (BEDTIME, AppealState.REFUSED, DecisionReason.HARMFUL_CONTENT, False),
        (BY_RULE, AppealState.REFUSED, DecisionReason.MINUTES_RIGHT, False),
        (BY_RULE, AppealState.GRANTED, DecisionReason.MINUTES_WRONG, False),
        (COUNTED, AppealState.GRANTED, DecisionReason.MINUTES_WRONG, True),
        (COUNTED, AppealState.REFUSED, DecisionReason.MINUTES_RIGHT, True),
        (COUNTED, AppealState.REFUSED, DecisionReason.SECURITY_RISK, False),
        (COUNTED, AppealState.GRANTED, DecisionReason.OLD_ENOUGH, False),
        (COUNTED, AppealState.TALK, DecisionReason.NEEDS_TALK, True),
        (BY_LIST, AppealState.GRANTED, DecisionReason.WAITED_TOO_LONG, False),  # no person's
    ],
)
def test_a_reason_is_true_of_what_was_asked(
    asked: AppealRequest, state: AppealState, reason: DecisionReason, fits: bool
) -> None:
    assert (reason in reasons_for(asked, state)) is fits
    with nullcontext() if fits else pytest.raises(AppealError, match="is not a reason for"):
        life.check_reason(asked, state, reason, "")


@pytest.mark.parametrize("asked", [BY_LIST, BY_RULE, AT_BEDTIME, BEDTIME, COUNTED, AGE])
def test_every_appeal_can_be_answered_in_each_way(asked: AppealRequest) -> None:
    assert all(reasons_for(asked, state) for state in REASONS)


# --- "Please look again" and taking back ---------------------------------------------------------


def test_disagreeing_brings_it_to_somebody_else_once() -> None:
    again = life.add_disagreement(refused(), "it is for school", AT + DAY, second=True)
    assert (again.state, again.since, again.more_words) == (
        AppealState.ESCALATED,
        AT + DAY,
        "it is for school",
    )
    with pytest.raises(AppealError, match="someone else"):
        life.require_answerable(again, ADA)
    life.require_answerable(again, SECOND)
    final = life.add_answer(again, answer(at=AT + 2 * DAY, by=SECOND))
    assert [each.by for each in final.answers] == [ADA, SECOND]
    with pytest.raises(AppealError, match="once"):
        life.add_disagreement(final, "", AT + 3 * DAY, second=True)


def test_without_a_second_person_it_is_to_be_talked_about_and_can_still_be_answered() -> None:
    again = life.add_disagreement(refused(), "", AT + DAY, second=False)
    assert (again.state, again.closed) == (AppealState.TALK, None)
    life.require_answerable(again, ADA)


@pytest.mark.parametrize(
    "state", [AppealState.OPEN, AppealState.SEEN, AppealState.GRANTED, AppealState.WITHDRAWN]
)
def test_only_an_answer_can_be_disagreed_with(state: AppealState) -> None:
    with pytest.raises(AppealError):
        life.add_disagreement(appeal(state), "", AT, second=True)


@pytest.mark.parametrize(
    "state", [AppealState.OPEN, AppealState.SEEN, AppealState.TALK, AppealState.ESCALATED]
)
def test_a_child_takes_it_back_at_any_time(state: AppealState) -> None:
    assert life.withdraw(appeal(state), AT + 1).state is AppealState.WITHDRAWN
    assert life.withdraw(life.withdraw(appeal(state), AT), AT + 9).closed == AT


@pytest.mark.parametrize("state", [AppealState.GRANTED, AppealState.LIMITED, AppealState.REFUSED])
def test_an_answer_stays_an_answer(state: AppealState) -> None:
    with pytest.raises(AppealError):
        life.withdraw(appeal(state), AT)


# --- the clock ------------------------------------------------------------------------------------

LOW = frozenset({"games"})


def due(found: Appeal, hours: float, **fields: object) -> tuple[bool, bool, bool]:
    patience = life.AppealDeadlines(**fields)  # type: ignore[arg-type]
    for each in life.overdue_appeals((found,), LOW, AT + hours * HOUR, patience):
        return each.remind, each.overdue, each.open_meanwhile
    return False, False, False


def test_a_day_brings_a_reminder_and_three_days_bring_it_to_the_next_person() -> None:
    assert due(appeal(), 23.9) == (False, False, False)
    assert due(appeal(), 24) == (True, False, False)
    assert due(appeal(), 72) == (False, True, True)


def test_each_comes_once() -> None:
    (reminder,) = life.overdue_appeals((appeal(),), LOW, AT + 24 * HOUR)
    reminded = life.mark_reminded(reminder, AT + 24 * HOUR)
    assert reminded.state is AppealState.OPEN
    assert due(reminded, 48) == (False, False, False)
    (late,) = life.overdue_appeals((reminded,), LOW, AT + 72 * HOUR)
    overdue = life.mark_reminded(late, AT + 72 * HOUR, "g1")
    assert (overdue.state, overdue.provisional) == (AppealState.ESCALATED, "g1")
    assert due(overdue, 1000) == (False, False, False)


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(Action.BLOCK, Reason.CATEGORY, 13, "gambling", list="bets"),
        Verdict(Action.BLOCK, Reason.SECURITY, 5, "games", list="trap"),
        Verdict(Action.BLOCK, Reason.RULE, 10),
        Verdict(Action.BLOCK, Reason.SERVICE, 12, service="tube"),
        Verdict(Action.BLOCK, Reason.SCHEDULE, 8, "games"),
        Verdict(Action.BLOCK, Reason.NOT_ON_ALLOWLIST, 15),
    ],
)
def test_only_what_a_list_of_little_harm_closed_opens_by_itself(verdict: Verdict) -> None:
    found = replace(appeal(), ask=ask(to=contest(verdict)))
    assert due(found, 72) == (False, True, False)


def test_a_refusal_that_was_disagreed_with_holds_until_the_next_answer() -> None:
    again = life.add_disagreement(refused(), "", AT, second=True)
    assert due(again, 72) == (False, True, False)


def test_a_household_can_want_nothing_to_open_by_itself() -> None:
    assert due(appeal(), 72, provisional=False) == (False, True, False)


@pytest.mark.parametrize("state", sorted(frozenset(AppealState) - WAITING))
def test_what_is_answered_is_brought_up_no_more(state: AppealState) -> None:
    assert due(appeal(state), 10_000) == (False, False, False)


steps = st.lists(
    st.sampled_from(["see", "yes", "no", "talk", "disagree", "withdraw", "day"]), max_size=12
)


@given(steps)
def test_whatever_happens_no_question_is_lost_by_time_alone(done: list[str]) -> None:
    """Time changes a state only into one that still waits; people's answers are all kept."""
    found, now = appeal(), AT
    for step in done:
        before = found
        with suppress(AppealError):
            found = one_step(found, step, now)
        now += DAY
        assert found.answers[: len(before.answers)] == before.answers
        assert found.asked == AT
        if step == "day":
            assert (found.waits, found.answers) == (before.waits, before.answers)


def one_step(found: Appeal, step: str, now: int) -> Appeal:
    states = {"yes": AppealState.GRANTED, "no": AppealState.REFUSED, "talk": AppealState.TALK}
    if step in states:
        life.require_answerable(found, SECOND if found.answers else ADA)
        by = SECOND if found.answers else ADA
        return life.add_answer(found, answer(states[step], now, by))
    if step == "day":
        for each in life.overdue_appeals((found,), LOW, now):
            return life.mark_reminded(each, now)
        return found
    if step == "see":
        return life.mark_seen(found, now)
    if step == "disagree":
        return life.add_disagreement(found, "", now, second=True)
    return life.withdraw(found, now)


def test_what_is_left_of_an_old_one_tells_nothing_of_the_child() -> None:
    old = life.add_answer(
        replace(appeal(), ask=ask("private.example", words="secret", device="tablet")), answer()
    )
    left = repr(life.without_texts(old))
    for text in ("private", "secret", "In short", "tablet"):
        assert text not in left
    assert life.without_texts(old).state is AppealState.REFUSED


def test_minutes_of_another_day_are_another_question() -> None:
    to = contest(Verdict(Action.BLOCK, Reason.BUDGET, 9, period="play"))
    minutes = ask("", kind=AppealKind.MINUTES, to=to, minutes=20, day=TODAY)
    first = life.file_appeal((), minutes, "a1", AT).appeal
    assert life.file_appeal((first,), minutes, "a2", AT).merged
    other = replace(minutes, day=TODAY.replace(day=1))
    assert not life.file_appeal((first,), other, "a2", AT).merged


def test_what_is_deleted_cannot_be_disagreed_with_any_more() -> None:
    with pytest.raises(AppealError, match="send a new one"):
        life.add_disagreement(life.without_texts(refused()), "", AT + 40 * DAY, second=True)
