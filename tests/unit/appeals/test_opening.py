"""What a yes opens: what was appealed, what it needs, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.appeals.appeal import (
    TIME_RULES,
    Appeal,
    AppealKind,
    AppealRequest,
    AppealState,
    WantedLength,
    contest,
)
from copdns.appeals.life import DAY, HOUR
from copdns.appeals.opening import (
    CONTENT,
    ApprovalResult,
    ApprovalTerms,
    carry_out,
    close_provisional,
    open_provisionally,
    opening,
    service_of,
)
from copdns.dns.records import A
from copdns.model.errors import AppealError
from copdns.model.household import Contact, Default, Household, OwnService, Rule, RuleAction
from copdns.model.matchers import Matcher, MatchKind, parse_matcher
from copdns.model.times import Extra, PauseSpan
from copdns.model.verdict import Action, Reason, StepNumber, Verdict
from copdns.policy.decide import decide
from tests.household import MIA, NOW, TOM, family, live
from tests.unit.appealing import (
    ADA,
    AT,
    GAMES,
    KNOWN,
    SERVICES,
    TODAY,
    ask,
    budget,
    home,
    lists,
    schedule,
)

# What a yes to a request cannot open.
NEVER = frozenset(
    {
        # Not blocked by the rules of the person who asks.
        *(Reason.NOT_A_CLIENT, Reason.LOCAL, Reason.CANARY, Reason.PROTECTED, Reason.GRANTED),
        *(Reason.SAFE_SEARCH, Reason.DEFAULT),
        # Blocked for safety, by law, or elsewhere.
        *(Reason.SECURITY, Reason.LEGAL, Reason.REBINDING, Reason.UPSTREAM_FILTERED),
    }
)

NAMES = [
    "games.example",
    "chess.games.example",
    "tube.example",
    "www.tube.example",
    "tubevideo.example",
    "club.example",
    "films.example",
    "old.films.example",
    "bets.example",
    "trap.example",
    "free.example",
]


def verdict(house: Household, name: str, at: float = NOW, profile: str = "mia") -> Verdict:
    found = live(house, now=at, lists=lists())
    return decide(found.policy(house.id, profile), name, A, at)


def asked(house: Household, name: str, **fields: Any) -> AppealRequest:
    return ask(name, to=contest(verdict(house, name)), **fields)


def granted(house: Household, about: AppealRequest, **fields: Any) -> ApprovalResult:
    appeal = Appeal("a1", about, AT, AT)
    return carry_out(house, appeal, ApprovalTerms(**fields), KNOWN, SERVICES, ADA, AT)


TIMES = [
    {},
    {"schedules": (schedule(),)},
    {"schedules": (schedule(GAMES),)},
    {"budgets": (budget(),)},
    {"pauses": (PauseSpan("mia", AT - 60),)},
]


@given(
    st.sampled_from(NAMES),
    st.sampled_from(TIMES),
    st.sampled_from([WantedLength.HOUR, WantedLength.TODAY, WantedLength.ALWAYS]),
    st.booleans(),
    st.booleans(),
)
def test_a_yes_lifts_what_was_appealed_and_nothing_else(
    name: str, times: dict[str, Any], lasts: WantedLength, narrow: bool, small_world: bool
) -> None:
    house = home(**times)
    if small_world:
        mia = replace(house.profiles[0], default=Default.ALLOWLIST)
        house = replace(house, profiles=(mia, *house.profiles[1:]))
    before = {each: verdict(house, each) for each in NAMES}
    if not before[name].blocks or before[name].reason is Reason.SECURITY:
        return
    about = asked(house, name)
    opens = opening(about, house, SERVICES, narrow=narrow)
    after = granted(house, about, lasts=lasts, narrow=narrow).household

    assert verdict(after, name).reason is not before[name].reason or not verdict(after, name).blocks
    if opens.content:
        assert not verdict(after, name).blocks
    for each in NAMES:
        inside = any(one.covers(each) for one in opens.names)
        if not inside or before[each].reason is Reason.SECURITY:
            assert same(verdict(after, each), before[each]), each
        if opens.time and inside and before[each].blocks:
            assert (
                verdict(after, each).step > StepNumber.BUDGETS
                or before[each].reason is Reason.SECURITY
            )
    assert same(verdict(after, name, profile="tom"), verdict(house, name, profile="tom"))


def same(one: Verdict, other: Verdict) -> bool:
    return (one.action, one.reason, one.rule) == (other.action, other.reason, other.rule)


@pytest.mark.parametrize("times", TIMES)
def test_a_yes_to_all_that_closes_a_name_opens_it_and_nothing_beyond(times: dict[str, Any]) -> None:
    house = home(**times)
    for name in NAMES:
        before = {each: verdict(house, each) for each in NAMES}
        if not before[name].blocks or before[name].reason is Reason.SECURITY:
            continue
        about = asked(house, name)
        after = granted(house, about, lasts=WantedLength.HOUR, besides=True).household
        assert not verdict(after, name).blocks
        inside = opening(about, house, SERVICES).names
        for each in NAMES:
            if not any(one.covers(each) for one in inside) or each == "trap.example":
                assert same(verdict(after, each), before[each]), each


def test_it_ends_when_it_was_said_to() -> None:
    done = granted(home(), asked(home(), "games.example"), lasts=HOUR)
    assert done.until == AT + HOUR
    assert not verdict(done.household, "games.example", AT + HOUR - 1).blocks
    assert verdict(done.household, "games.example", AT + HOUR).blocks


def test_a_name_of_a_service_opens_what_the_service_needs_and_that_is_shown_before() -> None:
    about = asked(home(), "www.tube.example")
    opens = opening(about, home(), SERVICES)
    assert (opens.service, opens.names) == ("tube", SERVICES["tube"])
    alone = opening(about, home(), SERVICES, narrow=True)
    assert (alone.service, alone.names) == ("", (parse_matcher("www.tube.example"),))


def test_a_service_closed_by_whom_one_meets_there_is_contested_as_such() -> None:
    closed = replace(MIA, contacts=frozenset({Contact.STRANGERS}))
    house = replace(
        family(closed, TOM),
        services=(OwnService("chat", "Chat", (parse_matcher("chat.example"),), Contact.STRANGERS),),
    )
    about = asked(house, "www.chat.example")
    assert about.to.reason is Reason.CONTACT
    opens = opening(about, house, SERVICES)
    assert (opens.service, opens.content, opens.time) == ("chat", True, False)
    done = granted(house, about)
    assert verdict(done.household, "www.chat.example").reason is Reason.GRANTED
    # A request from before blocks by contact had a reason of their own reads, and opens, as then.
    before = replace(about, to=replace(about.to, reason=Reason.SERVICE))
    assert opening(before, house, SERVICES) == opens


def test_the_longer_name_says_whose_service_a_name_is() -> None:
    every = {"big": (parse_matcher("big.example"),), "mail": (parse_matcher("mail.big.example"),)}
    assert service_of("a.mail.big.example", every) == "mail"
    assert service_of("other.example", every) == ""


@pytest.mark.parametrize(
    ("wanted", "lasts", "state"),
    [
        (WantedLength.HOUR, None, AppealState.GRANTED),
        (WantedLength.HOUR, 2 * HOUR, AppealState.GRANTED),
        (WantedLength.HOUR, 600, AppealState.LIMITED),
        (WantedLength.ALWAYS, WantedLength.TODAY, AppealState.LIMITED),
        (WantedLength.TODAY, 60, AppealState.LIMITED),
        (WantedLength.QUARTER, WantedLength.ALWAYS, AppealState.GRANTED),
    ],
)
def test_less_than_was_asked_for_is_a_yes_with_a_limit(
    wanted: WantedLength, lasts: int | WantedLength | None, state: AppealState
) -> None:
    assert (
        granted(home(), asked(home(), "games.example", wanted=wanted), lasts=lasts).state is state
    )


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("=films.example", "films.example"),
        ("films.example", "films.example"),
        ("films.example", "old.films.example"),
        ("*.films.example", "old.films.example"),
    ],
)
def test_always_wins_over_a_rule_however_it_was_written(rule: str, name: str) -> None:
    house = home(rules=(Rule("r1", RuleAction.BLOCK, parse_matcher(rule), "mia"),))
    done = granted(house, asked(house, name), lasts=WantedLength.ALWAYS)
    assert done.until is None
    assert not verdict(done.household, name).blocks


def test_a_category_is_contested_by_a_rule_with_its_reason_for_one_or_for_everyone() -> None:
    about = asked(home(), "bets.example", kind=AppealKind.CATEGORY, wanted=WantedLength.ALWAYS)
    for everyone, scope in ((False, "mia"), (True, "")):
        done = granted(home(), about, everyone=everyone)
        rule = done.household.rules[-1]
        assert (str(rule.target), rule.scope) == ("bets.example", scope)
        assert "gambling" in rule.note
        assert done.made == (f"rule {rule.id}",)
        again = granted(done.household, about, everyone=everyone)
        assert again.household == done.household


def test_a_time_rule_itself_opens_for_what_it_closes() -> None:
    house = home(schedules=(schedule(),))
    about = ask("", kind=AppealKind.TIME, to=contest(verdict(house, "free.example")))
    done = granted(house, about, lasts=HOUR)
    assert not verdict(done.household, "free.example").blocks
    assert verdict(done.household, "games.example").reason is Reason.CATEGORY
    games = home(schedules=(schedule(GAMES),))
    about = ask("", kind=AppealKind.TIME, to=contest(verdict(games, "games.example")))
    (grant,) = granted(games, about).household.grants
    assert (grant.about, grant.time, grant.content) == (GAMES, True, False)


def test_a_time_rule_that_is_gone_opens_nothing() -> None:
    house = home(schedules=(schedule(),))
    about = ask("", kind=AppealKind.TIME, to=contest(verdict(house, "free.example")))
    with pytest.raises(AppealError, match="no longer exists"):
        granted(home(), about)


def test_always_against_time_makes_it_always_open_for_one_person() -> None:
    house = home(schedules=(schedule(),))
    done = granted(house, asked(house, "free.example"), lasts=WantedLength.ALWAYS)
    assert done.household.profiles[0].always == (parse_matcher("free.example"),)
    assert not verdict(done.household, "free.example").blocks
    about = ask("", kind=AppealKind.TIME, to=contest(verdict(house, "free.example")))
    with pytest.raises(AppealError):
        granted(house, about, lasts=WantedLength.ALWAYS)


def test_minutes_are_given_back_on_their_day() -> None:
    house = home(budgets=(budget(minutes=30),))
    to = contest(Verdict(Action.BLOCK, Reason.BUDGET, 9, period="play"))
    about = ask("", kind=AppealKind.MINUTES, to=to, minutes=20, day=TODAY)
    done = granted(house, about)
    (bonus,) = done.household.bonuses
    assert (bonus.minutes, bonus.kind, bonus.day) == (20, Extra.CREDIT, TODAY)
    assert (done.state, done.made) == (AppealState.GRANTED, (f"bonus {bonus.id}",))
    assert granted(house, about, minutes=5).state is AppealState.LIMITED
    with pytest.raises(AppealError):
        granted(house, about, minutes=0)


def test_each_reason_is_about_content_or_about_time_or_never_opened() -> None:
    assert sorted([*CONTENT, *TIME_RULES, *NEVER]) == sorted(Reason)


@pytest.mark.parametrize("reason", sorted(CONTENT | TIME_RULES))
def test_a_yes_lifts_what_judges_content_or_what_closes_by_time(reason: Reason) -> None:
    found = opening(ask(to=contest(Verdict(Action.BLOCK, reason, 5))), home(), SERVICES)
    assert (found.content, found.time) == (reason in CONTENT, reason in TIME_RULES)


@pytest.mark.parametrize("reason", sorted(NEVER))
def test_safety_lists_the_law_and_what_is_no_block_of_ours_are_never_opened(reason: Reason) -> None:
    about = ask(to=contest(Verdict(Action.BLOCK, reason, 5)))
    with pytest.raises(AppealError):
        opening(about, home(), SERVICES)


@pytest.mark.parametrize("fields", [{"lasts": 0}, {"lasts": 400 * DAY}, {"everyone": True}])
def test_a_yes_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(AppealError):
        granted(home(), asked(home(), "games.example"), **fields)


def test_a_rule_that_somebody_wrote_is_not_undone_for_everyone() -> None:
    with pytest.raises(AppealError, match="rule"):
        granted(home(), asked(home(), "films.example"), lasts=WantedLength.ALWAYS, everyone=True)


def test_what_opens_while_nobody_answers_closes_with_the_answer() -> None:
    about = asked(home(), "games.example")
    appeal = Appeal("a1", about, AT, AT)
    opened, grant = open_provisionally(home(), appeal, KNOWN, SERVICES, AT)
    assert not verdict(opened, "games.example", AT + 300 * DAY).blocks
    overdue = replace(appeal, state=AppealState.ESCALATED, overdue=AT, provisional=grant)
    assert verdict(close_provisional(opened, overdue, AT + DAY), "games.example", AT + DAY).blocks
    other = replace(overdue, overdue=AT - 1)  # the same id, used again for something else
    assert close_provisional(opened, other, AT + DAY) == opened


def test_a_single_label_opens_itself_alone() -> None:
    about = ask("printer", to=contest(Verdict(Action.BLOCK, Reason.NOT_ON_ALLOWLIST, 15)))
    assert opening(about, home(), SERVICES).names == (Matcher("printer", MatchKind.EXACT),)
